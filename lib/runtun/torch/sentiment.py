"""Judging a text: words in, one verdict out, in PyTorch.

The same file exists on both floors: `runtun.keras.sentiment`, `runtun.torch.sentiment`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from runtun.initializers import check_rate
from runtun.shapes import expect
from runtun.torch.dense import Dense
from runtun.torch.embedding import Embedding
from runtun.torch.stack import RecurrentStack, drop_units


class SentimentClassifier(nn.Module):
    """Reads a text and judges it: a vector for each word, recurrent layers, a linear head.

    logits = head(last state of the top layer), where "last" is the text's own last word

    Args:
        vocab_size: V, the number of tokens; positive.
        embedding_size: E, the size of a token's vector; positive.
        hidden_size: H, the size of each recurrent layer; positive.
        output_size: how many logits: 1 for yes or no, else one for each class; positive.
        num_layers: L, how many recurrent layers; positive.
        cell: "rnn", "lstm" or "gru".
        bidirectional: read both ways, each with half of the units.
        spatial_dropout: part of the vectors' features dropped while training, in [0, 1): the same
            at all steps of a text.
        dropout: part of the outputs between layers (the same at all steps) and before the head
            dropped while training, in [0, 1).
        recurrent_dropout: see `RecurrentStack`.
        mask_padding: skip padding. If not, the layers read on through it, and the last state is
            that after the padding: a mistake worth seeing once.
        pad_id: the token that is padding, on the right.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        ids: (B, T). Returns logits (B, output_size).

    Raises:
        ValueError: if the arguments do not fit together.

    Example:
        >>> import torch
        >>> model = SentimentClassifier(100, 16, 8, rng=np.random.default_rng(0))
        >>> tuple(model(torch.ones(2, 7, dtype=torch.int64)).shape)
        (2, 1)
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        hidden_size: int,
        *,
        output_size: int = 1,
        num_layers: int = 1,
        cell: str = "lstm",
        bidirectional: bool = False,
        spatial_dropout: float = 0.0,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        mask_padding: bool = True,
        pad_id: int = 0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        check_rate(spatial_dropout, "spatial_dropout")
        check_rate(dropout, "dropout")
        rng = np.random.default_rng(rng)
        factory = {"rng": rng, "dtype": dtype}
        self.mask_padding = mask_padding
        self.pad_id = pad_id
        self.embedding = Embedding(vocab_size, embedding_size, **factory)
        self.stack = RecurrentStack(
            embedding_size,
            hidden_size,
            num_layers=num_layers,
            cell=cell,
            bidirectional=bidirectional,
            dropout=dropout if num_layers > 1 else 0.0,
            recurrent_dropout=recurrent_dropout,
            **factory,
        )
        self.head = Dense(hidden_size, output_size, **factory)
        self.spatial_dropout = spatial_dropout
        self.dropout = dropout

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        return {"embedding": self.embedding, "stack": self.stack, "head": self.head}

    def forward(self, ids: Tensor) -> Tensor:
        """Judge; see the class."""
        expect(ids, "B T", name="ids")
        x = drop_units(self.embedding(ids), self.spatial_dropout, self.training)
        _, state = self.stack(x, None, ids != self.pad_id if self.mask_padding else None)
        return self.head(functional.dropout(state[-1].h, self.dropout, self.training))
