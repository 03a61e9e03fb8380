"""Dropout of layers around written-out cells: one mask for all steps, the same on every floor."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch
import runtun.torch
from runtun import parity
from runtun.training import fit

FLOORS = {"keras": runtun.keras, "torch": runtun.torch}
B, T, D, H = 400, 5, 3, 4


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture(autouse=True)
def seeds():
    keras.utils.set_random_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def run(floor, layer, x, training=True, **arguments):
    """Call a layer while training, or in use."""
    if floor == "torch":
        return layer.train(training)(torch.tensor(x), **arguments).detach().numpy()
    return np.asarray(layer(x, training=training, **arguments))


def make(floor, cell="LSTMCell", sequences=True, seed=1, **rates):
    module = FLOORS[floor]
    made = getattr(module, cell)(D, H, rng=np.random.default_rng(seed), dtype="float64")
    return module.RNN(made, return_sequences=sequences, **rates)


def identity(floor, **rates):
    """A layer of linear units that each add up one feature: h_t = x_t + h_{t-1}."""
    cell = FLOORS[floor].SimpleRNNCell(D, D, activation="linear", dtype="float64")
    weights = {"W": np.eye(D), "U": np.eye(D), "b": np.zeros(D)}
    getattr(parity, f"rnn_to_{floor}")(weights, cell)
    return FLOORS[floor].RNN(cell, return_sequences=True, **rates)


@pytest.mark.parametrize("floor", FLOORS)
def test_recurrent_dropout_forgets_at_all_steps_or_at_none_and_scales(floor):
    outputs = run(floor, identity(floor, recurrent_dropout=0.5), np.ones((B, T, D)))
    forgets = outputs[:, -1] == 1
    np.testing.assert_array_equal(outputs[forgets.nonzero()[0], :, forgets.nonzero()[1]], 1)
    kept = outputs[(~forgets).nonzero()[0], :, (~forgets).nonzero()[1]]
    np.testing.assert_allclose(kept, np.tile([1, 3, 7, 15, 31], (len(kept), 1)))  # h = 1 + 2 h
    assert 0.4 < forgets.mean() < 0.6


@pytest.mark.parametrize("floor", FLOORS)
def test_dropout_takes_the_same_features_from_all_steps_and_scales(floor):
    outputs = run(floor, identity(floor, dropout=0.2), np.ones((B, T, D)))
    steps = np.diff(outputs, axis=1, prepend=0)
    np.testing.assert_allclose(np.unique(steps.round(9)), [0, 1.25])
    assert (steps == steps[:, :1]).mean() > 0.999
    assert 0.15 < (outputs[:, -1] == 0).mean() < 0.25


@pytest.mark.parametrize("cell", ["SimpleRNNCell", "LSTMCell", "GRUCell", "LayerNormRNNCell"])
@pytest.mark.parametrize("floor", FLOORS)
def test_in_use_nothing_is_dropped(floor, cell, rng):
    x = rng.normal(size=(3, T, D))
    dropping = make(floor, cell, dropout=0.5, recurrent_dropout=0.5)
    plain = run(floor, make(floor, cell), x, training=False)
    np.testing.assert_array_equal(run(floor, dropping, x, training=False), plain)
    assert np.abs(run(floor, dropping, x) - plain).max() > 0.01


@pytest.mark.parametrize("cell", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("floor", FLOORS)
def test_what_is_kept_is_kept_as_by_hand(floor, cell, rng):
    x, keep = rng.normal(size=(3, T, D)), runtun.scratch.draw_mask(rng, (3, H), 0.5)
    ours = getattr(runtun.scratch, cell)(D, H, rng=np.random.default_rng(1))
    expected, state = runtun.scratch.unroll(ours, x, keep=keep)
    as_tensor = torch.tensor if floor == "torch" else np.asarray
    layer = make(floor, cell)
    outputs, after = FLOORS[floor].unroll(layer.cell, as_tensor(x), keep=as_tensor(keep))
    outputs, *after = (a.detach().numpy() if floor == "torch" else a for a in (outputs, *after))
    for found, wanted in zip((outputs, *after), (expected, *state), strict=True):
        np.testing.assert_allclose(np.asarray(found), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("floor", FLOORS)
def test_the_fused_layers_drop_with_the_same_statistics(floor, rng):
    """A simple RNN has one gate, so its cell and the fused stack mean the same."""
    x = np.repeat(rng.normal(size=(1, T, D)), 4000, axis=0)
    rng_of_weights = np.random.default_rng(1)
    stack = FLOORS[floor].RecurrentStack(
        D, H, cell="rnn", recurrent_dropout=0.4, rng=rng_of_weights, dtype="float64"
    )
    layer = make(floor, "SimpleRNNCell", recurrent_dropout=0.4)
    weights = getattr(parity, f"rnn_from_{floor}")(stack.parts["0"])
    getattr(parity, f"rnn_to_{floor}")(weights, layer.cell)
    ours = run(floor, layer, x)
    theirs = stack.train()(torch.tensor(x))[0] if floor == "torch" else stack(x, training=True)[0]
    theirs = theirs.detach().numpy() if floor == "torch" else np.asarray(theirs)
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), atol=0.03)
    assert ours.std(axis=0)[1:].max() > 0.1


@pytest.mark.parametrize("floor", FLOORS)
def test_a_mask_of_padding_and_the_last_output_still_hold(floor, rng):
    x, mask = rng.normal(size=(B, T, D)), np.arange(T)[None] < np.full((B, 1), 3)
    layer = make(floor, recurrent_dropout=0.5)
    given = torch.tensor(mask) if floor == "torch" else mask
    outputs = run(floor, layer, x, mask=given)
    assert (outputs[:, 3:] == 0).all()
    last = make(floor, sequences=False, recurrent_dropout=0.5)
    assert run(floor, last, x, mask=given).shape == (B, H)


@pytest.mark.parametrize("floor", FLOORS)
def test_it_trains_in_a_compiled_graph_too(floor, rng):
    x = rng.normal(size=(40, T, D)).astype("float32")
    y = x.sum(axis=1)[:, :1]
    module = FLOORS[floor]
    cell = module.GRUCell(D, 8, rng=np.random.default_rng(0))
    model = module.Stacked(
        module.RNN(cell, dropout=0.1, recurrent_dropout=0.1),
        module.Dense(8, 1, rng=np.random.default_rng(1)),
    )
    history = fit(model, x, y, epochs=8, batch_size=20, learning_rate=0.03, progress=False)
    assert history.loss[-1] < 0.8 * history.loss[0]


def test_the_layer_of_keras_remembers_its_rates():
    layer = make("keras", dropout=0.25, recurrent_dropout=0.5)
    twin = runtun.keras.RNN.from_config(layer.get_config())
    assert (twin.dropout, twin.recurrent_dropout) == (0.25, 0.5)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout"])
def test_a_rate_of_one_would_leave_nothing(floor, name):
    with pytest.raises(ValueError, match=rf"`{name}` must lie in \[0, 1\); received 1"):
        make(floor, **{name: 1.0})
