"""Figures of convolutions: what kernels answer, what an output can see, and what it did see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from runtun.checks import finite, positive_int
from runtun.figures.style import INK, MUTED, PALETTE, STYLE, new_figure

styled = mpl.rc_context(dict(STYLE))


def receptive_field(kernel_size: int, dilations: Sequence[int]) -> int:
    """Return how many steps the last output of stacked causal convolutions can see.

    1 + (kernel_size - 1) · Σ dilations

    >>> receptive_field(2, [1, 2, 4, 8])
    16
    """
    kernel_size = positive_int(kernel_size, "kernel_size")
    if not len(dilations):
        raise ValueError("`dilations` is empty: one is needed for each layer.")
    return 1 + (kernel_size - 1) * sum(positive_int(d, "dilations") for d in dilations)


@styled
def draw_receptive_field(
    kernel_size: int, dilations: Sequence[int], response: np.ndarray | None = None
) -> Figure:
    """Draw the tree of connections that leads to the last output, and the measured response.

    Args:
        kernel_size: K of every layer.
        dilations: one for each layer, from the input up.
        response: measured |∂y_T/∂x_t|, (T,), T at least the receptive field; drawn below. Values
            outside the tree prove a mistake, and are drawn in orange.

    Returns:
        Layers as rows of dots, the input at the bottom; below it the response as bars.

    >>> figure = draw_receptive_field(2, [1, 2])
    >>> len(figure.axes[0].lines) - 3  # connections, beside three rows of dots
    6
    """
    field = receptive_field(kernel_size, dilations)
    steps = field
    if response is not None:
        response = finite(response, "response")
        if response.ndim != 1 or len(response) < field:
            raise ValueError(
                f"`response` must have shape (T,) with T at least the receptive field, {field}; "
                f"received {response.shape}."
            )
        steps = len(response)
    rows = 1 if response is None else 2
    figure, grid = new_figure(
        rows,
        1,
        height=0.7 + 0.55 * (len(dilations) + 1) + 1.1 * (rows - 1),
        sharex=True,
        **({"height_ratios": (2, 1)} if rows == 2 else {}),
    )
    tree = grid[0, 0]
    active = {steps - 1}
    reached = [active]
    for layer in range(len(dilations), 0, -1):
        below = set()
        for t in sorted(active):
            for k in range(kernel_size):
                source = t - k * dilations[layer - 1]
                below.add(source)
                tree.plot([source, t], [layer - 1, layer], color=PALETTE[0], linewidth=1.2, ls="-")
        active = below
        reached.append(active)
    for layer, seen in enumerate(reversed(reached)):
        tree.scatter(range(steps), np.full(steps, layer), s=14, color=MUTED, alpha=0.4, zorder=2)
        tree.plot(sorted(seen), np.full(len(seen), layer), "o", color=PALETTE[0], markersize=6)
    tree.set_yticks(
        range(len(dilations) + 1), ["$x_t$", *(f"$d = {dilation}$" for dilation in dilations)]
    )
    tree.tick_params(length=0)
    for side in ("left", "bottom"):
        tree.spines[side].set_visible(False)
    if response is not None:
        bars = grid[1, 0]
        inside = np.isin(np.arange(steps), sorted(active))
        size = np.abs(response)
        bars.bar(np.arange(steps), size, color=np.where(inside, PALETTE[0], PALETTE[1]))
        bars.set_ylabel(r"$|\partial y_T / \partial x_t|$")
        bars.axhline(0, color=INK, linewidth=0.8)
    last = grid[-1, 0]
    last.set_xlabel("$t$")
    last.xaxis.set_major_locator(MaxNLocator(integer=True))
    last.set_xlim(-0.7, steps - 0.3)
    return figure


@styled
def draw_responses(series: np.ndarray, responses: Mapping[str, np.ndarray]) -> Figure:
    """Draw a series and, below it, what kernels slid over it answer.

    Args:
        series: the values (T,).
        responses: label -> answers (T',), T' at most T, drawn from the first step on; at most
            four.

    Returns:
        One row each, with axes of their own height and one time axis.

    Raises:
        ValueError: if there is no response, or one is longer than the series.

    >>> figure = draw_responses(np.arange(5.0), {"(a)": np.ones(4)})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['$x_t$', '(a)']
    """
    x = finite(series, "series")
    if not responses:
        raise ValueError("`responses` is empty: there is nothing to draw.")
    for label, values in responses.items():
        if np.ndim(values) != 1 or len(values) > len(x):
            raise ValueError(
                f"`responses[{label!r}]` must have shape (T',) with T' at most {len(x)}; received "
                f"{np.shape(values)}."
            )
    rows = {"$x_t$": x} | {label: finite(v, label) for label, v in responses.items()}
    figure, grid = new_figure(len(rows), 1, height=0.6 + 0.95 * len(rows), sharex=True)
    colours = (INK, *PALETTE)
    for axes, (label, values), colour in zip(grid[:, 0], rows.items(), colours, strict=False):
        if values.min() < 0 < values.max():
            axes.axhline(0, color=MUTED, linewidth=1)
        axes.plot(np.arange(len(values)), values, color=colour, linewidth=1.5, linestyle="-")
        axes.set_ylabel(label)
    grid[-1, 0].set_xlabel("$t$")
    figure.align_ylabels()
    return figure


@styled
def draw_change(changes: Mapping[str, np.ndarray], start: int) -> Figure:
    """Draw by how much outputs change when the inputs from one step on are changed.

    Args:
        changes: label -> size of the change of each output (T,), at least 0; all of one length.
        start: the first step whose input was changed, marked with a dashed line.

    Returns:
        One row of bars for each label: orange before `start`, where a causal model shows none.

    Raises:
        ValueError: if there is nothing to draw, lengths differ, or a size is negative.

    >>> figure = draw_change({"(a)": np.array([0.0, 1.0, 2.0])}, start=1)
    >>> len(figure.axes[0].patches)
    3
    """
    shapes = {np.shape(sizes) for sizes in changes.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise ValueError(
            f"`changes` must map labels to sizes of one shape, (T,); received {sorted(shapes)}."
        )
    figure, grid = new_figure(len(changes), 1, height=0.7 + 0.9 * len(changes), sharex=True)
    for axes, (label, sizes) in zip(grid[:, 0], changes.items(), strict=True):
        sizes = finite(sizes, f"changes[{label!r}]")
        if sizes.min() < 0:
            raise ValueError(f"`changes[{label!r}]` must be at least 0; pass absolute values.")
        t = np.arange(len(sizes))
        axes.bar(t, sizes, color=np.where(t < start, PALETTE[1], PALETTE[0]))
        axes.axvline(start - 0.5, color=INK, linewidth=1.5, linestyle=(0, (4, 3)))
        axes.set_ylabel(label, rotation=0, labelpad=14, va="center")
        axes.set_yticks([0])
    grid[-1, 0].set_xlabel("$t$")
    grid[-1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
