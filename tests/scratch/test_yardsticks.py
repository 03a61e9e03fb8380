"""The yardsticks of the text chapters count rightly and give probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from runtun.scratch.naive_bayes import NaiveBayes, word_pairs
from runtun.scratch.ngram import NGram

TEXT = np.random.default_rng(0).integers(5, size=400)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_sum_to_one_after_any_context(order: int) -> None:
    model = NGram(6, order).fit(TEXT)  # token 5 never occurs
    rng = np.random.default_rng(1)
    for length in range(7):
        chances = model.probabilities(rng.integers(6, size=length))
        assert chances.shape == (6,)
        assert chances.sum() == pytest.approx(1, abs=1e-12)
        assert chances.min() > 0


def test_a_text_is_as_likely_as_its_tokens_one_by_one() -> None:
    model = NGram(5, order=3).fit(TEXT)
    new = np.random.default_rng(2).integers(5, size=30)
    one_by_one = [np.log(model.probabilities(new[:i])[token]) for i, token in enumerate(new)]
    np.testing.assert_allclose(model.log_probabilities(new), one_by_one, rtol=1e-12)


def test_witten_bell_by_hand() -> None:
    model = NGram(2, order=2).fit(np.array([0, 0, 1, 0]))
    # Unigram: 0 three times, 1 once, two kinds: P(0) = (3 + 2/2) / 6, P(1) = (1 + 2/2) / 6.
    np.testing.assert_allclose(model.probabilities(np.array([], dtype=int)), [4 / 6, 2 / 6])
    # After 1 came only 0, once: P(0 | 1) = (1 + 1 · 4/6) / 2.
    np.testing.assert_allclose(model.probabilities(np.array([1])), [5 / 6, 1 / 6])


def test_longer_contexts_help_where_there_is_something_to_learn() -> None:
    rng = np.random.default_rng(3)
    text = [0, 1]
    for _ in range(4000):  # the next token is the sum of the last two, nine times in ten
        right = (text[-1] + text[-2]) % 4
        text.append(right if rng.random() < 0.9 else int(rng.integers(4)))
    train, test = np.array(text[:3000]), np.array(text[3000:])
    losses = [-NGram(4, order).fit(train).log_probabilities(test).mean() for order in (1, 2, 3)]
    assert losses[2] < 0.5 * losses[1]
    assert losses[0] == pytest.approx(np.log(4), abs=0.02)


def test_an_n_gram_model_refuses_what_it_cannot_count() -> None:
    with pytest.raises(ValueError, match=r"below 2 \*\* 63"):
        NGram(100_000, 5)
    with pytest.raises(ValueError, match=r"must lie in 0 \.\.\. 2"):
        NGram(3, 2).fit(np.array([0, 3]))
    with pytest.raises(ValueError, match="at least 2 tokens"):
        NGram(3, 2).fit(np.array([0]))
    with pytest.raises(TypeError, match="must be integers"):
        NGram(3, 2).fit(np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="counted nothing yet"):
        NGram(3, 2).probabilities(np.array([0]))


def test_naive_bayes_by_hand() -> None:
    model = NaiveBayes().fit([["a", "a", "b"], ["b"]], np.array(["x", "y"]))
    # P(a | x) = (2 + 1) / (3 + 2), P(a | y) = (0 + 1) / (1 + 2), equal priors
    scores = model.log_odds([["a", "unseen"]])
    np.testing.assert_allclose(scores, np.log([[0.5 * 3 / 5, 0.5 * 1 / 3]]))
    assert model.predict([["a"], ["b"]]).tolist() == ["x", "y"]


def test_pairs_tell_not_good_from_good() -> None:
    texts = [["good"], ["good"], ["not", "good"], ["bad"], ["bad"], ["not", "bad"]]
    labels = np.array([1, 1, 0, 0, 0, 1])
    alone = NaiveBayes().fit(texts, labels).predict(texts)
    pairs = [word_pairs(text) for text in texts]
    together = NaiveBayes(0.1).fit(pairs, labels).predict(pairs)
    assert (alone != labels).sum() == 2  # "not" says nothing by itself
    assert (together == labels).all()


def test_naive_bayes_refuses_what_it_cannot_count() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        NaiveBayes(0)
    with pytest.raises(ValueError, match="equally many"):
        NaiveBayes().fit([["a"]], np.array([0, 1]))
    with pytest.raises(ValueError, match="counted nothing yet"):
        NaiveBayes().predict([["a"]])
