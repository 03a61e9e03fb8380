"""The PyTorch floor: what is its own, beyond parity."""

import copy

import numpy as np
import pytest
import torch

from runtun.torch import RNN, Forecaster, OutputRecurrentCell, SimpleRNNCell, Stacked


def test_a_copy_computes_the_same():
    layer = RNN(SimpleRNNCell(2, 3), return_sequences=True)
    x = torch.randn(4, 5, 2)
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))


def test_weights_survive_a_state_dict():
    first, second = Forecaster(2, 3, num_layers=2), Forecaster(2, 3, num_layers=2)
    x = torch.randn(4, 5, 2)
    assert not torch.equal(first(x), second(x))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x), second(x))


def test_the_redundant_bias_does_not_count_as_trainable():
    model = Forecaster(2, 3)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trainable == (2 * 3 + 3 * 3 + 3) + (3 * 1 + 1)


def test_many_to_one_is_the_last_step_of_many_to_many():
    cell = SimpleRNNCell(2, 3)
    x = torch.randn(4, 5, 2)
    every, state = RNN(cell, return_sequences=True, return_state=True)(x)
    assert torch.equal(RNN(cell)(x), every[:, -1])
    assert torch.equal(state.h, every[:, -1])


@pytest.mark.parametrize("make", [SimpleRNNCell, Forecaster])
def test_another_float_type_is_refused_with_the_conversion(make):
    layer = make(2, 3)
    layer = layer if make is Forecaster else RNN(layer)
    with pytest.raises(TypeError, match=r"x\.to\(torch\.float32\)"):
        layer(torch.zeros(4, 5, 2, dtype=torch.float64))


@pytest.mark.parametrize(
    "layer", [RNN(SimpleRNNCell(2, 3)), RNN(OutputRecurrentCell(2, 3, 1)), Forecaster(2, 3)]
)
def test_wrong_shapes_are_explained(layer):
    with pytest.raises(ValueError, match=r"Add a feature axis with x\[\.\.\., None\]"):
        layer(torch.zeros(4, 5))
    with pytest.raises(ValueError, match="with D = 2"):
        layer(torch.zeros(4, 5, 3))
    with pytest.raises(ValueError, match="time axis is empty"):
        layer(torch.zeros(4, 0, 2))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="`activation` must be one of"):
        SimpleRNNCell(2, 3, activation="step")
    with pytest.raises(ValueError, match='"float32" or "float64"'):
        SimpleRNNCell(2, 3, dtype="int64")
    with pytest.raises(ValueError, match="at least one layer"):
        Stacked()


def test_the_caller_s_generator_decides():
    first = SimpleRNNCell(2, 3, rng=np.random.default_rng(5)).W
    again = SimpleRNNCell(2, 3, rng=np.random.default_rng(5)).W
    other = SimpleRNNCell(2, 3, rng=np.random.default_rng(6)).W
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
