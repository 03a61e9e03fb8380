"""Attention: a weighted mean of values, by how well keys answer a query, in Keras.

The same file exists on each floor: `runtun.scratch.attention`, `runtun.keras.attention`,
`runtun.torch.attention`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.initializers import glorot_uniform, positive_sizes
from runtun.keras.rnn import Tensor, weight
from runtun.shapes import expect


@keras.saving.register_keras_serializable(package="runtun")
class DotProductAttention(keras.layers.Layer):
    """Attention by how well queries and keys point the same way.

    scores = queries keys^T / sqrt(H) (without the division if not `scaled`)
    weights = softmax(scores) over the source      context = weights values

    Args:
        scaled: divide by sqrt(H), so that scores do not grow with the size of the keys.

    Call:
        queries: (B, T, H); keys: (B, S, H); values: (B, S, E); mask: (B, S) or (B, T, S), True
        where a query may look. Returns (context (B, T, E), weights (B, T, S)).

    Raises:
        ValueError: if shapes do not fit.

    References: Luong, Pham & Manning 2015; Vaswani et al. 2017 (scaled).

    Example:
        >>> attention = DotProductAttention()
        >>> context, weights = attention(np.ones((2, 5, 4)), np.ones((2, 7, 4)), np.ones((2, 7, 3)))
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 5, 3), (2, 5, 7))
    """

    def __init__(self, *, scaled: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scaled = scaled
        self.built = True

    def call(
        self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Look up; see the class."""
        size = expect(queries, "B T H", name="queries")
        expect(keys, "B S H", name="keys", B=size["B"], H=size["H"])
        scale = size["H"] ** -0.5 if self.scaled else 1.0
        scores = scale * ops.matmul(queries, ops.swapaxes(keys, 1, 2))  # (B, T, S)
        return look_up(scores, values, mask)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Hand no mask on: there is one output for each query, and none is padding here."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {**super().get_config(), "scaled": self.scaled}


@keras.saving.register_keras_serializable(package="runtun")
class AdditiveAttention(keras.layers.Layer):
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
        ValueError: if shapes do not fit.

    References: Bahdanau, Cho & Bengio 2015.

    Example:
        >>> attention = AdditiveAttention(4, 6, 8, rng=np.random.default_rng(0))
        >>> context, weights = attention(np.ones((2, 5, 4)), np.ones((2, 7, 6)), np.ones((2, 7, 3)))
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 5, 3), (2, 5, 7))
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        positive_sizes(query_size=query_size, key_size=key_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        self.query_size = query_size
        self.key_size = key_size
        self.hidden_size = hidden_size
        self.W = weight(self, "W", glorot_uniform(rng, (query_size, hidden_size)))
        self.U = weight(self, "U", glorot_uniform(rng, (key_size, hidden_size)))
        self.v = weight(self, "v", glorot_uniform(rng, (hidden_size, 1))[:, 0])
        self.built = True

    def call(
        self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Look up; see the class."""
        size = expect(queries, "B T D", name="queries", D=self.query_size)
        expect(keys, "B S D", name="keys", B=size["B"], D=self.key_size)
        compared = ops.matmul(queries, self.W)[:, :, None] + ops.matmul(keys, self.U)[:, None]
        u = ops.tanh(compared)  # (B, T, S, H)
        return look_up(ops.matmul(u, self.v[:, None])[..., 0], values, mask)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Hand no mask on: there is one output for each query, and none is padding here."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {
            **super().get_config(),
            "query_size": self.query_size,
            "key_size": self.key_size,
            "hidden_size": self.hidden_size,
        }


def look_up(scores: Tensor, values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the mean of the values weighted by the softmax of the scores, and the weights."""
    size = expect(scores, "B T S", name="scores")
    expect(values, "B S E", name="values", B=size["B"], S=size["S"])
    if mask is not None:
        if len(mask.shape) == 2:
            expect(mask, "B S", name="mask", B=size["B"], S=size["S"])
            mask = mask[:, None]
        else:
            expect(mask, "B T S", name="mask", **size)
        scores = ops.where(mask, scores, -float("inf"))
    weights = ops.softmax(scores, axis=-1)
    return ops.matmul(weights, values), weights
