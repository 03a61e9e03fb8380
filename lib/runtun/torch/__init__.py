"""Sequence models in PyTorch."""

from runtun.torch.bidirectional import Bidirectional
from runtun.torch.dense import Dense
from runtun.torch.forecaster import Forecaster
from runtun.torch.gru import GRUCell
from runtun.torch.layer_norm import LayerNormRNNCell
from runtun.torch.lstm import LSTMCell, LSTMState, PeepholeLSTMCell
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
    "Bidirectional",
    "Dense",
    "Forecaster",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "LayerNormRNNCell",
    "OutputRecurrentCell",
    "OutputState",
    "PeepholeLSTMCell",
    "RNNState",
    "SimpleRNNCell",
    "Stacked",
    "unroll",
]
