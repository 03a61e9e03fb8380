"""Features know the past and the calendar, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from runtun.data.features import CYCLES, calendar_features, lag_features, rolling_features


def series(length: int = 60, freq: str = "30min") -> pd.Series:
    values = np.random.default_rng(0).normal(size=length)
    return pd.Series(values, pd.date_range("2000-02-28", periods=length, freq=freq))


@pytest.mark.parametrize(
    ("cycle", "period"),
    [("hour", "1h"), ("day", "1D"), ("week", "7D")],
)
def test_a_cycle_comes_back_after_its_period(cycle: str, period: str) -> None:
    times = pd.date_range("2000-02-27", periods=3000, freq="15min")
    features = calendar_features(times, [cycle])
    steps = int(pd.Timedelta(period) / pd.Timedelta("15min"))
    a = features.to_numpy()
    np.testing.assert_allclose(a[steps:], a[:-steps], atol=1e-9)
    assert len(np.unique(a[:steps].round(9), axis=0)) == steps  # and no sooner


def test_every_point_lies_on_the_circle_and_neighbours_are_near() -> None:
    times = pd.date_range("1999-12-01", "2001-02-01", freq="h")
    features = calendar_features(times, CYCLES)
    assert list(features.columns) == [f"{c}_{f}" for c in CYCLES for f in ("sin", "cos")]
    for cycle in CYCLES:
        pair = features[[f"{cycle}_sin", f"{cycle}_cos"]].to_numpy()
        np.testing.assert_allclose((pair**2).sum(axis=1), 1)
        if cycle != "hour":
            jump = np.linalg.norm(np.diff(pair, axis=0), axis=1).max()
            assert jump < 2 * np.pi / 23, cycle  # midnight, Monday and New Year are no cliff


def test_leap_years_end_where_they_begin() -> None:
    ends = calendar_features(pd.DatetimeIndex(["2000-12-31 23:59", "2001-12-31 23:59"]), ["year"])
    np.testing.assert_allclose(ends.to_numpy(), [[0, 1], [0, 1]], atol=1e-4)


def test_lags_are_the_values_so_many_steps_ago() -> None:
    s = series()
    lags = lag_features(s, [1, 48])
    assert lags["lag_48"].iloc[50] == s.iloc[2]
    assert lags["lag_1"].iloc[50] == s.iloc[49]
    assert lags.isna().sum().tolist() == [1, 48]


@pytest.mark.parametrize(
    "make",
    [
        lambda s: lag_features(s, [1, 5]),
        lambda s: rolling_features(s, [2, 7], ["mean", "std", "min", "max"]),
    ],
)
def test_changing_a_value_changes_only_later_rows(make) -> None:
    before = series()
    after = before.copy()
    after.iloc[30:] += 100
    a, b = make(before), make(after)
    pd.testing.assert_frame_equal(a.iloc[:31], b.iloc[:31])
    assert not a.iloc[31].equals(b.iloc[31])


def test_rolling_statistics_are_those_of_the_values_before() -> None:
    s = series()
    features = rolling_features(s, [7], ["mean", "std", "min", "max"])
    past = s.iloc[13:20]
    row = features.iloc[20]
    assert row["mean_7"] == pytest.approx(past.mean())
    assert row["std_7"] == pytest.approx(past.std())
    assert (row["min_7"], row["max_7"]) == pytest.approx((past.min(), past.max()))
    assert features["mean_7"].isna().sum() == 7


def test_bad_times_are_refused_with_the_remedy() -> None:
    s = series()
    with pytest.raises(ValueError, match=r"sort_index\(\)"):
        lag_features(s.iloc[::-1], [1])
    with pytest.raises(ValueError, match="appears twice"):
        lag_features(pd.concat([s.iloc[:3], s.iloc[2:]]), [1])
    with pytest.raises(ValueError, match="the step after 2000-02-28 04:30:00 is 0 days 01:00:00"):
        lag_features(s.drop(s.index[10]), [1])
    with pytest.raises(TypeError, match="to_datetime"):
        calendar_features(["2000-01-01"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="pandas Series"):
        rolling_features(s.to_numpy(), [3])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaT"):
        calendar_features(pd.DatetimeIndex(["2000-01-01", None]))


def test_bad_choices_are_refused() -> None:
    s = series()
    with pytest.raises(ValueError, match="hour, day, week, year"):
        calendar_features(s.index, ["month"])
    with pytest.raises(ValueError, match="`lags` must be at least 1"):
        lag_features(s, [0])
    with pytest.raises(ValueError, match="`windows` must be at least 2"):
        rolling_features(s, [1])
    with pytest.raises(ValueError, match="mean, std, min, max"):
        rolling_features(s, [3], ["median"])
