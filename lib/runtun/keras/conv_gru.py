"""A strided convolution under recurrent layers, in Keras.

The same file exists on both floors: `runtun.keras.conv_gru`, `runtun.torch.conv_gru`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from runtun.initializers import positive_sizes
from runtun.keras.conv import Conv1D
from runtun.keras.dense import Dense
from runtun.keras.rnn import Tensor
from runtun.keras.stack import RecurrentStack
from runtun.shapes import expect


@keras.saving.register_keras_serializable(package="runtun")
class ConvGRU(keras.Model):
    """A strided convolution that shortens the sequence, then recurrent layers and a linear head.

    Output j has read the input up to step K - 1 + j stride, which `output_steps` gives.

    Args:
        input_size: D, the number of features of a step; positive.
        hidden_size: H, the size of each recurrent layer; positive.
        channels: C, the number of features of the convolution; positive.
        kernel_size: K, how many steps the convolution sees; positive.
        stride: by how many steps it moves, so that the sequence becomes that much shorter;
            positive.
        num_layers: L, how many recurrent layers; positive.
        cell: "rnn", "lstm" or "gru".
        horizon: how many steps to forecast, or classes to tell apart; positive.
        every_step: give outputs after every output of the convolution, instead of after
            the last one only.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D). Returns (B, horizon), or with `every_step` (B, T', horizon), where
        T' = (T - K) // stride + 1.

    References: Géron 2019, chapter 15.

    Example:
        >>> model = ConvGRU(1, 20, every_step=True, rng=np.random.default_rng(0))
        >>> x = np.zeros((32, 50, 1), "float32")
        >>> tuple(model(x).shape), model.output_steps(50)[:3].tolist()
        ((32, 24, 1), [3, 5, 7])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        channels: int = 20,
        kernel_size: int = 4,
        stride: int = 2,
        num_layers: int = 1,
        cell: str = "gru",
        horizon: int = 1,
        every_step: bool = False,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.arguments = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "channels": channels,
            "kernel_size": kernel_size,
            "stride": stride,
            "num_layers": num_layers,
            "cell": cell,
            "horizon": horizon,
            "every_step": every_step,
        }
        positive_sizes(horizon=horizon)
        rng = np.random.default_rng(rng)
        factory = {"rng": rng, "dtype": self.dtype_policy}
        self.input_size = input_size
        self.kernel_size = kernel_size
        self.stride = stride
        self.every_step = every_step
        self.conv = Conv1D(input_size, channels, kernel_size, stride=stride, **factory)
        self.stack = RecurrentStack(
            channels, hidden_size, num_layers=num_layers, cell=cell, **factory
        )
        self.head = Dense(hidden_size, horizon, **factory)
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        return {"conv": self.conv, "stack": self.stack, "head": self.head}

    def output_steps(self, length: int) -> np.ndarray:
        """Return the last input step that each output has read, int64 (T',).

        Args:
            length: T, the length of the input; at least K.
        """
        return np.arange(self.kernel_size - 1, length, self.stride)

    def call(self, x: Tensor) -> Tensor:
        """Compute the outputs; see the class."""
        expect(x, "B T D", D=self.input_size)
        h, _ = self.stack(self.conv(x))
        return self.head(h if self.every_step else h[:, -1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {**super().get_config(), **self.arguments}
