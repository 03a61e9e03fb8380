"""Text as numbers: words, vocabularies, padding and streams of characters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from runtun.checks import positive_int
from runtun.data.windows import Part

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<bos>", "<eos>"
"""Special tokens: padding, a token outside the vocabulary, begin and end of a sequence."""

Side = Literal["left", "right"]

# A word may hold apostrophes and hyphens (don't, kupu-kupu); any other sign stands alone.
_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def split_words(text: str, *, lower_case: bool = True) -> list[str]:
    """Split a text into words and punctuation marks.

    Args:
        text: any text.
        lower_case: whether "Good" and "good" are to be one word.

    Returns:
        The words and marks in order; reduplicated Indonesian words stay whole.

    >>> split_words("Don't panic: kupu-kupu terbang!")
    ["don't", 'panic', ':', 'kupu-kupu', 'terbang', '!']
    """
    return _WORD.findall(text.lower() if lower_case else text)


class Vocabulary:
    """A two-way table between tokens and numbers.

    Args:
        tokens: the tokens in the order of their numbers, special ones among them; all different.

    Attributes:
        tokens: the tokens in order.

    Raises:
        ValueError: if a token appears twice, or there is none.

    >>> letters = Vocabulary.build([["a", "b", "a"]], special=[])
    >>> letters.encode(["b", "a"]), letters.decode([0, 1])
    ([1, 0], ['a', 'b'])
    """

    def __init__(self, tokens: Iterable[Hashable]) -> None:
        self.tokens = list(tokens)
        self._numbers = {token: number for number, token in enumerate(self.tokens)}
        if not self.tokens:
            raise ValueError("`tokens` is empty: a vocabulary needs at least one token.")
        if len(self._numbers) < len(self.tokens):
            twice = next(t for t, n in Counter(self.tokens).items() if n > 1)
            raise ValueError(f"`tokens` must be different; {twice!r} appears more than once.")

    @classmethod
    def build(
        cls,
        sequences: Iterable[Iterable[Hashable]],
        *,
        max_size: int | None = None,
        min_count: int = 1,
        special: Sequence[str] = (PAD, UNKNOWN),
    ) -> Vocabulary:
        """Build a vocabulary from the training texts; never from the test texts.

        Args:
            sequences: lists of tokens, or strings (whose characters are then the tokens).
            max_size: greatest number of tokens, special ones included; None for all.
            min_count: how often a token must appear to be kept.
            special: tokens to put first, in this order.

        Returns:
            Special tokens, then the others, the most frequent first and alphabetically where
            equally frequent: the same texts in another order give the same vocabulary.
        """
        counts = Counter(token for sequence in sequences for token in sequence)
        for token in special:
            del counts[token]
        kept = [token for token, count in counts.items() if count >= min_count]
        kept.sort(key=lambda token: (-counts[token], str(token)))
        if max_size is not None:
            room = positive_int(max_size, "max_size") - len(special)
            if room < 1:
                raise ValueError(
                    f"`max_size` must leave room beside {len(special)} special tokens; received "
                    f"{max_size}."
                )
            kept = kept[:room]
        return cls([*special, *kept])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: Hashable) -> bool:
        return token in self._numbers

    def number(self, token: Hashable) -> int:
        """Return the number of a token.

        Raises:
            ValueError: if it is not in the vocabulary.
        """
        if token not in self._numbers:
            raise ValueError(f"{token!r} is not in the vocabulary of {len(self)} tokens.")
        return self._numbers[token]

    def encode(self, tokens: Iterable[Hashable]) -> list[int]:
        """Return the numbers of tokens; unknown ones become UNKNOWN if the vocabulary has it.

        Raises:
            ValueError: if a token is not in the vocabulary and neither is UNKNOWN.
        """
        fallback = self._numbers.get(UNKNOWN)
        if fallback is not None:
            return [self._numbers.get(token, fallback) for token in tokens]
        try:
            return [self._numbers[token] for token in tokens]
        except KeyError as error:
            raise ValueError(
                f"{error.args[0]!r} is not in the vocabulary of {len(self)} tokens, which has no "
                f"{UNKNOWN} to stand for it."
            ) from None

    def decode(self, numbers: Iterable[int], *, keep_special: bool = False) -> list[Hashable]:
        """Return the tokens of numbers.

        Args:
            numbers: integers from 0 to len(self) - 1.
            keep_special: whether to keep PAD, BEGIN and END; else they are left out.

        Raises:
            ValueError: if a number is outside the vocabulary.
        """
        found = []
        for number in numbers:
            if not 0 <= number < len(self):
                raise ValueError(f"There is no token {number}: there are {len(self)} tokens.")
            token = self.tokens[number]
            if keep_special or token not in (PAD, BEGIN, END):
                found.append(token)
        return found


class Padded(NamedTuple):
    """Sequences of different length in one array.

    Args:
        ids: int64 (B, T), filled up with the padding number.
        mask: bool (B, T), True where there is a token.
    """

    ids: np.ndarray
    mask: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each sequence, int64 (B,)."""
        return self.mask.sum(axis=1)


