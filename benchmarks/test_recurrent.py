"""How fast are the hand-written recurrent layers beside the fused ones of PyTorch?

`make benchmarks` runs this and keeps the figures. Absolute times depend on the machine; what counts
is the ratio of rivals that are timed in turn.
"""

import numpy as np
import pytest
import torch

import runtun.torch.fused
from benchmarks.pairs import alternate, measure_memory
from runtun.scratch import GRUCell, LSTMCell, SimpleRNNCell

B, T, D, H = 32, 50, 64, 64
ROUNDS = 25
LAYERS = {
    "rnn": (SimpleRNNCell, torch.nn.RNN),
    "lstm": (LSTMCell, torch.nn.LSTM),
    "gru": (GRUCell, torch.nn.GRU),
}
STATED = {"rnn": (2, 3), "lstm": (2, 17), "gru": (2, 12)}
"""What the docstrings say that a step needs for each sequence: so many D and so many H numbers."""
SIZES = f"B={B}, T={T}, D={D}, H={H}, float32"
TIME = f"forward and backward, {SIZES}, two threads"


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def arrays(length=T, input_size=D):
    rng = np.random.default_rng(0)
    x, d_outputs = rng.normal(size=(B, length, input_size)), rng.normal(size=(B, length, H))
    return x.astype("float32"), d_outputs.astype("float32")


def by_hand(kind):
    cell = LAYERS[kind][0](D, H, rng=np.random.default_rng(0), dtype="float32")
    x, d_outputs = arrays()

    def step():
        cell.forward(x)
        cell.backward(d_outputs)

    return step


def in_torch(make, **arguments):
    module = make(D, H, batch_first=True, **arguments)
    x, d_outputs = (torch.tensor(array) for array in arrays())
    x.requires_grad_()

    def step():
        module.zero_grad()
        (module(x)[0] * d_outputs).sum().backward()

    return step


@pytest.mark.parametrize("kind", LAYERS)
def test_by_hand_beside_pytorch(kind, record):
    pair = alternate(by_hand(kind), in_torch(LAYERS[kind][1]), ROUNDS)
    record(kind, "scratch", f"time, {TIME}", "ms", 1e3 * np.array(pair.first))
    record(kind, "torch", f"time, {TIME}", "ms", 1e3 * np.array(pair.second))
    record(kind, "scratch", f"time / time of PyTorch, {TIME}", "ratio", pair.ratio)
    assert pair.ratio < 2.5


@pytest.mark.parametrize("kind", ["rnn", "gru"])
def test_written_out_steps_beside_pytorch(kind, record):
    ours = getattr(runtun.torch.fused, kind.upper())
    pair = alternate(in_torch(ours), in_torch(LAYERS[kind][1]), ROUNDS)
    record(
        f"{kind}, runtun.torch.fused", "torch", f"time, {TIME}", "ms", 1e3 * np.array(pair.first)
    )
    record(
        f"{kind}, runtun.torch.fused",
        "torch",
        f"time / time of PyTorch, {TIME}",
        "ratio",
        pair.ratio,
    )
    assert pair.ratio < 0.9


@pytest.mark.parametrize(("kind", "stated"), STATED.items())
def test_memory_grows_in_a_straight_line(kind, stated, record):
    cell = LAYERS[kind][0](D, H, rng=np.random.default_rng(0), dtype="float32")
    given = {length: arrays(length) for length in (50, 100, 200, 400)}

    def step(length):
        x, d_outputs = given[length]
        cell.forward(x)
        cell.backward(d_outputs)

    slope, distance = measure_memory(step, list(given))
    expected = 4 * B * (stated[0] * D + stated[1] * H)  # four bytes a number
    record(kind, "scratch", f"memory for each further step, {SIZES}", "kB", slope / 1e3)
    record(
        kind,
        "scratch",
        f"memory for each further step as the docstring states it, {SIZES}",
        "kB",
        expected / 1e3,
    )
    assert slope == pytest.approx(expected, rel=0.01)
    assert distance < 0.01
