"""Tokens as vectors, in Keras.

The same file exists on each floor: `runtun.scratch.embedding`, `runtun.keras.embedding`,
`runtun.torch.embedding`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.initializers import embedding_weight, positive_sizes
from runtun.keras.rnn import Tensor, weight


@keras.saving.register_keras_serializable(package="runtun")
class Embedding(keras.layers.Layer):
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
        ValueError: if a size is not positive. (Unknown tokens: a compiled model cannot look.)

    Example:
        >>> tuple(Embedding(5, 3)(np.zeros((2, 7), int)).shape)
        (2, 7, 3)
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        positive_sizes(vocab_size=vocab_size, embedding_size=embedding_size)
        rng = np.random.default_rng(rng)
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.W = weight(self, "W", embedding_weight(rng, vocab_size, embedding_size))
        self.built = True

    def call(self, ids: Tensor) -> Tensor:
        """Look the vectors up; see the class."""
        check_ids(ids)
        return ops.take(self.W, ids, axis=0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "embedding_size": self.embedding_size,
        }


def check_ids(ids: Tensor, name: str = "ids") -> None:
    """Refuse tokens that are not whole numbers.

    Raises:
        TypeError: if `ids` holds floats.
    """
    if "int" not in keras.backend.standardize_dtype(ids.dtype):
        raise TypeError(f"`{name}` must be whole numbers; received dtype {ids.dtype}.")
