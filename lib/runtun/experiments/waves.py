"""The waves: every architecture of the published chapter on its own data, and ours that do better.

One step: x (7,000, 50, 1) to the next value. Ten steps: to the next ten. Validation MSE on the
chapter's 2,000 series; the noise floor is 0.00083.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from runtun.data.waves import generate_waves, published_waves
from runtun.data.windows import Splits
from runtun.experiments.runner import Experiment, Metric, Trial
from runtun.forecasting.baselines import LeastSquares, naive_forecast
from runtun.forecasting.metrics import mse
from runtun.forecasting.strategies import recursive_forecast

ONE = Metric("validation MSE, one step", "MSE")
TEN = Metric("validation MSE, ten steps", "MSE")
SHIFTED = Metric("MSE, ten steps, recursive, shifted step", "MSE")
FIXED = Metric("MSE, ten steps, recursive, fixed step", "MSE")

_SOURCE = "Géron 2019, chapter 15, printed outputs of the notebook"

CONFIG: dict[str, Any] = {
    "frameworks": ["numpy", "keras", "torch"],
    "seeds": 5,
    "train": 7000,
    "validation": 2000,
    "recursive": 2000,  # series of 60 steps on which one-step models are fed their own forecasts
    # The published budget, for the published architectures.
    "epochs": 20,
    "batch_size": 32,
    # model -> (class and its arguments, learning rate); the budget above holds for all.
    "one_step": {
        "linear": [{"class": "Linear"}, 0.001],
        "SimpleRNN(1)": [{"hidden_size": 1, "num_layers": 0, "head": "rnn"}, 0.005],
        "SimpleRNN 20-20-1": [{"hidden_size": 20, "num_layers": 2, "head": "rnn"}, 0.001],
        "SimpleRNN 20-20 + Dense": [{"hidden_size": 20, "num_layers": 2}, 0.001],
    },
    "ten_steps": {
        "linear": [{"class": "Linear"}, 0.001],
        "SimpleRNN 20-20 + Dense(10)": [{"hidden_size": 20, "num_layers": 2}, 0.001],
        "SimpleRNN 20-20 + Dense(10), every step": [
            {"hidden_size": 20, "num_layers": 2, "every_step": True},
            0.01,
        ],
        "layer-norm RNN 20-20, every step": [{"class": "LayerNorm", "hidden_size": 20}, 0.001],
        "LSTM 20-20, every step": [
            {"hidden_size": 20, "num_layers": 2, "cell": "lstm", "every_step": True},
            0.001,
        ],
        "GRU 20-20, every step": [
            {"hidden_size": 20, "num_layers": 2, "cell": "gru", "every_step": True},
            0.001,
        ],
        "Conv1D + GRU 20-20, every step": [
            {
                "class": "ConvGRU",
                "hidden_size": 20,
                "channels": 20,
                "kernel_size": 4,
                "stride": 2,
                "num_layers": 2,
                "every_step": True,
            },
            0.001,
        ],
        "WaveNet, simplified, every step": [
            {"class": "WaveNet", "channels": 20, "gated": False, "every_step": True},
            0.001,
        ],
    },
    # Ours: a target at every step and a one-cycle schedule, within the same number of epochs.
    "ours": {
        "LSTM 20-20, every step, one cycle": {"hidden_size": 20, "num_layers": 2},
        "LSTM 64-64, every step, one cycle": {"hidden_size": 64, "num_layers": 2},
    },
    "one_cycle_rate": 0.01,
    "clip_norm": 1.0,
    # Enough to show that the framework does not matter.
    "torch_models": ["SimpleRNN 20-20 + Dense", "LSTM 20-20, every step, one cycle, 1"],
}

SMOKE: dict[str, Any] = {
    "seeds": 2,
    "train": 64,
    "validation": 32,
    "recursive": 8,
    "epochs": 1,
    "one_step": {"linear": [{"class": "Linear"}, 0.001]},
    "ten_steps": {
        "SimpleRNN 20-20 + Dense(10), every step": [
            {"hidden_size": 3, "num_layers": 1, "every_step": True},
            0.01,
        ]
    },
    "ours": {"LSTM 20-20, every step, one cycle": {"hidden_size": 3, "num_layers": 1}},
}

PUBLISHED = {
    ("naive", ONE.name): (0.020211, _SOURCE),
    ("SimpleRNN(1)", ONE.name): (0.010882, _SOURCE),
    ("SimpleRNN 20-20-1", ONE.name): (0.002911, _SOURCE),
    ("SimpleRNN 20-20 + Dense", ONE.name): (0.002624, _SOURCE),
    ("naive", TEN.name): (0.256974, _SOURCE),
    ("SimpleRNN 20-20-1", SHIFTED.name): (0.027511, _SOURCE),
    ("SimpleRNN 20-20 + Dense(10)", TEN.name): (0.0085, _SOURCE),
    ("SimpleRNN 20-20 + Dense(10), every step", TEN.name): (0.0096, _SOURCE),
    ("LSTM 20-20, every step", TEN.name): (0.0086, _SOURCE),
    ("linear", ONE.name): (0.00417, _SOURCE),
    ("linear", TEN.name): (0.0187, _SOURCE),
    ("GRU 20-20, every step", TEN.name): (0.0103, _SOURCE),
    ("layer-norm RNN 20-20, every step", TEN.name): (0.0121, _SOURCE),
    ("Conv1D + GRU 20-20, every step", TEN.name): (0.0080, _SOURCE),
    ("WaveNet, simplified, every step", TEN.name): (0.0072, _SOURCE),
}


@cache
def _data(horizon: int, every_step: bool, train: int, validation: int) -> Splits:
    """The published data, cut to a smaller size for a smoke run."""
    parts = published_waves(horizon, every_step=every_step)
    return Splits(
        type(parts.train)(parts.train.x[:train], parts.train.y[:train]),
        type(parts.train)(parts.validation.x[:validation], parts.validation.y[:validation]),
        parts.test,
    )


@cache
def _later_waves(count: int, fixed: bool) -> np.ndarray:
    """Series of 60 steps, with the step of the training data or with the published shift."""
    rng = np.random.default_rng(43)
    return generate_waves(count, 60, rng, step=1 / 50 if fixed else None)


def _recursive_errors(config: Mapping[str, Any], predict: Any) -> dict[str, float]:
    errors = {}
    for metric, fixed in ((SHIFTED, False), (FIXED, True)):
        series = _later_waves(config["recursive"], fixed)
        forecast = recursive_forecast(predict, series[:, :50], 10)
        errors[metric.name] = mse(series[:, 50:, 0], forecast)
    return errors


def _naive(config: Mapping[str, Any]) -> dict[str, float]:
    errors = {}
    for metric, horizon in ((ONE, 1), (TEN, 10)):
        x, y = _data(horizon, False, config["train"], config["validation"]).validation
        errors[metric.name] = mse(y, naive_forecast(x, horizon))
    return errors


def _least_squares(config: Mapping[str, Any]) -> dict[str, float]:
    errors = {}
    for metric, horizon in ((ONE, 1), (TEN, 10)):
        (x, y), (x_validation, y_validation), _ = _data(
            horizon, False, config["train"], config["validation"]
        )
        model = LeastSquares().fit(x, y)
        errors[metric.name] = mse(y_validation, model.predict(x_validation))
        if horizon == 1:
            errors |= _recursive_errors(config, model.predict)
    return errors


def _build(framework: str, arguments: Mapping[str, Any], horizon: int, seed: int) -> Any:
    """Build a model of one series feature from a config's entry."""
    floor = importlib.import_module(f"runtun.{framework}")
    arguments, rng = dict(arguments), np.random.default_rng(seed)
    kind = arguments.pop("class", "Forecaster")
    if kind == "Linear":
        return _linear(framework, horizon, seed)
    if kind == "LayerNorm":
        size = arguments["hidden_size"]
        return floor.Stacked(
            floor.RNN(floor.LayerNormRNNCell(1, size, rng=rng), return_sequences=True),
            floor.RNN(floor.LayerNormRNNCell(size, size, rng=rng), return_sequences=True),
            floor.Dense(size, horizon, rng=rng),
        )
    if kind == "Forecaster":
        floor = importlib.import_module(f"runtun.{framework}.forecaster")
    return getattr(floor, kind)(1, horizon=horizon, rng=rng, **arguments)


