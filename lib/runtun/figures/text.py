"""Figures of character models: a cell that reads along, and what temperature does."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from runtun.checks import finite, positive_int
from runtun.figures.style import INK, PALETTE, SIGNED, STYLE, new_figure

styled = mpl.rc_context(dict(STYLE))

SHADE = 0.6
"""Greatest opacity behind a character, so that the ink stays readable on it."""


def find_cell(states: np.ndarray, marks: np.ndarray) -> tuple[int, float]:
    """Find the cell that tells marked characters from the others best.

    Args:
        states: value of every cell after every character, (N, H).
        marks: whether each character is marked, for example inside quotation marks; bool (N,).

    Returns:
        (cell, AUC): the probability that the cell's value is larger on a marked character than on
        another; 0.5 is chance. A cell that is smaller there counts as well: its AUC is below 0.5.

    Raises:
        ValueError: if the shapes do not fit, or all characters are marked alike.

    >>> states = np.array([[0.1, 5.0], [0.2, 6.0], [0.1, 1.0]])
    >>> find_cell(states, np.array([True, True, False]))
    (1, 1.0)
    """
    states = finite(states, "states")
    marks = np.asarray(marks)
    if states.ndim != 2 or marks.shape != states.shape[:1] or marks.dtype != bool:
        raise ValueError(
            f"`states` must have shape (N, H) and `marks` be bool (N,); received {states.shape} "
            f"and {marks.dtype} {marks.shape}."
        )
    marked, others = int(marks.sum()), int((~marks).sum())
    if not marked or not others:
        raise ValueError("`marks` must mark some characters and leave others.")
    aucs = np.empty(states.shape[1])
    for cell, values in enumerate(states.T):
        # Rank sum (Mann and Whitney), with the mean rank for equal values.
        _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
        aucs[cell] = (ranks[marks].sum() - marked * (marked + 1) / 2) / (marked * others)
    best = int(np.abs(aucs - 0.5).argmax())
    return best, float(aucs[best])


@styled
def draw_coloured_text(text: str, values: np.ndarray, *, width: int = 64) -> Figure:
    """Draw a text with each character shaded by a cell's value after reading it.

    Args:
        text: at most 1,200 characters.
        values: (len(text),), from -1 to 1, for example tanh(c) of one cell.
        width: characters in a line; lines also end where the text has a line end.

    Returns:
        The text in a fixed-width font; blue below zero, orange above, zero as the page.

    >>> len(draw_coloured_text("ya", np.array([1.0, -1.0])).axes[0].patches)
    2
    """
    values = finite(values, "values")
    width = positive_int(width, "width")
    if values.shape != (len(text),) or not text:
        raise ValueError(
            f"`values` must have one value a character, ({len(text)},); received {values.shape}."
        )
    if len(text) > 1200:
        raise ValueError(f"`text` must have at most 1,200 characters; received {len(text)}.")
    if np.abs(values).max() > 1:
        raise ValueError("`values` must lie between -1 and 1; pass tanh(c).")
    row, column, places = 0, 0, []
    for character in text:
        if column == width:
            row, column = row + 1, 0
        places.append((row, column))
        row, column = (row + 1, 0) if character == "\n" else (row, column + 1)
    rows = places[-1][0] + 1
    figure, grid = new_figure(height=0.2 + 0.22 * rows)
    axes = grid[0, 0]
    for character, value, (line, place) in zip(text, values, places, strict=True):
        colour = SIGNED((SHADE * value + 1) / 2)
        axes.add_patch(Rectangle((place, line), 1, 1, color=colour, linewidth=0))
        if not character.isspace():
            axes.text(
                place + 0.5,
                line + 0.5,
                character.replace("$", r"\$"),
                family="DejaVu Sans Mono",
                fontsize=7.5,
                ha="center",
                va="center",
                color=INK,
            )
    axes.set_xlim(0, width)
    axes.set_ylim(rows, 0)
    axes.set_axis_off()
    return figure


def soften(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(logits / temperature).

    >>> soften(np.array([0.0, np.log(3.0)]), 1.0)
    array([0.25, 0.75])
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"`temperature` must be positive; received {temperature!r}.")
    scaled = finite(logits, "logits") / temperature
    weights = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


@styled
def draw_temperatures(
    logits: np.ndarray, tokens: Sequence[str], temperatures: Sequence[float] = (0.5, 1.0, 2.0)
) -> Figure:
    """Draw what temperature does to the next character's distribution.

    Args:
        logits: (V,).
        tokens: V symbols.
        temperatures: up to four, positive.

    Returns:
        One panel a temperature: probabilities as bars in the order of the logits, the temperature
        τ and the entropy H in bits above.

    >>> figure = draw_temperatures(np.array([2.0, 1.0, 0.0]), "abc", [1.0])
    >>> round(float(sum(bar.get_height() for bar in figure.axes[0].patches)), 6)
    1.0
    """
    logits = finite(logits, "logits")
    if logits.shape != (len(tokens),) or not len(tokens):
        raise ValueError(
            f"`logits` must have shape (V,) = ({len(tokens)},); received {logits.shape}."
        )
    if not 1 <= len(temperatures) <= 4:
        raise ValueError(f"`temperatures` must be one to four; received {len(temperatures)}.")
    order = np.argsort(-logits, kind="stable")
    figure, grid = new_figure(1, len(temperatures), height=2.4, sharey=True)
    for axes, temperature in zip(grid[0], temperatures, strict=True):
        p = soften(logits, temperature)[order]
        entropy = -float(np.sum(p * np.log2(np.where(p > 0, p, 1))))
        axes.bar(range(len(p)), p, color=PALETTE[0])
        labels = [tokens[i].replace(" ", "␣").replace("\n", "↵") for i in order]
        axes.set_xticks(range(len(p)), labels)
        axes.text(
            1,
            0.98,
            rf"$\tau = {temperature:g}$" + "\n" + rf"$H = {entropy:.2f}$ bit",
            transform=axes.transAxes,
            ha="right",
            va="top",
        )
        axes.set_ylim(0, 1)
    grid[0, 0].set_ylabel("$p$")
    return figure
