"""Windows: from one long series to inputs and targets, and splits that respect time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from runtun.checks import finite, positive_int


class Part(NamedTuple):
    """Inputs and targets that belong together.

    Args:
        x: inputs (B, T, D).
        y: targets, (B, horizon) unless said otherwise.
    """

    x: np.ndarray
    y: np.ndarray


class Splits(NamedTuple):
    """Data to train on, to choose with, and to report on once."""

    train: Part
    validation: Part
    test: Part


class TimeSplit(NamedTuple):
    """Three slices over the time axis, the earliest first."""

    train: slice
    validation: slice
    test: slice


def cut_targets(
    series: np.ndarray,
    horizon: int = 1,
    *,
    target: int | None = 0,
    every_step: bool = False,
) -> Part:
    """Split each series into what is seen and what is to be forecast.

    Args:
        series: (B, T + horizon, D); finite.
        horizon: number of steps to forecast; positive.
        target: the feature to forecast, or None for all of them.
        every_step: if True, step t of the inputs has its own target, the `horizon` values after
            it; else only the last step has one.

    Returns:
        Part(x, y): x (B, T, D); y (B, horizon), or (B, T, horizon) with `every_step`. With
        `target=None` y has a last axis D. x and y may be views of `series`.

    Raises:
        ValueError: if `series` has another number of axes, is too short or not finite.

    >>> x, y = cut_targets(np.arange(6.0).reshape(1, 6, 1), horizon=2)
    >>> x[0, :, 0], y[0]
    (array([0., 1., 2., 3.]), array([4., 5.]))
    >>> cut_targets(np.arange(6.0).reshape(1, 6, 1), horizon=2, every_step=True).y[0]
    array([[1., 2.], [2., 3.], [3., 4.], [4., 5.]])
    """
    series = finite(series, "series")
    horizon = positive_int(horizon, "horizon")
    if series.ndim != 3:
        raise ValueError(
            f"`series` must have shape (B, T + horizon, D); received {series.shape}. "
            "Add a feature axis with series[..., None], or use make_windows on one long series."
        )
    length = series.shape[1] - horizon
    if length < 1:
        raise ValueError(
            f"`series` has {series.shape[1]} steps, which leaves none to see before a horizon of "
            f"{horizon}. Give longer series or a shorter horizon."
        )
    future = series if target is None else series[:, :, _feature(target, series.shape[2])]
    if every_step:
        # (B, T + 1, [D,] horizon) -> drop the window at step 0, which is all input
        ahead = np.lib.stride_tricks.sliding_window_view(future, horizon, axis=1)[:, 1:]
        y = np.moveaxis(ahead, -1, 2)  # (B, T, horizon[, D])
    else:
        y = future[:, length:]
    return Part(series[:, :length], y)


def make_windows(
    series: np.ndarray,
    input_length: int,
    horizon: int = 1,
    *,
    stride: int = 1,
    target: int | None = 0,
    every_step: bool = False,
) -> Part:
    """Cut one long series into overlapping windows of inputs and the targets that follow.

    Window i sees the steps i·stride ... i·stride + input_length - 1 and is to forecast the
    `horizon` steps after them. Cut the series with `split_by_time` first: windows of the whole
    series shared out at random would put the future into the training part.

    Args:
        series: (T,) or (T, D), oldest first; finite.
        input_length: number of steps a model sees; positive.
        horizon: number of steps to forecast; positive.
        stride: steps between the starts of two windows; positive.
        target: the feature to forecast, or None for all of them.
        every_step: if True, each step of the inputs has its own target (see `cut_targets`).

    Returns:
        Part(x, y): x (N, input_length, D); y (N, horizon), or (N, input_length, horizon) with
        `every_step`; N = (T - input_length - horizon) // stride + 1. Both are copies.

    Raises:
        ValueError: if the series is shorter than one window, or has other axes than (T[, D]).

    >>> x, y = make_windows(np.arange(5.0), input_length=3)
    >>> x[..., 0]
    array([[0., 1., 2.], [1., 2., 3.]])
    >>> y
    array([[3.], [4.]])
    """
    series = finite(series, "series")
    input_length = positive_int(input_length, "input_length")
    horizon = positive_int(horizon, "horizon")
    stride = positive_int(stride, "stride")
    if series.ndim == 1:
        series = series[:, None]
    if series.ndim != 2:
        raise ValueError(
            f"`series` must have shape (T,) or (T, D); received {series.shape}. "
            "For many series of one length use cut_targets."
        )
    size = input_length + horizon
    if len(series) < size:
        raise ValueError(
            f"`series` has {len(series)} steps, but one window needs {size} "
            f"(input_length {input_length} + horizon {horizon})."
        )
    windows = np.lib.stride_tricks.sliding_window_view(series, size, axis=0)[::stride]
    windows = windows.transpose(0, 2, 1)  # (N, D, size) -> (N, size, D)
    x, y = cut_targets(windows, horizon, target=target, every_step=every_step)
    return Part(np.ascontiguousarray(x), np.ascontiguousarray(y))


def split_by_time(
    n: int,
    train: float = 0.7,
    validation: float = 0.15,
    *,
    context: int = 0,
) -> TimeSplit:
    """Split n time steps into a past to train on and two later parts.

    Args:
        n: number of time steps.
        train: share of the first part, in (0, 1).
        validation: share of the second part, in (0, 1); the rest is the test part.
        context: how many steps the validation and test slices reach back. With the
            `input_length` of the windows, the first target of a part is its first new step: the
            inputs may lie in the past, no target is shared.

    Returns:
        TimeSplit(train, validation, test), slices for the time axis.

    Raises:
        ValueError: if a share leaves one of the parts empty, or `context` is longer than the
            training part.

    >>> split_by_time(100)
    TimeSplit(train=slice(0, 70, None), validation=slice(70, 85, None), test=slice(85, 100, None))
    >>> split_by_time(100, context=10).validation
    slice(60, 85, None)
    """
    n = positive_int(n, "n")
    context = positive_int(context, "context", least=0)
    for name, share in (("train", train), ("validation", validation)):
        if not 0 < share < 1:
            raise ValueError(f"`{name}` must be a share between 0 and 1; received {share!r}.")
    if train + validation >= 1:
        raise ValueError(
            f"`train` + `validation` must leave a share for the test part; received {train} + "
            f"{validation}."
        )
    first, second = round(n * train), round(n * (train + validation))
    if not 0 < first < second < n:
        raise ValueError(f"{n} steps are too few: one of the three parts would be empty.")
    if context > first:
        raise ValueError(
            f"`context` must fit into the training part of {first} steps; received {context}."
        )
    return TimeSplit(slice(0, first), slice(first - context, second), slice(second - context, n))


def _feature(target: int, size: int) -> int:
    if not -size <= target < size:
        raise ValueError(f"`target` must be one of the {size} features; received {target}.")
    return target
