"""Weights survive the way from framework to framework bit for bit."""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.torch
from runtun import parity

D, H = 3, 4
TORCH = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
KERAS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def convert(kind, direction):
    return getattr(parity, f"{kind}_{direction}")


def assert_same(a, b):
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


@pytest.fixture
def rng():
    return np.random.default_rng(2)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_keras_to_torch_and_back(kind):
    layer = KERAS[kind](H, bias_initializer="random_normal")
    layer.build((None, None, D))
    weights = convert(kind, "from_keras")(layer)
    module = convert(kind, "to_torch")(weights, TORCH[kind](D, H, batch_first=True))
    back = convert(kind, "from_torch")(module)
    assert_same(back, weights)
    other = convert(kind, "to_keras")(back, KERAS[kind](H))
    assert_same(convert(kind, "from_keras")(other), weights)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_converted_layers_compute_the_same(kind, rng):
    layer = KERAS[kind](H, return_sequences=True, dtype="float64", bias_initializer="random_normal")
    x = rng.normal(size=(2, 5, D))
    expected = layer(x).numpy()
    module = TORCH[kind](D, H, batch_first=True, dtype=torch.float64)
    convert(kind, "to_torch")(convert(kind, "from_keras")(layer), module)
    found = module(torch.tensor(x))[0].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_gru_without_the_swap_of_gates_is_wrong(rng):
    """The trap: Keras orders the gates z, r, n and PyTorch r, z, n."""
    layer = keras.layers.GRU(H, return_sequences=True, dtype="float64")
    x = rng.normal(size=(2, 5, D))
    expected = layer(x).numpy()
    W, U, b = layer.get_weights()
    module = torch.nn.GRU(D, H, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        module.weight_ih_l0.copy_(torch.tensor(W.T))
        module.weight_hh_l0.copy_(torch.tensor(U.T))
        module.bias_ih_l0.copy_(torch.tensor(b[0]))
        module.bias_hh_l0.copy_(torch.tensor(b[1]))
    found = module(torch.tensor(x))[0].detach().numpy()
    assert np.abs(found - expected).max() > 0.01


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_the_second_bias_of_torch_is_counted_then_frozen(kind):
    module = TORCH[kind](D, H)
    weights = convert(kind, "from_torch")(module)
    expected = (module.bias_ih_l0 + module.bias_hh_l0).detach().numpy()
    np.testing.assert_array_equal(weights["b"], expected)
    convert(kind, "to_torch")(weights, module)
    assert not module.bias_hh_l0.requires_grad
    assert not module.bias_hh_l0.any()


def test_several_layers_are_a_list_from_the_bottom_up(rng):
    module = torch.nn.RNN(D, H, num_layers=2, batch_first=True)
    weights = parity.rnn_from_torch(module)
    assert [w["W"].shape for w in weights] == [(D, H), (H, H)]
    other = parity.rnn_to_torch(weights, torch.nn.RNN(D, H, num_layers=2, batch_first=True))
    x = torch.tensor(rng.normal(size=(2, 5, D)), dtype=torch.float32)
    np.testing.assert_allclose(
        other(x)[0].detach().numpy(), module(x)[0].detach().numpy(), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("make", ["SimpleRNNCell", "OutputRecurrentCell"])
def test_our_cells_round_trip(make, rng):
    sizes = (D, H) if make == "SimpleRNNCell" else (D, H, 2)
    source = getattr(runtun.torch, make)(*sizes, rng=rng)
    weights = parity.rnn_from_torch(runtun.torch.RNN(source))
    target = getattr(runtun.keras, make)(*sizes)
    parity.rnn_to_keras(weights, runtun.keras.RNN(target))
    assert_same(parity.rnn_from_keras(target), weights)


def test_dense_round_trips(rng):
    layer = keras.layers.Dense(2, bias_initializer="random_normal")
    layer.build((None, D))
    weights = parity.dense_from_keras(layer)
    module = parity.dense_to_torch(weights, torch.nn.Linear(D, 2))
    assert_same(parity.dense_from_torch(module), weights)
    ours = parity.dense_to_torch(weights, runtun.torch.Dense(D, 2))
    assert_same(parity.dense_from_torch(ours), weights)
    assert_same(
        parity.dense_from_keras(parity.dense_to_keras(weights, keras.layers.Dense(2))), weights
    )


def test_what_is_read_is_a_copy():
    module = torch.nn.RNN(D, H)
    before = module.weight_ih_l0.detach().clone()
    parity.rnn_from_torch(module)["W"][:] = 0
    assert torch.equal(module.weight_ih_l0, before)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda w: parity.rnn_to_torch(w, torch.nn.LSTM(D, H)), TypeError, r"torch\.nn\.RNN"),
        (lambda w: parity.rnn_to_keras(w, keras.layers.GRU(H)), TypeError, "SimpleRNN"),
        (lambda w: parity.rnn_to_torch(w, torch.nn.RNN(D, 7)), ValueError, "must have shape"),
        (lambda w: parity.rnn_to_keras(w, keras.layers.SimpleRNN(7)), ValueError, "shape"),
        (lambda w: parity.rnn_to_torch([w, w], torch.nn.RNN(D, H)), ValueError, "each of the 1"),
        (lambda w: parity.rnn_to_torch({"W": w["W"]}, torch.nn.RNN(D, H)), ValueError, "names"),
        (lambda w: parity.rnn_to_torch(w, torch.nn.RNN(D, H, bias=False)), ValueError, "bias=True"),
        (lambda w: parity.rnn_from_keras(keras.layers.SimpleRNN(H)), ValueError, "must be built"),
        (
            lambda w: parity.gru_to_torch({**w, "b": w["b"]}, torch.nn.GRU(D, H)),
            ValueError,
            r"\(2, 3H\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message, rng):
    weights = {"W": rng.normal(size=(D, H)), "U": rng.normal(size=(H, H)), "b": np.zeros(H)}
    with pytest.raises(error, match=message):
        call(weights)
