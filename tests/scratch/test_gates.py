"""LSTM, peephole LSTM, GRU in both forms, and the layer-norm cell in NumPy."""

import numpy as np
import pytest

from runtun.scratch import (
    RNN,
    Dense,
    GRUCell,
    LayerNormRNNCell,
    LSTMCell,
    LSTMState,
    PeepholeLSTMCell,
    Stacked,
    check_gradients,
    unroll,
)

CELLS = {
    "lstm": LSTMCell,
    "peephole": PeepholeLSTMCell,
    "gru": GRUCell,
    "gru_reset_before": lambda *a, **k: GRUCell(*a, reset_after=False, **k),
    "layer_norm": LayerNormRNNCell,
}
D, H = 3, 4


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(params=CELLS)
def cell(request, rng):
    made = CELLS[request.param](D, H, rng=rng)
    for weight in made.params.values():  # constants would hide a missing term
        weight += rng.normal(scale=0.3, size=weight.shape)
    return made


def test_all_steps_at_once_equal_one_step_at_a_time(cell, rng):
    x = rng.normal(size=(2, 6, D))
    zero = cell.initial_state(2)
    start = type(zero)(*(rng.normal(size=part.shape) for part in zero))
    outputs, state = cell.forward(x, start)
    expected, expected_state = unroll(cell, x, start)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-14)
    for ours, theirs in zip(state, expected_state, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)


def test_gradients_match_central_differences(cell, rng):
    check_gradients(cell, rng.normal(size=(2, 5, D)), rng=rng)


def test_gradients_of_a_mixed_stack_match_central_differences(rng):
    model = Stacked(
        RNN(LSTMCell(2, 3, rng=rng), return_sequences=True),
        RNN(LayerNormRNNCell(3, 3, rng=rng), return_sequences=True),
        RNN(GRUCell(3, 2, rng=rng)),
        Dense(2, 1, rng=rng),
    )
    check_gradients(model, rng.normal(size=(2, 4, 2)), rng=rng)


def test_backward_twice_gives_the_same(cell, rng):
    outputs, _ = cell.forward(rng.normal(size=(2, 5, D)))
    d_outputs = rng.normal(size=outputs.shape)
    first, second = cell.backward(d_outputs), cell.backward(d_outputs)
    np.testing.assert_array_equal(first[0], second[0])
    for name in first[2]:
        np.testing.assert_array_equal(first[2][name], second[2][name])


def test_the_present_does_not_depend_on_the_future(cell, rng):
    x = rng.normal(size=(2, 6, D))
    before, _ = cell.forward(x)
    x[:, 4:] += 1.0
    after, _ = cell.forward(x)
    np.testing.assert_array_equal(after[:, :4], before[:, :4])
    assert np.abs(after[:, 4] - before[:, 4]).max() > 0


def test_float32_stays_float32(cell, rng):
    single = type(cell)(D, H, dtype="float32")
    outputs, _ = single.forward(rng.normal(size=(2, 6, D)))
    d_x, _, grads = single.backward(np.ones_like(outputs))
    assert {a.dtype for a in [outputs, d_x, *grads.values()]} == {np.dtype("float32")}


def test_an_open_forget_gate_and_a_closed_input_gate_keep_the_cell_state():
    cell = LSTMCell(1, 1)
    bias = [-100.0, 100.0, 0.0, 100.0]  # i shut, f open, g any, o open
    cell.load({"W": np.ones((1, 4)), "U": np.zeros((1, 4)), "b": bias})
    x = np.random.default_rng(0).normal(size=(1, 1000, 1))
    outputs, state = cell.forward(x, LSTMState(np.zeros((1, 1)), np.array([[0.7]])))
    assert state.c[0, 0] == pytest.approx(0.7, abs=1e-12)
    np.testing.assert_allclose(outputs, np.tanh(0.7), atol=1e-12)
    # The highway carries the gradient back through a thousand steps unharmed.
    d_c = LSTMState(np.zeros((1, 1)), np.ones((1, 1)))
    _, d_start, _ = cell.backward(np.zeros_like(outputs), d_c)
    assert d_start.c[0, 0] == pytest.approx(1.0, abs=1e-12)


def test_the_forget_bias_starts_where_it_is_told():
    cell = LSTMCell(D, H, forget_bias=3.0)
    np.testing.assert_array_equal(cell.b.reshape(4, H)[1], 3.0)
    np.testing.assert_array_equal(cell.b.reshape(4, H)[[0, 2, 3]], 0.0)


def test_an_update_gate_of_one_keeps_the_hidden_state():
    cell = GRUCell(D, H)
    cell.W[:], cell.U[:] = 0, 0
    cell.b[0, :H] = 100.0
    x = np.ones((2, 50, D))
    start = type(cell.initial_state(2))(np.full((2, H), 0.3))
    np.testing.assert_allclose(cell.forward(x, start)[0], 0.3, atol=1e-12)


def test_layer_norm_does_not_see_the_scale_of_the_input(rng):
    cell = LayerNormRNNCell(D, H, epsilon=1e-12, rng=rng)
    x = rng.normal(size=(2, 1, D))
    np.testing.assert_allclose(cell.forward(1000 * x)[0], cell.forward(x)[0], atol=1e-6)


def test_the_size_of_epsilon_matters(rng):
    """The trap: Keras and PyTorch have other defaults."""
    x = 0.05 * rng.normal(size=(2, 6, D))
    outputs = []
    for epsilon in (1e-3, 1e-5):
        cell = LayerNormRNNCell(D, H, epsilon=epsilon, rng=np.random.default_rng(0))
        outputs.append(cell.forward(x)[0])
    assert np.abs(outputs[0] - outputs[1]).max() > 0.01


def test_parameters_are_counted_by_hand():
    assert LSTMCell(32, 64).num_params == 24_832
    assert GRUCell(32, 64).num_params == 18_816
    assert PeepholeLSTMCell(32, 64).num_params == 24_832 + 3 * 64


def test_wrong_input_is_explained(cell):
    with pytest.raises(ValueError, match="with D = 3"):
        cell.forward(np.zeros((4, 6, 2)))
    with pytest.raises(ValueError, match="with D = 3"):
        cell(np.zeros((4, 2)), cell.initial_state(4))
    with pytest.raises(TypeError, match="`state` must be"):
        cell.forward(np.zeros((4, 6, D)), np.zeros((4, H)))


def test_an_epsilon_of_zero_is_refused():
    with pytest.raises(ValueError, match="`epsilon` must be positive"):
        LayerNormRNNCell(D, H, epsilon=0.0)
