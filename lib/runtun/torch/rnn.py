"""Simple recurrent networks in PyTorch: one step and the loop over time.

The same file exists on each floor: `runtun.scratch.rnn`, `runtun.keras.rnn`, `runtun.torch.rnn`.
Weights have the shapes of the equations (D, H), not PyTorch's transposed ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from runtun.initializers import (
    check_rate,
    glorot_uniform,
    orthogonal,
    positive_sizes,
    recurrence_target,
)
from runtun.shapes import expect

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "linear": lambda a: a,
}


class RNNState(NamedTuple):
    """What a simple RNN carries from one step to the next: h (B, H)."""

    h: Tensor


class OutputState(NamedTuple):
    """What an output-recurrent network carries from one step to the next: y (B, K)."""

    y: Tensor


class SimpleRNNCell(nn.Module):
    """One step of a simple recurrent network: the hidden state feeds the next hidden state.

    h = activation(x_t W + h_prev U + b)

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h`; positive.
        activation: "tanh", "relu", "sigmoid" or "linear".
        rng: draws the initial weights (W uniform, U orthogonal, b zero); a fresh one if None.
            The same seed gives the same weights on every floor.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: RNNState(h (B, H)). Returns (h, RNNState(h)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Elman 1990.

    Example:
        >>> cell = SimpleRNNCell(3, 5, rng=np.random.default_rng(0))
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
        self.W = parameter(glorot_uniform(rng, (input_size, hidden_size)), dtype)
        self.U = parameter(orthogonal(rng, (hidden_size, hidden_size)), dtype)
        self.b = parameter(np.zeros(hidden_size), dtype)

    def initial_state(self, batch_size: int) -> RNNState:
        """Return the state before the first step: h = 0."""
        return RNNState(self.W.new_zeros(batch_size, self.hidden_size))

    def forward(self, x_t: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        h = self.activation(x_t @ self.W + state.h @ self.U + self.b)
        return h, RNNState(h)


class OutputRecurrentCell(nn.Module):
    """One step of a network whose output, not its hidden state, is fed back.

    output_to_hidden: h = activation(x_t W + y_prev U + b)
                      y = output_activation(h V + c)
    output_to_output: h = activation(x_t W + b)
                      y = output_activation(h V + y_prev U + c)

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h`; positive.
        output_size: K, the size of `y`; positive.
        recurrence: "output_to_hidden" or "output_to_output".
        activation: of the hidden layer: "tanh", "relu", "sigmoid" or "linear".
        output_activation: of the output, from the same list.
        rng: draws the initial weights; a fresh one if None.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: OutputState(y (B, K)). Returns (y, OutputState(y)).

    Raises:
        ValueError: if the last axis of `x_t` is not D, or `recurrence` is unknown.

    References: Jordan 1986 (output to hidden).

    Example:
        >>> cell = OutputRecurrentCell(3, 5, 2, rng=np.random.default_rng(0))
        >>> y, state = cell(torch.ones(4, 3), cell.initial_state(4))
        >>> y.shape
        torch.Size([4, 2])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        recurrence: str = "output_to_hidden",
        activation: str = "tanh",
        output_activation: str = "linear",
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        positive_sizes(input_size=input_size, hidden_size=hidden_size, output_size=output_size)
        target_size = recurrence_target(recurrence, hidden_size, output_size)
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = output_size
        self.recurrence = recurrence
        self.activation = get_activation(activation)
        self.output_activation = get_activation(output_activation)
        self.W = parameter(glorot_uniform(rng, (input_size, hidden_size)), dtype)
        self.b = parameter(np.zeros(hidden_size), dtype)
        self.V = parameter(glorot_uniform(rng, (hidden_size, output_size)), dtype)
        self.c = parameter(np.zeros(output_size), dtype)
        self.U = parameter(orthogonal(rng, (output_size, target_size)), dtype)

    def initial_state(self, batch_size: int) -> OutputState:
        """Return the state before the first step: y = 0."""
        return OutputState(self.W.new_zeros(batch_size, self.output_size))

    def forward(self, x_t: Tensor, state: OutputState) -> tuple[Tensor, OutputState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        if self.recurrence == "output_to_hidden":
            h = self.activation(x_t @ self.W + state.y @ self.U + self.b)
            y = self.output_activation(h @ self.V + self.c)
        else:
            h = self.activation(x_t @ self.W + self.b)
            y = self.output_activation(h @ self.V + state.y @ self.U + self.c)
        return y, OutputState(y)


def unroll(
    cell: Any,
    x: Tensor,
    state: Any = None,
    mask: Tensor | None = None,
    keep: Tensor | None = None,
) -> tuple[Tensor, Any]:
    """Run a cell over a sequence, one step after the other.

    Args:
        cell: any cell of this floor.
        x: (B, T, D).
        state: the state before the first step; zero if None.
        mask: (B, T), False at the steps to skip: there the state stays and the output is zero.
        keep: (B, H), by which h_{t-1} is multiplied before each step: recurrent dropout, the same
            units at all steps. The cell state of an LSTM is left alone, or its memory would be
            lost; in a GRU what is carried on is dropped too.

    Returns:
        (outputs (B, T, H), the state after the last step).

    Example:
        >>> cell = SimpleRNNCell(1, 4, rng=np.random.default_rng(0))
        >>> outputs, state = unroll(cell, torch.ones(2, 7, 1))
        >>> outputs.shape, bool((outputs[:, -1] == state.h).all())
        (torch.Size([2, 7, 4]), True)
    """
    size = expect(x, "B T D", D=cell.input_size)
    if state is None:
        state = cell.initial_state(size["B"])
    check_floats(cell, x)
    if mask is not None:
        check_mask(mask, size["B"], size["T"])
    if keep is not None:
        expect(keep, "B H", name="keep", B=size["B"], H=state[0].shape[1])
    outputs = []
    for t in range(size["T"]):
        seen = state if keep is None else type(state)(state[0] * keep, *state[1:])
        output, new_state = cell(x[:, t], seen)
        if mask is not None:
            use = mask[:, t, None]  # (B, 1)
            output = torch.where(use, output, 0.0)
            pairs = zip(new_state, state, strict=True)
            new_state = [torch.where(use, new, old) for new, old in pairs]
        state = type(state)(*new_state)
        outputs.append(output)
    return torch.stack(outputs, dim=1), state


class RNN(nn.Module):
    """A layer that runs a cell over a sequence.

    Args:
        cell: any cell of this floor.
        return_sequences: return the output of every step (many to many) instead of the last one
            (many to one).
        return_state: return the state after the last step as well.
        dropout: part of the features of `x` dropped while training, in [0, 1): the same ones at all
            steps of a sequence. What is kept is divided by 1 - dropout, so the mean stays.
        recurrent_dropout: part of h_{t-1} dropped on its way into each step while training, in
            [0, 1): the same units at all steps, for all gates alike; the cell state of an LSTM is
            left alone.

    Call:
        x: (B, T, D); state: the state before the first step, zero if None; mask: (B, T), False
        at the steps to skip. Returns outputs (B, T, H), zero at skipped steps, or the last
        unskipped one (B, H), followed by the state if `return_state`.

    References: Gal & Ghahramani 2016 (dropout of the same units at all steps).

    Example:
        >>> layer = RNN(SimpleRNNCell(1, 20), return_sequences=True)
        >>> layer(torch.zeros(32, 50, 1)).shape
        torch.Size([32, 50, 20])
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.dropout = check_rate(dropout, "dropout")
        self.recurrent_dropout = check_rate(recurrent_dropout, "recurrent_dropout")

    def forward(self, x: Tensor, state: Any = None, mask: Tensor | None = None) -> Any:
        """Run the cell over `x`; see the class."""
        keep = None
        if self.training and self.dropout:
            x = x * functional.dropout(torch.ones_like(x[:, :1]), self.dropout)
        if self.training and self.recurrent_dropout:
            h = self.cell.initial_state(len(x))[0]
            keep = functional.dropout(torch.ones_like(h), self.recurrent_dropout)
        outputs, state = unroll(self.cell, x, state, mask, keep)
        if not self.return_sequences:
            outputs = state[0]  # of every cell here, the first part of the state is the output
        return (outputs, state) if self.return_state else outputs


class Stacked(nn.Sequential):
    """Layers on top of each other: each reads the outputs of the one below.

    Args:
        layers: from the bottom up. Every recurrent layer but the last recurrent one needs
            `return_sequences=True`, because the next reads a sequence.

    Call:
        x: what the first layer takes. Returns what the last layer returns.

    Example:
        >>> from runtun.torch.dense import Dense
        >>> model = Stacked(
        ...     RNN(SimpleRNNCell(1, 20), return_sequences=True),
        ...     RNN(SimpleRNNCell(20, 20)),
        ...     Dense(20, 1),
        ... )
        >>> model(torch.zeros(32, 50, 1)).shape
        torch.Size([32, 1])
    """

    def __init__(self, *layers: nn.Module) -> None:
        if not layers:
            raise ValueError("`Stacked` needs at least one layer; received none.")
        super().__init__(*layers)


def get_activation(name: str) -> Callable[[Tensor], Tensor]:
    """Look up an activation by name.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"`activation` must be one of {sorted(ACTIVATIONS)}; received {name!r}.")
    return ACTIVATIONS[name]


