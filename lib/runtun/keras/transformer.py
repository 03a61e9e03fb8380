"""Self-attention and the Transformer block in Keras.

The same file exists on each floor: `runtun.scratch.transformer`, `runtun.keras.transformer`,
`runtun.torch.transformer`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from runtun.initializers import attention_weights, check_rate, positive_sizes
from runtun.keras.attention import look_up
from runtun.keras.dense import Dense
from runtun.keras.embedding import Embedding
from runtun.keras.layer_norm import LayerNorm
from runtun.keras.rnn import Tensor, weight
from runtun.positions import check_length, check_positions, sinusoidal_positions
from runtun.shapes import expect


@keras.saving.register_keras_serializable(package="runtun")
class CausalSelfAttention(keras.layers.Layer):
    """Every step looks at itself and the steps before it, through several heads.

    q | k | v = x W + b                                        (three (B, T, E), side by side)
    head_a = softmax(q_a k_a^T / sqrt(E / A)) v_a              (each head has its part of q, k, v)
    y = [head_1 ... head_A] V + c

    Args:
        embedding_size: E, the size of a step's vector, in and out; positive.
        num_heads: A, the number of heads, which share E evenly; positive.
        causal: look at the present and the past only; otherwise at the whole sequence.
        rng: draws the initial weights (uniform; biases zero); a fresh one if None. The same seed
            gives the same weights on every floor.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, E); mask: (B, T), False at padding, which no other step looks at (what comes out
        at the padding itself means nothing); return_weights: give the weights too. Returns
        (B, T, E), or with the weights ((B, T, E), (B, A, T, T)).

    Raises:
        ValueError: if the last axis of `x` is not E, or the heads do not share E evenly.

    References: Vaswani et al. 2017.

    Example:
        >>> layer = CausalSelfAttention(8, 2, rng=np.random.default_rng(0))
        >>> y, weights = layer(np.ones((3, 5, 8)), return_weights=True)
        >>> tuple(y.shape), tuple(weights.shape)
        ((3, 5, 8), (3, 2, 5, 5))
    """

    def __init__(
        self,
        embedding_size: int,
        num_heads: int,
        *,
        causal: bool = True,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        weights = attention_weights(np.random.default_rng(rng), embedding_size, num_heads)
        self.embedding_size = embedding_size
        self.num_heads = num_heads
        self.causal = causal
        self.W = weight(self, "W", weights["W"])
        self.b = weight(self, "b", weights["b"])
        self.V = weight(self, "V", weights["V"])
        self.c = weight(self, "c", weights["c"])
        self.built = True

    def call(self, x: Tensor, mask: Tensor | None = None, return_weights: bool = False) -> Any:
        """Compute y; see the class."""
        expect(x, "B T E", E=self.embedding_size)
        B, T = ops.shape(x)[:2]  # known in a graph too
        q, k, v = ops.split(ops.matmul(x, self.W) + self.b, 3, axis=-1)  # (B, T, E) each
        allowed = self._allowed(B, T, mask)
        # A head is one more entry of the batch: (B A, T, E / A).
        heads, weights = look_up(
            ops.matmul(self._split(q), ops.swapaxes(self._split(k), 1, 2))
            * (self.embedding_size // self.num_heads) ** -0.5,
            self._split(v),
            None if allowed is None else ops.repeat(allowed, self.num_heads, axis=0),
        )
        size = self.embedding_size // self.num_heads
        heads = ops.swapaxes(ops.reshape(heads, (B, self.num_heads, T, size)), 1, 2)
        y = ops.matmul(ops.reshape(heads, (B, T, self.embedding_size)), self.V) + self.c
        if not return_weights:
            return y
        return y, ops.reshape(weights, (B, self.num_heads, T, T))

    def _allowed(self, batch_size: int, length: int, mask: Tensor | None) -> Tensor | None:
        """Where each step may look: (B, T, T), or None for everywhere."""
        if mask is None and not self.causal:
            return None
        allowed = ops.ones((batch_size, length, length), "bool")
        if mask is not None:
            expect(mask, "B T", name="mask")
            allowed = ops.logical_and(allowed, ops.cast(mask, "bool")[:, None])
        if self.causal:
            steps = ops.arange(length)
            allowed = ops.logical_and(allowed, steps[None, :] <= steps[:, None])
        # itself always, or padding would see nothing
        return ops.logical_or(allowed, ops.eye(length, dtype="bool"))

    def _split(self, x: Tensor) -> Tensor:
        B, T = ops.shape(x)[:2]
        size = self.embedding_size // self.num_heads
        heads = ops.swapaxes(ops.reshape(x, (B, T, self.num_heads, size)), 1, 2)
        return ops.reshape(heads, (B * self.num_heads, T, size))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Hand no mask on: the layers that need it are given it."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {
            **super().get_config(),
            "embedding_size": self.embedding_size,
            "num_heads": self.num_heads,
            "causal": self.causal,
        }


@keras.saving.register_keras_serializable(package="runtun")
class TransformerBlock(keras.layers.Layer):
    """Self-attention, then a small network at each step, each added to what came in.

    u = x + attention(norm(x))
    y = u + contract(relu(expand(norm(u))))          (E to H units and back)

    Norms come first, so the sum from block to block is never touched and gradients pass through
    a deep stack.

    Args:
        embedding_size: E, the size of a step's vector, in and out; positive.
        num_heads: A, the number of heads of the attention; positive.
        hidden_size: H, the size in the middle of the small network; 4E if None.
        causal: look at the present and the past only.
        dropout: part of what each half adds that is dropped while training, in [0, 1).
        rng: draws the initial weights; a fresh one if None.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, E); mask: (B, T), False at padding; return_weights: give the weights of the
        attention too. Returns (B, T, E), or with the weights ((B, T, E), (B, A, T, T)).

    Raises:
        ValueError: if the last axis of `x` is not E, or the heads do not share E evenly.

    References: Vaswani et al. 2017; Xiong et al. 2020 (norms first).

    Example:
        >>> block = TransformerBlock(8, 2, rng=np.random.default_rng(0))
        >>> tuple(block(np.ones((3, 5, 8))).shape)
        (3, 5, 8)
    """

    def __init__(
        self,
        embedding_size: int,
        num_heads: int,
        *,
        hidden_size: int | None = None,
        causal: bool = True,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        check_rate(dropout, "dropout")
        rng = np.random.default_rng(rng)
        E, H = embedding_size, 4 * embedding_size if hidden_size is None else hidden_size
        self.arguments = {
            "embedding_size": embedding_size,
            "num_heads": num_heads,
            "hidden_size": hidden_size,
            "causal": causal,
            "dropout": dropout,
        }
        factory = {"dtype": self.dtype_policy}
        self.norm_1 = LayerNorm(E, **factory)
        self.attention = CausalSelfAttention(E, num_heads, causal=causal, rng=rng, **factory)
        self.norm_2 = LayerNorm(E, **factory)
        self.expand = Dense(E, H, rng=rng, **factory)
        self.contract = Dense(H, E, rng=rng, **factory)
        self.dropout_1 = keras.layers.Dropout(dropout, **factory)
        self.dropout_2 = keras.layers.Dropout(dropout, **factory)
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        return {
            "norm_1": self.norm_1,
            "attention": self.attention,
            "norm_2": self.norm_2,
            "expand": self.expand,
            "contract": self.contract,
        }

    def call(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        return_weights: bool = False,
        training: bool = False,
    ) -> Any:
        """Compute y; see the class."""
        looked = self.attention(self.norm_1(x), mask=mask, return_weights=return_weights)
        looked, weights = looked if return_weights else (looked, None)
        u = x + self.dropout_1(looked, training=training)
        hidden = ops.relu(self.expand(self.norm_2(u)))  # (B, T, H)
        y = u + self.dropout_2(self.contract(hidden), training=training)
        return (y, weights) if return_weights else y

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Hand no mask on: the layers that need it are given it."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {**super().get_config(), **self.arguments}


@keras.saving.register_keras_serializable(package="runtun")
class Transformer(keras.Model):
    """A stack of Transformer blocks between an input layer and a linear head.

    x_t becomes a vector of E units (a linear map, or for tokens a table), its position is added,
    `num_layers` blocks and a norm follow, and the head gives `output_size` numbers.

    Args:
        input_size: D, the number of features of a step, or with `tokens` V, the size of the
            vocabulary; positive.
        embedding_size: E, the size of a step's vector inside; positive.
        num_heads: A, the number of heads of each attention; positive.
        num_layers: L, the number of blocks; positive.
        output_size: how many numbers to give; positive.
        hidden_size: H, the middle size of the blocks' small networks; 4E if None.
        tokens: whether `x` holds whole numbers, the tokens of a vocabulary.
        causal: look at the present and the past only.
        every_step: give an output for every step instead of for the last one only.
        positions: "sinusoidal" (fixed waves), "learned" (a table) or "none".
        max_length: the longest sequence that has positions; positive.
        dropout: part of each block's additions dropped while training, in [0, 1).
        pad_id: the token that is padding, if `tokens`.
        rng: draws the initial weights; a fresh one if None. The same seed gives the same weights
            in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D), or (B, T) tokens; mask: (B, T), False at padding (of tokens it is known).
        Returns (B, output_size) at the last step that is no padding, or with `every_step`
        (B, T, output_size).

    Raises:
        ValueError: if the arguments do not fit together, or `x` is longer than `max_length`.

    References: Vaswani et al. 2017.

    Example:
        >>> model = Transformer(1, 16, output_size=10, rng=np.random.default_rng(0))
        >>> tuple(model(np.zeros((4, 50, 1), "float32")).shape)
        (4, 10)
    """

    def __init__(
        self,
        input_size: int,
        embedding_size: int,
        *,
        num_heads: int = 4,
        num_layers: int = 2,
        output_size: int = 1,
        hidden_size: int | None = None,
        tokens: bool = False,
        causal: bool = True,
        every_step: bool = False,
        positions: str = "sinusoidal",
        max_length: int = 512,
        dropout: float = 0.0,
        pad_id: int = 0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        positive_sizes(num_layers=num_layers, max_length=max_length)
        check_positions(positions)
        rng = np.random.default_rng(rng)
        self.arguments = {
            "input_size": input_size,
            "embedding_size": embedding_size,
            "num_heads": num_heads,
            "num_layers": num_layers,
            "output_size": output_size,
            "hidden_size": hidden_size,
            "tokens": tokens,
            "causal": causal,
            "every_step": every_step,
            "positions": positions,
            "max_length": max_length,
            "dropout": dropout,
            "pad_id": pad_id,
        }
        self.input_size = input_size
        self.embedding_size = embedding_size
        self.tokens = tokens
        self.every_step = every_step
        self.positions = positions
        self.max_length = max_length
        self.pad_id = pad_id
        factory = {"rng": rng, "dtype": self.dtype_policy}
        self.embed = (Embedding if tokens else Dense)(input_size, embedding_size, **factory)
        if positions == "learned":
            self.table = Embedding(max_length, embedding_size, **factory)
        elif positions == "sinusoidal":
            self.waves = sinusoidal_positions(max_length, embedding_size)
        self.blocks = [
            TransformerBlock(
                embedding_size,
                num_heads,
                hidden_size=hidden_size,
                causal=causal,
                dropout=dropout,
                **factory,
            )
            for _ in range(num_layers)
        ]
        self.norm = LayerNorm(embedding_size, dtype=self.dtype_policy)
        self.head = Dense(embedding_size, output_size, **factory)
        self.built = True

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        table = {"table": self.table} if self.positions == "learned" else {}
        blocks = {f"block_{i}": block for i, block in enumerate(self.blocks)}
        return {"embed": self.embed, **table, **blocks, "norm": self.norm, "head": self.head}

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool = False) -> Tensor:
        """Compute the outputs; see the class."""
        if self.tokens:
            expect(x, "B T", name="x")
            mask = x != self.pad_id if mask is None else mask
        else:
            expect(x, "B T D", D=self.input_size)
        check_length(x.shape[1], self.positions, self.max_length)
        x = self.embed(x)
        if self.tokens:  # vectors of length 1 would drown in the waves
            x = x * self.embedding_size**0.5
        length = ops.shape(x)[1]
        if self.positions == "learned":
            x = x + self.table(ops.arange(length))
        elif self.positions == "sinusoidal":
            x = x + ops.convert_to_tensor(self.waves, self.compute_dtype)[:length]
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        if not self.every_step:
            x = last_step(x, mask)
        return self.head(self.norm(x))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Hand no mask on: the layers that need it are given it."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {**super().get_config(), **self.arguments}


def last_step(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return of (B, T, E) the last step that the mask (B, T) does not skip: (B, E)."""
    if mask is None:
        return x[:, -1]
    steps = ops.arange(ops.shape(x)[1])
    last = ops.max(ops.where(mask, steps, 0), axis=1)  # (B,)
    return ops.take_along_axis(x, last[:, None, None], axis=1)[:, 0]
