"""One training loop for every framework: the same arguments, the same batches, the same History.

What differs between frameworks is one step of training and one prediction; that is in
`keras_loop.py`, `torch_loop.py` and `scratch_loop.py`, of which only the one needed is imported.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from tqdm.auto import tqdm

from runtun.training.losses import LOSSES, check_target
from runtun.training.schedules import Schedule, rates

OPTIMIZERS = ("adam", "momentum", "sgd")
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
            holds the compilation of a Keras model.
        best_epoch: number of the epoch (from 0) with the lowest validation loss, or None.
        stopped_early: whether training ended before the last epoch.
        framework: "keras", "torch" or "scratch".
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

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any]) -> float:
        """Take one step for each batch of examples in this order; return the mean loss."""

    def get_weights(self) -> Any:
        """Return a copy of the weights."""

    def set_weights(self, weights: Any) -> None:
        """Put a copy of the weights back."""

    def close(self) -> None:
        """Restore what the training had to change outside the weights."""


def fit(
    model: Any,
    x: Any,
    y: Any,
    *,
    validation: tuple[Any, Any] | None = None,
    epochs: int = 20,
    batch_size: int = 32,
    optimizer: str = "adam",
    learning_rate: float | Schedule = 1e-3,
    loss: str = "mse",
    clip_norm: float | None = None,
    clip_value: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train a model of any framework.

    The same seed gives the same batches in the same order in every framework, so two models with
    equal weights see and learn the same. Nothing global is changed for good.

    Args:
        model: a Keras model, a PyTorch module, or a `Stacked` of `runtun.scratch`.
        x: (N, T, D), the inputs of N examples (or whatever else the model takes, with N first).
        y: (N, ...), the targets, in the shape of the model's outputs; for "cross_entropy" the
            class numbers, without the last axis.
        validation: (x, y) of other examples, evaluated after each epoch.
        epochs: how often to go through the examples; positive.
        batch_size: examples a step; positive.
        optimizer: "adam", "sgd", or "momentum" (SGD with momentum 0.9).
        learning_rate: a positive number, or a schedule such as `one_cycle(0.01)`.
        loss: "mse", "mae", "cross_entropy" or "binary_cross_entropy" (both from logits, in nats).
        clip_norm: shrink the gradient of all weights together to this length.
        clip_value: cut every entry of the gradient to [-clip_value, clip_value].
        patience: stop after so many epochs without a lower validation loss. The weights of the
            best epoch are put back at the end. None: never stop, keep the last weights.
        seed: draws the order of the examples and dropout.
        progress: show a bar with the losses and the time left.

    Returns:
        The History.

    Raises:
        TypeError: if `model` belongs to no framework known here.
        ValueError: if an argument does not fit, or `x` or `y` holds NaN or infinity.

    Example:
        >>> from runtun.scratch import RNN, Dense, SimpleRNNCell, Stacked
        >>> rng = np.random.default_rng(0)
        >>> model = Stacked(RNN(SimpleRNNCell(1, 4, rng=rng)), Dense(4, 1, rng=rng))
        >>> x = rng.normal(size=(64, 5, 1))
        >>> history = fit(model, x, x.sum(axis=1), epochs=5, learning_rate=0.01, progress=False)
        >>> len(history.loss), history.loss[-1] < history.loss[0]
        (5, True)
    """
    framework = framework_of(model)
    x, y = check_examples(x, y)
    if validation is not None:
        validation = check_examples(*validation, names=("validation x", "validation y"))
    _check_choice("optimizer", optimizer, OPTIMIZERS)
    _check_choice("loss", loss, LOSSES)
    for name, number in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if number is not None and (not isinstance(number, int | np.integer) or number < 1):
            raise ValueError(f"`{name}` must be a whole number of at least 1; received {number!r}.")
    for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if limit is not None and not limit > 0:
            raise ValueError(f"`{name}` must be positive; received {limit}.")
    if clip_norm is not None and clip_value is not None:
        raise ValueError("give either `clip_norm` or `clip_value`, not both.")
    if patience is not None and validation is None:
        raise ValueError("`patience` watches the validation loss; give `validation=(x, y)` too.")

    output_shape = predict(model, x[:1]).shape
    check_target(loss, y, output_shape)
    if validation is not None:
        check_target(loss, validation[1], output_shape)

    steps = -(-len(x) // batch_size)
    settings = Settings(
        optimizer=optimizer,
        loss=loss,
        rates=rates(learning_rate, epochs * steps),
        batch_size=batch_size,
        clip_norm=clip_norm,
        clip_value=clip_value,
        seed=seed,
    )
    trainer = _floor(framework).make_trainer(model, x, y, settings)
    rng = np.random.default_rng(seed)
    history = History(framework=framework)
    best_weights = None
    bar = tqdm(total=epochs * steps, unit="batch", disable=not progress)
    try:
        for epoch in range(epochs):
            start = time.perf_counter()
            history.loss.append(trainer.train_epoch(rng.permutation(len(x)), bar.update))
            if validation is not None:
                history.val_loss.append(evaluate(model, *validation, loss=loss))
                if epoch == 0 or history.val_loss[-1] < history.val_loss[history.best_epoch]:
                    history.best_epoch = epoch
                    best_weights = trainer.get_weights() if patience else None
            history.epoch_seconds.append(time.perf_counter() - start)
            bar.set_postfix(_latest(history), refresh=False)
            if not np.isfinite(history.loss[-1]):
                warnings.warn(
                    f"training stopped: the loss of epoch {epoch + 1} is {history.loss[-1]}. "
                    f"Lower the learning rate or set clip_norm=1.0.",
                    RuntimeWarning,
                    stacklevel=2,
                )
                break
            if patience and epoch - history.best_epoch >= patience:
                break
        history.stopped_early = len(history.loss) < epochs
        if best_weights is not None:
            trainer.set_weights(best_weights)
    finally:
        bar.close()
        trainer.close()
    return history


def predict(model: Any, x: Any, batch_size: int = 256) -> np.ndarray:
    """Return the outputs of a model of any framework as a NumPy array.

    Args:
        model: as `fit` takes it.
        x: (N, ...), the inputs of N examples.
        batch_size: examples at a time; it changes the memory needed, not the outputs.

    Raises:
        ValueError: if `x` has no examples.
    """
    x = np.asarray(x)
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"`x` must have at least one example; received shape {x.shape}.")
    return _floor(framework_of(model)).predict(model, x, batch_size)


