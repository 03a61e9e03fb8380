"""Figures of character models: streams, a cell that reads along, what temperature does."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from runtun.checks import finite, positive_int
from runtun.figures.style import (
    INK,
    MUTED,
    PALETTE,
    SIGNED,
    STYLE,
    line_styles,
    new_figure,
)

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
    size = min(64 / width, 1.6)  # short lines have room for larger letters
    figure, grid = new_figure(height=0.2 + 0.22 * size * rows)
    axes = grid[0, 0]
    for character, value, (line, place) in zip(text, values, places, strict=True):
        colour = SIGNED((SHADE * value + 1) / 2)
        axes.add_patch(Rectangle((place, line), 1, 1, color=colour, linewidth=0))
        if not character.isspace():
            axes.text(
                place + 0.5,
                line + 0.5,
                visible(character),
                family="DejaVu Sans Mono",
                fontsize=8.5 * size,
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
def draw_streams(chunks: Sequence[Sequence[str]]) -> Figure:
    """Draw how one text is read as parallel streams, chunk after chunk.

    Args:
        chunks: for each chunk, one piece of text for each stream; all pieces of one length.

    Returns:
        A row a stream and a frame a piece, with an arrow wherever a state is carried on.

    Raises:
        ValueError: if there is no chunk, or the pieces differ in number or length.

    >>> len(draw_streams([["ab", "ef"], ["cd", "gh"]]).axes[0].patches)  # 4 frames, 4 arrows
    8
    """
    sizes = {len(chunk) for chunk in chunks}
    lengths = {len(piece) for chunk in chunks for piece in chunk}
    if len(sizes) != 1 or len(lengths) != 1 or not min(sizes) or not min(lengths):
        raise ValueError(
            "`chunks` must hold equally many pieces of one length each; received "
            f"{[[len(piece) for piece in chunk] for chunk in chunks]}."
        )
    B, T, gap = sizes.pop(), lengths.pop(), 2.4
    width = len(chunks) * (T + gap)
    size = min(420 / width, 12)  # few letters have room for larger ones
    figure, grid = new_figure(height=0.45 + 0.42 * B)
    axes = grid[0, 0]
    for n, chunk in enumerate(chunks):
        left = n * (T + gap)
        axes.text(left + T / 2, -0.55, f"$n = {n}$", ha="center", va="center")
        for b, piece in enumerate(chunk):
            axes.add_patch(Rectangle((left, b + 0.1), T, 0.8, fill=False, edgecolor=INK))
            for t, character in enumerate(piece):
                shown = visible(character)
                axes.text(left + t + 0.5, b + 0.5, shown, family="DejaVu Sans Mono", fontsize=size,
                          ha="center", va="center", color=INK)  # fmt: skip
            start, end = left + T + 0.15, left + T + gap - 0.15
            arrow = FancyArrowPatch((start, b + 0.5), (end, b + 0.5), arrowstyle="-|>",
                                    mutation_scale=11, color=PALETTE[1])  # fmt: skip
            axes.add_patch(arrow)
    for b in range(B):
        axes.text(-0.6, b + 0.5, f"${b}$", ha="right", va="center")
    axes.set_xlim(-1.6, width)
    axes.set_ylim(B, -1)
    axes.set_axis_off()
    return figure


def visible(character: str) -> str:
    """Return a character as it can be seen and drawn.

    >>> [visible(character) for character in "a $\\n"]
    ['a', '␣', '\\\\$', '↵']
    """
    return {" ": "␣", "\n": "↵", "$": r"\$"}.get(character, character)


@styled
def draw_temperature_fan(
    logits: np.ndarray, tokens: Sequence[str], temperatures: np.ndarray, *, most: int = 5
) -> Figure:
    """Draw how the probabilities of the next character part and meet as temperature changes.

    Args:
        logits: (V,).
        tokens: V symbols.
        temperatures: (N,), positive and rising.
        most: how many of the most probable tokens are named; at most five.

    Returns:
        Left: p of each token over τ, the most probable ones in colour. Right: their entropy in
        bits, below the dotted line of an even choice.

    >>> axes = draw_temperature_fan(np.arange(3.0), "abc", np.array([0.5, 1.0, 2.0])).axes
    >>> [len(a.lines) for a in axes]
    [3, 2]
    """
    logits = finite(logits, "logits")
    temperatures = finite(temperatures, "temperatures")
    if logits.shape != (len(tokens),) or not len(tokens):
        raise ValueError(
            f"`logits` must have shape (V,) = ({len(tokens)},); received {logits.shape}."
        )
    if temperatures.ndim != 1 or len(temperatures) < 2 or (np.diff(temperatures) <= 0).any():
        raise ValueError("`temperatures` must be at least two rising numbers.")
    p = np.array([soften(logits, temperature) for temperature in temperatures])  # (N, V)
    order = np.argsort(-logits, kind="stable")
    figure, ((left, right),) = new_figure(1, 2, height=2.9, gridspec_kw={"width_ratios": [3, 2]})
    for token in order[most:]:
        left.plot(temperatures, p[:, token], color=MUTED, linewidth=0.8, linestyle="-")
    named = order[:most]
    for token, style in zip(named, line_styles(len(named)), strict=True):
        left.plot(temperatures, p[:, token], **style, label=visible(tokens[token]))
    left.vlines(1.0, 0, 1, color=MUTED, linewidth=1, linestyle=":", zorder=0)
    left.set_ylim(0, 1)
    left.set_ylabel("$p$")
    left.legend(loc="upper right", handlelength=2.6)
    entropy = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1)
    right.plot(temperatures, entropy, color=PALETTE[0], linestyle="-")
    right.axhline(np.log2(len(tokens)), color=MUTED, linewidth=1.5, linestyle=":")
    right.set_ylim(bottom=0)
    right.set_ylabel("$H$ / bit")
    for axes in (left, right):
        axes.set_xlabel(r"$\tau$")
    return figure


@styled
def draw_temperatures(
    logits: np.ndarray,
    tokens: Sequence[str],
    temperatures: Sequence[float] = (0.5, 1.0, 2.0),
    *,
    most: int | None = None,
) -> Figure:
    """Draw what temperature does to the next character's distribution.

    Args:
        logits: (V,).
        tokens: V symbols.
        temperatures: up to four, positive.
        most: how many of the most probable tokens get a bar; None for all. The entropy is that of
            all.

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
    bars = order if most is None else order[: positive_int(most, "most")]
    figure, grid = new_figure(1, len(temperatures), height=2.4, sharey=True)
    for axes, temperature in zip(grid[0], temperatures, strict=True):
        p = soften(logits, temperature)
        entropy = -float(np.sum(p * np.log2(np.where(p > 0, p, 1))))
        axes.bar(range(len(bars)), p[bars], color=PALETTE[0])
        axes.set_xticks(range(len(bars)), [visible(tokens[i]) for i in bars])
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
