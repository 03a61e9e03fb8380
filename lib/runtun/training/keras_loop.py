"""Training a Keras model with its own compiled `fit`, one epoch a call.

One call an epoch costs little, since the compiled step is kept, and lets the order of the examples
come from outside, so that it is the same in every framework.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.training.examples import Examples
from runtun.training.run import ADAM_EPSILON, MOMENTUM, Settings

LOSSES: dict[str, Callable[..., keras.losses.Loss]] = {
    "mse": keras.losses.MeanSquaredError,
    "mae": keras.losses.MeanAbsoluteError,
    "cross_entropy": partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True),
    "binary_cross_entropy": partial(keras.losses.BinaryCrossentropy, from_logits=True),
}

ENTRY_LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": lambda y, outputs: ops.square(outputs - y),
    "mae": lambda y, outputs: ops.abs(outputs - y),
    "cross_entropy": lambda y, outputs: keras.losses.sparse_categorical_crossentropy(
        y, outputs, from_logits=True
    ),
    "binary_cross_entropy": lambda y, outputs: ops.binary_crossentropy(
        y, outputs, from_logits=True
    ),
}


class EntryLoss(keras.losses.Loss):
    """The mean over the targets that count; the losses of Keras average the last axis before.

    Args:
        loss: a name in `ENTRY_LOSSES`.
        dtype: the float type to compute in.
    """

    def __init__(self, loss: str, dtype: str) -> None:
        super().__init__(reduction="mean_with_sample_weight", dtype=dtype)
        self.loss = loss

    def call(self, y: Any, outputs: Any) -> Any:
        """Return the loss of each target."""
        return ENTRY_LOSSES[self.loss](y, outputs)


class Table(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate for each step, read inside the compiled step."""

    def __init__(self, rates: np.ndarray) -> None:
        super().__init__()
        self.rates = rates

    def __call__(self, step: Any) -> Any:
        return ops.take(ops.convert_to_tensor(self.rates, "float32"), ops.cast(step, "int32"))

    def get_config(self) -> dict[str, Any]:
        return {"rates": self.rates.tolist()}


class Quiet(keras.callbacks.CallbackList):
    """The callbacks of one call of `fit` or `predict`: the history, and the progress bar's tick.

    Keras would hand the figures of every batch to each callback through threads that it starts anew
    in each call. One call an epoch, that cost a third of a small model's time.

    Args:
        model: what is trained.
        on_batch: called after each batch of training, or None.
    """

    def __init__(self, model: keras.Model, on_batch: Callable[[], Any] | None = None) -> None:
        super().__init__(add_history=True, model=model, verbose=0, epochs=1, steps=None)
        self.on_batch = on_batch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        pass

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.on_batch:
            self.on_batch()

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        pass

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


