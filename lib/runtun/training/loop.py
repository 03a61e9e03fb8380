"""One training call for every framework: the same arguments, the same batches, the same History.

What differs between frameworks is one pass over the batches and one prediction; that is in
`keras_loop.py`, `torch_loop.py`, `nnx_loop.py` and `scratch_loop.py`, of which only the one needed
is imported. The epochs around it are in `run.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtun.training.checkpoints import fingerprint
from runtun.training.examples import Examples, check_examples
from runtun.training.losses import LOSSES, check_target
from runtun.training.run import History, Plan, Settings, run
from runtun.training.schedules import Schedule, probabilities, rates

OPTIMIZERS = ("adam", "momentum", "sgd")


def fit(
    model: Any,
    x: Any,
    y: Any,
    *,
    mask: Any = None,
    target_mask: Any = None,
    validation: Examples | tuple[Any, ...] | None = None,
    epochs: int = 20,
    batch_size: int = 32,
    optimizer: str = "adam",
    learning_rate: float | Schedule = 1e-3,
    loss: str = "mse",
    clip_norm: float | None = None,
    clip_value: float | None = None,
    patience: int | None = None,
    sampling: float | Schedule | None = None,
    checkpoint: str | Path | None = None,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train a model of any framework.

    The same seed gives the same batches in the same order in every framework, so two models with
    equal weights see and learn the same. Nothing global is changed for good.

    Args:
        model: a Keras model or layer, a PyTorch module, a Flax NNX module, or a `Stacked` of
            `runtun.scratch`.
        x: (N, T, D), the inputs of N examples (or whatever else the model takes, with N first).
            A tuple of arrays for a model of several inputs: it is called `model(*x)`. So an
            encoder and a decoder are trained with teacher forcing: x = (source, the targets one
            step late).
        y: (N, ...), the targets, in the shape of the model's outputs; for "cross_entropy" the
            class numbers, without the last axis.
        mask: (N, T), False at the steps of `x` to skip; the model is called `model(*x, mask=mask)`.
        target_mask: the first axes of `y`, for example (N, T), False at targets that do not count,
            such as padding. The loss of a batch is the mean over those that do.
        validation: (x, y) of other examples, evaluated after each epoch, or `Examples` with masks.
        epochs: how often to go through the examples; positive.
        batch_size: examples a step; positive.
        optimizer: "adam", "sgd", or "momentum" (SGD with momentum 0.9; while the learning rate
            changes, Keras and scratch scale what is kept by the rate it came with, PyTorch and NNX
            by the present one).
        learning_rate: a positive number, or a schedule such as `one_cycle(0.01)`.
        loss: "mse", "mae", "cross_entropy" or "binary_cross_entropy" (both from logits, in nats).
        clip_norm: shrink the gradient of all weights together to this length.
        clip_value: cut every entry of the gradient to [-clip_value, clip_value].
        patience: stop after so many epochs without a lower validation loss. The weights of the
            best epoch are put back at the end. None: never stop, keep the last weights.
        sampling: scheduled sampling: the probability with which the model reads its own output in
            place of the given one, or a schedule of it such as `linear(0.0, 0.5)`. It is handed to
            `model.set_sampling` before each epoch, and set to 0 at the end.
        checkpoint: a file to write after every epoch. If it is there already, training goes on
            from it and ends where the undisturbed one would have: bit for bit in PyTorch and in
            scratch, to rounding in Keras and NNX. `epochs` may be greater than before if the
            learning rates of the epochs that are done stay the same.
        seed: draws the order of the examples, dropout and sampling.
        progress: show a bar with the losses and the time left.

    Returns:
        The History.

    Raises:
        TypeError: if `model` belongs to no framework known here, or has no `set_sampling` where
            `sampling` is given.
        ValueError: if an argument does not fit, `x` or `y` holds NaN or infinity, or the checkpoint
            belongs to another training.

    References: Bengio et al. 2015 (scheduled sampling).

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
    floor = _floor(framework)
    examples = check_examples(Examples(x, y, mask, target_mask))
    held_out = None
    if validation is not None:
        held_out = check_examples(Examples(*validation), "validation ")
    positive = {"epochs": epochs, "batch_size": batch_size, "patience": patience}
    _check_arguments(optimizer, loss, clip_norm, clip_value, held_out, positive)
    for part in (examples, held_out) if held_out is not None else (examples,):
        first = floor.predict(
            model, tuple(a[:1] for a in part.x), None if part.mask is None else part.mask[:1], 1
        )
        check_target(loss, part.y, first.shape)

    count = len(examples.y)
    steps = -(-count // batch_size)
    settings = Settings(
        optimizer=optimizer,
        loss=loss,
        rates=rates(learning_rate, epochs * steps),
        batch_size=batch_size,
        clip_norm=clip_norm,
        clip_value=clip_value,
        seed=seed,
    )
    rng = np.random.default_rng(seed)
    plan = Plan(
        epochs=epochs,
        steps=steps,
        next_order=lambda: rng.permutation(count),
        validate=None if held_out is None else lambda: _loss(floor, model, held_out, loss),
        patience=patience,
        before_epoch=_sampling(model, sampling, epochs),
        checkpoint=None if checkpoint is None else Path(checkpoint),
        given=_given(framework, settings, patience, checkpoint and examples),
        progress=progress,
    )
    try:
        return run(floor.make_trainer(model, examples, settings), settings, plan, framework)
    finally:
        if sampling is not None:
            model.set_sampling(0.0)


def fit_stream(
    model: Any,
    x: Any,
    y: Any,
    *,
    validation: tuple[Any, Any] | None = None,
    epochs: int = 20,
    optimizer: str = "adam",
    learning_rate: float | Schedule = 1e-3,
    loss: str = "mse",
    clip_norm: float | None = None,
    clip_value: float | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train a model on B long sequences side by side by truncated backpropagation through time.

    The sequences are cut into chunks (`runtun.data.text.cut_streams` does it). The state in which
    one chunk ends is the state in which the next begins, so the model may remember further back
    than a chunk; the gradient is cut there.

    Args:
        model: a model of any framework that is called `outputs, state = model(x, state)`, where
            the state None is the one before the first step.
        x: (number of chunks, B, T, ...), row b of each chunk being the continuation of row b of
            the one before.
        y: (number of chunks, B, T, ...), the targets; see `fit`.
        validation: (x, y) of other sequences, read with a carried state as well.
        epochs: how often to read the sequences from their beginning; positive.
        optimizer, learning_rate, loss, clip_norm, clip_value, patience, checkpoint, seed, progress:
            as in `fit`. A step is taken after every chunk; `seed` draws dropout only.

    Returns:
        The History.

    Raises:
        TypeError, ValueError: as `fit`.

    References: Williams & Peng 1990.

    Example:
        >>> from runtun.scratch import RNN, SimpleRNNCell
        >>> rng = np.random.default_rng(0)
        >>> model = RNN(SimpleRNNCell(1, 1, rng=rng), return_sequences=True, return_state=True)
        >>> x = rng.normal(size=(20, 4, 5, 1))  # 4 sequences of 100 steps in chunks of 5
        >>> history = fit_stream(model, x, np.tanh(x), epochs=3, learning_rate=0.05, progress=False)
        >>> history.loss[-1] < history.loss[0]
        True
    """
    framework = framework_of(model)
    floor = _floor(framework)
    examples = _check_stream(x, y)
    held_out = None if validation is None else _check_stream(*validation, prefix="validation ")
    positive = {"epochs": epochs, "patience": patience}
    _check_arguments(optimizer, loss, clip_norm, clip_value, held_out, positive)
    for part in (examples, held_out) if held_out is not None else (examples,):
        first = floor.predict_stream(model, part.x[0][:1])
        check_target(loss, part.y[0], first.shape[1:])

    count = len(examples.y)
    settings = Settings(
        optimizer=optimizer,
        loss=loss,
        rates=rates(learning_rate, epochs * count),
        batch_size=examples.y.shape[1],
        clip_norm=clip_norm,
        clip_value=clip_value,
        seed=seed,
    )
    plan = Plan(
        epochs=epochs,
        steps=count,
        next_order=lambda: np.arange(count),
        validate=None if held_out is None else lambda: _stream_loss(floor, model, held_out, loss),
        patience=patience,
        before_epoch=None,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        given=_given(framework, settings, patience, checkpoint and examples),
        progress=progress,
    )
    return run(floor.make_stream_trainer(model, examples, settings), settings, plan, framework)


