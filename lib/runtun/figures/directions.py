"""Figures of direction and depth: which input acts on which output, and how errors lie in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from runtun.checks import finite
from runtun.figures.style import (
    AMOUNT,
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
def draw_influence_maps(maps: Mapping[str, np.ndarray]) -> Figure:
    """Draw which input acts on which output, one map beside the other.

    Args:
        maps: label -> |∂y_t/∂x_s| (T, S), at least 0; at most four maps.

    Returns:
        One row for each output step, one column for each input step, the label in the corner of
        each map. Each map is scaled to its own largest value; zero shows the page.

    Raises:
        ValueError: if there is nothing to draw, or a value is negative.

    >>> figure = draw_influence_maps({"→": np.tril(np.ones((3, 3))), "←": np.triu(np.ones((3, 3)))})
    >>> len(figure.axes)
    2
    """
    if not 0 < len(maps) <= 4:
        raise ValueError(f"`maps` must hold one to four maps; received {len(maps)}.")
    figure, grid = new_figure(1, len(maps), height=0.7 + 6.4 / max(len(maps), 2))
    for axes, (label, values) in zip(grid[0], maps.items(), strict=True):
        values = finite(values, f"maps[{label!r}]")
        if values.ndim != 2 or not values.size:
            raise ValueError(f"`maps[{label!r}]` must have shape (T, S); received {values.shape}.")
        if values.min() < 0:
            raise ValueError(f"`maps[{label!r}]` must be at least 0; pass absolute values.")
        top = float(values.max()) or 1.0
        axes.imshow(values / top, cmap=AMOUNT, vmin=0, vmax=1, interpolation="none")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True, nbins=4))
        axes.set_xlabel("$s$")
        axes.annotate(label, (0.5, 1.02), xycoords="axes fraction", ha="center", va="bottom")
    grid[0, 0].set_ylabel("$t$")
    return figure


@styled
def draw_errors_by_step(
    errors: Mapping[str, np.ndarray], *, floor: float | None = None, unit: str = "MSE"
) -> Figure:
    """Draw the error of each model at each step, on a logarithmic axis.

    Args:
        errors: label -> error at each step (T,), positive, all of one length.
        floor: the smallest error that could honestly be expected, drawn as a dotted line.
        unit: label of the error axis.

    Returns:
        One line a label; its last step, where nothing follows any more, carries a marker.

    Raises:
        ValueError: if lengths differ or an error is not positive.

    >>> figure = draw_errors_by_step({"→": np.full(5, 0.2)}, floor=0.1)
    >>> figure.axes[0].get_yscale()
    'log'
    """
    if not errors:
        raise ValueError("`errors` is empty: there is nothing to draw.")
    arrays = {label: finite(values, f"errors[{label!r}]") for label, values in errors.items()}
    if len({values.shape for values in arrays.values()}) > 1:
        raise ValueError("`errors` must all have one length.")
    figure, grid = new_figure(height=2.8)
    axes = grid[0, 0]
    styles = zip(line_styles(len(arrays)), MARKERS, strict=False)
    for (label, values), (style, marker) in zip(arrays.items(), styles, strict=False):
        if values.ndim != 1 or not values.size or values.min() <= 0:
            raise ValueError(f"`errors[{label!r}]` must be positive, one value a step.")
        axes.plot(np.arange(len(values)), values, label=label, **style)
        axes.plot([len(values) - 1], values[-1:], marker, color=style["color"], markersize=8)
    if floor is not None:
        axes.axhline(floor, color=MUTED, linewidth=1.5, linestyle=":")
    axes.set_yscale("log")
    axes.set_ylabel(unit)
    axes.set_xlabel("$t$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(axes)
    return figure


@styled
def draw_capacity(
    sizes: Sequence[int],
    panels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    floor: float | None = None,
    unit: str = "MSE",
) -> Figure:
    """Draw training and test error against the number of parameters.

    Args:
        sizes: number of parameters of each model, rising.
        panels: label such as `$N = 50$` -> (training errors, test errors), each (seeds, models).
        floor: the error of a model that knows everything but the noise, a dotted line.
        unit: label of the error axis.

    Returns:
        One panel a label: the mean training error dashed, the mean test error full, every seed as
        a small mark; both axes are logarithmic and the error axis is shared.

    Raises:
        ValueError: if shapes do not fit or an error is not positive.

    >>> both = np.array([[0.2, 0.1]]), np.array([[0.3, 0.4]])
    >>> len(draw_capacity([10, 100], {"$N = 50$": both}).axes[0].lines)
    4
    """
    if not panels:
        raise ValueError("`panels` is empty: there is nothing to draw.")
    figure, grid = new_figure(1, len(panels), height=2.8, sharey=True)
    for axes, (label, both) in zip(grid[0], panels.items(), strict=True):
        for values, colour, line, marker in zip(
            both, (PALETTE[0], PALETTE[1]), ("--", "-"), MARKERS, strict=False
        ):
            values = finite(values, f"panels[{label!r}]")
            if values.ndim != 2 or values.shape[1] != len(sizes) or values.min() <= 0:
                raise ValueError(
                    f"`panels[{label!r}]` must hold positive errors (seeds, {len(sizes)}); "
                    f"received shape {values.shape}."
                )
            axes.plot(sizes, values.mean(axis=0), line, color=colour, marker=marker)
            axes.plot(np.tile(sizes, len(values)), values.ravel(), ".", color=colour, alpha=0.5)
        if floor is not None:
            axes.axhline(floor, color=MUTED, linewidth=1.5, linestyle=":")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("$|W|$")
        axes.annotate(label, (0.5, 1.02), xycoords="axes fraction", ha="center", va="bottom")
    grid[0, 0].set_ylabel(unit)
    return figure
