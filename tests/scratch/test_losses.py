"""Losses: value by hand, gradient by differences."""

import numpy as np
import pytest

from runtun.scratch import cross_entropy, mse, numerical_gradient


def test_mse_gradient_matches_central_differences():
    rng = np.random.default_rng(0)
    y, prediction = rng.normal(size=(2, 4, 3))
    _, gradient = mse(y, prediction)
    numerical = numerical_gradient(lambda: mse(y, prediction)[0], prediction)
    np.testing.assert_allclose(gradient, numerical, atol=1e-9)


def test_broadcasting_is_refused():
    with pytest.raises(ValueError, match="same shape"):
        mse(np.zeros(4), np.zeros((4, 1)))


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="at least one entry"):
        mse(np.zeros((0, 1)), np.zeros((0, 1)))


def test_cross_entropy_gradient_matches_central_differences():
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(3, 4, 5)), rng.integers(0, 5, size=(3, 4))
    _, gradient = cross_entropy(y, logits)
    numerical = numerical_gradient(lambda: cross_entropy(y, logits)[0], logits)
    np.testing.assert_allclose(gradient, numerical, atol=1e-9)


def test_cross_entropy_of_guessing_is_the_logarithm_of_the_number_of_classes():
    loss, _ = cross_entropy(np.array([0, 6]), np.zeros((2, 7)))
    assert loss == pytest.approx(np.log(7))


def test_cross_entropy_survives_large_logits():
    loss, gradient = cross_entropy(np.array([0]), np.array([[-1e4, 1e4]]))
    assert loss == pytest.approx(2e4)
    np.testing.assert_allclose(gradient, [[-1.0, 1.0]])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[0, 1]], "without its last axis"),
        ([0, 3], "from 0 to 2"),
        ([0, -1], "from 0 to 2"),
        ([0.0, 1.0], "whole numbers"),
    ],
)
def test_wrong_classes_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        cross_entropy(np.array(y), np.zeros((2, 3)))
