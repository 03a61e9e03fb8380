"""Long short-term memory in PyTorch: one step; `RNN` in rnn.py runs it over time.

The same file exists on each floor: `runtun.scratch.lstm`, `runtun.keras.lstm`,
`runtun.torch.lstm`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from runtun.initializers import positive_sizes, recurrent_weights
from runtun.shapes import expect
from runtun.torch.rnn import parameter


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next: h (B, H) and c (B, H)."""

    h: Tensor
    c: Tensor


class LSTMCell(nn.Module):
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
        >>> h, state = cell(torch.ones(2, 3), cell.initial_state(2))
        >>> h.shape
        torch.Size([2, 5])
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
        super().__init__()
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
        zero = self.W.new_zeros(batch_size, self.hidden_size)
        return LSTMState(zero, zero)

    def forward(self, x_t: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        h_prev, c_prev = state
        a = x_t @ self.W + h_prev @ self.U + self.b  # (B, 4H)
        i, f, g, o = torch.chunk(a, 4, dim=-1)  # (B, H) each
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c_prev + i * g
        h = o * torch.tanh(c)
        return h, LSTMState(h, c)


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
        >>> h, state = cell(torch.ones(2, 3), cell.initial_state(2))
        >>> h.shape
        torch.Size([2, 5])
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
        super().__init__(input_size, hidden_size, forget_bias=forget_bias, rng=rng, dtype=dtype)
        self.P = parameter(np.zeros((3, hidden_size)), dtype)

    def forward(self, x_t: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        h_prev, c_prev = state
        P_i, P_f, P_o = self.P
        a = x_t @ self.W + h_prev @ self.U + self.b  # (B, 4H)
        i, f, g, o = torch.chunk(a, 4, dim=-1)  # (B, H) each
        i, f, g = torch.sigmoid(i + P_i * c_prev), torch.sigmoid(f + P_f * c_prev), torch.tanh(g)
        c = f * c_prev + i * g
        o = torch.sigmoid(o + P_o * c)
        h = o * torch.tanh(c)
        return h, LSTMState(h, c)
