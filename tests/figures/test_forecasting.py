"""The figures of the forecasting chapter show the numbers they were given."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.figures.forecasting import (
    autocorrelation,
    draw_close_up,
    draw_constant_losses,
    draw_gap,
    draw_horizon,
    draw_profiles,
    draw_stationarity,
)


def test_the_close_up_shows_the_steps_it_was_asked_for() -> None:
    truth, forecast = np.arange(50.0), np.arange(50.0) - 1
    whole, part = draw_close_up(truth, forecast, slice(10, 15)).axes
    assert len(whole.lines[0].get_ydata()) == 50
    np.testing.assert_array_equal(part.lines[0].get_xdata(), [10, 11, 12, 13, 14])
    np.testing.assert_array_equal(part.lines[1].get_ydata(), [9, 10, 11, 12, 13])


def test_the_forecast_begins_one_step_after_the_history_ends() -> None:
    (axes,) = draw_horizon(np.zeros(4), np.ones(3), {"$x_T$": np.full(3, 2.0)}).axes
    _, past, truth, forecast = axes.lines
    assert past.get_xdata()[-1] == 0
    np.testing.assert_array_equal(truth.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(forecast.get_ydata(), [2, 2, 2])


def test_the_missing_steps_are_left_out_of_the_line() -> None:
    series = np.arange(10.0)
    (axes,) = draw_gap(series, slice(4, 6), {"a": np.array([0.0, 0.0])}).axes
    line = axes.lines[0].get_ydata()
    np.testing.assert_array_equal(np.isnan(line), np.isin(np.arange(10), [4, 5]))
    np.testing.assert_array_equal(series, np.arange(10.0))  # the argument is left alone


def test_each_metric_marks_the_constant_it_likes_best() -> None:
    constants = np.array([1.0, 2.0, 3.0])
    (axes,) = draw_constant_losses(constants, {"MSE": np.array([4.0, 2.0, 6.0])}).axes
    curve, mark = axes.lines
    np.testing.assert_array_equal(curve.get_ydata(), [2.0, 1.0, 3.0])
    assert list(mark.get_xdata()) == [2.0]


def test_a_day_has_twenty_four_hours_however_it_is_cut() -> None:
    (axes,) = draw_profiles(np.arange(48.0), {"$t$": np.arange(48.0)}).axes
    assert axes.lines[0].get_xdata()[-1] == 23.5


def test_autocorrelation_of_an_alternating_series_alternates() -> None:
    rho = autocorrelation(np.tile([1.0, -1.0], 500), lags=3)
    np.testing.assert_allclose(rho, [1.0, -0.999, 0.998, -0.997])


def test_autocorrelation_ignores_the_level_and_needs_a_lag() -> None:
    x = np.random.default_rng(0).normal(size=100)
    np.testing.assert_allclose(autocorrelation(x + 7, 5), autocorrelation(x, 5))
    with pytest.raises(ValueError, match="lags"):
        autocorrelation(x, 0)


def test_the_rolling_mean_sees_the_past_only() -> None:
    x = np.concatenate([np.zeros(50), np.ones(50)])
    axes = draw_stationarity({"$x$": x}, window=10, lags=3).axes[0]
    steps, mean = axes.lines[1].get_data()
    assert mean[np.asarray(steps) == 49] == 0  # the jump comes at step 50
    assert mean[np.asarray(steps) == 50] == pytest.approx(0.1)
