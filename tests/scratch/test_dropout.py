"""Dropout by hand: what is dropped, where, and that nothing else changes."""

import numpy as np
import pytest

from runtun.scratch import (
    RNN,
    Dropout,
    LSTMCell,
    SimpleRNNCell,
    draw_mask,
    numerical_gradient,
    unroll,
)

B, T, D, H = 40, 6, 3, 5


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.9])
def test_a_mask_drops_its_part_and_keeps_the_mean(rate, rng):
    mask = draw_mask(rng, (40_000,), rate)
    assert abs((mask == 0).mean() - rate) < 0.01
    assert abs(mask.mean() - 1) < 0.05


@pytest.mark.parametrize("same", [False, True])
def test_features_are_dropped_at_all_steps_or_at_each_anew(same, rng):
    layer = Dropout(0.5, same_at_all_steps=same, rng=rng)
    dropped = layer(np.ones((B, T, D)), training=True) == 0
    at_all, at_any = dropped.all(axis=1), dropped.any(axis=1)
    assert (at_all == at_any).all() == same
    assert 0.4 < dropped.mean() < 0.6


def test_in_use_nothing_is_dropped(rng):
    x = rng.normal(size=(B, T, D))
    np.testing.assert_array_equal(Dropout(0.9, rng=rng)(x), x)


def test_the_gradient_goes_where_the_signal_went(rng):
    layer = Dropout(0.5, rng=rng)
    x, d_outputs = rng.normal(size=(2, T, D)), rng.normal(size=(2, T, D))
    y = layer(x, training=True)
    d_x, grads = layer.backward(d_outputs)
    assert grads == {}
    mask = y / x
    expected = numerical_gradient(lambda: float((x * mask * d_outputs).sum()), x)
    np.testing.assert_allclose(d_x, expected, atol=1e-8)


def test_recurrent_dropout_cuts_the_way_from_step_to_step(rng):
    """With U = 1 a unit either forgets at every step or remembers at every step."""
    cell = SimpleRNNCell(D, H, rng=rng)
    cell.U[...] = np.eye(H)
    x = np.ones((B, T, D))
    keep = draw_mask(rng, (B, H), 0.5)
    outputs, _ = unroll(cell, x, keep=keep)
    alone = np.tanh(x @ cell.W)
    forgets = np.isclose(outputs[:, 1:], alone[:, 1:]).all(axis=1)
    np.testing.assert_array_equal(forgets, keep == 0)


def test_the_cell_state_of_an_lstm_is_left_alone(rng):
    cell = LSTMCell(D, H, rng=rng)
    x = rng.normal(size=(B, T, D))
    outputs, state = unroll(cell, x, keep=np.zeros((B, H)))
    cell.U[...] = 0.0  # which is the same as dropping all of h
    expected, last = unroll(cell, x)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(state.c, last.c, rtol=0, atol=1e-14)
    assert np.abs(state.c).max() > 0.1


def test_keeping_everything_changes_nothing(rng):
    cell = LSTMCell(D, H, rng=rng)
    x = rng.normal(size=(B, T, D))
    expected = RNN(cell, return_sequences=True)(x)
    outputs, _ = unroll(cell, x, keep=np.ones((B, H)))
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-14)


def test_what_does_not_fit_is_refused(rng):
    with pytest.raises(ValueError, match=r"`rate` must lie in \[0, 1\)"):
        Dropout(1.0)
    with pytest.raises(ValueError, match=r"must have shape \(B, T, D\)"):
        Dropout(0.5)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="`keep` must have shape"):
        unroll(SimpleRNNCell(D, H), np.ones((2, T, D)), keep=np.ones((2, H + 1)))
