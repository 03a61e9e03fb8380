"""The figures of convolutions show what was measured, at the step where it was measured."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from runtun.figures.convolution import draw_change, draw_responses
from runtun.figures.style import PALETTE


def test_each_response_begins_at_the_first_step() -> None:
    series, response = np.arange(9.0), np.array([3.0, -1.0, 2.0])
    above, below = draw_responses(series, {"(a)": response}).axes
    np.testing.assert_array_equal(above.lines[0].get_ydata(), series)
    curve = below.lines[-1]
    np.testing.assert_array_equal(curve.get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(curve.get_ydata(), response)


@pytest.mark.parametrize("responses", [{}, {"(a)": np.zeros(10)}, {"(a)": np.zeros((2, 2))}])
def test_responses_that_cannot_belong_to_the_series_are_refused(responses: dict) -> None:
    with pytest.raises(ValueError, match="responses"):
        draw_responses(np.zeros(9), responses)


def test_a_change_before_its_cause_stands_out() -> None:
    figure = draw_change({"(a)": np.array([0.0, 2.0, 1.0, 1.0]), "(b)": np.zeros(4)}, start=2)
    bars = figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == [0, 2, 1, 1]
    colours = [bar.get_facecolor() for bar in bars]
    assert colours[:2] == [to_rgba(PALETTE[1])] * 2
    assert colours[2:] == [to_rgba(PALETTE[0])] * 2


def test_changes_have_one_length_and_a_size() -> None:
    with pytest.raises(ValueError, match="one shape"):
        draw_change({"(a)": np.zeros(3), "(b)": np.zeros(4)}, start=1)
    with pytest.raises(ValueError, match="at least 0"):
        draw_change({"(a)": np.array([-1.0])}, start=1)
