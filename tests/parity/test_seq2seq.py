"""Encoder and decoder: the same in Keras and PyTorch; what they write, attend to and feed back."""

import copy

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.torch
from runtun import parity
from runtun.decoding import exact_match

FLOORS = {"keras": runtun.keras, "torch": runtun.torch}
B, S, T, SOURCE, V, E, H = 4, 6, 5, 9, 7, 5, 8
SHAPES = {
    "plain": {},
    "deep gru": {"num_layers": 2, "cell": "gru", "attention": "additive"},
    "both ways": {"bidirectional": True, "attention": "dot"},
}


def build(floor, seed=1, dtype="float64", **arguments):
    rng = np.random.default_rng(seed)
    return FLOORS[floor].Seq2Seq(SOURCE, V, E, H, rng=rng, dtype=dtype, **arguments)


def call(model, *inputs):
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            return model(*(torch.tensor(array) for array in inputs)).numpy()
    return np.asarray(model(*inputs))


@pytest.fixture
def pairs():
    rng = np.random.default_rng(5)
    source = rng.integers(3, SOURCE, size=(B, S))
    source[1, 4:] = source[3, 2:] = 0
    previous = np.concatenate([np.ones((B, 1), int), rng.integers(3, V, size=(B, T - 1))], axis=1)
    previous[2, 3:] = 0
    return source, previous


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_both_floors_are_equal(shape, pairs):
    ours, theirs = build("keras", **shape), build("torch", **shape)
    expected = call(ours, *pairs)
    assert expected.shape == (B, T, V)
    np.testing.assert_allclose(call(theirs, *pairs), expected, rtol=0, atol=1e-12)
    for beam in (1, 3):
        a, b = (m.decode(pairs[0], max_length=6, beam=beam, batch_size=3) for m in (ours, theirs))
        np.testing.assert_array_equal(a.ids, b.ids)
        np.testing.assert_allclose(a.scores, b.scores, rtol=0, atol=1e-9)
        assert (a.weights is None) == ("attention" not in shape)
        if a.weights is not None:
            np.testing.assert_allclose(a.weights, b.weights, rtol=0, atol=1e-9)
    weights = parity.weights_from_keras(ours)
    moved = parity.weights_to_torch(weights, build("torch", seed=2, **shape))
    np.testing.assert_array_equal(call(moved, *pairs), call(theirs, *pairs))


def test_a_saved_model_computes_the_same(pairs, tmp_path):
    model = build("keras", **SHAPES["both ways"])
    model.set_sampling(0.5)  # how it was trained must not matter
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(call(loaded, *pairs), call(model, *pairs))


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_teacher_forcing_in_one_pass_equals_step_by_step(floor, shape, pairs):
    model = build(floor, **shape)
    source, previous = pairs
    logits = call(model, *pairs)
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    step = model.stepper(source)
    for t in range(T):
        np.testing.assert_allclose(step(previous[:, t], np.arange(B)), log_p[:, t], atol=1e-9)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_padding_of_the_source_changes_nothing_and_gets_no_weight(floor, shape, pairs):
    model = build(floor, **shape)
    source, previous = pairs
    longer = np.pad(source, ((0, 0), (0, 3)))
    np.testing.assert_allclose(
        call(model, longer, previous), call(model, source, previous), rtol=0, atol=1e-12
    )
    _, weights = model.weigh(longer, previous)
    if weights is not None:
        np.testing.assert_allclose(weights.sum(axis=-1), 1.0)
        padding = np.broadcast_to((longer == 0)[:, None], weights.shape)
        np.testing.assert_array_equal(weights[padding], 0.0)


@pytest.mark.parametrize("floor", FLOORS)
def test_rows_of_the_beam_take_their_states_with_them(floor, pairs):
    model = build(floor, attention="dot")
    source = np.repeat(pairs[0][:1], 3, axis=0)
    first, second = np.array([1, 1, 1]), np.array([3, 4, 5])
    step = model.stepper(source)
    step(first, np.arange(3))
    step(second, np.arange(3))
    turned = step(np.array([6, 6, 6]), np.array([2, 2, 0]))
    step = model.stepper(source)
    step(first, np.arange(3))
    step(np.array([5, 5, 3]), np.arange(3))
    np.testing.assert_allclose(turned, step(np.array([6, 6, 6]), np.arange(3)), atol=1e-12)


@pytest.mark.parametrize("floor", FLOORS)
def test_free_running_is_what_the_model_writes(floor, pairs):
    model, rng = build(floor, attention="additive"), np.random.default_rng(0)
    source, previous = pairs
    previous = np.where(previous == 0, 3, previous)
    _, mixed = model.mix_inputs(source, previous, 1.0, rng)
    written = model.decode(source, max_length=T - 1).ids
    for row, found in zip(mixed, written, strict=True):
        end = np.flatnonzero(found == 2)
        stop = end[0] + 1 if len(end) else len(found)
        np.testing.assert_array_equal(row[1 : stop + 1], found[:stop])
    np.testing.assert_array_equal(model.mix_inputs(source, previous, 0.0, rng)[1], previous)


@pytest.mark.parametrize("floor", FLOORS)
def test_scheduled_sampling_in_training_is_teacher_forcing_with_mixed_tokens(floor, pairs):
    model = build(floor, attention="dot")
    source, previous = pairs
    model.set_sampling(1.0)
    _, mixed = model.mix_inputs(source, previous, 1.0, np.random.default_rng(0))
    assert (mixed != previous).any()
    expected = call(model.eval() if floor == "torch" else model, source, mixed)

    def train():
        if floor == "keras":
            return np.asarray(model(source, previous, training=True))
        return call(model.train(), source, previous)

    np.testing.assert_allclose(train(), expected, rtol=0, atol=1e-12)
    model.set_sampling(0.0)
    plain = train()
    if floor == "torch":
        model.eval()
    np.testing.assert_allclose(plain, call(model, source, previous), rtol=0, atol=1e-12)
    model.set_sampling(0.5)
    runs = np.stack([train() for _ in range(8)])
    assert (np.abs(runs - runs[0]).max(axis=(1, 2, 3)) > 1e-6).any()  # new coins each time
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        model.set_sampling(1.5)


