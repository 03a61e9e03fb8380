"""The simple RNN in NumPy: the equations, the loop, and the gradients."""

import numpy as np
import pytest

from runtun.scratch import (
    RNN,
    Dense,
    OutputRecurrentCell,
    OutputState,
    RNNState,
    SimpleRNNCell,
    Stacked,
    check_gradients,
    unroll,
)

CELLS = {
    "simple": lambda rng: SimpleRNNCell(3, 5, rng=rng),
    "sigmoid": lambda rng: SimpleRNNCell(3, 5, activation="sigmoid", rng=rng),
    "linear": lambda rng: SimpleRNNCell(3, 5, activation="linear", rng=rng),
    "output_to_hidden": lambda rng: OutputRecurrentCell(3, 5, 2, output_activation="tanh", rng=rng),
    "output_to_output": lambda rng: OutputRecurrentCell(
        3, 5, 2, recurrence="output_to_output", output_activation="sigmoid", rng=rng
    ),
}


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(params=CELLS)
def cell(request, rng):
    made = CELLS[request.param](rng)
    for weight in made.params.values():  # biases of zero would hide a missing bias
        weight += rng.normal(scale=0.1, size=weight.shape)
    return made


def test_constant_weights_give_the_values_worked_out_by_hand():
    cell = SimpleRNNCell(1, 1, activation="linear")
    cell.load({"W": [[2.0]], "U": [[0.5]], "b": [1.0]})
    outputs, _ = unroll(cell, np.array([[[1.0], [0.0], [-1.0]]]))
    # h1 = 2 + 0 + 1;  h2 = 0 + 1.5 + 1;  h3 = -2 + 1.25 + 1
    np.testing.assert_array_equal(outputs[0, :, 0], [3.0, 2.5, 0.25])


def test_output_recurrence_follows_its_equations_by_hand():
    weights = {"W": [[1.0]], "b": [1.0], "V": [[2.0]], "c": [-1.0], "U": [[0.5]]}
    x = np.array([[[1.0], [2.0]]])
    to_hidden = OutputRecurrentCell(1, 1, 1, activation="linear")
    to_hidden.load(weights)
    # h1 = 1 + 1 = 2, y1 = 4 - 1 = 3;  h2 = 2 + 1.5 + 1 = 4.5, y2 = 9 - 1 = 8
    np.testing.assert_array_equal(unroll(to_hidden, x)[0][0, :, 0], [3.0, 8.0])
    to_output = OutputRecurrentCell(1, 1, 1, recurrence="output_to_output", activation="linear")
    to_output.load(weights)
    # h1 = 2, y1 = 4 - 1 = 3;  h2 = 3, y2 = 6 + 1.5 - 1 = 6.5
    np.testing.assert_array_equal(unroll(to_output, x)[0][0, :, 0], [3.0, 6.5])


def test_all_steps_at_once_equal_one_step_at_a_time(cell, rng):
    x = rng.normal(size=(4, 6, 3))
    start = type(cell.initial_state(4))(rng.normal(size=(4, cell.output_size)))
    outputs, state = cell.forward(x, start)
    expected, expected_state = unroll(cell, x, start)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(state[0], expected_state[0], rtol=0, atol=1e-14)


def test_gradients_match_central_differences(cell, rng):
    check_gradients(cell, rng.normal(size=(2, 5, 3)), rng=rng)


@pytest.mark.parametrize("return_sequences", [False, True])
def test_gradients_of_a_deep_network_match_central_differences(return_sequences, rng):
    model = Stacked(
        RNN(SimpleRNNCell(2, 4, rng=rng), return_sequences=True),
        RNN(OutputRecurrentCell(4, 3, 2, rng=rng), return_sequences=True),
        RNN(SimpleRNNCell(2, 3, rng=rng), return_sequences=return_sequences),
        Dense(3, 2, rng=rng),
    )
    check_gradients(model, rng.normal(size=(3, 4, 2)), rng=rng)


def test_the_present_does_not_depend_on_the_future(cell, rng):
    x = rng.normal(size=(2, 6, 3))
    before, _ = cell.forward(x)
    x[:, 4:] += 1.0
    after, _ = cell.forward(x)
    np.testing.assert_array_equal(after[:, :4], before[:, :4])
    assert np.abs(after[:, 4] - before[:, 4]).min() > 0


