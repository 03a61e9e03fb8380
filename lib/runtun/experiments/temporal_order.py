"""Temporal order: how many sequences does each network need, at which lag, and who never learns?

As in the 1997 paper a network reads an endless stream of fresh sequences and counts as having
solved the task when it has classified 2,000 in a row rightly; then 2,560 sequences that the stream
never held are put to it. What differs between the rows is the network and its initial weights. The
TCN has as many layers as its receptive field needs to hold a whole sequence.
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
    "frameworks": ["torch", "nnx"],
    "seeds": 5,
    "levels": ["easy", "normal", "moderate", "hard", "nightmare"],
    # name -> (cell, initial weights); see `streams.build_network`
    "models": {
        "SimpleRNN": ["rnn", "torch"],
        "GRU": ["gru", "torch"],
        "GRU, chrono": ["gru", "chrono"],
        "LSTM, forget bias 1": ["lstm", "one"],
        "LSTM, chrono": ["lstm", "chrono"],
        "TCN": ["tcn", "own"],
        "Transformer": ["transformer", "own"],
    },
    # Beyond the paper: lags of 1,000 and 5,000 steps, for the models that reach so far.
    "long_levels": ["lag-1000", "lag-5000"],
    "long_models": ["LSTM, chrono"],
    "hidden_size": 32,
    "batch_size": 16,
    "learning_rate": 0.02,
    "learning_rates": {"tcn": 0.002, "transformer": 0.001},  # 0.02 is too much for these
    "clip_norm": 1.0,
    "in_a_row": 2000,
    "max_sequences": 32_000,  # what the network of 1997 needed on hard
    "test_sequences": 2560,
    # As the notebook that this course starts from meant to: a fixed training set, many epochs.
    "nnx": {
        "level": "easy",
        "hidden_size": 64,
        "sequences": 4000,
        "batch_size": 32,
        "epochs": 100,
        "learning_rate": 1e-4,
    },
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
    "nnx": {
        "level": "easy",
        "hidden_size": 4,
        "sequences": 64,
        "batch_size": 32,
        "epochs": 1,
        "learning_rate": 1e-4,
    },
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
    sizes = len(SYMBOLS), config["hidden_size"], len(CLASSES[len(task.positions)])
    if cell in ("tcn", "transformer"):
        network = build_feed_forward(cell, *sizes, task.length[1], seed)
    else:
        network = build_network(cell, initial, *sizes, task.length[1], seed)
    config = {
        **config,
        "learning_rate": config.get("learning_rates", {}).get(cell, config["learning_rate"]),
    }
    stream = np.random.default_rng([seed, 1])

    def draw() -> tuple[np.ndarray, np.ndarray]:
        batch = generate_temporal_order(config["batch_size"], level, stream, part="train")
        return one_hot(batch.symbols), batch.labels

    def measure(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
        right = (logits.argmax(dim=1) == labels).numpy()
        return functional.cross_entropy(logits, labels), right

    return network, train_until_solved(network, draw, partial(classify, network), measure, config)


def build_feed_forward(
    kind: str, input_size: int, hidden_size: int, output_size: int, longest: int, seed: int
) -> nn.ModuleDict:
    """Build a network without recurrence that sees a whole sequence, in PyTorch.

    Args:
        kind: "tcn" or "transformer".
        input_size: D.
        hidden_size: channels, or size of the embedding.
        output_size: number of classes.
        longest: T, the greatest length of a sequence.
        seed: of the initial weights.

    Returns:
        A module with the part `whole`.

    >>> network = build_feed_forward("tcn", 8, 4, 4, 500, seed=0)
    >>> network["whole"].receptive_field
    509
    """
    from torch import nn

    from runtun.torch import TCN, Transformer

    rng = np.random.default_rng(seed)
    if kind == "tcn":
        kernel_size = 3
        # Two convolutions a block: the receptive field is 1 + 2 (k - 1) (2^L - 1).
        layers = int(np.ceil(np.log2((longest - 1) / (2 * (kernel_size - 1)) + 1)))
        whole = TCN(
            input_size,
            hidden_size,
            kernel_size=kernel_size,
            num_layers=layers,
            horizon=output_size,
            rng=rng,
        )
    else:
        whole = Transformer(
            input_size, hidden_size, output_size=output_size, max_length=longest, rng=rng
        )
    return nn.ModuleDict({"whole": whole})


def classify(network: nn.ModuleDict, x: torch.Tensor) -> torch.Tensor:
    """Return the logits (B, classes) of sequences (B, T, D), from the last output."""
    if "whole" in network:
        return network["whole"](x)
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


def _epochs(config: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Train on a fixed set in Flax NNX, whose loop over time is compiled; then test."""
    from runtun.nnx import Forecaster
    from runtun.training import fit, predict

    plan = config["nnx"]

    def draw(count: int, part: str) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, 1 if part == "train" else 2])
        batch = generate_temporal_order(count, plan["level"], rng, part=part)
        return one_hot(batch.symbols), batch.labels

    task = LEVELS[plan["level"]]
    model = Forecaster(
        len(SYMBOLS),
        plan["hidden_size"],
        cell="lstm",
        horizon=len(CLASSES[len(task.positions)]),
        rng=np.random.default_rng(seed),
    )
    fit(
        model,
        *draw(plan["sequences"], "train"),
        epochs=plan["epochs"],
        batch_size=plan["batch_size"],
        learning_rate=plan["learning_rate"],
        loss="cross_entropy",
        seed=seed,
        progress=False,
    )
    x, labels = draw(config["test_sequences"], "test")
    return {ACCURACY.name: 100 * float((predict(model, x).argmax(axis=1) == labels).mean())}


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: each model at each level with each seed."""
    if "nnx" in config["frameworks"]:
        plan = config["nnx"]
        for seed in range(config["seeds"]):
            name = f"LSTM {plan['hidden_size']}, {plan['epochs']} epochs, {plan['level']}"
            yield Trial(name, "nnx", seed, partial(_epochs, config, seed), 1.0)
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
