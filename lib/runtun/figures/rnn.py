"""Figures of the chapters on forecasting and the simple RNN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

from runtun.checks import finite, positive_int
from runtun.figures.style import (
    INK,
    MARKERS,
    MUTED,
    PALETTE,
    SIGNED,
    STYLE,
    add_legend,
    line_styles,
    new_figure,
)

styled = mpl.rc_context(dict(STYLE))


def _series(values: np.ndarray, name: str, axes: int) -> np.ndarray:
    """Return `values` with `axes` axes, dropping a last axis of one feature."""
    array = finite(values, name)
    if array.ndim == axes + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != axes or 0 in array.shape:
        letters = ("B", "T")[-axes:]
        raise ValueError(
            f"`{name}` must have shape ({', '.join(letters)}{',' if axes == 1 else ''}) or "
            f"({', '.join(letters)}, 1), not empty; received {array.shape}."
        )
    return array


def _some(items: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(items, Mapping):
        raise TypeError(f"`{name}` must map labels to values; received {type(items).__name__}.")
    if not items:
        raise ValueError(f"`{name}` is empty: there is nothing to draw.")
    return items


def _count_steps(axes: Axes, symbol: str = "$t$", most: int = 8) -> None:
    axes.set_xlabel(symbol)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=most, integer=True, steps=[1, 2, 5, 10]))


def _count_ratios(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers at 1, 2 and 5 times each power of ten."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_minor_locator(NullLocator())


@styled
def draw_waves(series: np.ndarray, *, horizon: int = 0) -> Figure:
    """Draw series side by side, the values to be forecast set apart.

    Args:
        series: (B, T) or (B, T, 1), at most four series.
        horizon: how many of the last values are the ones to forecast.

    Returns:
        One panel a series: x_t over t, what is seen as a line, what is to come as open circles.

    >>> from runtun.data.waves import generate_waves
    >>> figure = draw_waves(generate_waves(3, 60, np.random.default_rng(0)), horizon=10)
    >>> len(figure.axes)
    3
    """
    series = _series(series, "series", 2)
    horizon = positive_int(horizon, "horizon", least=0)
    count, length = series.shape
    if count > 4:
        raise ValueError(f"`series` must hold at most 4 series; received {count}. Pass series[:4].")
    if horizon >= length:
        raise ValueError(f"`horizon` must be shorter than the {length} steps; received {horizon}.")
    figure, grid = new_figure(1, count, height=2.4, sharey=True)
    t = np.arange(length)
    cut = length - horizon
    for axes, x in zip(grid[0], series, strict=True):
        axes.plot(t[:cut], x[:cut], color=PALETTE[0])
        if horizon:
            axes.plot(t[cut:], x[cut:], "o", color=PALETTE[1], fillstyle="none", markersize=4)
        _count_steps(axes, most=4)
    grid[0, 0].set_ylabel("$x_t$")
    return figure


@styled
def draw_forecast(x: np.ndarray, y_true: np.ndarray, forecasts: Mapping[str, np.ndarray]) -> Figure:
    """Draw what was seen, what came, and what was forecast.

    Args:
        x: the window the model saw, (T,) or (T, 1).
        y_true: what followed, (horizon,) or (horizon, 1).
        forecasts: label -> forecast, each of the shape of `y_true`. Labels are symbols or names of
            models, the same in every language.

    Returns:
        x as a line, the truth as open circles, each forecast with its own colour and marker.

    >>> figure = draw_forecast(np.zeros(20), np.ones(3), {r"$\\hat y$": np.full(3, 0.9)})
    >>> [line.get_label() for line in figure.axes[0].lines[1:]]
    ['$y$', '$\\\\hat y$']
    """
    x, y_true = _series(x, "x", 1), _series(y_true, "y_true", 1)
    _some(forecasts, "forecasts")
    figure, grid = new_figure(height=2.8)
    axes = grid[0, 0]
    t = np.arange(len(x) + len(y_true))
    past, future = t[: len(x)], t[len(x) :]
    axes.plot(past, x, color=INK, linewidth=1.5)
    axes.plot(future, y_true, "o", color=INK, fillstyle="none", markersize=8, label="$y$")
    styles = zip(line_styles(len(forecasts)), MARKERS, strict=False)
    for (label, values), (style, marker) in zip(forecasts.items(), styles, strict=False):
        forecast = _series(values, f"forecasts[{label!r}]", 1)
        if forecast.shape != y_true.shape:
            raise ValueError(
                f"`forecasts[{label!r}]` must have as many steps as `y_true`, {len(y_true)}; "
                f"received {len(forecast)}."
            )
        axes.plot(
            future, forecast, marker=marker, markersize=5, linewidth=1.5, label=label, **style
        )
    axes.set_ylabel("$x_t$")
    _count_steps(axes)
    add_legend(axes)
    return figure


@styled
def draw_hidden_states(h: np.ndarray, x: np.ndarray | None = None) -> Figure:
    """Draw the hidden states of one sequence as a heat map over time.

    Args:
        h: (T, H).
        x: the inputs they come from, (T,) or (T, 1), drawn above on the same time axis.

    Returns:
        One row for each unit, one column for each step; blue below zero, orange above, zero as
        the page. The scale is symmetric and reaches 1, the bound of tanh, or further if h does.

    >>> len(draw_hidden_states(np.zeros((10, 4))).axes)  # the map and its colour bar
    2
    """
    h = finite(h, "h")
    if h.ndim != 2 or 0 in h.shape:
        raise ValueError(
            f"`h` must have shape (T, H), the states of one sequence; received {h.shape}. "
            "For a batch pass h[0]."
        )
    steps, units = h.shape
    if x is None:
        figure, grid = new_figure(height=0.9 + 0.16 * min(max(units, 6), 24))
    else:
        x = _series(x, "x", 1)
        if len(x) != steps:
            raise ValueError(f"`x` must have the {steps} steps of `h`; received {len(x)}.")
        figure, grid = new_figure(
            2, 1, height=2.0 + 0.16 * min(max(units, 6), 24), sharex=True, height_ratios=(1, 2)
        )
        grid[0, 0].plot(np.arange(steps), x, color=INK, linewidth=1.5)
        grid[0, 0].set_ylabel("$x_t$")
    axes = grid[-1, 0]
    bound = max(1.0, float(np.abs(h).max()))
    image = axes.imshow(
        h.T, cmap=SIGNED, vmin=-bound, vmax=bound, aspect="auto", interpolation="none"
    )
    axes.set_ylabel("$j$")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    _count_steps(axes)
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label("$h_{t,j}$")
    bar.outline.set_visible(False)
    return figure


def _curve(history: Any, key: str) -> np.ndarray | None:
    values = history.get(key) if isinstance(history, Mapping) else getattr(history, key, None)
    if values is None or len(values) == 0:
        return None
    return _series(np.asarray(values, dtype=np.float64), key, 1)


@styled
def draw_learning_curves(
    histories: Mapping[str, Any], *, floor: float | None = None, unit: str = "MSE"
) -> Figure:
    """Draw the loss over epochs, on a logarithmic axis.

    Args:
        histories: label -> History, or any mapping or object with `loss` and, where there was a
            validation part, `val_loss`: one value an epoch.
        floor: the smallest loss that could be expected, drawn as a dotted line.
        unit: label of the loss axis.

    Returns:
        Validation loss as a full line, training loss as a thin dashed line of the same colour.

    Raises:
        ValueError: if a history has no `loss`, or a loss is not positive.

    >>> figure = draw_learning_curves({"RNN": {"loss": [1.0, 0.5], "val_loss": [1.1, 0.7]}})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    _some(histories, "histories")
    figure, grid = new_figure(height=3.0)
    axes = grid[0, 0]
    for (label, history), style in zip(histories.items(), line_styles(len(histories)), strict=True):
        train, validation = _curve(history, "loss"), _curve(history, "val_loss")
        if train is None:
            raise ValueError(f"`histories[{label!r}]` must hold `loss`, one value an epoch.")
        for curve in (train, validation):
            if curve is not None and curve.min() <= 0:
                raise ValueError(
                    f"`histories[{label!r}]` holds a loss that is not positive, which a "
                    "logarithmic axis cannot show."
                )
        best = train if validation is None else validation
        axes.plot(1 + np.arange(len(best)), best, "-", color=style["color"], label=label)
        if validation is not None:
            axes.plot(
                1 + np.arange(len(train)),
                train,
                color=style["color"],
                linewidth=1.0,
                linestyle=(0, (4, 2)),
            )
    if floor is not None:
        axes.axhline(floor, color=MUTED, linewidth=1.5, linestyle=":")
    axes.set_yscale("log")
    _count_ratios(axes.yaxis)
    axes.set_ylabel(unit)
    _count_steps(axes, "epoch")
    add_legend(axes)
    return figure


