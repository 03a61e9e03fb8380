"""A dense layer in Flax NNX.

The same file exists on each floor: `runtun.scratch.dense`, `runtun.keras.dense`,
`runtun.torch.dense`.
"""

from __future__ import annotations

import numpy as np
from flax import nnx
from jax import Array

from runtun.initializers import glorot_uniform, positive_sizes
from runtun.nnx.rnn import parameter


class Dense(nnx.Module):
    """A linear map of the last axis: y = x W + b.

    Args:
        input_size: D, the size of the last axis of `x`; positive.
        output_size: K, the size of the last axis of `y`; positive.
        rng: draws the initial weights (W uniform, b zero); a fresh one if None.
        dtype: "float32", or "float64" where JAX has been told to know it.

    Call:
        x: (..., D). Returns (..., K).
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        positive_sizes(input_size=input_size, output_size=output_size)
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.output_size = output_size
        self.W = parameter(glorot_uniform(rng, (input_size, output_size)), dtype)
        self.b = parameter(np.zeros(output_size), dtype)

    def __call__(self, x: Array) -> Array:
        """Map the last axis; see the class."""
        if x.shape[-1] != self.input_size:
            raise ValueError(f"`x` must have a last axis of {self.input_size}; received {x.shape}.")
        return x @ self.W[...] + self.b[...]
