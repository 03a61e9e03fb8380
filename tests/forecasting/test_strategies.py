"""Strategies: what each of them feeds its model, and where they agree."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.data.waves import generate_waves
from runtun.data.windows import cut_targets, make_windows
from runtun.forecasting.baselines import LeastSquares
from runtun.forecasting.metrics import mse
from runtun.forecasting.strategies import (
    all_at_once_forecast,
    direct_forecast,
    every_step_forecast,
    fit_direct,
    recursive_forecast,
)


def waves(length: int, seed: int) -> np.ndarray:
    return generate_waves(2000, length, np.random.default_rng(seed), step=1 / 50)


def test_recursive_feeds_its_own_forecasts_back() -> None:
    seen: list[np.ndarray] = []

    def predict(x: np.ndarray) -> np.ndarray:
        seen.append(x[0, :, 0].copy())
        return x[:, -1] * 10

    forecast = recursive_forecast(predict, np.array([[[1.0], [2.0]]]), 3)
    assert forecast.tolist() == [[20.0, 200.0, 2000.0]]
    assert [row.tolist() for row in seen] == [[1, 2], [2, 20], [20, 200]]
    seen.clear()
    recursive_forecast(predict, np.array([[[1.0], [2.0]]]), 3, keep_length=False)
    assert [row.tolist() for row in seen] == [[1, 2], [1, 2, 20], [1, 2, 20, 200]]


def test_recursive_carries_every_feature() -> None:
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)
    forecast = recursive_forecast(lambda x: x[:, -1] + 1.0, x, 2)
    assert forecast.shape == (4, 2, 3)
    assert forecast.dtype == np.float32
    np.testing.assert_allclose(forecast[:, 1], x[:, -1] + 2, rtol=1e-6)


def test_on_a_noiseless_autoregression_all_strategies_are_exact() -> None:
    t = np.arange(300)
    x, y = make_windows(np.sin(0.3 * t) + 0.5 * np.sin(0.8 * t), 8, 5)
    one = LeastSquares().fit(x, y[:, :1])
    every = LeastSquares().fit(x, y)
    models = fit_direct(lambda x, y: LeastSquares().fit(x, y).predict, x, y)
    for forecast in (
        recursive_forecast(one.predict, x, 5),
        direct_forecast(models, x),
        all_at_once_forecast(every.predict, x),
    ):
        np.testing.assert_allclose(forecast, y, atol=1e-6)


def test_least_squares_fitted_step_by_step_is_least_squares_fitted_at_once() -> None:
    x, y = cut_targets(waves(40, 0), 4)
    models = fit_direct(lambda x, y: LeastSquares().fit(x, y).predict, x, y)
    assert len(models) == 4
    np.testing.assert_allclose(
        direct_forecast(models, x), LeastSquares().fit(x, y).predict(x), atol=1e-8
    )


def test_on_noisy_waves_errors_add_up_when_forecasts_are_fed_back() -> None:
    x, y = cut_targets(waves(60, 0), 10)
    x_test, y_test = cut_targets(waves(60, 1), 10)
    one = LeastSquares().fit(x, y[:, :1])
    fed_back = recursive_forecast(one.predict, x_test, 10)
    direct = all_at_once_forecast(LeastSquares().fit(x, y).predict, x_test)
    assert mse(y_test[:, :1], fed_back[:, :1]) == pytest.approx(
        mse(y_test[:, :1], direct[:, :1]), rel=1e-4
    )
    assert mse(y_test[:, 9], fed_back[:, 9]) > mse(y_test[:, 9], direct[:, 9])


def test_every_step_takes_the_last_forecast() -> None:
    x, y = cut_targets(waves(60, 0), 10, every_step=True)
    forecast = every_step_forecast(lambda _: y, x)
    np.testing.assert_array_equal(forecast, y[:, -1])


X = np.zeros((3, 4, 1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recursive_forecast(lambda x: x[:, -1, 0], X, 2), r"must return \(B, D\)"),
        (lambda: recursive_forecast(lambda x: x[:, -1], X, 0), "`horizon` must be at least 1"),
        (lambda: recursive_forecast(lambda x: x[:, -1], X[..., 0], 1), r"x\[\.\.\., None\]"),
        (lambda: direct_forecast([], X), "one model is needed for each step"),
        (lambda: direct_forecast([lambda x: x], X), r"`models\[0\]` must return \(B, 1\)"),
        (lambda: all_at_once_forecast(lambda x: x, X), "use every_step_forecast"),
        (lambda: every_step_forecast(lambda x: x[:, -1], X), r"\(B, T, horizon\)"),
        (lambda: fit_direct(lambda x, y: None, X, np.zeros(3)), "with B = 3"),
    ],
)
def test_models_of_the_wrong_shape_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
