"""Moving weights between NumPy, Keras and PyTorch, so that equal models give equal numbers."""

from runtun.parity.forecaster import (
    forecaster_from_keras,
    forecaster_from_torch,
    forecaster_to_keras,
    forecaster_to_torch,
)
from runtun.parity.recurrent import (
    dense_from_keras,
    dense_from_torch,
    dense_to_keras,
    dense_to_torch,
    gru_from_keras,
    gru_from_torch,
    gru_to_keras,
    gru_to_torch,
    lstm_from_keras,
    lstm_from_torch,
    lstm_to_keras,
    lstm_to_torch,
    rnn_from_keras,
    rnn_from_torch,
    rnn_to_keras,
    rnn_to_torch,
)

__all__ = [
    "dense_from_keras",
    "dense_from_torch",
    "dense_to_keras",
    "dense_to_torch",
    "forecaster_from_keras",
    "forecaster_from_torch",
    "forecaster_to_keras",
    "forecaster_to_torch",
    "gru_from_keras",
    "gru_from_torch",
    "gru_to_keras",
    "gru_to_torch",
    "lstm_from_keras",
    "lstm_from_torch",
    "lstm_to_keras",
    "lstm_to_torch",
    "rnn_from_keras",
    "rnn_from_torch",
    "rnn_to_keras",
    "rnn_to_torch",
]
