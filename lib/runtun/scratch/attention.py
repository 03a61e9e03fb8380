"""Attention: a weighted mean of values, by how well keys answer a query, in NumPy.

The same file exists on each floor: `runtun.scratch.attention`, `runtun.keras.attention`,
`runtun.torch.attention`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from runtun.initializers import glorot_uniform, positive_sizes
from runtun.scratch.trainable import Trainable, float_type
from runtun.shapes import expect


class DotProductAttention:
    """Attention by how well queries and keys point the same way.

    scores = queries keys^T / sqrt(H) (without the division if not `scaled`)
    weights = softmax(scores) over the source      context = weights values

    Args:
        scaled: divide by sqrt(H), so that scores do not grow with the size of the keys.

    Call:
        queries: (B, T, H); keys: (B, S, H); values: (B, S, E); mask: (B, S) or (B, T, S), True
        where a query may look. Returns (context (B, T, E), weights (B, T, S)).

    Raises:
        ValueError: if shapes do not fit, or a query may look nowhere.

    References: Luong, Pham & Manning 2015; Vaswani et al. 2017 (scaled).

    Example:
        >>> attention = DotProductAttention()
        >>> context, weights = attention(np.ones((2, 5, 4)), np.ones((2, 7, 4)), np.ones((2, 7, 3)))
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 5, 3), (2, 5, 7))
    """

    def __init__(self, *, scaled: bool = True) -> None:
        self.scaled = scaled

    @property
    def params(self) -> dict[str, np.ndarray]:
        """Nothing to train."""
        return {}

    def __call__(self, *arguments: Any, **named: Any) -> tuple[np.ndarray, np.ndarray]:
        return self.forward(*arguments, **named)

    def forward(
        self,
        queries: np.ndarray,
        keys: np.ndarray,
        values: np.ndarray,
        mask: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Look up; see the class."""
        size = expect(queries, "B T H", name="queries")
        expect(keys, "B S H", name="keys", B=size["B"], H=size["H"])
        scale = size["H"] ** -0.5 if self.scaled else 1.0
        scores = scale * (queries @ keys.swapaxes(1, 2))  # (B, T, S)
        context, weights = look_up(scores, values, mask)
        self._memory = queries, keys, values, weights, scale
        return context, weights

    def backward(
        self, d_context: np.ndarray
    ) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], dict[str, np.ndarray]]:
        """Return the gradients with respect to (queries, keys, values), and to the weights.

        Args:
            d_context: (B, T, E), the gradient of the loss with respect to the context.
        """
        queries, keys, values, weights, scale = self._memory
        d_scores, d_values = look_up_backward(d_context, values, weights)
        d_queries = scale * (d_scores @ keys)
        d_keys = scale * (d_scores.swapaxes(1, 2) @ queries)
        return (d_queries, d_keys, d_values), {}


class AdditiveAttention(Trainable):
    """Attention by a small network that compares a query with a key.

    scores = tanh(queries W + keys U) v
    weights = softmax(scores) over the source      context = weights values

    Args:
        query_size: size of a query; positive.
        key_size: size of a key; positive.
        hidden_size: H, the size of the comparing layer; positive.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            on every floor.
        dtype: "float32" or "float64".

    Call:
        queries: (B, T, query_size); keys: (B, S, key_size); values: (B, S, E); mask: (B, S) or
        (B, T, S), True where a query may look. Returns (context (B, T, E), weights (B, T, S)).

    Raises:
        ValueError: if shapes do not fit, or a query may look nowhere.

    References: Bahdanau, Cho & Bengio 2015.

    Example:
        >>> attention = AdditiveAttention(4, 6, 8, rng=np.random.default_rng(0))
        >>> context, weights = attention(np.ones((2, 5, 4)), np.ones((2, 7, 6)), np.ones((2, 7, 3)))
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 5, 3), (2, 5, 7))
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W", "U", "v")

    def __init__(
        self,
        query_size: int,
        key_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        positive_sizes(query_size=query_size, key_size=key_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        dtype = float_type(dtype)
        self.query_size = query_size
        self.key_size = key_size
        self.hidden_size = hidden_size
        self.W = glorot_uniform(rng, (query_size, hidden_size)).astype(dtype)
        self.U = glorot_uniform(rng, (key_size, hidden_size)).astype(dtype)
        self.v = glorot_uniform(rng, (hidden_size, 1))[:, 0].astype(dtype)

    def __call__(self, *arguments: Any, **named: Any) -> tuple[np.ndarray, np.ndarray]:
        return self.forward(*arguments, **named)

    def forward(
        self,
        queries: np.ndarray,
        keys: np.ndarray,
        values: np.ndarray,
        mask: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Look up; see the class."""
        size = expect(queries, "B T D", name="queries", D=self.query_size)
        expect(keys, "B S D", name="keys", B=size["B"], D=self.key_size)
        u = np.tanh((queries @ self.W)[:, :, None] + (keys @ self.U)[:, None])  # (B, T, S, H)
        context, weights = look_up(u @ self.v, values, mask)
        self._memory = queries, keys, values, weights, u
        return context, weights

    def backward(
        self, d_context: np.ndarray
    ) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], dict[str, np.ndarray]]:
        """Return the gradients with respect to (queries, keys, values), and to the weights.

        Args:
            d_context: (B, T, E), the gradient of the loss with respect to the context.
        """
        queries, keys, values, weights, u = self._memory
        d_scores, d_values = look_up_backward(d_context, values, weights)
        d_a = d_scores[..., None] * self.v * (1 - u * u)  # (B, T, S, H), before tanh
        d_from_queries, d_from_keys = d_a.sum(axis=2), d_a.sum(axis=1)  # (B, T, H), (B, S, H)
        grads = {
            "W": np.tensordot(queries, d_from_queries, axes=((0, 1), (0, 1))),
            "U": np.tensordot(keys, d_from_keys, axes=((0, 1), (0, 1))),
            "v": np.tensordot(d_scores, u, axes=3),
        }
        return (d_from_queries @ self.W.T, d_from_keys @ self.U.T, d_values), grads


def softmax(scores: np.ndarray) -> np.ndarray:
    """Turn scores into weights that add up to 1 along the last axis.

    Example:
        >>> softmax(np.array([1000.0, 1000.0, -np.inf]))
        array([0.5, 0.5, 0. ])
    """
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def look_up(
    scores: np.ndarray, values: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the values weighted by the softmax of the scores, and the weights."""
    B, T, S = scores.shape
    expect(values, "B S E", name="values", B=B, S=S)
    if mask is not None:
        if mask.ndim == 2:
            expect(mask, "B S", name="mask", B=B, S=S)
            mask = mask[:, None]
        else:
            expect(mask, "B T S", name="mask", B=B, T=T, S=S)
        if mask.dtype != bool:
            raise TypeError(f"`mask` must be boolean, True to look; received {mask.dtype}.")
        if not mask.any(axis=-1).all():
            raise ValueError("`mask` must let every query look somewhere; one may look nowhere.")
        scores = np.where(mask, scores, -np.inf)
    weights = softmax(scores)
    return weights @ values, weights


def look_up_backward(
    d_context: np.ndarray, values: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients with respect to the scores and to the values."""
    d_weights = d_context @ values.swapaxes(1, 2)
    # More weight here is less elsewhere: the softmax takes off what all scores share.
    shared = (weights * d_weights).sum(axis=-1, keepdims=True)
    return weights * (d_weights - shared), weights.swapaxes(1, 2) @ d_context