class Called(keras.Model):
    """Calls a model with several inputs or a mask, which the `fit` of Keras hands over as one.

    Args:
        model: a model or a layer.
        masked: whether the last of the inputs is the mask.
    """

    def __init__(self, model: keras.layers.Layer, masked: bool) -> None:
        super().__init__(dtype=model.dtype_policy)
        self.model, self.masked = model, masked

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Call the model.

        Keras says that it trains to a model with this argument only, then to all layers within.
        """
        if not isinstance(inputs, list | tuple):
            inputs = [inputs]
        if not self.masked:
            return self.model(*inputs)
        outputs = self.model(*inputs[:-1], mask=inputs[-1])
        # A copy has left behind the mask that Keras hangs on outputs and multiplies into the loss;
        # which targets count is for `target_mask` to say, as in the other frameworks.
        return keras.tree.map_structure(ops.copy, outputs)


class Streamed(keras.Model):
    """Calls a model with the state in which its last call ended, as constants of the graph.

    Args:
        model: a model or a layer that is called `outputs, state = model(x, state)`.
        x: (B, T, ...), one chunk, which shows what the state looks like.
    """

    def __init__(self, model: keras.layers.Layer, x: Any) -> None:
        super().__init__(dtype=model.dtype_policy)
        self.model = model
        _, self.like = model(x, None)
        self.parts = [
            self.add_weight(
                shape=part.shape, dtype=part.dtype, initializer="zeros", trainable=False
            )
            for part in keras.tree.flatten(self.like)
        ]
        self.like = keras.tree.map_structure(lambda _: 0, self.like)

    def call(self, x: Any, training: bool = False) -> Any:
        """Run one chunk and keep the state, through which no gradient goes; see `Called.call`."""
        state = keras.tree.pack_sequence_as(
            self.like, [ops.convert_to_tensor(p) for p in self.parts]
        )
        outputs, state = self.model(x, state)
        for variable, part in zip(self.parts, keras.tree.flatten(state), strict=True):
            variable.assign(ops.stop_gradient(part))
        return outputs

    def reset(self) -> None:
        """Go back to the state before the first step."""
        for variable in self.parts:
            variable.assign(ops.zeros_like(variable))


class KerasTrainer:
    """Compiles the model once, then runs `fit` an epoch at a time."""

    def __init__(self, model: keras.layers.Layer, examples: Examples, settings: Settings) -> None:
        self.model, self.settings = model, settings
        self.target = self.wrap(examples)
        self.inputs = [to_floats(model, x) for x in examples.x]
        if examples.mask is not None:
            self.inputs.append(examples.mask)
        self.y, self.weights = examples.y, None
        if examples.target_mask is not None:
            missing = self.y.ndim - examples.target_mask.ndim
            counts = examples.target_mask[(..., *[None] * missing)]
            self.weights = np.broadcast_to(counts, self.y.shape).astype(model.compute_dtype)
        rates = settings.rates
        constant = (rates == rates[0]).all()
        common = {
            "learning_rate": float(rates[0]) if constant else Table(rates),
            "global_clipnorm": settings.clip_norm,
            "clipvalue": settings.clip_value,
        }
        if settings.optimizer == "adam":
            optimizer = keras.optimizers.Adam(epsilon=ADAM_EPSILON, **common)
        else:
            momentum = MOMENTUM if settings.optimizer == "momentum" else 0.0
            optimizer = keras.optimizers.SGD(momentum=momentum, **common)
        for i, generator in enumerate(self._generators()):
            generator.state.assign([settings.seed, i])
        # Keras would compute the loss of a float64 model in single precision.
        if self.weights is None:
            loss = LOSSES[settings.loss](dtype=model.compute_dtype)
        else:
            loss = EntryLoss(settings.loss, model.compute_dtype)
        self.target.compile(optimizer=optimizer, loss=loss)

    def wrap(self, examples: Examples) -> keras.Model:
        """Return what `fit` of Keras trains."""
        return called(self.model, len(examples.x), examples.mask is not None)

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any] | None) -> float:
        inputs = [array[order] for array in self.inputs]
        weights = None if self.weights is None else self.weights[order]
        return self._fit(inputs, self.y[order], weights, on_batch)

    def _fit(self, inputs: list[Any], y: Any, weights: Any, on_batch: Any) -> float:
        with floats_of(self.model):
            history = self.target.fit(
                inputs[0] if len(inputs) == 1 else inputs,
                y,
                sample_weight=weights,
                batch_size=self.settings.batch_size,
                shuffle=False,
                callbacks=Quiet(self.target, on_batch),
                verbose=0,
            )
        return float(history.history["loss"][-1])

    def get_weights(self) -> dict[str, np.ndarray]:
        return {str(i): array for i, array in enumerate(self.model.get_weights())}

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        self.model.set_weights([weights[str(i)] for i in range(len(weights))])

    def get_state(self) -> dict[str, np.ndarray]:
        optimizer, generators = self.target.optimizer.variables, self._generators()
        return {
            **{f"optimizer/{i}": copy_of(v) for i, v in enumerate(optimizer)},
            **{f"random/{i}": copy_of(g.state) for i, g in enumerate(generators)},
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        optimizer = self.target.optimizer
        optimizer.build(self.target.trainable_variables)
        for i, variable in enumerate(optimizer.variables):
            variable.assign(state[f"optimizer/{i}"])
        for i, generator in enumerate(self._generators()):
            generator.state.assign(state[f"random/{i}"])

    def _generators(self) -> list[Any]:
        """Return what draws dropout: a generator of its own in each layer."""
        found = [getattr(layer, "seed_generator", None) for layer in self.model._flatten_layers()]
        return [generator for generator in found if generator is not None]

    def close(self) -> None:
        pass


class KerasStreamTrainer(KerasTrainer):
    """The same, with a state that is carried from chunk to chunk and a gradient that is not."""

    def __init__(self, model: keras.layers.Layer, examples: Examples, settings: Settings) -> None:
        super().__init__(model, examples, settings)
        # One row after the other, so that `fit` takes one chunk a step.
        self.inputs = [flatten_chunks(array) for array in self.inputs]
        self.y = flatten_chunks(self.y)

    def wrap(self, examples: Examples) -> keras.Model:
        """Return what `fit` of Keras trains."""
        return streamed(self.model, examples.x[0])

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any] | None) -> float:
        self.target.reset()
        return self._fit(self.inputs, self.y, None, on_batch)


make_trainer = KerasTrainer
make_stream_trainer = KerasStreamTrainer


def called(model: keras.layers.Layer, num_inputs: int, masked: bool) -> keras.Model:
    """Return a model of one input that calls `model` with all; itself where that is enough."""
    if num_inputs == 1 and not masked and isinstance(model, keras.Model):
        return model
    return _kept(model, f"{num_inputs} {masked}", lambda: Called(model, masked))


def streamed(model: keras.layers.Layer, x: np.ndarray) -> Streamed:
    """Return a model that carries the state of `model` over chunks like those of `x`."""
    chunk = to_floats(model, x[0])
    return _kept(model, f"stream {len(chunk)}", lambda: Streamed(model, chunk))


def _kept(model: keras.layers.Layer, key: str, make: Callable[[], keras.Model]) -> Any:
    """Return the wrapper of a model, made at the first call: what Keras compiled lives on it."""
    kept = model.__dict__.get("_runtun_wrappers")
    if kept is None:
        kept = {}
        # Past Keras, which would take the wrapper for a layer of the model.
        object.__setattr__(model, "_runtun_wrappers", kept)
    if key not in kept:
        kept[key] = make()
    return kept[key]


def predict(
    model: keras.layers.Layer,
    xs: tuple[np.ndarray, ...],
    mask: np.ndarray | None,
    batch_size: int,
) -> np.ndarray:
    """Return the outputs, a batch at a time, without dropout."""
    inputs = [to_floats(model, x) for x in xs]
    if len(inputs[0]) == 1:  # not worth compiling
        masked = {} if mask is None else {"mask": mask}
        return to_array(model(*inputs, **masked), model)
    inputs += [] if mask is None else [mask]
    with floats_of(model):
        target = called(model, len(xs), mask is not None)
        outputs = target.predict(
            inputs[0] if len(inputs) == 1 else inputs,
            batch_size=batch_size,
            callbacks=Quiet(target),
            verbose=0,
        )
    return to_array(outputs, model)


def predict_stream(model: keras.layers.Layer, x: np.ndarray) -> np.ndarray:
    """Return the outputs of all chunks, without dropout, the state carried along."""
    if len(x) == 1:  # not worth compiling
        return to_array(model(to_floats(model, x[0]), None)[0], model)[None]
    target = streamed(model, x)
    target.reset()
    with floats_of(model):
        outputs = target.predict(
            flatten_chunks(to_floats(model, x)),
            batch_size=x.shape[1],
            callbacks=Quiet(target),
            verbose=0,
        )
    return outputs.reshape(*x.shape[:2], *outputs.shape[1:])


def to_array(outputs: Any, model: keras.layers.Layer) -> np.ndarray:
    """Return outputs as a NumPy array.

    Raises:
        TypeError: if there are several.
    """
    if isinstance(outputs, tuple | list | dict):
        raise TypeError(
            f"`model` must return one tensor; {type(model).__name__} returns "
            f"{type(outputs).__name__}. For (outputs, state) there is `fit_stream`."
        )
    return ops.convert_to_numpy(outputs)


@contextmanager
def floats_of(model: keras.layers.Layer) -> Iterator[None]:
    """Let Keras feed a float64 model in float64; it casts arrays to its global float type."""
    before = keras.config.floatx()
    if model.compute_dtype == "float64":
        keras.config.set_floatx("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def to_floats(model: keras.layers.Layer, x: np.ndarray) -> np.ndarray:
    """Return `x` in the float type of the model unless it holds whole numbers."""
    return x.astype(model.compute_dtype, copy=False) if x.dtype.kind == "f" else x


def flatten_chunks(array: np.ndarray) -> np.ndarray:
    """Return (number of chunks, B, ...) as (number of chunks * B, ...)."""
    return array.reshape(-1, *array.shape[2:])


def copy_of(variable: Any) -> np.ndarray:
    """Return the value of a variable as a copy."""
    return np.array(ops.convert_to_numpy(ops.convert_to_tensor(variable)))
