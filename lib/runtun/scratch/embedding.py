"""Tokens as vectors, in NumPy, forward and backward.

The same file exists on each floor: `runtun.scratch.embedding`, `runtun.keras.embedding`,
`runtun.torch.embedding`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from runtun.initializers import embedding_weight, positive_sizes
from runtun.scratch.trainable import Trainable, float_type
from runtun.shapes import expect


class Embedding(Trainable):
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
        >>> Embedding(5, 3)(np.zeros((2, 7), int)).shape
        (2, 7, 3)
    """

    weight_names: ClassVar[tuple[str, ...]] = ("W",)

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        positive_sizes(vocab_size=vocab_size, embedding_size=embedding_size)
        rng = np.random.default_rng(rng)
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.W = embedding_weight(rng, vocab_size, embedding_size).astype(float_type(dtype))

    def __call__(self, ids: Any) -> np.ndarray:
        return self.forward(ids)

    def forward(self, ids: Any) -> np.ndarray:
        """Look the vectors up and remember `ids` for `backward`."""
        ids = np.asarray(ids)
        if ids.dtype.kind not in "iu":
            raise TypeError(f"`ids` must be whole numbers; received dtype {ids.dtype}.")
        if ids.size and not 0 <= ids.min() <= ids.max() < self.vocab_size:
            raise ValueError(
                f"`ids` must lie from 0 to {self.vocab_size - 1}; received numbers from "
                f"{ids.min()} to {ids.max()}."
            )
        self._ids = ids
        return self.W[ids]

    def backward(self, d_outputs: np.ndarray) -> tuple[None, dict[str, np.ndarray]]:
        """Return the gradients: None for `ids`, which are not continuous, and that of W.

        Args:
            d_outputs: (B, T, E), the gradient of the loss with respect to y.
        """
        expect(d_outputs, "... E", name="d_outputs", E=self.embedding_size)
        d_W = np.zeros_like(self.W)
        np.add.at(d_W, self._ids, d_outputs)  # a token that stands twice gets both gradients
        return None, {"W": d_W}
