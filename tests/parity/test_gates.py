"""LSTM and GRU cells equal the layers of the frameworks, and the traps between them are real."""

import keras
import numpy as np
import pytest
import torch

import runtun.scratch
from runtun import parity
from runtun.scratch import RNN, GRUCell, LSTMCell
from tests.parity.floors import assert_equal, run_keras, run_scratch, run_torch

B, T, D, H = 3, 6, 2, 4


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def shaken(cell, rng):
    """The cell with every weight moved, so that no bias is zero."""
    for weight in cell.params.values():
        weight += rng.normal(scale=0.3, size=weight.shape)
    return cell


@pytest.mark.parametrize(
    ("kind", "make", "layer"),
    [
        ("lstm", LSTMCell, keras.layers.LSTM),
        ("gru", GRUCell, keras.layers.GRU),
        (
            "gru",
            lambda *a, **k: GRUCell(*a, reset_after=False, **k),
            lambda *a, **k: keras.layers.GRU(*a, reset_after=False, **k),
        ),
    ],
)
def test_cells_equal_the_layers_of_keras(kind, make, layer, rng):
    x, d_outputs = rng.normal(size=(B, T, D)), rng.normal(size=(B, T, H))
    cell = shaken(make(D, H, rng=rng), rng)
    theirs = layer(H, return_sequences=True, dtype="float64")
    getattr(parity, f"{kind}_to_keras")(cell.params, theirs)
    ours = run_scratch(RNN(cell, return_sequences=True), x, d_outputs)
    assert_equal(ours, run_keras(theirs, x, d_outputs))


@pytest.mark.parametrize(
    ("kind", "make", "layer"), [("lstm", LSTMCell, torch.nn.LSTM), ("gru", GRUCell, torch.nn.GRU)]
)
def test_cells_equal_the_layers_of_pytorch(kind, make, layer, rng):
    x, d_outputs = rng.normal(size=(B, T, D)), rng.normal(size=(B, T, H))
    cell = shaken(make(D, H, rng=rng), rng)
    module = layer(D, H, batch_first=True, dtype=torch.float64)
    getattr(parity, f"{kind}_to_torch")(cell.params, module)
    ours = run_scratch(RNN(cell, return_sequences=True), x, d_outputs)
    theirs = run_torch(module, x, d_outputs)
    np.testing.assert_allclose(theirs["outputs"], ours["outputs"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(theirs["x"], ours["x"], rtol=0, atol=1e-12)
    # Gradients pass through the same exchange of layout and gates as the weights.
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(parameter.grad if parameter.grad is not None else 0 * parameter)
    found = getattr(parity, f"{kind}_from_torch")(module)
    for name in ("W", "U", "b"):
        np.testing.assert_allclose(found[name], ours[name], rtol=0, atol=1e-12, err_msg=name)


def test_states_equal_those_of_the_frameworks(rng):
    x = rng.normal(size=(B, T, D))
    cell = shaken(LSTMCell(D, H, rng=rng), rng)
    _, state = cell.forward(x)
    layer = keras.layers.LSTM(H, return_state=True, dtype="float64")
    _, h, c = parity.lstm_to_keras(cell.params, layer)(x)
    module = torch.nn.LSTM(D, H, batch_first=True, dtype=torch.float64)
    _, (h_n, c_n) = parity.lstm_to_torch(cell.params, module)(torch.tensor(x))
    for ours, keras_s, torch_s in ((state.h, h, h_n), (state.c, c, c_n)):
        np.testing.assert_allclose(keras_s, ours, rtol=0, atol=1e-12)
        np.testing.assert_allclose(torch_s[0].detach().numpy(), ours, rtol=0, atol=1e-12)


def test_peepholes_of_zero_are_an_lstm(rng):
    x = rng.normal(size=(B, T, D))
    cell = shaken(LSTMCell(D, H, rng=rng), rng)
    peephole = runtun.scratch.PeepholeLSTMCell(D, H)
    peephole.load({**cell.params, "P": np.zeros((3, H))})
    np.testing.assert_allclose(peephole.forward(x)[0], cell.forward(x)[0], rtol=0, atol=1e-14)
    peephole.P[:] = 0.5
    assert np.abs(peephole.forward(x)[0] - cell.forward(x)[0]).max() > 0.01


def test_the_two_published_forms_of_the_gru_differ(rng):
    x = rng.normal(size=(B, T, D))
    after = shaken(GRUCell(D, H, rng=rng), rng)
    after.b[1] = 0
    before = GRUCell(D, H, reset_after=False)
    before.load({**after.params, "b": after.b[0]})
    difference = np.abs(after.forward(x)[0] - before.forward(x)[0])
    assert difference[:, 0].max() < 1e-14  # with nothing to reset they are the same
    assert difference[:, 1:].max() > 0.001


def test_a_gru_that_resets_before_cannot_move_to_pytorch(rng):
    cell = GRUCell(D, H, reset_after=False, rng=rng)
    with pytest.raises(ValueError, match="resets after the projection"):
        parity.gru_to_torch(cell.params, torch.nn.GRU(D, H))
