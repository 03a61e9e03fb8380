"""Is `fit` as fast as the plain loop of the framework, on the same model?

`make benchmarks` runs this and keeps the figures. Both trainings take turns epoch by epoch.
"""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.nnx
import runtun.torch
from benchmarks.pairs import take_turns
from runtun.data.temporal_order import generate_temporal_order, one_hot
from runtun.training import evaluate, fit, predict

N, T, BATCH, EPOCHS = 2016, 50, 32, 16
CELLS = ("rnn", "lstm", "gru")
BUDGET = f"two layers of 20, {N} series of {T} steps, batch {BATCH}, float32"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, T, 1)).astype("float32")
    return x, x[:, -1] + 0.5 * x[:, -9]


def ours(floor, cell, data):
    """Our `fit`, which says before each epoch that it is about to begin."""

    def loop(turn):
        model = floor.Forecaster(1, 20, num_layers=2, cell=cell, rng=np.random.default_rng(0))
        object.__setattr__(model, "set_sampling", lambda _: turn())
        fit(model, *data, epochs=EPOCHS, batch_size=BATCH, sampling=0.0, progress=False)

    return loop


def plain_keras(cell, data):
    """`fit` of Keras, once for all epochs."""

    class Turns(keras.callbacks.Callback):
        def __init__(self, turn):
            super().__init__()
            self.turn = turn

        def on_epoch_begin(self, epoch, logs=None):
            self.turn()

        def on_train_end(self, logs=None):
            self.turn()

    def loop(turn):
        model = runtun.keras.Forecaster(
            1, 20, num_layers=2, cell=cell, rng=np.random.default_rng(0)
        )
        model.compile("adam", "mse")
        model.fit(*data, epochs=EPOCHS, batch_size=BATCH, callbacks=[Turns(turn)], verbose=0)

    return loop


def plain_torch(cell, data):
    """The loop that every tutorial writes."""

    def loop(turn):
        model = runtun.torch.Forecaster(
            1, 20, num_layers=2, cell=cell, rng=np.random.default_rng(0)
        )
        optimizer = torch.optim.Adam(p for p in model.parameters() if p.requires_grad)
        x, y = (torch.from_numpy(array) for array in data)
        for _ in range(EPOCHS):
            turn()
            for batch in torch.randperm(N).split(BATCH):
                loss = torch.nn.functional.mse_loss(model(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        turn()

    return loop


@pytest.mark.parametrize("cell", CELLS)
def test_fit_beside_a_plain_loop_of_pytorch(cell, data, record):
    pair = take_turns(ours(runtun.torch, cell, data), plain_torch(cell, data))
    keep(record, cell, "torch", pair)


@pytest.mark.parametrize("cell", CELLS)
def test_fit_beside_fit_of_keras(cell, data, record):
    pair = take_turns(ours(runtun.keras, cell, data), plain_keras(cell, data))
    keep(record, cell, f"keras on {keras.backend.backend()}", pair)


def keep(record, cell, framework, pair):
    """Record both and hold `fit` to 0.95 of the speed of the plain loop.

    What is held is the time of the processor: on a busy machine the time on the wall says more
    about the other programs.
    """
    rivals = {
        "fit": (pair.first, pair.first_cpu),
        "plain loop": (pair.second, pair.second_cpu),
    }
    for name, (wall, cpu) in rivals.items():
        record(cell, framework, f"wall seconds of an epoch, {name}, {BUDGET}", "s", wall)
        record(cell, framework, f"CPU seconds of an epoch, {name}, {BUDGET}", "s", cpu)
    what = f"speed of fit / speed of the plain loop, {BUDGET}"
    record(cell, framework, f"{what}, by the wall", "ratio", 1 / pair.ratio)
    record(cell, framework, f"{what}, by the CPU", "ratio", 1 / pair.cpu_ratio)
    assert 1 / pair.cpu_ratio > 0.95


def test_temporal_order_in_nnx_takes_less_than_a_minute(record):
    """The published notebook's setting: an LSTM of 64, Adam at 1e-4, 100 epochs of easy."""
    train = generate_temporal_order(992, "easy", np.random.default_rng(0), part="train")
    test = generate_temporal_order(992, "easy", np.random.default_rng(1), part="test")
    x, x_test = one_hot(train.symbols), one_hot(test.symbols)
    model = runtun.nnx.Forecaster(8, 64, cell="lstm", horizon=4, rng=np.random.default_rng(0))
    history = fit(
        model, x, train.labels, epochs=100, batch_size=32, learning_rate=1e-4,
        loss="cross_entropy", progress=False,
    )  # fmt: skip
    accuracy = float((predict(model, x_test).argmax(axis=1) == test.labels).mean())
    what = "temporal order, easy, LSTM(64), Adam 1e-4, 100 epochs of 992"
    record("lstm", "nnx", f"seconds, {what}", "s", history.seconds)
    record("lstm", "nnx", f"held-out accuracy, {what}", "%", 100 * accuracy)
    assert history.seconds < 60
    assert accuracy > 0.99
    assert evaluate(model, x, train.labels, "cross_entropy") < 0.1


def test_the_compiled_loop_of_nnx(record):
    times = runtun.nnx.compare_loops(rng=np.random.default_rng(0), repeats=9)
    what = "B=32, T=8, H=64"
    record("lstm", "nnx", f"time of a gradient, compiled loop, {what}", "ms", 1e3 * times.compiled)
    record("lstm", "nnx", f"time of a gradient, plain loop, {what}", "ms", 1e3 * times.plain)
    record("lstm", "nnx", f"plain loop / compiled loop, {what}", "ratio", times.ratio)
    assert times.ratio > 5