def _linear(framework: str, horizon: int, seed: int) -> Any:
    """One linear layer from all 50 values, as the published chapter trains it."""
    if framework == "keras":
        import keras

        keras.utils.set_random_seed(seed)
        return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(horizon)])
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(horizon))


def _network(
    config: Mapping[str, Any],
    framework: str,
    metric: Metric,
    arguments: Mapping[str, Any],
    rate: float | None,
    seed: int,
) -> dict[str, float]:
    """Train one model and measure its last-step error; a rate of None means one cycle."""
    from runtun.training import fit, one_cycle, predict

    horizon = 1 if metric is ONE else 10
    every_step = bool(arguments.get("every_step")) or arguments.get("class") == "LayerNorm"
    train, validation, _ = _data(horizon, every_step, config["train"], config["validation"])
    model = _build(framework, arguments, horizon, seed)
    targets = train.y
    if hasattr(model, "output_steps"):  # a stride leaves out steps
        targets = targets[:, model.output_steps(train.x.shape[1])]
    fit(
        model,
        train.x,
        targets,
        epochs=config["epochs"],
        batch_size=config["batch_size"],
        learning_rate=one_cycle(config["one_cycle_rate"]) if rate is None else rate,
        clip_norm=config["clip_norm"] if rate is None else None,
        seed=seed,
        progress=False,
    )
    forecast = predict(model, validation.x)
    truth = validation.y
    if every_step:
        forecast, truth = forecast[:, -1], truth[:, -1]
    errors = {metric.name: mse(truth, forecast)}
    if metric is ONE and not every_step:
        errors |= _recursive_errors(config, partial(predict, model))
    return errors


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: the baselines once, every network with every seed."""
    if "numpy" in config["frameworks"]:
        yield Trial("naive", "numpy", 0, partial(_naive, config))
        yield Trial("least squares", "numpy", 0, partial(_least_squares, config), 0.05)
    jobs: dict[str, list[tuple[Metric, dict[str, Any], float | None]]] = {}
    for metric, models in ((ONE, config["one_step"]), (TEN, config["ten_steps"])):
        for name, (arguments, rate) in models.items():
            jobs.setdefault(name, []).append((metric, dict(arguments), rate))
    for metric in (ONE, TEN):
        for name, arguments in config["ours"].items():
            ours = dict(arguments) | {"cell": "lstm", "every_step": True}
            jobs[f"{name}, {'1' if metric is ONE else '10'}"] = [(metric, ours, None)]
    for framework in config["frameworks"]:
        if framework == "numpy":
            continue
        for name, parts in jobs.items():
            if framework == "torch" and name not in config["torch_models"]:
                continue
            for seed in range(config["seeds"]):
                yield Trial(
                    name,
                    framework,
                    seed,
                    partial(_networks, config, framework, parts, seed),
                    0.5 * len(parts) * config["epochs"] / 20 * config["train"] / 7000,
                )


def _networks(
    config: Mapping[str, Any],
    framework: str,
    parts: list[tuple[Metric, dict[str, Any], float | None]],
    seed: int,
) -> dict[str, float]:
    """Train the model once for each horizon that it is named for."""
    errors: dict[str, float] = {}
    for metric, arguments, rate in parts:
        errors |= _network(config, framework, metric, arguments, rate, seed)
    return errors


WAVES = Experiment(
    name="waves",
    title="Forecasting the waves of the published chapter, one and ten steps ahead",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(ONE, TEN, SHIFTED, FIXED),
    make_trials=make_trials,
    published=PUBLISHED,
)