def test_sampling_acts_inside_a_compiled_step(pairs):
    source, previous = (keras.ops.convert_to_tensor(array) for array in pairs)
    model = build("keras")
    model.set_sampling(0.0)
    import tensorflow as tf

    compiled = tf.function(lambda a, b: model(a, b, training=True))
    teacher = compiled(source, previous).numpy()
    np.testing.assert_allclose(teacher, call(model, source, previous), rtol=0, atol=1e-12)
    model.set_sampling(1.0)
    assert np.abs(compiled(source, previous).numpy() - teacher).max() > 1e-3


def test_it_learns_to_turn_a_sequence_around():
    """Two tokens in the opposite order: only a model that reads and remembers both can do it."""
    rng = np.random.default_rng(0)
    digits = rng.integers(3, V, size=(150, 2))
    target = np.concatenate([digits[:, ::-1], np.full((150, 1), 2)], axis=1)
    previous = np.concatenate([np.ones((150, 1), int), target[:, :-1]], axis=1)
    model = runtun.torch.Seq2Seq(V, V, 8, 16, attention="additive", rng=rng)
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    source, fed, wanted = (torch.tensor(array[:100]) for array in (digits, previous, target))
    for _ in range(50):
        loss = torch.nn.functional.cross_entropy(model(source, fed).flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for beam in (1, 3):
        found = model.decode(digits[100:], max_length=6, beam=beam)
        assert exact_match(found.ids, target[100:]).mean() > 0.9


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_series_are_forecast_alike(cell, tmp_path):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(B, 6, 3)), rng.normal(size=(B, 4, 2))
    ours, theirs = (
        floor.SeriesSeq2Seq(
            3, H, 4, output_size=2, num_layers=2, cell=cell,
            rng=np.random.default_rng(1), dtype="float64",
        )
        for floor in FLOORS.values()
    )  # fmt: skip
    free = call(ours, x)
    assert free.shape == (B, 4, 2)
    np.testing.assert_allclose(call(theirs, x), free, rtol=0, atol=1e-12)
    forced = call(ours, x, y)
    np.testing.assert_allclose(call(theirs, x, y), forced, rtol=0, atol=1e-12)
    # Fed with its own forecasts, teacher forcing is free running.
    own = np.concatenate([x[:, -1:, :2], free[:, :-1]], axis=1)
    np.testing.assert_allclose(call(ours, x, own), free, rtol=0, atol=1e-12)
    ours.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(call(loaded, x), free)


@pytest.mark.parametrize("floor", FLOORS)
def test_sampled_series_lie_between_forcing_and_free_running(floor):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(B, 6, 1)), rng.normal(size=(B, 4, 1))
    model = FLOORS[floor].SeriesSeq2Seq(1, H, 4, rng=rng, dtype="float64")
    y[:, 0] = x[:, -1]

    def train():
        if floor == "keras":
            return np.asarray(model(x, y, training=True))
        return call(model.train(), x, y)

    model.set_sampling(1.0)
    np.testing.assert_allclose(train(), call(model, x), rtol=0, atol=1e-12)
    model.set_sampling(0.0)
    forced = train()
    np.testing.assert_allclose(forced, call(model, x, y), rtol=0, atol=1e-12)
    model.set_sampling(0.5)
    assert np.abs(train() - forced).max() > 1e-3


def test_a_copy_of_a_model_computes_the_same(pairs):
    model = build("torch", attention="dot")
    np.testing.assert_array_equal(call(copy.deepcopy(model), *pairs), call(model, *pairs))


def test_the_place_of_the_sampling_probability_is_not_trained():
    model, theirs = build("keras"), build("torch")
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trained == sum(p.numel() for p in theirs.parameters() if p.requires_grad)


@pytest.mark.parametrize("floor", FLOORS)
def test_dropout_acts_while_training_only(floor, pairs):
    model, plain = build(floor, num_layers=2, dropout=0.5), build(floor, num_layers=2)
    if floor == "torch":
        moved = call(model.train(), *pairs)
        model.eval()
    else:
        moved = np.asarray(model(*pairs, training=True))
    np.testing.assert_array_equal(call(model, *pairs), call(plain, *pairs))
    assert np.abs(moved - call(plain, *pairs)).max() > 0.001


@pytest.mark.parametrize("floor", FLOORS)
def test_what_does_not_fit_is_refused(floor, pairs):
    source, previous = pairs
    for arguments, message in [
        ({"attention": "luong"}, "`attention` must be"),
        ({"cell": "elman"}, "`cell` must be one of"),
        ({"dropout": 1.0}, r"must lie in \[0, 1\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            build(floor, **arguments)
    model = build(floor)
    with pytest.raises(TypeError, match="must be whole numbers"):
        call(model, source * 1.0, previous)
    with pytest.raises(ValueError, match=r"must have shape \(B, T\)"):
        call(model, source, previous[0])
    with pytest.raises(ValueError, match="`max_length` must be at least 1"):
        model.decode(source, max_length=0)
    with pytest.raises(ValueError, match="at most `input_size`"):
        FLOORS[floor].SeriesSeq2Seq(1, H, 4, output_size=2)


def test_a_source_of_padding_only_is_refused(pairs):
    source, previous = pairs
    source[0] = 0
    with pytest.raises(ValueError, match="1 have none"):
        call(build("torch"), source, previous)
