"""Simple recurrent networks in Keras: one step and the loop over time.

The same file exists on each floor: `runtun.scratch.rnn`, `runtun.keras.rnn`, `runtun.torch.rnn`.
Written with `keras.ops` alone, so it runs on every backend of Keras. Keras calls W `kernel` and U
`recurrent_kernel`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from runtun.initializers import (
    check_rate,
    glorot_uniform,
    orthogonal,
    positive_sizes,
    recurrence_target,
)
from runtun.shapes import expect

Tensor = Any  # of the backend in use

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": ops.tanh,
    "sigmoid": ops.sigmoid,
    "relu": ops.relu,
    "linear": lambda a: a,
}


class RNNState(NamedTuple):
    """What a simple RNN carries from one step to the next: h (B, H)."""

    h: Tensor


class OutputState(NamedTuple):
    """What an output-recurrent network carries from one step to the next: y (B, K)."""

    y: Tensor


@keras.saving.register_keras_serializable(package="runtun")
class SimpleRNNCell(keras.layers.Layer):
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
        self.W = weight(self, "W", glorot_uniform(rng, (input_size, hidden_size)))
        self.U = weight(self, "U", orthogonal(rng, (hidden_size, hidden_size)))
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
        h = self.activation(ops.matmul(x_t, self.W) + ops.matmul(h_prev, self.U) + self.b)
        return h, RNNState(h)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this cell again."""
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "activation": self.activation_name,
        }


