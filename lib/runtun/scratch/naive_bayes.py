"""Naive Bayes on words and word pairs: the yardstick for text classification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np


def word_pairs(words: Sequence[str]) -> list[str]:
    """Return the words of a text and its pairs of neighbours.

    >>> word_pairs(["not", "so", "good"])
    ['not', 'so', 'good', 'not so', 'so good']
    """
    return [*words, *(f"{a} {b}" for a, b in pairwise(words))]


class NaiveBayes:
    """Choose the class under which the words of a text are most likely, each by itself.

    ŷ = argmax_k  ln P(k) + Σ_w ln P(w | k)        P(w | k) = (c_k(w) + a) / (c_k + a V)

    with c_k(w) how often w stands in the training texts of class k, c_k how many words they have,
    and V how many different words there are. Words that were never seen say nothing.

    Args:
        smoothing: a, positive; 1 is Laplace's.

    Raises:
        ValueError: if `smoothing` is not positive.

    References: Manning, Raghavan & Schütze 2008, chapter 13.

    >>> model = NaiveBayes().fit([["good", "film"], ["bad", "film"]], np.array([1, 0]))
    >>> model.predict([["good"], ["bad", "bad"]])
    array([1, 0])
    """

    def __init__(self, smoothing: float = 1.0) -> None:
        if not (np.isfinite(smoothing) and smoothing > 0):
            raise ValueError(f"`smoothing` must be positive; received {smoothing!r}.")
        self.smoothing = float(smoothing)
        self.classes = np.empty(0)
        self._numbers: dict[Hashable, int] = {}

    def fit(self, texts: Sequence[Sequence[Hashable]], labels: np.ndarray) -> NaiveBayes:
        """Count the words of each class.

        Args:
            texts: N lists of words (or of anything else that can be counted).
            labels: (N,), their classes.

        Returns:
            The model itself.

        Raises:
            ValueError: if there are no texts, or texts and labels differ in number.
        """
        labels = np.asarray(labels)
        if not len(texts) or labels.shape != (len(texts),):
            raise ValueError(
                f"`texts` and `labels` must be equally many and at least one; received "
                f"{len(texts)} and shape {labels.shape}."
            )
        self.classes, classes = np.unique(labels, return_inverse=True)
        self._numbers = {}
        for text in texts:
            for word in text:
                self._numbers.setdefault(word, len(self._numbers))
        counts = np.full((len(self.classes), len(self._numbers)), self.smoothing)
        for text, k in zip(texts, classes, strict=True):
            for word, times in Counter(text).items():
                counts[k, self._numbers[word]] += times
        self._words = np.log(counts) - np.log(counts.sum(axis=1, keepdims=True))
        self._prior = np.log(np.bincount(classes) / len(classes))
        return self

    def log_odds(self, texts: Sequence[Sequence[Hashable]]) -> np.ndarray:
        """Return ln P(class) + Σ ln P(word | class) of each text and class, (N, classes)."""
        if not self._numbers:
            raise ValueError("The model has counted nothing yet. Call fit(texts, labels) first.")
        scores = np.tile(self._prior, (len(texts), 1))
        for row, text in enumerate(texts):
            known = [self._numbers[word] for word in text if word in self._numbers]
            scores[row] += self._words[:, known].sum(axis=1)
        return scores

    def predict(self, texts: Sequence[Sequence[Hashable]]) -> np.ndarray:
        """Return the most likely class of each text, (N,)."""
        return self.classes[self.log_odds(texts).argmax(axis=1)]
