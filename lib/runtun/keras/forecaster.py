"""A forecaster from the recurrent layers of Keras: the model to train."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from runtun.initializers import forecaster_weights
from runtun.keras.rnn import Tensor
from runtun.parity.forecaster import forecaster_to_keras
from runtun.shapes import expect

LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


@keras.saving.register_keras_serializable(package="runtun")
class Forecaster(keras.Model):
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
        >>> tuple(model(np.zeros((32, 50, 1), "float32")).shape)
        (32, 1)
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
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype=dtype, **kwargs)
        weights = forecaster_weights(
            rng, cell, input_size, hidden_size, num_layers, horizon, head, dropout
        )
        self.input_size = input_size
        self.num_layers = num_layers
        self.cell = cell
        self.every_step = every_step
        self.head_kind = head
        self.arguments = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "cell": cell,
            "horizon": horizon,
            "every_step": every_step,
            "head": head,
            "dropout": dropout,
        }
        factory = {"dtype": self.dtype_policy}
        layer = LAYERS[cell]
        # The last recurrent layer returns one output only where one forecast is asked for.
        last = num_layers if head == "rnn" else num_layers - 1
        self.recurrent = [
            layer(hidden_size, return_sequences=every_step or i < last, **factory)
            for i in range(num_layers)
        ]
        self.dropouts = [keras.layers.Dropout(dropout, **factory) for _ in self.recurrent[1:]]
        if head == "dense":
            self.head = keras.layers.Dense(horizon, **factory)
        else:
            self.head = layer(horizon, return_sequences=every_step, **factory)
        forecaster_to_keras(weights, self)
        self.built = True

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Forecast; see the class."""
        expect(x, "B T D", D=self.input_size)
        for i, layer in enumerate(self.recurrent):
            if i:
                x = self.dropouts[i - 1](x, training=training)
            x = layer(x)
        return self.head(x)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this model again."""
        return {**super().get_config(), **self.arguments}
