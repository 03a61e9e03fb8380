"""Moving the weights of layers between NumPy, Keras and PyTorch.

The canonical form is a dict of NumPy arrays in the layout of Keras, which is also the layout of
the equations: {"W": (D, G H), "U": (H, G H), "b": (G H,)}, with G gates side by side.

| | Keras | PyTorch |
|---|---|---|
| input weights | (D, G H) | (G H, D) |
| order of the gates, LSTM | i, f, g, o | i, f, g, o |
| order of the gates, GRU | z, r, n | r, z, n |
| bias, simple RNN and LSTM | one | two, of which only the sum matters |
| bias, GRU (reset after the projection) | (2, 3H): input, recurrent | two, both needed |

PyTorch's second bias is set to zero and frozen where one is enough. Left trainable, both would
take the same step, so the sum would move twice as fast as the bias of Keras.

No framework is imported here before a layer of it has been given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Weights = Mapping[str, np.ndarray]

_KERAS_LAYERS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
_TORCH_LAYERS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}


def rnn_from_keras(layer: Any) -> dict[str, np.ndarray]:
    """Read the weights of a simple RNN of Keras.

    Args:
        layer: a cell of `runtun.keras` or an `RNN` around one, or `keras.layers.SimpleRNN`.

    Returns:
        {"W": (D, H), "U": (H, H), "b": (H,)}, and V, c for an output-recurrent cell.
    """
    return _from_keras("rnn", layer)


def rnn_to_keras(weights: Weights, layer: Any) -> Any:
    """Write weights into a simple RNN of Keras, building it first if needed; return the layer.

    Raises:
        ValueError: if a name or a shape does not fit.
    """
    return _to_keras("rnn", weights, layer)


def rnn_from_torch(module: Any) -> Any:
    """Read the weights of a simple RNN of PyTorch.

    Args:
        module: a cell of `runtun.torch` or an `RNN` around one, `torch.nn.RNN` or
            `torch.nn.RNNCell`.

    Returns:
        {"W": (D, H), "U": (H, H), "b": (H,)}, where b is the sum of PyTorch's two biases; a list
        of such, from the bottom up, for a `torch.nn.RNN` of several layers.
    """
    return _from_torch("rnn", module)


def rnn_to_torch(weights: Weights | Sequence[Weights], module: Any) -> Any:
    """Write weights into a simple RNN of PyTorch, with its second bias zero and frozen.

    Args:
        weights: as `rnn_from_torch` returns them.
        module: as `rnn_from_torch` takes it.

    Returns:
        The module.

    Raises:
        ValueError: if a name or a shape does not fit.
    """
    return _to_torch("rnn", weights, module)


def lstm_from_keras(layer: Any) -> dict[str, np.ndarray]:
    """Read the weights of an LSTM of Keras: {"W": (D, 4H), "U": (H, 4H), "b": (4H,)}."""
    return _from_keras("lstm", layer)


def lstm_to_keras(weights: Weights, layer: Any) -> Any:
    """Write weights into an LSTM of Keras; see `rnn_to_keras`."""
    return _to_keras("lstm", weights, layer)


def lstm_from_torch(module: Any) -> Any:
    """Read the weights of an LSTM of PyTorch; see `rnn_from_torch`."""
    return _from_torch("lstm", module)


def lstm_to_torch(weights: Weights | Sequence[Weights], module: Any) -> Any:
    """Write weights into an LSTM of PyTorch; see `rnn_to_torch`."""
    return _to_torch("lstm", weights, module)


def gru_from_keras(layer: Any) -> dict[str, np.ndarray]:
    """Read the weights of a GRU of Keras: {"W": (D, 3H), "U": (H, 3H), "b"}.

    The bias is (2, 3H) where the reset gate comes after the projection, the default of Keras and
    the only form of PyTorch, and (3H,) where it comes before.
    """
    return _from_keras("gru", layer)


def gru_to_keras(weights: Weights, layer: Any) -> Any:
    """Write weights into a GRU of Keras; see `rnn_to_keras`."""
    return _to_keras("gru", weights, layer)


def gru_from_torch(module: Any) -> Any:
    """Read the weights of a GRU of PyTorch; both biases are kept."""
    return _from_torch("gru", module)


def gru_to_torch(weights: Weights | Sequence[Weights], module: Any) -> Any:
    """Write weights into a GRU of PyTorch; both biases stay trainable."""
    return _to_torch("gru", weights, module)


def dense_from_keras(layer: Any) -> dict[str, np.ndarray]:
    """Read the weights of a dense layer of Keras: {"W": (D, K), "b": (K,)}."""
    if _is_ours(layer):
        return _named_from_keras(layer)
    W, b = layer.get_weights()
    return {"W": W, "b": b}


def dense_to_keras(weights: Weights, layer: Any) -> Any:
    """Write weights into a dense layer of Keras, building it first if needed."""
    if _is_ours(layer):
        return _named_to_keras(weights, layer)
    _check_names(weights, {"W", "b"})
    if not layer.built:
        layer.build((None, np.shape(weights["W"])[0]))
    _set_keras(layer, [weights["W"], weights["b"]])
    return layer


def dense_from_torch(module: Any) -> dict[str, np.ndarray]:
    """Read the weights of a dense layer of PyTorch: {"W": (D, K), "b": (K,)}."""
    if _is_ours(module):
        return _named_from_torch(module)
    return {"W": _numpy(module.weight).T.copy(), "b": _numpy(module.bias)}


def dense_to_torch(weights: Weights, module: Any) -> Any:
    """Write weights into a dense layer of PyTorch."""
    if _is_ours(module):
        return _named_to_torch(weights, module)
    _check_names(weights, {"W", "b"})
    _copy("W", module.weight, np.asarray(weights["W"]).T)
    _copy("b", module.bias, weights["b"])
    return module


def conv_from_keras(layer: Any) -> dict[str, np.ndarray]:
    """Read the weights of a one-dimensional convolution of Keras: {"W": (K, D, C), "b": (C,)}."""
    return dense_from_keras(layer)


def conv_to_keras(weights: Weights, layer: Any) -> Any:
    """Write weights into a one-dimensional convolution of Keras, building it first if needed."""
    if not layer.built:
        layer.build((None, None, np.shape(weights["W"])[1]))
    return dense_to_keras(weights, layer)


def conv_from_torch(module: Any) -> dict[str, np.ndarray]:
    """Read the weights of a one-dimensional convolution of PyTorch, whose own are (C, D, K)."""
    if _is_ours(module):
        return _named_from_torch(module)
    return {"W": _numpy(module.weight).transpose(2, 1, 0).copy(), "b": _numpy(module.bias)}


def conv_to_torch(weights: Weights, module: Any) -> Any:
    """Write weights into a one-dimensional convolution of PyTorch.

    A causal one pads (K - 1) dilation zeros on the left, which `torch.nn.Conv1d` leaves to you.
    """
    if _is_ours(module):
        return _named_to_torch(weights, module)
    _check_names(weights, {"W", "b"})
    _copy("W", module.weight, np.asarray(weights["W"]).transpose(2, 1, 0))
    _copy("b", module.bias, weights["b"])
    return module


def _from_keras(kind: str, layer: Any) -> dict[str, np.ndarray]:
    cell = getattr(layer, "cell", layer)
    if _is_ours(cell):
        return _named_from_keras(cell)
    _check_keras(kind, cell)
    W, U, b = cell.get_weights()
    return {"W": W, "U": U, "b": b}


def _to_keras(kind: str, weights: Weights, layer: Any) -> Any:
    cell = getattr(layer, "cell", layer)
    if _is_ours(cell):
        _named_to_keras(weights, cell)
        return layer
    _check_names(weights, {"W", "U", "b"})
    if not cell.built:
        features = np.shape(weights["W"])[0]
        # A layer is built from (B, T, D), a cell from (B, D).
        layer.build((None, features) if layer is cell else (None, None, features))
        layer.built = True
    _check_keras(kind, cell)
    _set_keras(cell, [weights["W"], weights["U"], weights["b"]])
    return layer


def _from_torch(kind: str, module: Any) -> Any:
    cell = getattr(module, "cell", module)
    if _is_ours(cell):
        return _named_from_torch(cell)
    found = []
    for tensors in _torch_layers(kind, module):
        W, U, b_input, b_recurrent = (_numpy(tensor) for tensor in tensors)
        W, U = _swap_gates(kind, W, axis=0).T.copy(), _swap_gates(kind, U, axis=0).T.copy()
        if kind == "gru":
            b = np.stack([_swap_gates(kind, b_input), _swap_gates(kind, b_recurrent)])
        else:
            b = b_input + b_recurrent
        found.append({"W": W, "U": U, "b": b})
    return found if len(found) > 1 else found[0]


def _to_torch(kind: str, weights: Weights | Sequence[Weights], module: Any) -> Any:
    cell = getattr(module, "cell", module)
    if _is_ours(cell):
        _named_to_torch(weights, cell)
        return module
    layers = _torch_layers(kind, module)
    weights = [weights] if isinstance(weights, Mapping) else list(weights)
    if len(weights) != len(layers):
        raise ValueError(
            f"`weights` must have one dict for each of the {len(layers)} layers of the module, "
            f"from the bottom up; received {len(weights)}."
        )
    for layer_weights, (W, U, b_input, b_recurrent) in zip(weights, layers, strict=True):
        _check_names(layer_weights, {"W", "U", "b"})
        b = np.asarray(layer_weights["b"])
        if kind == "gru" and b.ndim != 2:
            raise ValueError(
                f"weight `b` of a GRU must have shape (2, 3H) for PyTorch, which resets after the "
                f"projection; received {b.shape}."
            )
        _copy("W", W, _swap_gates(kind, np.asarray(layer_weights["W"]), axis=1).T)
        _copy("U", U, _swap_gates(kind, np.asarray(layer_weights["U"]), axis=1).T)
        if kind == "gru":
            _copy("b", b_input, _swap_gates(kind, b[0]))
            _copy("b", b_recurrent, _swap_gates(kind, b[1]))
        else:
            _copy("b", b_input, b)
            freeze(b_recurrent)
    return module


def freeze(bias: Any) -> None:
    """Set a second bias of PyTorch to zero and keep it there."""
    bias.data.zero_()
    bias.requires_grad_(False)


def _swap_gates(kind: str, array: np.ndarray, axis: int = 0) -> np.ndarray:
    """Go from z, r, n to r, z, n or back; other kinds have one order everywhere."""
    if kind != "gru":
        return array
    first, second, third = np.split(array, 3, axis=axis)
    return np.concatenate([second, first, third], axis=axis)


def _is_ours(layer: Any) -> bool:
    # The layers of fused.py are PyTorch's own but for their speed, weights and names included.
    module = type(layer).__module__
    return module.startswith("runtun.") and module != "runtun.torch.fused"


def _check_names(weights: Weights, names: set[str]) -> None:
    if set(weights) != names:
        raise ValueError(
            f"`weights` must have the names {sorted(names)}; received {sorted(weights)}."
        )


def _check_keras(kind: str, cell: Any) -> None:
    wanted = _KERAS_LAYERS[kind]
    if type(cell).__name__ != f"{wanted}Cell":
        raise TypeError(
            f"expected `keras.layers.{wanted}` or a cell of runtun.keras; "
            f"received {type(cell).__name__}."
        )
    if not cell.built or len(cell.get_weights()) != 3:
        raise ValueError(
            f"the {wanted} must be built and have a bias. Call it once on a batch, and make it "
            f"with use_bias=True."
        )


def _set_keras(layer: Any, arrays: list[Any]) -> None:
    names = "WUb" if len(arrays) == 3 else "Wb"
    for name, variable, array in zip(names, layer.weights, arrays, strict=True):
        if tuple(variable.shape) != np.shape(array):
            raise ValueError(
                f"weight `{name}` must have shape {tuple(variable.shape)}; "
                f"received {np.shape(array)}."
            )
    layer.set_weights([np.asarray(array) for array in arrays])


def _torch_layers(kind: str, module: Any) -> list[list[Any]]:
    """Return the four tensors of each layer of a module of torch.nn, from the bottom up."""
    wanted = _TORCH_LAYERS[kind]
    name = type(module).__name__
    if name == f"{wanted}Cell":
        suffixes = [""]
    elif name == wanted:
        directions = ["", "_reverse"] if module.bidirectional else [""]
        suffixes = [f"_l{i}{end}" for i in range(module.num_layers) for end in directions]
    else:
        raise TypeError(
            f"expected `torch.nn.{wanted}`, `torch.nn.{wanted}Cell` or a cell of runtun.torch; "
            f"received {name}."
        )
    if not module.bias:
        raise ValueError(f"the {wanted} must have a bias. Make it with bias=True.")
    parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [[getattr(module, part + end) for part in parts] for end in suffixes]


def _numpy(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()


def _copy(name: str, tensor: Any, array: Any) -> None:
    import torch

    if tuple(tensor.shape) != np.shape(array):
        raise ValueError(
            f"weight `{name}` must have shape {tuple(tensor.shape)} in PyTorch; "
            f"received {np.shape(array)}."
        )
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.array(array)))


def _named_from_keras(layer: Any) -> dict[str, np.ndarray]:
    return {v.name: np.array(a) for v, a in zip(layer.weights, layer.get_weights(), strict=True)}


def _named_to_keras(weights: Weights, layer: Any) -> Any:
    variables = {variable.name: variable for variable in layer.weights}
    _check_names(weights, set(variables))
    for name, variable in variables.items():
        if tuple(variable.shape) != np.shape(weights[name]):
            raise ValueError(
                f"weight `{name}` must have shape {tuple(variable.shape)}; "
                f"received {np.shape(weights[name])}."
            )
    for name, variable in variables.items():
        variable.assign(np.asarray(weights[name]))
    return layer


def _named_from_torch(module: Any) -> dict[str, np.ndarray]:
    return {name: _numpy(tensor) for name, tensor in module.named_parameters()}


def _named_to_torch(weights: Weights, module: Any) -> Any:
    tensors = dict(module.named_parameters())
    _check_names(weights, set(tensors))
    for name, tensor in tensors.items():
        _copy(name, tensor, weights[name])
    return module
