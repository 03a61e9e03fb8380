"""Figures of sentences: a padded batch, rates against a size, a map of words, a verdict forming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from runtun.checks import finite
from runtun.figures.style import (
    AMOUNT,
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


@styled
def draw_batches(batches: Mapping[str, tuple[np.ndarray, np.ndarray]], *, unknown: int) -> Figure:
    """Draw padded batches of token numbers as rasters, side by side.

    Args:
        batches: label -> (ids, mask), both (B, T) of one shape; the mask is True at tokens.
        unknown: the number that stands for tokens outside the vocabulary.

    Returns:
        One panel a batch: a rare token is pale and a frequent one dark (a vocabulary numbers its
        tokens by frequency), an unknown one orange with a cross, padding a grey point.

    Raises:
        ValueError: if there is nothing to draw or shapes differ.

    >>> ids, mask = np.array([[5, 1], [3, 0]]), np.array([[True, True], [True, False]])
    >>> axes = draw_batches({"$T=2$": (ids, mask)}, unknown=1).axes[0]
    >>> [len(line.get_xdata()) for line in axes.lines]
    [1, 1]
    """
    arrays = {label: (np.asarray(ids), np.asarray(mask)) for label, (ids, mask) in batches.items()}
    shapes = {array.shape for pair in arrays.values() for array in pair}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2 or 0 in next(iter(shapes)):
        raise ValueError(
            "`batches` must map labels to pairs (ids, mask) of one shape (B, T); received shapes "
            f"{sorted(shapes)}."
        )
    rows, steps = next(iter(shapes))
    figure, grid = new_figure(1, len(arrays), height=0.9 + 0.16 * rows, sharey=True)
    most = max(int(ids.max()) for ids, _ in arrays.values())
    for axes, (label, (ids, mask)) in zip(grid[0], arrays.items(), strict=True):
        known = mask & (ids != unknown)
        shade = 1 - 0.85 * np.log1p(ids) / np.log1p(max(most, 1))
        axes.imshow(
            np.where(known, shade, 0),
            cmap=AMOUNT,
            vmin=0,
            vmax=1,
            aspect="auto",
            interpolation="none",
        )
        for chosen, marker, colour, size in (
            (~mask, ".", MUTED, 3),
            (mask & (ids == unknown), "x", PALETTE[1], 5),
        ):
            row, step = np.nonzero(chosen)
            axes.plot(step, row, marker, color=colour, markersize=size, linestyle="none")
        axes.set_xlabel(f"$t$   {label}")
        axes.set_xlim(-0.5, steps - 0.5)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set_yticks([])
    grid[0, 0].set_ylabel("$B$")
    return figure


@styled
def draw_rates(
    sizes: Sequence[int], rates: Mapping[str, Sequence[float]], *, size: str, rate: str
) -> Figure:
    """Draw shares, such as that of unknown words, against a size.

    Args:
        sizes: positive, rising.
        rates: label -> shares from 0 to 1, one for each size; at most five. A label that begins
            with an underscore stays out of the legend.
        size: symbol of the horizontal axis, which is logarithmic.
        rate: symbol of the vertical axis, in percent.

    Raises:
        ValueError: if sizes or shares make no sense.

    >>> figure = draw_rates([1, 10], {"_test": [0.5, 0.25]}, size="$V$", rate="%")
    >>> figure.axes[0].lines[0].get_ydata()
    array([50., 25.])
    """
    steps = finite(np.asarray(sizes, dtype=np.float64), "sizes")
    if (
        not rates
        or steps.ndim != 1
        or not len(steps)
        or steps[0] <= 0
        or (np.diff(steps) < 0).any()
    ):
        raise ValueError("`sizes` must be positive and rising, and `rates` hold at least one line.")
    figure, grid = new_figure(height=3.0)
    axes = grid[0, 0]
    styles = zip(line_styles(len(rates)), MARKERS, strict=False)
    for (label, values), (style, marker) in zip(rates.items(), styles, strict=False):
        values = finite(np.asarray(values, dtype=np.float64), f"rates[{label!r}]")
        if values.shape != steps.shape or values.min() < 0 or values.max() > 1:
            raise ValueError(
                f"`rates[{label!r}]` must hold {len(steps)} shares from 0 to 1; received "
                f"{values.tolist()}."
            )
        axes.plot(steps, 100 * values, marker=marker, markersize=5, label=label, **style)
    axes.set_xscale("log")
    axes.set_xlabel(size)
    axes.set_ylabel(rate)
    add_legend(axes)
    return figure


@styled
def draw_word_map(
    points: np.ndarray, values: np.ndarray, words: Sequence[str], shown: Sequence[str]
) -> Figure:
    """Draw words as points in a plane, coloured by a value with a sign.

    Args:
        points: (N, 2).
        values: (N,), a value of each word; blue below zero, orange above.
        words: N words.
        shown: those of them to write beside their points.

    Raises:
        ValueError: if the shapes do not fit, or a word to show is not there.

    >>> figure = draw_word_map(np.eye(2), np.array([1.0, -1.0]), ["fun", "dull"], ["fun"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['fun']
    """
    points, values = finite(points, "points"), finite(values, "values")
    if points.shape != (len(words), 2) or values.shape != (len(words),) or not len(words):
        raise ValueError(
            f"`points` must have shape (N, 2) and `values` (N,) with N = {len(words)} words; "
            f"received {points.shape} and {values.shape}."
        )
    number = {word: n for n, word in enumerate(words)}
    if missing := [word for word in shown if word not in number]:
        raise ValueError(f"`shown` names {missing[0]!r}, which is not among the words.")
    figure, grid = new_figure(height=4.4)
    axes = grid[0, 0]
    bound = float(np.abs(values).max()) or 1.0
    shades = SIGNED((np.clip(1.6 * values / bound, -1, 1) + 1) / 2)
    axes.scatter(*points.T, s=16, color=shades, edgecolors=MUTED, linewidths=0.4)
    for word in shown:
        axes.annotate(
            word,
            points[number[word]],
            xytext=(3, 3),
            textcoords="offset points",
            color=INK,
            fontsize=9,
        )
    axes.set_xlabel("$p_1$")
    axes.set_ylabel("$p_2$")
    return figure


@styled
def draw_verdicts(sentences: Sequence[tuple[Sequence[str], np.ndarray]]) -> Figure:
    """Draw how sure a model is after each word of a sentence.

    Args:
        sentences: (words, probabilities) of each; T words and (T,) or (S, T) for S models.

    Returns:
        One panel a sentence: one thin line a model, a thick one for the mean, dotted at one half.

    Raises:
        ValueError: if there is no sentence, or a number is no probability.

    >>> figure = draw_verdicts([(["so", "good"], np.array([0.5, 0.9]))])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['so', 'good']
    """
    if not sentences:
        raise ValueError("`sentences` is empty: there is nothing to draw.")
    figure, grid = new_figure(len(sentences), 1, height=2.35 * len(sentences))
    for axes, (words, probabilities) in zip(grid[:, 0], sentences, strict=True):
        p = np.atleast_2d(finite(probabilities, "probabilities"))
        if p.ndim != 2 or p.shape[1] != len(words) or p.min() < 0 or p.max() > 1:
            raise ValueError(
                f"`probabilities` must lie from 0 to 1, one for each of {len(words)} words; "
                f"received shape {np.shape(probabilities)}."
            )
        t = np.arange(len(words))
        axes.axhline(0.5, color=MUTED, linewidth=1.5, linestyle=":")
        if len(p) > 1:
            axes.plot(t, p.T, "-", color=MUTED, linewidth=1.0)
        axes.plot(t, p.mean(axis=0), "o-", color=PALETTE[0], markersize=5)
        axes.set_xticks(t, [word.replace("$", r"\$") for word in words])
        axes.tick_params(axis="x", rotation=45, length=0)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor", fontsize=9)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1])
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_ylabel(r"$P(y=1)$")
    return figure
