"""Reading a sequence both ways in PyTorch.

The same file exists on each floor: `runtun.scratch.bidirectional`,
`runtun.keras.bidirectional`, `runtun.torch.bidirectional`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from runtun.initializers import check_bidirectional
from runtun.torch.rnn import RNN


class Bidirectional(nn.Module):
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
        >>> from runtun.torch import LSTMCell
        >>> layer = Bidirectional(RNN(LSTMCell(3, 5)), RNN(LSTMCell(3, 5)))
        >>> layer(torch.zeros(2, 7, 3)).shape
        torch.Size([2, 10])
    """

    def __init__(self, ahead: RNN, back: RNN, merge: str = "concat") -> None:
        super().__init__()
        check_bidirectional(ahead, back, merge)
        self.ahead = ahead
        self.back = back
        self.merge = merge

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Run both layers; see the class."""
        h = self.ahead(x, None, mask)
        k = self.back(x.flip(1), None, None if mask is None else mask.flip(1))
        k = k.flip(1) if self.back.return_sequences else k  # in the order of time
        if self.merge == "concat":
            return torch.cat([h, k], dim=-1)
        if self.merge == "mul":
            return h * k
        return (h + k) / (2 if self.merge == "ave" else 1)
