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
from runtun.experiments.streams import Outcome, build_network, train_until_solved

if TYPE_CHECKING:
    import torch
    from torch import nn

SOLVED = Metric("solved", "share of seeds")
SEQUENCES = Metric("sequences until solved", "sequences")
ACCURACY = Metric("held-out accuracy", "%")

CONFIG: dict[str, Any] = {
    "frameworks": ["torch"],
    "seeds": 3,
    "levels": ["easy", "normal", "moderate", "hard", "nightmare"],
    # name -> (cell, initial weights); see `streams.build_network`
    "models": {
        "SimpleRNN": ["rnn", "torch"],
        "GRU": ["gru", "torch"],
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
    "models": {"SimpleRNN": ["rnn", "torch"], "LSTM, chrono": ["lstm", "chrono"]},
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


def train_classifier(
    config: Mapping[str, Any], level: str, cell: str, initial: str, seed: int
) -> tuple[nn.ModuleDict, Outcome]:
    """Let a fresh network read the stream of a level until it has solved it."""
    from torch.nn import functional

    task = LEVELS[level]
    network = build_network(
        cell,
        initial,
        len(SYMBOLS),
        config["hidden_size"],
        len(CLASSES[len(task.positions)]),
        task.length[1],
        seed,
    )
    stream = np.random.default_rng([seed, 1])

    def draw() -> tuple[np.ndarray, np.ndarray]:
        batch = generate_temporal_order(config["batch_size"], level, stream, part="train")
        return one_hot(batch.symbols), batch.labels

    def measure(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
        right = (logits.argmax(dim=1) == labels).numpy()
        return functional.cross_entropy(logits, labels), right

    return network, train_until_solved(network, draw, partial(classify, network), measure, config)


def classify(network: nn.ModuleDict, x: torch.Tensor) -> torch.Tensor:
    """Return the logits (B, classes) of sequences (B, T, D), from the last output."""
    outputs, _ = network["layer"](x)
    return network["head"](outputs[:, -1])


def _solve(
    config: Mapping[str, Any], level: str, cell: str, initial: str, seed: int
) -> dict[str, float]:
    """Train, then test on sequences that the stream never held."""
    import torch

    network, outcome = train_classifier(config, level, cell, initial, seed)
    test = generate_temporal_order(
        config["test_sequences"], level, np.random.default_rng([seed, 2]), part="test"
    )
    right = 0
    with torch.no_grad():
        for start in range(0, len(test.labels), 256):
            rows = slice(start, start + 256)
            logits = classify(network, torch.from_numpy(one_hot(test.symbols[rows])))
            right += int((logits.argmax(dim=1).numpy() == test.labels[rows]).sum())
    result = {SOLVED.name: float(outcome.solved), ACCURACY.name: 100 * right / len(test.labels)}
    return result | ({SEQUENCES.name: float(outcome.seen)} if outcome.solved else {})


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
                    partial(_solve, config, level, cell, initial, seed),
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
