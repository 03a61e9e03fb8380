"""Training and test parts of generated tasks that share no sequence.

Two seeds are not enough: a task with few distinct sequences (the easy level of temporal order has
5,120) gives both streams the same ones. So membership is a property of the sequence itself: a hash
of its symbols decides, the same on every machine, whatever the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

PartName = Literal["train", "test"]

TEST_SHARE = 0.2
"""Share of all distinct sequences that belong to the test part."""


def _mix(state: np.ndarray) -> np.ndarray:
    """Scatter 64-bit numbers so that near ones lie far apart (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is meant
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def hash_rows(rows: np.ndarray) -> np.ndarray:
    """Return a number in [0, 1) for each row of integers, spread evenly, fixed for ever.

    >>> hash_rows(np.array([[1, 2], [2, 1], [1, 2]])).round(3)
    array([0.444, 0.948, 0.444])
    """
    rows = np.asarray(rows).astype(np.int64).astype(np.uint64)
    place = np.arange(1, rows.shape[1] + 1, dtype=np.uint64)
    weights = _mix(place * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)  # one for each column
    mixed = _mix((_mix(rows + np.uint64(1)) * weights).sum(axis=1, dtype=np.uint64))
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def is_in_part(rows: np.ndarray, part: PartName | None) -> np.ndarray:
    """Return for each row of integers whether it belongs to the part; None means any.

    Raises:
        ValueError: if `part` is not "train", "test" or None.

    >>> is_in_part(np.array([[1, 2], [2, 1]]), "test")
    array([False, False])
    """
    if part is None:
        return np.ones(len(rows), dtype=bool)
    if part not in ("train", "test"):
        raise ValueError(f'`part` must be "train", "test" or None; received {part!r}.')
    is_test = hash_rows(rows) < TEST_SHARE
    return is_test if part == "test" else ~is_test


def draw_in_part(
    draw: Callable[[int], tuple[np.ndarray, ...]], count: int, part: PartName | None
) -> tuple[np.ndarray, ...]:
    """Draw `count` rows that belong to the part.

    Args:
        draw: draws n candidates and returns arrays of n rows; the first is hashed.
        count: how many rows to return.
        part: "train", "test" or None for any.

    Returns:
        The arrays of `draw`, with `count` rows each.

    >>> rng = np.random.default_rng(0)
    >>> (rows,) = draw_in_part(lambda n: (rng.integers(9, size=(n, 3)),), 4, "test")
    >>> is_in_part(rows, "test").all()
    np.True_
    """
    share = {None: 1.0, "train": 1 - TEST_SHARE, "test": TEST_SHARE}.get(part, 1.0)
    kept: list[tuple[np.ndarray, ...]] = []
    missing = count
    while missing > 0:
        arrays = draw(missing if part is None else int(missing / share * 1.1) + 16)
        wanted = np.flatnonzero(is_in_part(arrays[0], part))[:missing]
        kept.append(tuple(array[wanted] for array in arrays))
        missing -= len(wanted)
    return tuple(np.concatenate(arrays) for arrays in zip(*kept, strict=True))
