"""The cliff: why one gradient step can undo a whole training, and what clipping does about it."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from runtun.checks import finite
from runtun.figures.style import AMOUNT, STYLE, add_legend, line_styles, new_figure

styled = mpl.rc_context(dict(STYLE))


@styled
def draw_cliff(
    u: np.ndarray, b: np.ndarray, loss: np.ndarray, paths: Mapping[str, np.ndarray]
) -> Figure:
    """Draw the loss over two parameters of a recurrent unit, and paths of gradient descent.

    Args:
        u: recurrent weights of the grid, (M,), increasing.
        b: biases of the grid, (N,), increasing.
        loss: (N, M), loss at (b, u); positive.
        paths: label -> (steps, 2), the points (u, b) that gradient descent visited. Where a path
            leaves the grid, it leaves the picture.

    Returns:
        The loss as shade on a logarithmic scale, paths as lines with dots, starts as large dots.

    >>> u, b = np.linspace(0, 2, 5), np.linspace(-1, 1, 4)
    >>> figure = draw_cliff(u, b, np.ones((4, 5)) + u, {"SGD": np.array([[1.0, 0.0], [0.5, 0.1]])})
    >>> figure.axes[0].get_xlim()
    (np.float64(0.0), np.float64(2.0))
    """
    u, b, loss = finite(u, "u"), finite(b, "b"), finite(loss, "loss")
    if u.ndim != 1 or b.ndim != 1 or loss.shape != (len(b), len(u)):
        raise ValueError(
            f"`loss` must have shape (N, M) for b (N,) and u (M,); received {loss.shape} for "
            f"{b.shape} and {u.shape}."
        )
    if (np.diff(u) <= 0).any() or (np.diff(b) <= 0).any():
        raise ValueError("`u` and `b` must be increasing.")
    if loss.min() <= 0:
        raise ValueError("`loss` must be positive to stand on a logarithmic scale.")
    figure, grid = new_figure(height=3.8)
    axes = grid[0, 0]
    top = max(float(loss.max()), float(loss.min()) * 1.001)
    image = axes.pcolormesh(
        u, b, loss, cmap=AMOUNT, norm=LogNorm(float(loss.min()), top), shading="nearest"
    )
    image.set_rasterized(True)  # one picture instead of thousands of rectangles
    styles = line_styles(len(paths) + 1)[1:]  # the first colour is that of the surface
    for (label, points), style in zip(paths.items(), styles, strict=True):
        points = finite(points, f"paths[{label!r}]")
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            raise ValueError(
                f"`paths[{label!r}]` must have shape (steps, 2); received {points.shape}."
            )
        axes.plot(*points.T, marker="o", markersize=3, linewidth=1.5, label=label, **style)
        axes.plot(*points[:1].T, "o", markersize=9, color=style["color"])
    axes.set_xlim(u[0], u[-1])
    axes.set_ylim(b[0], b[-1])
    axes.set_xlabel("$u$")
    axes.set_ylabel("$b$")
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label("$L$")
    bar.outline.set_visible(False)
    add_legend(axes)
    return figure
