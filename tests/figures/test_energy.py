"""The figures of the energy laboratory show the numbers they were given."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.figures.energy import (
    draw_by_clock,
    draw_days,
    draw_evenings,
    draw_residuals,
    draw_week,
)


def test_a_week_begins_with_monday_at_the_top_and_midnight_at_the_left() -> None:
    week = np.arange(7.0 * 48).reshape(7, 48)
    axes = draw_week(week).axes[0]
    (picture,) = axes.images
    np.testing.assert_array_equal(picture.get_array(), week)
    left, right, bottom, top = picture.get_extent()
    assert (left, right) == (0, 24)
    assert bottom > top
    with pytest.raises(ValueError, match="days, steps"):
        draw_week(np.zeros(7))


def test_each_evening_stands_at_its_hours() -> None:
    hours = np.array([18.0, 19.0])
    left, right = draw_evenings(
        np.array([20.0, 21.0]), np.array([0.8, 0.9]), hours, {"$a$": hours / 20, "$b$": hours / 19}
    ).axes
    np.testing.assert_array_equal(left.lines[0].get_xydata(), [[20.0, 0.8], [21.0, 0.9]])
    np.testing.assert_array_equal(right.lines[1].get_ydata(), hours / 19)


def test_days_above_and_below_zero_differ_in_colour_and_borders_stand_between_days() -> None:
    left, right = draw_days(np.array([1.0, -2.0, 3.0]), borders=[2]).axes
    above, below, again = (bar.get_facecolor() for bar in left.patches)
    assert above == again != below
    assert list(left.lines[-1].get_xdata()) == [1.5, 1.5]
    np.testing.assert_array_equal(right.lines[-1].get_xydata(), [[1, -2], [-2, 3]])
    with pytest.raises(ValueError, match="two days"):
        draw_days(np.array([1.0]))


def test_half_hours_are_hours_of_the_clock() -> None:
    axes = draw_by_clock({"a": np.ones(48), "b": np.full(48, 2.0)}).axes[0]
    assert axes.lines[0].get_xdata()[-1] == 23.5
    assert axes.get_ylim()[0] == 0
    assert draw_by_clock({"a": -np.ones(24)}).axes[0].get_ylim()[0] < -1
    with pytest.raises(ValueError, match="one length"):
        draw_by_clock({"a": np.ones(48), "b": np.ones(24)})


def test_maps_of_errors_share_one_scale_around_zero() -> None:
    figure = draw_residuals({"a": np.full((3, 4), -2.0), "b": np.ones((3, 4))}, marks=[3])
    for axes in figure.axes[:2]:
        assert axes.images[0].get_clim() == (-2.0, 2.0)
        assert list(axes.lines[0].get_ydata()) == [3]
    with pytest.raises(ValueError, match="1 to 3"):
        draw_residuals({"a": np.ones((3, 4))}, marks=[0])
    with pytest.raises(ValueError, match="one shape"):
        draw_residuals({"a": np.ones((3, 4)), "b": np.ones((2, 4))})
