"""WaveNet: gated causal convolutions with residuals and skips, in Keras.

The same file exists on both floors: `runtun.keras.wavenet`, `runtun.torch.wavenet`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.initializers import positive_sizes
from runtun.keras.conv import CausalConv1D
from runtun.keras.dense import Dense
from runtun.keras.rnn import Tensor
from runtun.shapes import expect


@keras.saving.register_keras_serializable(package="runtun")
class WaveNetBlock(keras.layers.Layer):
    """A gated convolution whose output is added to its input and sent to the head.

    f | g = conv(x)                          (causal, dilated, side by side)
    z = tanh(f) * sigmoid(g)
    residual = x + z R + r                   to the next block
    skip = z S + s                           to the head, past all other blocks

    Args:
        channels: C, the number of features in and out; positive.
        kernel_size: K, how many steps the convolution sees; positive.
        dilation: how far apart these steps lie; positive.
        skip_channels: how many features go to the head; C if None.
        residual: False for the last block, whose residual nobody reads: x comes out unchanged.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, C). Returns (residual (B, T, C), skip (B, T, skip_channels)).

    References: van den Oord et al. 2016.

    Example:
        >>> block = WaveNetBlock(8, 2, dilation=4, rng=np.random.default_rng(0))
        >>> residual, skip = block(np.zeros((2, 20, 8), "float32"))
        >>> tuple(residual.shape), tuple(skip.shape)
        ((2, 20, 8), (2, 20, 8))
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        skip_channels: int | None = None,
        residual: bool = True,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.arguments = {
            "channels": channels,
            "kernel_size": kernel_size,
            "dilation": dilation,
            "skip_channels": skip_channels,
            "residual": residual,
        }
        rng = np.random.default_rng(rng)
        factory = {"rng": rng, "dtype": self.dtype_policy}
        self.channels = channels
        self.residual = residual
        self.conv = CausalConv1D(channels, 2 * channels, kernel_size, dilation=dilation, **factory)
        if residual:
            self.pass_on = Dense(channels, channels, **factory)
        self.skip = Dense(channels, channels if skip_channels is None else skip_channels, **factory)
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        passed = {"pass_on": self.pass_on} if self.residual else {}
        return {"conv": self.conv, **passed, "skip": self.skip}

    def call(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the residual and the skip; see the class."""
        expect(x, "B T C", C=self.channels)
        f, g = ops.split(self.conv(x), 2, axis=-1)  # (B, T, C) each
        z = ops.tanh(f) * ops.sigmoid(g)
        return x + self.pass_on(z) if self.residual else x, self.skip(z)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {**super().get_config(), **self.arguments}


@keras.saving.register_keras_serializable(package="runtun")
class WaveNet(keras.Model):
    """Causal convolutions that see twice as far with every layer.

    gated:      blocks of `WaveNetBlock` after a linear map to C features; the head reads the sum
                of all skips: relu, linear, relu, linear.
    otherwise:  the simplified stack: causal convolutions with relu, one after the other, and a
                linear head.

    The dilations are 1, 2, 4, ... over `num_layers` layers, and this `num_stacks` times.

    Args:
        input_size: D, the number of features of a step; positive.
        channels: C, the number of features of each layer; positive.
        kernel_size: K, how many steps each layer sees; positive.
        num_layers: L, how many layers one stack has; positive.
        num_stacks: how often the dilations begin again; positive.
        gated: whether to use gates, residuals and skips.
        horizon: how many steps to forecast, or classes to tell apart; positive.
        every_step: give outputs after every step instead of after the last one only.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D). Returns (B, horizon), or (B, T, horizon) with `every_step`.

    References: van den Oord et al. 2016; Géron 2019, chapter 15 (simplified).

    Example:
        >>> model = WaveNet(1, 20, horizon=10, rng=np.random.default_rng(0))
        >>> model.dilations, model.receptive_field
        ((1, 2, 4, 8, 1, 2, 4, 8), 31)
        >>> tuple(model(np.zeros((32, 50, 1), "float32")).shape)
        (32, 10)
    """

    def __init__(
        self,
        input_size: int,
        channels: int = 32,
        *,
        kernel_size: int = 2,
        num_layers: int = 4,
        num_stacks: int = 2,
        gated: bool = True,
        horizon: int = 1,
        every_step: bool = False,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.arguments = {
            "input_size": input_size,
            "channels": channels,
            "kernel_size": kernel_size,
            "num_layers": num_layers,
            "num_stacks": num_stacks,
            "gated": gated,
            "horizon": horizon,
            "every_step": every_step,
        }
        positive_sizes(num_layers=num_layers, num_stacks=num_stacks, horizon=horizon)
        rng = np.random.default_rng(rng)
        factory = {"rng": rng, "dtype": self.dtype_policy}
        self.input_size = input_size
        self.kernel_size = kernel_size
        self.num_layers = num_layers
        self.num_stacks = num_stacks
        self.gated = gated
        self.every_step = every_step
        last = num_layers * num_stacks - 1
        if gated:
            self.embed = Dense(input_size, channels, **factory)
            self.blocks = [
                WaveNetBlock(channels, kernel_size, dilation=d, residual=i < last, **factory)
                for i, d in enumerate(self.dilations)
            ]
            self.mix = Dense(channels, channels, **factory)
        else:
            sizes = [input_size] + [channels] * last
            self.blocks = [
                CausalConv1D(size, channels, kernel_size, dilation=d, **factory)
                for size, d in zip(sizes, self.dilations, strict=True)
            ]
        self.head = Dense(channels, horizon, **factory)
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        blocks = {f"block_{i}": block for i, block in enumerate(self.blocks)}
        if self.gated:
            return {"embed": self.embed, **blocks, "mix": self.mix, "head": self.head}
        return {**blocks, "head": self.head}

    @property
    def dilations(self) -> tuple[int, ...]:
        """The dilation of each layer, from the bottom up."""
        return tuple(2**i for i in range(self.num_layers)) * self.num_stacks

    @property
    def receptive_field(self) -> int:
        """How many steps an output sees, itself included."""
        return 1 + (self.kernel_size - 1) * sum(self.dilations)

    def call(self, x: Tensor) -> Tensor:
        """Compute the outputs; see the class."""
        expect(x, "B T D", D=self.input_size)
        if self.gated:
            x = self.embed(x)
            total = 0.0
            for block in self.blocks:
                x, skip = block(x)
                total = total + (skip if self.every_step else skip[:, -1])
            return self.head(ops.relu(self.mix(ops.relu(total))))
        for conv in self.blocks:
            x = ops.relu(conv(x))
        return self.head(x if self.every_step else x[:, -1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {**super().get_config(), **self.arguments}
