"""Forecasting several steps: one step again and again, a model for each step, or all at once.

| strategy | models | trained on | what it costs |
|---|---|---|---|
| recursive | 1 | the next value | its own errors become its inputs |
| direct | one for each step | that step alone | as many models as steps |
| all at once | 1 | the next h values, after the last step | nothing is said about earlier steps |
| every step | 1 | the next h values, after every step | T times as many targets |

A model is any function from windows (B, T, D) to forecasts; these functions know no framework.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from runtun.checks import finite, positive_int

Forecast = Callable[[np.ndarray], np.ndarray]


def recursive_forecast(
    predict: Forecast, x: np.ndarray, horizon: int, *, keep_length: bool = True
) -> np.ndarray:
    """Forecast one step, append it to the window, and repeat.

    Args:
        predict: from (B, T, D) to the next value of every feature, (B, D), or (B, 1) when D is 1.
        x: the windows (B, T, D).
        horizon: number of steps to forecast; positive.
        keep_length: whether to drop the oldest value for each one appended, so that the model
            always sees T steps, as in training; else the window grows.

    Returns:
        (B, horizon) when D is 1, else (B, horizon, D); the dtype of `x`.

    Raises:
        ValueError: if `predict` does not return one value for each feature.

    >>> ramp = np.arange(4.0).reshape(1, 4, 1)
    >>> recursive_forecast(lambda x: x[:, -1] + 1, ramp, 3)
    array([[4., 5., 6.]])
    """
    x = _windows(x)
    horizon = positive_int(horizon, "horizon")
    batch, _, features = x.shape
    window, steps = x, []
    for _ in range(horizon):
        value = np.asarray(predict(window))
        if value.shape != (batch, features):
            raise ValueError(
                f"`predict` must return (B, D) = {(batch, features)}, the next value of every "
                f"feature, to be fed back; received {value.shape}."
            )
        steps.append(value.astype(x.dtype))
        window = np.concatenate([window[:, 1:] if keep_length else window, steps[-1][:, None]], 1)
    forecast = np.stack(steps, axis=1)  # (B, horizon, D)
    return forecast[..., 0] if features == 1 else forecast


def direct_forecast(models: Sequence[Forecast], x: np.ndarray) -> np.ndarray:
    """Forecast each step with a model of its own.

    Args:
        models: models[k] from (B, T, D) to the value k + 1 steps ahead, (B, 1).
        x: the windows (B, T, D).

    Returns:
        (B, len(models)).

    Raises:
        ValueError: if there is no model, or one returns another shape.

    >>> ramp = np.arange(4.0).reshape(1, 4, 1)
    >>> direct_forecast([lambda x: x[:, -1] + 1, lambda x: x[:, -1] + 2], ramp)
    array([[4., 5.]])
    """
    x = _windows(x)
    if not models:
        raise ValueError("`models` is empty: one model is needed for each step of the horizon.")
    columns = []
    for step, model in enumerate(models):
        value = np.asarray(model(x))
        if value.shape != (len(x), 1):
            raise ValueError(
                f"`models[{step}]` must return (B, 1) = {(len(x), 1)}; received {value.shape}."
            )
        columns.append(value)
    return np.concatenate(columns, axis=1)


def fit_direct(
    fit: Callable[[np.ndarray, np.ndarray], Forecast], x: np.ndarray, y: np.ndarray
) -> list[Forecast]:
    """Train one model for each step of the horizon.

    Args:
        fit: from (x, y (B, 1)) to a trained model.
        x: the windows (B, T, D).
        y: the targets (B, horizon).

    Returns:
        The models for `direct_forecast`.

    >>> from runtun.forecasting.baselines import LeastSquares
    >>> x, y = np.arange(6.0).reshape(6, 1, 1), np.arange(6.0)[:, None] + [1.0, 2.0]
    >>> models = fit_direct(lambda x, y: LeastSquares().fit(x, y).predict, x, y)
    >>> direct_forecast(models, np.array([[[9.0]]])).round(6)
    array([[10., 11.]])
    """
    y = finite(y, "y")
    if y.ndim != 2 or len(y) != len(x) or not y.size:
        raise ValueError(f"`y` must have shape (B, horizon) with B = {len(x)}; received {y.shape}.")
    return [fit(x, y[:, step : step + 1]) for step in range(y.shape[1])]


def all_at_once_forecast(predict: Forecast, x: np.ndarray) -> np.ndarray:
    """Forecast all steps with one call.

    Args:
        predict: from (B, T, D) to (B, horizon).
        x: the windows (B, T, D).

    Returns:
        (B, horizon).

    >>> ramp = np.arange(4.0).reshape(1, 4, 1)
    >>> all_at_once_forecast(lambda x: x[:, -1] + np.array([1.0, 2.0]), ramp)
    array([[4., 5.]])
    """
    x = _windows(x)
    forecast = np.asarray(predict(x))
    if forecast.ndim != 2 or len(forecast) != len(x):
        raise ValueError(
            f"`predict` must return (B, horizon) with B = {len(x)}; received {forecast.shape}. "
            "For a model with a forecast at every step use every_step_forecast."
        )
    return forecast


def every_step_forecast(predict: Forecast, x: np.ndarray) -> np.ndarray:
    """Take the last of the forecasts that a model gives at every step.

    The others serve training: they give the model T times as many errors to learn from.

    Args:
        predict: from (B, T, D) to (B, T, horizon).
        x: the windows (B, T, D).

    Returns:
        (B, horizon), the forecast after the last step.

    Raises:
        ValueError: if `predict` returns another shape.

    >>> ramp = np.arange(4.0).reshape(1, 4, 1)
    >>> every_step_forecast(lambda x: x + np.array([1.0, 2.0]), ramp)
    array([[4., 5.]])
    """
    x = _windows(x)
    forecast = np.asarray(predict(x))
    if forecast.ndim != 3 or forecast.shape[:2] != x.shape[:2]:
        raise ValueError(
            f"`predict` must return (B, T, horizon) with (B, T) = {x.shape[:2]}; received "
            f"{forecast.shape}."
        )
    return forecast[:, -1]


def _windows(x: np.ndarray) -> np.ndarray:
    x = finite(x, "x")
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(
            f"`x` must have shape (B, T, D), none of them 0; received {x.shape}. "
            "Add a feature axis with x[..., None]."
        )
    return x
