"""Sequence models in PyTorch."""

from runtun.torch.dense import Dense
from runtun.torch.forecaster import Forecaster
from runtun.torch.rnn import (
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
