"""Temporal order: the paper's rules hold in every sequence, and parts share none."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.data.temporal_order import (
    CLASSES,
    LEVELS,
    PADDING,
    SYMBOLS,
    Level,
    generate_temporal_order,
    one_hot,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("padding", ["left", "right"])
@pytest.mark.parametrize("name", LEVELS)
def test_every_sequence_follows_the_rules(name: str, padding: str) -> None:
    level = LEVELS[name]
    count = 20 if "lag" in name else 300
    batch = generate_temporal_order(count, name, rng(), padding=padding)
    assert batch.symbols.shape == (count, level.length[1])
    for row in range(count):
        text = batch.text(row)
        assert level.length[0] <= len(text) == batch.lengths[row] <= level.length[1]
        assert text[0] == "E"
        assert text[-1] == "B"
        at = [i for i, letter in enumerate(text) if letter in "XY"]
        assert len(at) == len(level.positions)
        assert all(low <= i <= high for i, (low, high) in zip(at, level.positions, strict=True))
        assert set(text[1:-1]) <= set("abcdXY")
        order = "".join(text[i] for i in at)
        assert CLASSES[len(at)][batch.labels[row]] == meaning(order)
        shown = "".join(SYMBOLS[s] for s in batch.symbols[row, batch.positions[row]])
        assert shown == order


def meaning(order: str) -> str:
    """The paper's table, written out."""
    table = {"XX": "Q", "XY": "R", "YX": "S", "YY": "U"}
    table |= {"XXX": "Q", "XXY": "R", "XYX": "S", "XYY": "U"}
    table |= {"YXX": "V", "YXY": "A", "YYX": "B", "YYY": "C"}
    return table[order]


def test_the_whole_range_of_lengths_and_positions_is_used() -> None:
    batch = generate_temporal_order(20_000, "hard", rng(), padding="right")
    assert (batch.lengths.min(), batch.lengths.max()) == (100, 110)
    assert batch.positions.min(axis=0).tolist() == [10, 50]
    assert batch.positions.max(axis=0).tolist() == [20, 60]
    share = np.bincount(batch.labels) / 20_000
    np.testing.assert_allclose(share, 0.25, atol=0.02)


def test_easy_has_the_5120_sequences_of_the_paper_s_arithmetic() -> None:
    batch = generate_temporal_order(100_000, "easy", rng())
    assert len(np.unique(batch.symbols, axis=0)) == 5120


def test_train_and_test_share_no_sequence_even_where_there_are_few() -> None:
    train = generate_temporal_order(120_000, "easy", rng(0), part="train").symbols
    test = generate_temporal_order(40_000, "easy", rng(0), part="test").symbols
    train_set = {row.tobytes() for row in train}
    test_set = {row.tobytes() for row in test}
    assert not train_set & test_set
    assert len(train_set | test_set) == 5120
    assert len(test_set) / 5120 == pytest.approx(0.2, abs=0.02)


def test_the_part_of_a_sequence_does_not_depend_on_the_side_of_its_padding() -> None:
    left = generate_temporal_order(5000, "easy", rng(1), part="test", padding="left")
    right = generate_temporal_order(5000, "easy", rng(2), part="train", padding="right")
    texts = [{batch.text(i) for i in range(5000)} for batch in (left, right)]
    assert not texts[0] & texts[1]


def test_test_classes_stay_balanced() -> None:
    labels = generate_temporal_order(20_000, "easy", rng(), part="test").labels
    np.testing.assert_allclose(np.bincount(labels) / 20_000, 0.25, atol=0.06)


def test_left_padding_ends_and_right_padding_starts_at_the_edge() -> None:
    left = generate_temporal_order(50, "normal", rng(), padding="left")
    right = generate_temporal_order(50, "normal", rng(), padding="right")
    assert set(left.symbols[:, -1]) == {SYMBOLS.index("B")}
    assert set(right.symbols[:, 0]) == {SYMBOLS.index("E")}
    np.testing.assert_array_equal(left.mask.sum(axis=1), left.lengths)
    np.testing.assert_array_equal(left.labels, right.labels)
    assert [left.text(i) for i in range(50)] == [right.text(i) for i in range(50)]


def test_the_same_generator_gives_the_same_batch_and_the_global_one_is_left_alone() -> None:
    first = generate_temporal_order(9, "hard", rng(5))
    second = generate_temporal_order(9, "hard", rng(5))
    np.testing.assert_array_equal(first.symbols, second.symbols)


def test_one_hot_has_one_one_per_symbol_and_none_for_padding() -> None:
    batch = generate_temporal_order(20, "easy", rng())
    x = one_hot(batch.symbols)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.sum(axis=2), batch.mask)
    np.testing.assert_array_equal(x.argmax(axis=2)[batch.mask], batch.symbols[batch.mask])


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="one of easy, normal"):
        generate_temporal_order(1, "simple", rng())
    with pytest.raises(ValueError, match='"left" or "right"'):
        generate_temporal_order(1, "easy", rng(), padding="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='"train", "test" or None'):
        generate_temporal_order(1, "easy", rng(), part="validation")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="default_rng"):
        generate_temporal_order(1, "easy", 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be below 8; received 8"):
        one_hot(np.array([8]))
    with pytest.raises(TypeError, match="must be integers"):
        one_hot(np.array([0.5]))


@pytest.mark.parametrize(
    ("length", "positions"),
    [
        ((7, 8), ((1, 2), (2, 5))),  # overlapping
        ((7, 8), ((1, 2), (4, 6))),  # on the end symbol
        ((7, 8), ((0, 2), (4, 5))),  # on the start symbol
        ((8, 7), ((1, 2), (4, 5))),
        ((7, 8), ((1, 2),)),
    ],
)
def test_a_level_that_cannot_be_filled_is_refused(length, positions) -> None:
    with pytest.raises(ValueError, match="one after the other"):
        Level(length, positions)


def test_padding_value_is_no_symbol() -> None:
    assert PADDING not in range(len(SYMBOLS))
