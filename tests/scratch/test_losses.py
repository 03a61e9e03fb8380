"""Losses: value by hand, gradient by differences."""

import numpy as np
import pytest

from runtun.scratch import mse, numerical_gradient


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
