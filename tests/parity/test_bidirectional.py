"""Both directions and masks: the same on every floor and as in the frameworks' own layers."""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch
import runtun.torch
from runtun import parity
from runtun.scratch import check_gradients
from tests.parity.floors import assert_equal, run_keras, run_scratch, run_torch

FLOORS = {"scratch": runtun.scratch, "keras": runtun.keras, "torch": runtun.torch}
RUN = {"keras": run_keras, "torch": run_torch}
B, T, D, H = 3, 6, 2, 4
CELLS = ["SimpleRNNCell", "LSTMCell", "GRUCell", "LayerNormRNNCell"]


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def build(floor, merge="concat", return_sequences=True, cell="LSTMCell"):
    rng, module = np.random.default_rng(1), FLOORS[floor]
    layers = [
        module.RNN(
            getattr(module, cell)(D, H, rng=rng, dtype="float64"),
            return_sequences=return_sequences,
        )
        for _ in range(2)
    ]
    return module.Bidirectional(*layers, merge)


def call(floor, layer, x, **arguments):
    if floor == "torch":
        arguments = {name: torch.tensor(value) for name, value in arguments.items()}
        return layer(torch.tensor(x), **arguments).detach().numpy()
    return np.asarray(layer(x, **arguments))


@pytest.fixture
def mask():
    return np.arange(T)[None] < np.array([6, 4, 1])[:, None]


@pytest.mark.parametrize("merge", ["concat", "sum", "mul", "ave"])
@pytest.mark.parametrize("return_sequences", [True, False])
def test_gradients_match_central_differences(merge, return_sequences, rng):
    check_gradients(build("scratch", merge, return_sequences), rng.normal(size=(2, 4, D)))


@pytest.mark.parametrize("floor", RUN)
@pytest.mark.parametrize("merge", ["concat", "mul", "ave"])
@pytest.mark.parametrize("return_sequences", [True, False])
def test_outputs_and_gradients_equal_those_by_hand(floor, merge, return_sequences, rng):
    x = rng.normal(size=(B, T, D))
    model = build("scratch", merge, return_sequences)
    d_outputs = rng.normal(size=model(x).shape)
    ours = run_scratch(model, x, d_outputs)
    ours = {name: ours[name] for name in ["outputs", "x", *model.params]}
    assert_equal(ours, RUN[floor](build(floor, merge, return_sequences), x, d_outputs))


def test_it_equals_the_layer_of_keras(rng):
    x = rng.normal(size=(B, T, D))
    ours = build("scratch")
    theirs = keras.layers.Bidirectional(
        keras.layers.LSTM(H, return_sequences=True, dtype="float64"), dtype="float64"
    )
    theirs.build((None, T, D))
    parity.lstm_to_keras(ours.ahead.params, theirs.forward_layer)
    parity.lstm_to_keras(ours.back.params, theirs.backward_layer)
    np.testing.assert_allclose(np.asarray(theirs(x)), ours(x), rtol=0, atol=1e-12)


def test_it_equals_the_layer_of_pytorch_whose_last_step_is_a_trap(rng):
    x = rng.normal(size=(B, T, D))
    module = torch.nn.LSTM(D, H, batch_first=True, bidirectional=True, dtype=torch.float64)
    every, last = build("scratch"), build("scratch", return_sequences=False)
    parity.lstm_to_torch([every.ahead.params, every.back.params], module)
    outputs, (h_n, _) = module(torch.tensor(x))
    np.testing.assert_allclose(outputs.detach().numpy(), every(x), rtol=0, atol=1e-12)
    right = torch.cat([h_n[-2], h_n[-1]], dim=-1).detach().numpy()
    np.testing.assert_allclose(right, last(x), rtol=0, atol=1e-12)
    # At the last step the layer from the end has read one input only.
    assert np.abs(outputs[:, -1].detach().numpy() - last(x)).max() > 0.01


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("return_sequences", [True, False])
def test_extra_padding_changes_nothing(floor, cell, return_sequences, rng):
    x = rng.normal(size=(B, T, D))
    padded = np.concatenate([x, np.full((B, 3, D), 9.0)], axis=1)
    mask = np.broadcast_to(np.arange(T + 3) < T, (B, T + 3)).copy()
    layer = build(floor, return_sequences=return_sequences, cell=cell)
    found = call(floor, layer, padded, mask=mask)
    expected = call(floor, layer, x)
    if return_sequences:
        np.testing.assert_array_equal(found[:, T:], 0.0)
        found = found[:, :T]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("floor", FLOORS)
def test_masks_give_the_same_on_every_floor(floor, mask, rng):
    x = rng.normal(size=(B, T, D))
    for return_sequences in (True, False):
        expected = build("scratch", return_sequences=return_sequences)(x, mask)
        layer = build(floor, return_sequences=return_sequences)
        found = call(floor, layer, x, mask=mask)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_masks_equal_packed_sequences_of_pytorch(mask, rng):
    x = rng.normal(size=(B, T, D))
    layer = build("scratch")
    module = torch.nn.LSTM(D, H, batch_first=True, bidirectional=True, dtype=torch.float64)
    parity.lstm_to_torch([layer.ahead.params, layer.back.params], module)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(x), mask.sum(axis=1), batch_first=True, enforce_sorted=False
    )
    outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(
        module(packed)[0], batch_first=True, total_length=T
    )
    np.testing.assert_allclose(outputs.detach().numpy(), layer(x, mask), rtol=0, atol=1e-12)


def test_a_saved_layer_computes_the_same(rng, tmp_path):
    x = rng.normal(size=(B, T, D))
    model = runtun.keras.Stacked(build("keras"))
    expected = np.asarray(model(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(x)), expected)


@pytest.mark.parametrize("floor", ["scratch", "torch"])
def test_a_mask_that_cannot_be_used_is_refused(floor, mask, rng):
    x = rng.normal(size=(B, T, D))
    layer = build(floor)
    nothing = mask.copy()
    nothing[1] = False
    with pytest.raises(ValueError, match="1 have none"):
        call(floor, layer, x, mask=nothing)
    with pytest.raises(ValueError, match="`mask` must have shape"):
        call(floor, layer, x, mask=mask[:, :-1])
    with pytest.raises(TypeError, match="must be boolean"):
        call(floor, layer, x, mask=mask.astype(float))


def test_backward_after_a_mask_is_refused(mask, rng):
    layer = build("scratch")
    outputs = layer(rng.normal(size=(B, T, D)), mask)
    with pytest.raises(ValueError, match="without a mask"):
        layer.backward(np.ones_like(outputs))


@pytest.mark.parametrize("floor", FLOORS)
def test_layers_that_do_not_fit_are_refused(floor):
    module = FLOORS[floor]
    cell, other = module.SimpleRNNCell(D, H), module.SimpleRNNCell(D, H)
    with pytest.raises(ValueError, match="cells of their own"):
        module.Bidirectional(module.RNN(cell), module.RNN(cell))
    with pytest.raises(ValueError, match="`merge` must be one of"):
        module.Bidirectional(module.RNN(cell), module.RNN(other), "concatenate")
    with pytest.raises(ValueError, match="same `return_sequences`"):
        module.Bidirectional(module.RNN(cell, return_sequences=True), module.RNN(other))
    with pytest.raises(ValueError, match="outputs of the same size"):
        module.Bidirectional(
            module.RNN(cell), module.RNN(module.SimpleRNNCell(D, H + 1)), merge="sum"
        )
