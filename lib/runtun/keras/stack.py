"""Recurrent layers of Keras, stacked, both ways, with masks and with dropout.

The same file exists in PyTorch: `runtun.keras.stack`, `runtun.torch.stack`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.initializers import stack_weights
from runtun.keras.lstm import LSTMState
from runtun.keras.rnn import RNNState, Tensor
from runtun.parity import recurrent as convert
from runtun.shapes import expect

LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
STATES: dict[str, Any] = {"rnn": RNNState, "lstm": LSTMState, "gru": RNNState}


@keras.saving.register_keras_serializable(package="runtun")
class RecurrentStack(keras.layers.Layer):
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
            [0, 1): the same units at all steps. It costs the fused loop.
        rng: draws the initial weights, as Keras draws them; a fresh one if None. The same seed
            gives the same weights in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D); state: the states before the first step, zero if None; mask: (B, T), False
        at padding on the right. Returns (outputs (B, T, H), zero at padding; state): the states
        after the last unmasked step, a tuple with one RNNState or LSTMState for each layer.

    Raises:
        ValueError: if the arguments do not fit together, or the last axis of `x` is not D.

    References: Gal & Ghahramani 2016 (dropout of the same units at all steps).

    Example:
        >>> stack = RecurrentStack(1, 20, num_layers=2, rng=np.random.default_rng(0))
        >>> outputs, state = stack(np.zeros((32, 50, 1), "float32"))
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
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        weights = stack_weights(
            rng, cell, input_size, hidden_size, num_layers, bidirectional, dropout,
            recurrent_dropout,
        )  # fmt: skip
        self.arguments = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "cell": cell,
            "bidirectional": bidirectional,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
        }
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.cell = cell
        self.bidirectional = bidirectional
        units = hidden_size // len(weights[0])

        def make(layer_weights: dict[str, np.ndarray]) -> keras.layers.Layer:
            layer = LAYERS[cell](
                units,
                return_sequences=True,
                return_state=True,
                recurrent_dropout=recurrent_dropout,
                zero_output_for_mask=True,  # as in PyTorch
                dtype=self.dtype_policy,
            )
            return getattr(convert, f"{cell}_to_keras")(layer_weights, layer)

        self.ahead = [make(directions[0]) for directions in weights]
        self.back = [make(directions[1]) for directions in weights] if bidirectional else []
        self.dropouts = [
            keras.layers.SpatialDropout1D(dropout, dtype=self.dtype_policy) for _ in weights[1:]
        ]
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers by their number from the bottom up."""
        if not self.bidirectional:
            return {str(i): layer for i, layer in enumerate(self.ahead)}
        pairs = enumerate(zip(self.ahead, self.back, strict=True))
        return {
            f"{i}.{name}": layer
            for i, pair in pairs
            for name, layer in zip(("ahead", "back"), pair, strict=True)
        }

    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the states before the first step: zero."""
        zero = ops.zeros((batch_size, self.hidden_size), self.compute_dtype)
        state = STATES[self.cell]
        return tuple(state(*[zero] * len(state._fields)) for _ in self.ahead)

    def call(
        self,
        x: Tensor,
        state: tuple[Any, ...] | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Run the layers; see the class."""
        expect(x, "B T D", D=self.input_size)
        if mask is not None:
            expect(mask, "B T", name="mask", T=x.shape[1])
        if state is None:
            state = self.initial_state(ops.shape(x)[0])  # known in a graph too
        after = []
        for i, layer_state in enumerate(state):
            if i:
                x = self.dropouts[i - 1](x, training=training)
            x, layer_state = self._run(i, x, layer_state, mask, training)
            after.append(STATES[self.cell](*layer_state))
        return x, tuple(after)

    def _run(
        self, i: int, x: Tensor, state: Any, mask: Tensor | None, training: bool
    ) -> tuple[Tensor, Any]:
        """Run one layer, over the sequence and, if asked, over the turned sequence."""
        if not self.bidirectional:
            if x.shape[1] == 1 and mask is None and not training:
                # Writing goes step by step; the cell alone spares the set-up of a loop.
                h, after = self.ahead[i].cell(x[:, 0], list(state))
                return h[:, None], after
            h, *after = self.ahead[i](x, list(state), mask=mask, training=training)
            return h, after
        first, second = zip(*(ops.split(value, 2, axis=-1) for value in state), strict=True)
        h, *after = self.ahead[i](x, list(first), mask=mask, training=training)
        turned_mask = None if mask is None else ops.flip(mask, axis=1)
        k, *last = self.back[i](
            ops.flip(x, axis=1), list(second), mask=turned_mask, training=training
        )
        outputs = ops.concatenate([h, ops.flip(k, axis=1)], axis=-1)
        pairs = zip(after, last, strict=True)
        return outputs, [ops.concatenate(pair, axis=-1) for pair in pairs]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Hand no mask on: the layers that need it are given it."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {**super().get_config(), **self.arguments}
