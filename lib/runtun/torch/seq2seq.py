"""From one sequence to another: encoder, decoder, attention, and writing, in PyTorch.

The same file exists on both floors: `runtun.keras.seq2seq`, `runtun.torch.seq2seq`. The search for
the best sequence is in `runtun.decoding`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from runtun.decoding import Step, TokenWriter
from runtun.initializers import (
    check_attention,
    check_fed_back,
    check_probability,
    check_rate,
    positive_sizes,
)
from runtun.shapes import expect
from runtun.torch.attention import AdditiveAttention, DotProductAttention
from runtun.torch.dense import Dense
from runtun.torch.embedding import Embedding
from runtun.torch.stack import RecurrentStack, drop_units


class Encoded(NamedTuple):
    """What an encoder has read: outputs (B, S, H), the last states, and the mask (B, S)."""

    outputs: Tensor
    state: tuple[Any, ...]
    mask: Tensor


class Encoder(nn.Module):
    """Reads a sequence of tokens.

    Args:
        vocab_size: V, the number of tokens; positive.
        embedding_size: E, the size of a token's vector; positive.
        hidden_size: H, the size of the outputs and states; positive.
        num_layers: L, how many recurrent layers; positive.
        cell: "rnn", "lstm" or "gru".
        bidirectional: read both ways, each with half of the units.
        dropout: part of the vectors and of the outputs between layers dropped while training, in
            [0, 1): the same features at all steps.
        pad_id: the token that is padding, on the right.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        ids: (B, S). Returns Encoded(outputs (B, S, H), zero at padding; state: the states after
        the last real token, one RNNState or LSTMState for each layer; mask (B, S)).

    References: Sutskever, Vinyals & Le 2014; Cho et al. 2014.

    Example:
        >>> encoder = Encoder(10, 6, 8, rng=np.random.default_rng(0))
        >>> encoded = encoder(torch.tensor([[3, 4, 5]]))
        >>> tuple(encoded.outputs.shape), tuple(encoded.state[0].h.shape)
        ((1, 3, 8), (1, 8))
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        cell: str = "lstm",
        bidirectional: bool = False,
        dropout: float = 0.0,
        pad_id: int = 0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        check_rate(dropout, "dropout")
        rng = np.random.default_rng(rng)
        self.pad_id = pad_id
        self.dropout = dropout
        self.embedding = Embedding(vocab_size, embedding_size, rng=rng, dtype=dtype)
        self.stack = RecurrentStack(
            embedding_size,
            hidden_size,
            num_layers=num_layers,
            cell=cell,
            bidirectional=bidirectional,
            dropout=dropout if num_layers > 1 else 0.0,
            rng=rng,
            dtype=dtype,
        )

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        return {"embedding": self.embedding, "stack": self.stack}

    def forward(self, ids: Tensor) -> Encoded:
        """Read; see the class."""
        expect(ids, "B S", name="ids")
        mask = ids != self.pad_id
        x = drop_units(self.embedding(ids), self.dropout, self.training)
        outputs, state = self.stack(x, None, mask)
        return Encoded(outputs, state, mask)


