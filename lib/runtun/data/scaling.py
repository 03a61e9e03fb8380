"""Scalers that learn from the training part only and refuse to see the future."""

from __future__ import annotations

from typing import Self

import numpy as np

from runtun.checks import finite


class _Scaler:
    """z = (x - shift) / scale, one shift and one scale for each feature."""

    shift: np.ndarray | None = None
    scale: np.ndarray | None = None

    def fit(self, values: np.ndarray, train: slice) -> Self:
        """Measure shift and scale on `values[train]` and on nothing else.

        Args:
            values: the whole series, (T,), (T, D) or (B, T, D), earliest first along axis 0.
            train: the training part, as `split_by_time` gives it. It must begin at the start and
                end before the end: a scaler that has seen everything has seen the test part.

        Returns:
            The scaler itself.

        Raises:
            TypeError: if `train` is not a slice.
            ValueError: if `train` covers everything, is empty, skips, or does not begin at the
                start; if the training part is not finite; if the scaler was fitted before.
        """
        if self.scale is not None:
            raise ValueError(
                "This scaler is already fitted. Make a new one, so that no part is scaled in two "
                "ways."
            )
        if not isinstance(train, slice):
            raise TypeError(
                f"`train` must be a slice, the training part of split_by_time; received "
                f"{type(train).__name__}."
            )
        values = np.asarray(values)
        if values.ndim not in (1, 2, 3):
            raise ValueError(
                f"`values` must have shape (T,), (T, D) or (B, T, D); received {values.shape}."
            )
        start, stop, step = train.indices(len(values))
        if start != 0 or step != 1 or stop < 1:
            raise ValueError(
                f"`train` must be the first part of the series, slice(0, n); received {train}."
            )
        if stop == len(values):
            raise ValueError(
                f"`train` covers all {stop} steps, so the scaler would see the future it is to be "
                "tested on. Pass the training slice of split_by_time together with the whole "
                "series."
            )
        past = finite(values[:stop], "values[train]").astype(np.float64)
        axes = tuple(range(max(past.ndim - 1, 1)))
        shift, scale = self._measure(past, axes)
        # A feature that never varies in training carries no scale of its own: leave it at 1.
        self.shift, self.scale = shift, np.where(scale > 0, scale, 1.0)
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return the scaled `values`, of the same shape and float dtype.

        Raises:
            ValueError: if the scaler is not fitted or the last axis is not D.
        """
        shift, scale = self._fitted(values)
        values = np.asarray(values)
        dtype = values.dtype if values.dtype.kind == "f" else np.float64
        return ((values - shift) / scale).astype(dtype)

    def inverse_transform(self, values: np.ndarray, *, feature: int | None = None) -> np.ndarray:
        """Return `values` in the units of the data.

        Args:
            values: scaled values with a last axis D, or of any shape if `feature` is given.
            feature: the feature all of `values` belong to, for targets (B, horizon) cut from it.

        Raises:
            ValueError: if the scaler is not fitted, the last axis is not D, or there is no such
                feature.
        """
        if feature is None:
            shift, scale = self._fitted(values)
        else:
            shift, scale = self._fitted(None)
            if not -scale.size <= feature < scale.size:
                raise ValueError(
                    f"`feature` must be one of the {scale.size} features; received {feature}."
                )
            shift, scale = np.ravel(shift)[feature], np.ravel(scale)[feature]
        values = np.asarray(values)
        dtype = values.dtype if values.dtype.kind == "f" else np.float64
        return (values * scale + shift).astype(dtype)

    def _fitted(self, values: object) -> tuple[np.ndarray, np.ndarray]:
        if self.shift is None or self.scale is None:
            raise ValueError("This scaler is not fitted. Call fit(values, train) first.")
        if values is not None and self.scale.ndim and np.shape(values)[-1:] != self.scale.shape:
            raise ValueError(
                f"`values` must have {self.scale.size} features in the last axis; received shape "
                f"{np.shape(values)}. For values of one feature pass feature=..."
            )
        return self.shift, self.scale

    def _measure(self, past: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


class StandardScaler(_Scaler):
    """Scale each feature to mean 0 and standard deviation 1 over the training part.

    >>> series = np.array([1.0, 3.0, 1.0, 3.0, 9.0])
    >>> scaler = StandardScaler().fit(series, slice(0, 4))
    >>> scaler.transform(series)
    array([-1.,  1., -1.,  1.,  7.])
    >>> scaler.inverse_transform(np.array([7.0]))
    array([9.])
    """

    def _measure(self, past: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        return past.mean(axis=axes), past.std(axis=axes)


class MinMaxScaler(_Scaler):
    """Scale each feature so that its training part spans [low, high].

    Later values may lie outside: that is the future being different, not an error.

    Args:
        low: the value the smallest training value becomes.
        high: the value the largest training value becomes; above `low`.

    >>> series = np.array([2.0, 4.0, 6.0])
    >>> MinMaxScaler().fit(series, slice(0, 2)).transform(series)
    array([0., 1., 2.])
    """

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        if not low < high:
            raise ValueError(f"`low` must be below `high`; received {low!r} and {high!r}.")
        self.low, self.high = low, high

    def _measure(self, past: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        lowest, highest = past.min(axis=axes), past.max(axis=axes)
        scale = (highest - lowest) / (self.high - self.low)
        # Solved for the shift at which the lowest value becomes `low`; a constant becomes `low`.
        return lowest - self.low * np.where(scale > 0, scale, 1.0), scale
