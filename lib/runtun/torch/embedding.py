"""Tokens as vectors, in PyTorch.

The same file exists on each floor: `runtun.scratch.embedding`, `runtun.keras.embedding`,
`runtun.torch.embedding`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from runtun.initializers import embedding_weight, positive_sizes
from runtun.torch.rnn import parameter


class Embedding(nn.Module):
    """A table with one vector for each token.

    y_t = W[x_t], which is the one-hot code of x_t times W

    Args:
        vocab_size: V, the number of tokens; positive.
        embedding_size: E, the size of a vector; positive.
        rng: draws the initial vectors (normal, of mean squared length 1); a fresh one if None.
            The same seed gives the same weights on every floor.
        dtype: "float32" or "float64".

    Call:
        ids: (B, T) or any other shape, whole numbers from 0 to V - 1. Returns (B, T, E).

    Raises:
        TypeError: if `ids` are not whole numbers.
        ValueError: if a token is outside the vocabulary.

    Example:
        >>> tuple(Embedding(5, 3)(torch.zeros(2, 7, dtype=torch.int64)).shape)
        (2, 7, 3)
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        positive_sizes(vocab_size=vocab_size, embedding_size=embedding_size)
        rng = np.random.default_rng(rng)
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.W = parameter(embedding_weight(rng, vocab_size, embedding_size), dtype)

    def forward(self, ids: Tensor) -> Tensor:
        """Look the vectors up; see the class."""
        check_ids(ids, self.vocab_size)
        return functional.embedding(ids, self.W)


def check_ids(ids: Tensor, vocab_size: int, name: str = "ids") -> None:
    """Refuse tokens that are not whole numbers or outside the vocabulary.

    Raises:
        TypeError: if `ids` holds floats.
        ValueError: if a token is outside the vocabulary.
    """
    if ids.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"`{name}` must be whole numbers; received dtype {ids.dtype}.")
    if ids.numel():
        least, most = (int(value) for value in torch.aminmax(ids))
        if least < 0 or most >= vocab_size:
            raise ValueError(
                f"`{name}` must lie from 0 to {vocab_size - 1}; received numbers from "
                f"{least} to {most}."
            )
