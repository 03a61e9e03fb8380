"""`fit` trains the models of the course that need more than x and y."""

import numpy as np
import pytest

import runtun.keras
import runtun.torch
from runtun.training import Examples, evaluate, evaluate_stream, linear
from tests.training.floors import quiet, quiet_stream

PAD, BEGIN, END = 0, 1, 2
KERAS = pytest.param(runtun.keras, marks=pytest.mark.slow, id="keras")


@pytest.fixture
def pairs():
    """Sources of 2 to 4 tokens; the target is the source backwards."""
    rng = np.random.default_rng(0)
    source, target = np.zeros((64, 4), int), np.zeros((64, 5), int)
    for row, length in enumerate(rng.integers(2, 5, size=64)):
        source[row, :length] = rng.integers(3, 7, size=length)
        target[row, : length + 1] = [*source[row, :length][::-1], END]
    previous = np.concatenate([np.full((64, 1), BEGIN), target[:, :-1]], axis=1)
    return source, np.where(previous == END, PAD, previous), target


def build_writer(floor):
    return floor.Seq2Seq(7, 7, 8, 16, attention="dot", rng=np.random.default_rng(0))


@pytest.mark.parametrize("floor", [pytest.param(runtun.torch, id="torch"), KERAS])
def test_an_encoder_and_a_decoder_learn_with_teacher_forcing_and_sampling(floor, pairs):
    source, previous, target = pairs
    counts = target != PAD
    losses = []
    schedules = [None, linear(0.2, 0.6), linear(0.2, 0.6)]
    if floor is runtun.keras:  # which compiles for seconds each time
        schedules = schedules[:2]
    for sampling in schedules:
        model = build_writer(floor)
        history = quiet(
            model, (source, previous), target, target_mask=counts, loss="cross_entropy",
            validation=Examples((source, previous), target, target_mask=counts),
            epochs=4, batch_size=16, learning_rate=0.02, sampling=sampling, clip_norm=1.0,
        )  # fmt: skip
        assert history.val_loss[-1] < 0.9 * history.val_loss[0]
        # The validation is teacher forced, and so is all that comes after.
        final = evaluate(model, (source, previous), target, "cross_entropy", target_mask=counts)
        assert final == pytest.approx(history.val_loss[-1], rel=1e-5)
        losses.append(history.loss)
    assert losses[1] == pytest.approx(losses[-1], rel=1e-6)  # the seed draws the sampling
    assert np.abs(np.subtract(losses[0], losses[1])).max() > 1e-3


def test_sampling_goes_on_from_a_checkpoint(pairs, tmp_path):
    source, previous, target = pairs
    arguments = {"loss": "cross_entropy", "sampling": 0.5, "batch_size": 32}
    expected = quiet(build_writer(runtun.torch), (source, previous), target, epochs=3, **arguments)
    arguments["checkpoint"] = tmp_path / "run.npz"
    quiet(build_writer(runtun.torch), (source, previous), target, epochs=1, **arguments)
    history = quiet(build_writer(runtun.torch), (source, previous), target, epochs=3, **arguments)
    assert history.loss == expected.loss


@pytest.mark.parametrize("floor", [pytest.param(runtun.torch, id="torch"), KERAS])
def test_a_language_model_learns_a_rhythm_longer_than_a_chunk(floor):
    """A token in four is another one; the chunks are of two."""
    ids = np.stack([(np.arange(122) + shift) % 4 == 3 for shift in range(4)]).astype(int)
    x, y = (a.reshape(4, 60, 2).swapaxes(0, 1) for a in (ids[:, :120], ids[:, 1:121]))
    model = floor.CharLanguageModel(2, 16, rng=np.random.default_rng(0))
    before = evaluate_stream(model, x, y, "cross_entropy")
    history = quiet_stream(
        model, x, y, validation=(x, y), epochs=8, learning_rate=0.03, loss="cross_entropy"
    )
    # Without memory the best is the entropy of one in four, 0.562 nats.
    assert history.val_loss[-1] < 0.3 < before
