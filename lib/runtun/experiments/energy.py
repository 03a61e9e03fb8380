"""Electricity demand: the next 24 hours in half-hours, from every start in the last 15 %.

Demand repeats itself from week to week, so the yardstick is one line: the same as last week. The
networks learn only what that line misses. With y the demand in MW and W = 336 half-hours,

    r_t = (y_t - y_{t-W}) / s                    what last week got wrong, s its standard deviation
    forecast of y_{t+k} = y_{t+k-W} + s · network(r and time of day of the last day)_k

All scales are of the part before the test, and everything before the test is trained on, for a
number of epochs that is fixed beforehand: nothing is kept back to stop early on. Chapter 15 of the
book keeps two weeks back, finds there that a GRU needs fewer epochs, and trained anew on everything
for that many, in larger batches, it comes closer to the ridge than the GRU here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from runtun.data.features import calendar_features
from runtun.data.loaders import load_taylor
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
    "input_length": 48,
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 0.003,
    "clip_norm": 1.0,
    "penalty": 1.0,  # λ of the ridges on standardised inputs
    "networks": {
        "SimpleRNN 32": {"cell": "rnn", "hidden_size": 32},
        "LSTM 32": {"cell": "lstm", "hidden_size": 32},
        "GRU 32": {"cell": "gru", "hidden_size": 32},
    },
    "torch_networks": ["GRU 32"],  # shows that the framework does not matter
}

SMOKE: dict[str, Any] = {
    "seeds": 2,
    "epochs": 1,
    "batch_size": 256,
    "networks": {"GRU 32": {"cell": "gru", "hidden_size": 2}},
}


class Demand(NamedTuple):
    """The series cut up for learning what last week got wrong; N starts to train, M to test.

    Args:
        x: what a network sees (N, T, 3): r and the time of day on a circle.
        y: what last week got wrong in the next 48 half-hours, in units of `scale` (N, 48).
        wide: what the wide ridge sees (N, 432): a week of demand, a day of r, and r a week
            before each half-hour to forecast.
        x_test, wide_test: the same of the test part (M, ...).
        last_week: its forecast from last week, MW (M, 48).
        truth: MW (M, 48).
        scale: s, MW.
    """

    x: np.ndarray
    y: np.ndarray
    wide: np.ndarray
    x_test: np.ndarray
    wide_test: np.ndarray
    last_week: np.ndarray
    truth: np.ndarray
    scale: float


@cache
def cut_demand(input_length: int, test_share: float) -> Demand:
    """Cut the demand into starts to train on and to test on that share no target.

    Args:
        input_length: T, half-hours that a network sees, at most a week.
        test_share: share of all steps that is tested on.
    """
    series = load_taylor()
    y, n = series.to_numpy(), len(series)
    test = n - round(test_share * n)
    miss = np.zeros(n)
    miss[WEEK:] = y[WEEK:] - y[:-WEEK]
    scale = float(miss[WEEK:test].std())
    miss /= scale
    steps = np.column_stack([miss, calendar_features(series.index, ["day"])])

    def windows(starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = np.stack([steps[t - input_length : t] for t in starts])
        wide = [
            np.concatenate([y[t - WEEK : t], miss[t - HORIZON : t], miss[t - WEEK :][:HORIZON]])
            for t in starts
        ]
        return x.astype("float32"), np.stack(wide)

    def ahead(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
        return np.stack([values[t : t + HORIZON] for t in starts])

    train = np.arange(2 * WEEK, test - HORIZON + 1)  # a week of r must lie before
    tested = np.arange(test, n - HORIZON + 1)
    x, wide = windows(train)
    x_test, wide_test = windows(tested)
    return Demand(
        x,
        ahead(miss, train).astype("float32"),
        wide,
        x_test,
        wide_test,
        ahead(y, tested - WEEK),
        ahead(y, tested),
        scale,
    )


def _demand(config: Mapping[str, Any]) -> Demand:
    return cut_demand(config["input_length"], config["test_share"])


def _errors(truth: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    by_hour = np.abs(truth - forecast).mean(axis=0).reshape(24, -1).mean(axis=1)
    named = {metric.name: error for metric, error in zip(HOURS, by_hour, strict=True)}
    return {TOTAL.name: mae(truth, forecast)} | named


def _last_week(config: Mapping[str, Any]) -> dict[str, float]:
    demand = _demand(config)
    return _errors(demand.truth, demand.last_week)


def _ridge(config: Mapping[str, Any], kinds: tuple[str, ...]) -> dict[str, float]:
    """Ridges that correct last week, from a day of r ("narrow") or from all ("wide"), averaged."""
    demand = _demand(config)
    corrections = []
    for kind in kinds:
        x = demand.wide if kind == "wide" else demand.x[:, -HORIZON:, 0].astype(np.float64)
        new = demand.wide_test if kind == "wide" else demand.x_test[:, -HORIZON:, 0]
        center, spread = x.mean(axis=0), x.std(axis=0)
        model = Ridge(config["penalty"]).fit(((x - center) / spread)[..., None], demand.y)
        corrections.append(model.predict(((new - center) / spread)[..., None]))
    return _errors(demand.truth, demand.last_week + demand.scale * np.mean(corrections, axis=0))


def _ridge_on_demand(config: Mapping[str, Any]) -> dict[str, float]:
    """The plain yardstick: ridge from a week of demand to the next day."""
    demand = _demand(config)
    x, new = demand.wide[:, :WEEK], demand.wide_test[:, :WEEK]
    center, spread = x.mean(axis=0), x.std(axis=0)
    values = load_taylor().to_numpy()
    y = np.stack([values[t : t + HORIZON] for t in np.arange(2 * WEEK, 2 * WEEK + len(x))])
    model = Ridge(config["penalty"]).fit(((x - center) / spread)[..., None], y)
    return _errors(demand.truth, model.predict(((new - center) / spread)[..., None]))


def _network(
    config: Mapping[str, Any], framework: str, arguments: Mapping[str, Any], seed: int
) -> dict[str, float]:
    from runtun.training import cosine, fit, predict

    demand = _demand(config)
    forecaster = importlib.import_module(f"runtun.{framework}.forecaster").Forecaster
    model = forecaster(
        demand.x.shape[2], horizon=HORIZON, rng=np.random.default_rng(seed), **arguments
    )
    fit(
        model,
        demand.x,
        demand.y,
        epochs=config["epochs"],
        batch_size=config["batch_size"],
        learning_rate=cosine(config["learning_rate"]),
        loss="mae",
        clip_norm=config["clip_norm"],
        seed=seed,
        progress=False,
    )
    return _errors(demand.truth, demand.last_week + demand.scale * predict(model, demand.x_test))


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: the yardsticks once, every network with every seed."""
    if "numpy" in config["frameworks"]:
        yield Trial("same as last week", "numpy", 0, partial(_last_week, config))
        run = partial(_ridge_on_demand, config)
        yield Trial("ridge, one week of demand", "numpy", 0, run, 0.1)
        for name, kinds in (
            ("ridge, corrects last week from one day", ("narrow",)),
            ("ridge, corrects last week from one week", ("wide",)),
            ("mean of both ridges that correct", ("narrow", "wide")),
        ):
            yield Trial(name, "numpy", 0, partial(_ridge, config, kinds), 0.1)
    for framework in ("keras", "torch"):
        if framework not in config["frameworks"]:
            continue
        for name, arguments in config["networks"].items():
            if framework == "torch" and name not in config["torch_networks"]:
                continue
            for seed in range(config["seeds"]):
                run = partial(_network, config, framework, arguments, seed)
                yield Trial(f"{name}, corrects last week", framework, seed, run, 0.3)


ENERGY = Experiment(
    name="energy",
    title="Electricity demand, the next 24 hours in half-hours",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(TOTAL, *HOURS),
    make_trials=make_trials,
)
