"""Layer normalisation, and a simple recurrent network with it, in PyTorch.

The same file exists on each floor: `runtun.scratch.layer_norm`, `runtun.keras.layer_norm`,
`runtun.torch.layer_norm`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from runtun.initializers import check_epsilon, glorot_uniform, orthogonal, positive_sizes
from runtun.shapes import expect
from runtun.torch.rnn import RNNState, get_activation, parameter


class LayerNormRNNCell(nn.Module):
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
        >>> h, state = cell(torch.ones(2, 3), cell.initial_state(2))
        >>> h.shape
        torch.Size([2, 5])
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
    ) -> None:
        super().__init__()
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.activation = get_activation(activation)
        self.epsilon = check_epsilon(epsilon)
        self.W = parameter(glorot_uniform(rng, (input_size, hidden_size)), dtype)
        self.U = parameter(orthogonal(rng, (hidden_size, hidden_size)), dtype)
        self.gain = parameter(np.ones(hidden_size), dtype)
        self.b = parameter(np.zeros(hidden_size), dtype)

    def initial_state(self, batch_size: int) -> RNNState:
        """Return the state before the first step: h = 0."""
        return RNNState(self.W.new_zeros(batch_size, self.hidden_size))

    def forward(self, x_t: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        (h_prev,) = state
        s = x_t @ self.W + h_prev @ self.U
        mean, var = s.mean(-1, keepdim=True), s.var(-1, correction=0, keepdim=True)
        s_hat = (s - mean) / torch.sqrt(var + self.epsilon)
        h = self.activation(self.gain * s_hat + self.b)
        return h, RNNState(h)


class LayerNorm(nn.Module):
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
        >>> LayerNorm(2)(torch.tensor([[1.0, 3.0]])).detach().numpy().round(3)
        array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, size: int, *, epsilon: float = 1e-5, dtype: str = "float32") -> None:
        super().__init__()
        positive_sizes(size=size)
        self.size = size
        self.epsilon = check_epsilon(epsilon)
        self.gain = parameter(np.ones(size), dtype)
        self.b = parameter(np.zeros(size), dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Compute y; see the class."""
        expect(x, "... E", E=self.size)
        return functional.layer_norm(x, (self.size,), self.gain, self.b, self.epsilon)
