"""Baselines: what a forecast must beat before anyone calls it good."""

from __future__ import annotations

from typing import Self

import numpy as np

from runtun.checks import finite, positive_int


def _inputs(x: np.ndarray) -> np.ndarray:
    x = finite(x, "x")
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(
            f"`x` must have shape (B, T, D), none of them 0; received {x.shape}. "
            "Add a feature axis with x[..., None]."
        )
    return x


def naive_forecast(x: np.ndarray, horizon: int = 1, *, target: int = 0) -> np.ndarray:
    """Repeat the last value: ŷ_{T+k} = x_T for k = 1 ... horizon.

    Args:
        x: (B, T, D).
        horizon: number of steps to forecast; positive.
        target: the feature to forecast.

    Returns:
        (B, horizon).

    >>> naive_forecast(np.array([[[1.0], [2.0], [3.0]]]), horizon=2)
    array([[3., 3.]])
    """
    return seasonal_naive_forecast(x, 1, horizon, target=target)


def seasonal_naive_forecast(
    x: np.ndarray, period: int, horizon: int = 1, *, target: int = 0
) -> np.ndarray:
    """Repeat the last season: ŷ_{T+k} is the newest x_{T+k-m·period} that is known.

    Args:
        x: (B, T, D).
        period: steps in a season, at most T: 48 for half-hours of a day, 7 for days of a week.
        horizon: number of steps to forecast; beyond one season the last season repeats.
        target: the feature to forecast.

    Returns:
        (B, horizon).

    Raises:
        ValueError: if `x` is shorter than one season.

    >>> seasonal_naive_forecast(np.arange(5.0).reshape(1, 5, 1), period=3, horizon=4)
    array([[2., 3., 4., 2.]])
    """
    x = _inputs(x)
    period, horizon = positive_int(period, "period"), positive_int(horizon, "horizon")
    length, features = x.shape[1:]
    if period > length:
        raise ValueError(
            f"`x` must hold at least one season of {period} steps; received {length} steps."
        )
    if not -features <= target < features:
        raise ValueError(f"`target` must be one of the {features} features; received {target}.")
    return x[:, length - period + np.arange(horizon) % period, target]


class Ridge:
    """Linear forecast from all values of the window, with a penalty on large weights.

    ŷ = x W + b      W, b = argmin Σ ‖y - x W - b‖² + penalty · ‖W‖²

    where x is the window laid out as one row of T·D values. The intercept b is not penalised.
    Scale the data first, so that one penalty means the same for every feature.

    Args:
        penalty: λ, at least 0; 0 is least squares.

    Attributes:
        weights: (T·D, outputs) after fit.
        intercept: (outputs,) after fit.

    >>> x = np.array([[[0.0]], [[1.0]], [[2.0]]])
    >>> y = np.array([[1.0], [3.0], [5.0]])
    >>> Ridge(0.0).fit(x, y).predict(np.array([[[3.0]]]))
    array([[7.]])
    >>> Ridge(2.0).fit(x, y).predict(np.array([[[3.0]]]))  # shrunk towards the mean, 3
    array([[5.]])
    """

    def __init__(self, penalty: float = 1.0) -> None:
        if not (np.isfinite(penalty) and penalty >= 0):
            raise ValueError(f"`penalty` must be at least 0 and finite; received {penalty!r}.")
        self.penalty = float(penalty)
        self.weights: np.ndarray | None = None
        self.intercept: np.ndarray | None = None

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Solve for the weights.

        Args:
            x: (B, T, D).
            y: (B, ...), for example (B, horizon).

        Returns:
            The model itself.

        Raises:
            ValueError: if the shapes do not fit or a value is not finite.
        """
        x, y = _inputs(x), finite(y, "y")
        if y.ndim < 2 or len(y) != len(x) or 0 in y.shape:
            raise ValueError(
                f"`y` must have shape (B, horizon) with B = {len(x)}; received {y.shape}."
            )
        rows = x.reshape(len(x), -1).astype(np.float64)  # (B, T·D)
        targets = y.reshape(len(y), -1).astype(np.float64)  # (B, outputs)
        x_mean, y_mean = rows.mean(axis=0), targets.mean(axis=0)
        # Penalty as extra rows √λ·I with target 0: least squares then needs no squared matrix.
        size = rows.shape[1] if self.penalty else 0
        design = np.concatenate(
            [rows - x_mean, np.sqrt(self.penalty) * np.eye(size, rows.shape[1])]
        )
        right = np.concatenate([targets - y_mean, np.zeros((size, targets.shape[1]))])
        self.weights = np.linalg.lstsq(design, right)[0]
        self.intercept = y_mean - x_mean @ self.weights
        self._input_shape, self._output_shape = x.shape[1:], y.shape[1:]
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Forecast from windows of the shape the model was fitted on.

        Args:
            x: (B, T, D).

        Returns:
            float64 (B, ...), as `y` in fit.

        Raises:
            ValueError: if the model is not fitted or T or D differ.
        """
        if self.weights is None or self.intercept is None:
            raise ValueError("This model is not fitted. Call fit(x, y) first.")
        x = _inputs(x)
        if x.shape[1:] != self._input_shape:
            raise ValueError(
                f"`x` must have shape (B, {', '.join(map(str, self._input_shape))}) as in fit; "
                f"received {x.shape}."
            )
        forecast = x.reshape(len(x), -1) @ self.weights + self.intercept
        return forecast.reshape(len(x), *self._output_shape)


class LeastSquares(Ridge):
    """Linear forecast with the smallest squared error on the training part, found exactly.

    ŷ = x W + b      W, b = argmin Σ ‖y - x W - b‖²

    It is the best that a linear layer can reach on its training data, without learning rate or
    epochs: a linear layer that scores worse there has not finished training.

    >>> LeastSquares().fit(np.array([[[0.0]], [[1.0]]]), np.array([[1.0], [3.0]])).intercept
    array([1.])
    """

    def __init__(self) -> None:
        super().__init__(penalty=0.0)
