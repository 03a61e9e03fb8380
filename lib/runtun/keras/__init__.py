"""Sequence models in Keras 3, for every backend of it; TensorFlow is the default."""

from runtun.keras.attention import AdditiveAttention, DotProductAttention
from runtun.keras.bidirectional import Bidirectional
from runtun.keras.conv import CausalConv1D, Conv1D
from runtun.keras.dense import Dense
from runtun.keras.forecaster import Forecaster
from runtun.keras.gru import GRUCell
from runtun.keras.layer_norm import LayerNormRNNCell
from runtun.keras.lstm import LSTMCell, LSTMState, PeepholeLSTMCell
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
