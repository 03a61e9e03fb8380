"""The experiments by name."""

from __future__ import annotations

from runtun.experiments.cell_speed import CELL_SPEED
from runtun.experiments.energy import ENERGY
from runtun.experiments.gradient_flow import GRADIENT_FLOW
from runtun.experiments.household import HOUSEHOLD
from runtun.experiments.language_model import LANGUAGE_MODEL
from runtun.experiments.memory_tasks import MEMORY_TASKS
from runtun.experiments.ridership import RIDERSHIP
from runtun.experiments.runner import Experiment
from runtun.experiments.sentiment import SENTIMENT
from runtun.experiments.stocks import STOCKS
from runtun.experiments.temporal_order import TEMPORAL_ORDER
from runtun.experiments.translation import TRANSLATION
from runtun.experiments.waves import WAVES

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        CELL_SPEED,
        WAVES,
        ENERGY,
        HOUSEHOLD,
        STOCKS,
        RIDERSHIP,
        GRADIENT_FLOW,
        MEMORY_TASKS,
        TEMPORAL_ORDER,
        SENTIMENT,
        TRANSLATION,
        LANGUAGE_MODEL,
    )
}
"""The experiments in the order in which `make results` runs them."""


def get_experiment(name: str) -> Experiment:
    """Return the experiment of this name.

    Raises:
        ValueError: if there is none.

    >>> get_experiment("waves").config["epochs"]
    20
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"There is no experiment {name!r}. There are: {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]
