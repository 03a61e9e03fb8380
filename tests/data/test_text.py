"""Words, vocabularies, padding and streams: nothing lost, nothing guessed."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtun.data.text import (
    BEGIN,
    END,
    PAD,
    UNKNOWN,
    Vocabulary,
    cut_streams,
    pad,
    split_words,
)

SEQUENCES = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=9)


def test_words_keep_hyphens_and_apostrophes_and_lose_only_spaces() -> None:
    text = "It's well-made: undur-undur, 3.5 jam — né?"
    words = split_words(text)
    assert words[:2] == ["it's", "well-made"]
    assert "undur-undur" in words
    assert "né" in words
    assert "".join(words) == text.lower().replace(" ", "")
    assert split_words("Good", lower_case=False) == ["Good"]
    assert split_words(" \n") == []


def test_the_most_frequent_come_first_whatever_the_order_of_the_texts() -> None:
    texts = [["b", "a", "c"], ["a", "c"], ["a", "d"]]
    vocabulary = Vocabulary.build(texts)
    assert vocabulary.tokens == [PAD, UNKNOWN, "a", "c", "b", "d"]
    random.Random(0).shuffle(texts)
    assert Vocabulary.build(texts).tokens == vocabulary.tokens
    assert Vocabulary.build(texts, max_size=4).tokens == [PAD, UNKNOWN, "a", "c"]
    assert Vocabulary.build(texts, min_count=2).tokens == [PAD, UNKNOWN, "a", "c"]


def test_encoding_and_decoding_undo_each_other() -> None:
    text = "jaringan saraf rekuren"
    letters = Vocabulary.build([text], special=[PAD, BEGIN, END])
    numbers = [letters.number(BEGIN), *letters.encode(text), letters.number(END), 0, 0]
    assert "".join(letters.decode(numbers)) == text
    assert letters.decode(numbers, keep_special=True)[-1] == PAD
    assert len(letters) == len(set(text)) + 3
    assert "j" in letters
    assert "z" not in letters


def test_a_token_outside_is_unknown_or_an_error_but_never_silence() -> None:
    with_unknown = Vocabulary.build([["a"]])
    assert with_unknown.encode(["a", "z"]) == [2, 1]
    assert with_unknown.decode([2, 1]) == ["a", UNKNOWN]
    without = Vocabulary.build([["a"]], special=[PAD])
    with pytest.raises(ValueError, match="'z' is not in the vocabulary of 2 tokens"):
        without.encode(["a", "z"])
    with pytest.raises(ValueError, match="There is no token 2"):
        without.decode([2])
    with pytest.raises(ValueError, match="There is no token -1"):
        without.decode([-1])
    with pytest.raises(ValueError, match="'z' is not"):
        without.number("z")


def test_impossible_vocabularies_are_refused() -> None:
    with pytest.raises(ValueError, match="'a' appears more than once"):
        Vocabulary(["a", "b", "a"])
    with pytest.raises(ValueError, match="at least one token"):
        Vocabulary([])
    with pytest.raises(ValueError, match="leave room beside 2 special"):
        Vocabulary.build([["a"]], max_size=2)


@settings(max_examples=60, deadline=None)
@given(sequences=SEQUENCES, side=st.sampled_from(["left", "right"]))
def test_the_mask_picks_out_what_was_padded(sequences: list[list[int]], side: str) -> None:
    ids, mask = padded = pad(sequences, side=side)
    assert [row[keep].tolist() for row, keep in zip(ids, mask, strict=True)] == sequences
    assert not ids[~mask].any()
    assert padded.lengths.tolist() == list(map(len, sequences))
    edge = mask[:, -1] if side == "left" else mask[:, 0]
    assert edge.all()


@settings(max_examples=60, deadline=None)
@given(
    sequences=SEQUENCES,
    length=st.integers(1, 10),
    side=st.sampled_from(["left", "right"]),
    cut=st.sampled_from(["left", "right"]),
)
def test_cutting_keeps_the_other_end(sequences, length, side, cut) -> None:
    ids, mask = pad(sequences, side=side, length=length, cut=cut)
    assert ids.shape == (len(sequences), length)
    for row, keep, sequence in zip(ids, mask, sequences, strict=True):
        expected = sequence[-length:] if cut == "left" else sequence[:length]
        assert row[keep].tolist() == expected


def test_padding_refuses_what_would_be_a_silent_choice() -> None:
    with pytest.raises(TypeError):
        pad([[1]])  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="which end to lose"):
        pad([[1, 2, 3]], side="left", length=2)
    with pytest.raises(ValueError, match="number 1 has no token"):
        pad([[1], []], side="left")
    with pytest.raises(ValueError, match="nothing to pad"):
        pad([], side="left")
    with pytest.raises(ValueError, match='`side` must be "left" or "right"'):
        pad([[1]], side="pre")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='`cut` must be "left" or "right"'):
        pad([[1]], side="left", cut="post")  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 300), batch_size=st.integers(1, 6), steps=st.integers(1, 12))
def test_streams_continue_from_chunk_to_chunk(n: int, batch_size: int, steps: int) -> None:
    if n < batch_size * steps + 1:
        with pytest.raises(ValueError, match="need at least"):
            cut_streams(range(n), batch_size, steps)
        return
    x, y = cut_streams(range(n), batch_size, steps)
    np.testing.assert_array_equal(y, x + 1)
    streams = x.swapaxes(0, 1).reshape(batch_size, -1)  # each row read through all chunks
    assert (np.diff(streams, axis=1) == 1).all()
    np.testing.assert_array_equal(streams.ravel(), np.arange(streams.size))
    assert n - 1 - streams.size < batch_size * steps


def test_streams_refuse_text_and_tables() -> None:
    with pytest.raises(TypeError, match="Encode the text"):
        cut_streams(["a", "b", "c"], 1, 1)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="one text"):
        cut_streams(np.zeros((3, 3), int), 1, 1)
