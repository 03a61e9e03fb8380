"""What every floor shares when it makes a cell: first weights, drawn with NumPy, and sizes.

The same generator gives the same initial weights in NumPy, Keras and PyTorch.
"""

from __future__ import annotations

import numpy as np


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw weights U(-a, a) with a = sqrt(6 / (rows + columns)).

    Args:
        rng: the source of randomness.
        shape: (inputs, outputs).

    Returns:
        A float64 array of that shape, whose variance keeps the variance of a signal on its way
        forward and backward.

    References: Glorot & Bengio 2010.

    Example:
        >>> glorot_uniform(np.random.default_rng(0), (3, 5)).shape
        (3, 5)
    """
    limit = np.sqrt(6.0 / (shape[0] + shape[1]))
    return rng.uniform(-limit, limit, size=shape)


def orthogonal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw a matrix with orthonormal rows or columns, whichever are fewer.

    A square one keeps the length of every vector, so a hidden state neither fades nor grows by
    the recurrent weights alone.

    Args:
        rng: the source of randomness.
        shape: (rows, columns).

    Returns:
        A float64 array of that shape.

    References: Saxe, McClelland & Ganguli 2014.

    Example:
        >>> U = orthogonal(np.random.default_rng(0), (4, 4))
        >>> bool(np.allclose(U @ U.T, np.eye(4)))
        True
    """
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    # The signs of R's diagonal make the draw uniform over all orthogonal matrices.
    q = q * np.sign(np.diag(r))
    return np.ascontiguousarray(q if rows >= columns else q.T)


def positive_sizes(**sizes: int) -> None:
    """Refuse a size that is not a positive whole number.

    Raises:
        TypeError: if a size is not a whole number.
        ValueError: if a size is below 1.

    Example:
        >>> positive_sizes(hidden_size=0)
        Traceback (most recent call last):
        ValueError: `hidden_size` must be at least 1; received 0.
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise TypeError(
                f"`{name}` must be a whole number; received {size!r} ({type(size).__name__})."
            )
        if size < 1:
            raise ValueError(f"`{name}` must be at least 1; received {size}.")


def recurrence_target(recurrence: str, hidden_size: int, output_size: int) -> int:
    """Return the size of the layer into which the last output is fed.

    Raises:
        ValueError: if `recurrence` is unknown.
    """
    targets = {"output_to_hidden": hidden_size, "output_to_output": output_size}
    if recurrence not in targets:
        raise ValueError(f"`recurrence` must be one of {sorted(targets)}; received {recurrence!r}.")
    return targets[recurrence]
