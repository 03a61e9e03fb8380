"""Temporal order: how many sequences does each network need, at which lag, and who never learns?

As in the 1997 paper a network reads an endless stream of fresh sequences and counts as having
solved the task when it has classified 2,000 in a row rightly; then 2,560 sequences that the stream
never held are put to it. What differs between the rows is the cell and its initial weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from runtun.data.temporal_order import CLASSES, LEVELS, SYMBOLS, generate_temporal_order, one_hot
from runtun.experiments.runner import Experiment, Metric, Trial

if TYPE_CHECKING:
    from torch import nn

SOLVED = Metric("solved", "share of seeds")
SEQUENCES = Metric("sequences until solved", "sequences")
ACCURACY = Metric("held-out accuracy", "%")

CONFIG: dict[str, Any] = {
    "frameworks": ["torch"],
    "seeds": 5,
    "levels": ["easy", "normal", "moderate", "hard", "nightmare"],
    # name -> (cell, initial weights); "chrono" is Tallec & Ollivier 2018, "one" a forget bias of 1.
    "models": {
        "SimpleRNN": ["rnn", "default"],
        "GRU": ["gru", "default"],
        "GRU, chrono": ["gru", "chrono"],
        "LSTM, forget bias 1": ["lstm", "one"],
        "LSTM, chrono": ["lstm", "chrono"],
    },
    # Beyond the paper: lags of 1,000 and 5,000 steps, for the models that reach so far.
    "long_levels": ["lag-1000", "lag-5000"],
    "long_models": ["LSTM, chrono"],
    "hidden_size": 32,
    "batch_size": 16,
    "learning_rate": 0.02,
    "clip_norm": 1.0,
    "in_a_row": 2000,
    "max_sequences": 32_000,  # what the network of 1997 needed on hard
    "test_sequences": 2560,
}

SMOKE: dict[str, Any] = {
    "seeds": 1,
    "levels": ["easy"],
    "long_levels": [],
    "models": {"SimpleRNN": ["rnn", "default"], "LSTM, chrono": ["lstm", "chrono"]},
    "hidden_size": 4,
    "in_a_row": 64,
    "max_sequences": 128,
    "test_sequences": 64,
}

_PAPER = "Hochreiter & Schmidhuber 1997, experiment 6a, mean of 20 runs"

PUBLISHED = {
    ("LSTM, chrono, hard", SEQUENCES.name): (31_390.0, _PAPER),
    ("LSTM, forget bias 1, hard", SEQUENCES.name): (31_390.0, _PAPER),
}


def build_classifier(
    cell: str, initial: str, hidden_size: int, longest: int, classes: int, seed: int
) -> nn.Module:
    """Build a recurrent layer and a linear head that reads its last output, in PyTorch.

    Chrono initialisation spreads the time scales of the units over 1 ... T - 1: a forget bias of
    log U(1, T - 1) keeps a state for about that many steps, and the input bias is its negative.
    In a GRU the update gate z keeps, so it alone gets the bias.

    Args:
        cell: "rnn", "lstm" or "gru".
        initial: "default", "one" (LSTM only) or "chrono" (LSTM and GRU).
        hidden_size: H.
        longest: T, the greatest length of a sequence.
        classes: number of classes.
        seed: of the initial weights.

    Returns:
        A module with the parts `layer` and `head`.

    Raises:
        ValueError: if the initial weights do not fit the cell.
    """
    import torch
    from torch import nn

    allowed = {
        "rnn": ["default"],
        "gru": ["default", "chrono"],
        "lstm": ["default", "one", "chrono"],
    }
    if initial not in allowed.get(cell, []):
        raise ValueError(f"There are no initial weights {initial!r} for the cell {cell!r}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kinds = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
        model = nn.ModuleDict(
            {
                "layer": kinds[cell](len(SYMBOLS), hidden_size, batch_first=True),
                "head": nn.Linear(hidden_size, classes),
            }
        )
    if initial != "default":
        layer, size = model["layer"], hidden_size
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
    return model


def train_until_solved(
    config: Mapping[str, Any], level: str, cell: str, initial: str, seed: int
) -> dict[str, float]:
    """Read the stream until the task is solved or the budget spent; then test.

    Returns:
        Metric name -> value; no number of sequences if the task was not solved.
    """
    import torch
    from torch.nn import functional

    def logits(symbols: np.ndarray) -> torch.Tensor:
        outputs, _ = model["layer"](torch.from_numpy(one_hot(symbols)))
        return model["head"](outputs[:, -1])

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small matrices: more threads only wait for one another
    task = LEVELS[level]
    classes = len(CLASSES[len(task.positions)])
    model = build_classifier(cell, initial, config["hidden_size"], task.length[1], classes, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=config["learning_rate"])
    stream = np.random.default_rng([seed, 1])
    seen = in_a_row = 0
    while in_a_row < config["in_a_row"] and seen < config["max_sequences"]:
        batch = generate_temporal_order(config["batch_size"], level, stream, part="train")
        labels = torch.from_numpy(batch.labels)
        scores = logits(batch.symbols)
        wrong = np.flatnonzero((scores.argmax(dim=1) != labels).numpy())
        # Counted before the step is taken: every sequence is new to the network.
        in_a_row = len(labels) - 1 - wrong[-1] if len(wrong) else in_a_row + len(labels)
        seen += len(labels)
        loss = functional.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config["clip_norm"])
        optimizer.step()
    solved = in_a_row >= config["in_a_row"]

    test = generate_temporal_order(
        config["test_sequences"], level, np.random.default_rng([seed, 2]), part="test"
    )
    right = 0
    with torch.no_grad():
        for start in range(0, len(test.labels), 256):
            rows = slice(start, start + 256)
            answer = logits(test.symbols[rows]).argmax(dim=1).numpy()
            right += int((answer == test.labels[rows]).sum())
    torch.set_num_threads(threads)
    result = {SOLVED.name: float(solved), ACCURACY.name: 100 * right / len(test.labels)}
    return result | ({SEQUENCES.name: float(seen)} if solved else {})


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: each model at each level with each seed."""
    if "torch" not in config["frameworks"]:
        return
    for level in [*config["levels"], *config["long_levels"]]:
        steps = LEVELS[level].length[1]
        names = config["models"] if level in config["levels"] else config["long_models"]
        for name in names:
            cell, initial = config["models"][name]
            for seed in range(config["seeds"]):
                yield Trial(
                    f"{name}, {level}",
                    "torch",
                    seed,
                    partial(train_until_solved, config, level, cell, initial, seed),
                    # About 0.15 ms a step of a batch; at most the whole budget is read.
                    config["max_sequences"] / config["batch_size"] * steps * 1.5e-4 / 60,
                )


TEMPORAL_ORDER = Experiment(
    name="temporal_order",
    title="Temporal order up to lags of 5,000: sequences until solved, by cell and initial weights",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(SOLVED, SEQUENCES, ACCURACY),
    make_trials=make_trials,
    published=PUBLISHED,
)
