"""One household's electricity: the next 24 hours, from every start in the last 15 % of four years.

A grid adds millions of households up, and what one of them does is lost in the sum; here it is all
there is. Hours without a measurement stay gaps, and a window with a gap is left out.

All sizes were chosen on the last 15 % of the part before the test. The data are not shipped: see
`runtun data list`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from runtun.data.features import calendar_features
from runtun.data.loaders import load_household_power
from runtun.experiments.runner import Experiment, Metric, Trial
from runtun.forecasting.baselines import Ridge
from runtun.forecasting.metrics import mae

WEEK, DAY = 168, 24

MAE = Metric("MAE, next 24 hours", "kW")

CONFIG: dict[str, Any] = {
    "frameworks": ["numpy", "torch"],
    "seeds": 5,
    "test_share": 0.15,
    "input_length": 48,
    "epochs": 10,
    "batch_size": 128,
    "learning_rate": 0.003,
    "clip_norm": 1.0,
    "penalty": 1.0,  # λ of the ridge on standardised inputs
    "networks": {
        "LSTM 32": {"cell": "lstm", "hidden_size": 32},
        "GRU 32": {"cell": "gru", "hidden_size": 32},
    },
}

SMOKE: dict[str, Any] = {
    "seeds": 1,
    "epochs": 1,
    "batch_size": 1024,
    "networks": {"GRU 32": {"cell": "gru", "hidden_size": 2}},
}


class Household(NamedTuple):
    """The hours cut into starts to train on and to test on; N starts to train, M to test.

    Args:
        x: power on a logarithmic scale, standardised, with the time of day, of the week and of
            the year on circles (N, T, 7).
        y: kW of the next day (N, 24).
        week: kW of the week before (N, 168).
        x_test, y_test, week_test: the same of the test part (M, ...).
    """

    x: np.ndarray
    y: np.ndarray
    week: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    week_test: np.ndarray


@cache
def cut_household(input_length: int, test_share: float) -> Household:
    """Cut the hours into starts to train on and to test on that share no target.

    Args:
        input_length: T, hours that a network sees, at most a week.
        test_share: share of all hours that is tested on.
    """
    power = load_household_power()["global_active_power"].asfreq("h")
    y, n = power.to_numpy(), len(power)
    test = n - round(test_share * n)
    level = np.log(y)
    level = (level - np.nanmean(level[:test])) / np.nanstd(level[:test])
    steps = np.column_stack([level, calendar_features(power.index, ["day", "week", "year"])])
    gaps = np.cumsum(np.concatenate([[0], np.isnan(y)]))

    def whole(starts: np.ndarray) -> np.ndarray:
        return starts[gaps[starts + DAY] == gaps[starts - WEEK]]

    def cut(values: np.ndarray, starts: np.ndarray, first: int, last: int) -> np.ndarray:
        return np.stack([values[t + first : t + last] for t in starts])

    parts: list[np.ndarray] = []
    for starts in (np.arange(WEEK, test - DAY + 1), np.arange(test, n - DAY + 1)):
        kept = whole(starts)
        parts += [
            cut(steps, kept, -input_length, 0).astype("float32"),
            cut(y, kept, 0, DAY).astype("float32"),
            cut(y, kept, -WEEK, 0),
        ]
    return Household(*parts)


def _household(config: Mapping[str, Any]) -> Household:
    return cut_household(config["input_length"], config["test_share"])


def _same_as(config: Mapping[str, Any], hours: int) -> dict[str, float]:
    data = _household(config)
    first = WEEK - hours
    return {MAE.name: mae(data.y_test, data.week_test[:, first : first + DAY])}


def _mean(config: Mapping[str, Any]) -> dict[str, float]:
    data = _household(config)
    return {MAE.name: mae(data.y_test, np.full_like(data.y_test, data.y.mean()))}


def _ridge(config: Mapping[str, Any], *, calendar: bool) -> dict[str, float]:
    """Ridge on two days of power, or on what the networks see."""
    data = _household(config)
    if calendar:
        x, new = (np.hstack([z[:, :, 0], z[:, -1, 1:]]) for z in (data.x, data.x_test))
    else:
        x, new = (week[:, -2 * DAY :] for week in (data.week, data.week_test))
    center, spread = x.mean(axis=0), x.std(axis=0)
    model = Ridge(config["penalty"]).fit(((x - center) / spread)[..., None], data.y)
    return {MAE.name: mae(data.y_test, model.predict(((new - center) / spread)[..., None]))}


def _linear(config: Mapping[str, Any], seed: int) -> dict[str, float]:
    """All that the networks have but a state: their inputs, loss and schedule."""
    import torch

    torch.manual_seed(seed)
    steps, features = _household(config).x.shape[1:]
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(steps * features, DAY))
    return _train(config, flat, seed)


def _network(
    config: Mapping[str, Any], framework: str, arguments: Mapping[str, Any], seed: int
) -> dict[str, float]:
    features = _household(config).x.shape[2]
    forecaster = importlib.import_module(f"runtun.{framework}.forecaster").Forecaster
    model = forecaster(features, horizon=DAY, rng=np.random.default_rng(seed), **arguments)
    return _train(config, model, seed)


def _train(config: Mapping[str, Any], model: Any, seed: int) -> dict[str, float]:
    from runtun.training import cosine, fit, predict

    data = _household(config)
    fit(
        model,
        data.x,
        data.y,
        epochs=config["epochs"],
        batch_size=config["batch_size"],
        learning_rate=cosine(config["learning_rate"]),
        loss="mae",
        clip_norm=config["clip_norm"],
        seed=seed,
        progress=False,
    )
    return {MAE.name: mae(data.y_test, predict(model, data.x_test))}


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: the yardsticks once, every network with every seed."""
    if "numpy" in config["frameworks"]:
        yield Trial("mean of the training part", "numpy", 0, partial(_mean, config))
        yield Trial("same as yesterday", "numpy", 0, partial(_same_as, config, DAY))
        yield Trial("same as last week", "numpy", 0, partial(_same_as, config, WEEK))
        for name, calendar in (("two days of power", False), ("inputs of the networks", True)):
            run = partial(_ridge, config, calendar=calendar)
            yield Trial(f"ridge, {name}", "numpy", 0, run, 0.1)
    for framework in config["frameworks"]:
        if framework == "numpy":
            continue
        for seed in range(config["seeds"]):
            yield Trial("linear", framework, seed, partial(_linear, config, seed), 0.5)
        for name, arguments in config["networks"].items():
            for seed in range(config["seeds"]):
                run = partial(_network, config, framework, arguments, seed)
                yield Trial(name, framework, seed, run, 1.0)


HOUSEHOLD = Experiment(
    name="household",
    title="One household's electricity, the next 24 hours",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(MAE,),
    make_trials=make_trials,
    data="household_power_hourly",
)
