"""Choosing tokens from what a model says about the next one: sampling and beam search.

NumPy only and shared by all floors, so that equal models write equal texts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from runtun.checks import generator, positive_int
from runtun.shapes import expect

Step = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""What the searches ask of a model: `step(tokens (N,), rows (N,)) -> log p (N, V)`.

It continues N sequences by one token each and returns the logarithms of the probabilities of the
next. Sequence n goes on from what was sequence `rows[n]` at the last call (at first, n itself).
"""


class Decoded(NamedTuple):
    """What a model has written.

    Args:
        ids: int64 (B, L), each up to and with its end token, then padding.
        scores: float64 (B,), the logarithm of each text's probability, in nats.
        weights: float (B, L, S), where the attention looked for each token, or None.
    """

    ids: np.ndarray
    scores: np.ndarray
    weights: np.ndarray | None


def beam_search(
    step: Step,
    batch_size: int,
    *,
    max_length: int,
    begin_id: int,
    end_id: int,
    pad_id: int = 0,
    beam: int = 1,
    length_penalty: float = 0.0,
) -> Decoded:
    """Look for the most probable sequences, keeping the best `beam` of each at every step.

    With a beam of 1 this is greedy decoding. A wider beam finds sequences that begin less probably
    and end more so; it is still no guarantee of the best.

    Args:
        step: the model; called with B x beam sequences, those of one source side by side.
        batch_size: B, the number of sources; positive.
        max_length: the greatest number of tokens, the end token included; positive.
        begin_id: the token from which all start.
        end_id: the token after which nothing follows.
        pad_id: what fills the places after the end.
        beam: how many sequences to keep; positive.
        length_penalty: finished sequences are compared by log p / length^length_penalty; 0
            compares probabilities, which favours short ones, 1 the mean over tokens.

    Returns:
        Decoded(ids, scores, None), the best sequence of each source.

    Raises:
        ValueError: if an argument does not fit.

    References: Graves 2012; Wu et al. 2016 (length).

    Example:
        >>> log_p = np.log([0.1, 0.1, 0.3, 0.5])  # the same whatever came before
        >>> step = lambda tokens, rows: np.tile(log_p, (len(tokens), 1))
        >>> beam_search(step, 1, max_length=2, begin_id=1, end_id=2).ids
        array([[3, 3]])
        >>> beam_search(step, 1, max_length=2, begin_id=1, end_id=2, beam=2).ids
        array([[2, 0]])
    """
    B, k = positive_int(batch_size, "batch_size"), positive_int(beam, "beam")
    positive_int(max_length, "max_length")
    if length_penalty < 0:
        raise ValueError(f"`length_penalty` must not be negative; received {length_penalty}.")
    scores = np.full((B, k), -np.inf)
    scores[:, 0] = 0.0  # k equal beginnings would stay equal
    tokens = np.full((B, k), begin_id)
    rows = np.arange(B * k)
    ids = np.empty((B, k, 0), np.int64)
    finished = np.zeros((B, k), bool)
    lengths = np.zeros((B, k))
    while ids.shape[-1] < max_length and not finished.all():
        log_p = np.asarray(step(tokens.reshape(-1), rows), np.float64).reshape(B, k, -1)
        V = log_p.shape[-1]
        log_p = np.where(finished[..., None], -np.inf, log_p)
        log_p[..., pad_id] = np.where(finished, 0.0, log_p[..., pad_id])  # only padding follows
        total = (scores[..., None] + log_p).reshape(B, k * V)
        best = np.argsort(-total, axis=1, kind="stable")[:, :k]  # (B, k)
        scores = np.take_along_axis(total, best, axis=1)
        parents, tokens = best // V, best % V
        rows = (np.arange(B)[:, None] * k + parents).reshape(-1)
        ids = np.take_along_axis(ids, parents[..., None], axis=1)
        ids = np.concatenate([ids, tokens[..., None]], axis=-1)
        finished = np.take_along_axis(finished, parents, axis=1)
        lengths = np.take_along_axis(lengths, parents, axis=1) + ~finished
        finished = finished | (tokens == end_id)
    chosen = np.argmax(scores / lengths**length_penalty, axis=1)[:, None]
    ids = np.take_along_axis(ids, chosen[..., None], axis=1)[:, 0]
    return Decoded(ids, np.take_along_axis(scores, chosen, axis=1)[:, 0], None)


