"""How fast are the hand-written recurrent layers beside the fused ones of PyTorch?

Run with `pytest benchmarks --benchmark-only`; absolute times depend on the machine, the ratio
within one group is what counts (the LSTM should stay within 2.5 times PyTorch's).
"""

import numpy as np
import pytest
import torch

from runtun.scratch import GRUCell, LSTMCell, SimpleRNNCell

B, T, D, H = 32, 50, 64, 64
LAYERS = {
    "rnn": (SimpleRNNCell, torch.nn.RNN),
    "lstm": (LSTMCell, torch.nn.LSTM),
    "gru": (GRUCell, torch.nn.GRU),
}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    x, d_outputs = rng.normal(size=(B, T, D)), rng.normal(size=(B, T, H))
    return x.astype("float32"), d_outputs.astype("float32")


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", LAYERS)
def test_by_hand(benchmark, kind, arrays):
    benchmark.group = f"{kind}, forward and backward"
    x, d_outputs = arrays
    cell = LAYERS[kind][0](D, H, rng=np.random.default_rng(0), dtype="float32")

    def step():
        cell.forward(x)
        return cell.backward(d_outputs)

    _, _, grads = benchmark(step)
    assert grads["W"].dtype == np.float32


@pytest.mark.parametrize("kind", LAYERS)
def test_pytorch(benchmark, kind, arrays):
    benchmark.group = f"{kind}, forward and backward"
    x, d_outputs = (torch.tensor(array) for array in arrays)
    x.requires_grad_()
    module = LAYERS[kind][1](D, H, batch_first=True)

    def step():
        module.zero_grad()
        (module(x)[0] * d_outputs).sum().backward()
        return module.weight_ih_l0.grad

    assert benchmark(step) is not None