def test_carrying_the_state_continues_the_sequence(cell, rng):
    x = rng.normal(size=(2, 9, 3))
    whole, last = cell.forward(x)
    first, state = cell.forward(x[:, :4])
    second, carried = cell.forward(x[:, 4:], state)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-14)
    np.testing.assert_allclose(carried[0], last[0], atol=1e-14)


def test_many_to_one_is_the_last_step_of_many_to_many(rng):
    cell = SimpleRNNCell(3, 5, rng=rng)
    x = rng.normal(size=(2, 6, 3))
    every = RNN(cell, return_sequences=True)(x)
    last, state = RNN(cell, return_state=True)(x)
    np.testing.assert_array_equal(last, every[:, -1])
    np.testing.assert_array_equal(last, state.h)


def test_the_input_is_left_alone(cell, rng):
    x = rng.normal(size=(2, 6, 3))
    copy = x.copy()
    outputs, _ = cell.forward(x)
    cell.backward(np.ones_like(outputs))
    np.testing.assert_array_equal(x, copy)


def test_float32_stays_float32(rng):
    cell = SimpleRNNCell(3, 5, rng=rng, dtype="float32")
    outputs, state = cell.forward(rng.normal(size=(2, 6, 3)))
    d_x, _, grads = cell.backward(np.ones_like(outputs))
    arrays = [outputs, state.h, d_x, *grads.values()]
    assert {array.dtype for array in arrays} == {np.dtype("float32")}


def test_views_and_whole_numbers_are_taken(rng):
    cell = SimpleRNNCell(3, 5, rng=rng)
    one_hot = np.eye(3, dtype=int)[rng.integers(0, 3, size=(2, 6))]
    expected, _ = cell.forward(one_hot.astype(float))
    np.testing.assert_array_equal(cell.forward(one_hot)[0], expected)
    backwards = one_hot[:, ::-1]
    expected, _ = cell.forward(backwards.copy())
    np.testing.assert_array_equal(cell.forward(backwards)[0], expected)


def test_wrong_input_is_explained(cell):
    with pytest.raises(ValueError, match=r"Add a feature axis with x\[\.\.\., None\]"):
        cell.forward(np.zeros((4, 6)))
    with pytest.raises(ValueError, match="with D = 3"):
        cell.forward(np.zeros((4, 6, 2)))
    with pytest.raises(ValueError, match="with D = 3"):
        cell(np.zeros((4, 2)), cell.initial_state(4))
    with pytest.raises(ValueError, match="time axis is empty"):
        cell.forward(np.zeros((4, 0, 3)))
    with pytest.raises(ValueError, match="batch axis is empty"):
        cell.forward(np.zeros((0, 6, 3)))
    with pytest.raises(TypeError, match="real numbers"):
        cell.forward(np.array([[["a", "b", "c"]]]))


def test_a_wrong_state_is_explained(rng):
    cell = SimpleRNNCell(3, 5, rng=rng)
    with pytest.raises(TypeError, match="must be RNNState; received OutputState"):
        cell.forward(np.zeros((4, 6, 3)), OutputState(np.zeros((4, 5))))
    with pytest.raises(ValueError, match=r"state\.h` must have shape \(4, 5\)"):
        cell.forward(np.zeros((4, 6, 3)), RNNState(np.zeros((1, 5))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SimpleRNNCell(0, 5), "`input_size` must be at least 1"),
        (lambda: SimpleRNNCell(3, 5, activation="tahn"), "`activation` must be one of"),
        (lambda: SimpleRNNCell(3, 5, dtype="int32"), '"float32" or "float64"'),
        (lambda: OutputRecurrentCell(3, 5, 2, recurrence="hidden"), "`recurrence` must be one of"),
        (Stacked, "at least one layer"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_size_must_be_a_whole_number():
    with pytest.raises(TypeError, match="whole number"):
        SimpleRNNCell(3, 5.0)


def test_load_refuses_what_does_not_fit(rng):
    cell = SimpleRNNCell(3, 5, rng=rng)
    before = cell.W.copy()
    with pytest.raises(ValueError, match="must have the names"):
        cell.load({"W": cell.W})
    with pytest.raises(ValueError, match=r"weight `U` must have shape \(5, 5\)"):
        cell.load({"W": before + 1, "U": np.zeros((5, 4)), "b": cell.b})
    np.testing.assert_array_equal(cell.W, before)  # nothing was half loaded
