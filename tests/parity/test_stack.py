"""Stacked fused layers: the same in Keras and PyTorch, and the same as cells written out."""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch
import runtun.torch
from runtun import parity

FLOORS = {"keras": runtun.keras, "torch": runtun.torch}
CELLS = {"rnn": "SimpleRNNCell", "lstm": "LSTMCell", "gru": "GRUCell"}
B, T, D, H = 3, 6, 2, 4
SHAPES = {
    "one": {},
    "deep": {"num_layers": 2},
    "both ways": {"num_layers": 2, "bidirectional": True},
}


def stack(floor, seed=1, **arguments):
    rng = np.random.default_rng(seed)
    return FLOORS[floor].RecurrentStack(D, H, rng=rng, dtype="float64", **arguments)


def run(layer, x, mask=None, state=None, training=False):
    """Outputs and all parts of the state as NumPy arrays."""
    if isinstance(layer, torch.nn.Module):
        layer.train(training)
        with torch.no_grad():
            outputs, after = layer(
                torch.tensor(x), state, None if mask is None else torch.tensor(mask)
            )
    else:
        outputs, after = layer(x, state, mask=mask, training=training)
    return np.asarray(outputs), [np.asarray(part) for layer_state in after for part in layer_state]


def assert_same(ours, theirs, atol=1e-12):
    np.testing.assert_allclose(theirs[0], ours[0], rtol=0, atol=atol)
    for a, b in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=atol)


@pytest.fixture
def x():
    return np.random.default_rng(3).normal(size=(B, T, D))


@pytest.fixture
def mask():
    return np.arange(T)[None] < np.array([6, 4, 1])[:, None]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_both_floors_are_equal(cell, shape, x, mask):
    ours, theirs = (stack(floor, cell=cell, **shape) for floor in FLOORS)
    assert_same(run(ours, x), run(theirs, x))
    assert_same(run(ours, x, mask), run(theirs, x, mask))
    weights, found = parity.weights_from_keras(ours), parity.weights_from_torch(theirs)
    assert list(weights) == list(found)
    for name in weights:
        np.testing.assert_array_equal(found[name], weights[name])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_weights_move_both_ways(cell, shape, x):
    ours, theirs = stack("keras", cell=cell, **shape), stack("torch", 2, cell=cell, **shape)
    weights = parity.weights_from_torch(theirs)
    weights = {name: value + 0.1 for name, value in weights.items()}  # no bias is zero
    parity.weights_to_keras(weights, ours)
    parity.weights_to_torch(parity.weights_from_keras(ours), theirs)
    for name, value in parity.weights_from_torch(theirs).items():
        np.testing.assert_array_equal(value, weights[name])
    assert_same(run(ours, x), run(theirs, x))


@pytest.mark.parametrize("cell", CELLS)
def test_fused_layers_equal_the_cells_written_out(cell, x, mask):
    fused = stack("torch", cell=cell, num_layers=2)
    weights = parity.weights_from_torch(fused)
    h, states = x, []
    for i, size in enumerate((D, H)):
        written = getattr(runtun.scratch, CELLS[cell])(size, H)
        written.load({name: weights[f"{i}.{name}"] for name in written.params})
        h, state = runtun.scratch.unroll(written, h, mask=mask)
        states += state
    assert_same((h, states), run(fused, x, mask))


