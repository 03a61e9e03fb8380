"""The division into parts is even, fixed for ever, and blind to everything but the sequence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from runtun.data.parts import TEST_SHARE, draw_in_part, hash_rows, is_in_part

ROWS = {
    "numbers": np.arange(20_000)[:, None],
    "bits": np.array(list(itertools.product([0, 1], repeat=14))),
    "permutations": np.array(list(itertools.permutations(range(7)))),
    "one symbol": np.tril(np.full((300, 300), 3)),  # differ in length only
    "padding": -np.tri(300, dtype=int),
}


@pytest.mark.parametrize("name", ROWS)
def test_hashes_are_different_and_even(name: str) -> None:
    values = hash_rows(ROWS[name])
    assert len(np.unique(values)) == len(values)
    assert values.min() >= 0
    assert values.max() < 1
    # Kolmogorov and Smirnov: with even spreading the distance is above this once in 1,000.
    ranks = np.arange(1, len(values) + 1) / len(values)
    assert np.abs(np.sort(values) - ranks).max() < 1.95 / np.sqrt(len(values))


def test_the_hash_does_not_depend_on_type_or_layout_and_never_changes() -> None:
    rows = np.random.default_rng(0).integers(0, 9, size=(50, 6))
    expected = hash_rows(rows)
    for same in (rows.astype(np.int8), np.asfortranarray(rows), rows[::-1].copy()[::-1]):
        np.testing.assert_array_equal(hash_rows(same), expected)
    # Written down: a change would move sequences between parts and results with them.
    assert hash_rows(np.array([[0, 0, 0]]))[0] == pytest.approx(0.07446938284801108, abs=1e-12)


def test_the_order_of_symbols_counts() -> None:
    assert hash_rows(np.array([[1, 2, 3]])) != hash_rows(np.array([[3, 2, 1]]))


@pytest.mark.parametrize("part", ["train", "test", None])
def test_as_many_rows_come_as_were_asked_for_and_all_belong(part) -> None:
    rng = np.random.default_rng(0)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        rows = rng.integers(0, 50, size=(n, 3))
        return rows, rows.sum(axis=1)

    rows, sums = draw_in_part(draw, 777, part)
    assert len(rows) == 777
    assert is_in_part(rows, part).all()
    np.testing.assert_array_equal(rows.sum(axis=1), sums)


def test_the_share_of_the_test_part_is_what_it_says() -> None:
    assert is_in_part(ROWS["numbers"], "test").mean() == pytest.approx(TEST_SHARE, abs=0.01)
    both = is_in_part(ROWS["numbers"], "test") ^ is_in_part(ROWS["numbers"], "train")
    assert both.all()
