"""Fused recurrent layers of PyTorch, stacked, both ways, with masks and with dropout.

The same file exists in Keras: `runtun.keras.stack`, `runtun.torch.stack`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from runtun.initializers import stack_weights
from runtun.parity import recurrent as convert
from runtun.shapes import expect
from runtun.torch import fused
from runtun.torch.lstm import LSTMState
from runtun.torch.rnn import RNNState, check_floats, check_mask

LAYERS = {"rnn": fused.RNN, "lstm": nn.LSTM, "gru": fused.GRU}
STATES: dict[str, Any] = {"rnn": RNNState, "lstm": LSTMState, "gru": RNNState}


class RecurrentStack(nn.Module):
    """Fused recurrent layers on top of each other, one way or both: the layers to train.

    Args:
        input_size: D, the number of features of a step; positive.
        hidden_size: H, the size of each layer's output; positive.
        num_layers: L, how many layers; positive.
        cell: "rnn", "lstm" or "gru" (reset after the projection).
        bidirectional: read each layer's input both ways. Each direction has half of the units, so
            that outputs and states keep their size H.
        dropout: part of the outputs dropped between layers while training, in [0, 1): the same
            units at all steps of a sequence.
        recurrent_dropout: part of what h_prev sends to each gate dropped while training, in
            [0, 1): the same units at all steps. It costs the fused loop, so it is slow.
        rng: draws the initial weights, as Keras draws them; a fresh one if None. The same seed
            gives the same weights in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D); state: the states before the first step, zero if None; mask: (B, T), False
        at padding on the right. Returns (outputs (B, T, H), zero at padding; state): the states
        after the last unmasked step, a tuple with one RNNState or LSTMState for each layer.

    Raises:
        ValueError: if the arguments do not fit together, or the last axis of `x` is not D, or the
            mask does not lie on the right.

    References: Gal & Ghahramani 2016 (dropout of the same units at all steps).

    Example:
        >>> stack = RecurrentStack(1, 20, num_layers=2, rng=np.random.default_rng(0))
        >>> outputs, state = stack(torch.zeros(32, 50, 1))
        >>> tuple(outputs.shape), len(state), tuple(state[0].c.shape)
        ((32, 50, 20), 2, (32, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        cell: str = "lstm",
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        weights = stack_weights(
            rng, cell, input_size, hidden_size, num_layers, bidirectional, dropout,
            recurrent_dropout,
        )  # fmt: skip
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.cell = cell
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        units = hidden_size // len(weights[0])
        factory = {"batch_first": True, "bidirectional": bidirectional}
        self.layers = nn.ModuleList(
            LAYERS[cell](size, units, dtype=getattr(torch, dtype), **factory)
            for size in [input_size] + [hidden_size] * (num_layers - 1)
        )
        for layer_weights, layer in zip(weights, self.layers, strict=True):
            getattr(convert, f"{cell}_to_torch")(layer_weights, layer)

    @property
    def parts(self) -> dict[str, Any]:
        """The layers by their number from the bottom up."""
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the states before the first step: zero."""
        zero = next(self.parameters()).new_zeros(batch_size, self.hidden_size)
        state = STATES[self.cell]
        return tuple(state(*[zero] * len(state._fields)) for _ in self.layers)

    def forward(
        self, x: Tensor, state: tuple[Any, ...] | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Run the layers; see the class."""
        size = expect(x, "B T D", D=self.input_size)
        check_floats(self, x)
        lengths = None if mask is None else right_padded(mask, size["B"], size["T"])
        fresh = state is None
        if fresh:
            state = self.initial_state(size["B"])
        after = []
        for i, (layer, layer_state) in enumerate(zip(self.layers, state, strict=True)):
            if i:
                x = drop_units(x, self.dropout, self.training)
            if self.recurrent_dropout and self.training:
                x, layer_state = self._run_with_dropout(layer, x, layer_state, mask)
            else:
                x, layer_state = self._run(layer, x, layer_state, lengths, fresh)
            after.append(layer_state)
        return x, tuple(after)

    def _run(
        self, layer: nn.Module, x: Tensor, state: Any, lengths: Tensor | None, fresh: bool
    ) -> tuple[Tensor, Any]:
        """Run one layer of PyTorch, past the padding where lengths differ."""
        # PyTorch wants (directions, B, H / directions).
        before = [self._split(value) for value in state]
        before = before[0] if len(before) == 1 else tuple(before)
        if lengths is None:
            x, after = layer(x, before)
        elif self.cell == "lstm" and (fresh or not self.bidirectional):
            x, after = pass_over_padding(layer, x, before, lengths)
        elif self.cell != "lstm" and not self.bidirectional:
            # The padding comes last and h is an output, so cutting does.
            h, _ = layer(x, before)
            after = at_the_end(h, lengths)[None]
            x = h * inside(h, lengths)
        else:
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            packed, after = layer(packed, before)
            x, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        after = after if isinstance(after, tuple) else (after,)
        return x, type(state)(*(value.transpose(0, 1).flatten(1) for value in after))

    def _run_with_dropout(
        self, layer: nn.Module, x: Tensor, state: Any, mask: Tensor | None
    ) -> tuple[Tensor, Any]:
        """Run one layer step by step, each gate with its own fixed part of h_prev."""
        outputs, states = [], []
        before = [self._split(value) for value in state]
        for direction, end in enumerate(["", "_reverse"] if self.bidirectional else [""]):
            turned = (lambda a: a.flip(1)) if direction else (lambda a: a)
            h, after = step_with_dropout(
                self.cell,
                [getattr(layer, f"{name}_l0{end}") for name in WEIGHTS],
                turned(x),
                [value[direction] for value in before],
                None if mask is None else turned(mask),
                self.recurrent_dropout,
            )
            outputs.append(turned(h))
            states.append(after)
        joined = [torch.cat(values, dim=-1) for values in zip(*states, strict=True)]
        return torch.cat(outputs, dim=-1), type(state)(*joined)

    def _split(self, value: Tensor) -> Tensor:
        directions = 2 if self.bidirectional else 1
        return value.unflatten(-1, (directions, -1)).transpose(0, 1).contiguous()


WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
BOLT = 1e4  # the sigmoid of it is 1, and of its negative 0, exactly


def pass_over_padding(
    layer: nn.LSTM, x: Tensor, before: tuple[Tensor, Tensor], lengths: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run an LSTM over sequences padded on the right, as over packed ones but twice as fast.

    PyTorch has a kernel for all steps of an LSTM on the CPU, but not for packed sequences. So one
    more feature says where padding is, and its weights bolt the gates there: input shut, forget
    open. The cell state stays what it is, exactly: in the direction of time that of the last real
    step, and backward zero until the first one. No gradient passes a bolted gate.
    """
    H = layer.hidden_size
    directions = ["", "_reverse"] if layer.bidirectional else [""]
    weights = []
    for end in directions:
        W, U, b_input, b_recurrent = (getattr(layer, f"{name}_l0{end}") for name in WEIGHTS)
        bolts = W.new_zeros(4 * H, 1)
        bolts[:H], bolts[H : 2 * H] = -BOLT, BOLT
        weights += [torch.cat([W, bolts], dim=1), U, b_input, b_recurrent]
    real = inside(x, lengths)
    y, h, c = torch.lstm(
        torch.cat([x, 1 - real], dim=-1), before, weights, True, 1, 0.0, layer.training,
        layer.bidirectional, True,
    )  # fmt: skip
    last = at_the_end(y[..., :H], lengths)[None]  # backward, h has met all padding before
    return y * real, (torch.cat([last, h[1:]]), c)


def inside(x: Tensor, lengths: Tensor) -> Tensor:
    """Return 1 for the real steps of (B, T, D) and 0 for padding: (B, T, 1)."""
    real = torch.arange(x.shape[1]) < lengths[:, None]
    return real[..., None].to(x)


def at_the_end(x: Tensor, lengths: Tensor) -> Tensor:
    """Return of (B, T, D) the last real step of each sequence: (B, D)."""
    return x[torch.arange(len(x), device=x.device), lengths.to(x.device) - 1]


def step_with_dropout(
    cell: str,
    weights: list[Tensor],
    x: Tensor,
    state: list[Tensor],
    mask: Tensor | None,
    rate: float,
) -> tuple[Tensor, list[Tensor]]:
    """Run a layer of PyTorch over (B, T, D), dropping the same parts of h_prev at all steps.

    Returns:
        (outputs (B, T, H), zero at masked steps; the state after the last unmasked step).
    """
    W, U, b_input, b_recurrent = weights
    h = state[0]
    gates = len(U) // h.shape[-1]
    a = (x @ W.T + b_input).unflatten(-1, (gates, -1)).permute(1, 2, 0, 3)  # (T, G, B, H)
    U = U.unflatten(0, (gates, -1)).transpose(1, 2)  # (G, H, H)
    b = b_recurrent.unflatten(0, (gates, 1, -1))  # (G, 1, H)
    keep = functional.dropout(torch.ones_like(a[0]), rate)  # one for each gate, for all steps
    outputs = []
    for t in range(len(a)):
        s = torch.baddbmm(b, h * keep, U)  # (G, B, H)
        if cell == "rnn":
            new = [torch.tanh(a[t, 0] + s[0])]
        elif cell == "lstm":
            i, f, g, o = a[t] + s
            c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
            new = [torch.sigmoid(o) * torch.tanh(c), c]
        else:
            r, z = torch.sigmoid(a[t, :2] + s[:2])
            n = torch.tanh(a[t, 2] + r * s[2])
            new = [n + z * (h - n)]
        output = new[0]
        if mask is not None:
            use = mask[:, t, None]  # (B, 1)
            output = torch.where(use, output, 0.0)
            new = [torch.where(use, *pair) for pair in zip(new, state, strict=True)]
        state = new
        h = state[0]
        outputs.append(output)
    return torch.stack(outputs, dim=1), state


def drop_units(x: Tensor, rate: float, training: bool) -> Tensor:
    """Drop of (B, T, D) the same features at all steps of a sequence."""
    if not rate or not training:
        return x
    return x * functional.dropout(torch.ones_like(x[:, :1]), rate)


def right_padded(mask: Tensor, batch_size: int, length: int) -> Tensor | None:
    """Return the lengths of the sequences, where PyTorch wants them, or None if all are full.

    Raises:
        ValueError: if a masked step comes before an unmasked one.
    """
    check_mask(mask, batch_size, length)
    if mask.all():
        return None
    if (mask[:, 1:] & ~mask[:, :-1]).any():
        raise ValueError('`mask` must be False on the right only. Pad with side="right".')
    return mask.sum(dim=1).cpu()
