"""Adding and copying: how many sequences until two marked numbers far apart are added, and how much
of ten symbols is still known after a pause.

Adding is experiment 4 of the 1997 paper: a sequence is right if the answer is off by less than
0.04, and the task is solved after 2,000 in a row. Copying has no such mark in the literature; what
is recorded is the share of symbols that are said again rightly after a fixed number of sequences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from runtun.data.adding import generate_adding
from runtun.data.copying import generate_copy
from runtun.experiments.runner import Experiment, Metric, Trial
from runtun.experiments.streams import build_network, train_until_solved

if TYPE_CHECKING:
    import torch

SOLVED = Metric("adding: solved", "share of seeds")
SEQUENCES = Metric("adding: sequences until solved", "sequences")
ERROR = Metric("adding: held-out MSE", "MSE")
COPIED = Metric("copying: symbols said again rightly", "%")

CONFIG: dict[str, Any] = {
    "frameworks": ["torch"],
    "seeds": 5,
    # name -> (cell, initial weights); see `streams.build_network`
    "models": {
        "SimpleRNN": ["rnn", "keras"],
        "GRU, chrono": ["gru", "chrono"],
        "LSTM, forget bias 1": ["lstm", "one"],
        "LSTM, chrono": ["lstm", "chrono"],
    },
    "adding_length": 100,
    "tolerance": 0.04,
    "copy_delay": 20,
    "copy_symbols": 8,
    "copy_memory": 10,
    "copy_sequences": 32_000,
    "hidden_size": 64,
    "batch_size": 32,
    "learning_rate": 0.005,
    "clip_norm": 1.0,
    "in_a_row": 2000,
    "max_sequences": 74_000,  # what the network of 1997 needed
    "test_sequences": 2560,
}

SMOKE: dict[str, Any] = {
    "seeds": 1,
    "models": {"LSTM, chrono": ["lstm", "chrono"]},
    "adding_length": 20,
    "copy_delay": 2,
    "copy_memory": 2,
    "copy_sequences": 32,
    "hidden_size": 3,
    "in_a_row": 64,
    "max_sequences": 64,
    "test_sequences": 16,
}

PUBLISHED = {
    ("LSTM, chrono", SEQUENCES.name): (
        74_000.0,
        "Hochreiter & Schmidhuber 1997, experiment 4, T = 100",
    ),
}


def _adding(config: Mapping[str, Any], cell: str, initial: str, seed: int) -> dict[str, float]:
    import torch
    from torch.nn import functional

    length = config["adding_length"]
    network = build_network(cell, initial, 2, config["hidden_size"], 1, length, seed)
    stream = np.random.default_rng([seed, 1])

    def answer(x: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        outputs, _ = network["layer"](x)
        return network["head"](outputs[torch.arange(len(x)), ends])[:, 0]

    def draw() -> tuple[np.ndarray, np.ndarray]:
        batch = generate_adding(config["batch_size"], length, stream)
        ends.copy_(torch.from_numpy(batch.lengths - 1))
        return batch.x, batch.y[:, 0]

    def measure(sums: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
        right = ((sums - y).abs() < config["tolerance"]).numpy()
        return functional.mse_loss(sums, y), right

    ends = torch.zeros(config["batch_size"], dtype=torch.int64)
    outcome = train_until_solved(network, draw, lambda x: answer(x, ends), measure, config)
    test = generate_adding(config["test_sequences"], length, np.random.default_rng([seed, 2]))
    with torch.no_grad():
        sums = answer(torch.from_numpy(test.x), torch.from_numpy(test.lengths - 1)).numpy()
    result = {
        SOLVED.name: float(outcome.solved),
        ERROR.name: float(np.mean((sums - test.y[:, 0]) ** 2)),
    }
    return result | ({SEQUENCES.name: float(outcome.seen)} if outcome.solved else {})


def _copying(config: Mapping[str, Any], cell: str, initial: str, seed: int) -> dict[str, float]:
    import torch
    from torch.nn import functional

    delay, memory = config["copy_delay"], config["copy_memory"]
    symbols = config["copy_symbols"]
    size = symbols + 2
    network = build_network(
        cell, initial, size, config["hidden_size"], size, delay + 2 * memory, seed
    )
    stream = np.random.default_rng([seed, 1])

    def answer(x: torch.Tensor) -> torch.Tensor:
        outputs, _ = network["layer"](functional.one_hot(x, size).float())
        return network["head"](outputs)  # (B, T, size)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        return generate_copy(
            config["batch_size"], delay, stream, num_symbols=symbols, memory_length=memory,
            part="train",
        )  # fmt: skip

    def measure(logits: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
        right = (logits.argmax(dim=2) == y).all(dim=1).numpy()
        return functional.cross_entropy(logits.transpose(1, 2), y), right

    budget = dict(config) | {"max_sequences": config["copy_sequences"]}
    train_until_solved(network, draw, answer, measure, budget)
    x, y = generate_copy(
        config["test_sequences"], delay, np.random.default_rng([seed, 2]), num_symbols=symbols,
        memory_length=memory, part="test",
    )  # fmt: skip
    with torch.no_grad():
        said = answer(torch.from_numpy(x)).argmax(dim=2).numpy()
    return {COPIED.name: 100 * float(np.mean(said[:, -memory:] == y[:, -memory:]))}


def _both(config: Mapping[str, Any], cell: str, initial: str, seed: int) -> dict[str, float]:
    return _adding(config, cell, initial, seed) | _copying(config, cell, initial, seed)


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: both tasks for each model with each seed."""
    if "torch" not in config["frameworks"]:
        return
    for name, (cell, initial) in config["models"].items():
        for seed in range(config["seeds"]):
            yield Trial(name, "torch", seed, partial(_both, config, cell, initial, seed), 1.5)


MEMORY_TASKS = Experiment(
    name="memory_tasks",
    title="Adding two numbers far apart, and saying ten symbols again after a pause",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(SOLVED, SEQUENCES, ERROR, COPIED),
    make_trials=make_trials,
    published=PUBLISHED,
)
