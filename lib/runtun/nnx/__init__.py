"""Sequence models in JAX with Flax NNX: what the chapter on temporal order needs."""

from runtun.nnx.dense import Dense
from runtun.nnx.forecaster import Forecaster
from runtun.nnx.gru import GRUCell
from runtun.nnx.lstm import LSTMCell, LSTMState
from runtun.nnx.rnn import RNN, RNNState, SimpleRNNCell, Stacked, scan, unroll
from runtun.nnx.timing import LoopTimes, compare_loops

__all__ = [
    "RNN",
    "Dense",
    "Forecaster",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "LoopTimes",
    "RNNState",
    "SimpleRNNCell",
    "Stacked",
    "compare_loops",
    "scan",
    "unroll",
]
