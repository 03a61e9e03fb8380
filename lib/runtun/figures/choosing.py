"""Figures of the chapter on choosing a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

from runtun.checks import finite
from runtun.figures.style import INK, PALETTE, STYLE, new_figure

styled = mpl.rc_context(dict(STYLE))


@styled
def draw_price(models: Mapping[str, tuple[float, Sequence[float]]], *, unit: str = "MSE") -> Figure:
    """Draw what each model costs and what it is worth.

    Args:
        models: name -> (seconds of training, errors one for each seed), all positive. Names are
            the same in every language.
        unit: label of the error axis.

    Returns:
        One point a model at (seconds, mean error), with a bar of one standard deviation each way
        and its name beside it; both axes are logarithmic.

    Raises:
        ValueError: if there is nothing to draw or a number is not positive.

    >>> figure = draw_price({"RNN": (0.5, [3.0, 4.0]), "GRU": (2.0, [3.5])}, unit="MW")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['RNN', 'GRU']
    """
    if not models:
        raise ValueError("`models` is empty: there is nothing to draw.")
    figure, grid = new_figure(height=3.2)
    axes = grid[0, 0]
    for name, (seconds, errors) in models.items():
        values = finite(np.asarray(errors, dtype=np.float64), f"models[{name!r}]")
        if seconds <= 0 or not values.size or values.min() <= 0:
            raise ValueError(
                f"`models[{name!r}]` must hold positive seconds and errors; received {seconds} and "
                f"{list(errors)}."
            )
        mean = float(values.mean())
        if len(values) > 1:
            spread = float(values.std(ddof=1))
            low = max(mean - spread, float(values.min()) / 2)  # a logarithmic axis has no zero
            axes.plot([seconds, seconds], [low, mean + spread], "-", color=PALETTE[0])
        axes.plot([seconds], [mean], "o", color=PALETTE[0])
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)))
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("s")
    axes.set_ylabel(unit)
    axes.margins(x=0.15)
    _name_points(axes, {name: (spent, float(np.mean(e))) for name, (spent, e) in models.items()})
    return figure


def _name_points(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write each name beside its point, on the first side where it crosses no line and no name."""
    axes.get_figure().draw_without_rendering()  # the places are known after the layout
    taken = [line.get_window_extent().padded(3) for line in axes.lines]
    for name, point in points.items():
        best = None
        for x, y, align in ((6, 4, "left"), (6, -13, "left"), (-6, 4, "right"), (-6, -13, "right")):
            label = axes.annotate(
                name,
                point,
                xytext=(x, y),
                textcoords="offset points",
                ha=align,
                color=INK,
                fontsize=10,
            )
            box = label.get_window_extent()
            crossed = sum(box.overlaps(other) for other in taken)
            if best is None or crossed < best[0]:
                if best is not None:
                    best[1].remove()
                best = (crossed, label, box)
            else:
                label.remove()
            if not crossed:
                break
        taken.append(best[2])
