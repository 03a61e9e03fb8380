"""Dropout in NumPy: between layers, at each step anew or the same at all steps; and within.

What is dropped within a layer, on the way from h_{t-1} to h_t, goes to `unroll(..., keep=...)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runtun.initializers import check_rate
from runtun.shapes import expect


def draw_mask(rng: np.random.Generator, shape: tuple[int, ...], rate: float) -> np.ndarray:
    """Draw which units to keep: 0 with probability `rate`, else 1 / (1 - rate).

    The mean stays 1, so that a layer gets inputs of the same size in training and in use.

    Args:
        rng: the source of randomness.
        shape: of the mask.
        rate: the probability of dropping a unit, in [0, 1).

    Returns:
        A float64 array.

    References: Srivastava et al. 2014.

    Example:
        >>> np.unique(draw_mask(np.random.default_rng(0), (50,), 0.2))
        array([0.  , 1.25])
    """
    check_rate(rate, "rate")
    return (rng.random(shape) >= rate) / (1 - rate)


class Dropout:
    """A layer that drops some features while training and passes everything on in use.

    y = x * m      m drawn anew for each sequence, and for each step unless `same_at_all_steps`

    Args:
        rate: the probability of dropping a feature, in [0, 1).
        same_at_all_steps: drop the same features at all steps of a sequence (Gal & Ghahramani
            2016), as the `dropout` of the recurrent layers of Keras does; PyTorch draws anew at
            each step.
        rng: draws what is dropped; a fresh one if None.

    Call:
        x: (B, T, D); training: whether to drop. Returns (B, T, D).

    Example:
        >>> layer = Dropout(0.5, same_at_all_steps=True, rng=np.random.default_rng(0))
        >>> layer(np.ones((1, 3, 4)), training=True)[0]
        array([[2., 0., 0., 0.],
               [2., 0., 0., 0.],
               [2., 0., 0., 0.]])
        >>> bool((layer(np.ones((1, 3, 4))) == 1).all())
        True
    """

    def __init__(
        self,
        rate: float,
        *,
        same_at_all_steps: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.rate = check_rate(rate, "rate")
        self.same_at_all_steps = same_at_all_steps
        self.rng = np.random.default_rng(rng)

    @property
    def params(self) -> dict[str, np.ndarray]:
        """Nothing to train."""
        return {}

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        return self.forward(x, training)

    def forward(self, x: Any, training: bool = False) -> np.ndarray:
        """Drop and remember what, for `backward`."""
        size = expect(x, "B T D")
        steps = 1 if self.same_at_all_steps else size["T"]
        mask = draw_mask(self.rng, (size["B"], steps, size["D"]), self.rate if training else 0.0)
        self._mask = mask.astype(x.dtype)
        return x * self._mask

    def backward(self, d_outputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the gradient of a loss with respect to `x`; there are no weights.

        Args:
            d_outputs: (B, T, D), the gradient of the loss with respect to y.
        """
        return d_outputs * self._mask, {}
