"""How much of a state is left k steps later: measured Jacobians, before and after training.

For each cell and each way to draw its first weights, ‖∂s_T/∂s_{T-k}‖₂ of the whole state s (h, or
h and c), along sequences of the temporal order task, in powers of ten: 0 keeps, -3 is a thousandth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from runtun.data.temporal_order import LEVELS, SYMBOLS, generate_temporal_order, one_hot
from runtun.experiments.probes import measure_state_jacobians
from runtun.experiments.runner import Experiment, Metric, Trial

DISTANCES = (1, 2, 5, 10, 20, 30, 40, 50)
METRICS = {
    k: Metric(f"Jacobian over {k} step{'s' if k > 1 else ''}", "powers of ten") for k in DISTANCES
}
SOLVED = Metric("solved", "share of seeds")

CONFIG: dict[str, Any] = {
    "frameworks": ["torch"],
    "seeds": 5,
    "level": "moderate",
    # name -> (cell, initial weights); see `streams.build_network`
    "models": {
        "SimpleRNN, as PyTorch draws it": ["rnn", "torch"],
        "SimpleRNN, as Keras draws it": ["rnn", "keras"],
        "GRU, as PyTorch draws it": ["gru", "torch"],
        "GRU, as Keras draws it": ["gru", "keras"],
        "LSTM, as PyTorch draws it": ["lstm", "torch"],
        "LSTM, as Keras draws it": ["lstm", "keras"],
        "LSTM, chrono": ["lstm", "chrono"],
    },
    "sequences": 4,  # along which the Jacobians are measured; the mean of their logarithms counts
    "hidden_size": 32,
    "batch_size": 16,
    "learning_rate": 0.02,
    "clip_norm": 1.0,
    "in_a_row": 2000,
    "max_sequences": 12_000,
}

SMOKE: dict[str, Any] = {
    "seeds": 1,
    "models": {"LSTM, chrono": ["lstm", "chrono"]},
    "sequences": 1,
    "hidden_size": 3,
    "max_sequences": 32,
}


def _measure_flow(
    config: Mapping[str, Any], cell: str, network: Any, seed: int
) -> dict[str, float]:
    """Put the trained weights into a cell of `runtun.scratch` and measure there."""
    from runtun import parity, scratch

    kinds = {"rnn": "SimpleRNNCell", "lstm": "LSTMCell", "gru": "GRUCell"}
    by_hand = getattr(scratch, kinds[cell])(len(SYMBOLS), config["hidden_size"])
    weights = getattr(parity, f"{cell}_from_torch")(network["layer"])
    by_hand.load({name: np.asarray(array, dtype=np.float64) for name, array in weights.items()})
    batch = generate_temporal_order(
        config["sequences"], config["level"], np.random.default_rng([seed, 3]), part="test"
    )
    logs = []
    for symbols, length in zip(batch.symbols, batch.lengths, strict=True):
        norms = measure_state_jacobians(by_hand, one_hot(symbols[-length:]), whole=True)
        # A saturated cell can underflow; 1e-30 is nothing by any measure.
        logs.append([np.log10(max(norms[-1 - k], 1e-30)) for k in DISTANCES])
    return dict(zip((METRICS[k].name for k in DISTANCES), np.mean(logs, axis=0), strict=True))


@cache
def _train(frozen: str, cell: str, initial: str, seed: int) -> tuple[dict[str, float], ...]:
    """Measure before and after one training."""
    import json

    from runtun.experiments.streams import build_network
    from runtun.experiments.temporal_order import train_classifier

    config = json.loads(frozen)
    longest = LEVELS[config["level"]].length[1]
    fresh = build_network(cell, initial, len(SYMBOLS), config["hidden_size"], 4, longest, seed)
    before = _measure_flow(config, cell, fresh, seed)
    network, outcome = train_classifier(config, config["level"], cell, initial, seed)
    after = _measure_flow(config, cell, network, seed)
    return before, after | {SOLVED.name: float(outcome.solved)}


def _trial(
    config: Mapping[str, Any], cell: str, initial: str, seed: int, when: int
) -> dict[str, float]:
    import json

    return _train(json.dumps(config, sort_keys=True), cell, initial, seed)[when]


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: each model with each seed, before and after training."""
    if "torch" not in config["frameworks"]:
        return
    for name, (cell, initial) in config["models"].items():
        for when, word in enumerate(("before", "after")):
            for seed in range(config["seeds"]):
                run = partial(_trial, config, cell, initial, seed, when)
                yield Trial(f"{name}, {word} training", "torch", seed, run, 0.5)


GRADIENT_FLOW = Experiment(
    name="gradient_flow",
    title="How much of a state is left k steps later, by cell and initial weights",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(*METRICS.values(), SOLVED),
    make_trials=make_trials,
)
