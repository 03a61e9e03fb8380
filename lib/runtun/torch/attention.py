"""Attention: a weighted mean of values, by how well keys answer a query, in PyTorch.

The same file exists on each floor: `runtun.scratch.attention`, `runtun.keras.attention`,
`runtun.torch.attention`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from runtun.initializers import glorot_uniform, positive_sizes
from runtun.shapes import expect
from runtun.torch.rnn import parameter


class DotProductAttention(nn.Module):
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
        >>> queries, keys, values = torch.ones(2, 5, 4), torch.ones(2, 7, 4), torch.ones(2, 7, 3)
        >>> context, weights = attention(queries, keys, values)
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 5, 3), (2, 5, 7))
    """

    def __init__(self, *, scaled: bool = True) -> None:
        super().__init__()
        self.scaled = scaled

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Look up; see the class."""
        size = expect(queries, "B T H", name="queries")
        expect(keys, "B S H", name="keys", B=size["B"], H=size["H"])
        scale = size["H"] ** -0.5 if self.scaled else 1.0
        scores = scale * (queries @ keys.transpose(1, 2))  # (B, T, S)
        return look_up(scores, values, mask)


class AdditiveAttention(nn.Module):
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
        >>> queries, keys, values = torch.ones(2, 5, 4), torch.ones(2, 7, 6), torch.ones(2, 7, 3)
        >>> context, weights = attention(queries, keys, values)
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
    ) -> None:
        super().__init__()
        positive_sizes(query_size=query_size, key_size=key_size, hidden_size=hidden_size)
        rng = np.random.default_rng(rng)
        self.query_size = query_size
        self.key_size = key_size
        self.hidden_size = hidden_size
        self.W = parameter(glorot_uniform(rng, (query_size, hidden_size)), dtype)
        self.U = parameter(glorot_uniform(rng, (key_size, hidden_size)), dtype)
        self.v = parameter(glorot_uniform(rng, (hidden_size, 1))[:, 0], dtype)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Look up; see the class."""
        size = expect(queries, "B T D", name="queries", D=self.query_size)
        expect(keys, "B S D", name="keys", B=size["B"], D=self.key_size)
        u = torch.tanh((queries @ self.W)[:, :, None] + (keys @ self.U)[:, None])  # (B, T, S, H)
        return look_up(u @ self.v, values, mask)


def look_up(scores: Tensor, values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the mean of the values weighted by the softmax of the scores, and the weights."""
    size = expect(scores, "B T S", name="scores")
    expect(values, "B S E", name="values", B=size["B"], S=size["S"])
    if mask is not None:
        if mask.ndim == 2:
            expect(mask, "B S", name="mask", B=size["B"], S=size["S"])
            mask = mask[:, None]
        else:
            expect(mask, "B T S", name="mask", **size)
        if mask.dtype != torch.bool:
            raise TypeError(f"`mask` must be boolean, True to look; received {mask.dtype}.")
        if not mask.any(dim=-1).all():
            raise ValueError("`mask` must let every query look somewhere; one may look nowhere.")
        scores = torch.where(mask, scores, -torch.inf)
    weights = torch.softmax(scores, dim=-1)
    return weights @ values, weights
