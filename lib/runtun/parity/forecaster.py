"""Moving the weights of a `Forecaster` between Keras and PyTorch.

The canonical form is {"recurrent": one dict a layer from the bottom up, "head": a dict}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtun.parity import recurrent as convert


def forecaster_from_keras(model: Any) -> dict[str, Any]:
    """Read the weights of a `runtun.keras.Forecaster`."""
    return {
        "recurrent": [_converter(model.cell, "from_keras")(layer) for layer in model.recurrent],
        "head": _converter(_head(model), "from_keras")(model.head),
    }


def forecaster_to_keras(weights: Mapping[str, Any], model: Any) -> Any:
    """Write weights into a `runtun.keras.Forecaster`; return it.

    Raises:
        ValueError: if the number of layers, a name or a shape does not fit.
    """
    _check_layers(weights, model)
    for layer_weights, layer in zip(weights["recurrent"], model.recurrent, strict=True):
        _converter(model.cell, "to_keras")(layer_weights, layer)
    _converter(_head(model), "to_keras")(weights["head"], model.head)
    return model


def forecaster_from_torch(model: Any) -> dict[str, Any]:
    """Read the weights of a `runtun.torch.Forecaster`."""
    found = _converter(model.cell, "from_torch")(model.recurrent) if model.num_layers else []
    return {
        "recurrent": [found] if isinstance(found, dict) else found,
        "head": _converter(_head(model), "from_torch")(model.head),
    }


def forecaster_to_torch(weights: Mapping[str, Any], model: Any) -> Any:
    """Write weights into a `runtun.torch.Forecaster`; return it.

    Raises:
        ValueError: if the number of layers, a name or a shape does not fit.
    """
    _check_layers(weights, model)
    if model.num_layers:
        _converter(model.cell, "to_torch")(weights["recurrent"], model.recurrent)
    _converter(_head(model), "to_torch")(weights["head"], model.head)
    return model


def _head(model: Any) -> str:
    return "dense" if model.head_kind == "dense" else model.cell


def _converter(kind: str, direction: str) -> Any:
    return getattr(convert, f"{kind}_{direction}")


def _check_layers(weights: Mapping[str, Any], model: Any) -> None:
    if set(weights) != {"recurrent", "head"}:
        raise ValueError(
            f"`weights` must have the names ['head', 'recurrent']; received {sorted(weights)}."
        )
    if len(weights["recurrent"]) != model.num_layers:
        raise ValueError(
            f"`weights` must have {model.num_layers} recurrent layers; "
            f"received {len(weights['recurrent'])}."
        )
