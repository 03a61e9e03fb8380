"""Figures of forecasts over several steps: error by step, targets, possible paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from runtun.checks import finite, positive_int
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
def draw_by_step(
    curves: Mapping[str, np.ndarray], *, unit: str = "RMSE", floor: float | None = None
) -> Figure:
    """Draw a quantity, such as the error, for each step ahead.

    Args:
        curves: label -> values for 1, 2, ... steps ahead (horizon,), all of one length; at most
            five.
        unit: label of the vertical axis.
        floor: the smallest value that could be expected, drawn as a dotted line.

    Raises:
        ValueError: if there is no curve, or lengths differ.

    >>> figure = draw_by_step({"naive": np.ones(10), r"$\\hat y$": np.full(10, 0.5)})
    >>> figure.axes[0].lines[0].get_xdata()[[0, -1]]
    array([ 1, 10])
    """
    lengths = {np.shape(values) for values in curves.values()}
    if len(lengths) != 1 or len(next(iter(lengths))) != 1:
        raise ValueError(
            "`curves` must map labels to values of one shape, (horizon,); received shapes "
            f"{sorted(lengths)}."
        )
    figure, ((axes,),) = new_figure(height=3.0)
    styles = zip(line_styles(len(curves)), MARKERS, strict=False)
    for (label, values), (style, marker) in zip(curves.items(), styles, strict=False):
        values = finite(values, f"curves[{label!r}]")
        ahead = np.arange(1, len(values) + 1)
        axes.plot(ahead, values, marker=marker, markersize=5, label=label, **style)
    if min(np.min(values) for values in curves.values()) < 0:
        axes.axhline(0, color=INK, linewidth=1)
    else:
        axes.set_ylim(bottom=0)
    if floor is not None:
        axes.axhline(floor, color=MUTED, linewidth=1.5, linestyle=":")
    axes.set_xlabel("$k$")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, steps=[1, 2, 5, 10]))
    axes.set_ylabel(unit)
    add_legend(axes)
    return figure


@styled
def draw_targets(series: np.ndarray, steps: Sequence[int], horizon: int) -> Figure:
    """Draw what a model has seen after some steps, and what it must forecast there.

    Args:
        series: the values (N,).
        steps: after how many values a forecast is asked for, one row each, in any order.
        horizon: number of values to forecast; positive.

    Returns:
        The series above; below it one row for each step: seen values as a blue bar, the target as
        orange dots.

    Raises:
        ValueError: if a step has no past, or its target reaches beyond the series.

    >>> figure = draw_targets(np.arange(8.0), steps=[3, 5], horizon=2)
    >>> figure.axes[1].lines[1].get_xdata()  # the target after three values
    array([4, 5])
    """
    x = finite(series, "series").ravel()
    horizon = positive_int(horizon, "horizon")
    for step in steps:
        if not 1 <= step <= len(x) - horizon:
            raise ValueError(
                f"`steps` must lie between 1 and {len(x) - horizon}, for {len(x)} values and a "
                f"horizon of {horizon}; received {step}."
            )
    figure, grid = new_figure(
        2, 1, height=1.9 + 0.22 * len(steps), sharex=True, height_ratios=(1.3, 0.24 * len(steps))
    )
    above, below = grid[:, 0]
    above.plot(np.arange(1, len(x) + 1), x, color=INK, marker=".", linewidth=1.2)
    above.set_ylabel("$x_t$")
    for row, step in enumerate(steps):
        ahead = np.arange(step + 1, step + horizon + 1)
        below.plot(
            [0.5, step + 0.5],
            [row, row],
            "-",
            color=PALETTE[0],
            linewidth=5,
            solid_capstyle="butt",
        )
        below.plot(ahead, np.full(horizon, row), "o", color=PALETTE[1], markersize=5)
    below.set_ylim(len(steps) - 0.4, -0.6)
    below.set_yticks(range(len(steps)), [f"${step}$" for step in steps])
    below.tick_params(axis="y", length=0)
    below.set_ylabel("$t$", rotation=0, labelpad=10)
    below.spines["left"].set_visible(False)
    return figure


@styled
def draw_fan(
    history: np.ndarray,
    y_true: np.ndarray,
    paths: np.ndarray,
    *,
    levels: Sequence[float] = (0.5, 0.8, 0.95),
) -> Figure:
    """Draw possible futures as bands that hold the given parts of them, and what came.

    Args:
        history: the values seen (T,).
        y_true: what came (horizon,).
        paths: possible futures (N, horizon), N at least 2.
        levels: parts of the paths that the bands hold, each between 0 and 1.

    Raises:
        ValueError: if the paths do not have as many steps as `y_true`.

    >>> figure = draw_fan(np.zeros(4), np.zeros(2), np.array([[0.0, 1.0], [1.0, 2.0]]))
    >>> len(figure.axes[0].collections)
    3
    """
    past, truth = finite(history, "history").ravel(), finite(y_true, "y_true").ravel()
    paths = finite(paths, "paths")
    if paths.ndim != 2 or len(paths) < 2 or paths.shape[1] != len(truth):
        raise ValueError(
            f"`paths` must have shape (N, horizon) with horizon = {len(truth)} and N at least 2; "
            f"received {paths.shape}."
        )
    ahead = np.arange(1, len(truth) + 1)
    figure, ((axes,),) = new_figure(height=3.0)
    for level in sorted(levels, reverse=True):
        low, high = np.quantile(paths, [(1 - level) / 2, (1 + level) / 2], axis=0)
        axes.fill_between(ahead, low, high, color=PALETTE[0], alpha=0.22, linewidth=0)
    axes.plot(ahead, np.median(paths, axis=0), color=PALETTE[0])
    axes.plot(np.arange(1 - len(past), 1), past, color=INK, linestyle="-", linewidth=1.5)
    axes.plot(ahead, truth, "o", color=INK, fillstyle="none", markersize=7)
    axes.axvline(0.5, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xlabel("$t - T$")
    axes.set_ylabel("$x_t$")
    return figure
