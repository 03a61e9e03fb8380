"""A language model over characters in PyTorch.

The same file exists on both floors: `runtun.keras.language_model`, `runtun.torch.language_model`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from runtun.decoding import TextSampler
from runtun.initializers import check_rate, positive_sizes
from runtun.shapes import expect
from runtun.torch.dense import Dense
from runtun.torch.embedding import Embedding, check_ids
from runtun.torch.seq2seq import evaluating
from runtun.torch.stack import RecurrentStack, drop_units


class CharLanguageModel(TextSampler, nn.Module):
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
        >>> logits, state = model(torch.zeros(2, 7, dtype=torch.int64))
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
    ) -> None:
        super().__init__()
        check_rate(dropout, "dropout")
        positive_sizes(vocab_size=vocab_size)
        rng = np.random.default_rng(rng)
        factory = {"rng": rng, "dtype": dtype}
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
        self.dropout = dropout

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        table = {} if self.embedding_size is None else {"embedding": self.embedding}
        return {**table, "stack": self.stack, "head": self.head}

    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the states before the first character: zero."""
        return self.stack.initial_state(batch_size)

    def forward(
        self, ids: Tensor, state: tuple[Any, ...] | None = None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Compute the logits; see the class."""
        expect(ids, "B T", name="ids")
        if self.embedding_size is None:
            check_ids(ids, self.vocab_size)
            x = functional.one_hot(ids.long(), self.vocab_size).to(self.head.W.dtype)
        else:
            x = self.embedding(ids)
        h, state = self.stack(x, state)
        return self.head(drop_units(h, self.dropout, self.training)), state

    def continuer(self) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function that goes on with texts; see `runtun.decoding.TextSampler`."""
        state = None

        @torch.no_grad()
        def go_on(tokens: np.ndarray) -> np.ndarray:
            nonlocal state
            with evaluating(self):
                logits, state = self(torch.as_tensor(tokens, device=self.head.W.device), state)
            return logits[:, -1].cpu().numpy()

        return go_on
