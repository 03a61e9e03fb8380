"""Metrics: known values, invariances, and every edge case named by the textbook."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.forecasting.metrics import (
    direction_accuracy,
    mae,
    mape,
    mase,
    mse,
    r2,
    rmse,
    smape,
)

PAIRED = [mse, rmse, mae, mape, smape, r2]
Y = np.array([[1.0, 2.0], [4.0, 8.0]])
F = np.array([[1.5, 1.0], [4.0, 10.0]])


def test_values_worked_out_by_hand() -> None:
    assert mse(Y, F) == pytest.approx((0.25 + 1 + 0 + 4) / 4)
    assert rmse(Y, F) == pytest.approx(np.sqrt(5.25 / 4))
    assert mae(Y, F) == pytest.approx(3.5 / 4)
    assert mape(Y, F) == pytest.approx(100 * (0.5 + 0.5 + 0 + 0.25) / 4)
    assert smape(Y, F) == pytest.approx(100 * (1 / 2.5 + 2 / 3 + 0 + 4 / 18) / 4)
    assert r2(Y, F) == pytest.approx(1 - 5.25 / np.sum((Y - 3.75) ** 2))


@pytest.mark.parametrize("metric", PAIRED)
def test_a_perfect_forecast_scores_the_best_value(metric) -> None:
    assert metric(Y, Y) == (1.0 if metric is r2 else 0.0)


@pytest.mark.parametrize("metric", PAIRED)
def test_column_against_row_is_refused_instead_of_broadcast(metric) -> None:
    with pytest.raises(ValueError, match="would be broadcast"):
        metric(np.ones((4, 1)), np.ones(4))


@pytest.mark.parametrize("metric", PAIRED)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused_on_either_side(metric, bad) -> None:
    broken = Y.copy()
    broken[0, 1] = bad
    with pytest.raises(ValueError, match="`y_true` must be finite"):
        metric(broken, Y)
    with pytest.raises(ValueError, match="`y_pred` must be finite"):
        metric(Y, broken)


@pytest.mark.parametrize("metric", PAIRED)
def test_nothing_to_average_is_refused(metric) -> None:
    with pytest.raises(ValueError, match="empty"):
        metric(np.empty((0, 1)), np.empty((0, 1)))


def test_float32_is_averaged_in_float64() -> None:
    truth = np.full(1_000_000, 1.0, np.float32)
    assert mae(truth, truth + np.float32(0.1)) == pytest.approx(0.1, abs=1e-7)


def test_mape_refuses_zero_and_explains() -> None:
    with pytest.raises(ValueError, match="holds 2 zeros"):
        mape([0.0, 1.0, 0.0], [1.0, 1.0, 1.0])
    assert mape([0.0, 1.0, 0.0], [1.0, 1.0, 1.0], floor=2.0) == pytest.approx(100 / 3)
    with pytest.raises(ValueError, match="`floor` must be positive"):
        mape([1.0], [1.0], floor=0.0)


def test_smape_stays_within_its_bounds_and_counts_double_zero_as_right() -> None:
    assert smape([0.0, 0.0], [0.0, 5.0]) == pytest.approx(100.0)
    assert smape([1.0], [-1.0]) == pytest.approx(200.0)


def test_mase_is_one_for_the_naive_forecast_on_a_steady_ramp() -> None:
    past, future = np.arange(10.0), np.arange(10.0, 15.0)
    assert mase(future, future - 1, past) == pytest.approx(1.0)
    assert mase(future, future - 3, past, period=3) == pytest.approx(1.0)


def test_mase_does_not_depend_on_the_unit() -> None:
    r = np.random.default_rng(0)
    past, y, f = r.normal(size=50), r.normal(size=8), r.normal(size=8)
    assert mase(1000 * y, 1000 * f, 1000 * past) == pytest.approx(mase(y, f, past))


@pytest.mark.parametrize(
    ("past", "period", "message"),
    [
        (np.full(9, 3.0), 1, "naive error is zero"),
        (np.tile([1.0, 2.0], 5), 2, "every 2 steps"),
        (np.arange(3.0), 3, "longer than `period`"),
        (np.ones((3, 3)), 1, "one series"),
    ],
)
def test_mase_refuses_a_past_it_cannot_scale_by(past, period, message) -> None:
    with pytest.raises(ValueError, match=message):
        mase([1.0], [2.0], past, period=period)


def test_r2_refuses_a_constant_truth_and_goes_below_zero() -> None:
    with pytest.raises(ValueError, match="constant"):
        r2(np.full(5, 0.1), np.arange(5.0))
    assert r2([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-3.0)


def test_direction_leaves_out_steps_without_movement() -> None:
    previous = np.zeros(4)
    assert direction_accuracy([1.0, -1.0, 0.0, 2.0], [2.0, 3.0, 9.0, 0.0], previous) == 1 / 3
    with pytest.raises(ValueError, match="never differs"):
        direction_accuracy(np.zeros(3), np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="shape"):
        direction_accuracy(np.zeros((3, 1)), np.ones((3, 1)), np.zeros(3))
