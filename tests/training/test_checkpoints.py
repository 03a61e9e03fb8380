"""A training that was stopped ends where the undisturbed one does."""

import os

import numpy as np
import pytest
import torch

import runtun.keras
import runtun.nnx
import runtun.torch
from runtun.training import evaluate, linear, one_cycle
from runtun.training.checkpoints import fingerprint, load, save
from tests.training.floors import FLOORS, build, build_layer, quiet, quiet_stream, weights_of

N, T = 40, 5


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, T, 1)).astype("float32")
    return x, x.sum(axis=1)


class Stopped(Exception):
    """What a person at the keyboard does to a training."""


def stopped_after(epochs):
    """A schedule of sampling that fails when an epoch too many is begun."""

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = runtun.torch.Forecaster(
                1, 4, num_layers=2, dropout=0.4, rng=np.random.default_rng(0)
            )
            self.rng = np.random.default_rng(5)
            self.generator = torch.Generator().manual_seed(6)
            self.begun = 0

        def set_sampling(self, p):
            self.begun += p > 0
            if self.begun > epochs:
                raise Stopped

        def forward(self, x):
            if not self.training:
                return self.layer(x)
            noise = self.rng.normal() + torch.rand((), generator=self.generator)
            return self.layer(x + 0.01 * noise)

    return Model()


def test_pytorch_goes_on_bit_for_bit(data, tmp_path):
    """With dropout, two random generators of the model's own, a schedule and early stopping."""
    x, y = data
    arguments = {
        "validation": (x[:9], y[:9]), "epochs": 7, "batch_size": 16, "patience": 5,
        "learning_rate": one_cycle(0.02), "sampling": linear(0.1, 0.5), "clip_norm": 1.0,
    }  # fmt: skip
    whole = stopped_after(99)
    expected = quiet(whole, x, y, **arguments)
    path = tmp_path / "folder" / "run.npz"
    model = stopped_after(3)
    with pytest.raises(Stopped):
        quiet(model, x, y, checkpoint=path, **arguments)
    torch.manual_seed(99)  # another process has other random numbers
    model = stopped_after(99)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    history = quiet(model, x, y, checkpoint=path, **arguments)
    assert model.begun == 4
    assert history.loss == expected.loss
    assert history.val_loss == expected.val_loss
    assert history.best_epoch == expected.best_epoch
    for mine, other in zip(weights_of(model), weights_of(whole), strict=True):
        np.testing.assert_array_equal(mine, other)
    # What is finished is not trained again.
    assert quiet(model, x, y, checkpoint=path, **arguments).loss == expected.loss
    assert model.begun == 4


@pytest.mark.parametrize("floor", ["scratch", "nnx", pytest.param("keras", marks=pytest.mark.slow)])
@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_others_go_on_too(floor, optimizer, data, tmp_path):
    x, y = data
    path = tmp_path / "run.npz"
    arguments = {"optimizer": optimizer, "batch_size": 20, "learning_rate": 0.01}
    whole, model = build(floor), build(floor)
    expected = quiet(whole, x, y, epochs=4, **arguments)
    quiet(model, x, y, epochs=2, checkpoint=path, **arguments)
    model = build(floor, seed=1)
    history = quiet(model, x, y, epochs=4, checkpoint=path, **arguments)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-5)
    for mine, other in zip(weights_of(model), weights_of(whole), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=0 if floor == "scratch" else 1e-6)


@pytest.mark.parametrize("floor", ["nnx", pytest.param("keras", marks=pytest.mark.slow)])
def test_dropout_goes_on_where_it_was(floor, data, tmp_path):
    x, y = data

    def make():
        rng = np.random.default_rng(0)
        return FLOORS[floor].Forecaster(1, 4, num_layers=2, dropout=0.5, rng=rng)

    expected = quiet(make(), x, y, epochs=3, batch_size=20)
    quiet(make(), x, y, epochs=1, batch_size=20, checkpoint=tmp_path / "run.npz")
    history = quiet(make(), x, y, epochs=3, batch_size=20, checkpoint=tmp_path / "run.npz")
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-5)


