"""Reading a sequence both ways in Keras.

The same file exists on each floor: `runtun.scratch.bidirectional`,
`runtun.keras.bidirectional`, `runtun.torch.bidirectional`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from runtun.initializers import check_bidirectional
from runtun.keras.rnn import RNN, Tensor


@keras.saving.register_keras_serializable(package="runtun")
class Bidirectional(keras.layers.Layer):
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
        >>> from runtun.keras import LSTMCell
        >>> layer = Bidirectional(RNN(LSTMCell(3, 5)), RNN(LSTMCell(3, 5)))
        >>> tuple(layer(ops.zeros((2, 7, 3))).shape)
        (2, 10)
    """

    def __init__(self, ahead: RNN, back: RNN, merge: str = "concat", **kwargs: Any) -> None:
        kwargs.setdefault("dtype", ahead.dtype_policy)
        super().__init__(**kwargs)
        check_bidirectional(ahead, back, merge)
        self.ahead = ahead
        self.back = back
        self.merge = merge
        self.supports_masking = True
        self.built = True

    def call(self, sequences: Tensor, mask: Tensor | None = None) -> Tensor:
        """Run both layers; see the class."""
        h = self.ahead(sequences, mask=mask)
        turned_mask = None if mask is None else ops.flip(mask, axis=1)
        k = self.back(ops.flip(sequences, axis=1), mask=turned_mask)
        k = ops.flip(k, axis=1) if self.back.return_sequences else k  # in the order of time
        if self.merge == "concat":
            return ops.concatenate([h, k], axis=-1)
        if self.merge == "mul":
            return h * k
        return (h + k) / (2 if self.merge == "ave" else 1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Hand the mask on where there is an output for every step."""
        return previous_mask if self.ahead.return_sequences else None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {
            **super().get_config(),
            "ahead": keras.saving.serialize_keras_object(self.ahead),
            "back": keras.saving.serialize_keras_object(self.back),
            "merge": self.merge,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Bidirectional:
        """Make the layer from the arguments that `get_config` returned."""
        layers = {
            name: keras.saving.deserialize_keras_object(config[name]) for name in ("ahead", "back")
        }
        return cls(**{**config, **layers})
