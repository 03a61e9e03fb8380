"""Figures of attention: which part of the source each part of the target was written from."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from runtun.checks import finite
from runtun.figures.style import AMOUNT, PALETTE, STYLE, new_figure

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
