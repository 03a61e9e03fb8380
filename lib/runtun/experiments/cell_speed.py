"""What one training step costs: simple RNN, LSTM and GRU, in each framework, and their parameters.

One step is forward, backward and Adam with a target at every step, as `runtun.training` does it.
The fastest of several epochs counts, the first (which may compile) left out: other work on the
machine can only make an epoch slower. The cells take turns, and ratios are taken within a round.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from runtun.experiments.runner import Experiment, Metric, Trial

STEP = Metric("training step", "ms")
RATIO = Metric("training step, beside the simple RNN", "ratio")
PARAMETERS = Metric("parameters", "weights")

CONFIG: dict[str, Any] = {
    "frameworks": ["keras", "torch"],
    "seeds": 5,
    "batch_size": 32,
    "length": 50,
    "features": 1,
    "hidden_sizes": [20, 64],
    "num_layers": 2,
    "steps": 20,
    "epochs": 6,
    "cells": {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"},
}

SMOKE: dict[str, Any] = {"seeds": 2, "length": 5, "hidden_sizes": [3], "steps": 2, "epochs": 2}


def _build(config: Mapping[str, Any], framework: str, cell: str, hidden_size: int) -> Any:
    forecaster = importlib.import_module(f"runtun.{framework}.forecaster").Forecaster
    return forecaster(
        config["features"],
        hidden_size,
        num_layers=config["num_layers"],
        cell=cell,
        every_step=True,
        rng=np.random.default_rng(0),
    )


def _count(model: Any) -> int:
    if hasattr(model, "count_params"):
        return int(model.count_params())
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


@cache
def _round(frozen: str, framework: str, hidden_size: int, number: int) -> dict[str, float]:
    """Time every cell once, in ms a step; `number` tells the rounds apart."""
    from runtun.training import fit

    config = json.loads(frozen)
    rng = np.random.default_rng(number)
    shape = (config["batch_size"] * config["steps"], config["length"], config["features"])
    x = rng.normal(size=shape).astype("float32")
    y = np.roll(x[..., :1], -1, axis=1)
    times = {}
    for name, cell in config["cells"].items():
        model = _build(config, framework, cell, hidden_size)
        history = fit(
            model, x, y, epochs=config["epochs"], batch_size=config["batch_size"], progress=False
        )
        times[name] = 1000 * min(history.epoch_seconds[1:]) / config["steps"]
    return times


def _measure(
    config: Mapping[str, Any], framework: str, hidden_size: int, name: str, number: int
) -> dict[str, float]:
    times = _round(json.dumps(config, sort_keys=True), framework, hidden_size, number)
    first = next(iter(config["cells"]))
    model = _build(config, framework, config["cells"][name], hidden_size)
    return {
        STEP.name: times[name],
        RATIO.name: times[name] / times[first],
        PARAMETERS.name: _count(model),
    }


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: each cell in each round, size and framework."""
    for framework in config["frameworks"]:
        for hidden_size in config["hidden_sizes"]:
            for number in range(config["seeds"]):
                for name in config["cells"]:
                    run = partial(_measure, config, framework, hidden_size, name, number)
                    sizes = "-".join([str(hidden_size)] * config["num_layers"])
                    yield Trial(f"{name} {sizes}", framework, number, run, 0.1)


CELL_SPEED = Experiment(
    name="cell_speed",
    title="The cost of a training step by cell and framework, and the number of parameters",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(STEP, RATIO, PARAMETERS),
    make_trials=make_trials,
    timed=True,
)
