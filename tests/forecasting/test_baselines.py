"""Baselines: exact where an exact answer exists."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.data.windows import make_windows
from runtun.forecasting.baselines import (
    LeastSquares,
    Ridge,
    naive_forecast,
    seasonal_naive_forecast,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_naive_repeats_the_last_value_of_the_target() -> None:
    x = rng().normal(size=(4, 6, 2))
    np.testing.assert_array_equal(naive_forecast(x, 3), np.repeat(x[:, -1:, 0], 3, axis=1))
    np.testing.assert_array_equal(naive_forecast(x, target=1), x[:, -1:, 1])


@pytest.mark.parametrize("period", [1, 3, 7])
def test_seasonal_naive_is_perfect_on_an_exact_season(period: int) -> None:
    season = rng().normal(size=period)
    x, y = make_windows(np.tile(season, 12), 2 * period + 1, horizon=3 * period)
    np.testing.assert_array_equal(seasonal_naive_forecast(x, period, 3 * period), y)


def test_seasonal_naive_needs_a_whole_season() -> None:
    with pytest.raises(ValueError, match="one season of 7 steps; received 6"):
        seasonal_naive_forecast(np.zeros((1, 6, 1)), 7)


def test_least_squares_finds_an_autoregression_exactly() -> None:
    series = np.zeros(200)
    series[:3] = 1.0, -0.5, 0.3
    for t in range(3, 200):
        series[t] = 0.1 + 0.6 * series[t - 1] - 0.9 * series[t - 2] + 0.2 * series[t - 3]
    model = LeastSquares().fit(*make_windows(series[:60], 3))
    np.testing.assert_allclose(model.weights[:, 0], [0.2, -0.9, 0.6], atol=1e-9)
    np.testing.assert_allclose(model.intercept, [0.1], atol=1e-9)
    x, y = make_windows(series[60:], 3)
    np.testing.assert_allclose(model.predict(x), y, atol=1e-9)


def test_no_other_weights_have_a_smaller_training_error() -> None:
    r = rng()
    x, y = r.normal(size=(80, 4, 2)), r.normal(size=(80, 3))
    model = LeastSquares().fit(x, y)
    rows = np.column_stack([x.reshape(80, -1), np.ones(80)])
    residual = y - model.predict(x)
    np.testing.assert_allclose(rows.T @ residual, 0, atol=1e-10)  # the normal equations


def test_ridge_solves_its_normal_equations_and_shrinks() -> None:
    r = rng()
    x, y = r.normal(size=(80, 4, 2)) + 3, r.normal(size=(80, 3)) - 2
    plain = LeastSquares().fit(x, y)
    model = Ridge(5.0).fit(x, y)
    rows = x.reshape(80, -1)
    residual = y - model.predict(x)
    np.testing.assert_allclose(rows.T @ residual, 5.0 * model.weights, atol=1e-9)
    np.testing.assert_allclose(residual.mean(axis=0), 0, atol=1e-12)  # intercept unpenalised
    assert np.linalg.norm(model.weights) < np.linalg.norm(plain.weights)


def test_ridge_with_more_lags_than_windows_is_still_unique() -> None:
    x, y = rng().normal(size=(5, 9, 1)), rng().normal(size=(5, 1))
    assert np.isfinite(Ridge(0.1).fit(x, y).predict(x)).all()


def test_targets_at_every_step_keep_their_shape() -> None:
    x, y = make_windows(rng().normal(size=40), 6, 2, every_step=True)
    assert LeastSquares().fit(x, y).predict(x).shape == y.shape


def test_misuse_is_refused() -> None:
    x, y = np.zeros((5, 3, 1)), np.zeros((5, 1))
    with pytest.raises(ValueError, match="not fitted"):
        Ridge().predict(x)
    with pytest.raises(ValueError, match="with B = 5"):
        Ridge().fit(x, np.zeros((4, 1)))
    with pytest.raises(ValueError, match="with B = 5"):
        Ridge().fit(x, np.zeros(5))
    with pytest.raises(ValueError, match="as in fit"):
        Ridge().fit(x, y).predict(np.zeros((5, 4, 1)))
    with pytest.raises(ValueError, match=r"x\[\.\.\., None\]"):
        naive_forecast(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="none of them 0"):
        naive_forecast(np.zeros((0, 3, 1)))
    with pytest.raises(ValueError, match="`penalty` must be at least 0"):
        Ridge(-1.0)
    with pytest.raises(ValueError, match="one of the 1 features"):
        naive_forecast(x, target=1)
