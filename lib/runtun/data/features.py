"""Features of a time series: the calendar, past values, and statistics of the past.

Every feature at time t uses what is known before the value at t, or what a calendar knows anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from runtun.checks import positive_int

CYCLES = ("hour", "day", "week", "year")
"""Cycles that `calendar_features` knows."""

STATISTICS = ("mean", "std", "min", "max")
"""Statistics that `rolling_features` knows."""


def calendar_features(
    times: pd.DatetimeIndex, cycles: Sequence[str] = ("day", "week", "year")
) -> pd.DataFrame:
    """Return where each time stands in its cycles, as points on a circle.

    sin(2π p) and cos(2π p), where p in [0, 1) is the share of the cycle that has passed. As two
    numbers 23:30 and 00:00 are neighbours; as an hour from 0 to 23.5 they are far apart.

    Args:
        times: the time stamps, in order.
        cycles: some of "hour", "day", "week" (from Monday) and "year".

    Returns:
        Columns day_sin, day_cos, ... (T, 2·len(cycles)), values from -1 to 1, index `times`.

    Raises:
        TypeError: if `times` is not a DatetimeIndex.
        ValueError: if the times are not in order, or a cycle has no such name.

    >>> times = pd.date_range("2000-01-03", periods=3, freq="6h")  # a Monday
    >>> calendar_features(times, ["day"]).round(3).to_numpy().tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0]]
    """
    times = _in_order(times)
    unknown = [cycle for cycle in cycles if cycle not in CYCLES]
    if unknown:
        raise ValueError(f"`cycles` must be among {', '.join(CYCLES)}; received {unknown}.")
    start_of_day = times.normalize()
    hour = (times - times.floor("h")) / pd.Timedelta(hours=1)
    day = (times - start_of_day) / pd.Timedelta(days=1)
    days_in_year = np.where(times.is_leap_year, 366, 365)
    passed = {
        "hour": hour,
        "day": day,
        "week": (times.day_of_week + day) / 7,
        "year": (times.day_of_year - 1 + day) / days_in_year,
    }
    columns = {}
    for cycle in cycles:
        angle = 2 * np.pi * np.asarray(passed[cycle], dtype=np.float64)
        columns[f"{cycle}_sin"], columns[f"{cycle}_cos"] = np.sin(angle), np.cos(angle)
    return pd.DataFrame(columns, index=times)


def lag_features(series: pd.Series, lags: Sequence[int]) -> pd.DataFrame:
    """Return values of the past beside each time.

    Args:
        series: values at regular times, in order.
        lags: how many steps back; positive.

    Returns:
        Columns lag_1, ...; NaN where the past is not known yet (the first max(lags) rows): drop
        those rows.

    Raises:
        TypeError: if `series` is not a Series.
        ValueError: if times are out of order, doubled or have gaps (a lag of 48 half-hours would
            then not be a day), or a lag is not positive.

    >>> demand = pd.Series([5.0, 6.0, 7.0], pd.date_range("2000-01-01", periods=3, freq="D"))
    >>> lag_features(demand, [1, 2]).to_numpy().tolist()
    [[nan, nan], [5.0, nan], [6.0, 5.0]]
    """
    series = _regular(series)
    steps = [positive_int(lag, "lags") for lag in lags]
    return pd.DataFrame({f"lag_{k}": series.shift(k) for k in steps}, index=series.index)


def rolling_features(
    series: pd.Series, windows: Sequence[int], statistics: Sequence[str] = ("mean", "std")
) -> pd.DataFrame:
    """Return statistics of the values before each time; the value at the time is not among them.

    Args:
        series: values at regular times, in order.
        windows: how many steps each statistic looks back; at least 2.
        statistics: some of "mean", "std", "min" and "max".

    Returns:
        Columns mean_24, std_24, ...; NaN where the past is not known yet.

    Raises:
        TypeError, ValueError: as `lag_features`.

    >>> demand = pd.Series([5.0, 7.0, 100.0], pd.date_range("2000-01-01", periods=3, freq="D"))
    >>> rolling_features(demand, [2], ["mean"])["mean_2"].tolist()
    [nan, nan, 6.0]
    """
    series = _regular(series)
    unknown = [name for name in statistics if name not in STATISTICS]
    if unknown:
        raise ValueError(f"`statistics` must be among {', '.join(STATISTICS)}; received {unknown}.")
    columns = {}
    for window in windows:
        past = series.shift(1).rolling(positive_int(window, "windows", least=2))
        columns |= {f"{name}_{window}": getattr(past, name)() for name in statistics}
    return pd.DataFrame(columns, index=series.index)


def _in_order(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    if not isinstance(times, pd.DatetimeIndex):
        raise TypeError(
            f"Times must be a pandas DatetimeIndex; received {type(times).__name__}. "
            "Make one with pandas.to_datetime."
        )
    if times.hasnans:
        raise ValueError("Times must not be missing; received NaT.")
    if not times.is_monotonic_increasing:
        raise ValueError("Times must be in order, earliest first. Use sort_index().")
    if not times.is_unique:
        twice = times[times.duplicated()][0]
        raise ValueError(f"Times must be different; {twice} appears twice.")
    return times


def _regular(series: pd.Series) -> pd.Series:
    if not isinstance(series, pd.Series):
        raise TypeError(
            f"`series` must be a pandas Series with times as its index; received "
            f"{type(series).__name__}."
        )
    times = _in_order(series.index)
    steps = np.diff(times.to_numpy())
    if len(steps) and (steps != steps[0]).any():
        gap = int(np.flatnonzero(steps != np.median(steps.astype(np.int64)).astype(steps.dtype))[0])
        raise ValueError(
            f"`series` must have regular times; the step after {times[gap]} is "
            f"{pd.Timedelta(steps[gap])}. Fill the gaps with series.asfreq(...) first."
        )
    return series