def predict(model: Any, x: Any, batch_size: int = 256, *, mask: Any = None) -> np.ndarray:
    """Return the outputs of a model of any framework as a NumPy array.

    Args:
        model: as `fit` takes it.
        x: (N, ...), the inputs of N examples, or a tuple of such arrays.
        batch_size: examples at a time; it changes the memory needed, not the outputs.
        mask: (N, T), False at the steps of `x` to skip.

    Raises:
        TypeError: if the model returns something else than one array.
        ValueError: if `x` has no examples, or the numbers of examples differ.
    """
    xs = tuple(np.asarray(a) for a in (x if type(x) is tuple else (x,)))
    if not xs or any(a.ndim == 0 or len(a) == 0 for a in xs):
        shapes = ", ".join(str(a.shape) for a in xs)
        raise ValueError(f"`x` must have at least one example; received shape {shapes}.")
    mask = None if mask is None else np.asarray(mask)
    lengths = [len(a) for a in (*xs, *(() if mask is None else (mask,)))]
    if len(set(lengths)) > 1:
        raise ValueError(f"all inputs must have equally many examples; received {lengths}.")
    return _floor(framework_of(model)).predict(model, xs, mask, batch_size)


def evaluate(
    model: Any, x: Any, y: Any, loss: str = "mse", *, mask: Any = None, target_mask: Any = None
) -> float:
    """Return the loss of a model of any framework.

    Args:
        model: as `fit` takes it.
        x: (N, ...), the inputs of N examples, or a tuple of such arrays.
        y: (N, ...), the targets, as in `fit`.
        loss: "mse", "mae", "cross_entropy" or "binary_cross_entropy".
        mask: (N, T), False at the steps of `x` to skip.
        target_mask: the first axes of `y`, False at targets that do not count.
    """
    _check_choice("loss", loss, LOSSES)
    examples = check_examples(Examples(x, y, mask, target_mask))
    return _loss(_floor(framework_of(model)), model, examples, loss)


