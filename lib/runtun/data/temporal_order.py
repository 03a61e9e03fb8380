"""Temporal order: which of two (or three) symbols came first, long ago?

A sequence of distractors hides two symbols X or Y; at its end the class is asked for. The answer
depends on nothing but their order, so a network must keep the first one through the whole gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from runtun.checks import generator, positive_int
from runtun.data.parts import PartName, draw_in_part

SYMBOLS = "XYabcdEB"
"""The eight input symbols; E starts a sequence and B ends it, as in the paper."""

CLASSES = {2: "QRSU", 3: "QRSUVABC"}
"""Class letters by the number of relevant symbols: XX Q, XY R, YX S, YY U; XXX Q ... YYY C."""

PADDING = -1
"""Stands where a shorter sequence has no symbol; one_hot turns it into zeros."""

_X, _DISTRACTORS, _START, _END = 0, (2, 6), 6, 7


@dataclass(frozen=True)
class Level:
    """How long the sequences are and where the relevant symbols stand.

    Args:
        length: least and greatest length, both included.
        positions: least and greatest position of each relevant symbol, counted from 0, both
            included, in order and without overlap.
    """

    length: tuple[int, int]
    positions: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        limits = [0, *(p for pair in self.positions for p in pair), self.length[0] - 1]
        ordered = all(low <= high for low, high in (self.length, *self.positions))
        apart = all(limits[i] < limits[i + 1] for i in range(0, len(limits), 2))
        if len(self.positions) not in CLASSES or not (ordered and apart):
            raise ValueError(
                "`positions` must be two or three ranges (least, greatest), one after the other, "
                f"between the start symbol and the end symbol; received {self}."
            )


LEVELS = {
    "easy": Level((7, 8), ((1, 2), (4, 5))),
    "normal": Level((30, 40), ((2, 5), (20, 27))),
    "moderate": Level((60, 80), ((10, 20), (45, 54))),
    "hard": Level((100, 110), ((10, 20), (50, 60))),
    "nightmare": Level((300, 500), ((10, 80), (250, 290))),
    "lag-1000": Level((1020, 1030), ((10, 20), (510, 520))),
    "lag-5000": Level((5020, 5030), ((10, 20), (2510, 2520))),
    "three": Level((100, 110), ((10, 20), (33, 43), (66, 76))),
}
"""Levels by name. "hard" and "three" are experiments 6a and 6b of the paper; the two lags are
ours: the first symbol must be kept for at least 1,000 or 5,000 steps."""


class TemporalOrder(NamedTuple):
    """A batch of sequences.

    Args:
        symbols: int8 (B, T), indices into SYMBOLS, PADDING where a sequence is shorter than T.
        labels: int64 (B,), indices into CLASSES.
        lengths: int64 (B,), number of symbols of each sequence.
        positions: int64 (B, 2) or (B, 3), columns of `symbols` in which the relevant ones stand.
    """

    symbols: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray
    positions: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Whether a step holds a symbol, bool (B, T)."""
        return self.symbols != PADDING

    def text(self, row: int) -> str:
        """The sequence as letters, without padding."""
        return "".join(SYMBOLS[s] for s in self.symbols[row] if s != PADDING)


def one_hot(symbols: np.ndarray, num_symbols: int = len(SYMBOLS)) -> np.ndarray:
    """Return symbols as vectors with a single 1; padding (any negative value) becomes zeros.

    Args:
        symbols: integers (...), below `num_symbols`.
        num_symbols: size of the new last axis.

    Returns:
        float32 (..., num_symbols).

    Raises:
        TypeError: if `symbols` are not integers.
        ValueError: if a symbol is too large.

    >>> one_hot(np.array([1, -1]), 3)
    array([[0., 1., 0.], [0., 0., 0.]], dtype=float32)
    """
    symbols = np.asarray(symbols)
    if symbols.dtype.kind not in "iu":
        raise TypeError(f"`symbols` must be integers; received dtype {symbols.dtype}.")
    if symbols.size and symbols.max() >= num_symbols:
        raise ValueError(f"`symbols` must be below {num_symbols}; received {symbols.max()}.")
    table = np.concatenate([np.eye(num_symbols), np.zeros((1, num_symbols))]).astype(np.float32)
    return table[np.where(symbols < 0, num_symbols, symbols)]


def generate_temporal_order(
    num_sequences: int,
    level: str | Level,
    rng: np.random.Generator,
    *,
    part: PartName | None = None,
    padding: Literal["left", "right"] = "left",
) -> TemporalOrder:
    """Generate sequences of the temporal order task.

    Each begins with E, ends with B, holds X or Y at its relevant positions and distractors a, b,
    c, d elsewhere. (The paper starts with E and ends with B; a well-known teaching code does the
    reverse.) All sequences of a level are padded to its greatest length.

    Args:
        num_sequences: B; positive.
        level: a name in LEVELS, or a Level of your own.
        rng: source of randomness.
        part: "train" or "test" for two streams that share no sequence whatever their seeds;
            None draws from all of them.
        padding: side of the padding. With "left" the last step of every row is its end symbol,
            so a model that reads its last output needs no mask.

    Returns:
        TemporalOrder(symbols, labels, lengths, positions).

    Raises:
        ValueError: if the level, the part or the side of the padding has no such name.

    References: Hochreiter & Schmidhuber 1997, experiments 6a and 6b.

    >>> batch = generate_temporal_order(2, "easy", np.random.default_rng(3))
    >>> batch.text(0), "QRSU"[batch.labels[0]]
    ('EYdaaYcB', 'U')
    >>> one_hot(batch.symbols).shape
    (2, 8, 8)
    """
    count = positive_int(num_sequences, "num_sequences")
    rng = generator(rng)
    if isinstance(level, str):
        if level not in LEVELS:
            raise ValueError(f"`level` must be one of {', '.join(LEVELS)}; received {level!r}.")
        level = LEVELS[level]
    if padding not in ("left", "right"):
        raise ValueError(f'`padding` must be "left" or "right"; received {padding!r}.')

    longest, num_relevant = level.length[1], len(level.positions)
    steps = np.arange(longest)

    def draw(n: int) -> tuple[np.ndarray, ...]:
        lengths = rng.integers(*level.length, size=n, endpoint=True)
        symbols = rng.integers(*_DISTRACTORS, size=(n, longest), dtype=np.int8)
        relevant = rng.integers(2, size=(n, num_relevant))  # 0 X, 1 Y
        positions = np.stack(
            [rng.integers(*limits, size=n, endpoint=True) for limits in level.positions], axis=1
        )
        rows = np.arange(n)
        symbols[rows[:, None], positions] = _X + relevant
        symbols[:, 0] = _START
        symbols[rows, lengths - 1] = _END
        symbols[steps >= lengths[:, None]] = PADDING
        labels = relevant @ (2 ** np.arange(num_relevant)[::-1])  # the order read as binary
        return symbols, labels, lengths, positions

    symbols, labels, lengths, positions = draw_in_part(draw, count, part)
    if padding == "left":
        shift = longest - lengths[:, None]
        source = steps - shift  # where each column comes from; negative: padding
        symbols = np.where(
            source < 0, PADDING, np.take_along_axis(symbols, np.maximum(source, 0), axis=1)
        ).astype(np.int8)
        positions = positions + shift
    return TemporalOrder(symbols, labels, lengths, positions)
