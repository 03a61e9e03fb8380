"""The waves: the published data to the last digit, and the trap in the time step."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.data.waves import NOISE_FLOOR, generate_waves, published_waves
from runtun.forecasting.baselines import LeastSquares, naive_forecast
from runtun.forecasting.metrics import mse


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_published_naive_errors_come_out_one_and_ten_steps_ahead() -> None:
    x, y = published_waves().validation
    assert mse(y, naive_forecast(x)) == pytest.approx(0.020211, abs=5e-7)
    x, y = published_waves(horizon=10).validation
    assert mse(y, naive_forecast(x, horizon=10)) == pytest.approx(0.256974, abs=5e-6)


def test_least_squares_reaches_what_the_published_linear_layer_missed() -> None:
    (x, y), (x_validation, y_validation), _ = published_waves()
    error = mse(y_validation, LeastSquares().fit(x, y).predict(x_validation))
    assert error == pytest.approx(0.00293, abs=5e-6)
    (x, y), (x_validation, y_validation), _ = published_waves(horizon=10)
    error = mse(y_validation, LeastSquares().fit(x, y).predict(x_validation))
    assert error == pytest.approx(0.0155, abs=5e-5)


def test_published_parts_have_the_published_sizes_and_share_no_series() -> None:
    parts = published_waves(horizon=10, every_step=True)
    assert [part.x.shape for part in parts] == [(7000, 50, 1), (2000, 50, 1), (1000, 50, 1)]
    assert [part.y.shape for part in parts] == [(7000, 50, 10), (2000, 50, 10), (1000, 50, 10)]
    assert parts.train.x.dtype == np.float32
    rows = np.concatenate([part.x[:, :, 0] for part in parts])
    assert len(np.unique(rows, axis=0)) == 10_000


def test_published_waves_leave_the_global_generator_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (the global one is what is tested)
    published_waves()
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_the_same_generator_state_gives_the_same_series() -> None:
    np.testing.assert_array_equal(generate_waves(4, 20, rng(7)), generate_waves(4, 20, rng(7)))
    assert not np.array_equal(generate_waves(4, 20, rng(7)), generate_waves(4, 20, rng(8)))


def test_noise_has_the_variance_of_the_floor() -> None:
    # A step this small leaves the sines constant over a series: only the noise varies.
    series = generate_waves(2000, 50, rng(), step=1e-9)[..., 0].astype(np.float64)
    assert series.var(axis=1, ddof=1).mean() == pytest.approx(NOISE_FLOOR, rel=0.02)


def test_a_longer_series_changes_the_frequencies_unless_the_step_is_fixed() -> None:
    def wiggle(series: np.ndarray) -> float:
        return float(np.mean(np.diff(series[..., 0], axis=1) ** 2))

    short = wiggle(generate_waves(3000, 51, rng()))
    shifted = wiggle(generate_waves(3000, 101, rng()))
    same = wiggle(generate_waves(3000, 101, rng(), step=1 / 50))
    assert shifted < 0.4 * short
    assert same == pytest.approx(short, rel=0.05)


def test_the_shift_spoils_a_forecaster_that_was_exact_on_its_own_length() -> None:
    (x, y), _, _ = published_waves()
    model = LeastSquares().fit(x, y)
    shifted = generate_waves(2000, 60, rng())
    fixed = generate_waves(2000, 60, rng(), step=1 / 50)
    error = {
        name: mse(series[:, 50], model.predict(series[:, :50]))
        for name, series in (("shifted", shifted), ("fixed", fixed))
    }
    assert error["fixed"] == pytest.approx(0.0029, rel=0.1)
    assert error["shifted"] > 1.4 * error["fixed"]


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, np.inf])
def test_a_step_that_is_no_step_is_refused(step: float) -> None:
    with pytest.raises(ValueError, match="`step` must be positive"):
        generate_waves(2, 10, rng(), step=step)


def test_a_seed_in_place_of_a_generator_is_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match="default_rng"):
        generate_waves(2, 10, 42)  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "length"), [(0, 10), (2, 1), (-1, 10)])
def test_empty_sizes_are_refused(count: int, length: int) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        generate_waves(count, length, rng())


def test_a_size_that_is_no_integer_is_refused() -> None:
    with pytest.raises(TypeError, match="`length` must be an integer"):
        generate_waves(2, 10.0, rng())  # type: ignore[arg-type]
