"""The figures of sentences: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.figures.sentences import draw_batches, draw_rates, draw_verdicts, draw_word_map
from runtun.figures.style import PALETTE

IDS = np.array([[7, 1, 3], [2, 0, 0]])
MASK = IDS != 0


def test_padding_and_unknown_words_stand_where_they_are() -> None:
    (axes,) = draw_batches({"$B=2$": (IDS, MASK)}, unknown=1).axes
    padding, unknown = axes.lines
    assert list(zip(padding.get_xdata(), padding.get_ydata(), strict=True)) == [(1, 1), (2, 1)]
    assert list(zip(unknown.get_xdata(), unknown.get_ydata(), strict=True)) == [(1, 0)]
    assert unknown.get_color() == PALETTE[1]
    shade = axes.images[0].get_array()
    assert shade[0, 1] == shade[1, 1] == 0  # neither an unknown word nor padding has a shade
    assert shade[1, 0] > shade[0, 2] > shade[0, 0] > 0  # frequent words are darker


def test_batches_lie_side_by_side() -> None:
    left, right = draw_batches(
        {"a": (IDS, MASK), "b": (IDS[:, ::-1], MASK[:, ::-1])}, unknown=1
    ).axes
    np.testing.assert_array_equal(left.images[0].get_array()[:, ::-1], right.images[0].get_array())


def test_rates_are_percent_and_hidden_labels_stay_hidden() -> None:
    (axes,) = draw_rates([1, 10], {"_x": [0.5, 0.1], "_y": [1, 0]}, size="$V$", rate="%").axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[50, 10], [100, 0]]
    assert axes.get_xscale() == "log"
    assert axes.get_legend() is None
    (axes,) = draw_rates([1], {"a": [0.5], "b": [0.1]}, size="$k$", rate="%").axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_words_stand_at_their_points_in_the_colour_of_their_value() -> None:
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    figure = draw_word_map(points, np.array([-1.0, 0.0, 1.0]), ["a", "b", "c"], ["c", "a"])
    (axes,) = figure.axes
    (dots,) = axes.collections
    np.testing.assert_array_equal(dots.get_offsets(), points)
    blue, none, orange = dots.get_facecolors()
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]
    assert none[3] == 0
    assert [(text.get_text(), tuple(text.xy)) for text in axes.texts] == [
        ("c", (4, 5)),
        ("a", (0, 1)),
    ]


def test_a_verdict_is_the_mean_of_its_models() -> None:
    p = np.array([[0.2, 0.4], [0.4, 0.8]])
    one, many = draw_verdicts([(["so", "so"], p[0]), (["so", "good"], p)]).axes
    assert len(one.lines) == 2  # the half and the mean
    assert len(many.lines) == 4  # and each of two models
    np.testing.assert_allclose(many.lines[-1].get_ydata(), [0.3, 0.6])
    assert [label.get_text() for label in many.get_xticklabels()] == ["so", "good"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: draw_batches({}, unknown=1), "one shape"),
        (lambda: draw_batches({"a": (IDS, MASK[:, :2])}, unknown=1), "one shape"),
        (lambda: draw_rates([2, 1], {"a": [0, 0]}, size="x", rate="y"), "rising"),
        (lambda: draw_rates([0, 1], {"a": [0, 0]}, size="x", rate="y"), "positive"),
        (lambda: draw_rates([1, 2], {"a": [0, 2]}, size="x", rate="y"), "shares"),
        (lambda: draw_rates([1, 2], {"a": [0]}, size="x", rate="y"), "2 shares"),
        (lambda: draw_word_map(np.eye(2), np.ones(3), ["a", "b"], []), "shape"),
        (lambda: draw_word_map(np.eye(2), np.ones(2), ["a", "b"], ["c"]), "'c'"),
        (lambda: draw_verdicts([]), "nothing to draw"),
        (lambda: draw_verdicts([(["a"], np.array([1.5]))]), "from 0 to 1"),
        (lambda: draw_verdicts([(["a"], np.array([0.5, 0.5]))]), "1 words"),
    ],
)
def test_what_makes_no_sense_is_refused(draw, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
