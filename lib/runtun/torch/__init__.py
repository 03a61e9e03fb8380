"""Sequence models in PyTorch."""

from runtun.torch.attention import AdditiveAttention, DotProductAttention
from runtun.torch.bidirectional import Bidirectional
from runtun.torch.conv import CausalConv1D, Conv1D
from runtun.torch.conv_gru import ConvGRU
from runtun.torch.dense import Dense
from runtun.torch.embedding import Embedding
from runtun.torch.forecaster import Forecaster
from runtun.torch.gru import GRUCell
from runtun.torch.language_model import CharLanguageModel
from runtun.torch.layer_norm import LayerNorm, LayerNormRNNCell
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
from runtun.torch.sentiment import SentimentClassifier
from runtun.torch.seq2seq import Decoder, Encoded, Encoder, Seq2Seq, SeriesSeq2Seq
from runtun.torch.stack import RecurrentStack
from runtun.torch.tcn import TCN, TCNBlock
from runtun.torch.transformer import CausalSelfAttention, Transformer, TransformerBlock
from runtun.torch.wavenet import WaveNet, WaveNetBlock

__all__ = [
    "RNN",
    "TCN",
    "AdditiveAttention",
    "Bidirectional",
    "CausalConv1D",
    "CausalSelfAttention",
    "CharLanguageModel",
    "Conv1D",
    "ConvGRU",
    "Decoder",
    "Dense",
    "DotProductAttention",
    "Embedding",
    "Encoded",
    "Encoder",
    "Forecaster",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "LayerNorm",
    "LayerNormRNNCell",
    "OutputRecurrentCell",
    "OutputState",
    "PeepholeLSTMCell",
    "RNNState",
    "RecurrentStack",
    "SentimentClassifier",
    "Seq2Seq",
    "SeriesSeq2Seq",
    "SimpleRNNCell",
    "Stacked",
    "TCNBlock",
    "Transformer",
    "TransformerBlock",
    "WaveNet",
    "WaveNetBlock",
    "unroll",
]
