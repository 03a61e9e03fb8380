"""Share prices: does a network know tomorrow better than "tomorrow is today"?

Two networks of one size: one sees daily returns and forecasts the next, one sees prices scaled to
the training years, as many tutorials do. Errors are divided by those of the naive forecast, so 1
means that nothing was gained. The last 15 % of the days are tested.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from runtun.data.loaders import load_stocks
from runtun.data.windows import make_windows
from runtun.experiments.runner import Experiment, Metric, Trial
from runtun.forecasting.metrics import direction_accuracy, mae, rmse

MAE = Metric("MAE, beside tomorrow = today", "ratio")
RMSE = Metric("RMSE, beside tomorrow = today", "ratio")
DIRECTION = Metric("direction right", "%")

CONFIG: dict[str, Any] = {
    "frameworks": ["numpy", "keras"],
    "seeds": 5,
    "tickers": ["AAPL", "IBM", "MSFT"],
    "test_share": 0.15,
    "window": 30,
    "hidden_size": 32,
    "num_layers": 2,
    "epochs": 15,
    "batch_size": 32,
    "learning_rate": 0.002,
    "clip_norm": 1.0,
}

SMOKE: dict[str, Any] = {"seeds": 1, "tickers": ["IBM"], "hidden_size": 2, "epochs": 1}


class Days(NamedTuple):
    """Windows of one share; the last `tested` of them are the test part.

    Args:
        x: what the network sees (N, T, 1).
        y: what it forecasts (N, 1).
        today: price of the last day seen, USD (N, 1).
        tomorrow: price to forecast, USD (N, 1).
        center: subtracted from prices, USD.
        scale: of a return, or of a price in USD.
        tested: how many windows are tested.
    """

    x: np.ndarray
    y: np.ndarray
    today: np.ndarray
    tomorrow: np.ndarray
    center: float
    scale: float
    tested: int


@cache
def _days(ticker: str, window: int, test_share: float, sees: str) -> Days:
    price = load_stocks(ticker)["adjusted_close"].to_numpy()
    tested = round(test_share * len(price))
    if sees == "returns":
        values = np.diff(np.log(price))
        center, scale = 0.0, float(values[:-tested].std())
    else:
        values, center = price, float(price[:-tested].mean())
        scale = float(price[:-tested].std())
    x, y = make_windows((values - center) / scale, window)
    x, y = x.astype("float32"), y.astype("float32")
    return Days(x, y, price[-len(y) - 1 : -1, None], price[-len(y) :, None], center, scale, tested)


def _errors(days: Days, forecast: np.ndarray) -> dict[str, float]:
    truth, today = days.tomorrow[-days.tested :], days.today[-days.tested :]
    return {
        MAE.name: mae(truth, forecast) / mae(truth, today),
        RMSE.name: rmse(truth, forecast) / rmse(truth, today),
        DIRECTION.name: 100 * direction_accuracy(truth, forecast, today),
    }


def _always_up(config: Mapping[str, Any], ticker: str) -> dict[str, float]:
    """The naive forecast with the mean return of the training years: it always says "up"."""
    days = _days(ticker, config["window"], config["test_share"], "returns")
    drift = float(days.y[: -days.tested].mean()) * days.scale
    return _errors(days, days.today[-days.tested :] * np.exp(drift))


def _network(
    config: Mapping[str, Any], framework: str, ticker: str, sees: str, seed: int
) -> dict[str, float]:
    from runtun.training import cosine, fit, predict

    days = _days(ticker, config["window"], config["test_share"], sees)
    forecaster = importlib.import_module(f"runtun.{framework}.forecaster").Forecaster
    model = forecaster(
        1,
        config["hidden_size"],
        num_layers=config["num_layers"],
        cell="lstm",
        rng=np.random.default_rng(seed),
    )
    fit(
        model,
        days.x[: -days.tested],
        days.y[: -days.tested],
        epochs=config["epochs"],
        batch_size=config["batch_size"],
        learning_rate=cosine(config["learning_rate"]),
        clip_norm=config["clip_norm"],
        seed=seed,
        progress=False,
    )
    answer = predict(model, days.x[-days.tested :]).astype(np.float64) * days.scale
    if sees == "returns":
        return _errors(days, days.today[-days.tested :] * np.exp(answer))
    return _errors(days, answer + days.center)


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: each share, what the network sees, and each seed."""
    for ticker in config["tickers"]:
        if "numpy" in config["frameworks"]:
            run = partial(_always_up, config, ticker)
            yield Trial(f"{ticker}, today and the mean return", "numpy", 0, run)
        for framework in config["frameworks"]:
            if framework == "numpy":
                continue
            for sees in ("returns", "prices"):
                for seed in range(config["seeds"]):
                    one = partial(_network, config, framework, ticker, sees, seed)
                    yield Trial(f"{ticker}, LSTM on {sees}", framework, seed, one, 0.2)


STOCKS = Experiment(
    name="stocks",
    title="Share prices: networks beside tomorrow = today",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(MAE, RMSE, DIRECTION),
    make_trials=make_trials,
)
