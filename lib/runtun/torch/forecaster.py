"""A forecaster from PyTorch's fused recurrent layers: the model to train."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from runtun.initializers import forecaster_weights
from runtun.parity.forecaster import forecaster_to_torch
from runtun.shapes import expect
from runtun.torch import fused
from runtun.torch.rnn import check_floats

# Of the three only nn.LSTM has a kernel of its own on CPUs; see fused.py for the other two.
LAYERS = {"rnn": fused.RNN, "lstm": nn.LSTM, "gru": fused.GRU}


class Forecaster(nn.Module):
    """Recurrent layers and a head that forecasts the next steps of a series.

    Args:
        input_size: D, the number of features a step has; positive.
        hidden_size: H, the size of each recurrent layer; positive.
        num_layers: how many recurrent layers are stacked under the head; 0 only with the head
            "rnn".
        cell: "rnn", "lstm" or "gru".
        horizon: how many steps to forecast; positive.
        every_step: forecast after every step of the input instead of after the last one only.
        head: "dense", or "rnn" for a last recurrent layer with one unit for each forecast, whose
            outputs are the forecasts.
        dropout: part of the outputs dropped between recurrent layers while training, in [0, 1).
        rng: draws the initial weights, as Keras draws them; a fresh one if None. The same seed
            gives the same weights in Keras and PyTorch.
        dtype: "float32" or "float64".

    Call:
        x: (B, T, D). Returns (B, horizon), or (B, T, horizon) with `every_step`.

    Raises:
        ValueError: if the arguments do not fit together, or the last axis of `x` is not D.

    Example:
        >>> model = Forecaster(1, 20, num_layers=2, rng=np.random.default_rng(0))
        >>> model(torch.zeros(32, 50, 1)).shape
        torch.Size([32, 1])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        cell: str = "rnn",
        horizon: int = 1,
        every_step: bool = False,
        head: str = "dense",
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        weights = forecaster_weights(
            rng, cell, input_size, hidden_size, num_layers, horizon, head, dropout
        )
        self.input_size = input_size
        self.num_layers = num_layers
        self.cell = cell
        self.every_step = every_step
        self.head_kind = head
        factory = {"batch_first": True, "dtype": getattr(torch, dtype)}
        layer = LAYERS[cell]
        if num_layers:
            self.recurrent = layer(input_size, hidden_size, num_layers, dropout=dropout, **factory)
        top_size = hidden_size if num_layers else input_size
        if head == "dense":
            self.head = nn.Linear(top_size, horizon, dtype=factory["dtype"])
        else:
            self.head = layer(top_size, horizon, **factory)
        forecaster_to_torch(weights, self)

    def forward(self, x: Tensor) -> Tensor:
        """Forecast; see the class."""
        expect(x, "B T D", D=self.input_size)
        check_floats(self, x)
        if self.num_layers:
            x, _ = self.recurrent(x)
        if self.head_kind == "rnn":
            x, _ = self.head(x)
        if not self.every_step:
            x = x[:, -1]
        return self.head(x) if self.head_kind == "dense" else x
