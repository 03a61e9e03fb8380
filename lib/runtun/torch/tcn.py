"""Temporal convolutional networks: residual blocks of causal convolutions, in PyTorch.

The same file exists on both floors: `runtun.keras.tcn`, `runtun.torch.tcn`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from runtun.initializers import check_rate, positive_sizes
from runtun.shapes import expect
from runtun.torch.conv import CausalConv1D
from runtun.torch.dense import Dense
from runtun.torch.rnn import check_floats
from runtun.torch.stack import drop_units


class TCNBlock(nn.Module):
    """Two causal dilated convolutions with relu, added to what came in.

    u = drop(relu(conv_2(drop(relu(conv_1(x))))))
    y = relu(u + x)            (x through a linear map if its number of features differs)

    Args:
        input_size: D, the number of features in; positive.
        channels: C, the number of features out; positive.
        kernel_size: K, how many steps each convolution sees; positive.
        dilation: how far apart these steps lie; positive.
        dropout: part of the features dropped while training, in [0, 1): the same at all steps.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D). Returns (B, T, C).

    References: Bai, Kolter & Koltun 2018 (there with weight normalisation).

    Example:
        >>> block = TCNBlock(1, 8, 3, dilation=2, rng=np.random.default_rng(0))
        >>> tuple(block(torch.zeros(32, 50, 1)).shape)
        (32, 50, 8)
    """

    def __init__(
        self,
        input_size: int,
        channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        rng = np.random.default_rng(rng)
        factory = {"rng": rng, "dtype": dtype}
        check_rate(dropout, "dropout")
        self.input_size = input_size
        self.conv_1 = CausalConv1D(input_size, channels, kernel_size, dilation=dilation, **factory)
        self.conv_2 = CausalConv1D(channels, channels, kernel_size, dilation=dilation, **factory)
        self.match = Dense(input_size, channels, **factory) if input_size != channels else None
        self.dropout = dropout

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        match = {} if self.match is None else {"match": self.match}
        return {"conv_1": self.conv_1, "conv_2": self.conv_2, **match}

    def forward(self, x: Tensor) -> Tensor:
        """Compute y; see the class."""
        expect(x, "B T D", D=self.input_size)
        u = drop_units(torch.relu(self.conv_1(x)), self.dropout, self.training)
        u = drop_units(torch.relu(self.conv_2(u)), self.dropout, self.training)
        return torch.relu(u + (x if self.match is None else self.match(x)))


class TCN(nn.Module):
    """A temporal convolutional network: residual blocks with dilations 1, 2, 4, ...

    Args:
        input_size: D, the number of features of a step; positive.
        channels: C, the number of features of each block; positive.
        kernel_size: K, how many steps each convolution sees; positive.
        num_layers: L, how many blocks, of two convolutions each; positive.
        horizon: how many steps to forecast, or classes to tell apart; positive.
        every_step: give outputs after every step instead of after the last one only.
        dropout: part of the features dropped while training, in [0, 1): the same at all steps.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D). Returns (B, horizon), or (B, T, horizon) with `every_step`.

    References: Bai, Kolter & Koltun 2018.

    Example:
        >>> model = TCN(1, 16, num_layers=3, rng=np.random.default_rng(0))
        >>> model.dilations, model.receptive_field
        ((1, 2, 4), 29)
        >>> tuple(model(torch.zeros(32, 50, 1)).shape)
        (32, 1)
    """

    def __init__(
        self,
        input_size: int,
        channels: int = 32,
        *,
        kernel_size: int = 3,
        num_layers: int = 4,
        horizon: int = 1,
        every_step: bool = False,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        positive_sizes(num_layers=num_layers, horizon=horizon)
        rng = np.random.default_rng(rng)
        factory = {"rng": rng, "dtype": dtype}
        self.input_size = input_size
        self.kernel_size = kernel_size
        self.num_layers = num_layers
        self.every_step = every_step
        sizes = [input_size] + [channels] * (num_layers - 1)
        self.blocks = nn.ModuleList(
            TCNBlock(size, channels, kernel_size, dilation=d, dropout=dropout, **factory)
            for size, d in zip(sizes, self.dilations, strict=True)
        )
        self.head = Dense(channels, horizon, **factory)

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        blocks = {f"block_{i}": block for i, block in enumerate(self.blocks)}
        return {**blocks, "head": self.head}

    @property
    def dilations(self) -> tuple[int, ...]:
        """The dilation of each layer, from the bottom up."""
        return tuple(2**i for i in range(self.num_layers))

    @property
    def receptive_field(self) -> int:
        """How many steps an output sees, itself included."""
        return 1 + 2 * (self.kernel_size - 1) * sum(self.dilations)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs; see the class."""
        expect(x, "B T D", D=self.input_size)
        check_floats(self, x)
        for block in self.blocks:
            x = block(x)
        return self.head(x if self.every_step else x[:, -1])
