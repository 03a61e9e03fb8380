"""Layer normalisation, and a simple recurrent network with it, in Keras.

The same file exists on each floor: `runtun.scratch.layer_norm`, `runtun.keras.layer_norm`,
`runtun.torch.layer_norm`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.initializers import check_epsilon, glorot_uniform, orthogonal, positive_sizes
from runtun.keras.rnn import RNNState, Tensor, get_activation, weight
from runtun.shapes import expect


@keras.saving.register_keras_serializable(package="runtun")
class LayerNormRNNCell(keras.layers.Layer):
    """One step of a simple recurrent network that normalises before its activation.

    s = x_t W + h_prev U
    h = activation(gain * (s - mean(s)) / sqrt(var(s) + epsilon) + b)

    Mean and variance are over the H units of one sequence at one step, so nothing depends on the
    other sequences of the batch or on other steps, and training and use are the same.

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h`; positive.
        activation: "tanh", "relu", "sigmoid" or "linear".
        epsilon: keeps the quotient finite. (Frameworks disagree: Keras 1e-3, PyTorch 1e-5.)
        rng: draws the initial weights (W uniform, U orthogonal, gain one, b zero); a fresh one if
            None. The same seed gives the same weights on every floor.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: RNNState(h (B, H)). Returns (h, RNNState(h)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Ba, Kiros & Hinton 2016.

    Example:
        >>> cell = LayerNormRNNCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(np.ones((2, 3)), cell.initial_state(2))
        >>> tuple(h.shape)
        (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: str = "tanh",
        epsilon: float = 1e-5,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.activation_name = activation
        self.activation = get_activation(activation)
        self.epsilon = check_epsilon(epsilon)
        self.W = weight(self, "W", glorot_uniform(rng, (input_size, hidden_size)))
        self.U = weight(self, "U", orthogonal(rng, (hidden_size, hidden_size)))
        self.gain = weight(self, "gain", np.ones(hidden_size))
        self.b = weight(self, "b", np.zeros(hidden_size))
        self.state_size = hidden_size
        self.state_type = RNNState
        self.built = True

    def initial_state(self, batch_size: int) -> RNNState:
        """Return the state before the first step: h = 0."""
        return RNNState(ops.zeros((batch_size, self.hidden_size), self.compute_dtype))

    get_initial_state = initial_state  # the name that `keras.layers.RNN` asks for

    def call(self, x_t: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        (h_prev,) = state
        s = ops.matmul(x_t, self.W) + ops.matmul(h_prev, self.U)
        mean, var = ops.moments(s, axes=-1, keepdims=True)
        s_hat = (s - mean) / ops.sqrt(var + self.epsilon)
        h = self.activation(self.gain * s_hat + self.b)
        return h, RNNState(h)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this cell again."""
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "activation": self.activation_name,
            "epsilon": self.epsilon,
        }


@keras.saving.register_keras_serializable(package="runtun")
class LayerNorm(keras.layers.Layer):
    """Gives every vector mean 0 and variance 1, then a gain and a bias of its own.

    y = gain * (x - mean(x)) / sqrt(var(x) + epsilon) + b

    Mean and variance are over the last axis: one position of one sequence.

    Args:
        size: E, the size of the last axis; positive.
        epsilon: keeps the quotient finite. (Frameworks disagree: Keras 1e-3, PyTorch 1e-5.)
        dtype: "float32" or "float64".

    Call:
        x: (..., E). Returns the same shape.

    Raises:
        ValueError: if the last axis of `x` is not E.

    References: Ba, Kiros & Hinton 2016.

    Example:
        >>> np.asarray(LayerNorm(2)(np.array([[1.0, 3.0]]))).round(3)
        array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self, size: int, *, epsilon: float = 1e-5, dtype: str = "float32", **kwargs: Any
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        positive_sizes(size=size)
        self.size = size
        self.epsilon = check_epsilon(epsilon)
        self.gain = weight(self, "gain", np.ones(size))
        self.b = weight(self, "b", np.zeros(size))
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Compute y; see the class."""
        expect(x, "... E", E=self.size)
        mean, var = ops.moments(x, axes=-1, keepdims=True)
        return self.gain * (x - mean) / ops.sqrt(var + self.epsilon) + self.b

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {**super().get_config(), "size": self.size, "epsilon": self.epsilon}
