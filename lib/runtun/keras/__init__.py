"""Sequence models in Keras 3, for every backend of it; TensorFlow is the default."""

from runtun.keras.dense import Dense
from runtun.keras.forecaster import Forecaster
from runtun.keras.rnn import (
    RNN,
    OutputRecurrentCell,
    OutputState,
    RNNState,
    SimpleRNNCell,
    Stacked,
    unroll,
)

__all__ = [
    "RNN",
    "Dense",
    "Forecaster",
    "OutputRecurrentCell",
    "OutputState",
    "RNNState",
    "SimpleRNNCell",
    "Stacked",
    "unroll",
]
