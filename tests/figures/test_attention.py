"""The figures of attention show the products and costs they were given."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.figures.attention import draw_cost, draw_positions
from runtun.positions import sinusoidal_positions


def test_the_code_of_a_position_fits_itself_best() -> None:
    codes = sinusoidal_positions(40, 16)
    left, right = draw_positions(codes, [5, 30]).axes
    np.testing.assert_array_equal(left.images[0].get_array(), codes)
    for line, t in zip(right.lines, (5, 30), strict=True):
        np.testing.assert_allclose(line.get_ydata(), codes @ codes[t])
        assert line.get_ydata().argmax() == t


@pytest.mark.parametrize(
    ("codes", "chosen"), [(np.zeros(4), [0]), (np.zeros((4, 2)), [4]), (np.zeros((4, 2)), [-1])]
)
def test_positions_that_do_not_exist_are_refused(codes: np.ndarray, chosen: list[int]) -> None:
    with pytest.raises(ValueError, match=r"codes|chosen"):
        draw_positions(codes, chosen)


def test_costs_are_drawn_by_growing_length() -> None:
    axes = draw_cost({"a": {256: 4.0, 64: 1.0}}).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [64, 256])
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1.0, 4.0])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["64", "256"]
    with pytest.raises(ValueError, match="positive"):
        draw_cost({"a": {64: 0.0}})
