"""Moving the weights of layers between Flax NNX and the canonical form; see recurrent.py.

| | Flax NNX |
|---|---|
| simple RNN | `dense_i` (D, H) with the bias, `dense_h` (H, H) |
| LSTM | a kernel for each gate: `ii`, `if_`, `ig`, `io`; `hi`, `hf`, `hg`, `ho` with the biases |
| optimised LSTM | `dense_i` (D, 4H), `dense_h` (H, 4H) with the bias; gates i, f, g, o |
| GRU | `dense_i` (D, 3H) with the bias, `dense_h` (H, 3H) without; gates r, z, n |

The GRU of Flax has no bias where the reset gate acts, so it cannot hold every GRU of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from runtun.parity.recurrent import Weights, _check_names, _is_ours, _swap_gates


def rnn_from_nnx(cell: Any) -> dict[str, np.ndarray]:
    """Read the weights of a simple RNN of Flax NNX.

    Args:
        cell: a cell of `runtun.nnx` or an `RNN` around one, or `flax.nnx.SimpleCell`.

    Returns:
        {"W": (D, H), "U": (H, H), "b": (H,)}.
    """
    cell = getattr(cell, "cell", cell)
    if _is_ours(cell):
        return _named_from(cell)
    _check_type(cell, "SimpleCell")
    return {
        "W": _numpy(cell.dense_i.kernel),
        "U": _numpy(cell.dense_h.kernel),
        "b": _numpy(cell.dense_i.bias),
    }


def rnn_to_nnx(weights: Weights, layer: Any) -> Any:
    """Write weights into a simple RNN of Flax NNX; return it.

    Raises:
        ValueError: if a name or a shape does not fit.
    """
    cell = getattr(layer, "cell", layer)
    if _is_ours(cell):
        return _named_to(weights, layer, cell)
    _check_type(cell, "SimpleCell")
    _check_names(weights, {"W", "U", "b"})
    _copy("W", cell.dense_i.kernel, weights["W"])
    _copy("U", cell.dense_h.kernel, weights["U"])
    _copy("b", cell.dense_i.bias, weights["b"])
    return layer


def lstm_from_nnx(cell: Any) -> dict[str, np.ndarray]:
    """Read the weights of an LSTM of Flax NNX: {"W": (D, 4H), "U": (H, 4H), "b": (4H,)}.

    Args:
        cell: a cell of `runtun.nnx` or an `RNN` around one, `flax.nnx.LSTMCell` or
            `flax.nnx.OptimizedLSTMCell`.
    """
    cell = getattr(cell, "cell", cell)
    if _is_ours(cell):
        return _named_from(cell)
    _check_type(cell, "LSTMCell", "OptimizedLSTMCell")
    if hasattr(cell, "dense_i"):
        recurrent = cell.dense_h
        return {
            "W": _numpy(cell.dense_i.kernel),
            "U": _numpy(recurrent.kernel),
            "b": _numpy(recurrent.bias),
        }
    inputs, recurrents = _gates(cell)
    return {
        "W": np.concatenate([_numpy(gate.kernel) for gate in inputs], axis=1),
        "U": np.concatenate([_numpy(gate.kernel) for gate in recurrents], axis=1),
        "b": np.concatenate([_numpy(gate.bias) for gate in recurrents]),
    }


def lstm_to_nnx(weights: Weights, layer: Any) -> Any:
    """Write weights into an LSTM of Flax NNX; see `lstm_from_nnx` and `rnn_to_nnx`."""
    cell = getattr(layer, "cell", layer)
    if _is_ours(cell):
        return _named_to(weights, layer, cell)
    _check_type(cell, "LSTMCell", "OptimizedLSTMCell")
    _check_names(weights, {"W", "U", "b"})
    if hasattr(cell, "dense_i"):
        _copy("W", cell.dense_i.kernel, weights["W"])
        _copy("U", cell.dense_h.kernel, weights["U"])
        _copy("b", cell.dense_h.bias, weights["b"])
        return layer
    inputs, recurrents = _gates(cell)
    size = 4 * cell.hidden_features
    for name in ("W", "U", "b"):
        if np.shape(weights[name])[-1] != size:
            raise ValueError(
                f"weight `{name}` must have a last axis of {size}; "
                f"received {np.shape(weights[name])}."
            )
    parts = {name: np.split(np.asarray(weights[name]), 4, axis=-1) for name in ("W", "U", "b")}
    for gate, W in zip(inputs, parts["W"], strict=True):
        _copy("W", gate.kernel, W)
    for gate, U, b in zip(recurrents, parts["U"], parts["b"], strict=True):
        _copy("U", gate.kernel, U)
        _copy("b", gate.bias, b)
    return layer


def gru_from_nnx(cell: Any) -> dict[str, np.ndarray]:
    """Read the weights of a GRU of Flax NNX: {"W": (D, 3H), "U": (H, 3H), "b"}.

    Args:
        cell: a cell of `runtun.nnx` or an `RNN` around one, or `flax.nnx.GRUCell`, whose b (2, 3H)
            has zeros for the recurrent products.
    """
    cell = getattr(cell, "cell", cell)
    if _is_ours(cell):
        return _named_from(cell)
    _check_type(cell, "GRUCell")
    b = _swap_gates("gru", _numpy(cell.dense_i.bias))
    return {
        "W": _swap_gates("gru", _numpy(cell.dense_i.kernel), axis=1),
        "U": _swap_gates("gru", _numpy(cell.dense_h.kernel), axis=1),
        "b": np.stack([b, np.zeros_like(b)]),
    }


def gru_to_nnx(weights: Weights, layer: Any) -> Any:
    """Write weights into a GRU of Flax NNX; see `rnn_to_nnx`.

    Raises:
        ValueError: also if `flax.nnx.GRUCell` cannot hold the weights: it resets after the
            projection, and has no bias there. The two biases of z and of r become their sum.
    """
    cell = getattr(layer, "cell", layer)
    if _is_ours(cell):
        return _named_to(weights, layer, cell)
    _check_type(cell, "GRUCell")
    _check_names(weights, {"W", "U", "b"})
    b = np.asarray(weights["b"])
    if b.ndim != 2:
        raise ValueError(
            f"weight `b` of a GRU must have shape (2, 3H) for Flax NNX, which resets after the "
            f"projection; received {b.shape}."
        )
    candidate = b[1, b.shape[1] // 3 * 2 :]
    if candidate.any():
        raise ValueError(
            f"flax.nnx.GRUCell has no recurrent bias for its candidate, so it cannot hold these "
            f"weights, whose b'_n reaches {np.abs(candidate).max():.3g}. Use "
            f"runtun.nnx.GRUCell, which has one."
        )
    _copy("W", cell.dense_i.kernel, _swap_gates("gru", np.asarray(weights["W"]), axis=1))
    _copy("U", cell.dense_h.kernel, _swap_gates("gru", np.asarray(weights["U"]), axis=1))
    _copy("b", cell.dense_i.bias, _swap_gates("gru", b.sum(axis=0)))
    return layer


def dense_from_nnx(layer: Any) -> dict[str, np.ndarray]:
    """Read the weights of a dense layer of Flax NNX: {"W": (D, K), "b": (K,)}."""
    if _is_ours(layer):
        return _named_from(layer)
    return {"W": _numpy(layer.kernel), "b": _numpy(layer.bias)}


def dense_to_nnx(weights: Weights, layer: Any) -> Any:
    """Write weights into a dense layer of Flax NNX; return it."""
    if _is_ours(layer):
        return _named_to(weights, layer, layer)
    _check_names(weights, {"W", "b"})
    _copy("W", layer.kernel, weights["W"])
    _copy("b", layer.bias, weights["b"])
    return layer


def forecaster_from_nnx(model: Any) -> dict[str, Any]:
    """Read the weights of a `runtun.nnx.Forecaster`; see forecaster.py for the form."""
    read = _READ[model.cell]
    return {
        "recurrent": [read(cell) for cell in model.recurrent],
        "head": (dense_from_nnx if model.head_kind == "dense" else read)(model.head),
    }


def forecaster_to_nnx(weights: Mapping[str, Any], model: Any) -> Any:
    """Write weights into a `runtun.nnx.Forecaster`; return it.

    Raises:
        ValueError: if the number of layers, a name or a shape does not fit.
    """
    if len(weights["recurrent"]) != len(model.recurrent):
        raise ValueError(
            f"`weights` must have {len(model.recurrent)} recurrent layers; "
            f"received {len(weights['recurrent'])}."
        )
    write = _WRITE[model.cell]
    for layer_weights, cell in zip(weights["recurrent"], model.recurrent, strict=True):
        write(layer_weights, cell)
    (dense_to_nnx if model.head_kind == "dense" else write)(weights["head"], model.head)
    return model


_READ = {"rnn": rnn_from_nnx, "lstm": lstm_from_nnx, "gru": gru_from_nnx}
_WRITE = {"rnn": rnn_to_nnx, "lstm": lstm_to_nnx, "gru": gru_to_nnx}


def _gates(cell: Any) -> tuple[list[Any], list[Any]]:
    return [cell.ii, cell.if_, cell.ig, cell.io], [cell.hi, cell.hf, cell.hg, cell.ho]


def _check_type(cell: Any, *names: str) -> None:
    if type(cell).__name__ not in names:
        wanted = " or ".join(f"`flax.nnx.{name}`" for name in names)
        raise TypeError(
            f"expected {wanted} or a cell of runtun.nnx; received {type(cell).__name__}."
        )


def _numpy(variable: Any) -> np.ndarray:
    return np.array(variable[...])


def _copy(name: str, variable: Any, array: Any) -> None:
    import jax.numpy as jnp

    if variable.shape != np.shape(array):
        raise ValueError(
            f"weight `{name}` must have shape {variable.shape} in Flax NNX; "
            f"received {np.shape(array)}."
        )
    variable[...] = jnp.asarray(array, variable.dtype)


def _names(cell: Any) -> list[str]:
    return [name for name in ("W", "U", "b") if hasattr(cell, name)]


def _named_from(cell: Any) -> dict[str, np.ndarray]:
    return {name: _numpy(getattr(cell, name)) for name in _names(cell)}


def _named_to(weights: Weights, layer: Any, cell: Any) -> Any:
    _check_names(weights, set(_names(cell)))
    for name in _names(cell):
        _copy(name, getattr(cell, name), weights[name])
    return layer
