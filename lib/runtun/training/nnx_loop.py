"""Training a Flax NNX module: a step compiled once, weights and states handed through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

from runtun.training.examples import Examples
from runtun.training.run import ADAM_EPSILON, MOMENTUM, Settings

ENTRY_LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "mse": lambda y, outputs: jnp.square(outputs - y),
    "mae": lambda y, outputs: jnp.abs(outputs - y),
    "cross_entropy": lambda y, outputs: optax.softmax_cross_entropy_with_integer_labels(outputs, y),
    "binary_cross_entropy": lambda y, outputs: optax.sigmoid_binary_cross_entropy(outputs, y),
}


class Way(NamedTuple):
    """How a step is taken: what a compiled step is compiled for, beside the model and shapes."""

    loss: str
    optimizer: str
    clip_norm: float | None
    clip_value: float | None
    carries_state: bool


class Given(NamedTuple):
    """All examples, of which a step takes some."""

    xs: tuple[Array, ...]
    y: Array
    mask: Array | None
    target_mask: Array | None


class NnxTrainer:
    """The plain loop of JAX: a pure function from weights to weights, compiled once.

    The model is left in evaluation mode.
    """

    carries_state = False

    def __init__(self, model: nnx.Module, examples: Examples, settings: Settings) -> None:
        self.model, self.settings = model, settings
        model.train()
        keys = dict.fromkeys(_stream_names(model), settings.seed)
        if keys:
            nnx.reseed(model, **keys)
        self.graph, self.weights, self.rest = nnx.split(model, nnx.Param, ...)
        dtype = jax.tree.leaves(self.weights)[0].dtype
        self.given = Given(
            tuple(to_array(x, dtype) for x in examples.x),
            jnp.asarray(examples.y, "int32" if settings.loss == "cross_entropy" else dtype),
            None if examples.mask is None else jnp.asarray(examples.mask),
            None if examples.target_mask is None else jnp.asarray(examples.target_mask),
        )
        self.way = Way(
            settings.loss,
            settings.optimizer,
            settings.clip_norm,
            settings.clip_value,
            self.carries_state,
        )
        self.step = 0
        self.memory = _optimizer(self.way).init(self.weights)

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any] | None) -> float:
        size = self.settings.batch_size
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        losses = [self._learn(batch, None, on_batch)[0] for batch in batches]
        nnx.update(self.model, self.weights, self.rest)
        sizes = [len(batch) for batch in batches]
        return float(np.average(jax.device_get(losses), weights=sizes))

    def _learn(
        self, batch: Any, state: Any, on_batch: Callable[[], Any] | None
    ) -> tuple[Array, Any]:
        rate = np.float32(self.settings.rates[self.step])
        self.weights, self.memory, self.rest, loss, state = _take_step(
            self.graph, self.way, self.weights, self.memory, self.rest, self.given, batch, rate,
            state,
        )  # fmt: skip
        self.step += 1
        if on_batch:
            on_batch()
        return loss, state

    def get_weights(self) -> dict[str, np.ndarray]:
        nnx.update(self.model, self.weights, self.rest)
        return _arrays(self._others())

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        others = _with_arrays(self._others(), weights)
        self.weights, rest = others
        self.rest = nnx.merge_state(rest, nnx.filter_state(self.rest, nnx.RngState))
        nnx.update(self.model, self.weights, self.rest)

    def _others(self) -> tuple[Any, Any]:
        """Return all that belongs to the model itself: not its random numbers."""
        return self.weights, nnx.filter_state(self.rest, nnx.Not(nnx.RngState))

    def get_state(self) -> dict[str, np.ndarray]:
        random = nnx.filter_state(self.rest, nnx.RngState)
        return {"step": np.array(self.step), **_arrays((self.memory, random))}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.step = int(state["step"])
        random = nnx.filter_state(self.rest, nnx.RngState)
        self.memory, random = _with_arrays((self.memory, random), state)
        self.rest = nnx.merge_state(self.rest, random)
        nnx.update(self.model, self.rest)

    def close(self) -> None:
        self.model.eval()


class NnxStreamTrainer(NnxTrainer):
    """The same, with a state that is carried from chunk to chunk and a gradient that is not."""

    carries_state = True

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any] | None) -> float:
        losses, state = [], None
        for chunk in order:
            loss, state = self._learn(chunk, state, on_batch)
            losses.append(loss)
        nnx.update(self.model, self.weights, self.rest)
        return float(np.mean(jax.device_get(losses)))


# A function of the module, not of the trainer: another training of the same model, with another
# seed for example, finds it compiled.
@partial(jax.jit, static_argnums=(0, 1))
def _take_step(
    graph: Any,
    way: Way,
    weights: Any,
    memory: Any,
    rest: Any,
    given: Given,
    batch: Array,
    rate: Array,
    state: Any,
) -> tuple[Any, ...]:
    """Return (weights, memory of the optimiser, random numbers and the like, loss, state)."""

    def loss_of(weights: Any) -> tuple[Array, Any]:
        # A copy, because drawing random numbers changes the model.
        model = nnx.merge(graph, weights, rest, copy=True)
        xs = [x[batch] for x in given.xs]
        if way.carries_state:
            # The state comes in as an argument, so no gradient leads into the last chunk.
            outputs, new_state = model(*xs, state)
        else:
            masked = {} if given.mask is None else {"mask": given.mask[batch]}
            outputs, new_state = model(*xs, **masked), None
        loss = ENTRY_LOSSES[way.loss](given.y[batch], outputs)
        if given.target_mask is None:
            loss = loss.mean()
        else:
            counts = given.target_mask[batch]
            counts = counts.reshape(counts.shape + (1,) * (loss.ndim - counts.ndim))
            counts = jnp.broadcast_to(counts, loss.shape)
            # A batch in which nothing counts has the loss 0, not 0 / 0.
            loss = jnp.where(counts, loss, 0.0).sum() / jnp.maximum(counts.sum(), 1)
        return loss, (nnx.split(model, nnx.Param, ...)[2], new_state)

    (loss, (rest, state)), grads = jax.value_and_grad(loss_of, has_aux=True)(weights)
    updates, memory = _optimizer(way).update(grads, memory, weights)
    updates = jax.tree.map(lambda update: -rate.astype(update.dtype) * update, updates)
    return optax.apply_updates(weights, updates), memory, rest, loss, state


make_trainer = NnxTrainer
make_stream_trainer = NnxStreamTrainer


def predict(
    model: nnx.Module, xs: tuple[np.ndarray, ...], mask: np.ndarray | None, batch_size: int
) -> np.ndarray:
    """Return the outputs, a batch at a time, without dropout."""
    model.eval()
    graph, state = nnx.split(model)
    dtype = jax.tree.leaves(nnx.filter_state(state, nnx.Param))[0].dtype
    arrays = [to_array(x, dtype) for x in xs]
    outputs = []
    for start in range(0, len(xs[0]), batch_size):
        rows = slice(start, start + batch_size)
        masked = None if mask is None else jnp.asarray(mask[rows])
        found = _apply(graph, state, [array[rows] for array in arrays], masked)
        if not isinstance(found, Array):
            raise TypeError(
                f"`model` must return one array; {type(model).__name__} returns "
                f"{type(found).__name__}. For (outputs, state) there is `fit_stream`."
            )
        outputs.append(np.asarray(found))
    return np.concatenate(outputs)


def predict_stream(model: nnx.Module, x: np.ndarray) -> np.ndarray:
    """Return the outputs of all chunks, without dropout, the state carried along."""
    model.eval()
    graph, weights = nnx.split(model)
    dtype = jax.tree.leaves(nnx.filter_state(weights, nnx.Param))[0].dtype
    outputs, state = [], None
    for chunk in to_array(x, dtype):
        found, state = _apply(graph, weights, [chunk, state], None)
        outputs.append(np.asarray(found))
    return np.stack(outputs)


@partial(jax.jit, static_argnums=0)
def _apply(graph: Any, state: Any, inputs: list[Any], mask: Array | None) -> Any:
    masked = {} if mask is None else {"mask": mask}
    return nnx.merge(graph, state)(*inputs, **masked)


def _optimizer(way: Way) -> optax.GradientTransformation:
    """Return clipping and the optimiser, up to the learning rate."""
    parts = [optax.identity()]
    if way.clip_norm:
        parts.append(optax.clip_by_global_norm(way.clip_norm))
    if way.clip_value:
        parts.append(optax.clip(way.clip_value))
    if way.optimizer == "adam":
        parts.append(optax.scale_by_adam(eps=ADAM_EPSILON))
    elif way.optimizer == "momentum":
        parts.append(optax.trace(decay=MOMENTUM))
    return optax.chain(*parts)


def to_array(x: np.ndarray, dtype: Any) -> Array:
    """Return `x` in the float type of the model unless it holds whole numbers."""
    return jnp.asarray(x, dtype if x.dtype.kind == "f" else None)


def _stream_names(model: nnx.Module) -> set[str]:
    """Return the names of the streams of random numbers in a model."""
    return {node.tag for _, node in nnx.iter_graph(model) if isinstance(node, nnx.RngStream)}


def _arrays(tree: Any) -> dict[str, np.ndarray]:
    """Return the leaves of a tree as arrays, by number; keys of random numbers as their data."""
    return {str(i): np.array(_data(leaf)) for i, leaf in enumerate(jax.tree.leaves(tree))}


def _with_arrays(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return a tree with other leaves, as `_arrays` returned them."""
    leaves, structure = jax.tree.flatten(tree)
    new = [
        jax.random.wrap_key_data(jnp.asarray(arrays[str(i)]))
        if _is_key(leaf)
        else jnp.asarray(arrays[str(i)], leaf.dtype)
        for i, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, new)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _data(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf
