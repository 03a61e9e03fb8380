"""Training a Keras model with its own compiled `fit`, one epoch a call.

One call an epoch costs nothing measurable, since the compiled step is kept, and lets the order of
the examples come from outside, so that it is the same in every framework.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.training.loop import ADAM_EPSILON, MOMENTUM, Settings

LOSSES: dict[str, Callable[..., keras.losses.Loss]] = {
    "mse": keras.losses.MeanSquaredError,
    "mae": keras.losses.MeanAbsoluteError,
    "cross_entropy": partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True),
    "binary_cross_entropy": partial(keras.losses.BinaryCrossentropy, from_logits=True),
}


class Table(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate for each step, read inside the compiled step."""

    def __init__(self, rates: np.ndarray) -> None:
        super().__init__()
        self.rates = rates

    def __call__(self, step: Any) -> Any:
        return ops.take(ops.convert_to_tensor(self.rates, "float32"), ops.cast(step, "int32"))

    def get_config(self) -> dict[str, Any]:
        return {"rates": self.rates.tolist()}


class OnBatch(keras.callbacks.Callback):
    """Moves the progress bar after each batch."""

    def __init__(self, on_batch: Callable[[], Any]) -> None:
        super().__init__()
        self.on_batch = on_batch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.on_batch()


class KerasTrainer:
    """Compiles the model once, then runs `fit` an epoch at a time."""

    def __init__(
        self, model: keras.Model, x: np.ndarray, y: np.ndarray, settings: Settings
    ) -> None:
        self.model, self.y, self.settings = model, y, settings
        self.x = to_floats(model, x)
        self.epoch = 0
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
        for i, layer in enumerate(model._flatten_layers()):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:  # dropout keeps a generator of its own in each layer
                generator.state.assign([settings.seed, i])
        # Keras would compute the loss of a float64 model in single precision.
        loss = LOSSES[settings.loss](dtype=model.compute_dtype)
        model.compile(optimizer=optimizer, loss=loss)

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any]) -> float:
        with floats_of(self.model):
            history = self.model.fit(
                self.x[order],
                self.y[order],
                batch_size=self.settings.batch_size,
                shuffle=False,
                initial_epoch=self.epoch,
                epochs=self.epoch + 1,
                callbacks=[OnBatch(on_batch)],
                verbose=0,
            )
        self.epoch += 1
        return float(history.history["loss"][-1])

    def get_weights(self) -> list[np.ndarray]:
        return self.model.get_weights()

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.model.set_weights(weights)

    def close(self) -> None:
        pass


make_trainer = KerasTrainer


def predict(model: keras.Model, x: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the outputs, a batch at a time, without dropout."""
    x = to_floats(model, x)
    if len(x) == 1:  # not worth compiling
        return ops.convert_to_numpy(model(x, training=False))
    with floats_of(model):
        return model.predict(x, batch_size=batch_size, verbose=0)


@contextmanager
def floats_of(model: keras.Model) -> Iterator[None]:
    """Let Keras feed a float64 model in float64; it casts arrays to its global float type."""
    before = keras.config.floatx()
    if model.compute_dtype == "float64":
        keras.config.set_floatx("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def to_floats(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Return `x` in the float type of the model unless it holds whole numbers."""
    return x.astype(model.compute_dtype, copy=False) if x.dtype.kind == "f" else x
