"""Convolutions over time in PyTorch.

The same file exists on each floor: `runtun.scratch.conv`, `runtun.keras.conv`, `runtun.torch.conv`.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from runtun.initializers import convolution_length, convolution_weight, positive_sizes
from runtun.shapes import expect
from runtun.torch.rnn import check_floats, parameter


class Conv1D(nn.Module):
    """A convolution over time: the same small linear map at every position.

    y_j = x[j stride] W_0 + x[j stride + dilation] W_1 + ... + b      (K terms, no padding)

    Args:
        input_size: D, the number of features of a step; positive.
        output_size: C, the number of features it computes; positive.
        kernel_size: K, how many steps it sees; positive.
        stride: how many steps it moves from one output to the next; positive.
        dilation: how far apart the steps lie that it sees; positive.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            on every floor.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D). Returns (B, T', C) with T' = (T - (K - 1) dilation - 1) // stride + 1.

    Raises:
        ValueError: if the last axis of `x` is not D, or the sequence is too short.

    Example:
        >>> import torch
        >>> layer = Conv1D(1, 20, 4, stride=2, rng=np.random.default_rng(0))
        >>> tuple(layer(torch.zeros(32, 50, 1)).shape)
        (32, 24, 20)
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        kernel_size: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        positive_sizes(
            input_size=input_size,
            output_size=output_size,
            kernel_size=kernel_size,
            stride=stride,
            dilation=dilation,
        )
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.stride = stride
        self.dilation = dilation
        self.W = parameter(convolution_weight(rng, kernel_size, input_size, output_size), dtype)
        self.b = parameter(np.zeros(output_size), dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Compute y; see the class."""
        expect(x, "B T D", D=self.input_size)
        check_floats(self, x)
        return self._convolve(x)

    def _convolve(self, x: Tensor) -> Tensor:
        convolution_length(x, self)
        y = functional.conv1d(  # PyTorch wants (B, D, T) and (C, D, K)
            x.transpose(1, 2), self.W.permute(2, 1, 0), self.b, self.stride, 0, self.dilation
        )
        return y.transpose(1, 2)


class CausalConv1D(Conv1D):
    """A convolution over time that sees the present and the past only.

    y_t = x_t W_{K-1} + x_{t - dilation} W_{K-2} + ... + b      (K terms, zeros before the start)

    Args:
        input_size: D, the number of features of a step; positive.
        output_size: C, the number of features it computes; positive.
        kernel_size: K, how many steps it sees; positive.
        dilation: how far apart the steps lie that it sees; positive.
        rng: draws the initial weights; a fresh one if None.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D). Returns (B, T, C).

    References: van den Oord et al. 2016.

    Example:
        >>> import torch
        >>> layer = CausalConv1D(1, 20, 2, dilation=8, rng=np.random.default_rng(0))
        >>> tuple(layer(torch.zeros(32, 50, 1)).shape)
        (32, 50, 20)
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__(
            input_size, output_size, kernel_size, dilation=dilation, rng=rng, dtype=dtype
        )

    def _convolve(self, x: Tensor) -> Tensor:
        past = (self.kernel_size - 1) * self.dilation
        return super()._convolve(functional.pad(x, (0, 0, past, 0)))
