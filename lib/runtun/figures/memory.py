"""Figures of what a network remembers: influence, gates, paths of states, accuracy against lag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from runtun.checks import finite
from runtun.figures.style import (
    AMOUNT,
    DASHES,
    INK,
    MARKERS,
    MUTED,
    PALETTE,
    SIGNED,
    STYLE,
    add_legend,
    line_styles,
    new_figure,
)

styled = mpl.rc_context(dict(STYLE))


def _tick_symbols(
    axes: mpl.axes.Axes, symbols: Sequence[str], positions: Sequence[int], unit: str
) -> None:
    """Write the symbols under their steps: all of a short sequence, the relevant of a long one."""
    steps = range(len(symbols)) if len(symbols) <= 40 else sorted({int(p) for p in positions})
    axes.set_xticks(list(steps), [symbols[t] for t in steps])
    for tick, t in zip(axes.get_xticklabels(), steps, strict=True):
        if t in positions:
            tick.set_fontweight("bold")
    axes.set_xlabel(unit)


@styled
def draw_connectivity(
    influence: np.ndarray,
    symbols: Sequence[str],
    positions: Sequence[int] = (),
    *,
    unit: str = r"$\|\Delta y\|$",
) -> Figure:
    """Draw how much each step of a sequence moves the output.

    A model that solves a task with known relevant steps must light up there and nowhere else.

    Args:
        influence: of each step, (T,), at least 0; `runtun.experiments.probes` measures it.
        symbols: T symbols, one for each step.
        positions: the steps that matter, marked with a triangle.
        unit: label of the influence axis.

    Returns:
        A strip of shades above the same values as bars.

    >>> figure = draw_connectivity(np.array([0.0, 1.0, 0.1]), "EXB", [1])
    >>> figure.axes[0].images[0].get_array().argmax()
    np.int64(1)
    """
    values = finite(influence, "influence")
    if values.ndim != 1 or not len(values):
        raise ValueError(f"`influence` must have shape (T,); received {values.shape}.")
    if values.min() < 0:
        raise ValueError("`influence` must be at least 0; pass absolute values.")
    steps = _check_steps(len(values), symbols, positions)
    figure, grid = new_figure(2, 1, height=2.2, sharex=True, height_ratios=(1, 4))
    strip, bars = grid[:, 0]
    strip.imshow(values[None], cmap=AMOUNT, vmin=0, aspect="auto", interpolation="none")
    strip.set_yticks([])
    strip.tick_params(axis="x", length=0)
    for side in ("left", "bottom"):
        strip.spines[side].set_visible(False)
    bars.bar(steps, values, width=0.8, color=PALETTE[0])
    top = max(float(values.max()), np.finfo(float).tiny)
    if len(positions):
        bars.plot(
            list(positions),
            np.full(len(positions), 1.08 * top),
            "v",
            color=PALETTE[1],
            markersize=8,
        )
    bars.set_ylabel(unit)
    bars.set_xlim(-0.5, len(values) - 0.5)
    _tick_symbols(bars, symbols, positions, "$x_t$")
    return figure


@styled
def draw_jacobian_norms(norms: Mapping[str, np.ndarray]) -> Figure:
    """Draw how much of the last state still depends on the states before it.

    Args:
        norms: label -> ‖∂h_T/∂h_t‖ for t = 0 ... T, (T + 1,), at least 0; the last is 1. Labels
            are names of cells or frameworks. At most five.

    Returns:
        The norm against the distance T - t, on a logarithmic axis; a dotted line at 1.

    >>> figure = draw_jacobian_norms({"RNN": 0.5 ** np.arange(9)[::-1]})
    >>> figure.axes[0].lines[0].get_xdata()[0], figure.axes[0].lines[0].get_ydata()[0]
    (np.int64(8), np.float64(0.00390625))
    """
    if not norms:
        raise ValueError("`norms` is empty: there is nothing to draw.")
    figure, grid = new_figure(height=2.9)
    axes = grid[0, 0]
    for (label, values), style in zip(norms.items(), line_styles(len(norms)), strict=True):
        values = finite(values, f"norms[{label!r}]")
        if values.ndim != 1 or not len(values) or values.min() < 0:
            raise ValueError(
                f"`norms[{label!r}]` must have shape (T + 1,) and be at least 0; received shape "
                f"{values.shape}."
            )
        axes.plot(np.arange(len(values))[::-1], values, label=label, **style)
    axes.axhline(1, color=MUTED, linewidth=1.5, linestyle=":")
    axes.set_yscale("log", nonpositive="mask")
    axes.set_xlabel("$T - t$")
    axes.set_ylabel(r"$\|\partial h_T / \partial h_t\|$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(axes)
    return figure


@styled
def draw_gates(
    gates: Mapping[str, np.ndarray],
    symbols: Sequence[str],
    positions: Sequence[int] = (),
    *,
    unit: str = "$x_t$",
) -> Figure:
    """Draw gates and states of one sequence as rasters, one above the other.

    Args:
        gates: label such as `$f_t$` -> values (T, H). Values in [0, 1] are drawn as amounts,
            values with a sign around zero.
        symbols: T symbols, one for each step.
        positions: the steps that matter, marked by lines.
        unit: label of the axis of steps: what the symbols are.

    Returns:
        One raster a label, units as rows, steps as columns, symbols below.

    >>> figure = draw_gates({"$i_t$": np.full((3, 2), 0.5), "$c_t$": np.zeros((3, 2))}, "EXB")
    >>> [axes.get_ylabel() for axes in figure.axes[:2]]
    ['$i_t$', '$c_t$']
    """
    if not gates:
        raise ValueError("`gates` is empty: there is nothing to draw.")
    arrays = {label: finite(values, f"gates[{label!r}]") for label, values in gates.items()}
    for label, values in arrays.items():
        if values.ndim != 2 or len(values) != len(symbols) or 0 in values.shape:
            raise ValueError(
                f"`gates[{label!r}]` must have shape (T, H) with T = {len(symbols)}, the number of "
                f"symbols; received {values.shape}."
            )
    _check_steps(len(symbols), symbols, positions)
    figure, grid = new_figure(len(arrays), 1, height=0.6 + 0.85 * len(arrays), sharex=True)
    for axes, (label, values) in zip(grid[:, 0], arrays.items(), strict=True):
        signed = values.min() < 0
        bound = max(1.0, float(np.abs(values).max()))
        image = axes.imshow(
            values.T,
            cmap=SIGNED if signed else AMOUNT,
            vmin=-bound if signed else 0,
            vmax=bound,
            aspect="auto",
            interpolation="none",
        )
        axes.set_ylabel(label)
        axes.set_yticks([])
        for t in positions:
            axes.axvline(t, color=INK, linewidth=0.8, linestyle=":")
        bar = figure.colorbar(image, ax=axes, pad=0.02, aspect=8)
        bar.outline.set_visible(False)
        bar.locator = MaxNLocator(nbins=2)
        bar.update_ticks()
    _tick_symbols(grid[-1, 0], symbols, positions, unit)
    return figure


def project_states(states: np.ndarray) -> np.ndarray:
    """Project states onto the two directions in which they vary most.

    Args:
        states: (B, T, H), H at least 2.

    Returns:
        (B, T, 2); each direction is signed so that its largest entry is positive, so the same
        states always give the same picture.

    >>> line = np.arange(4.0)[None, :, None] * np.array([3.0, 4.0])
    >>> project_states(line)[0, :, 0]
    array([-7.5, -2.5,  2.5,  7.5])
    """
    states = finite(states, "states")
    if states.ndim != 3 or states.shape[2] < 2:
        raise ValueError(f"`states` must have shape (B, T, H), H ≥ 2; received {states.shape}.")
    flat = states.reshape(-1, states.shape[2]).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    directions = np.linalg.svd(flat, full_matrices=False)[2][:2]  # (2, H)
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(2), largest])[:, None]
    return (flat @ directions.T).reshape(*states.shape[:2], 2)


@styled
def draw_state_paths(
    states: np.ndarray, labels: np.ndarray, names: Sequence[str], positions: Sequence[int] = ()
) -> Figure:
    """Draw how hidden states travel while sequences are read, in two dimensions.

    Args:
        states: (B, T, H); a few sequences of each class.
        labels: class of each sequence, (B,), indices into `names`.
        names: symbol of each class, at most five.
        positions: steps to mark along each path with a dot, such as the relevant ones.

    Returns:
        One path a sequence, coloured by class, its end marked with the marker of the class.

    >>> states = np.random.default_rng(0).normal(size=(4, 6, 3))
    >>> figure = draw_state_paths(states, np.array([0, 1, 2, 3]), "QRSU")
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['Q', 'R', 'S', 'U']
    """
    paths = project_states(states)
    labels = np.asarray(labels)
    if labels.shape != (len(paths),):
        raise ValueError(f"`labels` must have shape ({len(paths)},); received {labels.shape}.")
    if labels.min() < 0 or labels.max() >= len(names):
        raise ValueError(f"`labels` must be indices into the {len(names)} names.")
    styles = line_styles(len(names))
    figure, grid = new_figure(height=4.2)
    axes = grid[0, 0]
    shown: set[int] = set()
    for path, label in zip(paths, labels.tolist(), strict=True):
        colour = styles[label]["color"]
        axes.plot(*path.T, color=colour, linestyle=DASHES[label], linewidth=1.0, alpha=0.7)
        if len(positions):
            axes.plot(*path[list(positions)].T, ".", color=colour, markersize=7)
        name = names[label] if label not in shown else None
        axes.plot(*path[-1:].T, MARKERS[label], color=colour, markersize=8, label=name)
        shown.add(label)
    handles, texts = axes.get_legend_handles_labels()
    if len(texts) > 1:
        pairs = sorted(
            zip(texts, handles, strict=True), key=lambda pair: list(names).index(pair[0])
        )
        axes.legend(
            [handle for _, handle in pairs],
            [text for text, _ in pairs],
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=5,
        )
    axes.set_xlabel("$p_1$")
    axes.set_ylabel("$p_2$")
    axes.set_aspect("equal", adjustable="datalim")
    return figure


@styled
def draw_accuracy_by_lag(
    accuracies: Mapping[str, Mapping[int, Sequence[float]]],
    *,
    chance: float | None = None,
    published_lags: Sequence[int] = (),
) -> Figure:
    """Draw the accuracy of models against the lag they must bridge.

    Args:
        accuracies: label -> lag in steps -> accuracies in [0, 1], one for each seed.
        chance: accuracy of guessing, drawn as a dotted line.
        published_lags: lags that published experiments solved, marked on the axis.

    Returns:
        One line a label through the means, a band from the worst seed to the best; the lag axis is
        logarithmic.

    >>> figure = draw_accuracy_by_lag({"RNN": {10: [1.0, 0.9], 100: [0.3, 0.25]}}, chance=0.25)
    >>> figure.axes[0].get_xscale()
    'log'
    """
    if not accuracies:
        raise ValueError("`accuracies` is empty: there is nothing to draw.")
    figure, grid = new_figure(height=3.0)
    axes = grid[0, 0]
    styles = line_styles(len(accuracies))
    for (label, by_lag), style, marker in zip(accuracies.items(), styles, MARKERS, strict=False):
        lags = sorted(by_lag)
        rows = [finite(by_lag[lag], f"accuracies[{label!r}][{lag}]") for lag in lags]
        if not lags or lags[0] <= 0 or any(not r.size or r.min() < 0 or r.max() > 1 for r in rows):
            raise ValueError(
                f"`accuracies[{label!r}]` must map positive lags to accuracies from 0 to 1."
            )
        axes.plot(lags, [row.mean() for row in rows], marker=marker, label=label, **style)
        axes.fill_between(
            lags,
            [row.min() for row in rows],
            [row.max() for row in rows],
            color=style["color"],
            alpha=0.15,
            linewidth=0,
        )
    if chance is not None:
        axes.axhline(chance, color=MUTED, linewidth=1.5, linestyle=":")
    for lag in published_lags:
        axes.plot(
            [lag], [1.05], "D", color=PALETTE[1], fillstyle="none", markersize=7, clip_on=False
        )
    axes.set_xscale("log")
    axes.set_ylim(0, 1.1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_xlabel("$T - t_1$")
    axes.set_ylabel(r"$P(\hat y = y)$")
    add_legend(axes)
    return figure


def _check_steps(steps: int, symbols: Sequence[str], positions: Sequence[int]) -> np.ndarray:
    if len(symbols) != steps:
        raise ValueError(
            f"`symbols` must have one symbol a step, {steps}; received {len(symbols)}."
        )
    if any(not 0 <= t < steps for t in positions):
        raise ValueError(f"`positions` must be steps from 0 to {steps - 1}; received {positions}.")
    return np.arange(steps)
