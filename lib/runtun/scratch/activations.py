"""Activation functions and their derivatives, written with the output, which is at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Activation(NamedTuple):
    """A function f and its derivative f'(a), given the output y = f(a)."""

    function: Callable[[np.ndarray], np.ndarray]
    derivative: Callable[[np.ndarray], np.ndarray]


def sigmoid(a: np.ndarray) -> np.ndarray:
    """Squash `a` into (0, 1).

    By way of tanh, which never overflows: sigmoid(a) = (1 + tanh(a / 2)) / 2.

    Args:
        a: an array of floats of any shape.

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
        array([0. , 0.5, 1. ])
    """
    return 0.5 * np.tanh(0.5 * a) + 0.5


ACTIVATIONS = {
    "tanh": Activation(np.tanh, lambda y: 1.0 - y * y),
    "sigmoid": Activation(sigmoid, lambda y: y * (1.0 - y)),
    "relu": Activation(lambda a: np.maximum(a, 0.0), lambda y: (y > 0.0).astype(y.dtype)),
    "linear": Activation(lambda a: a, np.ones_like),
}


def get_activation(name: str) -> Activation:
    """Look up an activation by name.

    Raises:
        ValueError: if there is none of that name.

    Example:
        >>> get_activation("relu").function(np.array([-1.0, 2.0]))
        array([0., 2.])
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"`activation` must be one of {sorted(ACTIVATIONS)}; received {name!r}.")
    return ACTIVATIONS[name]
