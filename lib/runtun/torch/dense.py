"""A dense layer: the same linear map at every position."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from runtun.initializers import glorot_uniform, positive_sizes
from runtun.shapes import expect
from runtun.torch.rnn import parameter


class Dense(nn.Module):
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
        >>> import torch
        >>> head = Dense(20, 1, rng=np.random.default_rng(0))
        >>> head(torch.zeros(32, 50, 20)).shape
        torch.Size([32, 50, 1])
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        positive_sizes(input_size=input_size, output_size=output_size)
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.output_size = output_size
        self.W = parameter(glorot_uniform(rng, (input_size, output_size)), dtype)
        self.b = parameter(np.zeros(output_size), dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Compute y; see the class."""
        expect(x, "... D", D=self.input_size)
        return x @ self.W + self.b
