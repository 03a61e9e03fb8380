"""Small models that are the same on every floor, and their weights."""

from __future__ import annotations

from typing import Any

import numpy as np

import runtun.keras
import runtun.nnx
import runtun.scratch
import runtun.torch
from runtun.training import fit, fit_stream, framework_of

FLOORS = {
    "scratch": runtun.scratch,
    "keras": runtun.keras,
    "torch": runtun.torch,
    "nnx": runtun.nnx,
}


def build(floor: str, seed: int = 0) -> Any:
    """A simple RNN of 6 units with a dense head, (B, T, 1) -> (B, 1)."""
    module, rng = FLOORS[floor], np.random.default_rng(seed)
    options = {"rng": rng, "dtype": "float32"}
    return module.Stacked(
        module.RNN(module.SimpleRNNCell(1, 6, **options)), module.Dense(6, 1, **options)
    )


def build_layer(floor: str, seed: int = 0, **arguments: bool) -> Any:
    """An LSTM layer, (B, T, 1) -> (B, T, 3)."""
    module = FLOORS[floor]
    cell = module.LSTMCell(1, 3, rng=np.random.default_rng(seed), dtype="float32")
    return module.RNN(cell, return_sequences=True, **arguments)


def weights_of(model: Any) -> list[np.ndarray]:
    """Copies of all weights."""
    if framework_of(model) == "keras":
        return model.get_weights()
    if framework_of(model) == "torch":
        return [p.detach().numpy().copy() for p in model.parameters()]
    if framework_of(model) == "nnx":
        import jax
        from flax import nnx

        return [np.array(leaf) for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))]
    return [weight.copy() for weight in model.params.values()]


def quiet(model: Any, x: Any, y: Any, **arguments: Any) -> Any:
    """`fit` without a bar."""
    return fit(model, x, y, progress=False, **arguments)


def quiet_stream(model: Any, x: Any, y: Any, **arguments: Any) -> Any:
    """`fit_stream` without a bar."""
    return fit_stream(model, x, y, progress=False, **arguments)
