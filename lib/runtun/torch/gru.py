"""Gated recurrent units in PyTorch: one step; `RNN` in rnn.py runs it over time.

The same file exists on each floor: `runtun.scratch.gru`, `runtun.keras.gru`, `runtun.torch.gru`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from runtun.initializers import positive_sizes, recurrent_weights
from runtun.shapes import expect
from runtun.torch.rnn import RNNState, parameter


class GRUCell(nn.Module):
    """One step of a gated recurrent unit, in either published form.

    z = sigmoid(x_t W_z + h_prev U_z + b_z)      r = sigmoid(x_t W_r + h_prev U_r + b_r)
    reset after the projection:   n = tanh(x_t W_n + b_n + r * (h_prev U_n + b'_n))
    reset before the projection:  n = tanh(x_t W_n + b_n + (r * h_prev) U_n)
    h = z * h_prev + (1 - z) * n

    The weights of the gates lie side by side in the order z, r, n: W (D, 3H), U (H, 3H), and b
    (2, 3H) (for the input and for the recurrent products) or, with the reset before, (3H,).

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h`; positive.
        reset_after: the form; True is that of PyTorch and the default of Keras.
        rng: draws the initial weights (W uniform, U orthogonal, b zero); a fresh one if None.
            The same seed gives the same weights on every floor.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: RNNState(h (B, H)). Returns (h, RNNState(h)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Cho et al. 2014 (reset before in the final version, after in the first).

    Example:
        >>> cell = GRUCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(torch.ones(2, 3), cell.initial_state(2))
        >>> h.shape
        torch.Size([2, 5])
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
        super().__init__()
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
        return RNNState(self.W.new_zeros(batch_size, self.hidden_size))

    def forward(self, x_t: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        (h_prev,) = state
        if self.reset_after:
            x_z, x_r, x_n = torch.chunk(x_t @ self.W + self.b[0], 3, dim=-1)
            h_z, h_r, h_n = torch.chunk(h_prev @ self.U + self.b[1], 3, dim=-1)
            z, r = torch.sigmoid(x_z + h_z), torch.sigmoid(x_r + h_r)
            n = torch.tanh(x_n + r * h_n)
        else:
            x_z, x_r, x_n = torch.chunk(x_t @ self.W + self.b, 3, dim=-1)
            U_z, U_r, U_n = torch.chunk(self.U, 3, dim=-1)
            z = torch.sigmoid(x_z + h_prev @ U_z)
            r = torch.sigmoid(x_r + h_prev @ U_r)
            n = torch.tanh(x_n + (r * h_prev) @ U_n)
        h = z * h_prev + (1 - z) * n
        return h, RNNState(h)
