"""Number words against an independent generator, and parts that share no number."""

from __future__ import annotations

import numpy as np
import pytest
from num2words import num2words

from runtun.data.number_words import LIMIT, generate_number_pairs, number_words

SAMPLE = [
    *range(2000),
    *np.random.default_rng(0).integers(2000, LIMIT, size=3000).tolist(),
    *(k * 10**e + d for e in range(2, 6) for k in range(1, 10) for d in (-1, 0, 1, 10, 11, 12)),
    LIMIT - 1,
]


@pytest.mark.parametrize("language", ["id", "en"])
def test_words_are_those_of_num2words(language: str) -> None:
    for number in SAMPLE:
        assert number_words(number, language) == num2words(number, lang=language)


@pytest.mark.parametrize("language", ["id", "en"])
def test_different_numbers_have_different_words(language: str) -> None:
    numbers = {*range(0, LIMIT, 97), *range(5000)}
    assert len({number_words(n, language) for n in numbers}) == len(numbers)


def test_pairs_say_the_same_number() -> None:
    pairs = generate_number_pairs(300, np.random.default_rng(0))
    for number, indonesian, english in zip(*pairs, strict=True):
        assert indonesian == num2words(int(number), lang="id")
        assert english == num2words(int(number), lang="en")


def test_every_number_of_digits_is_equally_likely() -> None:
    pairs = generate_number_pairs(12_000, np.random.default_rng(0))
    digits = [len(str(n)) for n in pairs.numbers.tolist()]
    np.testing.assert_allclose(np.bincount(digits)[1:] / 12_000, 1 / 6, atol=0.015)
    small = generate_number_pairs(2000, np.random.default_rng(0), max_digits=1).numbers
    assert set(small.tolist()) == set(range(10))


def test_parts_share_no_number() -> None:
    train = generate_number_pairs(5000, np.random.default_rng(0), max_digits=3, part="train")
    test = generate_number_pairs(5000, np.random.default_rng(0), max_digits=3, part="test")
    assert not set(train.numbers.tolist()) & set(test.numbers.tolist())


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="below 1,000,000; received 1,000,000"):
        number_words(LIMIT, "id")
    with pytest.raises(ValueError, match="at least 0"):
        number_words(-1, "id")
    with pytest.raises(TypeError, match="must be an integer"):
        number_words(1.5, "id")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='"id" or "en"'):
        number_words(1, "jv")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at most 6"):
        generate_number_pairs(1, np.random.default_rng(0), max_digits=7)
