"""Sequence models in PyTorch."""

from runtun.torch.dense import Dense
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
    "OutputRecurrentCell",
    "OutputState",
    "RNNState",
    "SimpleRNNCell",
    "Stacked",
    "unroll",
]
