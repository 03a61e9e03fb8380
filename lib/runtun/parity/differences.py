"""What differs between the frameworks, found by asking them: each row is measured when called.

Entries are symbols, shapes and numbers, so that one table serves every language; the letters are
those of `runtun.shapes`, and L layers of G gates. What could not be found raises an error, so a
table that is shown is true of the versions that are installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import torch

B, T, D, H, L, K, C = 2, 7, 3, 5, 3, 4, 11  # all different, so that a shape names its letters
_LETTERS = {B: "B", T: "T", D: "D", H: "H", K: "K", C: "C", 3 * H: "3H", 4 * H: "4H"}
_SHUT = -30.0  # sigmoid of it is 0, tanh -1
_STATE = 1.5


class Difference(NamedTuple):
    """One row: what is asked, and what each framework answers.

    Args:
        key: the name of the row; the page that shows it has the words.
        keras: the answer of Keras.
        torch: the answer of PyTorch.
    """

    key: str
    keras: str
    torch: str


def measure_differences() -> list[Difference]:
    """Ask both frameworks; takes about two seconds.

    Returns:
        One row for each difference that a converter, or a reader of older code, must know.

    Raises:
        ValueError: if a framework answers something that is not foreseen here.

    Example:
        >>> rows = {row.key: row for row in measure_differences()}
        >>> rows["gru_gates"]
        Difference(key='gru_gates', keras='z, r, n', torch='r, z, n')
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [Difference(key, *answer()) for key, answer in _ROWS.items()]


def _letters(shape: Sequence[int], names: dict[int, str] | None = None) -> str:
    named = {**_LETTERS, **(names or {})}
    unknown = [size for size in shape if size not in named]
    if unknown:
        raise ValueError(f"no letter for the size {unknown[0]} in the shape {tuple(shape)}.")
    end = "," if len(shape) == 1 else ""
    return f"({', '.join(named[size] for size in shape)}{end})"


def _keras_weights(kind: str) -> list[np.ndarray]:
    layer = getattr(keras.layers, kind)(H)
    layer.build((None, T, D))
    return layer.get_weights()


def _input_weights() -> tuple[str, str]:
    return _letters(_keras_weights("LSTM")[0].shape), _letters(
        torch.nn.LSTM(D, H).weight_ih_l0.shape
    )


def _biases(kind: str) -> Callable[[], tuple[str, str]]:
    def answer() -> tuple[str, str]:
        module = getattr(torch.nn, kind)(D, H)
        first, second = _letters(module.bias_ih_l0.shape), _letters(module.bias_hh_l0.shape)
        return _letters(_keras_weights(kind)[2].shape, {2: "2"}), f"{first} + {second}"

    return answer


def _one_step(framework: str, kind: str, block: int) -> float:
    """The output of a layer of one unit after one step, with one gate shut (or at -1).

    All weights are zero but the recurrent one of the last gate of a GRU; all biases are 0.3.
    """
    gates = 4 if kind == "LSTM" else 3
    bias = np.full(gates, 0.3, "float32")
    bias[block] = _SHUT
    U = np.zeros((1, gates), "float32")
    if kind == "GRU":
        U[0, 2] = 0.7
    x = np.zeros((1, 1, 1), "float32")
    before = np.full((1, 1), _STATE, "float32")
    if framework == "keras":
        layer = getattr(keras.layers, kind)(1)
        layer.build((None, 1, 1))
        b = bias if kind == "LSTM" else np.stack([bias, np.zeros_like(bias)])
        layer.set_weights([np.zeros((1, gates), "float32"), U, b])
        state = [before, before] if kind == "LSTM" else [before]
        return float(np.asarray(layer(x, initial_state=state)).item())
    module = getattr(torch.nn, kind)(1, 1, batch_first=True)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.bias_ih_l0.copy_(torch.tensor(bias))
        module.weight_hh_l0.copy_(torch.tensor(U.T))
        state = torch.tensor(before[None])
        outputs, _ = module(torch.tensor(x), (state, state) if kind == "LSTM" else state)
    return float(outputs)


