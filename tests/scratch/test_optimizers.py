"""Optimisers against PyTorch's, clipping against its definition."""

import numpy as np
import pytest
import torch

from runtun.scratch import SGD, Adam, clip_by_norm, clip_by_value


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
        (SGD(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        (Adam(0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
    ],
)
def test_steps_equal_those_of_pytorch(ours, theirs):
    rng = np.random.default_rng(0)
    weights = {"a": rng.normal(size=(3, 2)), "b": rng.normal(size=4)}
    tensors = {name: torch.tensor(w, requires_grad=True) for name, w in weights.items()}
    optimizer = theirs(tensors.values())
    for _ in range(20):
        grads = {name: rng.normal(size=w.shape) for name, w in weights.items()}
        ours.step(weights, grads)
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(grads[name])
        optimizer.step()
    for name, tensor in tensors.items():
        np.testing.assert_allclose(weights[name], tensor.detach().numpy(), rtol=0, atol=1e-12)


def test_clipping_by_norm_keeps_the_direction():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    clipped, norm = clip_by_norm(grads, 2.5)
    assert norm == 5.0
    np.testing.assert_allclose(clipped["a"], [1.5, 0.0])
    np.testing.assert_allclose(clipped["b"], [[2.0]])


def test_a_short_gradient_is_left_as_it_is():
    grads = {"a": np.array([0.3, 0.4])}
    clipped, _ = clip_by_norm(grads, 1.0)
    np.testing.assert_array_equal(clipped["a"], grads["a"])


def test_zero_gradients_stay_zero():
    clipped, norm = clip_by_norm({"a": np.zeros(3)}, 1.0)
    assert norm == 0.0
    np.testing.assert_array_equal(clipped["a"], np.zeros(3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SGD(0.0), "`learning_rate` must be positive"),
        (lambda: SGD(0.1, momentum=1.0), "`momentum`"),
        (lambda: Adam(beta_2=1.0), "`beta_2`"),
        (lambda: clip_by_norm({}, -1.0), "`max_norm` must be positive"),
        (lambda: clip_by_value({}, 0.0), "`limit` must be positive"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
