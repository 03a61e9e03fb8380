"""Convolutions over time: by hand, in Keras and in PyTorch the same, and causal."""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch
import runtun.torch
from runtun import parity
from runtun.scratch import RNN, CausalConv1D, Conv1D, Dense, GRUCell, Stacked, check_gradients
from tests.parity.floors import assert_equal, run_keras, run_scratch, run_torch

FLOORS = {"scratch": runtun.scratch, "keras": runtun.keras, "torch": runtun.torch}
RUN = {"keras": run_keras, "torch": run_torch}
B, T, D, C = 2, 11, 3, 4
LAYERS = {
    "plain": lambda f, o: f.Conv1D(D, C, 3, **o),
    "strided": lambda f, o: f.Conv1D(D, C, 4, stride=2, **o),
    "one step": lambda f, o: f.Conv1D(D, C, 1, **o),
    "dilated": lambda f, o: f.Conv1D(D, C, 3, dilation=2, **o),
    "causal": lambda f, o: f.CausalConv1D(D, C, 2, **o),
    "causal dilated": lambda f, o: f.CausalConv1D(D, C, 3, dilation=4, **o),
}


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def build(floor, name):
    layer = LAYERS[name](FLOORS[floor], {"rng": np.random.default_rng(1), "dtype": "float64"})
    if floor == "scratch":
        layer.b[:] = np.random.default_rng(2).normal(size=C)
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_match_central_differences(name, rng):
    check_gradients(build("scratch", name), rng.normal(size=(B, T, D)), rng=rng)


def test_gradients_of_a_strided_convolution_under_a_gru(rng):
    model = Stacked(
        Conv1D(D, C, 4, stride=2, rng=rng), RNN(GRUCell(C, 3, rng=rng)), Dense(3, 1, rng=rng)
    )
    check_gradients(model, rng.normal(size=(B, T, D)), rng=rng)


@pytest.mark.parametrize("floor", RUN)
@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_gradients_equal_those_by_hand(floor, name, rng):
    x = rng.normal(size=(B, T, D))
    layer, theirs = build("scratch", name), build(floor, name)
    getattr(parity, f"conv_to_{floor}")(layer.params, theirs)
    d_outputs = rng.normal(size=layer(x).shape)
    ours = run_scratch(layer, x, d_outputs)
    assert_equal(ours, RUN[floor](theirs, x, d_outputs))


@pytest.mark.parametrize("dilation", [1, 4])
def test_causal_equals_the_padding_of_keras(dilation, rng):
    x = rng.normal(size=(B, T, D))
    ours = CausalConv1D(D, C, 3, dilation=dilation, rng=rng)
    theirs = keras.layers.Conv1D(C, 3, padding="causal", dilation_rate=dilation, dtype="float64")
    parity.conv_to_keras(ours.params, theirs)
    np.testing.assert_allclose(np.asarray(theirs(x)), ours(x), rtol=0, atol=1e-12)


def test_strided_equals_the_layer_of_pytorch(rng):
    x = rng.normal(size=(B, T, D))
    ours = Conv1D(D, C, 4, stride=2, rng=rng)
    theirs = torch.nn.Conv1d(D, C, 4, stride=2, dtype=torch.float64)
    parity.conv_to_torch(ours.params, theirs)
    found = theirs(torch.tensor(x).transpose(1, 2)).transpose(1, 2).detach().numpy()
    np.testing.assert_allclose(found, ours(x), rtol=0, atol=1e-12)


def test_weights_round_trip_bit_for_bit(rng):
    weights = {"W": rng.normal(size=(3, D, C)), "b": rng.normal(size=C)}
    module = parity.conv_to_torch(weights, torch.nn.Conv1d(D, C, 3, dtype=torch.float64))
    layer = keras.layers.Conv1D(C, 3, dtype="float64")
    back = parity.conv_from_keras(parity.conv_to_keras(parity.conv_from_torch(module), layer))
    for name, weight in weights.items():
        np.testing.assert_array_equal(back[name], weight)


@pytest.mark.parametrize("name", ["causal", "causal dilated"])
def test_the_present_does_not_depend_on_the_future(name, rng):
    layer = build("scratch", name)
    x = rng.normal(size=(B, T, D))
    before = layer(x)
    x[:, 7] += 1.0
    changed = np.abs(layer(x) - before).max(axis=(0, 2)) > 0
    seen = {7 + k * layer.dilation for k in range(layer.kernel_size)}
    assert set(np.flatnonzero(changed)) == {t for t in seen if t < T}


@pytest.mark.parametrize("name", ["strided", "causal dilated"])
def test_a_saved_layer_computes_the_same(name, rng, tmp_path):
    x = rng.normal(size=(B, T, D))
    model = runtun.keras.Stacked(build("keras", name))
    expected = np.asarray(model(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(x)), expected)


@pytest.mark.parametrize("floor", FLOORS)
def test_what_does_not_fit_is_refused(floor):
    module = FLOORS[floor]
    make = torch.zeros if floor == "torch" else lambda *shape: np.zeros(shape, "float32")
    with pytest.raises(ValueError, match="at least 5 steps"):
        module.Conv1D(D, C, 3, dilation=2)(make(B, 4, D))
    with pytest.raises(ValueError, match="with D = 3"):
        module.CausalConv1D(D, C, 3)(make(B, 4, D + 1))
    with pytest.raises(ValueError, match="`dilation` must be at least 1"):
        module.CausalConv1D(D, C, 3, dilation=0)
