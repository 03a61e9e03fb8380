"""Convolutions over time in Keras.

The same file exists on each floor: `runtun.scratch.conv`, `runtun.keras.conv`, `runtun.torch.conv`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.initializers import convolution_length, convolution_weight, positive_sizes
from runtun.keras.rnn import Tensor, weight
from runtun.shapes import expect


@keras.saving.register_keras_serializable(package="runtun")
class Conv1D(keras.layers.Layer):
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
        >>> layer = Conv1D(1, 20, 4, stride=2, rng=np.random.default_rng(0))
        >>> tuple(layer(np.zeros((32, 50, 1))).shape)
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
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
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
        value = convolution_weight(rng, kernel_size, input_size, output_size)
        self.W = weight(self, "W", value)
        self.b = weight(self, "b", np.zeros(output_size))
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Compute y; see the class."""
        expect(x, "B T D", D=self.input_size)
        return self._convolve(x)

    def _convolve(self, x: Tensor) -> Tensor:
        convolution_length(x, self)
        y = ops.conv(x, self.W, self.stride, "valid", "channels_last", dilation_rate=self.dilation)
        return y + self.b

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "output_size": self.output_size,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "dilation": self.dilation,
        }


@keras.saving.register_keras_serializable(package="runtun")
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
        >>> layer = CausalConv1D(1, 20, 2, dilation=8, rng=np.random.default_rng(0))
        >>> tuple(layer(np.zeros((32, 50, 1))).shape)
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
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_size, output_size, kernel_size, dilation=dilation, rng=rng, dtype=dtype, **kwargs
        )

    def _convolve(self, x: Tensor) -> Tensor:
        past = (self.kernel_size - 1) * self.dilation
        return super()._convolve(ops.pad(x, ((0, 0), (past, 0), (0, 0))))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        config = super().get_config()
        del config["stride"]
        return config
