"""Training a model of `runtun.scratch`: every step in the open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from runtun.scratch.losses import cross_entropy, mse
from runtun.scratch.optimizers import SGD, Adam, clip_by_norm, clip_by_value
from runtun.training.examples import Examples
from runtun.training.run import ADAM_EPSILON, MOMENTUM, Settings

LOSSES = {"mse": mse, "cross_entropy": cross_entropy}


class ScratchTrainer:
    """Forward, loss, backward, clip, step."""

    def __init__(self, model: Any, examples: Examples, settings: Settings) -> None:
        if settings.loss not in LOSSES:
            raise ValueError(
                f"`loss` must be one of {sorted(LOSSES)} for a model of runtun.scratch; "
                f"received {settings.loss!r}."
            )
        if examples.mask is not None:
            raise ValueError(
                "a model of runtun.scratch has no backward pass through a `mask`. Train it on "
                "sequences of one length, or train its twin in Keras or PyTorch."
            )
        self.model, self.settings = model, settings
        self.xs, self.y, _, self.target_mask = examples
        if settings.loss == "mse":
            self.y = self.y.astype(next(iter(model.params.values())).dtype)
        self.loss = LOSSES[settings.loss]
        self.step = 0
        if settings.optimizer == "adam":
            self.optimizer: Any = Adam(epsilon=ADAM_EPSILON)
        else:
            momentum = MOMENTUM if settings.optimizer == "momentum" else 0.0
            self.optimizer = SGD(momentum=momentum)

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any] | None) -> float:
        total = 0.0
        for start in range(0, len(order), self.settings.batch_size):
            batch = order[start : start + self.settings.batch_size]
            outputs = self.model.forward(*(x[batch] for x in self.xs))
            counts = None if self.target_mask is None else self.target_mask[batch]
            total += self._learn(outputs, self.y[batch], counts) * len(batch)
            if on_batch:
                on_batch()
        return total / len(order)

    def _learn(self, outputs: np.ndarray, y: np.ndarray, counts: np.ndarray | None) -> float:
        """Take one step down the loss of these outputs; return the loss."""
        if counts is None:
            loss, d_outputs = self.loss(y, outputs)
        else:
            loss, d_outputs = 0.0, np.zeros_like(outputs)
            if counts.any():
                loss, d_outputs[counts] = self.loss(y[counts], outputs[counts])
        _, grads = self.model.backward(d_outputs)
        if self.settings.clip_norm:
            grads, _ = clip_by_norm(grads, self.settings.clip_norm)
        if self.settings.clip_value:
            grads = clip_by_value(grads, self.settings.clip_value)
        self.optimizer.learning_rate = self.settings.rates[self.step]
        self.optimizer.step(self.model.params, grads)
        self.step += 1
        return loss

    def get_weights(self) -> dict[str, np.ndarray]:
        return {name: weight.copy() for name, weight in self.model.params.items()}

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        for name, weight in self.model.params.items():
            weight[...] = weights[name]

    def get_state(self) -> dict[str, np.ndarray]:
        return {"step": np.array(self.step), **self.optimizer.get_state()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.step = int(state["step"])
        self.optimizer.set_state({n: array for n, array in state.items() if n != "step"})

    def close(self) -> None:
        pass


class ScratchStreamTrainer(ScratchTrainer):
    """The same, with a state that is carried from chunk to chunk and a gradient that is not."""

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any] | None) -> float:
        total, state = 0.0, None
        for x, y in zip(self.xs[0], self.y, strict=True):
            outputs, state = self.model.forward(x, state)
            total += self._learn(outputs, y, None)
            if on_batch:
                on_batch()
        return total / len(order)


make_trainer = ScratchTrainer
make_stream_trainer = ScratchStreamTrainer


def predict(
    model: Any, xs: tuple[np.ndarray, ...], mask: np.ndarray | None, batch_size: int
) -> np.ndarray:
    """Return the outputs, a batch at a time."""
    outputs = []
    for start in range(0, len(xs[0]), batch_size):
        rows = slice(start, start + batch_size)
        masked = {} if mask is None else {"mask": mask[rows]}
        found = model.forward(*(x[rows] for x in xs), **masked)
        if not isinstance(found, np.ndarray):
            raise TypeError(
                f"`model` must return one array; {type(model).__name__} returns "
                f"{type(found).__name__}. For (outputs, state) there is `fit_stream`."
            )
        outputs.append(found)
    return np.concatenate(outputs)


def predict_stream(model: Any, x: np.ndarray) -> np.ndarray:
    """Return the outputs of all chunks, the state carried along."""
    outputs, state = [], None
    for chunk in x:
        found, state = model.forward(chunk, state)
        outputs.append(found)
    return np.stack(outputs)
