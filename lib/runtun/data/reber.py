"""Reber's grammar and its embedded form: a small language whose end depends on its beginning."""

from __future__ import annotations

from typing import Literal

import numpy as np

from runtun.checks import generator, positive_int
from runtun.data.parts import PartName, is_in_part
from runtun.data.windows import Part

SYMBOLS = "BTPSXVE"
"""The seven letters of the grammar."""

# One entry for each state: the letters that may follow and the states they lead to.
_REBER: tuple[dict[str, int], ...] = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
    {},
)


def _embed() -> tuple[dict[str, int], ...]:
    """B, then T or P, a whole Reber string, the same T or P, E."""
    size = len(_REBER)
    inner = [
        {letter: target + 2 + branch * size for letter, target in state.items()}
        for branch in range(2)
        for state in _REBER
    ]
    last = 2 + 2 * size
    inner[size - 1] = {"T": last}
    inner[2 * size - 1] = {"P": last}
    return ({"B": 1}, {"T": 2, "P": 2 + size}, *inner, {"E": last + 1}, {})


GRAMMARS: dict[str, tuple[dict[str, int], ...]] = {"plain": _REBER, "embedded": _embed()}
"""The two grammars as lists of states."""


def _grammar(name: str) -> tuple[dict[str, int], ...]:
    if name not in GRAMMARS:
        raise ValueError(f'`grammar` must be "plain" or "embedded"; received {name!r}.')
    return GRAMMARS[name]


def generate_reber(
    num_strings: int,
    rng: np.random.Generator,
    *,
    grammar: Literal["plain", "embedded"] = "embedded",
    part: PartName | None = None,
) -> list[str]:
    """Generate strings of Reber's grammar; at each fork both ways are equally likely.

    An embedded string is B, then T or P, a plain string, the same T or P, and E: the last but one
    letter can only be known by remembering the second.

    Args:
        num_strings: how many; positive.
        rng: source of randomness.
        grammar: "plain" or "embedded".
        part: "train" or "test" for streams that share no string; None for any.

    Returns:
        The strings, for example "BTBTXSETE".

    References: Reber 1967; Hochreiter & Schmidhuber 1997, experiment 1.

    >>> generate_reber(2, np.random.default_rng(1))
    ['BPBTXXTTVVEPE', 'BPBPVPSEPE']
    """
    count = positive_int(num_strings, "num_strings")
    rng, states = generator(rng), _grammar(grammar)
    strings: list[str] = []
    while len(strings) < count:
        letters, state = [], 0
        while states[state]:
            choices = sorted(states[state])
            letter = choices[rng.integers(len(choices))] if len(choices) > 1 else choices[0]
            letters.append(letter)
            state = states[state][letter]
        code = np.array([[SYMBOLS.index(letter) for letter in letters]])
        if is_in_part(code, part)[0]:
            strings.append("".join(letters))
    return strings


def next_letters(string: str, *, grammar: Literal["plain", "embedded"] = "embedded") -> list[str]:
    """Return, after each letter, the letters that may come next, in alphabetical order.

    Raises:
        ValueError: if a letter breaks the grammar.

    >>> next_letters("BTXSE", grammar="plain")
    ['PT', 'SX', 'SX', 'E', '']
    """
    states, state, legal = _grammar(grammar), 0, []
    for place, letter in enumerate(string):
        if letter not in states[state]:
            raise ValueError(
                f"`string` breaks the {grammar} grammar at position {place}: {letter!r} where "
                f"{' or '.join(sorted(states[state])) or 'nothing'} may stand."
            )
        state = states[state][letter]
        legal.append("".join(sorted(states[state])))
    return legal


def is_reber(string: str, *, grammar: Literal["plain", "embedded"] = "embedded") -> bool:
    """Return whether the string is a whole string of the grammar.

    >>> is_reber("BTBTXSETE"), is_reber("BTBTXSEPE"), is_reber("BTBTXSET")
    (True, False, False)
    """
    try:
        legal = next_letters(string, grammar=grammar)
    except ValueError:
        return False
    return bool(legal) and legal[-1] == ""


def encode_reber(strings: list[str], *, grammar: Literal["plain", "embedded"] = "embedded") -> Part:
    """Turn strings into inputs and the letters that may follow each step.

    Args:
        strings: whole strings of the grammar.
        grammar: "plain" or "embedded".

    Returns:
        Part(x, y): both float32 (B, T, 7), T one less than the longest string, zeros on the right
        where a string has ended. x is one letter a step; y holds a 1 for each letter that may
        follow, one or two of them.

    Raises:
        ValueError: if there is no string, or one breaks the grammar.

    >>> x, y = encode_reber(["BTXSE"], grammar="plain")
    >>> x.shape, y[0, 0]
    ((1, 4, 7), array([0., 1., 1., 0., 0., 0., 0.], dtype=float32))
    """
    if not strings:
        raise ValueError("`strings` is empty: there is nothing to encode.")
    longest = max(map(len, strings)) - 1
    x = np.zeros((len(strings), longest, len(SYMBOLS)), dtype=np.float32)
    y = np.zeros_like(x)
    for row, string in enumerate(strings):
        for step, legal in enumerate(next_letters(string, grammar=grammar)[:-1]):
            x[row, step, SYMBOLS.index(string[step])] = 1
            y[row, step, [SYMBOLS.index(letter) for letter in legal]] = 1
    return Part(x, y)
