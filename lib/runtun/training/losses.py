"""The losses that `fit` knows, in NumPy; each framework's loop uses its framework's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def mse(y: np.ndarray, prediction: np.ndarray) -> float:
    """Mean squared error over all entries."""
    return float(np.mean((prediction - y) ** 2))


def mae(y: np.ndarray, prediction: np.ndarray) -> float:
    """Mean absolute error over all entries."""
    return float(np.mean(np.abs(prediction - y)))


def cross_entropy(y: np.ndarray, logits: np.ndarray) -> float:
    """Mean of -log softmax(logits)[y], in nats; y holds class numbers."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_norm = np.log(np.exp(shifted).sum(axis=-1))
    chosen = np.take_along_axis(shifted, y[..., None].astype(int), axis=-1)[..., 0]
    return float(np.mean(log_norm - chosen))


def binary_cross_entropy(y: np.ndarray, logits: np.ndarray) -> float:
    """Mean of -log sigmoid(±logits), in nats; y holds 0 and 1."""
    return float(np.mean(np.maximum(logits, 0) - logits * y + np.log1p(np.exp(-np.abs(logits)))))


LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mse": mse,
    "mae": mae,
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
}


def check_target(loss: str, y: np.ndarray, output_shape: tuple[int, ...]) -> None:
    """Refuse targets that do not fit the outputs of a model.

    Args:
        loss: a name in `LOSSES`.
        y: the targets of N examples.
        output_shape: the shape of the outputs for one example or more.

    Raises:
        ValueError: if the shapes differ after the first axis, or a class number does not exist.
    """
    wanted = output_shape[1:-1] if loss == "cross_entropy" else output_shape[1:]
    if y.shape[1:] != wanted:
        letters = ", ".join(["N", *map(str, wanted)]) + ("," if not wanted else "")
        remedy = " Add an axis with y[..., None]." if wanted == (*y.shape[1:], 1) else ""
        raise ValueError(
            f"`y` must have shape ({letters}) for a model with outputs {output_shape} and the "
            f'loss "{loss}"; received {y.shape}.{remedy}'
        )
    if loss == "cross_entropy" and (y.min() < 0 or y.max() >= output_shape[-1]):
        raise ValueError(
            f"`y` must hold class numbers from 0 to {output_shape[-1] - 1}; received numbers from "
            f"{y.min()} to {y.max()}."
        )
