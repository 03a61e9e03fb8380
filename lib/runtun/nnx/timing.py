"""What it costs to leave the loop over time uncompiled."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from runtun.checks import generator, positive_int
from runtun.nnx.gru import GRUCell
from runtun.nnx.lstm import LSTMCell
from runtun.nnx.rnn import RNN, SimpleRNNCell

CELLS = {"rnn": SimpleRNNCell, "lstm": LSTMCell, "gru": GRUCell}


class LoopTimes(NamedTuple):
    """Seconds of one gradient, by how the loop over time is run.

    Attributes:
        compiled: with the gradient compiled, its loop with `jax.lax.scan`; median.
        plain: with every operation sent to JAX one by one; median.
        compilation: what compiling took, once.
    """

    compiled: float
    plain: float
    compilation: float

    @property
    def ratio(self) -> float:
        """How many times slower the plain loop is."""
        return self.plain / self.compiled


def compare_loops(
    cell: str = "lstm",
    *,
    input_size: int = 8,
    hidden_size: int = 64,
    batch_size: int = 32,
    length: int = 8,
    repeats: int = 5,
    rng: np.random.Generator | None = None,
) -> LoopTimes:
    """Time the gradient of a squared output with and without a compiled loop over time.

    Args:
        cell: "rnn", "lstm" or "gru".
        input_size: D.
        hidden_size: H.
        batch_size: B.
        length: T. The plain loop takes time in proportion to it, and so would compiling it.
        repeats: how often to time each; the median counts.
        rng: draws the weights and the input.

    Raises:
        ValueError: if `cell` is unknown or a number is not positive.

    Example:
        >>> compare_loops(length=4, repeats=1).ratio > 1
        True
    """
    if cell not in CELLS:
        raise ValueError(f"`cell` must be one of {sorted(CELLS)}; received {cell!r}.")
    repeats = positive_int(repeats, "repeats")
    rng = np.random.default_rng() if rng is None else generator(rng)
    model = CELLS[cell](input_size, hidden_size, rng=rng)
    x = jnp.asarray(rng.normal(size=(batch_size, length, input_size)), "float32")

    def gradient_of(compiled: bool) -> Callable[[Any], Any]:
        graph, _ = nnx.split(RNN(model, compiled=compiled))
        return jax.grad(lambda weights: (nnx.merge(graph, weights)(x) ** 2).mean())

    _, weights = nnx.split(RNN(model))
    compiled = jax.jit(gradient_of(True))
    plain = gradient_of(False)
    first = _seconds(compiled, weights)
    _seconds(plain, weights)  # the first call compiles each single operation
    times = [(_seconds(compiled, weights), _seconds(plain, weights)) for _ in range(repeats)]
    fast, slow = (statistics.median(values) for values in zip(*times, strict=True))
    return LoopTimes(fast, slow, first - fast)


def _seconds(function: Callable[[Any], Any], weights: Any) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function(weights))
    return time.perf_counter() - start
