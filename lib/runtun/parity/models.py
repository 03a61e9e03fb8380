"""Moving the weights of whole models between Keras and PyTorch.

The canonical form is one flat dict: dotted names from the model down to the weight, arrays in the
layout of the equations, for example {"encoder.stack.0.W": (D, 4H), ...}. Every model lists its
layers by name in `parts`, the same on both floors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from runtun.parity import recurrent as convert

_RECURRENT = {"SimpleRNN": "rnn", "RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}


def weights_from_keras(model: Any) -> dict[str, np.ndarray]:
    """Read all weights of a model of `runtun.keras` that has `parts`."""
    return _read(model, "keras")


def weights_from_torch(model: Any) -> dict[str, np.ndarray]:
    """Read all weights of a model of `runtun.torch` that has `parts`."""
    return _read(model, "torch")


def weights_to_keras(weights: Mapping[str, np.ndarray], model: Any) -> Any:
    """Write all weights of a model of `runtun.keras`; return the model.

    Raises:
        ValueError: if a name is missing or unknown, or a shape does not fit.
    """
    return _write(weights, model, "keras")


def weights_to_torch(weights: Mapping[str, np.ndarray], model: Any) -> Any:
    """Write all weights of a model of `runtun.torch`; return the model.

    Raises:
        ValueError: if a name is missing or unknown, or a shape does not fit.
    """
    return _write(weights, model, "torch")


def _leaves(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The layers that hold weights themselves, with their dotted names."""
    if not hasattr(model, "parts"):
        yield prefix, model
        return
    for name, part in model.parts.items():
        yield from _leaves(part, f"{prefix}{name}.")


def _read(model: Any, floor: str) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for prefix, layer in _leaves(model):
        values = getattr(convert, f"{_kind(layer)}_from_{floor}")(layer)
        if isinstance(values, list):  # both directions of one layer of PyTorch
            ahead, back = values
            values = {f"ahead.{name}": value for name, value in ahead.items()}
            values |= {f"back.{name}": value for name, value in back.items()}
        found |= {prefix + name: value for name, value in values.items()}
    return found


def _write(weights: Mapping[str, np.ndarray], model: Any, floor: str) -> Any:
    names = list(_read(model, floor))
    if set(weights) != set(names):
        missing = sorted(set(names) - set(weights))
        unknown = sorted(set(weights) - set(names))
        raise ValueError(
            f"`weights` must have the names of the model's own; missing {missing}, "
            f"unknown {unknown}."
        )
    for prefix, layer in _leaves(model):
        own = {
            name.removeprefix(prefix): value
            for name, value in weights.items()
            if name.startswith(prefix)
        }
        values: Any = own
        if any(name.startswith("ahead.") for name in own):
            values = [
                {n.removeprefix(way): v for n, v in own.items() if n.startswith(way)}
                for way in ("ahead.", "back.")
            ]
        getattr(convert, f"{_kind(layer)}_to_{floor}")(values, layer)
    return model


def _kind(layer: Any) -> str:
    """Which converter takes a layer; the one for named weights takes all of ours."""
    return _RECURRENT.get(type(layer).__name__, "dense")
