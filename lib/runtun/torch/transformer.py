"""Self-attention and the Transformer block in PyTorch.

The same file exists on each floor: `runtun.scratch.transformer`, `runtun.keras.transformer`,
`runtun.torch.transformer`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from runtun.initializers import attention_weights, check_rate, positive_sizes
from runtun.positions import check_length, check_positions, sinusoidal_positions
from runtun.shapes import expect
from runtun.torch.attention import look_up
from runtun.torch.dense import Dense
from runtun.torch.embedding import Embedding
from runtun.torch.layer_norm import LayerNorm
from runtun.torch.rnn import check_floats, check_mask, parameter


class CausalSelfAttention(nn.Module):
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
        >>> y, weights = layer(torch.ones(3, 5, 8), return_weights=True)
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
    ) -> None:
        super().__init__()
        weights = attention_weights(np.random.default_rng(rng), embedding_size, num_heads)
        self.embedding_size = embedding_size
        self.num_heads = num_heads
        self.causal = causal
        self.W = parameter(weights["W"], dtype)
        self.b = parameter(weights["b"], dtype)
        self.V = parameter(weights["V"], dtype)
        self.c = parameter(weights["c"], dtype)

    def forward(self, x: Tensor, mask: Tensor | None = None, return_weights: bool = False) -> Any:
        """Compute y; see the class."""
        size = expect(x, "B T E", E=self.embedding_size)
        check_floats(self, x)
        B, T = size["B"], size["T"]
        q, k, v = torch.chunk(x @ self.W + self.b, 3, dim=-1)  # (B, T, E) each
        q, k, v = self._split(q), self._split(k), self._split(v)  # (B, A, T, E / A)
        if return_weights:
            allowed = self._allowed(B, T, mask, x.device)
            if allowed is not None:
                allowed = allowed.repeat_interleave(self.num_heads, 0)
            scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
            # A head is one more entry of the batch: (B A, T, E / A).
            heads, weights = look_up(scores.flatten(0, 1), v.flatten(0, 1), allowed)
            heads = heads.unflatten(0, (B, self.num_heads))
        elif mask is None:  # the fused function of PyTorch, which keeps no weights
            heads = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            allowed = self._allowed(B, T, mask, x.device)[:, None]
            heads = functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        y = heads.transpose(1, 2).flatten(2) @ self.V + self.c
        if not return_weights:
            return y
        return y, weights.unflatten(0, (B, self.num_heads))

    def _allowed(
        self, batch_size: int, length: int, mask: Tensor | None, device: torch.device
    ) -> Tensor | None:
        """Where each step may look: (B, T, T), or None for everywhere."""
        if mask is None and not self.causal:
            return None
        allowed = torch.ones(batch_size, length, length, dtype=torch.bool, device=device)
        if mask is not None:
            check_mask(mask, batch_size, length)
            allowed = allowed & mask[:, None]
        if self.causal:
            allowed = allowed.tril()
        # itself always, or padding would see nothing
        return allowed | torch.eye(length, dtype=torch.bool, device=device)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class TransformerBlock(nn.Module):
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
        >>> tuple(block(torch.ones(3, 5, 8)).shape)
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
    ) -> None:
        super().__init__()
        check_rate(dropout, "dropout")
        rng = np.random.default_rng(rng)
        E, H = embedding_size, 4 * embedding_size if hidden_size is None else hidden_size
        self.norm_1 = LayerNorm(E, dtype=dtype)
        self.attention = CausalSelfAttention(E, num_heads, causal=causal, rng=rng, dtype=dtype)
        self.norm_2 = LayerNorm(E, dtype=dtype)
        self.expand = Dense(E, H, rng=rng, dtype=dtype)
        self.contract = Dense(H, E, rng=rng, dtype=dtype)
        self.dropout = nn.Dropout(dropout)

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

    def forward(self, x: Tensor, mask: Tensor | None = None, return_weights: bool = False) -> Any:
        """Compute y; see the class."""
        looked = self.attention(self.norm_1(x), mask, return_weights)
        looked, weights = looked if return_weights else (looked, None)
        u = x + self.dropout(looked)
        hidden = torch.relu(self.expand(self.norm_2(u)))  # (B, T, H)
        y = u + self.dropout(self.contract(hidden))
        return (y, weights) if return_weights else y


class Transformer(nn.Module):
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
        >>> tuple(model(torch.zeros(4, 50, 1)).shape)
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
    ) -> None:
        super().__init__()
        positive_sizes(num_layers=num_layers, max_length=max_length)
        check_positions(positions)
        rng = np.random.default_rng(rng)
        self.input_size = input_size
        self.embedding_size = embedding_size
        self.tokens = tokens
        self.every_step = every_step
        self.positions = positions
        self.max_length = max_length
        self.pad_id = pad_id
        factory = {"rng": rng, "dtype": dtype}
        self.embed = (Embedding if tokens else Dense)(input_size, embedding_size, **factory)
        if positions == "learned":
            self.table = Embedding(max_length, embedding_size, **factory)
        elif positions == "sinusoidal":
            waves = torch.tensor(sinusoidal_positions(max_length, embedding_size))
            self.register_buffer("waves", waves.to(self.embed.W.dtype), persistent=False)
        self.blocks = nn.ModuleList(
            TransformerBlock(
                embedding_size,
                num_heads,
                hidden_size=hidden_size,
                causal=causal,
                dropout=dropout,
                **factory,
            )
            for _ in range(num_layers)
        )
        self.norm = LayerNorm(embedding_size, dtype=dtype)
        self.head = Dense(embedding_size, output_size, **factory)

    @property
    def parts(self) -> dict[str, Any]:
        """The layers with weights, by name."""
        table = {"table": self.table} if self.positions == "learned" else {}
        blocks = {f"block_{i}": block for i, block in enumerate(self.blocks)}
        return {"embed": self.embed, **table, **blocks, "norm": self.norm, "head": self.head}

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute the outputs; see the class."""
        if self.tokens:
            expect(x, "B T", name="x")
            mask = x != self.pad_id if mask is None else mask
        else:
            expect(x, "B T D", D=self.input_size)
            check_floats(self, x)
        check_length(x.shape[1], self.positions, self.max_length)
        x = self.embed(x)
        if self.tokens:  # vectors of length 1 would drown in the waves
            x = x * self.embedding_size**0.5
        length = x.shape[1]
        if self.positions == "learned":
            x = x + self.table(torch.arange(length, device=x.device))
        elif self.positions == "sinusoidal":
            x = x + self.waves[:length]
        for block in self.blocks:
            x = block(x, mask)
        if not self.every_step:
            x = last_step(x, mask)
        return self.head(self.norm(x))


def last_step(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return of (B, T, E) the last step that the mask (B, T) does not skip: (B, E)."""
    if mask is None:
        return x[:, -1]
    steps = torch.arange(x.shape[1], device=x.device)
    last = torch.where(mask, steps, 0).amax(dim=1)  # (B,)
    return x[torch.arange(len(x), device=x.device), last]
