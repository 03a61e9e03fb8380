"""A language model over characters in Keras.

The same file exists on both floors: `runtun.keras.language_model`, `runtun.torch.language_model`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.decoding import TextSampler
from runtun.initializers import check_rate, positive_sizes
from runtun.keras.dense import Dense
from runtun.keras.embedding import Embedding, check_ids
from runtun.keras.rnn import Tensor
from runtun.keras.stack import RecurrentStack
from runtun.shapes import expect


@keras.saving.register_keras_serializable(package="runtun")
class CharLanguageModel(TextSampler, keras.Model):
    """Says what comes next in a text, and so can write one.

    h_t, state = layers(x_t, state)      logits_t = head(h_t)

    x_t is the one-hot code of the character, or its vector from a table.

    Args:
        vocab_size: V, the number of characters; positive.
        hidden_size: H, the size of each recurrent layer; positive.
        embedding_size: E, the size of a character's vector; one-hot codes if None.
        num_layers: L, how many recurrent layers; positive.
        cell: "rnn", "lstm" or "gru".
        dropout: part of the outputs between layers and before the head dropped while training, in
            [0, 1): the same units at all steps of a chunk.
        recurrent_dropout: see `RecurrentStack`.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        ids: (B, T); state: the states before the first step, zero if None. Returns (logits
        (B, T, V) of the character after each, state): hand the state on to go on with the text.

    Raises:
        ValueError: if the arguments do not fit together.

    References: Graves 2013.

    Example:
        >>> model = CharLanguageModel(27, 16, rng=np.random.default_rng(0))
        >>> logits, state = model(np.zeros((2, 7), int))
        >>> tuple(logits.shape)
        (2, 7, 27)
        >>> model.sample([3, 1, 20], 5, rng=np.random.default_rng(0)).shape
        (5,)
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        *,
        embedding_size: int | None = None,
        num_layers: int = 1,
        cell: str = "lstm",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.arguments = {
            "vocab_size": vocab_size,
            "hidden_size": hidden_size,
            "embedding_size": embedding_size,
            "num_layers": num_layers,
            "cell": cell,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
        }
        check_rate(dropout, "dropout")
        positive_sizes(vocab_size=vocab_size)
        rng = np.random.default_rng(rng)
        factory = {"rng": rng, "dtype": self.dtype_policy}
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        if embedding_size is not None:
            self.embedding = Embedding(vocab_size, embedding_size, **factory)
        self.stack = RecurrentStack(
            vocab_size if embedding_size is None else embedding_size,
            hidden_size,
            num_layers=num_layers,
            cell=cell,
            dropout=dropout if num_layers > 1 else 0.0,
            recurrent_dropout=recurrent_dropout,
            **factory,
        )
        self.head = Dense(hidden_size, vocab_size, **factory)
        self.dropout = keras.layers.SpatialDropout1D(dropout, dtype=self.dtype_policy)
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        table = {} if self.embedding_size is None else {"embedding": self.embedding}
        return {**table, "stack": self.stack, "head": self.head}

    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the states before the first character: zero."""
        return self.stack.initial_state(batch_size)

    def call(
        self, ids: Tensor, state: tuple[Any, ...] | None = None, training: bool = False
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Compute the logits; see the class."""
        expect(ids, "B T", name="ids")
        if self.embedding_size is None:
            check_ids(ids)
            x = ops.one_hot(ids, self.vocab_size, dtype=self.compute_dtype)
        else:
            x = self.embedding(ids)
        h, state = self.stack(x, state, training=training)
        return self.head(self.dropout(h, training=training)), state

    def continuer(self) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function that goes on with texts; see `runtun.decoding.TextSampler`."""
        state = None

        def go_on(tokens: np.ndarray) -> np.ndarray:
            nonlocal state
            logits, state = self(tokens, state)
            return ops.convert_to_numpy(logits)[:, -1]

        return go_on

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {**super().get_config(), **self.arguments}
