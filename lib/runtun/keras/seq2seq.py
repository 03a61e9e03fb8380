"""From one sequence to another: encoder, decoder, attention, and writing, in Keras.

The same file exists on both floors: `runtun.keras.seq2seq`, `runtun.torch.seq2seq`. The search for
the best sequence is in `runtun.decoding`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from runtun.decoding import Step, TokenWriter
from runtun.initializers import (
    check_attention,
    check_fed_back,
    check_probability,
    check_rate,
    positive_sizes,
)
from runtun.keras.attention import AdditiveAttention, DotProductAttention
from runtun.keras.dense import Dense
from runtun.keras.embedding import Embedding
from runtun.keras.rnn import Tensor
from runtun.keras.stack import RecurrentStack
from runtun.shapes import expect


class Encoded(NamedTuple):
    """What an encoder has read: outputs (B, S, H), the last states, and the mask (B, S)."""

    outputs: Tensor
    state: tuple[Any, ...]
    mask: Tensor


@keras.saving.register_keras_serializable(package="runtun")
class Encoder(keras.layers.Layer):
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
        >>> encoded = encoder(np.array([[3, 4, 5]]))
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
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        check_rate(dropout, "dropout")
        rng = np.random.default_rng(rng)
        self.arguments = {
            "vocab_size": vocab_size,
            "embedding_size": embedding_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "cell": cell,
            "bidirectional": bidirectional,
            "dropout": dropout,
            "pad_id": pad_id,
        }
        self.pad_id = pad_id
        factory = {"rng": rng, "dtype": self.dtype_policy}
        self.embedding = Embedding(vocab_size, embedding_size, **factory)
        self.stack = RecurrentStack(
            embedding_size,
            hidden_size,
            num_layers=num_layers,
            cell=cell,
            bidirectional=bidirectional,
            dropout=dropout if num_layers > 1 else 0.0,
            **factory,
        )
        self.dropout = keras.layers.SpatialDropout1D(dropout, dtype=self.dtype_policy)
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        return {"embedding": self.embedding, "stack": self.stack}

    def call(self, ids: Tensor, training: bool = False) -> Encoded:
        """Read; see the class."""
        expect(ids, "B S", name="ids")
        mask = ops.not_equal(ids, self.pad_id)
        x = self.dropout(self.embedding(ids), training=training)
        outputs, state = self.stack(x, mask=mask, training=training)
        return Encoded(outputs, state, mask)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {**super().get_config(), **self.arguments}


@keras.saving.register_keras_serializable(package="runtun")
class Decoder(keras.layers.Layer):
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
        >>> encoded = encoder(np.array([[3, 4, 5]]))
        >>> logits, state, weights = decoder(np.array([[1, 7]]), encoded)
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
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        check_attention(attention)
        check_rate(dropout, "dropout")
        rng = np.random.default_rng(rng)
        self.arguments = {
            "vocab_size": vocab_size,
            "embedding_size": embedding_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "cell": cell,
            "attention": attention,
            "dropout": dropout,
        }
        H = hidden_size
        factory = {"rng": rng, "dtype": self.dtype_policy}
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
            self.attention = DotProductAttention(dtype=self.dtype_policy) if attention else None
        if attention:
            self.combine = Dense(2 * H, H, **factory)
        self.head = Dense(H, vocab_size, **factory)
        self.dropouts = [
            keras.layers.SpatialDropout1D(dropout, dtype=self.dtype_policy) for _ in range(2)
        ]
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        parts = {"embedding": self.embedding, "stack": self.stack}
        if isinstance(self.attention, AdditiveAttention):
            parts["attention"] = self.attention
        if self.attention is not None:
            parts["combine"] = self.combine
        return {**parts, "head": self.head}

    def call(
        self,
        ids: Tensor,
        encoded: Encoded,
        state: tuple[Any, ...] | None = None,
        training: bool = False,
    ) -> tuple[Tensor, tuple[Any, ...], Tensor | None]:
        """Write; see the class."""
        expect(ids, "B T", name="ids", B=encoded.mask.shape[0])
        x = self.dropouts[0](self.embedding(ids), training=training)
        state = encoded.state if state is None else state
        h, state = self.stack(x, state, training=training)
        weights = None
        if self.attention is not None:
            read = encoded.outputs
            context, weights = self.attention(h, read, read, mask=encoded.mask)
            h = ops.tanh(self.combine(ops.concatenate([context, h], axis=-1)))
        h = self.dropouts[1](h, training=training)
        return self.head(h), state, weights

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {**super().get_config(), **self.arguments}


@keras.saving.register_keras_serializable(package="runtun")
class Seq2Seq(TokenWriter, keras.Model):
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
        >>> source, previous = np.array([[3, 4, 5]]), np.array([[1, 7]])
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
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.arguments = {
            "source_size": source_size,
            "target_size": target_size,
            "embedding_size": embedding_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "cell": cell,
            "bidirectional": bidirectional,
            "attention": attention,
            "dropout": dropout,
            "pad_id": pad_id,
            "begin_id": begin_id,
            "end_id": end_id,
        }
        common = {
            "num_layers": num_layers,
            "cell": cell,
            "dropout": dropout,
            "rng": np.random.default_rng(rng),
            "dtype": self.dtype_policy,
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
        self.sampling = sampling_variable(self)
        self.may_sample = False  # until `set_sampling` has been called
        self.seed_generator = keras.random.SeedGenerator(0)
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    def set_sampling(self, probability: float) -> None:
        """Set how often training feeds back the model's own token: scheduled sampling.

        Args:
            probability: in [0, 1]; 0 is teacher forcing, 1 free running. Call this before the
                model is compiled for the first time; later calls act without compiling again.
        """
        set_sampling(self, probability)

    def call(self, source: Tensor, previous: Tensor, training: bool = False) -> Tensor:
        """Compute the logits; see the class."""
        encoded = self.encoder(source, training=training)
        if training and self.may_sample:
            previous = self._mixed(encoded, previous)
        return self.decoder(previous, encoded, training=training)[0]

    def weigh(self, source: Any, previous: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the logits and the weights of the attention (B, T, S) as NumPy arrays."""
        logits, _, weights = self.decoder(np.asarray(previous), self.encoder(np.asarray(source)))
        to_numpy = ops.convert_to_numpy
        return to_numpy(logits), None if weights is None else to_numpy(weights)

    def stepper(self, source: np.ndarray) -> Step:
        """Return the function that continues a target of each source by one token.

        See `runtun.decoding.Step`.
        """
        encoded = self.encoder(np.asarray(source))
        state = encoded.state

        def step(tokens: np.ndarray, rows: np.ndarray) -> np.ndarray:
            nonlocal state
            state = tuple(type(s)(*(ops.take(part, rows, axis=0) for part in s)) for s in state)
            logits, state, _ = self.decoder(tokens[:, None], encoded, state)
            logits = ops.convert_to_numpy(logits)[:, 0].astype(np.float64)
            shifted = logits - logits.max(axis=-1, keepdims=True)
            return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))

        return step

    def _mixed(self, encoded: Encoded, previous: Tensor) -> Tensor:
        """`mix_inputs` inside training: the same, with the randomness of Keras."""
        following = ops.swapaxes(previous, 0, 1)[1:]  # (T - 1, B)
        coins = keras.random.uniform(ops.shape(following), seed=self.seed_generator)
        replace = ops.logical_and(coins < self.sampling, following != self.pad_id)

        def step(carry: Any, now: Any) -> Any:
            (token, state), (right, own_instead) = carry, now
            logits, state, _ = self.decoder(token[:, None], encoded, state)
            own = ops.cast(ops.argmax(logits[:, 0], axis=-1), right.dtype)
            token = ops.where(own_instead, own, right)
            # TensorFlow wants what is kept of a step to look like what is carried on.
            return (token, state), (token, state)

        def mix() -> Tensor:
            start = (previous[:, 0], encoded.state)
            _, (mixed, _) = ops.scan(step, start, (following, replace))
            return ops.concatenate([previous[:, :1], ops.swapaxes(mixed, 0, 1)], axis=1)

        # Asked inside the compiled step, so that teacher forcing costs no loop.
        mixed = ops.cond(self.sampling > 0, mix, lambda: ops.copy(previous))
        return ops.stop_gradient(mixed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {**super().get_config(), **self.arguments}


@keras.saving.register_keras_serializable(package="runtun")
class SeriesSeq2Seq(keras.Model):
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
        >>> tuple(model(np.zeros((2, 20, 1), "float32")).shape)
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
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        positive_sizes(horizon=horizon)
        check_fed_back(input_size, output_size)
        rng = np.random.default_rng(rng)
        self.arguments = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "horizon": horizon,
            "output_size": output_size,
            "num_layers": num_layers,
            "cell": cell,
        }
        self.horizon = horizon
        self.output_size = output_size
        factory = {"rng": rng, "dtype": self.dtype_policy}
        common = {"num_layers": num_layers, "cell": cell, **factory}
        self.encoder = RecurrentStack(input_size, hidden_size, **common)
        self.decoder = RecurrentStack(output_size, hidden_size, **common)
        self.head = Dense(hidden_size, output_size, **factory)
        self.sampling = sampling_variable(self)
        self.may_sample = False  # until `set_sampling` has been called
        self.seed_generator = keras.random.SeedGenerator(0)
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        return {"encoder": self.encoder, "decoder": self.decoder, "head": self.head}

    def set_sampling(self, probability: float) -> None:
        """Set how often training feeds back the model's own forecast: scheduled sampling.

        Args:
            probability: in [0, 1]; 0 is teacher forcing, 1 free running. Call this before the
                model is compiled for the first time; later calls act without compiling again.
        """
        set_sampling(self, probability)

    def call(self, x: Tensor, previous: Tensor | None = None, training: bool = False) -> Tensor:
        """Forecast; see the class."""
        _, state = self.encoder(x)
        sampled = training and self.may_sample
        if previous is not None:
            expect(previous, "B T K", name="previous", T=self.horizon, K=self.output_size)
            if not sampled:  # all steps in one call
                return self.head(self.decoder(previous, state)[0])
        fed, forecasts = x[:, -1, : self.output_size], []
        for t in range(self.horizon):
            if previous is not None:
                shape = (ops.shape(x)[0], 1)
                own = keras.random.uniform(shape, seed=self.seed_generator) < self.sampling
                fed = ops.where(own, fed, previous[:, t]) if t else previous[:, 0]
            h, state = self.decoder(fed[:, None], state)
            fed = self.head(h[:, 0])
            forecasts.append(fed)
        return ops.stack(forecasts, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {**super().get_config(), **self.arguments}


def sampling_variable(model: keras.Model) -> keras.Variable:
    """Make a place for the probability, where a compiled step reads it anew each time."""
    return model.add_weight(
        shape=(), initializer="zeros", trainable=False, autocast=False, dtype="float32",
        name="sampling",
    )  # fmt: skip


def set_sampling(model: Any, probability: float) -> None:
    """Set the probability, and let the model's next graph hold the loop that sampling needs."""
    model.sampling.assign(check_probability(probability, "probability"))
    model.may_sample = True
