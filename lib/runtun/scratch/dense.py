"""A dense layer: the same linear map at every position."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from runtun.initializers import glorot_uniform, positive_sizes
from runtun.scratch.trainable import Trainable, as_floats, float_type
from runtun.shapes import expect


class Dense(Trainable):
    """A linear map of the last axis, shared by all positions before it.

    y = x W + b

    Args:
        input_size: size of the last axis of `x`; positive.
        output_size: size of the last axis of `y`; positive.
        rng: draws the initial weights; a fresh one if None.
        dtype: "float32" or "float64".

    Call:
        x: (..., D). Returns y: (..., K). On (B, T, D) this is one map at every time step, which
        Keras calls `TimeDistributed(Dense)`.

    Raises:
        ValueError: if the last axis of `x` is not D.

    Example:
        >>> head = Dense(20, 1, rng=np.random.default_rng(0))
        >>> head(np.zeros((32, 50, 20))).shape
        (32, 50, 1)
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W", "b")

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        positive_sizes(input_size=input_size, output_size=output_size)
        rng = np.random.default_rng(rng)
        dtype = float_type(dtype)
        self.input_size = input_size
        self.output_size = output_size
        self.W = glorot_uniform(rng, (input_size, output_size)).astype(dtype)
        self.b = np.zeros(output_size, dtype)

    def __call__(self, x: Any) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: Any) -> np.ndarray:
        """Compute y and remember `x` for `backward`."""
        self._x = as_floats(x, self.dtype)
        expect(self._x, "... D", D=self.input_size)
        return self._x @ self.W + self.b

    def backward(self, d_outputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the gradients of a loss with respect to `x` and to the weights.

        Args:
            d_outputs: (..., K), the gradient of the loss with respect to y.
        """
        expect(d_outputs, "... K", name="d_outputs", K=self.output_size)
        x = self._x.reshape(-1, self.input_size)
        d_y = d_outputs.reshape(-1, self.output_size)
        return d_outputs @ self.W.T, {"W": x.T @ d_y, "b": d_y.sum(axis=0)}