def test_both_ways_equals_the_layers_written_out(x):
    fused = stack("torch", cell="gru", bidirectional=True)
    weights = parity.weights_from_torch(fused)
    layers = []
    for way in ("ahead", "back"):
        cell = runtun.scratch.GRUCell(D, H // 2)
        cell.load({name: weights[f"0.{way}.{name}"] for name in cell.params})
        layers.append(runtun.scratch.RNN(cell, return_sequences=True))
    expected = runtun.scratch.Bidirectional(*layers)(x)
    np.testing.assert_allclose(run(fused, x)[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("fresh", [False, True])
def test_padding_is_passed_over_as_packed_sequences_pass_it(cell, bidirectional, fresh, x, mask):
    """Outputs, states and all gradients, whichever way around the padding is taken."""
    layer = stack("torch", cell=cell, bidirectional=bidirectional)
    state = None if fresh else layer.initial_state(B)
    rng = np.random.default_rng(6)
    if not fresh:
        state = tuple(
            type(part)(*(torch.tensor(rng.normal(size=(B, H))) for _ in part)) for part in state
        )
    lengths = torch.tensor(mask.sum(axis=1))
    d_outputs = torch.tensor(rng.normal(size=(B, T, H)))
    d_state = torch.tensor(rng.normal(size=(B, H)))

    def results(run):
        tensor = torch.tensor(x, requires_grad=True)
        outputs, after = run(tensor)
        loss = (outputs * d_outputs).sum() + sum((part * d_state).sum() for part in after)
        wanted = [tensor, *(p for p in layer.parameters() if p.requires_grad)]
        return [outputs, *after, *torch.autograd.grad(loss, wanted)]

    def ours(tensor):
        outputs, after = layer(tensor, state, torch.tensor(mask))
        return outputs, after[0]

    def packed(tensor):
        module = layer.layers[0]
        before = [layer._split(part) for part in (layer.initial_state(B) if fresh else state)[0]]
        sequences = torch.nn.utils.rnn.pack_padded_sequence(
            tensor, lengths, batch_first=True, enforce_sorted=False
        )
        outputs, after = module(sequences, tuple(before) if len(before) > 1 else before[0])
        outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(
            outputs, batch_first=True, total_length=T
        )
        after = after if isinstance(after, tuple) else (after,)
        return outputs, [part.transpose(0, 1).flatten(1) for part in after]

    for found, expected in zip(results(ours), results(packed), strict=True):
        np.testing.assert_allclose(found.detach(), expected.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_carried_state_continues_the_sequence(floor, cell, x):
    """Stateful runs: two halves with the state between them are the whole."""
    layer = stack(floor, cell=cell, num_layers=2)
    whole = run(layer, x)
    first, second = (torch.tensor(half) for half in (x[:, :2], x[:, 2:]))
    if floor == "keras":
        first, second = x[:, :2], x[:, 2:]
    _, state = layer(first)
    outputs, after = layer(second, state)
    outputs = outputs.detach() if floor == "torch" else outputs
    np.testing.assert_allclose(np.asarray(outputs), whole[0][:, 2:], rtol=0, atol=1e-12)
    last = after[-1].h.detach() if floor == "torch" else after[-1].h
    np.testing.assert_allclose(np.asarray(last), whole[0][:, -1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_extra_padding_changes_nothing(floor, shape, x):
    layer = stack(floor, **shape)
    longer = np.concatenate([x, np.full((B, 3, D), 9.0)], axis=1)
    mask = np.broadcast_to(np.arange(T + 3) < T, (B, T + 3)).copy()
    outputs, states = run(layer, longer, mask)
    np.testing.assert_array_equal(outputs[:, T:], 0.0)
    assert_same(run(layer, x), (outputs[:, :T], states))


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_recurrent_dropout_that_drops_nothing_is_no_dropout(floor, cell, shape, x, mask):
    """The loop that drops computes the same as the fused one."""
    layer, plain = (stack(floor, cell=cell, recurrent_dropout=p, **shape) for p in (1e-12, 0.0))
    assert_same(run(plain, x, mask), run(layer, x, mask, training=True), atol=1e-9)


@pytest.mark.parametrize("floor", FLOORS)
def test_recurrent_dropout_drops_the_same_units_at_all_steps(floor):
    """With U = 1, a unit forgets either at every step of a sequence or at none."""
    layer = stack(floor, cell="rnn", recurrent_dropout=0.5)
    weights = {"0.W": np.full((D, H), 0.1), "0.U": np.eye(H), "0.b": np.zeros(H)}
    getattr(parity, f"weights_to_{floor}")(weights, layer)
    x = np.ones((20, T, D))
    outputs, _ = run(layer, x, training=True)
    without_memory = np.abs(outputs[:, 1:] - np.tanh(0.2)) < 1e-12  # (20, T - 1, H)
    forgets = without_memory.all(axis=1)
    np.testing.assert_array_equal(forgets, without_memory.any(axis=1))
    assert 0.25 < forgets.mean() < 0.75
    assert np.abs(run(layer, x)[0][:, 1:] - np.tanh(0.2)).min() > 0  # and never in use


@pytest.mark.parametrize("floor", FLOORS)
def test_dropout_between_layers_drops_the_same_units_at_all_steps(floor):
    layer = stack(floor, cell="rnn", num_layers=2, dropout=0.5)
    weights = {"1.W": np.eye(H), "1.U": np.zeros((H, H)), "1.b": np.zeros(H)}
    ours = {**getattr(parity, f"weights_from_{floor}")(layer), **weights}
    getattr(parity, f"weights_to_{floor}")(ours, layer)
    outputs, _ = run(layer, np.ones((20, T, D)), training=True)
    dropped = (outputs == 0).all(axis=1)
    np.testing.assert_array_equal(dropped, (outputs == 0).any(axis=1))
    assert 0.25 < dropped.mean() < 0.75


def test_dropout_of_pytorch_takes_new_units_at_each_step():
    """The trap: `nn.LSTM(dropout=...)` and `keras.layers.LSTM(dropout=...)` are two things."""
    x = np.ones((4, 50, D), "float32")
    torch.manual_seed(0)
    module = torch.nn.RNN(D, 8, 2, batch_first=True, dropout=0.5)
    with torch.no_grad():
        module.weight_ih_l1.copy_(torch.eye(8))
        module.weight_hh_l1.zero_()
        module.bias_ih_l1.zero_()
        module.bias_hh_l1.zero_()
        outputs = module(torch.tensor(x))[0].numpy()
    assert ((outputs == 0).any(axis=1) & ~(outputs == 0).all(axis=1)).all()

    layer = keras.layers.SimpleRNN(D, return_sequences=True, dropout=0.5, use_bias=False)
    layer.build((None, None, D))
    layer.set_weights([np.eye(D), np.zeros((D, D))])
    outputs = np.asarray(layer(x, training=True))
    np.testing.assert_array_equal((outputs == 0).any(axis=1), (outputs == 0).all(axis=1))


def test_a_saved_layer_computes_the_same(x, tmp_path):
    layer = stack("keras", cell="gru", num_layers=2, bidirectional=True, dropout=0.1)
    inputs = keras.Input((T, D), dtype="float64")
    model = keras.Model(inputs, layer(inputs)[0])
    expected = np.asarray(model(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(x)), expected)


@pytest.mark.parametrize("floor", FLOORS)
def test_what_does_not_fit_is_refused(floor, x, mask):
    module = FLOORS[floor]
    for arguments, message in [
        ({"cell": "elman"}, "`cell` must be one of"),
        ({"dropout": 0.2}, "at least 2; received 1"),
        ({"recurrent_dropout": 1.0}, r"must lie in \[0, 1\)"),
        ({"num_layers": 0}, "`num_layers` must be at least 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            module.RecurrentStack(D, H, **arguments)
    with pytest.raises(ValueError, match="must be even when `bidirectional`"):
        module.RecurrentStack(D, 5, bidirectional=True)
    with pytest.raises(ValueError, match="with D = 2"):
        run(stack(floor), x[..., :1])
    with pytest.raises(ValueError, match="`mask` must have shape"):
        run(stack(floor), x, mask[:, :-1])
    names = parity.weights_from_torch(stack("torch"))
    names["0.bias"] = names.pop("0.b")
    with pytest.raises(ValueError, match=r"missing \['0.b'\], unknown \['0.bias'\]"):
        getattr(parity, f"weights_to_{floor}")(names, stack(floor))


def test_a_mask_on_the_left_is_refused_by_packing(x, mask):
    with pytest.raises(ValueError, match="False on the right only"):
        run(stack("torch"), x, mask[:, ::-1].copy())
    with pytest.raises(ValueError, match="1 have none"):
        run(stack("torch"), x, np.array([[True] * T, [True] * T, [False] * T]))
