"""Simple recurrent networks in JAX with Flax NNX: one step, and the loop over time, twice.

The same file exists on each floor: `runtun.scratch.rnn`, `runtun.keras.rnn`, `runtun.torch.rnn`.
JAX runs each operation of a plain Python loop on its own, or compiles a copy of the step for every
time; `jax.lax.scan` compiles the step once. `RNN` offers both loops, to compare.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from runtun.initializers import glorot_uniform, orthogonal, positive_sizes
from runtun.shapes import expect

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "linear": lambda a: a,
}


class RNNState(NamedTuple):
    """What a simple RNN carries from one step to the next: h (B, H)."""

    h: Array


class SimpleRNNCell(nnx.Module):
    """One step of a simple recurrent network: the hidden state feeds the next hidden state.

    h = activation(x_t W + h_prev U + b)

    Args:
        input_size: D, the number of features of `x_t`; positive.
        hidden_size: H, the size of `h`; positive.
        activation: "tanh", "relu", "sigmoid" or "linear".
        rng: draws the initial weights (W uniform, U orthogonal, b zero); a fresh one if None.
            The same seed gives the same weights on every floor.
        dtype: "float32", or "float64" where JAX has been told to know it.

    Call:
        x_t: (B, D); state: RNNState(h (B, H)). Returns (h, RNNState(h)).

    Raises:
        ValueError: if the last axis of `x_t` is not D.

    References: Elman 1990.

    Example:
        >>> cell = SimpleRNNCell(3, 5, rng=np.random.default_rng(0))
        >>> h, state = cell(jnp.ones((2, 3)), cell.initial_state(2))
        >>> h.shape
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
    ) -> None:
        positive_sizes(input_size=input_size, hidden_size=hidden_size)
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"`activation` must be one of {sorted(ACTIVATIONS)}; received {activation!r}."
            )
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.activation = activation
        self.W = parameter(glorot_uniform(rng, (input_size, hidden_size)), dtype)
        self.U = parameter(orthogonal(rng, (hidden_size, hidden_size)), dtype)
        self.b = parameter(np.zeros(hidden_size), dtype)

    def initial_state(self, batch_size: int) -> RNNState:
        """Return the state before the first step: h = 0."""
        return RNNState(jnp.zeros((batch_size, self.hidden_size), self.W.dtype))

    def __call__(self, x_t: Array, state: RNNState) -> tuple[Array, RNNState]:
        """Take one step; see the class."""
        expect(x_t, "B D", name="x_t", D=self.input_size)
        h = ACTIVATIONS[self.activation](x_t @ self.W[...] + state.h @ self.U[...] + self.b[...])
        return h, RNNState(h)


def unroll(cell: Any, x: Array, state: Any = None, mask: Array | None = None) -> tuple[Array, Any]:
    """Run a cell over a sequence, one step after the other, in a Python loop.

    Args:
        cell: any cell of this floor.
        x: (B, T, D).
        state: the state before the first step; zero if None.
        mask: (B, T), False at the steps to skip: there the state stays and the output is zero.

    Returns:
        (outputs (B, T, H), the state after the last step).

    Example:
        >>> cell = SimpleRNNCell(1, 4, rng=np.random.default_rng(0))
        >>> outputs, state = unroll(cell, jnp.ones((2, 7, 1)))
        >>> outputs.shape, bool((outputs[:, -1] == state.h).all())
        ((2, 7, 4), True)
    """
    x, state = _prepare(cell, x, state, mask)
    outputs = []
    for t in range(x.shape[1]):
        state, output = _step(cell, state, x[:, t], None if mask is None else mask[:, t])
        outputs.append(output)
    return jnp.stack(outputs, axis=1), state


def scan(cell: Any, x: Array, state: Any = None, mask: Array | None = None) -> tuple[Array, Any]:
    """Run a cell over a sequence in a loop that is compiled; otherwise like `unroll`.

    Example:
        >>> cell = SimpleRNNCell(1, 4, rng=np.random.default_rng(0))
        >>> outputs, state = scan(cell, jnp.ones((2, 7, 1)))
        >>> outputs.shape
        (2, 7, 4)
    """
    x, state = _prepare(cell, x, state, mask)
    graph, weights = nnx.split(cell)
    return _scan(graph, weights, x, state, mask)


