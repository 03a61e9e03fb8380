"""Windows and splits: each target is the future of its inputs, and parts share no target."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtun.data.windows import cut_targets, make_windows, split_by_time


@settings(max_examples=50, deadline=None)
@given(
    length=st.integers(1, 40),
    input_length=st.integers(1, 8),
    horizon=st.integers(1, 5),
    stride=st.integers(1, 4),
)
def test_each_window_is_followed_by_its_targets(
    length: int, input_length: int, horizon: int, stride: int
) -> None:
    series = np.arange(float(length))
    if length < input_length + horizon:
        with pytest.raises(ValueError, match="one window needs"):
            make_windows(series, input_length, horizon, stride=stride)
        return
    x, y = make_windows(series, input_length, horizon, stride=stride)
    starts = np.arange(0, length - input_length - horizon + 1, stride)
    np.testing.assert_array_equal(x[..., 0], starts[:, None] + np.arange(input_length))
    np.testing.assert_array_equal(y, starts[:, None] + input_length + np.arange(horizon))


def test_every_step_gives_each_step_its_own_future() -> None:
    x, y = make_windows(np.arange(20.0), 6, 3, every_step=True)
    assert y.shape == (12, 6, 3)
    np.testing.assert_array_equal(y, x + 1 + np.arange(3))


def test_the_last_of_every_step_is_the_ordinary_target() -> None:
    series = np.random.default_rng(0).normal(size=(5, 14, 2))
    every = cut_targets(series, 4, every_step=True)
    last = cut_targets(series, 4)
    np.testing.assert_array_equal(every.y[:, -1], last.y)
    np.testing.assert_array_equal(every.x, last.x)


def test_the_target_feature_can_be_chosen_and_all_can_be_asked_for() -> None:
    series = np.stack([np.arange(10.0), 100 + np.arange(10.0)], axis=1)
    assert make_windows(series, 4, 2, target=1).y[0].tolist() == [104.0, 105.0]
    assert make_windows(series, 4, 2, target=-1).y[0].tolist() == [104.0, 105.0]
    every = make_windows(series, 4, 2, target=None)
    assert every.y.shape == (5, 2, 2)
    np.testing.assert_array_equal(every.y[0], series[4:6])
    steps = make_windows(series, 4, 2, target=None, every_step=True).y
    assert steps.shape == (5, 4, 2, 2)
    np.testing.assert_array_equal(steps[0, 0], series[1:3])


def test_windows_are_copies_that_can_be_changed() -> None:
    series = np.arange(6.0)
    x, _ = make_windows(series, 3)
    x[0] = -1
    assert x[1, 0, 0] == 1.0
    assert series.tolist() == [0, 1, 2, 3, 4, 5]


def test_float32_stays_float32_and_integers_become_floats() -> None:
    assert make_windows(np.arange(9, dtype=np.float32), 3).x.dtype == np.float32
    assert make_windows(np.arange(9), 3).x.dtype == np.float64


@settings(max_examples=50, deadline=None)
@given(n=st.integers(20, 500), context=st.integers(0, 10))
def test_parts_are_in_order_and_their_new_steps_cover_everything_once(n: int, context: int) -> None:
    train, validation, test = split_by_time(n, context=context)
    steps = np.arange(n)
    new = [steps[train], steps[validation][context:], steps[test][context:]]
    np.testing.assert_array_equal(np.concatenate(new), steps)


def test_with_context_no_target_is_shared_between_parts() -> None:
    series = np.arange(100.0)
    targets = [make_windows(series[part], 7, 1).y.ravel() for part in split_by_time(100, context=7)]
    assert targets[1].min() == 70.0
    assert targets[2].min() == 85.0
    everything = np.concatenate(targets)
    assert len(np.unique(everything)) == len(everything)


def test_nan_is_refused_and_counted() -> None:
    with pytest.raises(ValueError, match="1 NaN or infinite"):
        make_windows(np.array([1.0, np.nan, 2.0, 3.0]), 2)


def test_text_is_refused() -> None:
    with pytest.raises(TypeError, match="must hold numbers"):
        make_windows(np.array(["a", "b", "c"]), 1)


@pytest.mark.parametrize("name", ["input_length", "horizon", "stride"])
def test_sizes_must_be_positive(name: str) -> None:
    sizes = {"input_length": 2, "horizon": 1, "stride": 1, name: 0}
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1"):
        make_windows(np.arange(9.0), **sizes)


def test_wrong_axes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="use cut_targets"):
        make_windows(np.zeros((2, 9, 1)), 3)
    with pytest.raises(ValueError, match=r"series\[\.\.\., None\]"):
        cut_targets(np.zeros((2, 9)))
    with pytest.raises(ValueError, match="shorter horizon"):
        cut_targets(np.zeros((2, 3, 1)), horizon=3)
    with pytest.raises(ValueError, match="one of the 1 features"):
        make_windows(np.arange(9.0), 3, target=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 100, "train": 1.2}, "`train` must be a share"),
        ({"n": 100, "train": 0.8, "validation": 0.2}, "leave a share for the test part"),
        ({"n": 2}, "too few"),
        ({"n": 100, "context": 80}, "`context` must fit"),
        ({"n": 0}, "`n` must be at least 1"),
    ],
)
def test_impossible_splits_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_by_time(**arguments)
