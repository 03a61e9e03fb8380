"""Learning rates that change while training: functions from progress, 0 to 1, to a rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Schedule = Callable[[np.ndarray], np.ndarray]


def one_cycle(max_rate: float, *, warmup: float = 0.3) -> Schedule:
    """Rise from max_rate / 25 to max_rate, then fall to nearly nothing, along half cosines.

    Args:
        max_rate: the greatest learning rate; positive.
        warmup: part of the training spent rising, in (0, 1).

    Returns:
        A schedule for the argument `learning_rate` of `fit`.

    References: Smith & Topin 2018.

    Example:
        >>> one_cycle(0.025)(np.array([0.0, 0.3, 1.0])).round(7)
        array([1.0e-03, 2.5e-02, 1.0e-07])
    """
    _check_rate(max_rate)
    if not 0 < warmup < 1:
        raise ValueError(f"`warmup` must lie between 0 and 1; received {warmup}.")
    low, end = max_rate / 25, max_rate / 25e4

    def schedule(progress: np.ndarray) -> np.ndarray:
        rise = low + (max_rate - low) * _half_cosine(progress / warmup)
        fall = max_rate + (end - max_rate) * _half_cosine((progress - warmup) / (1 - warmup))
        return np.where(progress < warmup, rise, fall)

    return schedule


def cosine(max_rate: float, *, end: float = 0.0) -> Schedule:
    """Fall from max_rate to `end` along half a cosine.

    Args:
        max_rate: the learning rate at the start; positive.
        end: the learning rate at the end; zero or more.

    Example:
        >>> cosine(1.0)(np.array([0.0, 0.5, 1.0]))
        array([1. , 0.5, 0. ])
    """
    _check_rate(max_rate)
    return lambda progress: max_rate + (end - max_rate) * _half_cosine(progress)


def exponential_decay(max_rate: float, end: float) -> Schedule:
    """Fall from max_rate to `end` by the same factor at every step.

    Args:
        max_rate: the learning rate at the start; positive.
        end: the learning rate at the end; positive.

    Example:
        >>> exponential_decay(1.0, 0.01)(np.array([0.0, 0.5, 1.0]))
        array([1.  , 0.1 , 0.01])
    """
    _check_rate(max_rate)
    _check_rate(end)
    return lambda progress: max_rate * (end / max_rate) ** progress


def step_decay(
    max_rate: float, *, factor: float = 0.1, at: Sequence[float] = (0.5, 0.75)
) -> Schedule:
    """Stay at a rate and multiply it by `factor` at given points of the training.

    Args:
        max_rate: the learning rate at the start; positive.
        factor: positive.
        at: parts of the training after which the rate changes, each in (0, 1), rising.

    Example:
        >>> step_decay(1.0)(np.array([0.0, 0.49, 0.5, 0.75, 1.0])).round(3)
        array([1.  , 1.  , 0.1 , 0.01, 0.01])
    """
    _check_rate(max_rate)
    points = np.asarray(at, dtype=float)
    if not factor > 0:
        raise ValueError(f"`factor` must be positive; received {factor}.")
    if points.ndim != 1 or not ((points > 0) & (points < 1)).all() or (np.diff(points) <= 0).any():
        raise ValueError(f"`at` must hold rising numbers between 0 and 1; received {at}.")
    return lambda progress: max_rate * factor ** np.searchsorted(points, progress, side="right")


def linear(start: float, end: float) -> Schedule:
    """Go from `start` to `end` in a straight line; for learning rates and for `sampling`.

    Args:
        start: the value at the start; zero or more.
        end: the value at the end; zero or more.

    Example:
        >>> linear(0.0, 0.5)(np.array([0.0, 0.5, 1.0]))
        array([0.  , 0.25, 0.5 ])
    """
    return lambda progress: start + (end - start) * np.asarray(progress)


def probabilities(sampling: float | Schedule, epochs: int) -> np.ndarray:
    """Return the probability of scheduled sampling for every epoch.

    Raises:
        ValueError: if one lies outside [0, 1].
    """
    progress = np.arange(epochs) / max(epochs - 1, 1)
    table = sampling(progress) if callable(sampling) else np.full(epochs, sampling)
    table = np.asarray(table, dtype=float)
    if table.shape != (epochs,) or not ((table >= 0) & (table <= 1)).all():
        raise ValueError(
            f"`sampling` must give {epochs} probabilities between 0 and 1, one for each epoch; "
            f"received {table}."
        )
    return table


def rates(learning_rate: float | Schedule, steps: int) -> np.ndarray:
    """Return the learning rate of every step.

    Raises:
        ValueError: if a rate is negative or not a number.
    """
    if callable(learning_rate):
        progress = np.arange(steps) / max(steps - 1, 1)
        table = np.asarray(learning_rate(progress), dtype=float)
    else:
        _check_rate(learning_rate)
        table = np.full(steps, float(learning_rate))
    if table.shape != (steps,) or not (table >= 0).all():
        raise ValueError(
            f"the learning rate must give {steps} numbers that are not negative, one for each "
            f"step; received shape {table.shape}."
        )
    return table


def _half_cosine(progress: np.ndarray) -> np.ndarray:
    return (1 - np.cos(np.pi * np.clip(progress, 0, 1))) / 2


def _check_rate(rate: float) -> None:
    if not rate > 0:
        raise ValueError(f"the learning rate must be positive; received {rate}.")