def _gate_order(kind: str) -> Callable[[], tuple[str, str]]:
    """Shut one gate after the other and compare with what each would do."""

    def answer() -> tuple[str, str]:
        s, t = float(1 / (1 + np.exp(-0.3))), float(np.tanh(0.3))
        if kind == "LSTM":
            expected = {
                "i": s * np.tanh(s * _STATE),  # c = f c_prev
                "f": s * np.tanh(s * t),  # c = i g
                "g": s * np.tanh(s * _STATE - s),  # c = f c_prev - i
                "o": 0.0,
            }
        else:
            expected = {
                "z": np.tanh(0.3 + s * 0.7 * _STATE),  # h = n
                "r": s * _STATE + (1 - s) * t,
                "n": s * _STATE - (1 - s),
            }
        orders = []
        for framework in ("keras", "torch"):
            found = [_one_step(framework, kind, block) for block in range(len(expected))]
            names = [min(expected, key=lambda g: abs(expected[g] - value)) for value in found]
            errors = [abs(expected[g] - value) for g, value in zip(names, found, strict=True)]
            if max(errors) > 1e-5 or len(set(names)) < len(names):
                raise ValueError(f"the gates of {framework}'s {kind} do not act as foreseen.")
            orders.append(", ".join(names))
        return orders[0], orders[1]

    return answer


def _returned_state() -> tuple[str, str]:
    x = np.zeros((B, T, D), "float32")
    outputs = keras.layers.LSTM(H, return_sequences=True, return_state=True)(x)
    y, h, c = (_letters(part.shape) for part in outputs)
    y_torch, (h_n, c_n) = torch.nn.LSTM(D, H, L, batch_first=True)(torch.tensor(x))
    names = {L: "L"}
    parts = [_letters(y_torch.shape), _letters(h_n.shape, names), _letters(c_n.shape, names)]
    return f"y {y}, h {h}, c {c}", f"y {parts[0]}, (h {parts[1]}, c {parts[2]})"


def _recurrent_start() -> tuple[str, str]:
    U = _keras_weights("LSTM")[1].astype("float64")
    if np.abs(U @ U.T - np.eye(H)).max() > 1e-5:
        raise ValueError("the recurrent weights of Keras do not start orthogonal.")
    with torch.no_grad():
        scaled = torch.nn.LSTM(D, 100).weight_hh_l0.abs() * 10  # times the root of H
    if not 0.99 < float(scaled.max()) <= 1 or not 0.45 < float(scaled.mean()) < 0.55:
        raise ValueError("the recurrent weights of PyTorch do not start uniform in ±1/√H.")
    return "U Uᵀ = 1", "|U| < 1/√H"


def _forget_bias() -> tuple[str, str]:
    start = _keras_weights("LSTM")[2][H : 2 * H]
    module = torch.nn.LSTM(D, 100)
    b = (module.bias_ih_l0 + module.bias_hh_l0).detach()[100:200]
    if abs(float(b.mean())) > 0.05:
        raise ValueError(f"the forget bias of PyTorch starts around {float(b.mean()):.2f}.")
    if start.min() != start.max():
        raise ValueError("the forget biases of Keras do not start at one value.")
    return f"{start[0]:g}", "≈ 0"


def _layer_norm_epsilon() -> tuple[str, str]:
    x = np.array([[-1e-3, 1e-3]])  # of variance 1e-6, so epsilon decides
    theirs = torch.nn.LayerNorm(2, dtype=torch.float64)(torch.tensor(x)).detach().numpy()
    ours = np.asarray(keras.layers.LayerNormalization(dtype="float64")(x))
    found = [float((x[0, 1] / y[0, 1]) ** 2 - 1e-6) for y in (ours, theirs)]
    return f"{found[0]:.0e}", f"{found[1]:.0e}"


def _adam_epsilon() -> tuple[str, str]:
    theirs = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))]).defaults["eps"]
    return f"{keras.optimizers.Adam().epsilon:.0e}", f"{theirs:.0e}"


def _dropout() -> tuple[str, str]:
    """Does a unit that is dropped at one step stay dropped at the others?"""
    x = np.ones((1, 200, D), "float32")
    layer = keras.layers.SimpleRNN(D, return_sequences=True, dropout=0.5, use_bias=False, seed=0)
    layer.build((None, None, D))
    layer.set_weights([np.eye(D), np.zeros((D, D))])
    module = torch.nn.RNN(D, D, 2, batch_first=True, dropout=0.5)
    with torch.no_grad():
        module.weight_ih_l1.copy_(torch.eye(D))
        for name in ("weight_hh_l1", "bias_ih_l1", "bias_hh_l1"):
            getattr(module, name).zero_()
        theirs = module(torch.tensor(x))[0].numpy()
    answers = []
    for outputs in (np.asarray(layer(x, training=True)), theirs):
        dropped = outputs == 0
        same = (dropped.all(axis=1) == dropped.any(axis=1)).all()
        answers.append("m" if same else "m_t")
    return answers[0], answers[1]


