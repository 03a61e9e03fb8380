"""Figures of the chapter on forecasting: shadows, gaps, constants, clocks and drifting series."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from runtun.checks import finite, positive_int
from runtun.figures.style import INK, MUTED, PALETTE, STYLE, add_legend, line_styles, new_figure

styled = mpl.rc_context(dict(STYLE))


@styled
def draw_close_up(y_true: np.ndarray, y_pred: np.ndarray, zoom: slice) -> Figure:
    """Draw truth and forecast over the whole series and, beside it, a few steps of both.

    Args:
        y_true: the truth (T,).
        y_pred: the forecast (T,).
        zoom: the steps to show on the right.
    """
    truth, forecast = finite(y_true, "y_true"), finite(y_pred, "y_pred")
    figure, ((whole, part),) = new_figure(1, 2, height=2.9, gridspec_kw={"width_ratios": [1.4, 1]})
    steps = np.arange(len(truth))
    for axes, chosen, marker in ((whole, slice(None), None), (part, zoom, "o")):
        axes.plot(
            steps[chosen], truth[chosen], color=INK, marker=marker, markersize=4, label="$y_t$"
        )
        axes.plot(
            steps[chosen],
            forecast[chosen],
            color=PALETTE[1],
            linestyle=(0, (5, 1.5)),
            marker=marker,
            markersize=4,
            label=r"$\hat y_t$",
        )
        axes.set_xlabel("$t$")
    add_legend(whole)
    return figure


@styled
def draw_horizon(
    history: np.ndarray, y_true: np.ndarray, forecasts: Mapping[str, np.ndarray]
) -> Figure:
    """Draw the last steps seen, what came, and several forecasts over a long horizon.

    Args:
        history: the steps before the forecast (T,).
        y_true: what came (horizon,).
        forecasts: label to values (horizon,).
    """
    past, truth = finite(history, "history").ravel(), finite(y_true, "y_true").ravel()
    ahead = np.arange(1, len(truth) + 1)
    figure, ((axes,),) = new_figure(height=3.0)
    axes.axvline(0.5, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(np.arange(1 - len(past), 1), past, color=INK, linestyle="-")
    axes.plot(ahead, truth, color=INK, linestyle="none", marker="o", markersize=4, label="$y_t$")
    for (label, values), style in zip(forecasts.items(), line_styles(len(forecasts)), strict=True):
        axes.plot(ahead, values, label=label, **style)
    axes.set_xlabel("$t - T$")
    axes.set_ylabel("GW")
    add_legend(axes)
    return figure


@styled
def draw_gap(series: np.ndarray, gap: slice, fills: Mapping[str, np.ndarray]) -> Figure:
    """Draw a series with a gap, what stood there, and what different ways put in its place.

    Args:
        series: the whole truth (T,).
        gap: the missing steps.
        fills: label to values (gap,).
    """
    x = finite(series, "series")
    steps = np.arange(len(x))
    seen = x.copy()
    seen[gap] = np.nan
    figure, ((axes,),) = new_figure(height=2.9)
    axes.axvspan(gap.start - 0.5, gap.stop - 0.5, color=MUTED, alpha=0.18, linewidth=0)
    axes.plot(steps, seen, color=INK)
    axes.plot(steps[gap], x[gap], color=INK, linewidth=1, marker=".", linestyle="none")
    for (label, values), style in zip(fills.items(), line_styles(len(fills)), strict=True):
        axes.plot(steps[gap], values, label=label, **style)
    axes.set_xlabel("$t$")
    axes.set_ylabel("GW")
    add_legend(axes)
    return figure


@styled
def draw_constant_losses(constants: np.ndarray, losses: Mapping[str, np.ndarray]) -> Figure:
    """Draw what each metric says of a constant forecast, with the constant it likes best.

    Args:
        constants: the forecasts c (N,), ascending.
        losses: name of a metric to its value for each constant (N,), positive. Each is divided by
            its smallest value, so that all touch 1.
    """
    figure, ((axes,),) = new_figure(height=2.9)
    for (name, values), style in zip(losses.items(), line_styles(len(losses)), strict=True):
        relative = np.asarray(values) / np.min(values)
        best = int(np.argmin(relative))
        axes.plot(constants, relative, label=name, **style)
        axes.plot(constants[best], 1.0, marker="o", color=style["color"], markersize=9)
    axes.set_ylim(0.97, 2.0)
    axes.set_xlabel("$c$")
    axes.set_ylabel(r"$\ell(c)\,/\,\min\ell$")
    add_legend(axes)
    return figure


@styled
def draw_profiles(profile: np.ndarray, fits: Mapping[str, np.ndarray]) -> Figure:
    """Draw a mean day and what models that know only the time of day make of it.

    Args:
        profile: mean values by time of day (N,), over 24 hours.
        fits: label to forecasts (N,).
    """
    hours = np.arange(len(profile)) * 24 / len(profile)
    figure, ((axes,),) = new_figure(height=3.0)
    axes.plot(hours, profile, color=INK, linestyle="none", marker="o", markersize=4)
    for (label, values), style in zip(fits.items(), line_styles(len(fits)), strict=True):
        axes.plot(hours, values, label=label, **style)
    axes.set_xticks(range(0, 25, 6))
    axes.set_xlabel("h")
    axes.set_ylabel("GW")
    add_legend(axes)
    return figure


def autocorrelation(series: np.ndarray, lags: int) -> np.ndarray:
    """Correlation of a series with itself, shifted by 0, 1, ..., `lags` steps.

    >>> autocorrelation(np.array([1.0, -1.0, 1.0, -1.0]), lags=1).tolist()
    [1.0, -0.75]
    """
    x = finite(series, "series") - np.mean(series)
    lags = positive_int(lags, "lags")
    return np.array([x[k:] @ x[: len(x) - k] for k in range(lags + 1)]) / (x @ x)


@styled
def draw_stationarity(series: Mapping[str, np.ndarray], *, window: int, lags: int) -> Figure:
    """Draw series with their rolling mean and spread, and below each its autocorrelation.

    Args:
        series: label to values (T,); one column each.
        window: steps of the rolling mean and spread; each value looks at the past only.
        lags: largest shift of the autocorrelation.
    """
    figure, axes = new_figure(2, len(series), height=4.2)
    for column, (label, values), colour in zip(axes.T, series.items(), PALETTE, strict=False):
        x = finite(values, label)
        view = np.lib.stride_tricks.sliding_window_view(x, window)
        steps = np.arange(window - 1, len(x))
        mean, spread = view.mean(-1), view.std(-1)
        column[0].plot(x, color=colour, linewidth=0.8, alpha=0.75)
        column[0].fill_between(
            steps, mean - 2 * spread, mean + 2 * spread, color=MUTED, alpha=0.3, linewidth=0
        )
        column[0].plot(steps, mean, color=INK, linewidth=1.6, linestyle="-")
        column[0].set_xlabel("$t$")
        column[0].set_ylabel(label)
        column[1].axhline(0, color=INK, linewidth=1)
        # For a series without memory 95 % of the bars stay between these lines.
        for sign in (-1, 1):
            column[1].axhline(
                sign * 1.96 / np.sqrt(len(x)), color=MUTED, linewidth=1, linestyle=(0, (4, 3))
            )
        column[1].bar(range(lags + 1), autocorrelation(x, lags), width=0.6, color=colour)
        column[1].set_ylim(-0.2, 1.05)
        column[1].set_xlabel("$k$")
        column[1].set_ylabel(r"$\rho_k$")
    return figure
