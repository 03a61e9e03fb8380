"""Adding and multiplication: two marked numbers, far apart, and one answer at the end."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from runtun.checks import generator, positive_int

TOLERANCE = 0.04
"""The paper counts an answer as right when it is less than this away from the target."""


class MarkedValues(NamedTuple):
    """A batch of sequences of (value, marker).

    Args:
        x: float32 (B, T, 2), zeros on the left where a sequence is shorter than T.
        y: float32 (B, 1), the answer expected after the last step.
        lengths: int64 (B,), number of steps of each sequence.
        positions: int64 (B, 2), the steps of `x` at which the marked values stand.
    """

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray
    positions: np.ndarray


def generate_adding(
    num_sequences: int,
    length: int,
    rng: np.random.Generator,
    *,
    variant: Literal["paper", "fixed"] = "paper",
) -> MarkedValues:
    """Generate sequences in which two marked values are to be added.

    Two variants go by one name; figures of one say nothing about the other.

    - "paper": length from T to T + T/10; values U[-1, 1]; one marked among the first ten steps,
      the other among the first T/2 - 1; markers are 1, those of the first and last step -1;
      target 0.5 + (X1 + X2) / 4. If the first step is chosen, its marker stays -1 and it counts
      as 0. Guessing 0.5 has a mean squared error of about 1/24 = 0.042.
    - "fixed": length T; values U[0, 1); two different steps marked anywhere; target X1 + X2.
      Guessing 1 has a mean squared error of 1/6 = 0.167.

    Args:
        num_sequences: B; positive.
        length: T, the least length; at least 20 for "paper" and 2 for "fixed".
        rng: source of randomness. Values are continuous, so two streams never share a sequence.
        variant: "paper" or "fixed".

    Returns:
        MarkedValues(x, y, lengths, positions).

    Raises:
        ValueError: if the length is too small or the variant has no such name.

    References: Hochreiter & Schmidhuber 1997, experiment 4; Le et al. 2015 (fixed length).

    >>> batch = generate_adding(2, 100, np.random.default_rng(0))
    >>> batch.x.shape
    (2, 110, 2)
    """
    if variant == "paper":
        return _paper(num_sequences, length, rng, "sum")
    if variant != "fixed":
        raise ValueError(f'`variant` must be "paper" or "fixed"; received {variant!r}.')
    count = positive_int(num_sequences, "num_sequences")
    length = positive_int(length, "length", least=2)
    values = generator(rng).random((count, length))
    first = rng.integers(length, size=count)
    second = (first + rng.integers(1, length, size=count)) % length  # any other step
    positions = np.sort(np.stack([first, second], axis=1), axis=1)
    markers = np.zeros((count, length))
    np.put_along_axis(markers, positions, 1.0, axis=1)
    y = np.take_along_axis(values, positions, axis=1).sum(axis=1, keepdims=True)
    x = np.stack([values, markers], axis=2)
    return MarkedValues(
        x.astype(np.float32), y.astype(np.float32), np.full(count, length), positions
    )


def generate_multiplication(
    num_sequences: int, length: int, rng: np.random.Generator
) -> MarkedValues:
    """Generate sequences in which two marked values are to be multiplied.

    As the paper's adding task, with values U[0, 1] and target X1 · X2; a marked first step counts
    as 1. Guessing 0.25 has a mean squared error of about 0.06.

    Args:
        num_sequences: B; positive.
        length: T, the least length; at least 20.
        rng: source of randomness.

    Returns:
        MarkedValues(x, y, lengths, positions).

    References: Hochreiter & Schmidhuber 1997, experiment 5.

    >>> generate_multiplication(2, 100, np.random.default_rng(0)).y.shape
    (2, 1)
    """
    return _paper(num_sequences, length, rng, "product")


def _paper(
    num_sequences: int, length: int, rng: np.random.Generator, answer: Literal["sum", "product"]
) -> MarkedValues:
    count = positive_int(num_sequences, "num_sequences")
    length = positive_int(length, "length", least=20)
    longest = length + length // 10
    low, neutral = (-1.0, 0.0) if answer == "sum" else (0.0, 1.0)
    lengths = generator(rng).integers(length, longest, size=count, endpoint=True)
    values = rng.uniform(low, 1.0, size=(count, longest))

    first = rng.integers(10, size=count)
    # Among the first T/2 - 1 steps without the one already marked: draw one fewer, skip over it.
    choices = max(length // 2 - 1, 2)
    second = rng.integers(choices - (first < choices), size=count)
    second += (second >= first) & (first < choices)
    steps = np.stack([first, second], axis=1)

    marked = np.take_along_axis(values, steps, axis=1)
    marked = np.where(steps == 0, neutral, marked)
    y = 0.5 + marked.sum(axis=1) / 4 if answer == "sum" else marked.prod(axis=1)

    markers = np.zeros((count, longest))
    np.put_along_axis(markers, steps, 1.0, axis=1)
    markers[:, 0] = -1.0
    markers[np.arange(count), lengths - 1] = -1.0

    # Push every sequence to the right, so that each ends at the last step.
    shift = longest - lengths[:, None]
    source = np.arange(longest) - shift
    x = np.stack([values, markers], axis=2)
    x = np.take_along_axis(x, np.maximum(source, 0)[..., None], axis=1) * (source >= 0)[..., None]
    return MarkedValues(
        x.astype(np.float32), y[:, None].astype(np.float32), lengths, np.sort(steps, axis=1) + shift
    )