def evaluate(model: Any, x: Any, y: Any, loss: str = "mse") -> float:
    """Return the loss of a model of any framework.

    Args:
        model: as `fit` takes it.
        x: (N, ...), the inputs of N examples.
        y: (N, ...), the targets, as in `fit`.
        loss: "mse", "mae", "cross_entropy" or "binary_cross_entropy".
    """
    _check_choice("loss", loss, LOSSES)
    x, y = check_examples(x, y)
    outputs = predict(model, x)
    check_target(loss, y, outputs.shape)
    return LOSSES[loss](y, outputs)


def framework_of(model: Any) -> str:
    """Return "keras", "torch" or "scratch", without importing any of them.

    Raises:
        TypeError: if the model belongs to none of them.
    """
    roots = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    # On the PyTorch backend a Keras model is a PyTorch module as well, so Keras is asked first.
    for framework in ("keras", "torch"):
        if framework in roots:
            return framework
    if all(hasattr(model, name) for name in ("params", "forward", "backward")):
        return "scratch"
    raise TypeError(
        f"`model` must be a Keras model, a torch.nn.Module or a model of runtun.scratch; "
        f"received {type(model).__name__}."
    )


def check_examples(
    x: Any, y: Any, names: tuple[str, str] = ("x", "y")
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets as arrays.

    Raises:
        ValueError: if there are none, their numbers differ, or one is NaN or infinite.
    """
    x, y = np.asarray(x), np.asarray(y)
    for name, array in zip(names, (x, y), strict=True):
        if array.ndim == 0 or len(array) == 0:
            raise ValueError(f"`{name}` must have at least one example; received {array.shape}.")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"`{name}` must hold numbers; received dtype {array.dtype}.")
        wrong = array.size - np.count_nonzero(np.isfinite(array))
        if wrong:
            raise ValueError(
                f"`{name}` must be finite; {wrong} of its {array.size} entries are NaN or "
                f"infinite. Fill them or drop their examples first."
            )
    if len(x) != len(y):
        raise ValueError(
            f"`{names[0]}` and `{names[1]}` must have equally many examples; "
            f"received {len(x)} and {len(y)}."
        )
    return x, y


def _floor(framework: str) -> Any:
    if framework == "keras":
        from runtun.training import keras_loop as floor
    elif framework == "torch":
        from runtun.training import torch_loop as floor
    else:
        from runtun.training import scratch_loop as floor
    return floor


def _check_choice(name: str, value: str, choices: Any) -> None:
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {sorted(choices)}; received {value!r}.")


def _latest(history: History) -> dict[str, str]:
    shown = {"loss": history.loss[-1]}
    if history.val_loss:
        shown["val_loss"] = history.val_loss[-1]
    return {name: f"{value:.4g}" for name, value in shown.items()}