@partial(jax.jit, static_argnums=0)
def _scan(graph: Any, weights: Any, x: Array, state: Any, mask: Array | None) -> tuple[Array, Any]:
    cell = nnx.merge(graph, weights)
    # What scan walks along comes first; a mask of None is no input to it.
    steps = (x.swapaxes(0, 1), None if mask is None else mask.T)
    state, outputs = jax.lax.scan(lambda state, inputs: _step(cell, state, *inputs), state, steps)
    return outputs.swapaxes(0, 1), state


def _step(cell: Any, state: Any, x_t: Array, use: Array | None) -> tuple[Any, Array]:
    """Take one step and hold back what the mask skips; (state, output), as scan wants it."""
    output, new_state = cell(x_t, state)
    if use is not None:
        use = use[:, None]  # (B, 1)
        output = jnp.where(use, output, 0.0)
        pairs = zip(new_state, state, strict=True)
        new_state = type(state)(*(jnp.where(use, new, old) for new, old in pairs))
    return new_state, output


def _prepare(cell: Any, x: Array, state: Any, mask: Array | None) -> tuple[Array, Any]:
    size = expect(x, "B T D", D=cell.input_size)
    if mask is not None:
        expect(mask, "B T", name="mask", B=size["B"], T=size["T"])
        if mask.dtype != bool:
            raise TypeError(
                f"`mask` must be boolean, True at the steps to use; received {mask.dtype}. "
                f"Convert it with mask.astype(bool)."
            )
    return jnp.asarray(x), cell.initial_state(size["B"]) if state is None else state


class RNN(nnx.Module):
    """A layer that runs a cell over a sequence.

    Args:
        cell: any cell of this floor.
        return_sequences: return the output of every step (many to many) instead of the last one
            (many to one).
        return_state: return the state after the last step as well.
        compiled: compile the loop over time (`scan`); False runs it in Python (`unroll`).

    Call:
        x: (B, T, D); state: the state before the first step, zero if None; mask: (B, T), False
        at the steps to skip. Returns outputs (B, T, H), zero at skipped steps, or the last
        unskipped one (B, H), followed by the state if `return_state`.

    Example:
        >>> layer = RNN(SimpleRNNCell(1, 20), return_sequences=True)
        >>> layer(jnp.zeros((32, 50, 1))).shape
        (32, 50, 20)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        *,
        compiled: bool = True,
    ) -> None:
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.compiled = compiled

    def __call__(self, x: Array, state: Any = None, mask: Array | None = None) -> Any:
        """Run the cell over `x`; see the class."""
        loop = scan if self.compiled else unroll
        outputs, state = loop(self.cell, x, state, mask)
        if not self.return_sequences:
            outputs = state[0]  # of every cell here, the first part of the state is the output
        return (outputs, state) if self.return_state else outputs


class Stacked(nnx.Module):
    """Layers on top of each other: each reads the outputs of the one below.

    Args:
        layers: from the bottom up. Every recurrent layer but the last recurrent one needs
            `return_sequences=True`, because the next reads a sequence.

    Call:
        x: what the first layer takes. Returns what the last layer returns.

    Example:
        >>> from runtun.nnx.dense import Dense
        >>> model = Stacked(RNN(SimpleRNNCell(1, 20)), Dense(20, 1))
        >>> model(jnp.zeros((32, 50, 1))).shape
        (32, 1)
    """

    def __init__(self, *layers: Any) -> None:
        if not layers:
            raise ValueError("`Stacked` needs at least one layer; received none.")
        self.layers = nnx.List(layers)

    def __call__(self, x: Array) -> Array:
        """Run all layers from the bottom up."""
        for layer in self.layers:
            x = layer(x)
        return x


def parameter(value: np.ndarray, dtype: str) -> nnx.Param:
    """Return a trainable array with the given start.

    Raises:
        ValueError: if JAX would compute in another type than asked for.
    """
    if dtype not in ("float32", "float64"):
        raise ValueError(f'`dtype` must be "float32" or "float64"; received {dtype!r}.')
    if dtype == "float64" and not jax.config.jax_enable_x64:
        raise ValueError(
            '`dtype` "float64" would silently become single precision: JAX knows it only after '
            'jax.config.update("jax_enable_x64", True).'
        )
    return nnx.Param(jnp.asarray(value, dtype))
