"""Training models of every framework with the same call; no framework is imported before use."""

from runtun.training.loop import History, evaluate, fit, framework_of, predict
from runtun.training.schedules import cosine, one_cycle

__all__ = ["History", "cosine", "evaluate", "fit", "framework_of", "one_cycle", "predict"]
