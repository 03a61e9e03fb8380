"""The fused forecasters of both frameworks are the same model, and the one by hand."""

import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch as scratch
import runtun.torch
from runtun import parity
from runtun.training import fit

SHAPES = {
    "one step": {},
    "deep": {"num_layers": 2},
    "every step": {"num_layers": 2, "horizon": 3, "every_step": True},
    "recurrent head": {"num_layers": 2, "head": "rnn"},
    "one neuron": {"num_layers": 0, "head": "rnn"},
}


def forecasters(seed=0, dtype="float64", **arguments):
    return [
        floor.Forecaster(2, 5, rng=np.random.default_rng(seed), dtype=dtype, **arguments)
        for floor in (runtun.keras, runtun.torch)
    ]


@pytest.fixture
def x():
    return np.random.default_rng(4).normal(size=(3, 7, 2))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("arguments", SHAPES.values(), ids=list(SHAPES))
def test_the_same_seed_gives_the_same_model(cell, arguments, x):
    ours, theirs = forecasters(cell=cell, **arguments)
    outputs = ours(x).numpy()
    horizon = arguments.get("horizon", 1)
    assert outputs.shape == ((3, 7, horizon) if arguments.get("every_step") else (3, horizon))
    found = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(found, outputs, rtol=0, atol=1e-12)


def test_the_fused_model_equals_the_one_written_out(x):
    _, model = forecasters(num_layers=2)
    weights = parity.forecaster_from_torch(model)
    cells = [scratch.SimpleRNNCell(2, 5), scratch.SimpleRNNCell(5, 5)]
    head = scratch.Dense(5, 1)
    for part, values in zip([*cells, head], [*weights["recurrent"], weights["head"]], strict=True):
        part.load(values)
    by_hand = scratch.Stacked(
        scratch.RNN(cells[0], return_sequences=True), scratch.RNN(cells[1]), head
    )
    expected = model(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(by_hand(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("arguments", SHAPES.values(), ids=list(SHAPES))
def test_weights_move_both_ways(arguments, x):
    first, _ = forecasters(seed=1, **arguments)
    _, second = forecasters(seed=2, **arguments)
    parity.forecaster_to_torch(parity.forecaster_from_keras(first), second)
    np.testing.assert_allclose(
        second(torch.tensor(x)).detach().numpy(), first(x).numpy(), rtol=0, atol=1e-12
    )
    third, _ = forecasters(seed=3, **arguments)
    parity.forecaster_to_keras(parity.forecaster_from_torch(second), third)
    for ours, theirs in zip(third.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_both_learn_the_same(x):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 7, 2))
    y = x[:, -2:, 0]
    ours, theirs = (
        fit(model, x, y, validation=(x[:16], y[:16]), epochs=4, clip_value=0.1, progress=False)
        for model in forecasters(num_layers=2, horizon=2)
    )
    np.testing.assert_allclose(theirs.val_loss, ours.val_loss, rtol=1e-5)
    assert ours.val_loss[-1] < ours.val_loss[0]


def test_weights_for_another_depth_are_refused():
    shallow, deep = forecasters()[1], forecasters(num_layers=2)[1]
    with pytest.raises(ValueError, match="must have 2 recurrent layers; received 1"):
        parity.forecaster_to_torch(parity.forecaster_from_torch(shallow), deep)
