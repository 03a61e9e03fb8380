"""The look of every figure: one palette, no background, symbols instead of words.

A page shows the same figure in two languages and in two colour schemes. So a figure carries only
symbols, units and terms that both languages share (epoch, MSE); its words stand in the caption.
Its background is transparent and its ink dark; in the dark scheme the site inverts lightness with
`filter: invert(1) hue-rotate(180deg)`. The palette keeps a contrast of 3:1 both ways, and its
colours stay apart for colour-blind readers (tests measure both).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

INK = "#1a1a1a"
"""Axes, symbols and what is true."""

MUTED = "#808893"
"""Marks that stand back: single seeds, thresholds."""

PALETTE = ("#004f91", "#db6a00", "#009e73", "#b84a9a", "#5c4a00")
"""Colours of the lines, in this order: blue, orange, green, purple, brown."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (2.5, 1)))
"""Line styles that go with the palette, so that colour is never the only difference."""

MARKERS = ("o", "s", "^", "D", "v")
"""Markers that go with the palette."""


def _fade(name: str, *stops: tuple[float, str, float]) -> LinearSegmentedColormap:
    """Return a colour map through stops (position, colour, opacity)."""
    return LinearSegmentedColormap.from_list(
        name, [(at, mpl.colors.to_rgba(colour, alpha)) for at, colour, alpha in stops], N=255
    )


SIGNED = _fade(
    "runtun_signed",
    (0.0, PALETTE[0], 1.0),
    (0.5 - 1e-9, PALETTE[0], 0.0),
    (0.5, PALETTE[1], 0.0),
    (1.0, PALETTE[1], 1.0),
)
"""Colour map for values around zero: blue below, orange above, zero shows the page."""

AMOUNT = _fade("runtun_amount", (0.0, PALETTE[0], 0.0), (1.0, PALETTE[0], 1.0))
"""Colour map for values from zero up: zero shows the page."""

STYLE: Mapping[str, Any] = {
    "figure.facecolor": "none",
    "figure.figsize": (6.4, 3.2),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.prop_cycle": mpl.cycler(color=list(PALETTE)) + mpl.cycler(linestyle=list(DASHES)),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 1.0,
    "axes.axisbelow": True,
    "font.size": 11,
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same figure on every machine
    "mathtext.fontset": "dejavuserif",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "lines.markersize": 6.0,
    "savefig.facecolor": "none",
    "savefig.transparent": True,
    "savefig.dpi": 200,
    "svg.fonttype": "path",
    "svg.hashsalt": "runtun",  # ids in the file do not change from one build to the next
}
"""matplotlib settings of every figure."""


def set_style() -> None:
    """Make this the style of the session, and show figures as SVG in a notebook.

    Call it once, at the top of a page or a notebook. The functions of this room use the style in
    any case; this is for figures drawn with matplotlib itself.
    """
    mpl.rcParams.update(STYLE)
    try:
        from IPython import get_ipython
    except ImportError:  # not a notebook
        return
    shell = get_ipython()
    if shell is not None:
        formatters = shell.display_formatter.formatters
        formatters["image/svg+xml"].for_type(Figure, to_svg)
        formatters["image/png"].pop(Figure, None)


def to_svg(figure: Figure) -> str:
    """Return the figure as SVG text; figures drawn alike give the same text, in any process.

    >>> to_svg(new_figure()[0]) == to_svg(new_figure()[0])
    True
    """
    file = io.StringIO()
    with mpl.rc_context(dict(STYLE)):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def new_figure(
    rows: int = 1, columns: int = 1, *, height: float = 3.2, width: float = 6.4, **options: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure in the course's style and its axes.

    The figure is not registered with pyplot: it needs no closing, and a notebook shows it only
    where it is the value of a cell.

    Args:
        rows: rows of axes; positive.
        columns: columns of axes; positive.
        height: inches.
        width: inches; 6.4 fills the text column.
        **options: further arguments of `Figure.subplots`, for example `sharex=True`.

    Returns:
        (figure, axes), axes an array (rows, columns).

    >>> figure, axes = new_figure(1, 2, sharey=True)
    >>> axes.shape
    (1, 2)
    """
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(width, height))
        return figure, figure.subplots(rows, columns, squeeze=False, **options)


def add_legend(axes: Axes) -> None:
    """Put the legend above the axes, where it hides nothing; none for fewer than two entries.

    A row holds as many names, at most five, as fit between the axes' left edge and the figure's
    right one.
    """
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) < 2:
        return
    room = axes.get_figure().bbox.x1 - axes.bbox.x0
    for count in range(min(5, len(labels)), 0, -1):
        legend = axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=count,
            handlelength=2.6,
            borderaxespad=0.2,
        )
        if legend.get_window_extent().width <= room:
            return


def line_styles(count: int) -> Sequence[dict[str, Any]]:
    """Return colour and dash of `count` lines.

    Raises:
        ValueError: if more lines are asked for than a reader could tell apart.

    >>> line_styles(1)
    [{'color': '#004f91', 'linestyle': '-'}]
    """
    if count > len(PALETTE):
        raise ValueError(
            f"One figure shows at most {len(PALETTE)} lines; received {count}. Draw two figures."
        )
    return [
        {"color": colour, "linestyle": dash}
        for colour, dash in zip(PALETTE[:count], DASHES[:count], strict=True)
    ]