def pad(
    sequences: Sequence[Sequence[int]],
    *,
    side: Side,
    length: int | None = None,
    cut: Side | None = None,
    value: int = 0,
) -> Padded:
    """Put sequences of different length into one array.

    Both sides must be said, because they decide what a model sees: padding on the left puts the
    last token of every sequence into the last step, padding on the right needs a mask or packing;
    cutting on the left keeps the end of a long text, cutting on the right its beginning.

    Args:
        sequences: B lists of numbers, none of them empty.
        side: where the padding goes, "left" or "right".
        length: T; None for that of the longest sequence.
        cut: where longer sequences lose tokens, "left" or "right"; needed if any is longer.
        value: the padding number.

    Returns:
        Padded(ids, mask).

    Raises:
        ValueError: if a side has no such name, a sequence is empty (its mask would have no valid
            step), or one is too long and `cut` is not given.

    >>> pad([[5, 6, 7], [8]], side="left").ids
    array([[5, 6, 7], [0, 0, 8]])
    >>> pad([[5, 6, 7], [8]], side="right", length=2, cut="left").ids
    array([[6, 7], [8, 0]])
    """
    if side not in ("left", "right"):
        raise ValueError(f'`side` must be "left" or "right"; received {side!r}.')
    if cut not in ("left", "right", None):
        raise ValueError(f'`cut` must be "left" or "right"; received {cut!r}.')
    if not len(sequences):
        raise ValueError("`sequences` is empty: there is nothing to pad.")
    empty = [i for i, sequence in enumerate(sequences) if not len(sequence)]
    if empty:
        raise ValueError(
            f"`sequences` must not be empty; number {empty[0]} has no token, so its mask would "
            "have no valid step. Drop it or give it a token."
        )
    longest = max(map(len, sequences))
    length = longest if length is None else positive_int(length, "length")
    if longest > length and cut is None:
        raise ValueError(
            f"The longest of `sequences` has {longest} tokens, `length` is {length}. Say with "
            '`cut` which end to lose: "left" keeps the end, "right" the beginning.'
        )
    ids = np.full((len(sequences), length), value, dtype=np.int64)
    mask = np.zeros((len(sequences), length), dtype=bool)
    for row, sequence in enumerate(sequences):
        kept = sequence[-length:] if cut == "left" else sequence[:length]
        place = slice(length - len(kept), length) if side == "left" else slice(0, len(kept))
        ids[row, place] = kept
        mask[row, place] = True
    return Padded(ids, mask)


def cut_streams(ids: Sequence[int] | np.ndarray, batch_size: int, steps: int) -> Part:
    """Cut one long text into parallel streams of chunks, for truncated backpropagation.

    The text is cut into B streams of equal length, read side by side. Chunk n + 1 continues each
    row of chunk n, so a state carried from chunk to chunk always belongs to its row.

    Args:
        ids: the text as numbers, (N,).
        batch_size: B, the number of streams; positive.
        steps: T, the length of a chunk; positive.

    Returns:
        Part(x, y): both int64 (chunks, B, T); y is x one step later in the text. Up to
        B·T numbers at the end of the text are left out.

    Raises:
        ValueError: if the text is too short for one chunk.

    >>> x, y = cut_streams(range(13), batch_size=2, steps=3)
    >>> x.tolist()
    [[[0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]]
    >>> y[0].tolist()
    [[1, 2, 3], [7, 8, 9]]
    """
    ids = np.asarray(ids)
    batch_size, steps = positive_int(batch_size, "batch_size"), positive_int(steps, "steps")
    if ids.ndim != 1:
        raise ValueError(f"`ids` must be one text, (N,); received shape {ids.shape}.")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"`ids` must be integers; received dtype {ids.dtype}. Encode the text.")
    chunks = (len(ids) - 1) // (batch_size * steps)
    if chunks < 1:
        raise ValueError(
            f"`ids` has {len(ids)} numbers; {batch_size} streams of {steps} steps need at least "
            f"{batch_size * steps + 1}."
        )
    used = chunks * batch_size * steps

    def arrange(numbers: np.ndarray) -> np.ndarray:
        rows = numbers.astype(np.int64).reshape(batch_size, chunks, steps)
        return np.ascontiguousarray(rows.swapaxes(0, 1))  # (B, chunks, T) -> (chunks, B, T)

    return Part(arrange(ids[:used]), arrange(ids[1 : used + 1]))
