"""Truncated backpropagation through time: the state goes on, the gradient does not."""

import numpy as np
import pytest
import torch

import runtun.scratch
import runtun.torch
from runtun.training import evaluate, evaluate_stream, fit_stream
from tests.training.floors import FLOORS, build_layer, quiet_stream, weights_of

CHUNKS, B, T = 5, 3, 4


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(CHUNKS, B, T, 1)).astype("float32")
    return x, rng.normal(size=(CHUNKS, B, T, 3)).astype("float32")


def joined(array):
    """Chunks put together again: (B, CHUNKS * T, ...)."""
    return array.swapaxes(0, 1).reshape(B, CHUNKS * T, -1)


def test_all_frameworks_report_the_same_numbers(data):
    x, y = data
    found = {}
    for floor in FLOORS:
        model = build_layer(floor, return_state=True)
        history = quiet_stream(
            model, x, y, validation=(x[:2], y[:2]), epochs=2, learning_rate=0.02, clip_norm=1.0
        )
        assert history.framework == floor
        final = evaluate_stream(model, x[:2], y[:2])
        assert final == pytest.approx(history.val_loss[-1], rel=1e-6)
        found[floor] = [*history.loss, *history.val_loss]
    for floor in FLOORS:
        np.testing.assert_allclose(found[floor], found["scratch"], rtol=1e-5, err_msg=floor)


@pytest.mark.parametrize("floor", ["scratch", "torch", "nnx"])
def test_the_state_is_carried_from_chunk_to_chunk(floor, data):
    x, y = data
    by_chunks = evaluate_stream(build_layer(floor, return_state=True), x, y)
    at_once = evaluate(build_layer(floor), joined(x), joined(y))
    assert by_chunks == pytest.approx(at_once, rel=1e-6)
    alone = evaluate(build_layer(floor), x.reshape(-1, T, 1), y.reshape(-1, T, 3))
    assert abs(by_chunks - alone) > 1e-4  # forgetting between chunks is something else


def test_the_gradient_is_cut_where_chunks_meet(data):
    x, y = data
    model = build_layer("torch", return_state=True)
    # One step over two chunks: the weights move by the gradient of each chunk alone.
    expected = [w.astype("float64") for w in weights_of(model)]
    quiet_stream(model, x[:2], y[:2], epochs=1, optimizer="sgd", learning_rate=0.1)
    by_hand = runtun.scratch.RNN(
        runtun.scratch.LSTMCell(1, 3), return_sequences=True, return_state=True
    )
    names = list(by_hand.params)
    by_hand.cell.load(dict(zip(names, expected, strict=True)))
    state = None
    for chunk, targets in zip(x[:2], y[:2], strict=True):
        outputs, state = by_hand.forward(chunk, state)
        _, d_outputs = runtun.scratch.mse(targets, outputs)
        _, grads = by_hand.backward(d_outputs)
        assert np.abs(by_hand.d_initial_state.h).max() > 1e-5  # this is what is cut
        for name in names:
            by_hand.params[name][...] -= 0.1 * grads[name]
    for mine, name in zip(weights_of(model), names, strict=True):
        np.testing.assert_allclose(mine, by_hand.params[name], rtol=0, atol=1e-6)


def test_a_memory_longer_than_a_chunk_can_be_used():
    """The target is the last input but one, and every chunk is a single step.

    So no gradient ever passes from a step to the next; yet the state that is carried holds what was
    read before, and the head can learn to read it.
    """
    rng = np.random.default_rng(0)
    bits = rng.integers(2, size=(8, 400))
    x = (2.0 * bits - 1)[..., None].astype("float32")
    y = np.concatenate([np.zeros((8, 1), int), bits[:, :-1]], axis=1)
    chunks = [a.reshape(8, 400, 1, *a.shape[2:]).swapaxes(0, 1) for a in (x, y)]

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            rng = np.random.default_rng(0)
            self.layer = runtun.torch.RNN(
                runtun.torch.SimpleRNNCell(1, 8, rng=rng), return_sequences=True, return_state=True
            )
            self.head = runtun.torch.Dense(8, 2, rng=rng)

        def forward(self, x, state):
            outputs, state = self.layer(x, state)
            return self.head(outputs), state

    model = Model()
    history = quiet_stream(model, *chunks, epochs=4, learning_rate=0.01, loss="cross_entropy")
    assert history.loss[-1] < 0.2 * np.log(2)


def test_what_is_no_stream_is_refused(data):
    x, y = data
    model = build_layer("scratch", return_state=True)
    for arguments, message in [
        ((x[0], y[0]), r"begin with the same axes \(number of chunks, B, T\)"),
        ((x, y[:, 1:]), r"begin with the same axes \(number of chunks, B, T\)"),
        ((x, y[..., :2]), "`y` must have shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            quiet_stream(model, *arguments)
    with pytest.raises(ValueError, match="give `validation"):
        quiet_stream(model, x, y, patience=2)


def test_the_bar_counts_chunks(data, capsys):
    fit_stream(build_layer("scratch", return_state=True), *data, epochs=2)
    shown = capsys.readouterr().err
    assert f"{2 * CHUNKS}/{2 * CHUNKS}" in shown
    assert "loss=" in shown
