"""Self-attention and the Transformer block in NumPy, forward and backward.

The same file exists on each floor: `runtun.scratch.transformer`, `runtun.keras.transformer`,
`runtun.torch.transformer`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from runtun.initializers import attention_weights
from runtun.scratch.attention import DotProductAttention
from runtun.scratch.dense import Dense
from runtun.scratch.layer_norm import LayerNorm
from runtun.scratch.rnn import check_mask
from runtun.scratch.trainable import Trainable, as_floats, float_type
from runtun.shapes import expect


class CausalSelfAttention(Trainable):
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

    weight_names: ClassVar[tuple[str, ...]] = ("W", "b", "V", "c")

    def __init__(
        self,
        embedding_size: int,
        num_heads: int,
        *,
        causal: bool = True,
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        dtype = float_type(dtype)
        weights = attention_weights(np.random.default_rng(rng), embedding_size, num_heads)
        self.embedding_size = embedding_size
        self.num_heads = num_heads
        self.causal = causal
        self.W = weights["W"].astype(dtype)
        self.b = weights["b"].astype(dtype)
        self.V = weights["V"].astype(dtype)
        self.c = weights["c"].astype(dtype)
        self.attention = DotProductAttention()

    def __call__(self, x: Any, mask: np.ndarray | None = None, return_weights: bool = False) -> Any:
        return self.forward(x, mask, return_weights)

    def forward(self, x: Any, mask: np.ndarray | None = None, return_weights: bool = False) -> Any:
        """Compute y and remember what `backward` needs."""
        x = as_floats(x, self.dtype)
        size = expect(x, "B T E", E=self.embedding_size)
        allowed = self._allowed(size["B"], size["T"], mask)
        q, k, v = np.split(x @ self.W + self.b, 3, axis=-1)  # (B, T, E) each
        # A head is one more entry of the batch: (B A, T, E / A).
        heads, weights = self.attention(
            self._split(q), self._split(k), self._split(v), np.repeat(allowed, self.num_heads, 0)
        )
        joined = self._join(heads)  # (B, T, E)
        self._memory = x, joined
        y = joined @ self.V + self.c
        if not return_weights:
            return y
        return y, weights.reshape(size["B"], self.num_heads, size["T"], size["T"])

    def backward(self, d_outputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the gradients of a loss with respect to `x` and to the weights.

        Args:
            d_outputs: (B, T, E), the gradient of the loss with respect to y.
        """
        x, joined = self._memory
        expect(d_outputs, "B T E", name="d_outputs", E=self.embedding_size)
        d_heads, _ = self.attention.backward(self._split(d_outputs @ self.V.T))
        d_qkv = np.concatenate([self._join(d) for d in d_heads], axis=-1)  # (B, T, 3E)
        over_steps = ((0, 1), (0, 1))
        grads = {
            "W": np.tensordot(x, d_qkv, axes=over_steps),
            "b": d_qkv.sum(axis=(0, 1)),
            "V": np.tensordot(joined, d_outputs, axes=over_steps),
            "c": d_outputs.sum(axis=(0, 1)),
        }
        return d_qkv @ self.W.T, grads

    def _allowed(self, batch_size: int, length: int, mask: np.ndarray | None) -> np.ndarray:
        """Where each step may look: (B, T, T)."""
        allowed = np.ones((batch_size, length, length), bool)
        if mask is not None:
            check_mask(mask, batch_size, length)
            allowed &= mask[:, None]
        if self.causal:
            allowed = np.tril(allowed)
        return allowed | np.eye(length, dtype=bool)  # itself always, or padding would see nothing

    def _split(self, x: np.ndarray) -> np.ndarray:
        B, T, E = x.shape
        heads = x.reshape(B, T, self.num_heads, E // self.num_heads).swapaxes(1, 2)
        return heads.reshape(B * self.num_heads, T, E // self.num_heads)

    def _join(self, heads: np.ndarray) -> np.ndarray:
        _, T, size = heads.shape
        heads = heads.reshape(-1, self.num_heads, T, size).swapaxes(1, 2)
        return heads.reshape(-1, T, self.num_heads * size)


class TransformerBlock:
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
        rng: np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        rng = np.random.default_rng(rng)
        E, H = embedding_size, 4 * embedding_size if hidden_size is None else hidden_size
        self.parts: dict[str, Any] = {
            "norm_1": LayerNorm(E, dtype=dtype),
            "attention": CausalSelfAttention(E, num_heads, causal=causal, rng=rng, dtype=dtype),
            "norm_2": LayerNorm(E, dtype=dtype),
            "expand": Dense(E, H, rng=rng, dtype=dtype),
            "contract": Dense(H, E, rng=rng, dtype=dtype),
        }

    @property
    def params(self) -> dict[str, np.ndarray]:
        """The weights of all parts, each name preceded by that of its part."""
        return {
            f"{part}.{name}": weight
            for part, layer in self.parts.items()
            for name, weight in layer.params.items()
        }

    def __call__(self, x: Any, mask: np.ndarray | None = None, return_weights: bool = False) -> Any:
        return self.forward(x, mask, return_weights)

    def forward(self, x: Any, mask: np.ndarray | None = None, return_weights: bool = False) -> Any:
        """Compute y and remember what `backward` needs."""
        norm_1, attention, norm_2, expand, contract = self.parts.values()
        looked, weights = attention.forward(norm_1.forward(x), mask, return_weights=True)
        u = x + looked
        self._hidden = np.maximum(expand.forward(norm_2.forward(u)), 0)  # (B, T, H)
        y = u + contract.forward(self._hidden)
        return (y, weights) if return_weights else y

    def backward(self, d_outputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the gradients of a loss with respect to `x` and to the weights.

        Args:
            d_outputs: (B, T, E), the gradient of the loss with respect to y.
        """
        norm_1, attention, norm_2, expand, contract = self.parts.values()
        grads = {}
        d_hidden, grads["contract"] = contract.backward(d_outputs)
        d_norm, grads["expand"] = expand.backward(d_hidden * (self._hidden > 0))
        d_through, grads["norm_2"] = norm_2.backward(d_norm)
        d_u = d_outputs + d_through  # around the small network and through it
        d_norm, grads["attention"] = attention.backward(d_u)
        d_through, grads["norm_1"] = norm_1.backward(d_norm)
        flat = {f"{part}.{name}": grad for part in self.parts for name, grad in grads[part].items()}
        return d_u + d_through, flat
