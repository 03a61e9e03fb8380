"""Figures of memory show the numbers that went in, in the right place."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.figures.memory import (
    draw_accuracy_by_lag,
    draw_connectivity,
    draw_gates,
    draw_jacobian_norms,
    draw_state_paths,
    project_states,
)
from runtun.figures.style import PALETTE

R = np.random.default_rng(0)


def test_connectivity_shades_and_bars_are_the_influence() -> None:
    influence = np.array([0.1, 2.0, 0.0, 1.5, 0.2])
    figure = draw_connectivity(influence, "EXaYB", [1, 3])
    strip, bars = figure.axes
    np.testing.assert_array_equal(strip.images[0].get_array()[0], influence)
    np.testing.assert_array_equal([bar.get_height() for bar in bars.patches], influence)
    np.testing.assert_array_equal(bars.lines[0].get_xdata(), [1, 3])
    labels = bars.get_xticklabels()
    assert [label.get_text() for label in labels] == list("EXaYB")
    assert [label.get_fontweight() == "bold" for label in labels] == [0, 1, 0, 1, 0]


def test_a_long_sequence_names_only_the_relevant_symbols() -> None:
    text = "E" + "a" * 49 + "X" + "b" * 49 + "B"
    axes = draw_connectivity(np.ones(101), text, [50]).axes[1]
    assert [
        (int(t), label.get_text())
        for t, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    ] == [(50, "X")]


def test_jacobians_are_drawn_over_the_distance_from_the_end() -> None:
    figure = draw_jacobian_norms({"RNN": np.array([0.25, 0.5, 1.0]), "LSTM": np.ones(3)})
    line = figure.axes[0].lines[0]
    assert dict(zip(line.get_xdata().tolist(), line.get_ydata().tolist(), strict=True)) == {
        0: 1.0,
        1: 0.5,
        2: 0.25,
    }


def test_gates_are_rasters_on_the_scale_of_their_values() -> None:
    gates = {"$f_t$": R.random((5, 3)), "$c_t$": 2 * R.normal(size=(5, 3))}
    figure = draw_gates(gates, "EXaYB", [1, 3])
    amount, signed = (axes.images[0] for axes in figure.axes[:2])
    np.testing.assert_array_equal(amount.get_array(), gates["$f_t$"].T)
    assert amount.get_clim() == (0, 1)
    bound = np.abs(gates["$c_t$"]).max()
    assert signed.get_clim() == (-bound, bound)
    assert [line.get_xdata()[0] for line in figure.axes[0].lines] == [1, 3]


def test_projection_keeps_the_two_directions_of_most_variance() -> None:
    plane = R.normal(size=(6, 9, 2)) * [5, 2]
    basis = np.linalg.qr(R.normal(size=(7, 7)))[0][:2]
    states = plane @ basis + 1e-9 * R.normal(size=(6, 9, 7)) + 3
    points = project_states(states)
    flat, original = points.reshape(-1, 2), plane.reshape(-1, 2)
    distances = [np.linalg.norm(p[:, None] - p, axis=2) for p in (flat, original)]
    np.testing.assert_allclose(*distances, atol=1e-6)
    assert flat[:, 0].var() > flat[:, 1].var()
    np.testing.assert_array_equal(points, project_states(states))


def test_paths_have_the_colour_of_their_class_and_end_in_its_marker() -> None:
    states = R.normal(size=(3, 4, 5))
    figure = draw_state_paths(states, np.array([1, 0, 1]), "QR", [0, 2])
    lines = figure.axes[0].lines
    assert len(lines) == 9  # path, marked steps and end of each
    points = project_states(states)
    np.testing.assert_allclose(lines[0].get_xydata(), points[0])
    np.testing.assert_allclose(lines[1].get_xydata(), points[0][[0, 2]])
    np.testing.assert_allclose(lines[2].get_xydata(), points[0][-1:])
    assert [lines[i].get_color() for i in (0, 3, 6)] == [PALETTE[1], PALETTE[0], PALETTE[1]]
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["Q", "R"]


def test_accuracy_is_the_mean_of_the_seeds_over_increasing_lags() -> None:
    figure = draw_accuracy_by_lag(
        {"RNN": {100: [0.2, 0.4], 10: [1.0, 0.8]}}, chance=0.25, published_lags=[100]
    )
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [10, 100])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.9, 0.3])
    band = axes.collections[0].get_paths()[0].vertices
    assert {round(float(y), 6) for _, y in band} == {0.8, 1.0, 0.2, 0.4}
    assert axes.lines[1].get_ydata()[0] == 0.25
    assert axes.lines[2].get_xdata()[0] == 100


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: draw_connectivity(np.array([-1.0]), "E"), "absolute values"),
        (lambda: draw_connectivity(np.ones(3), "EX"), "one symbol a step, 3; received 2"),
        (lambda: draw_connectivity(np.ones(3), "EXB", [3]), "steps from 0 to 2"),
        (lambda: draw_jacobian_norms({}), "nothing to draw"),
        (lambda: draw_jacobian_norms({"a": np.array([-1.0])}), "at least 0"),
        (lambda: draw_gates({"f": np.ones((4, 2))}, "EXB"), "T = 3"),
        (lambda: draw_gates({}, "EXB"), "nothing to draw"),
        (lambda: project_states(np.zeros((2, 3, 1))), "H ≥ 2"),
        (lambda: draw_state_paths(np.zeros((2, 3, 2)), np.array([0]), "QR"), r"shape \(2,\)"),
        (lambda: draw_state_paths(np.zeros((1, 3, 2)), np.array([2]), "QR"), "2 names"),
        (lambda: draw_accuracy_by_lag({"a": {10: [1.2]}}), "from 0 to 1"),
        (lambda: draw_accuracy_by_lag({"a": {}}), "from 0 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