def mix_tokens(
    step: Step, previous: np.ndarray, rate: float, rng: np.random.Generator, *, pad_id: int = 0
) -> np.ndarray:
    """Replace some of the right previous tokens by the model's own, step by step.

    Args:
        step: the model, as in `beam_search`.
        previous: (B, T), what teacher forcing feeds: the begin token, then the right tokens.
        rate: the probability to feed the model's most probable token instead, in [0, 1].
        rng: draws where.
        pad_id: padding, which stays.

    Returns:
        int64 (B, T). Each token that was replaced is what the model finds most probable after the
        (mixed) tokens before it.

    Raises:
        ValueError: if `rate` does not lie in [0, 1].

    References: Bengio et al. 2015.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"`rate` must lie in [0, 1]; received {rate}.")
    replace = generator(rng).random(previous.shape) < rate
    replace &= previous != pad_id
    mixed = np.array(previous, np.int64)
    rows = np.arange(len(mixed))
    for t in range(mixed.shape[1] - 1):
        own = np.argmax(step(mixed[:, t], rows), axis=-1)
        mixed[:, t + 1] = np.where(replace[:, t + 1], own, mixed[:, t + 1])
    return mixed


class TokenWriter:
    """What the `Seq2Seq` of every floor can do once it can take one step.

    A floor provides the method `stepper(source)`, which returns a `Step`, and `weigh(source,
    previous)`, which returns logits and weights; `decoder.attention` is None where there is none.
    """

    pad_id: int
    begin_id: int
    end_id: int
    decoder: Any
    stepper: Callable[[np.ndarray], Step]
    weigh: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray | None]]

    def decode(
        self,
        source: np.ndarray,
        *,
        max_length: int,
        beam: int = 1,
        length_penalty: float = 0.0,
        batch_size: int = 256,
    ) -> Decoded:
        """Write a target for each source.

        Args:
            source: (B, S), as NumPy array.
            max_length: the greatest number of tokens, the end token included; positive.
            beam: how many sequences to keep at each step; 1 is greedy.
            length_penalty: see `runtun.decoding.beam_search`.
            batch_size: how many sources at a time; it changes the memory needed, not the result.

        Returns:
            Decoded(ids (B, L), scores (B,), weights (B, L, S) or None).
        """
        source = np.asarray(source)
        expect(source, "B S", name="source")
        found = [
            self._decode(source[start : start + batch_size], max_length, beam, length_penalty)
            for start in range(0, len(source), batch_size)
        ]
        longest = max(part.ids.shape[1] for part in found)

        def join(arrays: list[np.ndarray], fill: float) -> np.ndarray:
            pad = lambda a: [(0, 0), (0, longest - a.shape[1]), *[(0, 0)] * (a.ndim - 2)]
            return np.concatenate([np.pad(a, pad(a), constant_values=fill) for a in arrays])

        attends = self.decoder.attention is not None
        return Decoded(
            join([part.ids for part in found], self.pad_id),
            np.concatenate([part.scores for part in found]),
            join([part.weights for part in found], 0.0) if attends else None,
        )

    def _decode(
        self, source: np.ndarray, max_length: int, beam: int, length_penalty: float
    ) -> Decoded:
        found = beam_search(
            self.stepper(np.repeat(source, beam, axis=0)),
            len(source),
            max_length=max_length,
            begin_id=self.begin_id,
            end_id=self.end_id,
            pad_id=self.pad_id,
            beam=beam,
            length_penalty=length_penalty,
        )
        if self.decoder.attention is None:
            return found
        begin = np.full((len(source), 1), self.begin_id)
        previous = np.concatenate([begin, found.ids[:, :-1]], axis=1)
        return found._replace(weights=self.weigh(source, previous)[1])  # all steps in one call

    def mix_inputs(
        self, source: np.ndarray, previous: np.ndarray, rate: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Replace some of `previous` by the model's own tokens: scheduled sampling.

        No gradient passes through the choice of a token, so a step of teacher forcing with the
        tokens that come back is a step of scheduled sampling.

        Args:
            source: (B, S).
            previous: (B, T), as in the call.
            rate: the probability of the model's own token, in [0, 1]; 1 is free running.
            rng: draws where.

        Returns:
            (source, the mixed tokens (B, T)).
        """
        step = self.stepper(np.asarray(source))
        mixed = mix_tokens(step, np.asarray(previous), rate, rng, pad_id=self.pad_id)
        return source, mixed


