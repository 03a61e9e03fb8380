"""Training a model of `runtun.scratch`: every step in the open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from runtun.scratch.losses import cross_entropy, mse
from runtun.scratch.optimizers import SGD, Adam, clip_by_norm, clip_by_value
from runtun.training.loop import ADAM_EPSILON, MOMENTUM, Settings

LOSSES = {"mse": mse, "cross_entropy": cross_entropy}


class ScratchTrainer:
    """Forward, loss, backward, clip, step."""

    def __init__(self, model: Any, x: np.ndarray, y: np.ndarray, settings: Settings) -> None:
        if settings.loss not in LOSSES:
            raise ValueError(
                f"`loss` must be one of {sorted(LOSSES)} for a model of runtun.scratch; "
                f"received {settings.loss!r}."
            )
        self.model, self.x, self.y, self.settings = model, x, y, settings
        if settings.loss == "mse":
            self.y = y.astype(next(iter(model.params.values())).dtype)
        self.loss = LOSSES[settings.loss]
        self.rates = iter(settings.rates)
        if settings.optimizer == "adam":
            self.optimizer: Any = Adam(epsilon=ADAM_EPSILON)
        else:
            momentum = MOMENTUM if settings.optimizer == "momentum" else 0.0
            self.optimizer = SGD(momentum=momentum)

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any]) -> float:
        total = 0.0
        for start in range(0, len(order), self.settings.batch_size):
            batch = order[start : start + self.settings.batch_size]
            outputs = self.model.forward(self.x[batch])
            loss, d_outputs = self.loss(self.y[batch], outputs)
            _, grads = self.model.backward(d_outputs)
            if self.settings.clip_norm:
                grads, _ = clip_by_norm(grads, self.settings.clip_norm)
            if self.settings.clip_value:
                grads = clip_by_value(grads, self.settings.clip_value)
            self.optimizer.learning_rate = next(self.rates)
            self.optimizer.step(self.model.params, grads)
            total += loss * len(batch)
            on_batch()
        return total / len(order)

    def get_weights(self) -> dict[str, np.ndarray]:
        return {name: weight.copy() for name, weight in self.model.params.items()}

    def set_weights(self, weights: dict[str, np.ndarray]) -> None:
        for name, weight in self.model.params.items():
            weight[...] = weights[name]

    def close(self) -> None:
        pass


make_trainer = ScratchTrainer


def predict(model: Any, x: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the outputs, a batch at a time."""
    return np.concatenate(
        [model.forward(x[start : start + batch_size]) for start in range(0, len(x), batch_size)]
    )
