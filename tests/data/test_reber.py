"""Reber's grammar: what is generated is legal, what is broken is found."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from runtun.data.reber import SYMBOLS, encode_reber, generate_reber, is_reber, next_letters

# The plain grammar as a regular expression, worked out by hand from its graph.
FROM_P = r"T*V(PXT*V)*(V|PS)"  # from the state reached by P to the last E
PLAIN = rf"B(TS*X(S|X{FROM_P})|P{FROM_P})E"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_plain_strings_match_the_regular_expression() -> None:
    for string in generate_reber(2000, rng(), grammar="plain"):
        assert re.fullmatch(PLAIN, string), string


def test_embedded_strings_hold_a_plain_one_between_equal_letters() -> None:
    for string in generate_reber(2000, rng()):
        assert re.fullmatch(r"B([TP]).*\1E", string), string
        assert is_reber(string[2:-2], grammar="plain")
        assert is_reber(string)


def test_both_ways_of_a_fork_are_equally_likely() -> None:
    second = Counter(string[1] for string in generate_reber(5000, rng()))
    assert second["T"] / 5000 == pytest.approx(0.5, abs=0.03)


def test_one_changed_letter_is_noticed() -> None:
    broken = 0
    for string in generate_reber(50, rng()):
        other = "P" if string[-2] == "T" else "T"
        assert not is_reber(string[:-2] + other + "E")
        broken += not is_reber(string[:3] + "B" + string[4:])
    assert broken == 50
    assert not is_reber("")
    with pytest.raises(ValueError, match="at position 1: 'S' where P or T may stand"):
        next_letters("BS")


def test_only_memory_of_the_second_letter_tells_the_last_but_one() -> None:
    assert next_letters("BTBTXSE")[-1] == "T"
    assert next_letters("BPBTXSE")[-1] == "P"


def test_parts_share_no_string() -> None:
    train = set(generate_reber(4000, rng(0), part="train"))
    test = set(generate_reber(1000, rng(0), part="test"))
    assert not train & test
    assert len(test) > 50


def test_encoding_shows_one_letter_and_every_legal_successor() -> None:
    strings = generate_reber(20, rng())
    x, y = encode_reber(strings)
    assert x.shape == y.shape == (20, max(map(len, strings)) - 1, 7)
    for row, string in enumerate(strings):
        steps = len(string) - 1
        assert "".join(SYMBOLS[i] for i in x[row, :steps].argmax(axis=1)) == string[:-1]
        following = [SYMBOLS.index(letter) for letter in string[1:]]
        assert (y[row, np.arange(steps), following] == 1).all()
        assert set(y[row, :steps].sum(axis=1)) <= {1.0, 2.0}
        assert not x[row, steps:].any()
        assert not y[row, steps:].any()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match='"plain" or "embedded"'):
        generate_reber(1, rng(), grammar="nested")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nothing to encode"):
        encode_reber([])
