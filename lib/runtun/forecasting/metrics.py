"""Metrics of forecasts, with their edge cases refused instead of hidden.

Every metric takes arrays of one shape, averages over all their values and returns a float. NaN is
refused: a mean that silently turns into NaN, or silently leaves values out, is no measurement.
"""

from __future__ import annotations

import numpy as np

from runtun.checks import finite, positive_int


def _pair(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, forecast = finite(y_true, "y_true"), finite(y_pred, "y_pred")
    if truth.shape != forecast.shape:
        raise ValueError(
            f"`y_pred` must have the shape of `y_true`, {truth.shape}; received {forecast.shape}. "
            "Shapes such as (B, 1) and (B,) would be broadcast to (B, B): reshape one of them."
        )
    if truth.size == 0:
        raise ValueError("`y_true` is empty: there is nothing to average.")
    return truth.astype(np.float64), forecast.astype(np.float64)


def mse(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean squared error, mean((y - ŷ)²), in squared units of the data.

    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    truth, forecast = _pair(y_true, y_pred)
    return float(np.mean((truth - forecast) ** 2))


def rmse(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Root of the mean squared error, in units of the data.

    >>> rmse([1.0, 2.0], [4.0, 5.0])
    3.0
    """
    return float(np.sqrt(mse(y_true, y_pred)))


def mae(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean absolute error, mean(|y - ŷ|), in units of the data.

    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    truth, forecast = _pair(y_true, y_pred)
    return float(np.mean(np.abs(truth - forecast)))


def mape(y_true: np.ndarray, y_pred: np.ndarray, *, floor: float | None = None) -> float:
    """Mean absolute percentage error, 100 · mean(|y - ŷ| / |y|), in percent.

    Near zero a small error becomes an enormous percentage, and at zero the percentage does not
    exist. Prefer `mase` for data that come close to zero.

    Args:
        y_true: the truth.
        y_pred: the forecast, of the same shape.
        floor: smallest denominator, in units of the data; positive. Without it a zero in
            `y_true` is an error.

    Raises:
        ValueError: if `y_true` holds a zero and no `floor` is given.

    >>> mape([100.0, 200.0], [110.0, 180.0])
    10.0
    >>> mape([100.0, 0.001], [110.0, 1.0])  # one value near zero drowns the rest
    49955.0
    >>> round(mape([100.0, 0.0], [110.0, 2.0], floor=10.0), 3)
    15.0
    """
    truth, forecast = _pair(y_true, y_pred)
    size = np.abs(truth)
    if floor is not None:
        if not (np.isfinite(floor) and floor > 0):
            raise ValueError(f"`floor` must be positive; received {floor!r}.")
        size = np.maximum(size, floor)
    zeros = int(np.count_nonzero(size == 0))
    if zeros:
        raise ValueError(
            f"`y_true` holds {zeros} zeros, at which a percentage does not exist. Use mase or "
            "mae, or pass floor=..., the smallest value worth a percentage."
        )
    return float(100 * np.mean(np.abs(truth - forecast) / size))


def smape(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Symmetric mean absolute percentage error, 100 · mean(2|y - ŷ| / (|y| + |ŷ|)), in percent.

    Between 0 and 200. Where truth and forecast are both zero the forecast is perfect and counts
    as 0. Despite its name it punishes a forecast that is too low more than one too high.

    >>> round(smape([100.0], [110.0]), 3), round(smape([100.0], [90.0]), 3)
    (9.524, 10.526)
    >>> smape([0.0, 1.0], [0.0, 1.0])
    0.0
    """
    truth, forecast = _pair(y_true, y_pred)
    size = np.abs(truth) + np.abs(forecast)
    error = 2 * np.abs(truth - forecast)
    return float(100 * np.mean(np.divide(error, size, out=np.zeros_like(error), where=size > 0)))


def mase(y_true: np.ndarray, y_pred: np.ndarray, y_train: np.ndarray, *, period: int = 1) -> float:
    """Mean absolute scaled error: `mae` in units of the (seasonal) naive error on the past.

    Below 1: better than copying the value of `period` steps ago was, on average, in training.

    Args:
        y_true: the truth.
        y_pred: the forecast, of the same shape.
        y_train: the training series, (T,), in time order.
        period: steps in a season; 1 compares with the last value.

    Raises:
        ValueError: if the training series is not longer than `period`, or repeats itself exactly,
            so that the naive error is zero.

    References: Hyndman & Koehler 2006.

    >>> mase([5.0, 6.0], [5.5, 6.5], y_train=[1.0, 2.0, 3.0, 4.0])
    0.5
    """
    past = finite(y_train, "y_train")
    period = positive_int(period, "period")
    if past.ndim != 1:
        raise ValueError(f"`y_train` must be one series (T,); received shape {past.shape}.")
    if len(past) <= period:
        raise ValueError(
            f"`y_train` must be longer than `period` = {period}; received {len(past)} steps."
        )
    naive = float(np.mean(np.abs(past[period:] - past[:-period])))
    if naive == 0:
        raise ValueError(
            f"`y_train` repeats itself exactly every {period} steps, so the naive error is zero "
            "and nothing can be measured in units of it. Use mae."
        )
    return mae(y_true, y_pred) / naive


def r2(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Coefficient of determination, 1 - Σ(y - ŷ)² / Σ(y - mean(y))².

    1 is perfect, 0 is as good as the mean of `y_true`, below 0 is worse. On a trending or seasonal
    series the mean is easy to beat: a high value proves little there.

    Raises:
        ValueError: if `y_true` is constant, where the ratio has no meaning.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r2([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    (1.0, 0.0)
    """
    truth, forecast = _pair(y_true, y_pred)
    if np.all(truth == truth.flat[0]):
        raise ValueError(
            "`y_true` is constant, so there is no variance to explain. Use mae or mse."
        )
    spread = np.sum((truth - truth.mean()) ** 2)
    return float(1 - np.sum((truth - forecast) ** 2) / spread)


def direction_accuracy(y_true: np.ndarray, y_pred: np.ndarray, previous: np.ndarray) -> float:
    """Share of values whose direction from `previous` was forecast rightly, 0 to 1.

    Steps on which the truth did not move have no direction and are left out. A forecast of no
    change is wrong on every other step.

    Args:
        y_true: the truth.
        y_pred: the forecast, of the same shape.
        previous: the last known value at the time of each forecast, of the same shape.

    Raises:
        ValueError: if the truth never moves.

    >>> direction_accuracy([2.0, 1.0, 5.0], [3.0, 4.0, 5.0], previous=[1.0, 2.0, 5.0])
    0.5
    """
    truth, forecast = _pair(y_true, y_pred)
    last, _ = _pair(previous, y_pred)
    up = np.sign(truth - last)
    moved = up != 0
    if not moved.any():
        raise ValueError("`y_true` never differs from `previous`: there is no direction to judge.")
    return float(np.mean(up[moved] == np.sign(forecast - last)[moved]))
