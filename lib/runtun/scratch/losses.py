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
