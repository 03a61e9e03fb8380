"""The epochs of a training, alike for every framework: bar, validation, best weights, checkpoint.

What differs between frameworks is a `Trainer`: one pass over the batches, and copies of its state.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm.auto import tqdm

from runtun.training import checkpoints

# One value for all: Keras has 1e-7 of its own, PyTorch 1e-8.
ADAM_EPSILON = 1e-8
MOMENTUM = 0.9


@dataclasses.dataclass
class History:
    """What happened while a model was trained.

    Attributes:
        loss: mean training loss of each epoch, taken while the weights were changing.
        val_loss: validation loss after each epoch; empty without validation.
        epoch_seconds: duration of each epoch, validation included, in seconds. The first one
            holds the compilation of a Keras or NNX model.
        best_epoch: number of the epoch (from 0) with the lowest validation loss, or None.
        stopped_early: whether training ended before the last epoch.
        framework: "keras", "torch", "nnx" or "scratch".
    """

    loss: list[float] = dataclasses.field(default_factory=list)
    val_loss: list[float] = dataclasses.field(default_factory=list)
    epoch_seconds: list[float] = dataclasses.field(default_factory=list)
    best_epoch: int | None = None
    stopped_early: bool = False
    framework: str = ""

    @property
    def seconds(self) -> float:
        """Duration of the whole training, in seconds."""
        return sum(self.epoch_seconds)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How each step changes the weights; what a framework's loop needs to know."""

    optimizer: str
    loss: str
    rates: np.ndarray  # the learning rate of every step
    batch_size: int
    clip_norm: float | None
    clip_value: float | None
    seed: int


class Trainer(Protocol):
    """What a framework's loop provides for one training."""

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any] | None) -> float:
        """Take one step for each batch of examples in this order; return the mean loss.

        Call `on_batch` after each step if it is given.
        """

    def get_weights(self) -> dict[str, np.ndarray]:
        """Return a copy of the weights."""

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Put a copy of the weights back."""

    def get_state(self) -> dict[str, np.ndarray]:
        """Return a copy of all else that the next step depends on: optimiser, random numbers."""

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Put a copy of the state back."""

    def close(self) -> None:
        """Restore what the training had to change outside the weights."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the epochs of one training consist of.

    Attributes:
        epochs: how many.
        steps: batches of an epoch.
        next_order: draws the order of the examples of the next epoch.
        validate: returns the validation loss, or None without validation.
        patience: epochs without a lower validation loss before stopping, or None.
        before_epoch: (what to call with its number, the number) of each epoch, or None.
        checkpoint: where to write down the training, or None.
        given: what a checkpoint must agree with to be gone on from.
        progress: whether to show a bar.
    """

    epochs: int
    steps: int
    next_order: Callable[[], np.ndarray]
    validate: Callable[[], float] | None
    patience: int | None
    before_epoch: tuple[Callable[[float], None], np.ndarray] | None
    checkpoint: Path | None
    given: Mapping[str, Any]
    progress: bool


def run(trainer: Trainer, settings: Settings, plan: Plan, framework: str) -> History:
    """Train epoch by epoch, from the checkpoint if there is one; see `fit`."""
    history, best_weights = History(framework=framework), None
    try:
        if plan.checkpoint is not None and plan.checkpoint.exists():
            history, best_weights = _go_on(trainer, settings, plan)
        for _ in history.loss:
            plan.next_order()  # the epochs that are done drew theirs
        bar = tqdm(
            total=plan.epochs * plan.steps,
            initial=len(history.loss) * plan.steps,
            unit="batch",
            disable=not plan.progress,
        )
        with bar:
            for epoch in range(len(history.loss), plan.epochs):
                if _has_waited(history, plan.patience):
                    break
                start = time.perf_counter()
                if plan.before_epoch is not None:
                    call, numbers = plan.before_epoch
                    call(float(numbers[epoch]))
                on_batch = bar.update if plan.progress else None
                history.loss.append(trainer.train_epoch(plan.next_order(), on_batch))
                if plan.validate is not None:
                    history.val_loss.append(plan.validate())
                    if epoch == 0 or history.val_loss[-1] < history.val_loss[history.best_epoch]:
                        history.best_epoch = epoch
                        best_weights = trainer.get_weights() if plan.patience else None
                history.epoch_seconds.append(time.perf_counter() - start)
                bar.set_postfix(_latest(history), refresh=False)
                if not np.isfinite(history.loss[-1]):
                    warnings.warn(
                        f"training stopped: the loss of epoch {epoch + 1} is {history.loss[-1]}. "
                        f"Lower the learning rate or set clip_norm=1.0.",
                        RuntimeWarning,
                        stacklevel=3,
                    )
                    break
                if plan.checkpoint is not None:
                    _write_down(trainer, settings, plan, history, best_weights)
        history.stopped_early = len(history.loss) < plan.epochs
        if best_weights is not None:
            trainer.set_weights(best_weights)
    finally:
        trainer.close()
    return history


def _has_waited(history: History, patience: int | None) -> bool:
    if not patience or not history.loss:
        return False
    return len(history.loss) - 1 - history.best_epoch >= patience


def _write_down(
    trainer: Trainer,
    settings: Settings,
    plan: Plan,
    history: History,
    best_weights: Mapping[str, np.ndarray] | None,
) -> None:
    done = len(history.loss)
    arrays = {
        **checkpoints.prefixed("weights", trainer.get_weights()),
        **checkpoints.prefixed("state", trainer.get_state()),
        **checkpoints.prefixed("best", best_weights or {}),
        "rates": settings.rates[: done * plan.steps],
        "numbers": plan.before_epoch[1][:done] if plan.before_epoch else np.zeros(0),
    }
    record = {"given": dict(plan.given), "history": dataclasses.asdict(history)}
    checkpoints.save(plan.checkpoint, arrays, record)


def _go_on(
    trainer: Trainer, settings: Settings, plan: Plan
) -> tuple[History, dict[str, np.ndarray] | None]:
    """Put the trainer where the checkpoint was written; return what is known of the epochs done."""
    arrays, record = checkpoints.load(plan.checkpoint)
    other = [
        f"{name} was {record['given'].get(name)!r} and is {value!r}"
        for name, value in plan.given.items()
        if record["given"].get(name) != value
    ]
    history = History(**record["history"])
    done = len(history.loss)
    if done > plan.epochs:
        other.append(f"epochs were at least {done} and are {plan.epochs}")
    if not np.array_equal(arrays["rates"], settings.rates[: done * plan.steps]):
        other.append("the learning rates of the epochs that are done were others")
    numbers = plan.before_epoch[1] if plan.before_epoch else np.zeros(0)
    if not np.array_equal(arrays["numbers"], numbers[:done]):
        other.append("the sampling of the epochs that are done was another")
    if other:
        raise ValueError(
            f"the checkpoint {plan.checkpoint} belongs to another training: {'; '.join(other)}. "
            f"Name another file, or delete it to start anew."
        )
    trainer.set_weights(checkpoints.of_prefix("weights", arrays))
    trainer.set_state(checkpoints.of_prefix("state", arrays))
    return history, checkpoints.of_prefix("best", arrays) or None


def _latest(history: History) -> dict[str, str]:
    shown = {"loss": history.loss[-1]}
    if history.val_loss:
        shown["val_loss"] = history.val_loss[-1]
    return {name: f"{value:.4g}" for name, value in shown.items()}
