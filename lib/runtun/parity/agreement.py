"""How closely the floors agree, measured: outputs, states, gradients and steps of training.

Each model is built by hand and on the other floors with the same weights and reads the same
sequences. What is returned are the largest absolute differences from the floor by hand. With Keras
this needs its TensorFlow backend, the only one that computes in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import keras
import numpy as np
import optax
import tensorflow as tf
import torch
from flax import nnx

import runtun.keras
import runtun.nnx
import runtun.scratch
import runtun.torch
from runtun import parity
from runtun.scratch import SGD

B, T, D, H = 4, 8, 4, 6
LEARNING_RATE = 2**-4  # Keras keeps it in single precision: a power of two loses nothing
STEPS = 10


class Agreement(NamedTuple):
    """The largest absolute differences between a model by hand and its twin.

    Args:
        model: the class of the twin, with the arguments that matter.
        floor: "keras", "torch" or "nnx".
        outputs: of all steps.
        states: after the last step; None where nothing is carried.
        gradients: of the loss with respect to all weights.
        weights: after `STEPS` steps of gradient descent.
    """

    model: str
    floor: str
    outputs: float
    states: float | None
    gradients: float
    weights: float


class _Run(NamedTuple):
    """What one floor computed; arrays of NumPy, weights by their canonical names."""

    outputs: np.ndarray
    states: list[np.ndarray]
    gradients: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]


class _Model(NamedTuple):
    """A layer to compare: how it is made, which converter moves its weights, where it exists."""

    make: Callable[[Any, dict[str, Any]], Any]
    kind: str
    floors: Sequence[str] = ("keras", "torch")


def _recurrent(cell: str, **arguments: Any) -> Callable[[Any, dict[str, Any]], Any]:
    def make(floor: Any, options: dict[str, Any]) -> Any:
        made = getattr(floor, cell)(D, H, **arguments, **options)
        return floor.RNN(made, return_sequences=True, return_state=True)

    return make


_ALL = ("keras", "torch", "nnx")
_MODELS = {
    "SimpleRNNCell": _Model(_recurrent("SimpleRNNCell"), "rnn", _ALL),
    "LSTMCell": _Model(_recurrent("LSTMCell"), "lstm", _ALL),
    "PeepholeLSTMCell": _Model(_recurrent("PeepholeLSTMCell"), "lstm"),
    "GRUCell": _Model(_recurrent("GRUCell"), "gru", _ALL),
    "GRUCell(reset_after=False)": _Model(_recurrent("GRUCell", reset_after=False), "gru", _ALL),
    "LayerNormRNNCell": _Model(_recurrent("LayerNormRNNCell"), "rnn"),
    "CausalConv1D": _Model(
        lambda floor, options: floor.CausalConv1D(D, H, 3, dilation=2, **options), "conv"
    ),
    "CausalSelfAttention": _Model(
        lambda floor, options: floor.CausalSelfAttention(D, 2, **options), "dense"
    ),
}
_LAYERS = {"SimpleRNNCell": "SimpleRNN", "LSTMCell": "LSTM", "GRUCell": "GRU"}
"""The frameworks' own layers, which are compared with our cells by hand."""


