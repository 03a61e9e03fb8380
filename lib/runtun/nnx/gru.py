"""Gated recurrent units in Flax NNX: one step; `RNN` in rnn.py runs it over time.

The same file exists on each floor: `runtun.scratch.gru`, `runtun.keras.gru`, `runtun.torch.gru`.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jax.nn import sigmoid

from runtun.initializers import positive_sizes, recurrent_weights
from runtun.nnx.rnn import RNNState, parameter
from runtun.shapes import expect


class GRUCell(nnx.Module):
    """One step of a gated recurrent unit, in either published form.

    z = sigmoid(x_t W_z + h_prev U_z + b_z)      r = sigmoid(x_t W_r + h_prev U_r + b_r)
    reset after the projection:   n = tanh(x_t W_n + b_n + r * (h_prev U_n + b'_n))
    reset before the projection:  n = tanh(x_t W_n + b_n + (r * h_prev) U_n)
    h = z * h_prev + (1 - z) * n

    The weights of the gates lie side by side in the order z, r, n: W (D, 3H), U (H, 3H), and b
    (2, 3H) (for the input and for the recurrent products) or, with the reset before, (3H,).
    The GRU of Flax resets after, but has no b'_n.

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h`; positive.
        reset_after: the form; True is that of PyTorch and the default of Keras.
        rng: draws the initial weights (W uniform, U orthogonal, b zero); a fresh one if None.
            The same seed gives the same weights on every floor.
        dtype: "float32", or "float64" where JAX has been told to know it.

    Call:
        x_t: (B, D); state: RNNState(h (B, H)). Returns (h, RNNState(h)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Cho et al. 2014 (reset before in the final version, after in the first).

    Example:
        >>> cell = GRUCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(jnp.ones((2, 3)), cell.initial_state(2))
        >>> h.shape
        (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        reset_after: bool = True,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        weights = recurrent_weights(rng, "gru", input_size, hidden_size, reset_after=reset_after)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.reset_after = reset_after
        self.W = parameter(weights["W"], dtype)
        self.U = parameter(weights["U"], dtype)
        self.b = parameter(weights["b"], dtype)

    def initial_state(self, batch_size: int) -> RNNState:
        """Return the state before the first step: h = 0."""
        return RNNState(jnp.zeros((batch_size, self.hidden_size), self.W.dtype))

    def __call__(self, x_t: Array, state: RNNState) -> tuple[Array, RNNState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        (h_prev,) = state
        W, U, b = self.W[...], self.U[...], self.b[...]
        if self.reset_after:
            x_z, x_r, x_n = jnp.split(x_t @ W + b[0], 3, axis=-1)
            h_z, h_r, h_n = jnp.split(h_prev @ U + b[1], 3, axis=-1)
            z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
            n = jnp.tanh(x_n + r * h_n)
        else:
            x_z, x_r, x_n = jnp.split(x_t @ W + b, 3, axis=-1)
            U_z, U_r, U_n = jnp.split(U, 3, axis=-1)
            z = sigmoid(x_z + h_prev @ U_z)
            r = sigmoid(x_r + h_prev @ U_r)
            n = jnp.tanh(x_n + (r * h_prev) @ U_n)
        h = z * h_prev + (1 - z) * n
        return h, RNNState(h)
