"""Judging and writing texts: the same in Keras and PyTorch; masks, carried state, sampling."""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.torch
from runtun import parity

FLOORS = {"keras": runtun.keras, "torch": runtun.torch}
B, T, V, E, H = 3, 7, 9, 5, 6
CLASSIFIERS = {
    "lstm": {},
    "deep rnn both ways": {"cell": "rnn", "num_layers": 2, "bidirectional": True},
    "gru, three classes": {"cell": "gru", "output_size": 3},
    "without a mask": {"mask_padding": False},
}
WRITERS = {
    "one-hot": {},
    "embedding": {"embedding_size": 4, "num_layers": 2},
    "gru": {"cell": "gru", "num_layers": 2},
}


def classifier(floor, seed=1, **arguments):
    rng = np.random.default_rng(seed)
    return FLOORS[floor].SentimentClassifier(V, E, H, rng=rng, dtype="float64", **arguments)


def writer(floor, seed=1, **arguments):
    rng = np.random.default_rng(seed)
    return FLOORS[floor].CharLanguageModel(V, H, rng=rng, dtype="float64", **arguments)


def call(model, ids, *state):
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            outputs = model(torch.tensor(ids), *state)
    else:
        outputs = model(ids, *state)
    return (
        (np.asarray(outputs[0]), outputs[1]) if isinstance(outputs, tuple) else np.asarray(outputs)
    )


@pytest.fixture
def ids():
    ids = np.random.default_rng(2).integers(1, V, size=(B, T))
    ids[1, 4:] = ids[2, 1:] = 0
    return ids


@pytest.mark.parametrize("shape", CLASSIFIERS.values(), ids=list(CLASSIFIERS))
def test_classifiers_of_one_seed_are_equal(shape, ids):
    ours, theirs = classifier("keras", **shape), classifier("torch", **shape)
    expected = call(ours, ids)
    assert expected.shape == (B, shape.get("output_size", 1))
    np.testing.assert_allclose(call(theirs, ids), expected, rtol=0, atol=1e-12)
    moved = classifier("torch", seed=2, **shape)
    parity.weights_to_torch(parity.weights_from_keras(ours), moved)
    np.testing.assert_array_equal(call(moved, ids), call(theirs, ids))


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_only_a_mask_makes_padding_harmless(floor, cell, bidirectional, ids):
    longer = np.pad(ids, ((0, 0), (0, 5)))
    shape = {"cell": cell, "bidirectional": bidirectional}
    model = classifier(floor, **shape)
    np.testing.assert_allclose(call(model, longer), call(model, ids), rtol=0, atol=1e-12)
    careless = classifier(floor, mask_padding=False, **shape)
    assert np.abs(call(careless, longer) - call(careless, ids)).max() > 1e-3


def test_both_ways_ends_where_each_direction_has_read_everything(ids):
    """The trap: `output[:, -1]` of a layer both ways has read one word from behind."""
    model = classifier("torch", bidirectional=True)
    first, last = ids.copy(), ids.copy()
    first[0, 0] = 1 + ids[0, 0] % (V - 1)
    last[0, -1] = 1 + ids[0, -1] % (V - 1)
    with torch.no_grad():
        halves = []
        for text in (ids, first, last):
            vectors = model.embedding(torch.tensor(text))
            _, state = model.stack(vectors, None, torch.tensor(text != 0))
            halves.append(torch.chunk(state[-1].h[0], 2))
    for changed in halves[1:]:  # either end of the text reaches both directions
        for before, after in zip(halves[0], changed, strict=True):
            assert (before - after).abs().max() > 1e-6


@pytest.mark.parametrize("floor", FLOORS)
def test_spatial_dropout_drops_features_of_a_text_not_words(floor, ids):
    model = classifier(floor, spatial_dropout=0.5)
    seen = []

    def remember(x, *arguments, **named):
        seen.append(np.asarray(x.detach() if floor == "torch" else x))
        return original(x, *arguments, **named)

    if floor == "torch":
        original, model.stack.forward = model.stack.forward, remember
        call(model.train(), ids)
    else:
        original, model.stack.call = model.stack.call, remember
        model(ids, training=True)
    dropped = seen[0] == 0  # (B, T, E)
    np.testing.assert_array_equal(dropped.all(axis=1), dropped.any(axis=1))
    assert 0 < dropped.mean() < 1