def parameter(value: np.ndarray, dtype: str) -> nn.Parameter:
    """Return a trainable tensor with the given start."""
    if dtype not in ("float32", "float64"):
        raise ValueError(f'`dtype` must be "float32" or "float64"; received {dtype!r}.')
    return nn.Parameter(torch.tensor(value, dtype=getattr(torch, dtype)))


def check_floats(cell: nn.Module, x: Tensor) -> None:
    """Refuse an `x` of another float type than the weights.

    Raises:
        TypeError: with the conversion that mends it.
    """
    wanted = next(cell.parameters()).dtype
    if x.dtype != wanted:
        raise TypeError(
            f"`x` must be {wanted}; received {x.dtype}. Convert it with x.to({wanted})."
        )


def check_mask(mask: Tensor, batch_size: int, length: int) -> None:
    """Refuse a mask of another shape or type, and one that skips a whole sequence.

    Raises:
        TypeError: if the mask is not boolean.
        ValueError: if its shape does not fit, or a sequence has no step to use.
    """
    expect(mask, "B T", name="mask", B=batch_size, T=length)
    if mask.dtype != torch.bool:
        raise TypeError(
            f"`mask` must be boolean, True at the steps to use; received {mask.dtype}. "
            f"Convert it with mask.bool()."
        )
    empty = int((~mask.any(dim=1)).sum())
    if empty:
        raise ValueError(
            f"`mask` must leave every sequence at least one step; {empty} have none. "
            f"Drop these sequences."
        )
