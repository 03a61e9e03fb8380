"""The layers with a backward pass of their own are PyTorch's, to the last digits."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from runtun import parity
from runtun.torch import Forecaster, fused

B, T, D, H, L = 3, 6, 2, 4, 2
PAIRS = [(fused.RNN, nn.RNN), (fused.GRU, nn.GRU)]
KINDS = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=["rnn", "gru"])


def pair(ours, theirs, **arguments):
    """Two layers with the same weights."""
    options = {"num_layers": L, "batch_first": True, "dtype": torch.float64, **arguments}
    first, second = ours(D, H, **options), theirs(D, H, **options)
    first.load_state_dict(second.state_dict())
    return first, second


def results(layer, x, h0, seed=0):
    """Outputs, last state and every gradient."""
    x, h0 = x.clone().requires_grad_(), h0.clone().requires_grad_()
    torch.manual_seed(seed)
    outputs, h_n = layer(x, h0)
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(v.shape, generator=generator, dtype=v.dtype) for v in (outputs, h_n)]
    ((outputs * weights[0]).sum() + (h_n * weights[1]).sum()).backward()
    return [outputs, h_n, x.grad, h0.grad, *(p.grad for p in layer.parameters())]


@KINDS
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("length", [1, T])
def test_outputs_and_gradients_equal_those_of_pytorch(ours, theirs, batch_first, length):
    layers = pair(ours, theirs, batch_first=batch_first)
    shape = (B, length, D) if batch_first else (length, B, D)
    x, h0 = torch.randn(shape, dtype=torch.float64), torch.randn(L, B, H, dtype=torch.float64)
    for mine, expected in zip(*(results(layer, x, h0) for layer in layers), strict=True):
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-12)


@KINDS
def test_no_state_is_a_state_of_zeros(ours, theirs):
    layer, other = pair(ours, theirs)
    x = torch.randn(B, T, D, dtype=torch.float64)
    for mine, expected in zip(layer(x), other(x), strict=True):
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-14)


@KINDS
def test_dropout_between_layers_draws_the_same_numbers(ours, theirs):
    layers = pair(ours, theirs, dropout=0.5)
    x, h0 = torch.randn(B, T, D, dtype=torch.float64), torch.zeros(L, B, H, dtype=torch.float64)
    for mine, expected in zip(*(results(layer, x, h0, 7) for layer in layers), strict=True):
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-12)
    layer = layers[0].eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@KINDS
def test_what_is_not_written_out_goes_to_the_parent(ours, theirs):
    x = torch.randn(B, T, D, dtype=torch.float64)
    packed = pack_padded_sequence(x, torch.tensor([6, 4, 1]), batch_first=True)
    layer, other = pair(ours, theirs)
    assert torch.equal(layer(packed)[0].data, other(packed)[0].data)
    assert torch.equal(layer(x[0])[0], other(x[0])[0])
    for arguments in ({"bidirectional": True}, {"bias": False}):
        layer, other = pair(ours, theirs, **arguments)
        assert torch.equal(layer(x)[0], other(x)[0])


@KINDS
def test_the_graph_holds_one_node_for_all_steps(ours, theirs):
    x = torch.randn(B, 50, D, dtype=torch.float64)
    sizes = []
    for layer in pair(ours, theirs):
        nodes, found = [layer(x)[0].grad_fn], set()
        while nodes:
            node = nodes.pop()
            if node is not None and node not in found:
                found.add(node)
                nodes += [before for before, _ in node.next_functions]
        sizes.append(len(found))
    assert sizes[0] < 40
    assert sizes[1] > 200


@KINDS
def test_a_second_derivative_is_refused_rather_than_wrong(ours, theirs):
    layer, _ = pair(ours, theirs)
    x = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


@KINDS
def test_a_wrong_shape_is_refused_as_by_the_parent(ours, theirs):
    layer, _ = pair(ours, theirs)
    with pytest.raises(RuntimeError, match=r"input\.size\(-1\) must be equal to input_size"):
        layer(torch.zeros(B, T, D + 1, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="Expected hidden size"):
        layer(torch.zeros(B, T, D, dtype=torch.float64), torch.zeros(L, B + 1, H))


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_the_forecaster_uses_them(cell):
    model = Forecaster(D, H, cell=cell, num_layers=2, rng=np.random.default_rng(0))
    assert isinstance(model.recurrent, {"rnn": fused.RNN, "gru": fused.GRU}[cell])
    weights = parity.forecaster_from_torch(model)
    assert [layer["U"].shape[0] for layer in weights["recurrent"]] == [H, H]
