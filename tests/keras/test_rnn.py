"""The Keras floor: what is its own, beyond parity."""

import keras
import numpy as np
import pytest

from runtun.keras import (
    RNN,
    Dense,
    Forecaster,
    OutputRecurrentCell,
    RNNState,
    SimpleRNNCell,
    Stacked,
)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(4, 5, 2)).astype("float32")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stacked(RNN(SimpleRNNCell(2, 3), return_sequences=True), RNN(SimpleRNNCell(3, 2))),
        lambda: Stacked(
            RNN(OutputRecurrentCell(2, 3, 2, recurrence="output_to_output")), Dense(2, 1)
        ),
        lambda: Forecaster(2, 3, num_layers=2, horizon=2, every_step=True, cell="gru"),
    ],
)
def test_a_saved_model_computes_the_same(make, x, tmp_path):
    model = make()
    expected = model(x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded(x), expected)


def test_cells_work_in_the_functional_interface(x):
    inputs = keras.Input((5, 2))
    outputs, state = RNN(SimpleRNNCell(2, 3), return_sequences=True, return_state=True)(inputs)
    model = keras.Model(inputs, [outputs, state.h])
    found, last = model(x)
    np.testing.assert_array_equal(found[:, -1], last)


def test_cells_work_in_the_layer_of_keras(x):
    cell = SimpleRNNCell(2, 3)
    np.testing.assert_array_equal(keras.layers.RNN(cell)(x), RNN(cell)(x))


def test_masked_steps_keep_the_state(x):
    """Extra padding must not change a result."""
    layer = RNN(SimpleRNNCell(2, 3))
    padded = np.concatenate([x, np.full((4, 3, 2), 9.0, "float32")], axis=1)
    mask = np.arange(8)[None] < np.full((4, 1), 5)
    np.testing.assert_allclose(layer(padded, mask=mask), layer(x), rtol=0, atol=1e-7)
    assert np.abs(layer(padded) - layer(x)).max() > 0.01


def test_a_given_state_continues_the_sequence(x):
    layer = RNN(SimpleRNNCell(2, 3), return_state=True)
    _, state = layer(x[:, :2])
    assert isinstance(state, RNNState)
    np.testing.assert_allclose(layer(x[:, 2:], state)[0], layer(x)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "layer", [RNN(SimpleRNNCell(2, 3)), RNN(OutputRecurrentCell(2, 3, 1)), Forecaster(2, 3)]
)
def test_wrong_shapes_are_explained(layer):
    with pytest.raises(ValueError, match="must have shape"):
        layer(np.zeros((4, 5), "float32"))
    with pytest.raises(ValueError, match="with D = 2"):
        layer(np.zeros((4, 5, 3), "float32"))
    with pytest.raises(ValueError, match="time axis is empty"):
        layer(np.zeros((4, 0, 2), "float32"))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="`activation` must be one of"):
        SimpleRNNCell(2, 3, activation="step")
    with pytest.raises(ValueError, match="`hidden_size` must be at least 1"):
        SimpleRNNCell(2, -3)
    with pytest.raises(ValueError, match="at least one layer"):
        Stacked()


def test_parameters_are_counted_as_in_the_equations(x):
    assert Forecaster(2, 3).count_params() == (2 * 3 + 3 * 3 + 3) + (3 * 1 + 1)
    model = Stacked(RNN(SimpleRNNCell(2, 3)), Dense(3, 1))
    model(x)
    assert model.count_params() == 18 + 4
