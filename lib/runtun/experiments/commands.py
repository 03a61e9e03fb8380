"""The command `runtun experiment`: run one experiment of the course and write its result."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtun.experiments.runner import Experiment

_EXAMPLES = """\
examples:
  runtun experiment --list                      what there is, and how long each takes
  runtun experiment waves                       the whole, into results/waves.json
  runtun experiment --all                       all of them, as make results does
  runtun experiment waves --seeds 1 --framework torch --into /tmp/results
  runtun experiment waves --smoke --into /tmp/results     sizes of seconds, to see that it runs

A run that was stopped goes on where it was."""


def add_commands(subparsers: argparse._SubParsersAction) -> None:
    """Add `runtun experiment`."""
    parser = subparsers.add_parser(
        "experiment",
        help="run an experiment of the course",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="name of the experiment")
    parser.add_argument("--list", action="store_true", help="list the experiments")
    parser.add_argument("--all", action="store_true", help="run every experiment")
    parser.add_argument("--seeds", type=int, metavar="N", help="number of seeds")
    parser.add_argument(
        "--framework", action="append", metavar="F", help="only this one; may be repeated"
    )
    parser.add_argument("--smoke", action="store_true", help="sizes of seconds, no real figures")
    parser.add_argument(
        "--into", type=Path, default=Path("results"), metavar="FOLDER", help="default: results"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="trials at once, each on one core (default: one for each core)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    # Keras trains recurrent layers several times faster on JAX than on TensorFlow; and small
    # matrices on more than one thread only wait for one another.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    from runtun.experiments.catalogue import EXPERIMENTS, get_experiment
    from runtun.experiments.runner import run_experiment

    if arguments.list:
        width = max(map(len, EXPERIMENTS))
        for experiment in EXPERIMENTS.values():
            minutes = _minutes(experiment, experiment.config, arguments.jobs)
            print(f"{experiment.name:<{width}}  at most {minutes:4.0f} min  {experiment.title}")
        return 0
    if (arguments.name is None) != arguments.all:
        raise ValueError(f"Which experiment? There are: {', '.join(EXPERIMENTS)}; or --all.")
    chosen = list(EXPERIMENTS.values()) if arguments.all else [get_experiment(arguments.name)]
    runs = []
    for experiment in chosen:
        config = experiment.configure(
            seeds=arguments.seeds, frameworks=arguments.framework, smoke=arguments.smoke
        )
        recorded = arguments.into.resolve() == Path("results").resolve()
        if recorded and config != dict(experiment.config):
            raise ValueError(
                "Results of another config than the recorded one do not belong into results/. "
                "Say where with --into."
            )
        runs.append((experiment, config))
    for experiment, config in runs:
        if arguments.all and not experiment.can_run:
            why = f"its data are not here; see `runtun data fetch {experiment.data}`"
            print(f"{experiment.name}: left out, {why}", file=sys.stderr)
            continue
        minutes = _minutes(experiment, config, arguments.jobs)
        print(
            f"{experiment.name}: {experiment.title}; at most {minutes:.0f} min on quiet cores",
            file=sys.stderr,
        )
        quiet = arguments.quiet
        print(
            run_experiment(
                experiment, arguments.into, config, jobs=arguments.jobs, progress=not quiet
            )
        )
    return 0


def _minutes(experiment: Experiment, config: Mapping[str, Any], jobs: int) -> float:
    """Return how long an experiment takes, at most."""
    trials = [trial.minutes for trial in experiment.make_trials(config)]
    if experiment.timed or jobs < 2:
        return sum(trials)
    return max(sum(trials) / jobs, *trials)