@keras.saving.register_keras_serializable(package="runtun")
class OutputRecurrentCell(keras.layers.Layer):
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
        >>> y, state = cell(np.ones((4, 3)), cell.initial_state(4))
        >>> tuple(y.shape)
        (4, 2)
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
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        positive_sizes(input_size=input_size, hidden_size=hidden_size, output_size=output_size)
        target_size = recurrence_target(recurrence, hidden_size, output_size)
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = output_size
        self.recurrence = recurrence
        self.activation_name = activation
        self.activation = get_activation(activation)
        self.output_activation_name = output_activation
        self.output_activation = get_activation(output_activation)
        self.W = weight(self, "W", glorot_uniform(rng, (input_size, hidden_size)))
        self.b = weight(self, "b", np.zeros(hidden_size))
        self.V = weight(self, "V", glorot_uniform(rng, (hidden_size, output_size)))
        self.c = weight(self, "c", np.zeros(output_size))
        self.U = weight(self, "U", orthogonal(rng, (output_size, target_size)))
        self.state_size = output_size
        self.state_type = OutputState
        self.built = True

    def initial_state(self, batch_size: int) -> OutputState:
        """Return the state before the first step: y = 0."""
        return OutputState(ops.zeros((batch_size, self.output_size), self.compute_dtype))

    get_initial_state = initial_state  # the name that `keras.layers.RNN` asks for

    def call(self, x_t: Tensor, state: OutputState) -> tuple[Tensor, OutputState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        (y_prev,) = state
        if self.recurrence == "output_to_hidden":
            h = self.activation(ops.matmul(x_t, self.W) + ops.matmul(y_prev, self.U) + self.b)
            y = self.output_activation(ops.matmul(h, self.V) + self.c)
        else:
            h = self.activation(ops.matmul(x_t, self.W) + self.b)
            y = self.output_activation(ops.matmul(h, self.V) + ops.matmul(y_prev, self.U) + self.c)
        return y, OutputState(y)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this cell again."""
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "output_size": self.output_size,
            "recurrence": self.recurrence,
            "activation": self.activation_name,
            "output_activation": self.output_activation_name,
        }


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
        >>> outputs, state = unroll(cell, ops.ones((2, 7, 1)))
        >>> tuple(outputs.shape), bool(ops.all(outputs[:, -1] == state.h))
        ((2, 7, 4), True)
    """
    size = expect(x, "B T D", D=cell.input_size)
    if state is None:
        state = cell.initial_state(ops.shape(x)[0])  # known in a graph too
    if keep is not None:
        expect(keep, "B H", name="keep", H=state[0].shape[1])
    outputs = []
    for t in range(size["T"]):
        seen = state if keep is None else type(state)(state[0] * keep, *state[1:])
        output, new_state = cell(x[:, t], seen)
        if mask is not None:
            use = mask[:, t, None]  # (B, 1)
            output = ops.where(use, output, 0.0)
            pairs = zip(new_state, state, strict=True)
            new_state = [ops.where(use, new, old) for new, old in pairs]
        state = type(state)(*new_state)
        outputs.append(output)
    return ops.stack(outputs, axis=1), state


@keras.saving.register_keras_serializable(package="runtun")
class RNN(keras.layers.RNN):
    """A layer that runs a cell over a sequence.

    The loop is the one of `keras.layers.RNN`, compiled into the graph; this class adds checks and
    returns the state as the named tuple of the cell.

    Args:
        cell: any cell of this floor.
        return_sequences: return the output of every step (many to many) instead of the last one
            (many to one).
        return_state: return the state after the last step as well.
        dropout: part of the features of `x` dropped while training, in [0, 1): the same ones at all
            steps of a sequence. What is kept is divided by 1 - dropout, so the mean stays.
        recurrent_dropout: part of h_{t-1} dropped on its way into each step while training, in
            [0, 1): the same units at all steps, for all gates alike; the cell state of an LSTM is
            left alone. It costs the compiled loop.

    Call:
        x: (B, T, D); state: the state before the first step, zero if None; mask: (B, T), False
        at the steps to skip. Returns outputs (B, T, H), zero at skipped steps, or the last
        unskipped one (B, H), followed by the state if `return_state`.

    References: Gal & Ghahramani 2016 (dropout of the same units at all steps).

    Example:
        >>> layer = RNN(SimpleRNNCell(1, 20), return_sequences=True)
        >>> tuple(layer(np.zeros((32, 50, 1))).shape)
        (32, 50, 20)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        # Otherwise Keras would cast the input of a float64 cell to float32 on its way in.
        kwargs.setdefault("dtype", cell.dtype_policy)
        # Zero at skipped steps, as in PyTorch, but never in place of the last output.
        kwargs.setdefault("zero_output_for_mask", return_sequences)
        super().__init__(cell, return_sequences, return_state, **kwargs)
        self.dropout = check_rate(dropout, "dropout")
        self.recurrent_dropout = check_rate(recurrent_dropout, "recurrent_dropout")
        if dropout or recurrent_dropout:
            self.seed_generator = keras.random.SeedGenerator()

    # The names of the arguments are those of `keras.layers.RNN`, on which Keras insists.
    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """Run the cell over `sequences`; see the class."""
        expect(sequences, "B T D", D=self.cell.input_size)
        if training and self.dropout:
            sequences = sequences * self._draw(ops.ones_like(sequences[:, :1]), self.dropout)
        if training and self.recurrent_dropout:
            return self._call_with_keep(sequences, initial_state, mask)
        result = super().call(sequences, initial_state, mask=mask, training=training)
        return self._with_named_state(result)

    def _draw(self, ones: Tensor, rate: float) -> Tensor:
        return keras.random.dropout(ones, rate, seed=self.seed_generator)

    def _call_with_keep(self, sequences: Tensor, initial_state: Any, mask: Tensor | None) -> Any:
        """Run the cell step by step, with the same part of h_{t-1} dropped before each."""
        state = self.cell.initial_state(ops.shape(sequences)[0])
        keep = self._draw(ops.ones_like(state[0]), self.recurrent_dropout)
        if initial_state is not None:
            state = self.cell.state_type(*initial_state)
        outputs, state = unroll(self.cell, sequences, state, mask, keep)
        if not self.return_sequences:
            outputs = state[0]  # of every cell here, the first part of the state is the output
        return (outputs, state) if self.return_state else outputs

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Tensor | None, training: bool = False
    ) -> Any:
        """Run the loop with the named state; JAX wants one type of state from first to last."""
        initial_state = self.cell.state_type(*initial_state)
        return super().inner_loop(sequences, initial_state, mask, training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        rates = {"dropout": self.dropout, "recurrent_dropout": self.recurrent_dropout}
        return {**super().get_config(), **rates}

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shapes of what `call` returns."""
        shapes = super().compute_output_shape(sequences_shape, initial_state_shape)
        return self._with_named_state(shapes)

    def _with_named_state(self, result: Any) -> Any:
        if not self.return_state:
            return result
        outputs, *state = result
        return outputs, self.cell.state_type(*state)


@keras.saving.register_keras_serializable(package="runtun")
class Stacked(keras.Sequential):
    """Layers on top of each other: each reads the outputs of the one below.

    Args:
        layers: from the bottom up. Every recurrent layer but the last recurrent one needs
            `return_sequences=True`, because the next reads a sequence.

    Call:
        x: what the first layer takes. Returns what the last layer returns.

    Example:
        >>> from runtun.keras.dense import Dense
        >>> model = Stacked(
        ...     RNN(SimpleRNNCell(1, 20), return_sequences=True),
        ...     RNN(SimpleRNNCell(20, 20)),
        ...     Dense(20, 1),
        ... )
        >>> tuple(model(np.zeros((32, 50, 1))).shape)
        (32, 1)
    """

    def __init__(self, *layers: keras.layers.Layer, **kwargs: Any) -> None:
        # Keras builds from its configuration by name first and adds the layers afterwards.
        if not layers and "name" not in kwargs:
            raise ValueError("`Stacked` needs at least one layer; received none.")
        super().__init__(list(layers), **kwargs)
        if layers:
            self.dtype_policy = layers[0].dtype_policy


def get_activation(name: str) -> Callable[[Tensor], Tensor]:
    """Look up an activation by name.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"`activation` must be one of {sorted(ACTIVATIONS)}; received {name!r}.")
    return ACTIVATIONS[name]


def weight(layer: keras.layers.Layer, name: str, value: np.ndarray) -> keras.Variable:
    """Add a trainable weight with the given start to a layer."""
    return layer.add_weight(
        shape=value.shape,
        initializer=lambda shape, dtype=None: ops.convert_to_tensor(value, dtype),
        name=name,
    )
