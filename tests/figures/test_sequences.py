"""The figures of the chapter on sequences show the numbers they were given."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.figures.sequences import (
    draw_accuracy_by_position,
    draw_bits,
    draw_growth,
    draw_orders,
)


def test_every_value_is_paired_with_the_next() -> None:
    series = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    figure = draw_orders({"$a$": series, "$b$": series[::-1]})
    pairs = np.asarray(figure.axes[1].collections[0].get_offsets())
    np.testing.assert_array_equal(pairs, np.stack([series[:-1], series[1:]], axis=1))
    backwards = np.asarray(figure.axes[3].collections[0].get_offsets())
    np.testing.assert_array_equal(backwards[::-1, ::-1], pairs)


def test_surprise_is_drawn_from_zero() -> None:
    (axes,) = draw_bits({"$x$": [4.0, 3.0], "$y$": [4.0, 4.0]}).axes
    assert axes.get_ylim()[0] == 0
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [4.0, 3.0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["$x$", "$y$"]


def test_weights_are_drawn_on_two_logarithmic_axes() -> None:
    (axes,) = draw_growth(np.array([1, 10]), {"MLP": np.array([2, 20])}).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [2, 20])


def test_accuracy_shows_mean_and_range_over_seeds() -> None:
    shares = np.array([[0.0, 1.0, 0.5], [1.0, 1.0, 0.7]])
    (axes,) = draw_accuracy_by_position({"RNN": shares}, seen=np.array([0, 1])).axes
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0.5, 1.0, 0.6])
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (0.0, 1.0)


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        draw_orders({"$x$": np.array([1.0, np.nan, 2.0])})
