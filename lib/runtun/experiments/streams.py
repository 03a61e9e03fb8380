"""Training on an endless stream, until a task is solved or a budget is spent.

As in the papers on long lags: every sequence is new to the network, so what it gets right before
a step is taken is what it can do. It counts as having solved the task when it got a number of
sequences in a row right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import nn

INITIAL = {
    "rnn": ("torch", "keras"),
    "gru": ("torch", "keras", "chrono"),
    "lstm": ("torch", "keras", "one", "chrono"),
}
"""Initial weights that each cell may have."""


class Outcome(NamedTuple):
    """What came of a training.

    Args:
        solved: whether enough sequences in a row were right.
        seen: how many sequences were read.
    """

    solved: bool
    seen: int


def build_network(
    cell: str,
    initial: str,
    input_size: int,
    hidden_size: int,
    output_size: int,
    longest: int,
    seed: int,
) -> nn.ModuleDict:
    """Build a recurrent layer and a linear head, in PyTorch.

    Chrono initialisation spreads the time scales of the units over 1 ... T - 1: a forget bias of
    log U(1, T - 1) keeps a state for about that many steps, and the input bias is its negative.
    In a GRU the update gate z keeps, so it alone gets the bias.

    Args:
        cell: "rnn", "lstm" or "gru".
        initial: "torch" or "keras", what the framework draws by itself; "one", PyTorch's with a
            forget bias of 1 (LSTM); "chrono" (LSTM and GRU).
        input_size: D.
        hidden_size: H.
        output_size: of the head.
        longest: T, the greatest length of a sequence.
        seed: of the initial weights.

    Returns:
        A module with the parts `layer` and `head`.

    Raises:
        ValueError: if the initial weights do not fit the cell.

    References: Tallec & Ollivier 2018 (chrono initialisation).
    """
    import torch
    from torch import nn

    from runtun.torch import fused

    if initial not in INITIAL.get(cell, ()):
        raise ValueError(f"There are no initial weights {initial!r} for the cell {cell!r}.")
    layers = {"rnn": fused.RNN, "lstm": nn.LSTM, "gru": fused.GRU}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.ModuleDict(
            {
                "layer": layers[cell](input_size, hidden_size, batch_first=True),
                "head": nn.Linear(hidden_size, output_size),
            }
        )
    layer, size = network["layer"], hidden_size
    if initial == "keras":
        from runtun import parity, scratch

        kinds = {"rnn": "SimpleRNNCell", "lstm": "LSTMCell", "gru": "GRUCell"}
        drawn = getattr(scratch, kinds[cell])(
            input_size, hidden_size, rng=np.random.default_rng(seed)
        )
        getattr(parity, f"{cell}_to_torch")(drawn.params, layer)
    elif initial != "torch":
        keep = np.log(np.random.default_rng(seed).uniform(1, longest - 1, size))
        with torch.no_grad():
            layer.bias_ih_l0.zero_()
            layer.bias_hh_l0.zero_()
            if initial == "one":
                layer.bias_ih_l0[size : 2 * size] = 1.0  # order i, f, g, o
            else:
                layer.bias_ih_l0[size : 2 * size] = torch.tensor(keep)  # f, or z of r, z, n
                if cell == "lstm":
                    layer.bias_ih_l0[:size] = torch.tensor(-keep)
    return network


def train_until_solved(
    network: nn.Module,
    draw: Callable[[], tuple[np.ndarray, np.ndarray]],
    answer: Callable[[torch.Tensor], torch.Tensor],
    measure: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, np.ndarray]],
    config: Mapping[str, Any],
) -> Outcome:
    """Train a network on a stream, on one thread.

    Args:
        network: trained in place.
        draw: returns the next batch, inputs and targets.
        answer: from inputs to outputs; uses the network.
        measure: from outputs and targets to the loss and which sequences are right.
        config: learning_rate, clip_norm, in_a_row and max_sequences.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small matrices: more threads only wait for one another
    optimizer = torch.optim.Adam(network.parameters(), lr=config["learning_rate"])
    seen = in_a_row = 0
    while in_a_row < config["in_a_row"] and seen < config["max_sequences"]:
        x, y = (torch.from_numpy(array) for array in draw())
        loss, right = measure(answer(x), y)
        wrong = np.flatnonzero(~right)
        # Counted before the step is taken: every sequence is new to the network.
        in_a_row = len(right) - 1 - wrong[-1] if len(wrong) else in_a_row + len(right)
        seen += len(right)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), config["clip_norm"])
        optimizer.step()
    torch.set_num_threads(threads)
    return Outcome(in_a_row >= config["in_a_row"], seen)
