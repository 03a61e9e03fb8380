"""Alignment, coloured text, temperature, receptive field and cliff: content, not looks."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from runtun.figures.attention import draw_alignment
from runtun.figures.cliff import draw_cliff
from runtun.figures.convolution import draw_receptive_field, receptive_field
from runtun.figures.style import INK, PALETTE, SIGNED
from runtun.figures.text import (
    SHADE,
    draw_coloured_text,
    draw_streams,
    draw_temperature_fan,
    draw_temperatures,
    find_cell,
    soften,
)

R = np.random.default_rng(0)


def test_alignment_frames_what_is_expected() -> None:
    weights = soften(R.normal(size=(3, 4)), 1.0)
    figure = draw_alignment(weights, "ab d", "xyz", [((1, 3), (0, 2))])
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    (frame,) = axes.patches
    assert frame.get_bbox().bounds == (0.5, -0.5, 2, 2)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "␣", "d"]


def test_the_cell_that_follows_the_marks_is_found_either_way_round() -> None:
    marks = R.random(400) < 0.3
    states = R.normal(size=(400, 6))
    states[:, 4] += 3 * marks
    cell, auc = find_cell(states, marks)
    assert cell == 4
    # The definition itself: how often a marked character has the larger value.
    pairs = states[marks, 4][:, None] > states[~marks, 4]
    assert auc == pytest.approx(pairs.mean())
    assert find_cell(-states, marks) == (4, pytest.approx(1 - auc))


def test_equal_values_count_half() -> None:
    assert find_cell(np.zeros((4, 1)), np.array([True, False, True, False])) == (0, 0.5)


def test_text_is_shaded_character_by_character_and_breaks_its_lines() -> None:
    values = np.array([1.0, -1.0, 0.0, 0.5, -0.5])
    axes = draw_coloured_text("ab\ncd", values, width=10).axes[0]
    places = [(p.get_x(), p.get_y()) for p in axes.patches]
    assert places == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]
    for patch, value in zip(axes.patches, values, strict=True):
        assert patch.get_facecolor() == pytest.approx(SIGNED((SHADE * value + 1) / 2))
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c", "d"]
    wrapped = draw_coloured_text("abc", np.zeros(3), width=2).axes[0]
    assert wrapped.patches[2].get_y() == 1


def test_ink_is_readable_on_the_strongest_shade() -> None:
    def luminance(rgb: np.ndarray) -> float:
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for value in (-1.0, 1.0):
        *colour, opacity = SIGNED((SHADE * value + 1) / 2)
        on_page = np.array(colour) * opacity + (1 - opacity)
        contrast = (luminance(on_page) + 0.05) / (luminance(np.array(to_rgba(INK)[:3])) + 0.05)
        assert contrast > 4.5


def test_temperature_sharpens_and_flattens() -> None:
    logits = np.array([0.0, 2.0, 1.0])
    figure = draw_temperatures(logits, "abc", [0.1, 1.0, 100.0])
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    np.testing.assert_allclose(np.sum(heights, axis=1), 1)
    np.testing.assert_allclose(heights[1], soften(logits, 1.0)[[1, 2, 0]])
    assert heights[0][0] > 0.99
    np.testing.assert_allclose(heights[2], 1 / 3, atol=0.01)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["b", "c", "a"]
    assert "H = 1.58" in figure.axes[2].texts[0].get_text()  # log2(3) bits


def test_bars_may_be_fewer_than_tokens_but_the_entropy_is_of_all() -> None:
    logits = np.arange(8.0)
    axes = draw_temperatures(logits, "abcdefgh", [2.0], most=3).axes[0]
    np.testing.assert_allclose(
        [bar.get_height() for bar in axes.patches], soften(logits, 2.0)[[7, 6, 5]]
    )
    p = soften(logits, 2.0)
    assert f"H = {-(p * np.log2(p)).sum():.2f}" in axes.texts[0].get_text()


def test_the_fan_of_temperatures_holds_every_token_and_the_entropy_rises() -> None:
    logits, temperatures = R.normal(size=8), np.linspace(0.2, 3, 15)
    left, right = draw_temperature_fan(logits, "abcdefgh", temperatures, most=3).axes
    p = np.array([line.get_ydata() for line in left.lines])
    np.testing.assert_allclose(p.sum(axis=0), 1)
    best = left.lines[5]  # after the five that are not named
    np.testing.assert_allclose(best.get_ydata(), [soften(logits, t).max() for t in temperatures])
    assert best.get_label() == "abcdefgh"[logits.argmax()]
    entropy = right.lines[0].get_ydata()
    assert (np.diff(entropy) > 0).all()
    assert entropy[-1] < right.lines[1].get_ydata()[0] == 3  # log2(8), the even choice


def test_streams_show_every_letter_in_its_frame() -> None:
    text, T = "to be or not", 3
    chunks = [[text[6 * b + T * n :][:T] for b in range(2)] for n in range(2)]
    axes = draw_streams(chunks).axes[0]
    letters = [t for t in axes.texts if "$" not in t.get_text()]
    assert "".join(t.get_text() for t in letters) == "to␣or␣be␣not"
    frames = [p for p in axes.patches if isinstance(p, Rectangle)]
    assert len(axes.patches) == 2 * len(frames) == 8  # an arrow behind each
    for k, letter in enumerate(letters):
        assert frames[k // T].get_bbox().contains(*letter.get_position())


@pytest.mark.parametrize("kernel_size", [2, 3])
@pytest.mark.parametrize("dilations", [[1], [1, 2, 4], [1, 2, 4, 1, 2, 4]])
def test_the_receptive_field_is_that_of_a_convolution_that_is_run(kernel_size, dilations) -> None:
    field = receptive_field(kernel_size, dilations)
    steps = field + 5

    def last_output(x: np.ndarray) -> float:
        for d in dilations:
            padded = np.concatenate([np.zeros((kernel_size - 1) * d), x])
            x = sum(padded[k * d : k * d + steps] for k in range(kernel_size))
        return float(x[-1])

    response = np.array([last_output(impulse) for impulse in np.eye(steps)])
    np.testing.assert_array_equal(response > 0, np.arange(steps) >= steps - field)
    figure = draw_receptive_field(kernel_size, dilations, response)
    tree, bars = figure.axes
    seen = [line for line in tree.lines if line.get_linestyle() == "None"]
    bottom = next(line for line in seen if set(line.get_ydata()) == {0})
    np.testing.assert_array_equal(bottom.get_xdata(), np.flatnonzero(response))
    colours = {patch.get_facecolor() for patch in bars.patches if patch.get_height() > 0}
    assert colours == {to_rgba(PALETTE[0])}


def test_a_response_from_the_future_or_too_far_back_is_shown_in_orange() -> None:
    response = np.zeros(8)
    response[[1, 7]] = 1.0  # step 1 lies outside a field of four
    bars = draw_receptive_field(2, [1, 2], response).axes[1].patches
    assert bars[1].get_facecolor() == to_rgba(PALETTE[1])
    assert bars[7].get_facecolor() == to_rgba(PALETTE[0])


def test_the_cliff_shows_the_surface_and_every_visited_point() -> None:
    u, b = np.linspace(0, 2, 6), np.linspace(-1, 1, 5)
    loss = 1 + u * (b[:, None] + 2)
    paths = {"SGD": R.random((7, 2)), "SGD + clip": R.random((3, 2))}
    axes = draw_cliff(u, b, loss, paths).axes[0]
    np.testing.assert_array_equal(axes.collections[0].get_array().reshape(5, 6), loss)
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), paths["SGD"])
    np.testing.assert_array_equal(axes.lines[2].get_xydata(), paths["SGD + clip"])
    np.testing.assert_array_equal(axes.lines[1].get_xydata(), paths["SGD"][:1])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: draw_alignment(np.ones((2, 2)), "ab", "xy"), "distribution in each row"),
        (lambda: draw_alignment(np.eye(2), "abc", "xy"), r"\(T, S\) = \(2, 3\)"),
        (lambda: find_cell(np.zeros((3, 2)), np.array([True] * 3)), "leave others"),
        (lambda: find_cell(np.zeros((3, 2)), np.zeros(3)), "bool"),
        (lambda: draw_coloured_text("ab", np.zeros(3)), "one value a character"),
        (lambda: draw_coloured_text("ab", np.full(2, 1.5)), r"tanh\(c\)"),
        (lambda: draw_coloured_text("a" * 1201, np.zeros(1201)), "at most 1,200"),
        (lambda: soften(np.zeros(2), 0.0), "`temperature` must be positive"),
        (lambda: draw_temperatures(np.zeros(2), "abc"), r"\(V,\) = \(3,\)"),
        (lambda: draw_temperatures(np.zeros(2), "ab", []), "one to four"),
        (lambda: draw_streams([["ab"], ["c"]]), "pieces of one length"),
        (lambda: draw_streams([]), "equally many"),
        (lambda: draw_temperature_fan(np.zeros(2), "ab", np.array([2.0, 1.0])), "rising"),
        (lambda: draw_temperature_fan(np.zeros(2), "abc", np.array([1.0, 2.0])), r"\(3,\)"),
        (lambda: draw_receptive_field(2, [1, 2], np.zeros(3)), "at least the receptive field, 4"),
        (lambda: receptive_field(2, []), "one is needed for each layer"),
        (
            lambda: draw_cliff(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)), {}),
            "must be positive",
        ),
        (
            lambda: draw_cliff(np.arange(2.0)[::-1], np.arange(2.0), np.ones((2, 2)), {}),
            "increasing",
        ),
        (
            lambda: draw_cliff(np.arange(2.0), np.arange(3.0), np.ones((2, 3)), {}),
            r"shape \(N, M\)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
