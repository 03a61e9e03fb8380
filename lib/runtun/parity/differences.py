"""What differs between the frameworks, found by asking them: each row is measured when called.

Entries are symbols, shapes and numbers, so that one table serves every language; the letters are
those of `runtun.shapes`. What could not be found raises an error, so a
table that is shown is true of the versions that are installed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch
from flax import nnx

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
        nnx: the answer of Flax NNX; a dash where it has nothing to answer with.
    """

    key: str
    keras: str
    torch: str
    nnx: str


def measure_differences() -> list[Difference]:
    """Ask the frameworks; takes a few seconds.

    Returns:
        One row for each difference that a converter, or a reader of older code, must know.

    Raises:
        ValueError: if a framework answers something that is not foreseen here.

    Example:
        >>> rows = {row.key: row for row in measure_differences()}
        >>> rows["gru_gates"]
        Difference(key='gru_gates', keras='z, r, n', torch='r, z, n', nnx='r, z, n')
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


def _nnx_cell(kind: str, input_size: int = D, hidden_size: int = H) -> nnx.Module:
    return getattr(nnx, f"{kind}Cell")(input_size, hidden_size, rngs=nnx.Rngs(0))


def _nnx_shapes(kind: str, name: str) -> list[tuple[int, ...]]:
    """The shapes of the input kernels, or of all biases, of a cell of Flax."""
    cell = _nnx_cell(kind)
    layers = {key: part for key, part in vars(cell).items() if isinstance(part, nnx.Linear)}
    if name == "kernel":
        layers = {key: layer for key, layer in layers.items() if layer.kernel.shape[0] == D}
    values = [getattr(layer, name, None) for layer in layers.values()]
    return [value.shape for value in values if value is not None and value[...] is not None]


def _times(shapes: list[tuple[int, ...]]) -> str:
    if len(set(shapes)) != 1:
        raise ValueError(f"the parts of a cell of Flax have different shapes: {shapes}.")
    return _letters(shapes[0]) if len(shapes) == 1 else f"{len(shapes)} × {_letters(shapes[0])}"


def _input_weights() -> tuple[str, str, str]:
    theirs = torch.nn.LSTM(D, H).weight_ih_l0.shape
    flax = _times(_nnx_shapes("LSTM", "kernel"))
    return _letters(_keras_weights("LSTM")[0].shape), _letters(theirs), flax


def _biases(kind: str) -> Callable[[], tuple[str, str, str]]:
    def answer() -> tuple[str, str, str]:
        module = getattr(torch.nn, kind)(D, H)
        first, second = _letters(module.bias_ih_l0.shape), _letters(module.bias_hh_l0.shape)
        ours = _letters(_keras_weights(kind)[2].shape, {2: "2"})
        return ours, f"{first} + {second}", _times(_nnx_shapes(kind, "bias"))

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
    if framework == "nnx":
        cell = _nnx_cell("OptimizedLSTM" if kind == "LSTM" else kind, 1, 1)
        biased = cell.dense_h if kind == "LSTM" else cell.dense_i
        cell.dense_i.kernel[...] = jnp.zeros((1, gates))
        cell.dense_h.kernel[...] = jnp.asarray(U)
        biased.bias[...] = jnp.asarray(bias)
        state = jnp.asarray(before)
        _, output = cell((state, state) if kind == "LSTM" else state, jnp.asarray(x[:, 0]))
        return float(output.item())
    module = getattr(torch.nn, kind)(1, 1, batch_first=True)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.bias_ih_l0.copy_(torch.tensor(bias))
        module.weight_hh_l0.copy_(torch.tensor(U.T))
        state = torch.tensor(before[None])
        outputs, _ = module(torch.tensor(x), (state, state) if kind == "LSTM" else state)
    return float(outputs)


def _gate_order(kind: str) -> Callable[[], tuple[str, ...]]:
    """Shut one gate after the other and compare with what each would do."""

    def answer() -> tuple[str, ...]:
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
        for framework in ("keras", "torch", "nnx"):
            found = [_one_step(framework, kind, block) for block in range(len(expected))]
            names = [min(expected, key=lambda g: abs(expected[g] - value)) for value in found]
            errors = [abs(expected[g] - value) for g, value in zip(names, found, strict=True)]
            if max(errors) > 1e-5 or len(set(names)) < len(names):
                raise ValueError(f"the gates of {framework}'s {kind} do not act as foreseen.")
            orders.append(", ".join(names))
        return tuple(orders)

    return answer


def _returned_state() -> tuple[str, str, str]:
    x = np.zeros((B, T, D), "float32")
    outputs = keras.layers.LSTM(H, return_sequences=True, return_state=True)(x)
    y, h, c = (_letters(part.shape) for part in outputs)
    y_torch, (h_n, c_n) = torch.nn.LSTM(D, H, L, batch_first=True)(torch.tensor(x))
    names = {L: "L"}
    parts = [_letters(y_torch.shape), _letters(h_n.shape, names), _letters(c_n.shape, names)]
    layer = nnx.RNN(_nnx_cell("LSTM"), return_carry=True)
    carry, y_flax = layer(jnp.ones((B, T, D)))
    is_last = [bool(jnp.allclose(part, y_flax[:, -1])) for part in carry]
    if sorted(is_last) != [False, True]:
        raise ValueError("the carry of Flax does not hold h and c.")
    flax = ", ".join(
        f"{'h' if last else 'c'} {_letters(part.shape)}"
        for last, part in zip(is_last, carry, strict=True)
    )
    return (
        f"y {y}, h {h}, c {c}",
        f"y {parts[0]}, (h {parts[1]}, c {parts[2]})",
        f"({flax}), y {_letters(y_flax.shape)}",
    )


def _recurrent_start() -> tuple[str, str, str]:
    U = _keras_weights("LSTM")[1].astype("float64")
    if np.abs(U @ U.T - np.eye(H)).max() > 1e-5:
        raise ValueError("the recurrent weights of Keras do not start orthogonal.")
    with torch.no_grad():
        scaled = torch.nn.LSTM(D, 100).weight_hh_l0.abs() * 10  # times the root of H
    if not 0.99 < float(scaled.max()) <= 1 or not 0.45 < float(scaled.mean()) < 0.55:
        raise ValueError("the recurrent weights of PyTorch do not start uniform in ±1/√H.")
    cell = _nnx_cell("LSTM")
    for gate in (cell.hi, cell.hf, cell.hg, cell.ho):
        U = np.asarray(gate.kernel[...], "float64")
        if np.abs(U @ U.T - np.eye(H)).max() > 1e-5:
            raise ValueError("the recurrent weights of a gate of Flax do not start orthogonal.")
    return "U Uᵀ = 1", "|U| < 1/√H", "Uᵢ Uᵢᵀ = 1"


def _forget_bias() -> tuple[str, str, str]:
    start = _keras_weights("LSTM")[2][H : 2 * H]
    module = torch.nn.LSTM(D, 100)
    b = (module.bias_ih_l0 + module.bias_hh_l0).detach()[100:200]
    if abs(float(b.mean())) > 0.05:
        raise ValueError(f"the forget bias of PyTorch starts around {float(b.mean()):.2f}.")
    if start.min() != start.max():
        raise ValueError("the forget biases of Keras do not start at one value.")
    flax = np.asarray(_nnx_cell("LSTM").hf.bias[...])
    if flax.min() != flax.max():
        raise ValueError("the forget biases of Flax do not start at one value.")
    return f"{start[0]:g}", "≈ 0", f"{flax[0]:g}"


def _layer_norm_epsilon() -> tuple[str, ...]:
    x = np.array([[-1e-3, 1e-3]])  # of variance 1e-6, so epsilon decides
    theirs = torch.nn.LayerNorm(2, dtype=torch.float64)(torch.tensor(x)).detach().numpy()
    ours = np.asarray(keras.layers.LayerNormalization(dtype="float64")(x))
    flax = np.asarray(nnx.LayerNorm(2, rngs=nnx.Rngs(0))(jnp.asarray(x, "float32")))
    found = [float((x[0, 1] / y[0, 1]) ** 2 - 1e-6) for y in (ours, theirs, flax)]
    return tuple(f"{epsilon:.0e}" for epsilon in found)


def _adam_epsilon() -> tuple[str, ...]:
    """Flax trains with Optax, which keeps its epsilon to itself: a step shows it."""
    theirs = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))]).defaults["eps"]
    adam, start, gradient = optax.adam(1.0), jnp.zeros(1), jnp.full(1, 1e-8)
    step, _ = adam.update(gradient, adam.init(start), start)
    flax = 1e-8 * (-1 / float(step.item()) - 1)  # the step is g / (g + epsilon)
    return f"{keras.optimizers.Adam().epsilon:.0e}", f"{theirs:.0e}", f"{flax:.0e}"


def _dropout() -> tuple[str, str, str]:
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
    if "dropout" in "".join(inspect.signature(nnx.LSTMCell).parameters):
        raise ValueError("the cells of Flax have dropout, which is not foreseen.")
    return answers[0], answers[1], "–"


def _masked_output() -> tuple[str, ...]:
    x = np.random.default_rng(0).normal(size=(1, T, D)).astype("float32")
    mask = np.arange(T)[None] < T - 2
    ours = np.asarray(keras.layers.LSTM(H, return_sequences=True)(x, mask=mask))
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), [T - 2], batch_first=True)
    outputs, _ = torch.nn.LSTM(D, H, batch_first=True)(packed)
    theirs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True, total_length=T)
    layer = nnx.RNN(_nnx_cell("LSTM"))
    flax = np.asarray(layer(jnp.asarray(x), seq_lengths=jnp.asarray([T - 2])))
    whole = np.asarray(layer(jnp.asarray(x)))
    answers = []
    for y in (ours, theirs.detach().numpy(), flax):
        if (y[:, -2:] == 0).all():
            answers.append("0")
        elif (y[:, -2:] == y[:, T - 3 : T - 2]).all():
            answers.append("y_{t-1}")
        elif y is flax and (y == whole).all():
            answers.append("y_t")
        else:
            raise ValueError("the outputs at masked steps are not as foreseen.")
    return tuple(answers)


def _clip_norm() -> tuple[str, ...]:
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
    clip, gradients = optax.clip_by_global_norm(1.0), [jnp.asarray(3.0), jnp.asarray(4.0)]
    flax = [float(part) for part in clip.update(gradients, clip.init(gradients))[0]]
    return tuple(f"({a:.1f}, {b:.1f})" for a, b in (ours, theirs, flax))


def _attention_mask() -> tuple[str, ...]:
    """Where the mask is True: is there weight, or none?"""
    x = np.random.default_rng(0).normal(size=(1, 2, 4)).astype("float32")
    mask = np.array([[True, False], [True, False]])
    layer = keras.layers.MultiHeadAttention(1, 4)
    _, ours = layer(x, x, attention_mask=mask[None], return_attention_scores=True)
    module = torch.nn.MultiheadAttention(4, 1, batch_first=True)
    tensor = torch.tensor(x)
    _, theirs = module(tensor, tensor, tensor, attn_mask=torch.tensor(mask))
    flax = nnx.MultiHeadAttention(1, 4, decode=False, rngs=nnx.Rngs(0))
    flax(jnp.asarray(x), mask=jnp.asarray(mask)[None, None], sow_weights=True)
    (sown,) = flax.attention_weights.get_value()
    weights = [np.asarray(ours)[0, 0], theirs.detach().numpy()[0], np.asarray(sown)[0, 0]]
    return tuple("w > 0" if (w[mask] > 0.5).all() else "w = 0" for w in weights)


def _convolution_weights() -> tuple[str, ...]:
    layer = keras.layers.Conv1D(C, K)
    layer.build((None, T, D))
    theirs, flax = torch.nn.Conv1d(D, C, K).weight, nnx.Conv(D, C, (K,), rngs=nnx.Rngs(0)).kernel
    return tuple(_letters(weights.shape) for weights in (layer.kernel, theirs, flax))


def _convolution_input() -> tuple[str, str, str]:
    y = keras.layers.Conv1D(C, 1)(np.zeros((B, T, D), "float32"))
    z = torch.nn.Conv1d(D, C, 1)(torch.zeros(B, D, T))
    w = nnx.Conv(D, C, (1,), rngs=nnx.Rngs(0))(jnp.zeros((B, T, D)))
    if [_letters(a.shape) for a in (y, z, w)] != ["(B, T, C)", "(B, C, T)", "(B, T, C)"]:
        raise ValueError("the axes of a convolution are not where they are foreseen.")
    return "(B, T, D)", "(B, D, T)", "(B, T, D)"


def _last_of_both_ways() -> tuple[str, str, str]:
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
    ways = [nnx.RNN(_nnx_cell("Simple")) for _ in range(2)]
    (first, second), flax = nnx.Bidirectional(*ways, return_carry=True)(jnp.asarray(x))
    if not jnp.allclose(jnp.concatenate([first, second], -1)[:, H:], flax[:, 0, H:], atol=1e-6):
        raise ValueError("the last carry of Flax is not that of the first step.")
    return "y", "h_n[-2], h_n[-1]", "carry[0], carry[1]"


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
