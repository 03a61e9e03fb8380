"""Losses with their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np


def mse(y: Any, prediction: Any) -> tuple[float, np.ndarray]:
    """Mean squared error over all entries, and its gradient.

    L = mean((prediction - y)^2)      dL/dprediction = 2 (prediction - y) / n

    Args:
        y: the truth, of any shape.
        prediction: of the same shape.

    Returns:
        (loss, gradient with respect to `prediction`).

    Raises:
        ValueError: if the shapes differ or are empty. (Broadcasting (B,) against (B, 1) would
            silently compare every truth with every prediction.)

    Example:
        >>> mse(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        (2.0, array([0., 2.]))
    """
    y, prediction = np.asarray(y), np.asarray(prediction)
    if y.shape != prediction.shape:
        raise ValueError(
            f"`y` and `prediction` must have the same shape; received {y.shape} and "
            f"{prediction.shape}. Reshape one of them, for example y[:, None]."
        )
    if y.size == 0:
        raise ValueError("`y` must have at least one entry; received an empty array.")
    error = prediction - y
    return float(np.mean(error * error)), (2.0 / error.size) * error


def cross_entropy(y: Any, logits: Any) -> tuple[float, np.ndarray]:
    """Mean of -log softmax(logits)[y], in nats, and its gradient.

    p = softmax(logits)      dL/dlogits = (p - one_hot(y)) / n

    Args:
        y: (...), the numbers of the right classes, from 0 to V - 1.
        logits: (..., V), the scores of the classes.

    Returns:
        (loss, gradient with respect to `logits`).

    Raises:
        ValueError: if the shapes do not fit, or a class does not exist.

    Example:
        >>> loss, gradient = cross_entropy(np.array([1]), np.array([[0.0, 0.0]]))
        >>> round(loss, 4), gradient
        (0.6931, array([[ 0.5, -0.5]]))
    """
    y, logits = np.asarray(y), np.asarray(logits)
    if logits.ndim == 0 or y.shape != logits.shape[:-1]:
        raise ValueError(
            f"`y` must have the shape of `logits` without its last axis; received {y.shape} and "
            f"{logits.shape}."
        )
    if y.size == 0:
        raise ValueError("`y` must have at least one entry; received an empty array.")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= logits.shape[-1]:
        raise ValueError(
            f"`y` must hold whole numbers from 0 to {logits.shape[-1] - 1}; received dtype "
            f"{y.dtype} from {y.min()} to {y.max()}."
        )
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    right = y[..., None]
    loss = -float(np.mean(np.take_along_axis(log_p, right, axis=-1)))
    gradient = np.exp(log_p)
    np.put_along_axis(gradient, right, np.take_along_axis(gradient, right, axis=-1) - 1, axis=-1)
    return loss, gradient / y.size
