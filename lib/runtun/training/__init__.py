"""Training models of every framework with the same call; no framework is imported before use."""

from runtun.training.examples import Examples
from runtun.training.loop import (
    evaluate,
    evaluate_stream,
    fit,
    fit_stream,
    framework_of,
    predict,
)
from runtun.training.run import History
from runtun.training.schedules import cosine, exponential_decay, linear, one_cycle, step_decay

__all__ = [
    "Examples",
    "History",
    "cosine",
    "evaluate",
    "evaluate_stream",
    "exponential_decay",
    "fit",
    "fit_stream",
    "framework_of",
    "linear",
    "one_cycle",
    "predict",
    "step_decay",
]
