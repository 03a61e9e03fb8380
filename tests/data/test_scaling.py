"""Scalers: exact on the training part, blind to everything after it."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.data.scaling import MinMaxScaler, StandardScaler

SCALERS = [StandardScaler, MinMaxScaler, lambda: MinMaxScaler(-1.0, 1.0)]
SHAPES = [(50,), (50, 3), (50, 7, 2)]


def values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return 5 + 3 * np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("make", SCALERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_future_changes_nothing(make, shape) -> None:
    x = values(shape)
    other = x.copy()
    other[30:] = np.nan
    train = slice(0, 30)
    np.testing.assert_array_equal(
        make().fit(x, train).transform(x[:30]), make().fit(other, train).transform(x[:30])
    )


@pytest.mark.parametrize("make", SCALERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_inverse_undoes_transform(make, shape) -> None:
    x = values(shape)
    scaler = make().fit(x, slice(0, 30))
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(x)), x, rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_training_part_has_mean_zero_and_spread_one_per_feature(shape) -> None:
    x = values(shape)
    z = StandardScaler().fit(x, slice(0, 30)).transform(x)[:30].reshape(-1, (*shape, 1)[-1])
    if len(shape) == 1:
        z = z.reshape(-1, 1)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-12)


def test_training_part_spans_low_to_high() -> None:
    x = values((50, 3))
    z = MinMaxScaler(-2.0, 4.0).fit(x, slice(0, 30)).transform(x)[:30]
    np.testing.assert_allclose(z.min(axis=0), -2, atol=1e-12)
    np.testing.assert_allclose(z.max(axis=0), 4, atol=1e-12)


@pytest.mark.parametrize("make", SCALERS)
def test_targets_of_one_feature_come_back_in_its_units(make) -> None:
    x = values((50, 3))
    scaler = make().fit(x, slice(0, 30))
    y = scaler.transform(x)[:48, 1].reshape(24, 2)
    np.testing.assert_allclose(scaler.inverse_transform(y, feature=1).ravel(), x[:48, 1])
    with pytest.raises(ValueError, match="one of the 3 features"):
        scaler.inverse_transform(y, feature=3)
    with pytest.raises(ValueError, match="3 features in the last axis"):
        scaler.inverse_transform(y)


@pytest.mark.parametrize("make", SCALERS)
def test_a_constant_feature_does_not_divide_by_zero(make) -> None:
    x = np.column_stack([np.full(20, 7.0), np.arange(20.0)])
    z = make().fit(x, slice(0, 10)).transform(x)
    assert np.isfinite(z).all()
    assert len(np.unique(z[:, 0])) == 1


def test_float32_stays_float32() -> None:
    x = values((50, 3)).astype(np.float32)
    scaler = StandardScaler().fit(x, slice(0, 30))
    assert scaler.transform(x).dtype == np.float32
    assert scaler.inverse_transform(x).dtype == np.float32


@pytest.mark.parametrize("train", [slice(None), slice(0, 50), slice(0, 80)])
def test_a_training_part_that_covers_everything_is_refused(train: slice) -> None:
    with pytest.raises(ValueError, match="would see the future"):
        StandardScaler().fit(values((50,)), train)


@pytest.mark.parametrize("train", [slice(10, 30), slice(0, 30, 2), slice(0, 0), slice(30, 0, -1)])
def test_a_training_part_that_is_not_the_first_is_refused(train: slice) -> None:
    with pytest.raises(ValueError, match="first part of the series"):
        StandardScaler().fit(values((50,)), train)


def test_the_training_part_must_be_given_as_a_slice() -> None:
    with pytest.raises(TypeError, match="split_by_time"):
        StandardScaler().fit(values((50,)), 30)  # type: ignore[arg-type]


def test_a_scaler_is_fitted_once_and_before_use() -> None:
    scaler = StandardScaler()
    with pytest.raises(ValueError, match="not fitted"):
        scaler.transform(values((50,)))
    scaler.fit(values((50,)), slice(0, 30))
    with pytest.raises(ValueError, match="already fitted"):
        scaler.fit(values((50,)), slice(0, 30))


def test_nan_in_the_training_part_is_refused() -> None:
    x = values((50,))
    x[3] = np.nan
    with pytest.raises(ValueError, match="1 NaN or infinite"):
        StandardScaler().fit(x, slice(0, 30))


def test_bad_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match="`low` must be below `high`"):
        MinMaxScaler(1.0, 1.0)