def evaluate_stream(model: Any, x: Any, y: Any, loss: str = "mse") -> float:
    """Return the loss of a model over long sequences, with the state carried between chunks.

    Args:
        model: as `fit_stream` takes it.
        x: (number of chunks, B, T, ...).
        y: (number of chunks, B, T, ...), the targets.
        loss: "mse", "mae", "cross_entropy" or "binary_cross_entropy".
    """
    _check_choice("loss", loss, LOSSES)
    return _stream_loss(_floor(framework_of(model)), model, _check_stream(x, y), loss)


def framework_of(model: Any) -> str:
    """Return "keras", "torch", "nnx" or "scratch", without importing any of them.

    Raises:
        TypeError: if the model belongs to none of them.
    """
    roots = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    # On the PyTorch and JAX backends a Keras model is a module of those as well: Keras comes first.
    for root, framework in (("keras", "keras"), ("torch", "torch"), ("flax", "nnx")):
        if root in roots:
            return framework
    if all(hasattr(model, name) for name in ("params", "forward", "backward")):
        return "scratch"
    raise TypeError(
        f"`model` must be a Keras model, a torch.nn.Module, a flax.nnx.Module or a model of "
        f"runtun.scratch; received {type(model).__name__}."
    )


def _loss(floor: Any, model: Any, examples: Examples, loss: str) -> float:
    x, y, mask, counts = examples
    outputs = floor.predict(model, x, mask, 256)
    check_target(loss, y, outputs.shape)
    return LOSSES[loss](y, outputs) if counts is None else LOSSES[loss](y[counts], outputs[counts])


def _stream_loss(floor: Any, model: Any, examples: Examples, loss: str) -> float:
    outputs = floor.predict_stream(model, examples.x[0])
    check_target(loss, examples.y[0], outputs.shape[1:])
    return LOSSES[loss](examples.y, outputs)


def _check_stream(x: Any, y: Any, prefix: str = "") -> Examples:
    examples = check_examples(Examples(np.asarray(x), y), prefix)
    shape, y_shape = examples.x[0].shape, examples.y.shape
    if len(shape) < 3 or shape[:3] != y_shape[:3]:
        raise ValueError(
            f"`{prefix}x` and `{prefix}y` must begin with the same axes (number of chunks, B, T); "
            f"received {shape} and {y_shape}. `runtun.data.text.cut_streams` makes such chunks."
        )
    return examples


def _check_arguments(
    optimizer: str,
    loss: str,
    clip_norm: float | None,
    clip_value: float | None,
    held_out: Examples | None,
    positive: Mapping[str, Any],
) -> None:
    """Refuse what no training can use; see `fit`."""
    _check_choice("optimizer", optimizer, OPTIMIZERS)
    _check_choice("loss", loss, LOSSES)
    for name, number in positive.items():
        if number is not None and (not isinstance(number, int | np.integer) or number < 1):
            raise ValueError(f"`{name}` must be a whole number of at least 1; received {number!r}.")
    for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if limit is not None and not limit > 0:
            raise ValueError(f"`{name}` must be positive; received {limit}.")
    if clip_norm is not None and clip_value is not None:
        raise ValueError("give either `clip_norm` or `clip_value`, not both.")
    if positive["patience"] is not None and held_out is None:
        raise ValueError("`patience` watches the validation loss; give `validation=(x, y)` too.")


def _sampling(
    model: Any, sampling: float | Schedule | None, epochs: int
) -> tuple[Callable[[float], None], np.ndarray] | None:
    if sampling is None:
        return None
    if not callable(getattr(model, "set_sampling", None)):
        raise TypeError(
            f"`sampling` needs a model with the method `set_sampling`, such as `Seq2Seq`; "
            f"{type(model).__name__} has none."
        )
    return model.set_sampling, probabilities(sampling, epochs)


def _given(
    framework: str, settings: Settings, patience: int | None, examples: Examples | None
) -> dict[str, Any]:
    """Return what a checkpoint must agree with; nothing where there is no checkpoint."""
    if not examples:
        return {}
    x, *others = examples
    return {
        "framework": framework,
        "optimizer": settings.optimizer,
        "loss": settings.loss,
        "batch_size": settings.batch_size,
        "clip_norm": settings.clip_norm,
        "clip_value": settings.clip_value,
        "patience": patience,
        "seed": settings.seed,
        "examples": fingerprint([*x, *others]),
    }


def _floor(framework: str) -> Any:
    if framework == "keras":
        from runtun.training import keras_loop as floor
    elif framework == "torch":
        from runtun.training import torch_loop as floor
    elif framework == "nnx":
        from runtun.training import nnx_loop as floor
    else:
        from runtun.training import scratch_loop as floor
    return floor


def _check_choice(name: str, value: str, choices: Any) -> None:
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {sorted(choices)}; received {value!r}.")
