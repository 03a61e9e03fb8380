"""A dense layer: the same linear map at every position."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.initializers import glorot_uniform, positive_sizes
from runtun.keras.rnn import Tensor, weight
from runtun.shapes import expect


@keras.saving.register_keras_serializable(package="runtun")
class Dense(keras.layers.Layer):
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
        >>> tuple(head(np.zeros((32, 50, 20))).shape)
        (32, 50, 1)
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        positive_sizes(input_size=input_size, output_size=output_size)
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.output_size = output_size
        self.W = weight(self, "W", glorot_uniform(rng, (input_size, output_size)))
        self.b = weight(self, "b", np.zeros(output_size))
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Compute y; see the class."""
        expect(x, "... D", D=self.input_size)
        return ops.matmul(x, self.W) + self.b

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "output_size": self.output_size,
        }
