"""Choosing tokens: sampling keeps what it should, beams find what greed misses."""

import itertools

import numpy as np
import pytest

from runtun.decoding import beam_search, choose_tokens, exact_match, mix_tokens

PAD, BEGIN, END = 0, 1, 2
V = 5


def random_model(seed, batch_size):
    """A step function whose probabilities depend on the source and on all tokens so far."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(batch_size, V))
    table = 0.8 * rng.normal(size=(V, V, V))

    def log_p(source, tokens):
        """log p of the next token of one source after all of `tokens`, begin token included."""
        logits = first[source].copy()
        for i, token in enumerate(tokens):
            logits += table[token, (i + tokens[-1]) % V]
        logits[[PAD, BEGIN]] = -50.0
        return logits - np.log(np.exp(logits).sum())

    def stepper(beam=1):
        texts = [[] for _ in range(batch_size * beam)]

        def step(tokens, rows):
            nonlocal texts
            texts = [[*texts[row], token] for row, token in zip(rows, tokens, strict=True)]
            return np.stack([log_p(n // beam, text) for n, text in enumerate(texts)])

        return step

    return log_p, stepper


def search(stepper, batch_size, beam=1, **arguments):
    arguments = {"max_length": 4, "begin_id": BEGIN, "end_id": END, **arguments}
    return beam_search(stepper(beam), batch_size, beam=beam, **arguments)


def score_of(log_p, source, ids):
    total, text = 0.0, [BEGIN]
    for token in ids:
        if token == PAD:
            break
        total += log_p(source, text)[token]
        text.append(token)
    return total


@pytest.mark.parametrize("beam", [1, 2, 3, 10])
def test_scores_are_those_of_the_texts(beam):
    log_p, stepper = random_model(0, 6)
    found = search(stepper, 6, beam)
    for source in range(6):
        np.testing.assert_allclose(found.scores[source], score_of(log_p, source, found.ids[source]))
        ends = np.flatnonzero(found.ids[source] == END)
        if len(ends):  # nothing but padding follows the end
            assert (found.ids[source, ends[0] + 1 :] == PAD).all()


def test_a_beam_of_one_is_greedy():
    log_p, stepper = random_model(1, 5)
    found = search(stepper, 5)
    for source in range(5):
        text = [BEGIN]
        while len(text) <= 4 and text[-1] != END:
            text.append(int(np.argmax(log_p(source, text))))
        np.testing.assert_array_equal(found.ids[source, : len(text) - 1], text[1:])


def test_a_beam_that_keeps_everything_finds_the_best_text():
    log_p, stepper = random_model(2, 20)
    letters = range(END, V)
    texts = [
        text
        for length in range(1, 5)
        for text in itertools.product(letters, repeat=length)
        if END not in text[:-1] and (text[-1] == END or length == 4)
    ]
    found = search(stepper, 20, beam=60)
    greedy = search(stepper, 20)
    for source in range(20):
        best = max(score_of(log_p, source, text) for text in texts)
        np.testing.assert_allclose(found.scores[source], best)
    assert (found.scores >= greedy.scores - 1e-12).all()
    assert (found.scores > greedy.scores + 0.01).any()


def test_the_length_penalty_favours_long_texts():
    """End at once with 0.5, or write two tokens, each with 0.6 and the end with 1."""

    def step(tokens, rows):
        p = np.full((len(tokens), 4), 1e-12)
        p[tokens == BEGIN] = [0, 0, 0.5, 0.5]
        p[tokens == 3] = [0, 0, 0.9, 0.1]
        return np.log(np.maximum(p, 1e-12))

    find = lambda a: beam_search(
        step, 1, max_length=3, begin_id=1, end_id=2, beam=2, length_penalty=a
    )
    assert find(0.0).ids[0].tolist()[:1] == [END]
    assert find(1.0).ids[0].tolist() == [3, END]


def test_writing_stops_when_all_texts_have_ended():
    calls = []

    def step(tokens, rows):
        calls.append(len(tokens))
        return np.log(np.tile([1e-9, 1e-9, 1.0, 1e-9], (len(tokens), 1)))

    found = beam_search(step, 3, max_length=50, begin_id=BEGIN, end_id=END)
    assert found.ids.tolist() == [[END]] * 3
    assert calls == [3]


def test_mixing_feeds_back_what_the_model_finds_most_probable():
    log_p, stepper = random_model(3, 30)
    rng = np.random.default_rng(0)
    previous = np.concatenate([np.full((30, 1), BEGIN), rng.integers(3, V, (30, 5))], axis=1)
    previous[:4, 4:] = PAD
    np.testing.assert_array_equal(mix_tokens(stepper(), previous, 0.0, rng), previous)
    free = mix_tokens(stepper(), previous, 1.0, rng)
    half = mix_tokens(stepper(), previous, 0.5, rng)
    for mixed in (free, half):
        for source, t in np.ndindex(30, 5):
            own = np.argmax(log_p(source, list(mixed[source, : t + 1])))
            assert mixed[source, t + 1] in (own, previous[source, t + 1])
    assert (free[:4, 4:] == PAD).all()
    assert 0 < (half != previous).mean() < (free != previous).mean()


def test_sampling_follows_the_probabilities():
    p = np.array([0.1, 0.6, 0.3])
    logits = np.tile(np.log(p), (20_000, 1))
    rng = np.random.default_rng(0)

    def shares(**arguments):
        tokens = choose_tokens(logits, rng=rng, **arguments)
        return np.bincount(tokens, minlength=3) / len(tokens)

    np.testing.assert_allclose(shares(), p, atol=0.012)
    np.testing.assert_allclose(shares(top_k=2), [0, 2 / 3, 1 / 3], atol=0.012)
    np.testing.assert_allclose(shares(top_p=0.6), [0, 1, 0])
    np.testing.assert_allclose(shares(top_p=0.61), [0, 2 / 3, 1 / 3], atol=0.012)
    np.testing.assert_allclose(shares(temperature=0), [0, 1, 0])
    sharp = p**2 / (p**2).sum()
    np.testing.assert_allclose(shares(temperature=0.5), sharp, atol=0.012)
    both = shares(top_k=2, top_p=0.6)  # of the two that top_k leaves, the first has 2/3
    np.testing.assert_allclose(both, [0, 1, 0])


def test_the_same_generator_draws_the_same_tokens():
    logits = np.random.default_rng(0).normal(size=(50, 9))
    draw = lambda seed: choose_tokens(logits, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).any()


def test_tokens_that_were_cut_are_never_drawn():
    logits = np.array([[800.0, -800.0, 799.0]])
    rng = np.random.default_rng(0)
    drawn = {int(choose_tokens(logits, top_k=2, temperature=5.0, rng=rng)[0]) for _ in range(200)}
    assert drawn == {0, 2}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": -1.0}, ValueError, "must not be negative"),
        ({"temperature": float("nan")}, ValueError, "must not be negative"),
        ({"top_k": 0}, ValueError, "`top_k` must be at least 1"),
        ({"top_p": 0.0}, ValueError, r"must lie in \(0, 1\]"),
        ({"rng": 3}, TypeError, "numpy.random.Generator"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, error, message):
    arguments = {"rng": np.random.default_rng(0), **arguments}
    with pytest.raises(error, match=message):
        choose_tokens(np.zeros((2, 3)), **arguments)
    with pytest.raises(ValueError, match=r"must have shape \(B, V\)"):
        choose_tokens(np.zeros(3), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="`beam` must be at least 1"):
        beam_search(None, 1, max_length=1, begin_id=1, end_id=2, beam=0)
    with pytest.raises(ValueError, match=r"`rate` must lie in \[0, 1\]"):
        mix_tokens(None, np.ones((1, 2)), 1.5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="must have shapes"):
        exact_match(np.zeros((2, 3)), np.zeros((1, 3)))