class TextSampler:
    """What the `CharLanguageModel` of every floor can do once it can go on with a text.

    A floor provides `continuer()`, which returns a function: given the next tokens (B, T) of B
    texts, it returns the logits (B, V) of the token after them, and remembers the state.
    """

    vocab_size: int
    continuer: Callable[[], Callable[[np.ndarray], np.ndarray]]

    def sample(
        self,
        prompt: np.ndarray,
        length: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Write on after a prompt.

        Args:
            prompt: (T,), or (B, T) for several texts at once: at least one token each.
            length: how many tokens to write; positive.
            temperature: see `runtun.decoding.choose_tokens`; 0 is greedy.
            top_k: see there.
            top_p: see there.
            rng: draws the tokens.

        Returns:
            int64 (length,) or (B, length), without the prompt.

        Raises:
            ValueError: if an argument does not fit.
        """
        prompt = np.asarray(prompt)
        positive_int(length, "length")
        tokens = prompt[None] if prompt.ndim == 1 else prompt
        expect(tokens, "B T", name="prompt")
        if tokens.dtype.kind not in "iu":
            raise TypeError(f"`prompt` must be whole numbers; received dtype {prompt.dtype}.")
        if not 0 <= tokens.min() <= tokens.max() < self.vocab_size:
            raise ValueError(
                f"`prompt` must lie from 0 to {self.vocab_size - 1}; received numbers from "
                f"{tokens.min()} to {tokens.max()}."
            )
        go_on = self.continuer()
        written = []
        for _ in range(length):
            chosen = choose_tokens(
                go_on(tokens), temperature=temperature, top_k=top_k, top_p=top_p, rng=rng
            )
            written.append(chosen)
            tokens = chosen[:, None]
        ids = np.stack(written, axis=1)
        return ids[0] if prompt.ndim == 1 else ids


def choose_tokens(
    logits: np.ndarray,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw one token for each row of logits.

    p = softmax(logits / temperature), cut to the `top_k` most probable tokens, then to the fewest
    of them whose probabilities reach `top_p`, and made to add up to 1 again.

    Args:
        logits: (B, V), finite numbers.
        temperature: below 1 sharpens the distribution, above 1 flattens it; 0 always takes the
            most probable token.
        top_k: how many tokens to keep, or None for all.
        top_p: the probability to keep, in (0, 1], or None for all (nucleus sampling).
        rng: draws the tokens.

    Returns:
        int64 (B,).

    Raises:
        ValueError: if an argument does not fit.

    References: Holtzman et al. 2020 (nucleus).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> logits = np.log([[0.5, 0.3, 0.2]] * 1000)
        >>> np.bincount(choose_tokens(logits, top_p=0.6, rng=rng), minlength=3)[2].item()
        0
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2 or not logits.size:
        raise ValueError(f"`logits` must have shape (B, V); received {logits.shape}.")
    if not temperature >= 0:
        raise ValueError(f"`temperature` must not be negative; received {temperature}.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"`top_p` must lie in (0, 1]; received {top_p}.")
    generator(rng)
    if temperature == 0:
        return np.argmax(logits, axis=-1)
    order = np.argsort(-logits, axis=-1, kind="stable")  # the most probable first
    logits = np.take_along_axis(logits, order, axis=-1) / temperature
    p = np.exp(logits - logits[:, :1])
    if top_k is not None:
        p[:, positive_int(top_k, "top_k") :] = 0
    p /= p.sum(axis=-1, keepdims=True)
    if top_p is not None:
        before = np.cumsum(p, axis=-1) - p  # what the more probable ones have reached
        p[before >= top_p] = 0
        p /= p.sum(axis=-1, keepdims=True)
    reached = np.cumsum(p, axis=-1)
    places = (reached < rng.random((len(p), 1)) * reached[:, -1:]).sum(axis=-1)
    # Rounding must never choose a token that was cut.
    places = np.minimum(places, (p > 0).sum(axis=-1) - 1)
    return np.take_along_axis(order, places[:, None], axis=-1)[:, 0]


def exact_match(ids: np.ndarray, target: np.ndarray, *, pad_id: int = 0) -> np.ndarray:
    """Return for each row whether all of it is right, whatever the padding behind it.

    Args:
        ids: (B, L), what was written.
        target: (B, M), what was asked for.
        pad_id: padding.

    Returns:
        bool (B,).

    Example:
        >>> exact_match(np.array([[5, 2, 0, 0], [5, 6, 2, 0]]), np.array([[5, 2], [5, 2]]))
        array([ True, False])
    """
    ids, target = np.asarray(ids), np.asarray(target)
    if ids.ndim != 2 or target.ndim != 2 or len(ids) != len(target):
        raise ValueError(
            f"`ids` and `target` must have shapes (B, L) and (B, M); received {ids.shape} and "
            f"{target.shape}."
        )
    length = max(ids.shape[1], target.shape[1])
    a, b = (
        np.pad(x, ((0, 0), (0, length - x.shape[1])), constant_values=pad_id) for x in (ids, target)
    )
    return (a == b).all(axis=1)
