"""Figures of causal convolutions: what the last output can see, and what it did see."""

from __future__ import annotations

from collections.abc import Sequence

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
