"""Electricity demand: the next 24 hours in half-hours, from every start in the last 15 %.

Demand repeats itself from week to week, so the yardstick is one line: the same as last week. The
networks learn only what that line misses. With y the demand in MW and W = 336 half-hours,

    r_t = (y_t - y_{t-W}) / s                    what last week got wrong, s its standard deviation
    forecast of y_{t+k} = y_{t+k-W} + s · network(r and calendar of the last two days)_k

All scales are of the part before the test.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from runtun.data.features import calendar_features
from runtun.data.loaders import load_taylor
from runtun.data.windows import Part, Splits
from runtun.experiments.runner import Experiment, Metric, Trial
from runtun.forecasting.baselines import Ridge
from runtun.forecasting.metrics import mae

WEEK, HORIZON = 336, 48

TOTAL = Metric("MAE, next 24 hours", "MW")
HOURS = tuple(Metric(f"MAE, hour {hour}", "MW") for hour in range(1, 25))

CONFIG: dict[str, Any] = {
    "frameworks": ["numpy", "keras", "torch"],
    "seeds": 5,
    "test_share": 0.15,
    "validation_share": 0.10,  # of all steps, just before the test; chooses when to stop
    "input_length": 96,
    "epochs": 30,
    "patience": 8,
    "batch_size": 32,
    "learning_rate": 0.003,
    "clip_norm": 1.0,
    "networks": {
        "SimpleRNN 64": {"cell": "rnn", "hidden_size": 64},
        "LSTM 64": {"cell": "lstm", "hidden_size": 64},
        "GRU 64": {"cell": "gru", "hidden_size": 64},
    },
    "torch_networks": ["LSTM 64"],  # shows that the framework does not matter
}

SMOKE: dict[str, Any] = {
    "seeds": 2,
    "input_length": 8,
    "epochs": 1,
    "batch_size": 256,
    "networks": {"LSTM 64": {"cell": "lstm", "hidden_size": 2}},
}


class Demand(NamedTuple):
    """The series cut up for learning what last week got wrong.

    Args:
        splits: inputs (N, T, D), targets (N, 48) in units of `scale`.
        last_week: of the test part, MW (N, 48).
        truth: of the test part, MW (N, 48).
        scale: s, MW.
    """

    splits: Splits
    last_week: np.ndarray
    truth: np.ndarray
    scale: float


@cache
def cut_demand(input_length: int, test_share: float, validation_share: float) -> Demand:
    """Cut the demand into training, validation and test starts that share no target.

    Args:
        input_length: T, half-hours that a network sees.
        test_share: share of all steps that is tested on.
        validation_share: share of all steps just before, to stop training by.
    """
    series = load_taylor()
    y, n = series.to_numpy(), len(series)
    test = n - round(test_share * n)
    validation = test - round(validation_share * n)
    miss = np.zeros(n)
    miss[WEEK:] = y[WEEK:] - y[:-WEEK]
    scale = float(miss[WEEK:validation].std())
    level = (y - y[:validation].mean()) / y[:validation].std()
    calendar = calendar_features(series.index, ["day", "week"]).to_numpy()
    steps = np.column_stack([miss / scale, level, calendar])  # (n, D)

    def part(first: int, end: int) -> Part:
        starts = np.arange(first, end - HORIZON + 1)
        x = np.stack([steps[t - input_length : t] for t in starts])
        targets = np.stack([miss[t : t + HORIZON] for t in starts]) / scale
        return Part(x.astype("float32"), targets.astype("float32"))

    starts = np.arange(test, n - HORIZON + 1)
    return Demand(
        Splits(part(WEEK + input_length, validation), part(validation, test), part(test, n)),
        np.stack([y[t - WEEK : t - WEEK + HORIZON] for t in starts]),
        np.stack([y[t : t + HORIZON] for t in starts]),
        scale,
    )


def _demand(config: Mapping[str, Any]) -> Demand:
    return cut_demand(config["input_length"], config["test_share"], config["validation_share"])


def _errors(truth: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    by_hour = np.abs(truth - forecast).mean(axis=0).reshape(24, -1).mean(axis=1)
    named = {metric.name: error for metric, error in zip(HOURS, by_hour, strict=True)}
    return {TOTAL.name: mae(truth, forecast)} | named


def _last_week(config: Mapping[str, Any]) -> dict[str, float]:
    demand = _demand(config)
    return _errors(demand.truth, demand.last_week)


def _ridge(config: Mapping[str, Any], corrects: bool) -> dict[str, float]:
    """Ridge on a week of demand, or on what last week missed in the last day, with λ = 1."""
    demand = _demand(config)
    if corrects:
        (x, y), _, (x_test, _) = demand.splits
        model = Ridge(1.0).fit(x[:, -HORIZON:, :1], y)
        forecast = model.predict(x_test[:, -HORIZON:, :1])
        return _errors(demand.truth, demand.last_week + demand.scale * forecast)
    values = load_taylor().to_numpy()
    first = len(values) - round(config["test_share"] * len(values))

    def lags(begin: int, end: int) -> Part:
        starts = np.arange(begin, end - HORIZON + 1)
        return Part(
            np.stack([values[t - WEEK : t] for t in starts])[..., None],
            np.stack([values[t : t + HORIZON] for t in starts]),
        )

    x, y = lags(WEEK, first)
    shift, scale = x.mean(), x.std()
    model = Ridge(1.0).fit((x - shift) / scale, (y - shift) / scale)
    x_test, truth = lags(first, len(values))
    return _errors(truth, model.predict((x_test - shift) / scale) * scale + shift)


def _network(
    config: Mapping[str, Any], framework: str, arguments: Mapping[str, Any], seed: int
) -> dict[str, float]:
    from runtun.training import cosine, fit, predict

    demand = _demand(config)
    train, validation, test = demand.splits
    forecaster = importlib.import_module(f"runtun.{framework}.forecaster").Forecaster
    model = forecaster(
        train.x.shape[2], horizon=HORIZON, rng=np.random.default_rng(seed), **arguments
    )
    fit(
        model,
        *train,
        validation=validation,
        epochs=config["epochs"],
        patience=config["patience"],
        batch_size=config["batch_size"],
        learning_rate=cosine(config["learning_rate"]),
        loss="mae",
        clip_norm=config["clip_norm"],
        seed=seed,
        progress=False,
    )
    return _errors(demand.truth, demand.last_week + demand.scale * predict(model, test.x))


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: the yardsticks once, every network with every seed."""
    if "numpy" in config["frameworks"]:
        yield Trial("same as last week", "numpy", 0, partial(_last_week, config))
        yield Trial("ridge, one week of demand", "numpy", 0, partial(_ridge, config, False), 0.1)
        yield Trial("ridge, corrects last week", "numpy", 0, partial(_ridge, config, True), 0.1)
    for framework in ("keras", "torch"):
        if framework not in config["frameworks"]:
            continue
        for name, arguments in config["networks"].items():
            if framework == "torch" and name not in config["torch_networks"]:
                continue
            for seed in range(config["seeds"]):
                run = partial(_network, config, framework, arguments, seed)
                yield Trial(f"{name}, corrects last week", framework, seed, run, 0.5)


ENERGY = Experiment(
    name="energy",
    title="Electricity demand, the next 24 hours in half-hours",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(TOTAL, *HOURS),
    make_trials=make_trials,
)
