"""The figures of forecasts over several steps show the numbers they were given."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.figures.multi_step import draw_by_step, draw_fan, draw_targets


def test_errors_are_counted_from_one_step_ahead() -> None:
    axes = draw_by_step({"a": np.array([0.1, 0.3]), "b": np.array([0.2, 0.2])}, floor=0.05).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [1, 2])
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0.1, 0.3])
    assert axes.get_ylim()[0] == 0
    assert axes.lines[-1].get_ydata()[0] == 0.05


def test_signed_curves_show_zero_instead_of_ending_there() -> None:
    axes = draw_by_step({"a": np.array([1.0, -1.0])}).axes[0]
    assert axes.get_ylim()[0] < -1
    assert list(axes.lines[-1].get_ydata()) == [0, 0]


def test_curves_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        draw_by_step({"a": np.zeros(2), "b": np.zeros(3)})


def test_each_target_begins_where_the_seen_values_end() -> None:
    below = draw_targets(np.arange(9.0), steps=[2, 6], horizon=3).axes[1]
    for step, seen, target in zip((2, 6), below.lines[::2], below.lines[1::2], strict=True):
        assert list(seen.get_xdata()) == [0.5, step + 0.5]
        np.testing.assert_array_equal(target.get_xdata(), step + np.array([1, 2, 3]))


@pytest.mark.parametrize("step", [0, 7])
def test_a_target_outside_the_series_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 6"):
        draw_targets(np.arange(9.0), steps=[step], horizon=3)


def test_bands_hold_the_parts_they_promise() -> None:
    paths = np.random.default_rng(0).normal(size=(4000, 2))
    axes = draw_fan(np.zeros(3), np.zeros(2), paths, levels=[0.8]).axes[0]
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(-1.28, abs=0.1)
    assert heights.max() == pytest.approx(1.28, abs=0.1)
    with pytest.raises(ValueError, match="horizon = 3"):
        draw_fan(np.zeros(3), np.zeros(3), paths)
