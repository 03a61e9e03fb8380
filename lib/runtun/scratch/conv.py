"""Convolutions over time in NumPy.

The same file exists on each floor: `runtun.scratch.conv`, `runtun.keras.conv`, `runtun.torch.conv`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from runtun.initializers import convolution_length, convolution_weight, positive_sizes
from runtun.scratch.trainable import Trainable, as_floats, float_type
from runtun.shapes import expect


class Conv1D(Trainable):
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
        >>> layer(np.zeros((32, 50, 1))).shape
        (32, 24, 20)
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W", "b")

    def __init__(
        self,
        input_size: int,
        output_size: int,
        kernel_size: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        dtype = float_type(dtype)
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
        self.W = convolution_weight(rng, kernel_size, input_size, output_size).astype(dtype)
        self.b = np.zeros(output_size, dtype)

    def __call__(self, x: Any) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: Any) -> np.ndarray:
        """Compute y and remember `x` for `backward`."""
        x = self._padded(as_floats(x, self.dtype))
        self._x = x
        self._steps = convolution_length(x, self)
        return sum(x[:, self._seen(k)] @ self.W[k] for k in range(self.kernel_size)) + self.b

    def backward(self, d_outputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the gradients of a loss with respect to `x` and to the weights.

        Args:
            d_outputs: (B, T', C), the gradient of the loss with respect to y.
        """
        expect(d_outputs, "B T C", name="d_outputs", T=self._steps, C=self.output_size)
        d_x, d_W = np.zeros_like(self._x), np.empty_like(self.W)
        for k in range(self.kernel_size):
            seen = self._seen(k)
            d_x[:, seen] += d_outputs @ self.W[k].T
            d_W[k] = np.tensordot(self._x[:, seen], d_outputs, axes=((0, 1), (0, 1)))
        return self._unpadded(d_x), {"W": d_W, "b": d_outputs.sum(axis=(0, 1))}

    def _seen(self, k: int) -> slice:
        """The steps that meet W_k, one for each output."""
        start = k * self.dilation
        return slice(start, start + (self._steps - 1) * self.stride + 1, self.stride)

    def _padded(self, x: np.ndarray) -> np.ndarray:
        expect(x, "B T D", D=self.input_size)
        return x

    def _unpadded(self, d_x: np.ndarray) -> np.ndarray:
        return d_x


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
        >>> layer(np.zeros((32, 50, 1))).shape
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
        dtype: str = "float64",
    ) -> None:
        super().__init__(
            input_size, output_size, kernel_size, dilation=dilation, rng=rng, dtype=dtype
        )

    def _padded(self, x: np.ndarray) -> np.ndarray:
        expect(x, "B T D", D=self.input_size)
        return np.pad(x, ((0, 0), (self._past, 0), (0, 0)))

    def _unpadded(self, d_x: np.ndarray) -> np.ndarray:
        return d_x[:, self._past :]

    @property
    def _past(self) -> int:
        return (self.kernel_size - 1) * self.dilation
