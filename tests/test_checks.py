"""Arguments are refused with what was expected, what came, and how to mend it."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.checks import finite, generator, positive_int


@pytest.mark.parametrize("value", [1, np.int64(1), np.uint8(1)])
def test_integers_of_every_kind_are_taken(value) -> None:
    assert positive_int(value, "n") == 1
    assert type(positive_int(value, "n")) is int


@pytest.mark.parametrize("value", [1.0, "1", None, True, np.array([1, 2])])
def test_what_is_no_integer_is_a_type_error(value) -> None:
    with pytest.raises(TypeError, match="`n` must be an integer; received"):
        positive_int(value, "n")


def test_small_integers_are_a_value_error() -> None:
    with pytest.raises(ValueError, match="`n` must be at least 1; received 0"):
        positive_int(0, "n")
    assert positive_int(0, "n", least=0) == 0


@pytest.mark.parametrize("rng", [0, None, np.random, np.random.RandomState(0)])
def test_only_a_generator_is_a_generator(rng) -> None:
    with pytest.raises(TypeError, match=r"numpy\.random\.default_rng\(seed\)"):
        generator(rng)


def test_numbers_keep_their_precision_and_integers_become_floats() -> None:
    assert finite(np.ones(2, np.float32), "x").dtype == np.float32
    assert finite([1, 2], "x").dtype == np.float64
    assert finite([True], "x").tolist() == [1.0]


def test_every_bad_value_is_counted() -> None:
    with pytest.raises(ValueError, match="`x` must be finite; received 3 NaN or infinite"):
        finite([np.nan, np.inf, -np.inf, 1.0], "x")


@pytest.mark.parametrize("values", [["a"], [1j], [object()], np.array(["2000-01-01"], "M8[D]")])
def test_what_is_no_number_is_a_type_error(values) -> None:
    with pytest.raises(TypeError, match="`x` must hold numbers"):
        finite(values, "x")
