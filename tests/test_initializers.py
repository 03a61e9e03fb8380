"""First weights have the properties for which they are chosen."""

import numpy as np
import pytest

from runtun.initializers import forecaster_weights, glorot_uniform, orthogonal, recurrent_weights


def test_glorot_has_the_variance_of_its_formula():
    W = glorot_uniform(np.random.default_rng(0), (300, 500))
    assert np.var(W) == pytest.approx(2 / 800, rel=0.02)


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3)])
def test_orthogonal_keeps_lengths(shape):
    U = orthogonal(np.random.default_rng(0), shape)
    small = U @ U.T if shape[0] <= shape[1] else U.T @ U
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-12)


def test_only_the_forget_gate_starts_open():
    b = recurrent_weights(np.random.default_rng(0), "lstm", 2, 3)["b"]
    np.testing.assert_array_equal(b.reshape(4, 3), [[0] * 3, [1] * 3, [0] * 3, [0] * 3])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cell": "rnm"}, "`cell` must be one of"),
        ({"head": "linear"}, "`head` must be"),
        ({"num_layers": 0}, "`num_layers` must be at least 1"),
        ({"dropout": 0.2}, "between recurrent layers"),
        ({"dropout": 1.0}, r"must lie in \[0, 1\)"),
        ({"horizon": 0}, "`horizon` must be at least 1"),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(changed, message):
    arguments = {
        "cell": "rnn",
        "input_size": 1,
        "hidden_size": 4,
        "num_layers": 1,
        "horizon": 1,
        "head": "dense",
        "dropout": 0.0,
    }
    with pytest.raises(ValueError, match=message):
        forecaster_weights(np.random.default_rng(0), **{**arguments, **changed})
