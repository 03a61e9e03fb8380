"""Is a hand-written backward pass right? Compare it with differences of the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def numerical_gradient(f: Callable[[], float], array: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """Estimate the gradient of `f()` with respect to every entry of `array`.

    df/da ≈ (f(a + eps) - f(a - eps)) / (2 eps): a central difference, with an error of order
    eps squared. Two calls of `f` an entry, so keep arrays small.

    Args:
        f: computes a number from `array`, which is changed in place and put back.
        array: float64; single precision is too coarse for differences.
        eps: the step.

    Returns:
        An array of the same shape.

    Raises:
        TypeError: if `array` is not float64.

    Example:
        >>> a = np.array([1.0, 3.0])
        >>> numerical_gradient(lambda: float(np.sum(a**2)), a).round(6)
        array([2., 6.])
    """
    if array.dtype != np.float64:
        raise TypeError(f"`array` must be float64; received {array.dtype}.")
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + eps
        above = f()
        array[index] = value - eps
        below = f()
        array[index] = value
        gradient[index] = (above - below) / (2 * eps)
    return gradient


def check_gradients(
    layer: Any,
    x: np.ndarray,
    *,
    rng: np.random.Generator | None = None,
    eps: float = 1e-5,
    tolerance: float = 1e-7,
) -> dict[str, float]:
    """Compare `layer.backward` with central differences, for `x` and for every weight.

    The loss is a random weighted sum of everything that `layer.forward` returns. For a cell, that
    includes its last state, and its first state (drawn at random) is checked as well.

    Args:
        layer: anything of this floor with `params`, `forward` and `backward`, in float64.
        x: its input, float64 and small.
        rng: draws the weights of the loss; a fixed one if None.
        eps: the step of the differences.
        tolerance: the greatest error allowed, relative to the size of the gradient.

    Returns:
        The relative error of each gradient by name.

    Raises:
        AssertionError: if an error exceeds the tolerance.

    Example:
        >>> from runtun.scratch import RNN, SimpleRNNCell
        >>> rng = np.random.default_rng(0)
        >>> errors = check_gradients(RNN(SimpleRNNCell(2, 3, rng=rng)), rng.normal(size=(2, 4, 2)))
        >>> sorted(errors), max(errors.values()) < 1e-7
        (['U', 'W', 'b', 'x'], True)
    """
    rng = np.random.default_rng(0) if rng is None else rng
    x = np.array(x, copy=True)
    is_cell = hasattr(layer, "initial_state")
    if is_cell:
        zero = layer.initial_state(len(x))
        state = type(zero)(*(rng.normal(size=value.shape) for value in zero))
        outputs, last = layer.forward(x, state)
        d_last = type(zero)(*(rng.normal(size=value.shape) for value in last))
        d_outputs = rng.normal(size=outputs.shape)
        d_x, d_state, grads = layer.backward(d_outputs, d_last)
        pairs = {"x": (x, d_x)}
        for name, value, d_value in zip(zero._fields, state, d_state, strict=True):
            pairs[f"state.{name}"] = (value, d_value)

        def loss() -> float:
            outputs, last = layer.forward(x, state)
            return float(
                np.sum(outputs * d_outputs)
                + sum(np.sum(a * b) for a, b in zip(last, d_last, strict=True))
            )

    else:
        outputs = layer.forward(x)
        d_outputs = rng.normal(size=outputs.shape)
        d_x, grads = layer.backward(d_outputs)
        pairs = {"x": (x, d_x)}

        def loss() -> float:
            return float(np.sum(layer.forward(x) * d_outputs))

    pairs.update({name: (weight, grads[name]) for name, weight in layer.params.items()})
    errors = {}
    for name, (array, grad) in pairs.items():
        numerical = numerical_gradient(loss, array, eps)
        size = max(np.abs(grad).max(), np.abs(numerical).max(), 1e-8)
        errors[name] = float(np.abs(grad - numerical).max() / size)
    wrong = {name: error for name, error in errors.items() if not error <= tolerance}
    if wrong:
        raise AssertionError(f"gradients differ from central differences: {wrong}")
    return errors
