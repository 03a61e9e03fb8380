"""Figures of the chapter on data that come in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
def draw_orders(series: Mapping[str, np.ndarray]) -> Figure:
    """Draw series over time and, beside each, every value against the next.

    Args:
        series: label (a symbol) to values (T,), at least two steps; one row for each.

    Returns:
        A figure of one row per series and two columns.

    >>> figure = draw_orders({"$x_t$": np.arange(4.0)})
    >>> figure.axes[1].collections[0].get_offsets()[0].tolist()
    [0.0, 1.0]
    """
    figure, axes = new_figure(
        len(series), 2, height=2.1 * len(series), gridspec_kw={"width_ratios": [2.4, 1]}
    )
    for row, (label, values), colour in zip(axes, series.items(), PALETTE, strict=False):
        x = finite(values, label)
        row[0].plot(x, color=colour, linewidth=1.4)
        row[0].set_ylabel(label)
        row[1].scatter(x[:-1], x[1:], s=5, color=colour, alpha=0.6, linewidths=0)
        low, high = x.min(), x.max()
        row[1].plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        row[1].set_aspect("equal")
        row[1].set_xlabel("$x_t$")
        row[1].set_ylabel("$x_{t+1}$")
    axes[-1, 0].set_xlabel("$t$")
    return figure


@styled
def draw_bits(bits: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the surprise of a symbol against the number k of symbols known before it.

    Args:
        bits: label to bits for k = 0, 1, 2, ...
    """
    figure, ((axes,),) = new_figure(height=2.8)
    for (label, values), style, marker in zip(
        bits.items(), line_styles(len(bits)), MARKERS, strict=False
    ):
        axes.plot(range(len(values)), values, marker=marker, label=label, **style)
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(max(len(values) for values in bits.values())))
    axes.set_xlabel("$k$")
    axes.set_ylabel("bit")
    add_legend(axes)
    return figure


@styled
def draw_growth(steps: np.ndarray, weights: Mapping[str, np.ndarray]) -> Figure:
    """Draw numbers of weights against the length T, both axes logarithmic.

    Args:
        steps: lengths (N,), positive.
        weights: label to numbers of weights (N,), positive.
    """
    figure, ((axes,),) = new_figure(height=2.8)
    for (label, values), style, marker in zip(
        weights.items(), line_styles(len(weights)), MARKERS, strict=False
    ):
        axes.loglog(steps, values, marker=marker, label=label, **style)
    axes.set_xlabel("$T$")
    axes.set_ylabel(r"$\mathrm{dim}\;\theta$")
    add_legend(axes)
    return figure


@styled
def draw_accuracy_by_position(accuracy: Mapping[str, np.ndarray], *, seen: np.ndarray) -> Figure:
    """Draw how often models are right, by the place where the thing to be found stands.

    Args:
        accuracy: label to shares in [0, 1], (seeds, positions).
        seen: the positions that occurred in training; shaded.

    Returns:
        A figure with a line for the mean and a band for the range over seeds.
    """
    figure, ((axes,),) = new_figure(height=3.0)
    axes.axvspan(seen.min() - 0.5, seen.max() + 0.5, color=MUTED, alpha=0.18, linewidth=0)
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    for (label, values), style, marker in zip(
        accuracy.items(), line_styles(len(accuracy)), MARKERS, strict=False
    ):
        shares = finite(values, label)
        places = np.arange(shares.shape[1])
        axes.fill_between(
            places, shares.min(0), shares.max(0), color=style["color"], alpha=0.2, linewidth=0
        )
        axes.plot(places, shares.mean(0), marker=marker, markersize=4, label=label, **style)
    axes.set_ylim(-0.03, 1.05)
    axes.set_xticks(places[::2])
    axes.set_xlabel("$p$")
    axes.set_ylabel(r"$P(\hat y = y)$")
    add_legend(axes)
    return figure
