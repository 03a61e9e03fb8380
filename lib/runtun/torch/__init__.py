"""Sequence models in PyTorch."""

from runtun.torch.attention import AdditiveAttention, DotProductAttention
from runtun.torch.bidirectional import Bidirectional
from runtun.torch.conv import CausalConv1D, Conv1D
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
    "AdditiveAttention",
    "Bidirectional",
    "CausalConv1D",
    "Conv1D",
    "Dense",
    "DotProductAttention",
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
