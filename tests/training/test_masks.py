"""Several inputs, masks of steps and masks of targets mean the same in every framework."""

import keras
import numpy as np
import pytest
import torch
from flax import nnx

import runtun.scratch
from runtun.training import Examples, evaluate, predict
from tests.training.floors import FLOORS, build, build_layer, quiet, weights_of

N, T = 24, 6


@pytest.fixture
def data():
    """Sequences of 1 to T steps, the rest padding."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, T, 1)).astype("float32")
    y = rng.normal(size=(N, T, 3)).astype("float32")
    mask = np.arange(T) < rng.integers(1, T + 1, size=(N, 1))
    return x, y, mask


# Keras compiles for seconds, so it takes part once.
@pytest.mark.parametrize(
    ("loss", "floors"), [("mse", ["torch", "nnx"]), ("cross_entropy", ["torch", "nnx", "keras"])]
)
def test_masked_trainings_agree(loss, floors, data):
    x, y, mask = data
    if loss == "cross_entropy":
        y = y.argmax(axis=-1)
    found = {}
    for floor in floors:
        model = build_layer(floor)
        history = quiet(
            model, x, y, mask=mask, target_mask=mask, loss=loss,
            validation=Examples(x, y, mask, mask), epochs=2, batch_size=12, learning_rate=0.02,
        )  # fmt: skip
        found[floor] = [*history.loss, *history.val_loss]
        final = evaluate(model, x, y, loss, mask=mask, target_mask=mask)
        assert final == pytest.approx(history.val_loss[-1], rel=1e-6)
    for floor in floors[1:]:
        np.testing.assert_allclose(found[floor], found["torch"], rtol=1e-5)


@pytest.mark.parametrize("floor", ["torch", "nnx"])
def test_padding_teaches_nothing(floor, data):
    x, y, mask = data
    rng = np.random.default_rng(1)
    other_x, other_y = (np.where(mask[..., None], a, rng.normal(size=a.shape)) for a in (x, y))
    weights = []
    for inputs, targets in ((x, y), (other_x, other_y)):
        model = build_layer(floor)
        masks = {"mask": mask, "target_mask": mask}
        quiet(model, inputs.astype("float32"), targets.astype("float32"), epochs=2, **masks)
        weights.append(weights_of(model))
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-6)


def test_the_loss_is_the_mean_over_targets_that_count(data):
    x, y, mask = data
    model = build_layer("scratch")
    outputs = predict(model, x)
    expected = np.mean((outputs - y)[mask] ** 2)
    assert evaluate(model, x, y, target_mask=mask) == pytest.approx(expected, rel=1e-6)
    # With a rate this small the loss of the only batch is the loss before training.
    arguments = {"target_mask": mask, "epochs": 1, "batch_size": N, "learning_rate": 1e-9}
    for floor in ("scratch", "torch"):
        history = quiet(build_layer(floor), x, y, **arguments)
        assert history.loss[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("floor", ["scratch", "torch", "nnx"])
def test_a_batch_in_which_nothing_counts_changes_nothing(floor, data):
    x, y, _ = data
    counts = np.zeros((N, T), bool)
    counts[0, 0] = True
    model = build_layer(floor)
    # Of three batches one holds the only target that counts; SGD leaves the others alone.
    quiet(model, x, y, target_mask=counts, epochs=1, batch_size=8, optimizer="sgd")
    first = build_layer(floor)
    quiet(first, x[:1], y[:1], target_mask=counts[:1], epochs=1, optimizer="sgd")
    for mine, other in zip(weights_of(model), weights_of(first), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-7)


class TorchSum(torch.nn.Module):
    """y = w (a - 2 b)."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(1))

    def forward(self, a, b):
        return self.w * (a - 2 * b)


class KerasSum(keras.Model):
    def __init__(self):
        super().__init__()
        self.w = self.add_weight(shape=(1,), initializer="ones")

    def call(self, a, b):
        return self.w * (a - 2 * b)


class NnxSum(nnx.Module):
    def __init__(self):
        self.w = nnx.Param(np.ones(1, "float32"))

    def __call__(self, a, b):
        return self.w[...] * (a - 2 * b)


