"""A forecaster from the recurrent cells of Flax: the model to train."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from runtun.initializers import forecaster_weights
from runtun.nnx.rnn import parameter
from runtun.parity.nnx import forecaster_to_nnx
from runtun.shapes import expect

# The optimised LSTM takes one product for the four gates where nnx.LSTMCell takes four.
CELLS = {"rnn": nnx.SimpleCell, "lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}


class Forecaster(nnx.Module):
    """Recurrent layers and a head that forecasts the next steps of a series.

    The loop over time is compiled (`jax.lax.scan`). With class scores in place of forecasts the
    same model classifies sequences.

    Args:
        input_size: D, the number of features a step has; positive.
        hidden_size: H, the size of each recurrent layer; positive.
        num_layers: how many recurrent layers are stacked under the head; 0 only with the head
            "rnn".
        cell: "rnn", "lstm" or "gru" (whose candidate has no recurrent bias, so it has H numbers
            fewer than its twins on the other floors).
        horizon: how many steps to forecast; positive.
        every_step: forecast after every step of the input instead of after the last one only.
        head: "dense", or "rnn" for a last recurrent layer with one unit for each forecast, whose
            outputs are the forecasts.
        dropout: part of the outputs dropped between recurrent layers while training, in [0, 1).
        rng: draws the initial weights, as Keras draws them; a fresh one if None. The same seed
            gives the same weights in Keras, PyTorch and here.
        dtype: "float32", or "float64" where JAX has been told to know it.

    Call:
        x: (B, T, D). Returns (B, horizon), or (B, T, horizon) with `every_step`.

    Raises:
        ValueError: if the arguments do not fit together, or the last axis of `x` is not D.

    Example:
        >>> model = Forecaster(8, 64, cell="lstm", horizon=4, rng=np.random.default_rng(0))
        >>> model(jnp.zeros((32, 10, 8))).shape
        (32, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        cell: str = "rnn",
        horizon: int = 1,
        every_step: bool = False,
        head: str = "dense",
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        weights = forecaster_weights(
            rng, cell, input_size, hidden_size, num_layers, horizon, head, dropout
        )
        self.input_size = input_size
        self.num_layers = num_layers
        self.cell = cell
        self.every_step = every_step
        self.head_kind = head
        # The weights come from `rng`; what Flax draws with these streams is overwritten.
        factory = {"rngs": nnx.Rngs(0), "param_dtype": parameter(np.zeros(1), dtype).dtype}
        sizes = [input_size] + [hidden_size] * num_layers
        self.recurrent = nnx.List(CELLS[cell](size, hidden_size, **factory) for size in sizes[:-1])
        self.dropout = nnx.Dropout(dropout, rngs=nnx.Rngs(dropout=0))
        if head == "dense":
            self.head = nnx.Linear(sizes[-1], horizon, **factory)
        else:
            self.head = CELLS[cell](sizes[-1], horizon, **factory)
        forecaster_to_nnx(weights, self)

    def __call__(self, x: Array) -> Array:
        """Forecast; see the class."""
        expect(x, "B T D", D=self.input_size)
        x = jnp.asarray(x).swapaxes(0, 1)  # (T, B, D): scan walks along the first axis
        for i, cell in enumerate(self.recurrent):
            x = run_cell(cell, self.dropout(x) if i else x)
        if self.head_kind == "rnn":
            x = run_cell(self.head, x)
        x = x.swapaxes(0, 1) if self.every_step else x[-1]
        return self.head(x) if self.head_kind == "dense" else x


def run_cell(cell: Any, x: Array) -> Array:
    """Run a cell of Flax over (T, B, D) from a state of zeros; return its outputs (T, B, H)."""
    zero = jnp.zeros((x.shape[1], cell.hidden_features), x.dtype)
    is_lstm = isinstance(cell, nnx.LSTMCell | nnx.OptimizedLSTMCell)
    _, outputs = jax.lax.scan(cell, (zero, zero) if is_lstm else zero, x)
    return outputs
