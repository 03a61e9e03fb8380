"""Sequence models in Keras 3, for every backend of it; TensorFlow is the default."""

from runtun.keras.attention import AdditiveAttention, DotProductAttention
from runtun.keras.bidirectional import Bidirectional
from runtun.keras.conv import CausalConv1D, Conv1D
from runtun.keras.conv_gru import ConvGRU
from runtun.keras.dense import Dense
from runtun.keras.embedding import Embedding
from runtun.keras.forecaster import Forecaster
from runtun.keras.gru import GRUCell
from runtun.keras.language_model import CharLanguageModel
from runtun.keras.layer_norm import LayerNorm, LayerNormRNNCell
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
from runtun.keras.sentiment import SentimentClassifier
from runtun.keras.seq2seq import Decoder, Encoded, Encoder, Seq2Seq, SeriesSeq2Seq
from runtun.keras.stack import RecurrentStack
from runtun.keras.tcn import TCN, TCNBlock
from runtun.keras.transformer import CausalSelfAttention, Transformer, TransformerBlock
from runtun.keras.wavenet import WaveNet, WaveNetBlock

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
