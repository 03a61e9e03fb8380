"""What older tutorials write and Keras 3 has no more: if one comes back, the course should know."""

import keras
import numpy as np
import pytest


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: keras.layers.LSTM(3, batch_input_shape=(1, 5, 2)), ValueError),
        (lambda: keras.layers.LSTM(3, time_major=True), ValueError),
        (lambda: keras.optimizers.Adam(lr=0.01), (TypeError, ValueError)),
        (lambda: keras.layers.LSTM(3, stateful=True).reset_state(states=[None]), TypeError),
    ],
    ids=["batch_input_shape", "time_major", "lr", "reset_state(states)"],
)
def test_arguments_that_are_gone(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (keras.Model, "fit_generator"),
        (keras.Model, "reset_states"),
        (keras.layers, "PeepholeLSTMCell"),
        (keras.layers, "AbstractRNNCell"),
        (keras.preprocessing, "text"),
    ],
)
def test_names_that_are_gone(place, name):
    assert not hasattr(place, name)


def test_a_model_is_saved_as_a_keras_file_only(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"\.keras"):
        model.save(tmp_path / "model")


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.Embedding(5, 3, input_length=7),
        lambda: keras.layers.LSTM(3, input_shape=(5, 2)),
    ],
    ids=["input_length", "input_shape"],
)
def test_arguments_that_only_warn(make):
    with pytest.warns(UserWarning, match="input_"):
        make()


@pytest.mark.parametrize("kind", [keras.layers.LSTM, keras.layers.GRU])
def test_recurrent_dropout_is_not_forgotten(kind):
    """The default of these layers computes all gates at once; with dropout it must not."""
    layer = kind(50, recurrent_dropout=0.5, seed=0)
    x = np.ones((1, 4, 2), "float32")
    used, trained = np.asarray(layer(x)), np.asarray(layer(x, training=True))
    assert np.abs(used - trained).max() > 0.01
