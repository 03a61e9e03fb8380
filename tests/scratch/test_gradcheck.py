"""A check of gradients must find wrong ones."""

import numpy as np
import pytest

from runtun.scratch import SimpleRNNCell, check_gradients, numerical_gradient


class ForgetsTheFuture(SimpleRNNCell):
    """Backward without the gradient that arrives from the next step."""

    def backward(self, d_outputs, d_state=None):
        _, h = self._memory
        d_x, d_state, grads = super().backward(d_outputs, d_state)
        d_a = d_outputs.swapaxes(0, 1) * self.derivative(h[1:])
        return d_x, d_state, {**grads, "b": d_a.sum(axis=(0, 1))}


def test_a_missing_term_is_found():
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="'b'"):
        check_gradients(ForgetsTheFuture(2, 3, rng=rng), rng.normal(size=(2, 4, 2)))


def test_single_precision_is_refused():
    with pytest.raises(TypeError, match="float64"):
        numerical_gradient(lambda: 0.0, np.zeros(3, "float32"))
