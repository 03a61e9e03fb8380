"""Where in the sequence: numbers that tell an order-blind layer the position of each step."""

from __future__ import annotations

import numpy as np

from runtun.checks import positive_int


def sinusoidal_positions(length: int, embedding_size: int) -> np.ndarray:
    """Return a vector for each position, from waves of geometrically growing length.

    p[t, 2k] = sin(t / 10000^(2k / E))      p[t, 2k + 1] = cos(t / 10000^(2k / E))

    Every pair (sin, cos) turns by a fixed angle from one position to the next, so a linear map can
    look a given number of steps back. Nothing is learned, so a model may meet positions that it
    never saw in training.

    Args:
        length: T, the number of positions; positive.
        embedding_size: E, the size of each vector; positive and even.

    Returns:
        A float64 array (T, E) with entries in [-1, 1].

    Raises:
        ValueError: if `embedding_size` is odd.

    References: Vaswani et al. 2017.

    Example:
        >>> sinusoidal_positions(2, 4).round(2)
        array([[0.  , 1.  , 0.  , 1.  ],
               [0.84, 0.54, 0.01, 1.  ]])
    """
    length = positive_int(length, "length")
    embedding_size = positive_int(embedding_size, "embedding_size")
    if embedding_size % 2:
        raise ValueError(
            f"`embedding_size` must be even, one sine and one cosine for each wave; "
            f"received {embedding_size}."
        )
    rates = 10000.0 ** (-np.arange(0, embedding_size, 2) / embedding_size)  # (E / 2,)
    angles = np.arange(length)[:, None] * rates  # (T, E / 2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, embedding_size)


def check_positions(positions: str) -> None:
    """Refuse an unknown kind of positions.

    Raises:
        ValueError: with the kinds there are.
    """
    kinds = ("learned", "none", "sinusoidal")
    if positions not in kinds:
        raise ValueError(f"`positions` must be one of {list(kinds)}; received {positions!r}.")


def check_length(length: int | None, positions: str, max_length: int) -> None:
    """Refuse a sequence that is longer than there are positions.

    Raises:
        ValueError: with the argument to raise.
    """
    if positions != "none" and length is not None and length > max_length:
        raise ValueError(
            f"`x` has {length} steps, but there are positions for {max_length}. "
            f"Make the model with max_length={length} or more."
        )
