"""Figures of encoders and decoders: what was read, a beam search, and results by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from runtun.checks import finite
from runtun.figures.style import (
    INK,
    MARKERS,
    MUTED,
    PALETTE,
    STYLE,
    add_legend,
    line_styles,
    new_figure,
)

styled = mpl.rc_context(dict(STYLE))


@styled
def draw_contexts(points: np.ndarray, groupings: Sequence[Sequence[int]]) -> Figure:
    """Draw vectors in the plane, each as the number of the group to which it belongs.

    Args:
        points: (N, 2), for example the first two principal components of context vectors.
        groupings: ways to group the points, a panel for each: N whole numbers from 0 to 9.

    Returns:
        One panel for each grouping, all with the same points.

    Raises:
        ValueError: if the points are not pairs, or a grouping does not fit.

    >>> figure = draw_contexts(np.eye(2), [[1, 2], [7, 7]])
    >>> [len(axes.collections) for axes in figure.axes]
    [2, 1]
    """
    points = finite(points, "points")
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"`points` must have shape (N, 2); received {points.shape}.")
    figure, (panels,) = new_figure(1, len(groupings), height=3.2, sharex=True, sharey=True)
    for axes, grouping in zip(panels, groupings, strict=True):
        groups = np.asarray(grouping)
        if groups.shape != (len(points),) or not np.isin(groups, range(10)).all():
            raise ValueError(
                f"a grouping must be {len(points)} whole numbers from 0 to 9; received shape "
                f"{groups.shape} with values {np.unique(groups)}."
            )
        for group in np.unique(groups).tolist():
            axes.scatter(
                *points[groups == group].T,
                marker=f"${group}$",
                s=26,
                linewidths=0.3,
                color=PALETTE[group % len(PALETTE)],
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel("PC 1")
    panels[0].set_ylabel("PC 2")
    return figure


class BeamNode(NamedTuple):
    """One beginning that a beam search has kept.

    Args:
        token: its last token.
        score: log p of the whole beginning, in nats.
        parent: place of the beginning that it continues, in the row above.
    """

    token: str
    score: float
    parent: int


@styled
def draw_beam(
    rows: Sequence[Sequence[BeamNode]], chosen: int, *, greedy: Sequence[str] = ()
) -> Figure:
    """Draw what a beam search has kept, step by step, from the top.

    Args:
        rows: what was kept after each step, the best first; parents of the first row are ignored.
        chosen: place in the last row of the sequence that was chosen; it is drawn in orange.
        greedy: the tokens of greedy decoding; as far as the beam has kept them, they are framed.

    Returns:
        One row for each step, one column for each rank; under each token log p of its beginning.

    Raises:
        ValueError: if a parent or `chosen` does not exist.

    >>> rows = [[BeamNode("a", -0.5, 0), BeamNode("b", -1.0, 0)], [BeamNode("c", -1.1, 1)]]
    >>> figure = draw_beam(rows, 0)
    >>> [line.get_color() == PALETTE[1] for line in figure.axes[0].lines]
    [True]
    """
    for above, row in zip([[None] * len(rows[0]), *rows], rows, strict=False):
        if any(not 0 <= node.parent < len(above) for node in row):
            raise ValueError(f"`rows`: a parent lies outside the row above, {len(above)} wide.")
    if not 0 <= chosen < len(rows[-1]):
        raise ValueError(f"`chosen` must lie from 0 to {len(rows[-1]) - 1}; received {chosen}.")
    on_path, place = [], chosen
    for row in reversed(rows):
        on_path.insert(0, place)
        place = row[place].parent
    written: list[list[list[str]]] = []  # tokens of each kept beginning
    for row in rows:
        before = written[-1] if written else [[]] * len(row)
        written.append([[*before[node.parent if written else 0], node.token] for node in row])
    width = max(len(row) for row in rows)
    figure, ((axes,),) = new_figure(height=0.5 + 0.46 * len(rows))
    for depth, row in enumerate(rows):
        for rank, node in enumerate(row):
            best = rank == on_path[depth]
            if depth:
                axes.plot(
                    [node.parent, rank],
                    [depth - 0.74, depth - 0.22],
                    "-",
                    color=PALETTE[1] if best and node.parent == on_path[depth - 1] else MUTED,
                    linewidth=2 if best else 1.2,
                )
            is_greedy = written[depth][rank] == list(greedy[: depth + 1])
            axes.text(
                rank,
                depth,
                node.token.replace("$", r"\$"),
                ha="center",
                va="center",
                color=PALETTE[1] if best else INK,
                bbox={"boxstyle": "round,pad=0.2", "facecolor": "none", "edgecolor": PALETTE[0]}
                if is_greedy
                else None,
            )
            axes.text(
                rank + 0.22,
                depth,
                f"${node.score:.2f}$",
                ha="left",
                va="center",
                fontsize=9,
                color=INK,
            )
    axes.set_xlim(-0.45, width - 0.4)
    axes.set_ylim(len(rows) - 0.5, -0.6)
    axes.set_xticks(range(width), [f"${rank + 1}$" for rank in range(width)])
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(rows)), [f"${depth + 1}$" for depth in range(len(rows))])
    axes.set_ylabel("$t$", rotation=0, labelpad=10)
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure


@styled
def draw_by_length(
    curves: Mapping[str, Mapping[int, float]], *, unit: str = "%", symbol: str = "$S$"
) -> Figure:
    """Draw how a result depends on the length of what was asked.

    Args:
        curves: label -> result for each length, in percent; at most five.
        unit: label of the vertical axis.
        symbol: label of the horizontal axis.

    Raises:
        ValueError: if there is no curve, or a curve has no length.

    >>> figure = draw_by_length({"$H=8$": {2: 90.0, 3: 20.0}})
    >>> figure.axes[0].lines[0].get_xdata()
    array([2, 3])
    """
    if not curves or not all(curves.values()):
        raise ValueError("`curves` must map each label to results by length; one is empty.")
    figure, ((axes,),) = new_figure(height=3.0)
    styles = zip(line_styles(len(curves)), MARKERS, strict=False)
    for (label, results), (style, marker) in zip(curves.items(), styles, strict=False):
        lengths = np.array(sorted(results))
        values = finite(np.array([results[n] for n in lengths.tolist()]), f"curves[{label!r}]")
        axes.plot(lengths, values, marker=marker, markersize=5, label=label, **style)
    axes.set_ylim(-4, 104)
    axes.set_xticks(sorted({n for results in curves.values() for n in results}))
    axes.set_xlabel(symbol)
    axes.set_ylabel(unit)
    add_legend(axes)
    return figure