@styled
def draw_errors(
    errors: Mapping[str, Sequence[float]],
    *,
    published: Mapping[str, float] | None = None,
    floor: float | None = None,
    unit: str = "MSE",
) -> Figure:
    """Draw the error of each model: every seed, the mean, and the spread.

    Args:
        errors: label -> errors, one for each seed; positive.
        published: label -> a published figure to compare with, for some of the labels.
        floor: the smallest error that could be expected, drawn as a dotted line.
        unit: label of the error axis.

    Returns:
        One row a model, from the first label at the top: seeds as grey dots, the mean as a blue
        dot with a bar of one standard deviation each way, the published figure as an open
        diamond. The axis is logarithmic, so equal distances are equal ratios.

    Raises:
        ValueError: if an error is not positive, or `published` names a model without errors.

    >>> figure = draw_errors({"naive": [0.02], "RNN": [0.003, 0.004]}, published={"RNN": 0.0029})
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['naive', 'RNN']
    """
    _some(errors, "errors")
    published = published or {}
    unknown = sorted(set(published) - set(errors))
    if unknown:
        raise ValueError(f"`published` names models without errors: {', '.join(unknown)}.")
    figure, grid = new_figure(height=0.9 + 0.34 * len(errors))
    axes = grid[0, 0]
    for row, (label, values) in enumerate(errors.items()):
        values = _series(np.asarray(values, dtype=np.float64), f"errors[{label!r}]", 1)
        marks = [*values, *([published[label]] if label in published else [])]
        if min(marks) <= 0:
            raise ValueError(
                f"`errors[{label!r}]` must be positive to stand on a logarithmic axis; received "
                f"{min(marks)}."
            )
        mean = values.mean()
        if len(values) > 1:
            axes.plot(values, np.full(len(values), row), ".", color=MUTED, markersize=4)
            spread = values.std(ddof=1)
            low = max(mean - spread, values.min() / 2)  # a logarithmic axis has no zero
            axes.plot([low, mean + spread], [row, row], color=PALETTE[0], linestyle="-")
        axes.plot([mean], [row], "o", color=PALETTE[0], markersize=7)
        if label in published:
            axes.plot(
                [published[label]],
                [row],
                "D",
                color=PALETTE[1],
                fillstyle="none",
                markersize=8,
                markeredgewidth=1.8,
            )
    if floor is not None:
        axes.axvline(floor, color=MUTED, linewidth=1.5, linestyle=":")
    axes.set_xscale("log")
    _count_ratios(axes.xaxis)
    axes.set_xlabel(unit)
    axes.set_yticks(range(len(errors)), list(errors))
    axes.set_ylim(len(errors) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", which="major", color=MUTED, alpha=0.25, linewidth=0.8)
    return figure


@styled
def draw_memory(responses: Mapping[str, np.ndarray]) -> Figure:
    """Draw how a state answers over time, for example to one impulse.

    Args:
        responses: label -> h (T,), all of one length; the label is a symbol such as `$u = 0.9$`.

    Returns:
        h_t over t, one line for each label.

    >>> figure = draw_memory({f"$u = {u}$": u ** np.arange(20) for u in (0.5, 0.9, 1.0)})
    >>> len(figure.axes[0].lines)
    3
    """
    return _lines(responses, "responses", "$h_t$")


@styled
def draw_influence(influences: Mapping[str, np.ndarray]) -> Figure:
    """Draw how strongly each input acts on one output, on a logarithmic axis.

    Args:
        influences: label -> |∂y/∂x_t| (T,), all of one length, at least 0. Zeros have no place on
            the axis and leave a gap.

    Returns:
        |∂y/∂x_t| over t, one line for each label.

    >>> figure = draw_influence({"$u = 0.5$": 0.5 ** np.arange(20)[::-1]})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    for label, values in _some(influences, "influences").items():
        if np.min(finite(values, f"influences[{label!r}]")) < 0:
            raise ValueError(f"`influences[{label!r}]` must be at least 0; pass absolute values.")
    figure = _lines(influences, "influences", r"$|\partial y / \partial x_t|$")
    figure.axes[0].set_yscale("log", nonpositive="mask")
    return figure


def _lines(curves: Mapping[str, np.ndarray], name: str, symbol: str) -> Figure:
    """Draw curves of one length over t."""
    _some(curves, name)
    arrays = {label: _series(values, f"{name}[{label!r}]", 1) for label, values in curves.items()}
    lengths = {len(values) for values in arrays.values()}
    if len(lengths) > 1:
        raise ValueError(f"`{name}` must all have one length; received {sorted(lengths)}.")
    figure, grid = new_figure(height=2.8)
    axes = grid[0, 0]
    for (label, values), style in zip(arrays.items(), line_styles(len(arrays)), strict=True):
        axes.plot(np.arange(len(values)), values, label=label, **style)
    axes.set_ylabel(symbol)
    _count_steps(axes)
    add_legend(axes)
    return figure


@styled
def draw_fork(history: np.ndarray, future: np.ndarray) -> Figure:
    """Draw two series that meet at one value and part again.

    Whoever sees the last value only must forecast the same for both.

    Args:
        history: (2, T), with the same value at the last step.
        future: (2, k), what follows.

    Returns:
        Both histories as lines, the shared value as a large dot, both futures as open markers.

    Raises:
        ValueError: if the histories do not meet.

    >>> figure = draw_fork(np.array([[0.0, 0.5], [1.0, 0.5]]), np.array([[1.0], [0.0]]))
    >>> len(figure.axes[0].lines)
    5
    """
    history, future = finite(history, "history"), finite(future, "future")
    for name, values in (("history", history), ("future", future)):
        if values.ndim != 2 or len(values) != 2 or not values.size:
            raise ValueError(f"`{name}` must have shape (2, T); received {values.shape}.")
    if not np.isclose(history[0, -1], history[1, -1]):
        raise ValueError(
            f"`history` must meet at its last step; received {history[0, -1]} and {history[1, -1]}."
        )
    figure, grid = new_figure(height=2.8)
    axes = grid[0, 0]
    now = history.shape[1] - 1
    t = now + 1 + np.arange(future.shape[1])
    for past, coming, style, marker in zip(history, future, line_styles(2), MARKERS, strict=False):
        axes.plot(np.arange(now + 1), past, **style)
        axes.plot(
            np.append(now, t),
            np.append(past[-1], coming),
            color=style["color"],
            linestyle=":",
            marker=marker,
            fillstyle="none",
            markevery=slice(1, None),
        )
    axes.plot([now], [history[0, -1]], "o", color=INK, markersize=9)
    axes.set_ylabel("$x_t$")
    _count_steps(axes)
    return figure