def _masked_output() -> tuple[str, str]:
    x = np.random.default_rng(0).normal(size=(1, T, D)).astype("float32")
    mask = np.arange(T)[None] < T - 2
    ours = np.asarray(keras.layers.LSTM(H, return_sequences=True)(x, mask=mask))
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), [T - 2], batch_first=True)
    outputs, _ = torch.nn.LSTM(D, H, batch_first=True)(packed)
    theirs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True, total_length=T)
    answers = []
    for y in (ours, theirs.detach().numpy()):
        if (y[:, -2:] == 0).all():
            answers.append("0")
        elif (y[:, -2:] == y[:, T - 3 : T - 2]).all():
            answers.append("y_{t-1}")
        else:
            raise ValueError("the outputs at masked steps are neither zero nor repeated.")
    return answers[0], answers[1]


def _clip_norm() -> tuple[str, str]:
    """Two weights with gradients 3 and 4, clipped to the norm 1."""
    variables = [keras.Variable([0.0]), keras.Variable([0.0])]
    keras.optimizers.SGD(1.0, clipnorm=1.0).apply(
        [keras.ops.convert_to_tensor([3.0]), keras.ops.convert_to_tensor([4.0])], variables
    )
    ours = [-float(np.asarray(variable).item()) for variable in variables]
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    for parameter, gradient in zip(parameters, (3.0, 4.0), strict=True):
        parameter.grad = torch.tensor([gradient])
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    theirs = [float(parameter.grad) for parameter in parameters]
    return tuple(f"({a:.1f}, {b:.1f})" for a, b in (ours, theirs))


def _attention_mask() -> tuple[str, str]:
    """Where the mask is True: is there weight, or none?"""
    x = np.random.default_rng(0).normal(size=(1, 2, 4)).astype("float32")
    mask = np.array([[True, False], [True, False]])
    layer = keras.layers.MultiHeadAttention(1, 4)
    _, ours = layer(x, x, attention_mask=mask[None], return_attention_scores=True)
    module = torch.nn.MultiheadAttention(4, 1, batch_first=True)
    tensor = torch.tensor(x)
    _, theirs = module(tensor, tensor, tensor, attn_mask=torch.tensor(mask))
    weights = [np.asarray(ours)[0, 0], theirs.detach().numpy()[0]]
    return tuple("w > 0" if (w[mask] > 0.5).all() else "w = 0" for w in weights)


def _convolution_weights() -> tuple[str, str]:
    layer = keras.layers.Conv1D(C, K)
    layer.build((None, T, D))
    return _letters(layer.kernel.shape), _letters(torch.nn.Conv1d(D, C, K).weight.shape)


def _convolution_input() -> tuple[str, str]:
    y = keras.layers.Conv1D(C, 1)(np.zeros((B, T, D), "float32"))
    z = torch.nn.Conv1d(D, C, 1)(torch.zeros(B, D, T))
    if _letters(y.shape) != "(B, T, C)" or _letters(z.shape) != "(B, C, T)":
        raise ValueError("the axes of a convolution are not where they are foreseen.")
    return "(B, T, D)", "(B, D, T)"


def _last_of_both_ways() -> tuple[str, str]:
    """Of which step is the second half of what a layer both ways calls its last output?"""
    x = np.random.default_rng(0).normal(size=(1, T, D)).astype("float32")
    layer = keras.layers.Bidirectional(keras.layers.SimpleRNN(H, return_sequences=True))
    every = np.asarray(layer(x))
    layer.forward_layer.return_sequences = layer.backward_layer.return_sequences = False
    layer.return_sequences = False
    last = np.asarray(layer(x))
    if not np.allclose(last[:, H:], every[:, 0, H:], atol=1e-6):
        raise ValueError("the last output of Keras does not hold the first step's second half.")
    module = torch.nn.RNN(D, H, batch_first=True, bidirectional=True)
    outputs, h_n = module(torch.tensor(x))
    if not torch.allclose(h_n[-1], outputs[:, 0, H:], atol=1e-6):
        raise ValueError("the last state of PyTorch is not that of the first step.")
    return "y", "h_n[-2], h_n[-1]"


_ROWS: dict[str, Callable[[], tuple[str, ...]]] = {
    "input_weights": _input_weights,
    "lstm_gates": _gate_order("LSTM"),
    "gru_gates": _gate_order("GRU"),
    "lstm_bias": _biases("LSTM"),
    "gru_bias": _biases("GRU"),
    "returned_state": _returned_state,
    "recurrent_start": _recurrent_start,
    "forget_bias": _forget_bias,
    "layer_norm_epsilon": _layer_norm_epsilon,
    "adam_epsilon": _adam_epsilon,
    "dropout": _dropout,
    "masked_output": _masked_output,
    "clip_norm": _clip_norm,
    "attention_mask": _attention_mask,
    "convolution_weights": _convolution_weights,
    "convolution_input": _convolution_input,
    "last_of_both_ways": _last_of_both_ways,
}
