"""Long short-term memory in Keras: one step; `RNN` in rnn.py runs it over time.

The same file exists on each floor: `runtun.scratch.lstm`, `runtun.keras.lstm`,
`runtun.torch.lstm`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from runtun.initializers import positive_sizes, recurrent_weights
from runtun.keras.rnn import Tensor, weight
from runtun.shapes import expect


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next: h (B, H) and c (B, H)."""

    h: Tensor
    c: Tensor


@keras.saving.register_keras_serializable(package="runtun")
class LSTMCell(keras.layers.Layer):
    """One step of a long short-term memory with a forget gate.

    i = sigmoid(x_t W_i + h_prev U_i + b_i)      f = sigmoid(x_t W_f + h_prev U_f + b_f)
    g = tanh(x_t W_g + h_prev U_g + b_g)         o = sigmoid(x_t W_o + h_prev U_o + b_o)
    c = f * c_prev + i * g                       h = o * tanh(c)

    The weights of the gates lie side by side in this order: W (D, 4H), U (H, 4H), b (4H,).

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h` and of `c`; positive.
        forget_bias: initial value of b_f (1.0 keeps memory at the start, Jozefowicz et al. 2015).
        rng: draws the initial weights (W uniform, U orthogonal); a fresh one if None. The same
            seed gives the same weights on every floor.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: LSTMState(h (B, H), c (B, H)). Returns (h, LSTMState(h, c)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Hochreiter & Schmidhuber 1997; Gers et al. 2000 (forget gate).

    Example:
        >>> cell = LSTMCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(np.ones((2, 3)), cell.initial_state(2))
        >>> tuple(h.shape)
        (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        weights = recurrent_weights(rng, "lstm", input_size, hidden_size, forget_bias=forget_bias)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.forget_bias = forget_bias
        self.W = weight(self, "W", weights["W"])
        self.U = weight(self, "U", weights["U"])
        self.b = weight(self, "b", weights["b"])
        self.state_size = [hidden_size, hidden_size]
        self.state_type = LSTMState
        self.built = True

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return the state before the first step: h = 0, c = 0."""
        zero = ops.zeros((batch_size, self.hidden_size), self.compute_dtype)
        return LSTMState(zero, zero)

    get_initial_state = initial_state  # the name that `keras.layers.RNN` asks for

    def call(self, x_t: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        h_prev, c_prev = state
        a = ops.matmul(x_t, self.W) + ops.matmul(h_prev, self.U) + self.b  # (B, 4H)
        i, f, g, o = ops.split(a, 4, axis=-1)  # (B, H) each
        i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
        c = f * c_prev + i * g
        h = o * ops.tanh(c)
        return h, LSTMState(h, c)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this cell again."""
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "forget_bias": self.forget_bias,
        }


@keras.saving.register_keras_serializable(package="runtun")
class PeepholeLSTMCell(LSTMCell):
    """One step of a long short-term memory whose gates see the cell state.

    i = sigmoid(x_t W_i + h_prev U_i + P_i * c_prev + b_i)
    f = sigmoid(x_t W_f + h_prev U_f + P_f * c_prev + b_f)
    g = tanh(x_t W_g + h_prev U_g + b_g)
    c = f * c_prev + i * g
    o = sigmoid(x_t W_o + h_prev U_o + P_o * c + b_o)
    h = o * tanh(c)

    W, U and b as in `LSTMCell`; P (3, H) holds P_i, P_f, P_o and starts at zero, where the cell is
    an LSTM without peepholes.

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h` and of `c`; positive.
        forget_bias: initial value of b_f.
        rng: draws the initial weights; a fresh one if None.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: LSTMState(h (B, H), c (B, H)). Returns (h, LSTMState(h, c)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Gers & Schmidhuber 2000.

    Example:
        >>> cell = PeepholeLSTMCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(np.ones((2, 3)), cell.initial_state(2))
        >>> tuple(h.shape)
        (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_size, hidden_size, forget_bias=forget_bias, rng=rng, dtype=dtype, **kwargs
        )
        self.P = weight(self, "P", np.zeros((3, hidden_size)))

    def call(self, x_t: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        h_prev, c_prev = state
        P_i, P_f, P_o = self.P[0], self.P[1], self.P[2]
        a = ops.matmul(x_t, self.W) + ops.matmul(h_prev, self.U) + self.b  # (B, 4H)
        i, f, g, o = ops.split(a, 4, axis=-1)  # (B, H) each
        i, f, g = ops.sigmoid(i + P_i * c_prev), ops.sigmoid(f + P_f * c_prev), ops.tanh(g)
        c = f * c_prev + i * g
        o = ops.sigmoid(o + P_o * c)
        h = o * ops.tanh(c)
        return h, LSTMState(h, c)
