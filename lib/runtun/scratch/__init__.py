"""Sequence models in NumPy, forward and backward by hand: to read and to prove."""

from runtun.scratch.activations import sigmoid
from runtun.scratch.attention import AdditiveAttention, DotProductAttention, softmax
from runtun.scratch.bidirectional import Bidirectional
from runtun.scratch.conv import CausalConv1D, Conv1D
from runtun.scratch.dense import Dense
from runtun.scratch.dropout import Dropout, draw_mask
from runtun.scratch.embedding import Embedding
from runtun.scratch.gradcheck import check_gradients, numerical_gradient
from runtun.scratch.gru import GRUCell
from runtun.scratch.layer_norm import LayerNorm, LayerNormRNNCell
from runtun.scratch.losses import cross_entropy, mse
from runtun.scratch.lstm import LSTMCell, LSTMState, PeepholeLSTMCell
from runtun.scratch.optimizers import SGD, Adam, clip_by_norm, clip_by_value
from runtun.scratch.rnn import (
    RNN,
    OutputRecurrentCell,
    OutputState,
    RNNState,
    SimpleRNNCell,
    Stacked,
    unroll,
)
from runtun.scratch.transformer import CausalSelfAttention, TransformerBlock

__all__ = [
    "RNN",
    "SGD",
    "Adam",
    "AdditiveAttention",
    "Bidirectional",
    "CausalConv1D",
    "CausalSelfAttention",
    "Conv1D",
    "Dense",
    "DotProductAttention",
    "Dropout",
    "Embedding",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "LayerNorm",
    "LayerNormRNNCell",
    "OutputRecurrentCell",
    "OutputState",
    "PeepholeLSTMCell",
    "RNNState",
    "SimpleRNNCell",
    "Stacked",
    "TransformerBlock",
    "check_gradients",
    "clip_by_norm",
    "clip_by_value",
    "cross_entropy",
    "draw_mask",
    "mse",
    "numerical_gradient",
    "sigmoid",
    "softmax",
    "unroll",
]