@pytest.mark.parametrize("shape", WRITERS.values(), ids=list(WRITERS))
def test_writers_of_one_seed_are_equal(shape, ids):
    ours, theirs = writer("keras", **shape), writer("torch", **shape)
    expected, state = call(ours, ids)
    found, other = call(theirs, ids)
    assert expected.shape == (B, T, V)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    for a, b in zip(state, other, strict=True):
        np.testing.assert_allclose(np.asarray(b.h), np.asarray(a.h), rtol=0, atol=1e-12)
    moved = writer("torch", seed=2, **shape)
    parity.weights_to_torch(parity.weights_from_keras(ours), moved)
    np.testing.assert_array_equal(call(moved, ids)[0], found)
    prompt = ids[:, :1]
    texts = [m.sample(prompt, 8, rng=np.random.default_rng(7)) for m in (ours, theirs)]
    np.testing.assert_array_equal(*texts)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("shape", WRITERS.values(), ids=list(WRITERS))
def test_a_carried_state_reads_chunks_as_one_text(floor, shape, ids):
    model = writer(floor, **shape)
    whole, _ = call(model, ids)
    first, state = call(model, ids[:, :3])
    rest = [first]
    for t in range(3, T):  # one character a chunk
        logits, state = call(model, ids[:, t : t + 1], state)
        rest.append(logits)
    np.testing.assert_allclose(np.concatenate(rest, axis=1), whole, rtol=0, atol=1e-12)
    zero = model.initial_state(B)
    np.testing.assert_array_equal(call(model, ids, zero)[0], whole)


@pytest.mark.parametrize("floor", FLOORS)
def test_a_greedy_text_is_the_most_probable_at_every_step(floor, ids):
    model = writer(floor)
    prompt = ids[0, :4]
    written = model.sample(prompt, 6, temperature=0, rng=np.random.default_rng(0))
    text = np.concatenate([prompt, written])[None]
    logits, _ = call(model, text[:, :-1])
    np.testing.assert_array_equal(logits[0, 3:].argmax(axis=-1), written)


@pytest.mark.parametrize("floor", FLOORS)
def test_texts_side_by_side_are_texts_one_by_one(floor, ids):
    model = writer(floor)
    prompts = ids[:, :3]
    side_by_side = model.sample(prompts, 5, top_k=1, rng=np.random.default_rng(0))
    for prompt, text in zip(prompts, side_by_side, strict=True):
        alone = model.sample(prompt, 5, top_k=1, rng=np.random.default_rng(0))
        np.testing.assert_array_equal(alone, text)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("make", [classifier, writer])
def test_dropout_acts_while_training_only(floor, make, ids):
    first = lambda outputs: outputs[0] if make is writer else outputs
    model, plain = make(floor, dropout=0.5, num_layers=2), make(floor, num_layers=2)
    if floor == "torch":
        moved = first(call(model.train(), ids))
        model.eval()
    else:
        moved = np.asarray(first(model(ids, training=True)))
    expected = first(call(plain, ids))
    np.testing.assert_array_equal(first(call(model, ids)), expected)
    assert np.abs(moved - expected).max() > 1e-3


def test_sampling_leaves_the_model_in_training():
    model = writer("torch", dropout=0.5, num_layers=2).train()
    rng = np.random.default_rng
    texts = [model.sample([1, 2], 20, temperature=0, rng=rng(0)) for _ in range(2)]
    np.testing.assert_array_equal(*texts)  # without dropout
    assert model.training


@pytest.mark.parametrize("make", [classifier, writer])
def test_a_saved_model_computes_the_same(make, ids, tmp_path):
    model = make("keras", num_layers=2, dropout=0.2)
    model(ids)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected, found = call(model, ids), call(loaded, ids)
    if make is writer:
        expected, found = expected[0], found[0]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("floor", FLOORS)
def test_what_does_not_fit_is_refused(floor, ids):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="`spatial_dropout` must lie"):
        classifier(floor, spatial_dropout=1.0)
    with pytest.raises(ValueError, match="`dropout` must lie"):
        writer(floor, dropout=-1)
    for model in (classifier(floor), writer(floor), writer(floor, embedding_size=3)):
        with pytest.raises(TypeError, match="must be whole numbers"):
            call(model, ids * 1.0)
        with pytest.raises(ValueError, match=r"must have shape \(B, T\)"):
            call(model, ids[0])
        if floor == "torch":
            with pytest.raises(ValueError, match="from 0 to 8; received numbers from"):
                call(model, ids + 5)
    for prompt, error, message in [
        ([], ValueError, "time axis is empty"),
        ([9], ValueError, "from 0 to 8"),
        (["a"], TypeError, "must be whole numbers"),
    ]:
        with pytest.raises(error, match=message):
            writer(floor).sample(prompt, 3, rng=rng)
    with pytest.raises(ValueError, match="`length` must be at least 1"):
        writer(floor).sample([1], 0, rng=rng)
