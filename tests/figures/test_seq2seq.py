"""The figures of encoders and decoders show what was read, kept and reached."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from runtun.figures.seq2seq import BeamNode, draw_beam, draw_by_length, draw_contexts
from runtun.figures.style import PALETTE

TREE = [
    [BeamNode("a", -0.4, 0), BeamNode("b", -1.2, 0)],
    [BeamNode("c", -1.3, 1), BeamNode("d", -2.0, 0)],
    [BeamNode("■", -1.4, 0), BeamNode("■", -2.1, 1)],
]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_each_point_is_drawn_once_in_every_panel() -> None:
    points = np.random.default_rng(0).normal(size=(30, 2))
    groups = [np.arange(30) % 3 + 1, np.arange(30) % 10]
    figure = draw_contexts(points, groups)
    for axes, grouping in zip(figure.axes, groups, strict=True):
        drawn = [clouds.get_offsets() for clouds in axes.collections]
        assert [len(part) for part in drawn] == np.bincount(grouping)[grouping.min() :].tolist()
        np.testing.assert_array_equal(drawn[0], points[grouping == grouping.min()])


@pytest.mark.parametrize("grouping", [[1, 2], [1, 2, 10], [0.5, 1, 2]])
def test_groups_that_do_not_fit_are_refused(grouping: list[float]) -> None:
    with pytest.raises(ValueError, match="3 whole numbers from 0 to 9"):
        draw_contexts(np.zeros((3, 2)), [grouping])


def test_points_must_lie_in_a_plane() -> None:
    with pytest.raises(ValueError, match=r"\(N, 2\)"):
        draw_contexts(np.zeros((3, 3)), [[1, 2, 3]])


def test_every_kept_beginning_stands_with_its_score() -> None:
    figure = draw_beam(TREE, 0)
    assert texts(figure)[:4] == ["a", "$-0.40$", "b", "$-1.20$"]
    assert len(figure.axes[0].lines) == 4  # one line to each beginning but the first ones


def test_the_chosen_path_is_followed_back_to_the_top() -> None:
    axes = draw_beam(TREE, 0).axes[0]
    orange = {text.get_text() for text in axes.texts if text.get_color() == PALETTE[1]}
    assert orange == {"b", "c", "■"}
    chosen = [list(line.get_xdata()) for line in axes.lines if line.get_color() == PALETTE[1]]
    assert chosen == [[1, 0], [0, 0]]


def test_greedy_is_framed_as_far_as_it_was_kept() -> None:
    axes = draw_beam(TREE, 0, greedy=["a", "d", "x"]).axes[0]
    framed = [text.get_text() for text in axes.texts if text.get_bbox_patch() is not None]
    assert framed == ["a", "d"]


def test_a_tree_with_a_missing_parent_is_refused() -> None:
    with pytest.raises(ValueError, match="a parent lies outside"):
        draw_beam([TREE[0], [BeamNode("c", -1.0, 2)]], 0)
    with pytest.raises(ValueError, match="`chosen`"):
        draw_beam(TREE, 2)


def test_lengths_need_not_begin_at_one() -> None:
    axes = draw_by_length({"a": {4: 50.0, 2: 100.0}, "b": {3: 0.0}}).axes[0]
    assert list(axes.lines[0].get_xdata()) == [2, 4]
    assert list(axes.lines[0].get_ydata()) == [100.0, 50.0]
    assert list(axes.get_xticks()) == [2, 3, 4]
    with pytest.raises(ValueError, match="one is empty"):
        draw_by_length({"a": {}})
