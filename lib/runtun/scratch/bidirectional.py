"""Reading a sequence both ways in NumPy.

The same file exists on each floor: `runtun.scratch.bidirectional`,
`runtun.keras.bidirectional`, `runtun.torch.bidirectional`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runtun.initializers import check_bidirectional
from runtun.scratch.rnn import RNN


class Bidirectional:
    """Two layers over the same sequence, one of them from the end to the start.

    Args:
        ahead: the `RNN` that reads from the first step to the last.
        back: the `RNN` that reads from the last step to the first; another one of the same kind.
        merge: how the two outputs of a step become one: "concat" (side by side), "sum", "mul"
            (product) or "ave" (mean).

    Call:
        x: (B, T, D); mask: (B, T), False at the steps to skip. Returns (B, T, 2H) or (B, T, H),
        or, if the layers return one output, (B, 2H) or (B, H): that of `ahead` at the last step
        and that of `back` at the first, where each has read everything.

    Raises:
        ValueError: if the layers do not fit together, or `merge` is unknown.

    References: Schuster & Paliwal 1997.

    Example:
        >>> from runtun.scratch import LSTMCell
        >>> layer = Bidirectional(RNN(LSTMCell(3, 5)), RNN(LSTMCell(3, 5)))
        >>> layer(np.zeros((2, 7, 3))).shape
        (2, 10)
    """

    def __init__(self, ahead: RNN, back: RNN, merge: str = "concat") -> None:
        check_bidirectional(ahead, back, merge)
        self.ahead = ahead
        self.back = back
        self.merge = merge

    @property
    def params(self) -> dict[str, np.ndarray]:
        """The weights of both layers, each name preceded by that of its layer."""
        return {
            f"{name}.{key}": weight
            for name in ("ahead", "back")
            for key, weight in getattr(self, name).params.items()
        }

    def __call__(self, x: Any, mask: np.ndarray | None = None) -> np.ndarray:
        return self.forward(x, mask)

    def forward(self, x: Any, mask: np.ndarray | None = None) -> np.ndarray:
        """Run both layers; see the class. With a mask there is no backward pass."""
        x = np.asarray(x)
        h = self.ahead(x, None, mask)
        k = self.back(x[:, ::-1], None, None if mask is None else mask[:, ::-1])
        k = self._turned(k)
        self._memory = h, k
        if self.merge == "concat":
            return np.concatenate([h, k], axis=-1)
        if self.merge == "mul":
            return h * k
        return (h + k) / (2 if self.merge == "ave" else 1)

    def backward(self, d_outputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the gradients of a loss with respect to `x` and to the weights.

        Args:
            d_outputs: the gradient of the loss with respect to what `forward` returned.
        """
        h, k = self._memory
        if self.merge == "concat":
            d_h, d_k = np.split(d_outputs, [h.shape[-1]], axis=-1)
        elif self.merge == "mul":
            d_h, d_k = d_outputs * k, d_outputs * h
        else:
            d_h = d_k = d_outputs / (2 if self.merge == "ave" else 1)
        d_x, ahead_grads = self.ahead.backward(d_h)
        d_x_turned, back_grads = self.back.backward(self._turned(d_k))
        grads = {f"ahead.{name}": grad for name, grad in ahead_grads.items()}
        grads.update({f"back.{name}": grad for name, grad in back_grads.items()})
        return d_x + d_x_turned[:, ::-1], grads

    def _turned(self, outputs: np.ndarray) -> np.ndarray:
        """Put the outputs of every step, if there are any, in the order of time."""
        return outputs[:, ::-1] if self.back.return_sequences else outputs
