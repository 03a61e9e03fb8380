"""The n-gram model with Witten-Bell smoothing: the yardstick for language models."""

from __future__ import annotations

import numpy as np

from runtun.checks import positive_int


class NGram:
    """Predict the next token from the n - 1 tokens before it, by counting.

    With a context u of k tokens, c(u w) how often w followed it, c(u) how often anything did, and
    d(u) how many different tokens did,

    P(w | u) = (c(u w) + d(u) P(w | u')) / (c(u) + d(u))

    where u' is u without its first token. An unseen context leaves everything to the shorter one;
    below the empty context every token is equally likely, 1/V.

    Args:
        vocab_size: V, the number of different tokens; positive.
        order: n, the tokens looked at, the predicted one included; positive. V^n must be below
            2^63, so that a context fits into one integer.

    Raises:
        ValueError: if a number does not make sense.

    References: Witten & Bell 1991.

    >>> model = NGram(3, order=2).fit(np.array([0, 1, 0, 1, 0, 2]))
    >>> model.probabilities(np.array([0])).round(3)  # after 0: twice 1, once 2
    array([0.178, 0.533, 0.289])
    """

    def __init__(self, vocab_size: int, order: int = 5) -> None:
        self.vocab_size = positive_int(vocab_size, "vocab_size")
        self.order = positive_int(order, "order")
        if order * np.log2(max(vocab_size, 2)) >= 63:
            raise ValueError(
                f"`vocab_size` ** `order` must be below 2 ** 63; received {vocab_size} ** {order}."
            )
        # For each context length: the pairs and the contexts that were seen, sorted, with counts.
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []
        self._contexts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def fit(self, ids: np.ndarray) -> NGram:
        """Count the n-grams of a text.

        Args:
            ids: the text as numbers below V, (N,), N >= n.

        Returns:
            The model itself.
        """
        ids = self._check(ids, least=self.order)
        self._pairs, self._contexts = [], []
        for length in range(self.order):
            codes, tokens = self._codes(ids, length)
            pairs, counts = np.unique(codes * self.vocab_size + tokens, return_counts=True)
            contexts, first, distinct = np.unique(
                pairs // self.vocab_size, return_index=True, return_counts=True
            )
            self._pairs.append((pairs, counts))
            self._contexts.append((contexts, np.add.reduceat(counts, first), distinct))
        return self

    def log_probabilities(self, ids: np.ndarray) -> np.ndarray:
        """Return ln P of each token given those before it, in nats, (N,).

        The first n - 1 tokens are predicted from the fewer that stand before them.
        """
        self._check_fitted()
        ids = self._check(ids, least=1)
        chances = np.full(len(ids), 1 / self.vocab_size)
        for length in range(min(self.order, len(ids))):
            codes, tokens = self._codes(ids, length)
            pair_count = _look_up(codes * self.vocab_size + tokens, *self._pairs[length])
            contexts, totals, distinct = self._contexts[length]
            total = _look_up(codes, contexts, totals)
            kinds = _look_up(codes, contexts, distinct)
            seen = total > 0
            shorter = chances[length:]
            mixed = (pair_count + kinds * shorter) / np.maximum(total + kinds, 1)
            chances[length:] = np.where(seen, mixed, shorter)
        return np.log(chances)

    def probabilities(self, context: np.ndarray) -> np.ndarray:
        """Return P of every token after a context, (V,).

        Args:
            context: the tokens before, (any number,); the last n - 1 count.
        """
        self._check_fitted()
        context = self._check(context, least=0)[max(len(context) - self.order + 1, 0) :]
        chances = np.full(self.vocab_size, 1 / self.vocab_size)
        tokens = np.arange(self.vocab_size)
        for length in range(len(context) + 1):
            code = 0
            for token in context[len(context) - length :]:
                code = code * self.vocab_size + int(token)
            contexts, totals, distinct = self._contexts[length]
            total = _look_up(np.array([code]), contexts, totals)[0]
            kinds = _look_up(np.array([code]), contexts, distinct)[0]
            if total == 0:
                break  # a longer context was not seen either
            pair_count = _look_up(code * self.vocab_size + tokens, *self._pairs[length])
            chances = (pair_count + kinds * chances) / (total + kinds)
        return chances

    def _codes(self, ids: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Return each context of this length as one number, and the token after it."""
        codes = np.zeros(len(ids) - length, dtype=np.int64)
        for k in range(length):
            codes = codes * self.vocab_size + ids[k : len(ids) - length + k]
        return codes, ids[length:]

    def _check(self, ids: np.ndarray, least: int) -> np.ndarray:
        ids = np.asarray(ids)
        if ids.ndim != 1 or len(ids) < least:
            raise ValueError(
                f"`ids` must be one text of at least {least} tokens; received shape {ids.shape}."
            )
        if len(ids) and ids.dtype.kind not in "iu":
            raise TypeError(f"`ids` must be integers; received dtype {ids.dtype}.")
        if len(ids) and not 0 <= ids.min() <= ids.max() < self.vocab_size:
            raise ValueError(
                f"`ids` must lie in 0 ... {self.vocab_size - 1}; received {ids.min()} ... "
                f"{ids.max()}."
            )
        return ids.astype(np.int64)

    def _check_fitted(self) -> None:
        if not self._pairs:
            raise ValueError("The model has counted nothing yet. Call fit(ids) first.")


def _look_up(wanted: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the value of each wanted key, 0 where there is none; `keys` are sorted."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
