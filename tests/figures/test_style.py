"""The palette is measured, not believed: contrast and distance, in both colour schemes."""

from __future__ import annotations

import itertools
import re

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from runtun.figures.style import (
    AMOUNT,
    INK,
    MUTED,
    PALETTE,
    SIGNED,
    add_legend,
    line_styles,
    new_figure,
    set_style,
    to_svg,
)

PAGES = {"light": "#ffffff", "dark": "#121212"}

# hue-rotate(180deg) of the Filter Effects specification, applied after invert(1).
HUE_ROTATE = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])

# Machado, Oliveira and Fernandes 2009, full severity, for linear RGB.
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def shown(colour: str, page: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return rgb if page == "light" else np.clip(HUE_ROTATE @ (1 - rgb), 0, 1)


def linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a: np.ndarray, b: np.ndarray) -> float:
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def lab(lin: np.ndarray) -> np.ndarray:
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    x = to_xyz @ np.clip(lin, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("colour", [*PALETTE, MUTED])
def test_lines_stand_out_from_the_page(colour: str, page: str) -> None:
    assert contrast(shown(colour, page), np.array(to_rgb(PAGES[page]))) >= 3.0


@pytest.mark.parametrize("page", PAGES)
def test_ink_is_readable_as_text(page: str) -> None:
    assert contrast(shown(INK, page), np.array(to_rgb(PAGES[page]))) >= 7.0


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("sight", SIGHT)
def test_colours_stay_apart_for_every_reader(sight: str, page: str) -> None:
    seen = [lab(SIGHT[sight] @ linear(shown(c, page))) for c in PALETTE]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert nearest > 11, f"two colours are {nearest:.1f} apart"


def test_lines_differ_in_dash_as_well_as_in_colour() -> None:
    dashes = [str(style["linestyle"]) for style in line_styles(len(PALETTE))]
    assert len(set(dashes)) == len(PALETTE)


def test_more_lines_than_a_reader_can_tell_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 5 lines; received 6"):
        line_styles(6)


def test_zero_shows_the_page_and_signs_have_their_colour() -> None:
    assert SIGNED(0.5)[3] < 0.02
    assert AMOUNT(0.0)[3] == 0
    np.testing.assert_allclose(SIGNED(0.0)[:3], to_rgb(PALETTE[0]))
    np.testing.assert_allclose(SIGNED(1.0)[:3], to_rgb(PALETTE[1]))
    for value in np.linspace(0, 1, 11):  # opacity grows with distance from zero
        assert SIGNED(value)[3] == pytest.approx(abs(2 * value - 1), abs=0.02)


def test_background_is_transparent_and_the_file_is_reproducible() -> None:
    def draw() -> str:
        figure, axes = new_figure(2, 1)
        axes[0, 0].plot([0, 1], [1, 0])
        return to_svg(figure)

    text = draw()
    assert text == draw()
    assert "<dc:date>" not in text
    assert not re.search(r"fill: ?(#fff\b|#ffffff|white)", text)


def test_pyplot_does_not_keep_the_figures() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    new_figure()
    assert plt.get_fignums() == before


def test_a_figure_leaves_the_settings_of_the_session_alone() -> None:
    before = dict(mpl.rcParams)
    new_figure()
    assert dict(mpl.rcParams) == before


def test_set_style_makes_the_style_that_of_the_session() -> None:
    with mpl.rc_context():
        set_style()
        assert mpl.rcParams["figure.facecolor"] == "none"
        assert mpl.rcParams["lines.linewidth"] == 2.0


def test_a_notebook_shows_a_figure_once_and_as_svg() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    with mpl.rc_context():
        shell = InteractiveShell.instance()
        try:
            set_style()
            data, _ = shell.display_formatter.format(new_figure()[0])
        finally:
            InteractiveShell.clear_instance()
    assert set(data) == {"image/svg+xml", "text/plain"}


@pytest.mark.parametrize("length", [3, 30, 60])
def test_a_legend_is_no_wider_than_the_figure(length: int) -> None:
    figure, grid = new_figure()
    for name in "abcd":
        grid[0, 0].plot([0, 1], label=name * length)
    add_legend(grid[0, 0])
    figure.draw_without_rendering()
    legend = grid[0, 0].get_legend()
    assert legend.get_window_extent().x1 <= figure.bbox.x1 + 1
    assert [text.get_text() for text in legend.get_texts()] == [name * length for name in "abcd"]
