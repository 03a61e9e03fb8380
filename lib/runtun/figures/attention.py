"""Figures of attention: who looks where, codes of positions, and what looking costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from runtun.checks import finite
from runtun.figures.style import (
    AMOUNT,
    INK,
    MARKERS,
    PALETTE,
    SIGNED,
    STYLE,
    add_legend,
    line_styles,
    new_figure,
)

styled = mpl.rc_context(dict(STYLE))

Span = tuple[int, int]


@styled
def draw_alignment(
    weights: np.ndarray,
    source: Sequence[str],
    target: Sequence[str],
    expected: Sequence[tuple[Span, Span]] = (),
) -> Figure:
    """Draw attention weights as a map from source to target.

    Args:
        weights: (T, S), each row a distribution over the source.
        source: S source tokens or characters.
        target: T target tokens or characters.
        expected: pairs (source span, target span) that should be aligned, framed.

    Returns:
        One row for each target step, one column for each source step.

    Raises:
        ValueError: if the shapes do not fit, or a row is no distribution.

    >>> figure = draw_alignment(np.eye(2), "ab", "xy", [((0, 1), (0, 1))])
    >>> len(figure.axes[0].patches)
    1
    """
    weights = finite(weights, "weights")
    if weights.shape != (len(target), len(source)) or not weights.size:
        raise ValueError(
            f"`weights` must have shape (T, S) = {(len(target), len(source))}; received "
            f"{weights.shape}."
        )
    if weights.min() < 0 or not np.allclose(weights.sum(axis=1), 1, atol=1e-3):
        raise ValueError("`weights` must be a distribution in each row: at least 0, with sum 1.")
    width = min(6.4, 1.2 + 0.22 * len(source))
    figure, grid = new_figure(width=max(width, 3.0), height=min(6.0, 1.0 + 0.22 * len(target)))
    axes = grid[0, 0]
    axes.imshow(weights, cmap=AMOUNT, vmin=0, vmax=1, aspect="auto", interpolation="none")
    for (left, right), (top, bottom) in expected:
        axes.add_patch(
            Rectangle(
                (left - 0.5, top - 0.5),
                right - left,
                bottom - top,
                fill=False,
                edgecolor=PALETTE[1],
                linewidth=2,
            )
        )
    axes.set_xticks(range(len(source)), [_visible(token) for token in source], fontsize=9)
    axes.set_yticks(range(len(target)), [_visible(token) for token in target], fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure


def _visible(token: str) -> str:
    return token.replace(" ", "␣").replace("$", r"\$")


@styled
def draw_positions(codes: np.ndarray, chosen: Sequence[int]) -> Figure:
    """Draw codes of positions, and how well a few of them fit all others.

    Args:
        codes: (T, E), a code for each position.
        chosen: the positions whose products with all others are drawn; at most five.

    Returns:
        On the left the codes as a map, a row for each position; on the right p_t · p_s over s.

    Raises:
        ValueError: if `codes` has another number of axes, or a position lies outside.

    >>> figure = draw_positions(np.eye(4), [2])
    >>> figure.axes[1].lines[0].get_ydata()
    array([0., 0., 1., 0.])
    """
    codes = finite(codes, "codes")
    if codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(f"`codes` must have shape (T, E); received {codes.shape}.")
    if not all(0 <= t < len(codes) for t in chosen):
        raise ValueError(f"`chosen` must lie from 0 to {len(codes) - 1}; received {list(chosen)}.")
    figure, ((left, right),) = new_figure(1, 2, height=3.0, gridspec_kw={"width_ratios": (1, 1.3)})
    bound = np.abs(codes).max()
    left.imshow(codes, cmap=SIGNED, vmin=-bound, vmax=bound, aspect="auto", interpolation="none")
    left.set_xlabel("$e$")
    left.set_ylabel("$t$")
    for t, style in zip(chosen, line_styles(len(chosen)), strict=True):
        right.plot(np.arange(len(codes)), codes @ codes[t], label=f"$t = {t}$", **style)
    right.set_xlabel("$s$")
    right.set_ylabel(r"$p_t \cdot p_s$")
    add_legend(right)
    return figure


@styled
def draw_cost(costs: Mapping[str, Mapping[int, float]], *, unit: str = "s") -> Figure:
    """Draw what a layer costs against the length of the sequence, on logarithmic axes.

    Args:
        costs: label -> length T -> cost, positive; at most five labels.
        unit: label of the cost axis.

    Raises:
        ValueError: if there is nothing to draw, or a cost is not positive.

    >>> figure = draw_cost({"RNN": {10: 0.1, 100: 1.0}})
    >>> figure.axes[0].get_xscale(), figure.axes[0].get_yscale()
    ('log', 'log')
    """
    if not costs:
        raise ValueError("`costs` is empty: there is nothing to draw.")
    figure, ((axes,),) = new_figure(height=3.0)
    styles = zip(line_styles(len(costs)), MARKERS, strict=False)
    for (label, by_length), (style, marker) in zip(costs.items(), styles, strict=False):
        lengths = sorted(by_length)
        values = [by_length[length] for length in lengths]
        if not lengths or min(values) <= 0:
            raise ValueError(f"`costs[{label!r}]` must map lengths to positive costs.")
        axes.plot(lengths, values, marker=marker, markersize=5, label=label, **style)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    lengths = sorted({length for by_length in costs.values() for length in by_length})
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    axes.set_xlabel("$T$")
    axes.set_ylabel(unit)
    axes.grid(color=INK, alpha=0.12, linewidth=0.8)
    add_legend(axes)
    return figure
