"""Chicago's trains: tomorrow's boardings, on the published split, one kind of day known or not.

Windows of 56 days from 2016 to 2018 to train on; the test windows lie in January to May 2019. The
data are not shipped: see `runtun data list`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from runtun.data.loaders import load_ridership
from runtun.data.windows import Part, make_windows
from runtun.experiments.runner import Experiment, Metric, Trial
from runtun.forecasting.baselines import LeastSquares, seasonal_naive_forecast
from runtun.forecasting.metrics import mae

MAE = Metric("MAE, rail, next day", "boardings")
PUBLISHED_NAIVE = Metric("MAE, rail, March to May 2019", "boardings")

CONFIG: dict[str, Any] = {
    "frameworks": ["numpy", "keras"],
    "seeds": 5,
    "train": ["2016-01-01", "2018-12-31"],
    "test": ["2019-01-01", "2019-05-31"],
    "window": 56,
    "unit": 1e6,  # boardings are divided by this
    "epochs": 100,
    "batch_size": 32,
    "learning_rate": 0.005,
    "clip_norm": 1.0,
    # name -> (arguments of Forecaster, whether buses and the kind of the next day are seen too)
    "networks": {
        "SimpleRNN 32": [{"cell": "rnn", "hidden_size": 32}, False],
        "LSTM 32": [{"cell": "lstm", "hidden_size": 32}, False],
        "SimpleRNN 32, multivariate": [{"cell": "rnn", "hidden_size": 32}, True],
        "GRU 32, multivariate": [{"cell": "gru", "hidden_size": 32}, True],
    },
}

SMOKE: dict[str, Any] = {
    "seeds": 1,
    "epochs": 1,
    "networks": {"SimpleRNN 32": [{"cell": "rnn", "hidden_size": 2}, False]},
}

_SOURCE = "Géron 2022, chapter 15, printed outputs of the notebook"
PUBLISHED = {
    ("same day last week", PUBLISHED_NAIVE.name): (42_143.0, _SOURCE),
    ("least squares on 56 days", MAE.name): (37_866.0, _SOURCE),
    ("SimpleRNN 32", MAE.name): (29_015.0, _SOURCE),
    ("SimpleRNN 32, multivariate", MAE.name): (22_062.0, _SOURCE),
}


@cache
def _windows(dates: tuple[str, str], window: int, unit: float, multivariate: bool) -> Part:
    table = load_ridership().loc[dates[0] : dates[1]]
    columns = [table["rail"].to_numpy() / unit]
    if multivariate:
        columns.append(table["bus"].to_numpy() / unit)
        tomorrow = table["day_type"].shift(-1)  # known in advance: it is in the calendar
        columns += [(tomorrow == kind).to_numpy(dtype=float) for kind in ("A", "U", "W")]
    x, y = make_windows(np.column_stack(columns), window)
    return Part(x.astype("float32"), y.astype("float32"))


def _parts(config: Mapping[str, Any], multivariate: bool = False) -> tuple[Part, Part]:
    train, test = (
        _windows(tuple(config[part]), config["window"], config["unit"], multivariate)
        for part in ("train", "test")
    )
    return train, test


def _last_week(config: Mapping[str, Any]) -> dict[str, float]:
    _, (x, y) = _parts(config)
    rail = load_ridership()["rail"].loc["2019-02-22":"2019-05-31"].to_numpy(dtype=float)
    return {
        MAE.name: config["unit"] * mae(y, seasonal_naive_forecast(x, 7)),
        PUBLISHED_NAIVE.name: mae(rail[7:], rail[:-7]),
    }


def _least_squares(config: Mapping[str, Any]) -> dict[str, float]:
    train, (x, y) = _parts(config)
    return {MAE.name: config["unit"] * mae(y, LeastSquares().fit(*train).predict(x))}


def _network(
    config: Mapping[str, Any],
    framework: str,
    arguments: Mapping[str, Any],
    multivariate: bool,
    seed: int,
) -> dict[str, float]:
    from runtun.training import cosine, fit, predict

    train, test = _parts(config, multivariate)
    forecaster = importlib.import_module(f"runtun.{framework}.forecaster").Forecaster
    model = forecaster(train.x.shape[2], rng=np.random.default_rng(seed), **arguments)
    fit(
        model,
        *train,
        epochs=config["epochs"],
        batch_size=config["batch_size"],
        learning_rate=cosine(config["learning_rate"]),
        loss="mae",
        clip_norm=config["clip_norm"],
        seed=seed,
        progress=False,
    )
    return {MAE.name: config["unit"] * mae(test.y, predict(model, test.x))}


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: the yardsticks once, every network with every seed."""
    if "numpy" in config["frameworks"]:
        yield Trial("same day last week", "numpy", 0, partial(_last_week, config))
        yield Trial("least squares on 56 days", "numpy", 0, partial(_least_squares, config))
    for framework in config["frameworks"]:
        if framework == "numpy":
            continue
        for name, (arguments, multivariate) in config["networks"].items():
            for seed in range(config["seeds"]):
                run = partial(_network, config, framework, arguments, multivariate, seed)
                yield Trial(name, framework, seed, run, 0.3)


RIDERSHIP = Experiment(
    name="ridership",
    title="Chicago's trains: tomorrow's boardings",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(MAE, PUBLISHED_NAIVE),
    make_trials=make_trials,
    published=PUBLISHED,
    data="cta_ridership",
)
