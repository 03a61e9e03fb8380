"""Long short-term memory in Flax NNX: one step; `RNN` in rnn.py runs it over time.

The same file exists on each floor: `runtun.scratch.lstm`, `runtun.keras.lstm`,
`runtun.torch.lstm`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jax.nn import sigmoid

from runtun.initializers import positive_sizes, recurrent_weights
from runtun.nnx.rnn import parameter
from runtun.shapes import expect


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next: h (B, H) and c (B, H).

    The cells of Flax carry (c, h), the other way round.
    """

    h: Array
    c: Array


class LSTMCell(nnx.Module):
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
        dtype: "float32", or "float64" where JAX has been told to know it.

    Call:
        x_t: (B, D); state: LSTMState(h (B, H), c (B, H)). Returns (h, LSTMState(h, c)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Hochreiter & Schmidhuber 1997; Gers et al. 2000 (forget gate).

    Example:
        >>> cell = LSTMCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(jnp.ones((2, 3)), cell.initial_state(2))
        >>> h.shape, state.c.shape
        ((2, 5), (2, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        weights = recurrent_weights(rng, "lstm", input_size, hidden_size, forget_bias=forget_bias)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.W = parameter(weights["W"], dtype)
        self.U = parameter(weights["U"], dtype)
        self.b = parameter(weights["b"], dtype)

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return the state before the first step: h = 0, c = 0."""
        zero = jnp.zeros((batch_size, self.hidden_size), self.W.dtype)
        return LSTMState(zero, zero)

    def __call__(self, x_t: Array, state: LSTMState) -> tuple[Array, LSTMState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        h_prev, c_prev = state
        a = x_t @ self.W[...] + h_prev @ self.U[...] + self.b[...]  # (B, 4H)
        i, f, g, o = jnp.split(a, 4, axis=-1)  # (B, H) each
        i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
        c = f * c_prev + i * g
        h = o * jnp.tanh(c)
        return h, LSTMState(h, c)