class ScratchSum:
    def __init__(self):
        self.params = {"w": np.ones(1, "float32")}

    def forward(self, a, b):
        self.difference = a - 2 * b
        return self.params["w"] * self.difference

    def backward(self, d_outputs):
        return None, {"w": np.array([(d_outputs * self.difference).sum()])}


@pytest.mark.parametrize("make", [TorchSum, KerasSum, NnxSum, ScratchSum])
def test_several_inputs_are_handed_over_in_order(make):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, N, 1)).astype("float32")
    model = make()
    np.testing.assert_allclose(predict(model, (a, b)), a - 2 * b, rtol=1e-6)
    history = quiet(
        model, (a, b), 3 * (a - 2 * b), validation=((a, b), 3 * (a - 2 * b)),
        epochs=20, batch_size=8, learning_rate=0.1, optimizer="sgd",
    )  # fmt: skip
    assert history.val_loss[-1] < 1e-4 * history.val_loss[0]
    assert weights_of(model)[0] == pytest.approx(3.0, abs=0.01)


class OffWhileTraining(keras.layers.Layer):
    """Gives zeros while it trains, as the strongest of dropouts would."""

    def __init__(self):
        super().__init__()
        self.w = self.add_weight(shape=(1,), initializer="ones")

    def call(self, x, training=False):
        return self.w * (0.0 if training else 1.0) * x


def test_a_layer_of_keras_knows_whether_it_trains():
    x = np.ones((8, 3, 1), "float32")
    history = quiet(OffWhileTraining(), x, x, validation=(x, x), epochs=1)
    assert history.loss == [1.0]  # the outputs are zero
    assert history.val_loss == [0.0]


def test_what_does_not_fit_is_refused(data):
    x, y, mask = data
    layer = build_layer("torch")
    for arguments, error, message in [
        ({"mask": mask[1:]}, ValueError, r"`x` and `mask` must have equally many"),
        ({"mask": mask.astype(int)}, TypeError, r"`mask` must be boolean.*mask\.astype\(bool\)"),
        ({"target_mask": mask[:, 1:]}, ValueError, "`target_mask` must have the first axes of `y`"),
        ({"target_mask": np.zeros_like(mask)}, ValueError, "must leave at least one target"),
        ({"validation": Examples(x, y, mask[1:])}, ValueError, "`validation x` and `validation m"),
        ({"sampling": 0.5}, TypeError, "needs a model with the method `set_sampling`"),
    ]:
        with pytest.raises(error, match=message):
            quiet(layer, x, y, **arguments)
    with pytest.raises(ValueError, match=r"`x\[0\]` and `x\[1\]` must have equally many"):
        quiet(layer, (x, x[1:]), y)
    with pytest.raises(ValueError, match="received an empty tuple"):
        quiet(layer, (), y)
    with pytest.raises(ValueError, match="equally many examples"):
        predict(layer, x, mask=mask[1:])
    with pytest.raises(ValueError, match="no backward pass through a `mask`"):
        quiet(build_layer("scratch"), x, y, mask=mask)


@pytest.mark.parametrize("floor", FLOORS)
def test_a_model_with_a_state_is_sent_to_fit_stream(floor, data):
    x, y, _ = data
    with pytest.raises(TypeError, match="there is `fit_stream`"):
        quiet(build_layer(floor, return_state=True), x, y)


def test_sampling_is_set_before_every_epoch_and_taken_back(data):
    model = TorchSum()
    told = []
    model.set_sampling = told.append
    a = data[0][:, :1, 0]
    quiet(model, (a, a), a, epochs=3, sampling=lambda progress: progress / 2)
    assert told == [0.0, 0.25, 0.5, 0.0]
    with pytest.raises(ValueError, match="probabilities between 0 and 1"):
        quiet(model, (a, a), a, epochs=3, sampling=1.5)


def test_a_model_of_one_input_needs_no_tuple(data):
    model = build("scratch")
    np.testing.assert_array_equal(predict(model, data[0]), predict(model, (data[0],)))
    assert isinstance(model, runtun.scratch.Stacked)
