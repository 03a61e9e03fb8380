"""Numbers in words, in Indonesian and English: an exact and endless translation task."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from runtun.checks import generator, positive_int
from runtun.data.parts import PartName, draw_in_part

Language = Literal["id", "en"]

LIMIT = 1_000_000
"""Numbers are below this."""

_ID = ("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan")
_EN = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_EN_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def number_words(number: int, language: Language) -> str:
    """Return a number in words.

    Args:
        number: 0 to 999,999.
        language: "id" or "en" (British: with "and").

    Raises:
        ValueError: if the number is out of range or the language is another.

    >>> number_words(1945, "id"), number_words(1945, "en")
    ('seribu sembilan ratus empat puluh lima', 'one thousand, nine hundred and forty-five')
    """
    number = positive_int(number, "number", least=0)
    if number >= LIMIT:
        raise ValueError(f"`number` must be below {LIMIT:,}; received {number:,}.")
    if language == "id":
        return _indonesian(number)
    if language == "en":
        return _english(number)
    raise ValueError(f'`language` must be "id" or "en"; received {language!r}.')


def _indonesian(n: int) -> str:
    if n < 10:
        return _ID[n]
    if n < 20:
        return "sepuluh" if n == 10 else "sebelas" if n == 11 else f"{_ID[n - 10]} belas"
    for size, name in ((1000, "ribu"), (100, "ratus"), (10, "puluh")):
        count, rest = divmod(n, size)
        if count:
            # One of a kind is said with the prefix se-: seratus, seribu.
            head = f"se{name}" if count == 1 else f"{_indonesian(count)} {name}"
            return f"{head} {_indonesian(rest)}" if rest else head
    raise AssertionError(n)


def _english(n: int) -> str:
    if n < 20:
        return _EN[n]
    if n < 100:
        tens, ones = divmod(n, 10)
        return f"{_EN_TENS[tens]}-{_EN[ones]}" if ones else _EN_TENS[tens]
    if n < 1000:
        hundreds, rest = divmod(n, 100)
        head = f"{_EN[hundreds]} hundred"
        return f"{head} and {_english(rest)}" if rest else head
    thousands, rest = divmod(n, 1000)
    head = f"{_english(thousands)} thousand"
    if not rest:
        return head
    return f"{head}, {_english(rest)}" if rest >= 100 else f"{head} and {_english(rest)}"


class NumberPairs(NamedTuple):
    """Numbers and their words in both languages.

    Args:
        numbers: int64 (B,).
        indonesian: B strings.
        english: B strings.
    """

    numbers: np.ndarray
    indonesian: list[str]
    english: list[str]


def generate_number_pairs(
    count: int,
    rng: np.random.Generator,
    *,
    max_digits: int = 6,
    part: PartName | None = None,
) -> NumberPairs:
    """Generate numbers in words; every number of digits is equally likely.

    Args:
        count: how many; positive. The same number may appear more than once.
        rng: source of randomness.
        max_digits: greatest number of digits, 1 to 6.
        part: "train" or "test" for streams that share no number; None for any.

    Returns:
        NumberPairs(numbers, indonesian, english).

    >>> pairs = generate_number_pairs(1, np.random.default_rng(0))
    >>> pairs.indonesian
    ['enam ratus tujuh puluh tiga ribu dua ratus enam puluh lima']
    >>> pairs.english
    ['six hundred and seventy-three thousand, two hundred and sixty-five']
    """
    count = positive_int(count, "count")
    max_digits = positive_int(max_digits, "max_digits")
    if max_digits > 6:
        raise ValueError(f"`max_digits` must be at most 6; received {max_digits}.")
    rng = generator(rng)

    def draw(n: int) -> tuple[np.ndarray]:
        digits = rng.integers(1, max_digits, size=n, endpoint=True)
        least = np.where(digits == 1, 0, 10 ** (digits - 1))
        return (rng.integers(least, 10**digits)[:, None],)

    (numbers,) = draw_in_part(draw, count, part)
    values = numbers[:, 0].tolist()
    return NumberPairs(
        numbers[:, 0],
        [number_words(value, "id") for value in values],
        [number_words(value, "en") for value in values],
    )