def measure_agreement(
    models: Sequence[str] | None = None, *, dtype: str = "float64"
) -> list[Agreement]:
    """Compare the floors; takes some ten seconds of processor time for all models.

    Args:
        models: names of our classes; all of them if None.
        dtype: in which all floors compute, "float64" or "float32".

    Returns:
        For each model one row for each floor that has it, and one for each layer of the
        frameworks that computes the same.

    Raises:
        ValueError: if a model is unknown, or Keras runs on another backend than TensorFlow.

    Example:
        >>> [row] = [row for row in measure_agreement(["LSTMCell"]) if row.floor == "nnx"]
        >>> row.outputs < 1e-12
        True
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"Keras computes in double precision on TensorFlow only; it runs on "
            f"{keras.backend.backend()!r}. Set KERAS_BACKEND=tensorflow before importing it."
        )
    unknown = sorted(set(models or ()) - set(_MODELS))
    if unknown:
        raise ValueError(f"there is no model {unknown[0]!r} to compare; it is one of {[*_MODELS]}.")
    rows = []
    for name in models or _MODELS:
        model = _MODELS[name]
        rng = np.random.default_rng(2)
        x = rng.normal(size=(B, T, D)).astype(dtype)
        ours = _made(name, "scratch", dtype)
        # Biases and gains start at constants that would hide a mistake in their use.
        start = {n: w + rng.normal(scale=0.2, size=w.shape) for n, w in ours.params.items()}
        y = rng.normal(size=_split(ours(x))[0].shape).astype(dtype)
        expected = _by_hand(ours, start, x, y)
        for floor in model.floors:
            found = _RUN[floor](lambda f=floor, n=name: _made(n, f, dtype), model.kind, start, x, y)
            rows.append(_compare(name, floor, expected, found))
        if name in _LAYERS:
            layer = _LAYERS[name]
            rows.append(
                _compare(
                    f"keras.layers.{layer}", "keras", expected,
                    _in_keras(lambda n=layer: _keras_layer(n, dtype), model.kind, start, x, y),
                )
            )  # fmt: skip
            layer = layer.removeprefix("Simple")
            rows.append(
                _compare(
                    f"torch.nn.{layer}", "torch", expected,
                    _in_torch(lambda n=layer: _torch_layer(n, dtype), model.kind, start, x, y),
                )
            )  # fmt: skip
    return rows


def _made(name: str, floor: str, dtype: str = "float64") -> Any:
    options = {"dtype": dtype, "rng": np.random.default_rng(1)}
    return _MODELS[name].make(getattr(runtun, floor), options)


def _keras_layer(name: str, dtype: str) -> Any:
    options = {"return_sequences": True, "return_state": True, "dtype": dtype}
    return getattr(keras.layers, name)(H, **options)


def _torch_layer(name: str, dtype: str) -> Any:
    return getattr(torch.nn, name)(D, H, batch_first=True, dtype=getattr(torch, dtype))


def _split(result: Any) -> tuple[Any, list[Any]]:
    """The outputs of a layer and the parts of its state, however the floor returns them."""
    if not isinstance(result, tuple | list):
        return result, []
    outputs, *states = result
    if len(states) == 1 and isinstance(states[0], tuple):
        states = list(states[0])
    return outputs, states


def _compare(name: str, floor: str, ours: _Run, theirs: _Run) -> Agreement:
    def largest(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.abs(a - b.reshape(a.shape)).max())

    def over(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> float:
        return max(largest(a[key], b[key]) for key in a)

    states = [largest(a, b) for a, b in zip(ours.states, theirs.states, strict=True)]
    return Agreement(
        name, floor, largest(ours.outputs, theirs.outputs), max(states) if states else None,
        over(ours.gradients, theirs.gradients), over(ours.weights, theirs.weights),
    )  # fmt: skip


def _by_hand(model: Any, start: Mapping[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> _Run:
    for name, weight in model.params.items():
        weight[...] = start[name]
    optimizer, seen = SGD(LEARNING_RATE), None
    for _ in range(STEPS):
        outputs, states = _split(model(x))
        grads = model.backward(2 * (outputs - y) / y.size)[1]
        seen = seen or (outputs.copy(), [part.copy() for part in states], grads)
        optimizer.step(model.params, grads)
    return _Run(*seen, model.params)


def _in_keras(make: Any, kind: str, start: Any, x: np.ndarray, y: np.ndarray) -> _Run:
    layer = make()
    part = getattr(layer, "cell", layer) if type(layer).__module__.startswith("runtun") else layer
    layer(x)
    getattr(parity, f"{kind}_to_keras")(start, part)
    read = getattr(parity, f"{kind}_from_keras")
    optimizer, seen = keras.optimizers.SGD(LEARNING_RATE), None
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            outputs, states = _split(layer(x))
            loss = tf.reduce_mean((outputs - y) ** 2)
        variables = layer.trainable_variables
        grads = tape.gradient(loss, [variable.value for variable in variables])
        if seen is None:
            own = layer.get_weights()
            layer.set_weights([np.asarray(grad) for grad in grads])
            seen = np.asarray(outputs), [np.asarray(s) for s in states], read(part)
            layer.set_weights(own)
        optimizer.apply(grads, variables)
    return _Run(*seen, read(part))


def _in_torch(make: Any, kind: str, start: Any, x: np.ndarray, y: np.ndarray) -> _Run:
    module = make()
    part = getattr(module, "cell", module)
    getattr(parity, f"{kind}_to_torch")(start, part)
    read = getattr(parity, f"{kind}_from_torch")
    trainable = [weight for weight in module.parameters() if weight.requires_grad]
    optimizer, seen = torch.optim.SGD(trainable, LEARNING_RATE), None
    inputs, targets = torch.tensor(x), torch.tensor(y)
    for _ in range(STEPS):
        optimizer.zero_grad()
        outputs, states = _split(module(inputs))
        ((outputs - targets) ** 2).mean().backward()
        if seen is None:
            own = {key: value.clone() for key, value in module.state_dict().items()}
            with torch.no_grad():
                for weight in module.parameters():
                    weight.copy_(torch.zeros_like(weight) if weight.grad is None else weight.grad)
            states = [s.detach().numpy() for s in states]
            seen = outputs.detach().numpy(), states, read(part)
            module.load_state_dict(own)
        optimizer.step()
    return _Run(*seen, read(part))


def _in_nnx(make: Any, kind: str, start: Any, x: np.ndarray, y: np.ndarray) -> _Run:
    read = getattr(parity, f"{kind}_from_nnx")
    with jax.enable_x64(x.dtype == "float64"):
        model = make()
        getattr(parity, f"{kind}_to_nnx")(start, model.cell)
        graph, weights = nnx.split(model)
        optimizer = optax.sgd(LEARNING_RATE)
        memory = optimizer.init(weights)

        def loss(weights: Any) -> tuple[Any, Any]:
            outputs, states = _split(nnx.merge(graph, weights)(jax.numpy.asarray(x)))
            return ((outputs - y) ** 2).mean(), (outputs, states)

        @jax.jit
        def step(weights: Any, memory: Any) -> tuple[Any, Any, Any, Any]:
            (_, found), grads = jax.value_and_grad(loss, has_aux=True)(weights)
            change, memory = optimizer.update(grads, memory, weights)
            return found, grads, optax.apply_updates(weights, change), memory

        seen = None
        for _ in range(STEPS):
            (outputs, states), grads, weights, memory = step(weights, memory)
            if seen is None:
                gradients = read(nnx.merge(graph, grads).cell)
                seen = np.asarray(outputs), [np.asarray(s) for s in states], gradients
        return _Run(*seen, read(nnx.merge(graph, weights).cell))


_RUN = {"keras": _in_keras, "torch": _in_torch, "nnx": _in_nnx}
