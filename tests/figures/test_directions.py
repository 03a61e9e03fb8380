"""Figures of direction and depth show the numbers that went in."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.figures.directions import draw_capacity, draw_errors_by_step, draw_influence_maps


def test_a_map_has_outputs_as_rows_and_keeps_its_zeros() -> None:
    past = np.tril(np.arange(1.0, 10.0).reshape(3, 3))
    (axes,) = draw_influence_maps({"→": past}).axes
    shown = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shown * 9, past)  # scaled to its largest value
    assert (shown[np.triu_indices(3, 1)] == 0).all()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$s$", "$t$")


def test_maps_do_not_share_a_scale_and_an_empty_one_stays_empty() -> None:
    large, nothing = draw_influence_maps({"a": np.full((2, 2), 7.0), "b": np.zeros((2, 2))}).axes
    assert np.asarray(large.images[0].get_array()).max() == 1
    assert np.asarray(nothing.images[0].get_array()).max() == 0


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({}, "one to four"),
        ({"a": -np.ones((2, 2))}, "absolute"),
        ({"a": np.ones(3)}, r"\(T, S\)"),
        (dict.fromkeys("abcde", np.ones((2, 2))), "one to four"),
    ],
)
def test_maps_that_make_no_sense_are_refused(maps: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_influence_maps(maps)


def test_the_last_step_is_marked_and_the_floor_drawn() -> None:
    errors = {"→": np.array([4.0, 2.0, 1.0]), "⇄": np.array([0.5, 0.5, 3.0])}
    (axes,) = draw_errors_by_step(errors, floor=0.8).axes
    one, one_end, both, both_end, floor = axes.lines
    np.testing.assert_array_equal(one.get_ydata(), errors["→"])
    np.testing.assert_array_equal(both.get_ydata(), errors["⇄"])
    assert (one_end.get_xdata()[0], one_end.get_ydata()[0]) == (2, 1.0)
    assert both_end.get_ydata()[0] == 3.0
    assert floor.get_ydata()[0] == 0.8


def test_errors_by_step_must_be_positive_and_of_one_length() -> None:
    with pytest.raises(ValueError, match="one length"):
        draw_errors_by_step({"a": np.ones(3), "b": np.ones(4)})
    with pytest.raises(ValueError, match="positive"):
        draw_errors_by_step({"a": np.array([1.0, 0.0])})
    with pytest.raises(ValueError, match="empty"):
        draw_errors_by_step({})


def test_capacity_draws_the_mean_and_every_seed() -> None:
    train = np.array([[0.2, 0.1], [0.4, 0.3]])
    test = np.array([[0.5, 0.7], [0.7, 0.9]])
    left, right = draw_capacity([10, 100], {"a": (train, test), "b": (test, train)}).axes
    mean, seeds, test_mean, _ = left.lines
    np.testing.assert_allclose(mean.get_ydata(), [0.3, 0.2])
    np.testing.assert_allclose(seeds.get_ydata(), [0.2, 0.1, 0.4, 0.3])
    np.testing.assert_array_equal(seeds.get_xdata(), [10, 100, 10, 100])
    np.testing.assert_allclose(test_mean.get_ydata(), [0.6, 0.8])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [0.6, 0.8])
    with pytest.raises(ValueError, match="seeds, 2"):
        draw_capacity([10, 100], {"a": (train[:, :1], test)})