def test_the_best_weights_are_remembered_across_a_stop(data, tmp_path):
    x, y = data
    # Validation asks for the opposite, so the first epoch is the best.
    arguments = {"validation": (x, -y), "patience": 4, "learning_rate": 0.01}
    path = tmp_path / "run.npz"
    quiet(build("torch"), x, y, epochs=2, checkpoint=path, **arguments)
    model = build("torch", seed=1)
    history = quiet(model, x, y, epochs=9, checkpoint=path, **arguments)
    assert (history.best_epoch, len(history.loss), history.stopped_early) == (0, 5, True)
    assert evaluate(model, x, -y) == pytest.approx(history.val_loss[0], rel=1e-5)


@pytest.mark.parametrize("floor", ["torch", "scratch"])
def test_streams_go_on_too(floor, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3, 5, 1)), rng.normal(size=(4, 3, 5, 3))
    path = tmp_path / "run.npz"
    expected = quiet_stream(build_layer(floor, return_state=True), x, y, epochs=3)
    quiet_stream(build_layer(floor, return_state=True), x, y, epochs=1, checkpoint=path)
    model = build_layer(floor, 1, return_state=True)
    assert quiet_stream(model, x, y, epochs=3, checkpoint=path).loss == expected.loss


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"batch_size": 8}, "batch_size was 16 and is 8"),
        ({"optimizer": "sgd"}, "optimizer was 'adam' and is 'sgd'"),
        ({"learning_rate": 0.5}, "learning rates of the epochs that are done were others"),
        ({"epochs": 1}, "epochs were at least 2 and are 1"),
        ({"y": 2.0}, "examples was"),
    ],
)
def test_another_training_is_not_gone_on_with(changed, message, data, tmp_path):
    x, y = data
    path = tmp_path / "run.npz"
    arguments = {"epochs": 2, "batch_size": 16, "learning_rate": 0.01}
    quiet(build("scratch"), x, y, checkpoint=path, **arguments)
    before = path.read_bytes()
    y = y * changed.pop("y", 1.0)
    model = build("scratch", seed=3)
    weights = weights_of(model)
    with pytest.raises(ValueError, match=f"belongs to another training.*{message}"):
        quiet(model, x, y, checkpoint=path, **{**arguments, **changed})
    assert path.read_bytes() == before
    for mine, other in zip(weights_of(model), weights, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_cycle_of_another_length_is_another_training(data, tmp_path):
    path = tmp_path / "run.npz"
    rate = one_cycle(0.01)
    quiet(build("scratch"), *data, checkpoint=path, epochs=2, learning_rate=rate)
    with pytest.raises(ValueError, match="learning rates of the epochs that are done"):
        quiet(build("scratch"), *data, checkpoint=path, epochs=3, learning_rate=rate)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"\x93NUMPY?"])
def test_something_else_is_no_checkpoint(content, data, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a checkpoint"):
        quiet(build("scratch"), *data, checkpoint=path, epochs=1)
    assert path.read_bytes() == content


def test_a_pickle_in_a_checkpoint_is_not_opened(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    path = tmp_path / "run.npz"
    np.savez(path, record=np.array([Harm()], dtype=object))
    with pytest.raises(ValueError, match="is not a checkpoint"):
        load(path)
    assert not (tmp_path / "harm").exists()


def test_a_write_that_fails_leaves_the_last_checkpoint(tmp_path):
    path = tmp_path / "run.npz"
    save(path, {"a": np.arange(3)}, {"n": 1})
    with pytest.raises(TypeError):
        save(path, {"a": np.arange(4)}, {"n": object()})
    arrays, record = load(path)
    assert arrays["a"].tolist() == [0, 1, 2]
    assert record["n"] == 1


def test_the_fingerprint_sees_numbers_types_and_shapes():
    a = np.arange(6.0)
    others = [a + 1, a.astype("float32"), a.reshape(2, 3), a[:5], None]
    sums = [fingerprint([array]) for array in (a, *others)]
    assert len(set(sums)) == len(sums)
    assert fingerprint([a.reshape(2, 3).T]) == fingerprint([a.reshape(2, 3).T.copy()])
