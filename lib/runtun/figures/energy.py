"""Figures of the energy laboratory: a week as a map, evenings, days, clocks, errors day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runtun.checks import finite
from runtun.figures.style import (
    AMOUNT,
    INK,
    MUTED,
    PALETTE,
    SIGNED,
    STYLE,
    add_legend,
    line_styles,
    new_figure,
)

styled = mpl.rc_context(dict(STYLE))


def _label_clock(axes: Axes) -> None:
    axes.set_xticks(range(0, 25, 3))
    axes.set_xlim(0, 24)
    axes.set_xlabel("h")


def _rows(values: np.ndarray, name: str) -> np.ndarray:
    array = finite(values, name)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"`{name}` must have shape (days, steps of a day), not empty; received {array.shape}."
        )
    return array


@styled
def draw_week(week: np.ndarray, *, unit: str = "GW") -> Figure:
    """Draw a week as a map: one row a day, one column a time of day.

    Args:
        week: mean values (7, steps of a day), the first row for Monday.
        unit: label of the scale.

    >>> draw_week(np.arange(14.0).reshape(7, 2)).axes[0].get_yticks().tolist()
    [1, 2, 3, 4, 5, 6, 7]
    """
    values = _rows(week, "week")
    figure, ((axes,),) = new_figure(height=2.5)
    picture = axes.imshow(
        values, aspect="auto", cmap=AMOUNT, extent=(0, 24, len(values) + 0.5, 0.5), origin="upper"
    )
    axes.set_yticks(range(1, len(values) + 1))
    axes.tick_params(length=0)
    _label_clock(axes)
    figure.colorbar(picture, ax=axes, label=unit, pad=0.02)
    return figure


@styled
def draw_evenings(
    sunset: np.ndarray, share: np.ndarray, hours: np.ndarray, evenings: Mapping[str, np.ndarray]
) -> Figure:
    """Draw how a value of the evening goes with the hour of sunset, and whole evenings beside it.

    Args:
        sunset: the hour of sunset of each day (N,).
        share: the value of each day (N,).
        hours: the hours of the evening (K,).
        evenings: label -> values at those hours (K,); at most five.

    >>> curves = {"$a$": np.ones(2)}
    >>> len(draw_evenings(np.ones(3), np.ones(3), np.array([20.0, 21.0]), curves).axes)
    2
    """
    figure, ((left, right),) = new_figure(1, 2, height=2.9)
    left.plot(
        finite(sunset, "sunset"),
        finite(share, "share"),
        "o",
        color=PALETTE[0],
        markersize=4,
        alpha=0.7,
    )
    left.set_xlabel(r"$s$ (h)")
    left.set_ylabel("$q$")
    styles = line_styles(len(evenings))
    for (label, values), style in zip(evenings.items(), styles, strict=True):
        right.plot(hours, finite(values, f"evenings[{label!r}]"), label=label, **style)
    right.set_xlabel("h")
    right.set_ylabel("$q$")
    add_legend(right)
    return figure


@styled
def draw_days(values: np.ndarray, borders: Sequence[int] = (), *, unit: str = "GW") -> Figure:
    """Draw one value a day as bars, and each day against the day before.

    Args:
        values: one value for each day (N,), N at least 2.
        borders: days before which a dotted line stands.
        unit: label of the values.

    Raises:
        ValueError: if there are fewer than two days.

    >>> figure = draw_days(np.array([1.0, 2.0, -1.0]), borders=[2])
    >>> figure.axes[1].lines[-1].get_xydata().tolist()
    [[1.0, 2.0], [2.0, -1.0]]
    """
    days = finite(values, "values")
    if days.ndim != 1 or len(days) < 2:
        raise ValueError(
            f"`values` must hold one value for each of at least two days; received {days.shape}."
        )
    figure, ((left, right),) = new_figure(
        1, 2, height=2.9, gridspec_kw={"width_ratios": (1.7, 1.0)}
    )
    colours = [PALETTE[1] if value > 0 else PALETTE[0] for value in days]
    left.bar(np.arange(len(days)), days, width=0.85, color=colours)
    left.axhline(0, color=INK, linewidth=1)
    for border in borders:
        left.axvline(border - 0.5, color=INK, linewidth=1.2, linestyle=":")
    left.set_xlabel("$d$")
    left.set_ylabel(rf"$\bar r_d$ ({unit})")
    for line in (right.axhline, right.axvline):
        line(0, color=MUTED, linewidth=1)
    right.plot(days[:-1], days[1:], "o", color=PALETTE[0], markersize=4, linestyle="none")
    right.set_xlabel(r"$\bar r_{d-1}$")
    right.set_ylabel(r"$\bar r_d$")
    return figure


@styled
def draw_by_clock(curves: Mapping[str, np.ndarray], *, unit: str = "GW") -> Figure:
    """Draw a quantity, such as the error, by the time of day.

    Args:
        curves: label -> values (steps of a day,), the first for midnight; at most five.
        unit: label of the values.

    Raises:
        ValueError: if there is no curve, or lengths differ.

    >>> draw_by_clock({"a": np.ones(48)}).axes[0].lines[0].get_xdata()[:3].tolist()
    [0.0, 0.5, 1.0]
    """
    if len({np.shape(values) for values in curves.values()}) != 1:
        raise ValueError(
            "`curves` must map labels to values of one length; received "
            f"{ {label: np.shape(values) for label, values in curves.items()} }."
        )
    figure, ((axes,),) = new_figure(height=3.0)
    for (label, values), style in zip(curves.items(), line_styles(len(curves)), strict=True):
        steps = finite(values, f"curves[{label!r}]")
        axes.plot(np.arange(len(steps)) * 24 / len(steps), steps, label=label, **style)
    if min(np.min(values) for values in curves.values()) < 0:
        axes.axhline(0, color=INK, linewidth=1)
    else:
        axes.set_ylim(bottom=0)
    _label_clock(axes)
    axes.set_ylabel(unit)
    add_legend(axes)
    return figure


@styled
def draw_residuals(
    residuals: Mapping[str, np.ndarray], marks: Sequence[int] = (), *, unit: str = "GW"
) -> Figure:
    """Draw signed errors as maps, one row a day, one column a time of day, on one scale.

    Args:
        residuals: label -> errors (days, steps of a day), all of one shape; truth minus forecast.
        marks: days, counted from 1, that get an arrow at the left edge.
        unit: label of the scale.

    Raises:
        ValueError: if there is no map, shapes differ, or a mark is not among the days.

    >>> figure = draw_residuals({"$a$": np.ones((3, 4)), "$b$": -np.ones((3, 4))}, marks=[2])
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['$a$', '$b$']
    """
    maps = {label: _rows(values, label) for label, values in residuals.items()}
    shapes = {values.shape for values in maps.values()}
    if len(shapes) != 1:
        raise ValueError(f"`residuals` must hold maps of one shape; received {sorted(shapes)}.")
    ((days, _),) = shapes
    if not all(1 <= mark <= days for mark in marks):
        raise ValueError(f"`marks` must be days from 1 to {days}; received {list(marks)}.")
    largest = max(np.abs(values).max() for values in maps.values()) or 1.0
    figure, grid = new_figure(1, len(maps), height=1.2 + 0.17 * days, sharey=True)
    for axes, (label, values) in zip(grid[0], maps.items(), strict=True):
        picture = axes.imshow(
            values,
            aspect="auto",
            cmap=SIGNED,
            vmin=-largest,
            vmax=largest,
            extent=(0, 24, days + 0.5, 0.5),
            interpolation="nearest",
        )
        for mark in marks:
            axes.plot([0.5], [mark], marker=">", color=INK, markersize=7, clip_on=False)
        axes.set_title(label, fontsize=11)
        _label_clock(axes)
        axes.set_xticks(range(0, 25, 6))
    grid[0, 0].set_ylabel("$d$")
    figure.colorbar(picture, ax=list(grid[0]), label=unit, pad=0.02)
    return figure
