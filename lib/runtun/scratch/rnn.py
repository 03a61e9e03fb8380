"""Simple recurrent networks in NumPy: one step, the loop over time, and both backward.

The same file exists on each floor: `runtun.scratch.rnn`, `runtun.keras.rnn`, `runtun.torch.rnn`.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from runtun.initializers import glorot_uniform, orthogonal, positive_sizes, recurrence_target
from runtun.scratch.activations import get_activation
from runtun.scratch.trainable import Trainable, as_floats, float_type
from runtun.shapes import expect


class RNNState(NamedTuple):
    """What a simple RNN carries from one step to the next: h (B, H)."""

    h: np.ndarray


class OutputState(NamedTuple):
    """What an output-recurrent network carries from one step to the next: y (B, K)."""

    y: np.ndarray


class SimpleRNNCell(Trainable):
    """One step of a simple recurrent network: the hidden state feeds the next hidden state.

    h = activation(x_t W + h_prev U + b)

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h`; positive.
        activation: "tanh", "relu", "sigmoid" or "linear".
        rng: draws the initial weights (W uniform, U orthogonal, b zero); a fresh one if None.
        dtype: "float32" or "float64".

    Call:
        x_t: (B, D); state: RNNState(h (B, H)). Returns (h, RNNState(h)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    Memory:
        Forward and backward over T steps together need B (2D + 3H) numbers for each step more, so
        memory grows in a straight line with T.

    References: Elman 1990.

    Example:
        >>> cell = SimpleRNNCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(np.ones((2, 3)), cell.initial_state(2))
        >>> h.shape
        (2, 5)
        >>> cell.num_params == 3 * 5 + 5 * 5 + 5
        True
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W", "U", "b")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: str = "tanh",
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        dtype = float_type(dtype)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.activation, self.derivative = get_activation(activation)
        self.W = glorot_uniform(rng, (input_size, hidden_size)).astype(dtype)
        self.U = orthogonal(rng, (hidden_size, hidden_size)).astype(dtype)
        self.b = np.zeros(hidden_size, dtype)

    def initial_state(self, batch_size: int) -> RNNState:
        """Return the state before the first step: h = 0."""
        return RNNState(np.zeros((batch_size, self.hidden_size), self.dtype))

    def __call__(self, x_t: np.ndarray, state: RNNState) -> tuple[np.ndarray, RNNState]:
        expect(x_t, "B D", name="x_t", D=self.input_size)
        h = self.activation(x_t @ self.W + state.h @ self.U + self.b)
        return h, RNNState(h)

    def forward(self, x: Any, state: RNNState | None = None) -> tuple[np.ndarray, RNNState]:
        """Run all steps, as `unroll` does, and remember what `backward` needs.

        Args:
            x: (B, T, D). The products x_t W of all steps are taken at once, which is faster.
            state: the state before the first step; zero if None.

        Returns:
            (outputs (B, T, H), the state after the last step).
        """
        x, state = prepare(self, x, state)  # (T, B, D)
        a = x @ self.W + self.b  # (T, B, H)
        h = np.concatenate([state.h[None], np.empty_like(a)])  # (T + 1, B, H); h[t + 1] is h_t
        for t in range(len(x)):
            h[t + 1] = self.activation(a[t] + h[t] @ self.U)
        self._memory = x, h
        return h[1:].swapaxes(0, 1), RNNState(h[-1])

    def backward(
        self, d_outputs: np.ndarray, d_state: RNNState | None = None
    ) -> tuple[np.ndarray, RNNState, dict[str, np.ndarray]]:
        """Send a gradient back through all steps of the last `forward`.

        Args:
            d_outputs: (B, T, H), the gradient of the loss with respect to the outputs.
            d_state: the gradient with respect to the state after the last step; zero if None.

        Returns:
            The gradients with respect to `x`, the state before the first step, and the weights.
        """
        x, h = self._memory
        d_outputs, d_state = prepare_backward(self, d_outputs, d_state)  # (T, B, H)
        d_a = np.empty_like(d_outputs)
        d_h = d_state.h
        for t in reversed(range(len(x))):
            d_h = d_h + d_outputs[t]  # h_t is seen by the loss and by the next step
            d_a[t] = d_h * self.derivative(h[t + 1])
            d_h = d_a[t] @ self.U.T
        grads = {
            "W": sum_over_time(x, d_a),
            "U": sum_over_time(h[:-1], d_a),
            "b": d_a.sum(axis=(0, 1)),
        }
        return (d_a @ self.W.T).swapaxes(0, 1), RNNState(d_h), grads


class OutputRecurrentCell(Trainable):
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
        >>> y.shape
        (4, 2)
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W", "b", "V", "c", "U")

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
        dtype: str = "float64",
    ) -> None:
        positive_sizes(input_size=input_size, hidden_size=hidden_size, output_size=output_size)
        target_size = recurrence_target(recurrence, hidden_size, output_size)
        rng = np.random.default_rng(rng)
        dtype = float_type(dtype)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = output_size
        self.recurrence = recurrence
        self.activation, self.derivative = get_activation(activation)
        self.output_activation, self.output_derivative = get_activation(output_activation)
        self.W = glorot_uniform(rng, (input_size, hidden_size)).astype(dtype)
        self.b = np.zeros(hidden_size, dtype)
        self.V = glorot_uniform(rng, (hidden_size, output_size)).astype(dtype)
        self.c = np.zeros(output_size, dtype)
        self.U = orthogonal(rng, (output_size, target_size)).astype(dtype)

    def initial_state(self, batch_size: int) -> OutputState:
        """Return the state before the first step: y = 0."""
        return OutputState(np.zeros((batch_size, self.output_size), self.dtype))

    def __call__(self, x_t: np.ndarray, state: OutputState) -> tuple[np.ndarray, OutputState]:
        expect(x_t, "B D", name="x_t", D=self.input_size)
        if self.recurrence == "output_to_hidden":
            h = self.activation(x_t @ self.W + state.y @ self.U + self.b)
            y = self.output_activation(h @ self.V + self.c)
        else:
            h = self.activation(x_t @ self.W + self.b)
            y = self.output_activation(h @ self.V + state.y @ self.U + self.c)
        return y, OutputState(y)

    def forward(self, x: Any, state: OutputState | None = None) -> tuple[np.ndarray, OutputState]:
        """Run all steps, as `unroll` does, and remember what `backward` needs.

        Args:
            x: (B, T, D).
            state: the state before the first step; zero if None.

        Returns:
            (outputs (B, T, K), the state after the last step).
        """
        x, state = prepare(self, x, state)  # (T, B, D)
        h = np.empty((*x.shape[:2], self.hidden_size), self.dtype)
        y = np.empty((len(x) + 1, x.shape[1], self.output_size), self.dtype)  # y[t + 1] is y_t
        y[0] = state.y
        a = x @ self.W + self.b  # (T, B, H)
        for t in range(len(x)):
            if self.recurrence == "output_to_hidden":
                h[t] = self.activation(a[t] + y[t] @ self.U)
                y[t + 1] = self.output_activation(h[t] @ self.V + self.c)
            else:
                h[t] = self.activation(a[t])
                y[t + 1] = self.output_activation(h[t] @ self.V + y[t] @ self.U + self.c)
        self._memory = x, h, y
        return y[1:].swapaxes(0, 1), OutputState(y[-1])

    def backward(
        self, d_outputs: np.ndarray, d_state: OutputState | None = None
    ) -> tuple[np.ndarray, OutputState, dict[str, np.ndarray]]:
        """Send a gradient back through all steps of the last `forward`.

        Args:
            d_outputs: (B, T, K), the gradient of the loss with respect to the outputs.
            d_state: the gradient with respect to the state after the last step; zero if None.

        Returns:
            The gradients with respect to `x`, the state before the first step, and the weights.
        """
        x, h, y = self._memory
        d_outputs, d_state = prepare_backward(self, d_outputs, d_state)  # (T, B, K)
        d_a = np.empty_like(h)  # at the hidden layer, before its activation
        d_s = np.empty_like(d_outputs)  # at the output, before its activation
        d_fed = d_a if self.recurrence == "output_to_hidden" else d_s  # where y_prev entered
        d_y = d_state.y
        for t in reversed(range(len(x))):
            d_y = d_y + d_outputs[t]
            d_s[t] = d_y * self.output_derivative(y[t + 1])
            d_a[t] = (d_s[t] @ self.V.T) * self.derivative(h[t])
            d_y = d_fed[t] @ self.U.T
        grads = {
            "W": sum_over_time(x, d_a),
            "b": d_a.sum(axis=(0, 1)),
            "V": sum_over_time(h, d_s),
            "c": d_s.sum(axis=(0, 1)),
            "U": sum_over_time(y[:-1], d_fed),
        }
        return (d_a @ self.W.T).swapaxes(0, 1), OutputState(d_y), grads


def unroll(
    cell: Any,
    x: np.ndarray,
    state: Any = None,
    mask: np.ndarray | None = None,
    keep: np.ndarray | None = None,
) -> tuple[np.ndarray, Any]:
    """Run a cell over a sequence, one step after the other.

    Args:
        cell: any cell of this floor.
        x: (B, T, D).
        state: the state before the first step; zero if None.
        mask: (B, T), False at the steps to skip: there the state stays and the output is zero.
        keep: (B, H), by which h_{t-1} is multiplied before each step: recurrent dropout, the same
            units at all steps (see `runtun.scratch.dropout.draw_mask`). The cell state of an LSTM
            is left alone, or its memory would be lost; in a GRU what is carried on is dropped too.

    Returns:
        (outputs (B, T, H), the state after the last step).

    Example:
        >>> cell = SimpleRNNCell(1, 4, rng=np.random.default_rng(0))
        >>> outputs, state = unroll(cell, np.ones((2, 7, 1)))
        >>> outputs.shape, bool((outputs[:, -1] == state.h).all())
        ((2, 7, 4), True)
    """
    size = expect(x, "B T D", D=cell.input_size)
    if state is None:
        state = cell.initial_state(size["B"])
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
            output = output * use
            pairs = zip(new_state, state, strict=True)
            new_state = [np.where(use, new, old) for new, old in pairs]
        state = type(state)(*new_state)
        outputs.append(output)
    return np.stack(outputs, axis=1), state


class RNN:
    """A layer that runs a cell over a sequence.

    Args:
        cell: any cell of this floor.
        return_sequences: return the output of every step (many to many) instead of the last one
            (many to one).
        return_state: return the state after the last step as well.

    Call:
        x: (B, T, D); state: the state before the first step, zero if None; mask: (B, T), False
        at the steps to skip. Returns outputs (B, T, H), zero at skipped steps, or the last
        unskipped one (B, H), followed by the state if `return_state`.

    Example:
        >>> layer = RNN(SimpleRNNCell(1, 20), return_sequences=True)
        >>> layer(np.zeros((32, 50, 1))).shape
        (32, 50, 20)
    """

    def __init__(
        self, cell: Any, return_sequences: bool = False, return_state: bool = False
    ) -> None:
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state

    @property
    def params(self) -> dict[str, np.ndarray]:
        """The weights of the cell."""
        return self.cell.params

    def __call__(self, x: Any, state: Any = None, mask: np.ndarray | None = None) -> Any:
        return self.forward(x, state, mask)

    def forward(self, x: Any, state: Any = None, mask: np.ndarray | None = None) -> Any:
        """Run the cell over `x`; see the class. With a mask there is no backward pass."""
        if mask is None:
            outputs, state = self.cell.forward(x, state)
            self._shape = outputs.shape
        else:
            outputs, state = unroll(self.cell, as_floats(x, self.cell.dtype), state, mask)
            self._shape = None
        if not self.return_sequences:
            outputs = state[0]  # of every cell here, the first part of the state is the output
        return (outputs, state) if self.return_state else outputs

    def backward(
        self, d_outputs: np.ndarray, d_state: Any = None
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Backpropagation through time.

        Args:
            d_outputs: the gradient of the loss with respect to what `forward` returned.
            d_state: the gradient with respect to the state after the last step; zero if None.

        Returns:
            The gradients with respect to `x` and to the weights. The one with respect to the
            state before the first step is kept as `d_initial_state`.
        """
        if self._shape is None:
            raise ValueError("`backward` follows a `forward` without a mask.")
        if not self.return_sequences:  # the loss saw the last output only
            d_last, d_outputs = d_outputs, np.zeros(self._shape, self.cell.dtype)
            d_outputs[:, -1] = d_last
        d_x, self.d_initial_state, grads = self.cell.backward(d_outputs, d_state)
        return d_x, grads


class Stacked:
    """Layers on top of each other: each reads the outputs of the one below.

    Args:
        layers: from the bottom up. Every recurrent layer but the last recurrent one needs
            `return_sequences=True`, because the next reads a sequence.

    Call:
        x: what the first layer takes. Returns what the last layer returns.

    Example:
        >>> from runtun.scratch.dense import Dense
        >>> model = Stacked(
        ...     RNN(SimpleRNNCell(1, 20), return_sequences=True),
        ...     RNN(SimpleRNNCell(20, 20)),
        ...     Dense(20, 1),
        ... )
        >>> model(np.zeros((32, 50, 1))).shape
        (32, 1)
        >>> sorted(model.params)
        ['0.U', '0.W', '0.b', '1.U', '1.W', '1.b', '2.W', '2.b']
    """

    def __init__(self, *layers: Any) -> None:
        if not layers:
            raise ValueError("`Stacked` needs at least one layer; received none.")
        self.layers = list(layers)

    @property
    def params(self) -> dict[str, np.ndarray]:
        """The weights of all layers, each name preceded by the number of its layer."""
        return {
            f"{i}.{name}": weight
            for i, layer in enumerate(self.layers)
            for name, weight in layer.params.items()
        }

    def __call__(self, x: Any) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: Any) -> np.ndarray:
        """Run all layers from the bottom up."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d_outputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Send a gradient back through all layers from the top down."""
        grads: dict[str, np.ndarray] = {}
        for i, layer in reversed(list(enumerate(self.layers))):
            d_outputs, layer_grads = layer.backward(d_outputs)
            grads.update({f"{i}.{name}": grad for name, grad in layer_grads.items()})
        return d_outputs, grads


def check_mask(mask: np.ndarray, batch_size: int, length: int) -> None:
    """Refuse a mask of another shape or type, and one that skips a whole sequence.

    Raises:
        TypeError: if the mask is not boolean.
        ValueError: if its shape does not fit, or a sequence has no step to use.
    """
    expect(mask, "B T", name="mask", B=batch_size, T=length)
    if mask.dtype != bool:
        raise TypeError(
            f"`mask` must be boolean, True at the steps to use; received {mask.dtype}. "
            f"Convert it with mask.astype(bool)."
        )
    empty = int((~mask.any(axis=1)).sum())
    if empty:
        raise ValueError(
            f"`mask` must leave every sequence at least one step; {empty} have none. "
            f"Drop these sequences."
        )


def prepare(cell: Any, x: Any, state: Any) -> tuple[np.ndarray, Any]:
    """Check the arguments of a cell's `forward`; return `x` as (T, B, D), and the state.

    Time comes first inside, so that one step is one block of memory.
    """
    x = as_floats(x, cell.dtype)
    size = expect(x, "B T D", D=cell.input_size)
    zero = cell.initial_state(size["B"])
    if state is None:
        state = zero
    if not isinstance(state, type(zero)):
        raise TypeError(
            f"`state` must be {type(zero).__name__}; received {type(state).__name__}. "
            f"Start from cell.initial_state(batch_size)."
        )
    for name, value, wanted in zip(zero._fields, state, zero, strict=True):
        if np.shape(value) != wanted.shape:
            raise ValueError(
                f"`state.{name}` must have shape {wanted.shape}; received {np.shape(value)}."
            )
    return np.ascontiguousarray(x.swapaxes(0, 1)), type(zero)(
        *(as_floats(value, cell.dtype, "state") for value in state)
    )


def prepare_backward(cell: Any, d_outputs: Any, d_state: Any) -> tuple[np.ndarray, Any]:
    """Check the arguments of a cell's `backward`; return `d_outputs` as (T, B, H), and d_state."""
    length, batch_size = cell._memory[0].shape[:2]
    expect(d_outputs, "B T H", name="d_outputs", B=batch_size, T=length, H=cell.output_size)
    if d_state is None:
        d_state = cell.initial_state(batch_size)
    return np.ascontiguousarray(d_outputs.swapaxes(0, 1)), d_state


def sum_over_time(inputs: np.ndarray, d_a: np.ndarray) -> np.ndarray:
    """Return the gradient of a weight that every step uses: the sum of inputs[t].T @ d_a[t].

    Args:
        inputs: (T, B, D), what the weight multiplied at each step.
        d_a: (T, B, H), the gradient with respect to the products.

    Returns:
        (D, H), in one product over all steps and all sequences.
    """
    return inputs.reshape(-1, inputs.shape[-1]).T @ d_a.reshape(-1, d_a.shape[-1])
