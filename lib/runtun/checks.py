"""Checks of arguments that several rooms share: integers, generators, finite numbers."""

from __future__ import annotations

import operator

import numpy as np


def positive_int(value: object, name: str, *, least: int = 1) -> int:
    """Return `value` as an int of at least `least`, or raise TypeError / ValueError.

    >>> positive_int(3, "horizon")
    3
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"`{name}` must be an integer; received {value!r} of type {type(value).__name__}."
        ) from None
    if isinstance(value, bool):
        raise TypeError(f"`{name}` must be an integer; received {value!r}.")
    if number < least:
        raise ValueError(f"`{name}` must be at least {least}; received {number}.")
    return number


def generator(rng: object, name: str = "rng") -> np.random.Generator:
    """Return `rng` if it is a NumPy Generator, else raise TypeError with the remedy.

    >>> generator(np.random.default_rng(0)).__class__.__name__
    'Generator'
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"`{name}` must be a numpy.random.Generator; received {type(rng).__name__}. "
            "Make one with numpy.random.default_rng(seed)."
        )
    return rng


def finite(values: object, name: str) -> np.ndarray:
    """Return `values` as an array of floats without NaN or infinity, or raise.

    Integers become float64; float32 and float64 stay as they are.

    >>> finite([1, 2], "values").dtype
    dtype('float64')
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold numbers; received dtype {array.dtype}.")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise ValueError(
            f"`{name}` must be finite; received {bad} NaN or infinite values among {array.size}. "
            "Fill or drop them first."
        )
    return array