class Decoder(nn.Module):
    """Writes a sequence of tokens, given what the encoder has read.

    h_t, state = layers(W[token_t], state)
    without attention:  logits_t = head(h_t)
    with attention:     context_t = attention(h_t, outputs of the encoder)
                        logits_t = head(tanh(combine([context_t, h_t])))

    The attention comes after the recurrence, so that with known tokens all steps are one call of
    fused layers. (In the decoder of Bahdanau et al. it feeds the recurrence, step by step.)

    Args:
        vocab_size: V, the number of tokens; positive.
        embedding_size: E, the size of a token's vector; positive.
        hidden_size: H, the size of the states, as in the encoder; positive.
        num_layers: L, how many recurrent layers, as in the encoder; positive.
        cell: "rnn", "lstm" or "gru", as in the encoder.
        attention: "additive", "dot" (scaled) or None.
        dropout: part of the vectors, of the outputs between layers and before the head dropped
            while training, in [0, 1): the same features at all steps.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        ids: (B, T), the tokens before those to write; encoded: from the encoder; state: the
        states before the first step, those of the encoder if None. Returns (logits (B, T, V),
        state, weights (B, T, S), None without attention).

    Raises:
        ValueError: if `attention` is unknown.

    References: Luong, Pham & Manning 2015.

    Example:
        >>> encoder = Encoder(10, 6, 8, rng=np.random.default_rng(0))
        >>> decoder = Decoder(12, 6, 8, attention="dot", rng=np.random.default_rng(1))
        >>> encoded = encoder(torch.tensor([[3, 4, 5]]))
        >>> logits, state, weights = decoder(torch.tensor([[1, 7]]), encoded)
        >>> tuple(logits.shape), tuple(weights.shape)
        ((1, 2, 12), (1, 2, 3))
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        cell: str = "lstm",
        attention: str | None = None,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        check_attention(attention)
        check_rate(dropout, "dropout")
        rng = np.random.default_rng(rng)
        H = hidden_size
        factory = {"rng": rng, "dtype": dtype}
        self.dropout = dropout
        self.embedding = Embedding(vocab_size, embedding_size, **factory)
        self.stack = RecurrentStack(
            embedding_size,
            H,
            num_layers=num_layers,
            cell=cell,
            dropout=dropout if num_layers > 1 else 0.0,
            **factory,
        )
        if attention == "additive":
            self.attention = AdditiveAttention(H, H, H, **factory)
        else:
            self.attention = DotProductAttention() if attention else None
        if attention:
            self.combine = Dense(2 * H, H, **factory)
        self.head = Dense(H, vocab_size, **factory)

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        parts = {"embedding": self.embedding, "stack": self.stack}
        if isinstance(self.attention, AdditiveAttention):
            parts["attention"] = self.attention
        if self.attention is not None:
            parts["combine"] = self.combine
        return {**parts, "head": self.head}

    def forward(
        self, ids: Tensor, encoded: Encoded, state: tuple[Any, ...] | None = None
    ) -> tuple[Tensor, tuple[Any, ...], Tensor | None]:
        """Write; see the class."""
        expect(ids, "B T", name="ids", B=encoded.mask.shape[0])
        x = drop_units(self.embedding(ids), self.dropout, self.training)
        h, state = self.stack(x, encoded.state if state is None else state)
        weights = None
        if self.attention is not None:
            context, weights = self.attention(h, encoded.outputs, encoded.outputs, encoded.mask)
            h = torch.tanh(self.combine(torch.cat([context, h], dim=-1)))
        h = drop_units(h, self.dropout, self.training)
        return self.head(h), state, weights


class Seq2Seq(TokenWriter, nn.Module):
    """An encoder and a decoder of tokens: what to train, and how to write with it.

    Args:
        source_size: the number of tokens of the source's vocabulary; positive.
        target_size: V, the number of tokens of the target's vocabulary; positive.
        embedding_size: E, the size of a token's vector; positive.
        hidden_size: H, the size of the states; positive.
        num_layers: L, how many recurrent layers each side has; positive.
        cell: "rnn", "lstm" or "gru".
        bidirectional: let the encoder read both ways, each with half of the units.
        attention: "additive", "dot" (scaled) or None.
        dropout: see `Encoder` and `Decoder`.
        pad_id: the token that is padding in both vocabularies, on the right.
        begin_id: the target's token from which writing starts.
        end_id: the target's token after which nothing follows.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        source: (B, S); previous: (B, T), the begin token, then the target without its last token
        (teacher forcing). Returns logits (B, T, V).

    Raises:
        ValueError: if the arguments do not fit together.

    References: Sutskever, Vinyals & Le 2014; Bahdanau, Cho & Bengio 2015.

    Example:
        >>> model = Seq2Seq(10, 12, 6, 8, attention="additive", rng=np.random.default_rng(0))
        >>> source, previous = torch.tensor([[3, 4, 5]]), torch.tensor([[1, 7]])
        >>> tuple(model(source, previous).shape)
        (1, 2, 12)
        >>> model.decode(np.array([[3, 4, 5]]), max_length=4).ids.shape[0]
        1
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        embedding_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        cell: str = "lstm",
        bidirectional: bool = False,
        attention: str | None = None,
        dropout: float = 0.0,
        pad_id: int = 0,
        begin_id: int = 1,
        end_id: int = 2,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        common = {
            "num_layers": num_layers,
            "cell": cell,
            "dropout": dropout,
            "rng": np.random.default_rng(rng),
            "dtype": dtype,
        }
        self.pad_id = pad_id
        self.begin_id = begin_id
        self.end_id = end_id
        self.encoder = Encoder(
            source_size,
            embedding_size,
            hidden_size,
            bidirectional=bidirectional,
            pad_id=pad_id,
            **common,
        )
        self.decoder = Decoder(
            target_size, embedding_size, hidden_size, attention=attention, **common
        )
        self.sampling = 0.0
        self.generator = torch.Generator().manual_seed(0)

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    def set_sampling(self, probability: float) -> None:
        """Set how often training feeds back the model's own token: scheduled sampling.

        Args:
            probability: in [0, 1]; 0 is teacher forcing, 1 free running.
        """
        self.sampling = check_probability(probability, "probability")

    def forward(self, source: Tensor, previous: Tensor) -> Tensor:
        """Compute the logits; see the class."""
        encoded = self.encoder(source)
        if self.training and self.sampling:
            previous = self._mixed(encoded, previous)
        return self.decoder(previous, encoded)[0]

    @torch.no_grad()
    def weigh(self, source: Any, previous: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the logits and the weights of the attention (B, T, S) as NumPy arrays."""
        with evaluating(self):
            encoded = self.encoder(self._tensor(source))
            logits, _, weights = self.decoder(self._tensor(previous), encoded)
        return logits.cpu().numpy(), None if weights is None else weights.cpu().numpy()

    def stepper(self, source: np.ndarray) -> Step:
        """Return the function that continues a target of each source by one token.

        See `runtun.decoding.Step`.
        """
        with torch.no_grad(), evaluating(self):
            encoded = self.encoder(self._tensor(source))
        state = encoded.state

        @torch.no_grad()
        def step(tokens: np.ndarray, rows: np.ndarray) -> np.ndarray:
            nonlocal state
            chosen = self._tensor(rows)
            state = tuple(type(s)(*(part[chosen] for part in s)) for s in state)
            with evaluating(self):
                logits, state, _ = self.decoder(self._tensor(tokens)[:, None], encoded, state)
            return torch.log_softmax(logits[:, 0].double(), dim=-1).cpu().numpy()

        return step

    @torch.no_grad()
    def _mixed(self, encoded: Encoded, previous: Tensor) -> Tensor:
        """`mix_inputs` inside training: the same, with PyTorch's randomness."""
        replace = torch.rand(previous.shape, generator=self.generator) < self.sampling
        replace = replace.to(previous.device) & (previous != self.pad_id)
        mixed, state = [previous[:, 0]], encoded.state
        with evaluating(self):
            for t in range(previous.shape[1] - 1):
                logits, state, _ = self.decoder(mixed[-1][:, None], encoded, state)
                own = logits[:, 0].argmax(dim=-1)
                mixed.append(torch.where(replace[:, t + 1], own, previous[:, t + 1]))
        return torch.stack(mixed, dim=1)

    def _tensor(self, ids: Any) -> Tensor:
        device = self.decoder.head.W.device
        return torch.as_tensor(ids, dtype=torch.int64, device=device)


class SeriesSeq2Seq(nn.Module):
    """An encoder of one series and a decoder of its next steps, one step after the other.

    state = layers(x_1 ... x_T)      y_t, state = head(layers(y_{t-1}, state))      y_0 = x_T

    Args:
        input_size: D, the number of features of an input step; positive.
        hidden_size: H, the size of the states; positive.
        horizon: how many steps to forecast; positive.
        output_size: K, how many numbers a forecast has: the first K features of `x`; positive.
        num_layers: L, how many recurrent layers each side has; positive.
        cell: "rnn", "lstm" or "gru".
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D); previous: (B, horizon, K), the true values one step before each forecast
        (teacher forcing), or None: each forecast is fed back. Returns (B, horizon, K).

    Raises:
        ValueError: if `output_size` is larger than `input_size`.

    References: Sutskever, Vinyals & Le 2014.

    Example:
        >>> model = SeriesSeq2Seq(1, 8, horizon=5, rng=np.random.default_rng(0))
        >>> tuple(model(torch.zeros(2, 20, 1)).shape)
        (2, 5, 1)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        horizon: int,
        *,
        output_size: int = 1,
        num_layers: int = 1,
        cell: str = "lstm",
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        positive_sizes(horizon=horizon)
        check_fed_back(input_size, output_size)
        rng = np.random.default_rng(rng)
        self.horizon = horizon
        self.output_size = output_size
        common = {"num_layers": num_layers, "cell": cell, "rng": rng, "dtype": dtype}
        self.encoder = RecurrentStack(input_size, hidden_size, **common)
        self.decoder = RecurrentStack(output_size, hidden_size, **common)
        self.head = Dense(hidden_size, output_size, rng=rng, dtype=dtype)
        self.sampling = 0.0
        self.generator = torch.Generator().manual_seed(0)

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        return {"encoder": self.encoder, "decoder": self.decoder, "head": self.head}

    def set_sampling(self, probability: float) -> None:
        """Set how often training feeds back the model's own forecast: scheduled sampling.

        Args:
            probability: in [0, 1]; 0 is teacher forcing, 1 free running.
        """
        self.sampling = check_probability(probability, "probability")

    def forward(self, x: Tensor, previous: Tensor | None = None) -> Tensor:
        """Forecast; see the class."""
        _, state = self.encoder(x)
        sampled = self.training and self.sampling
        if previous is not None:
            expect(previous, "B T K", name="previous", T=self.horizon, K=self.output_size)
            if not sampled:  # all steps in one call
                return self.head(self.decoder(previous, state)[0])
        fed, forecasts = x[:, -1, : self.output_size], []
        for t in range(self.horizon):
            if previous is not None:
                own = torch.rand(len(x), 1, generator=self.generator).to(x.device) < self.sampling
                fed = torch.where(own, fed, previous[:, t]) if t else previous[:, 0]
            h, state = self.decoder(fed[:, None], state)
            fed = self.head(h[:, 0])
            forecasts.append(fed)
        return torch.stack(forecasts, dim=1)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Without dropout for a while, then as before."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
