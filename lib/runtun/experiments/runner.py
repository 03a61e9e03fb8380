"""Running an experiment: trial by trial, resumable, and written down with all that shaped it.

An experiment is a config and a function that turns it into trials. A trial trains or evaluates one
model with one seed. Each finished trial is appended to a journal beside the result, so that a run
that was stopped goes on where it was; when all are done, the journal becomes `results/NAME.json`:

    {"experiment", "title", "config", "environment", "rows"}

where rows are flat records: model, framework, metric, unit, mean, spread (sample standard
deviation, null for one seed), seeds, seconds (mean processor time of a trial: what else the machine
does changes it little), memory (peak of the process in MB),
published and source (null where nobody published a figure).
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import runtun
from runtun.checks import positive_int
from runtun.data.catalogue import find_file, get_data_set

PACKAGES = ("numpy", "pandas", "torch", "keras", "tensorflow", "jax", "flax")
"""Packages whose versions are recorded, if a trial loaded them."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """What a number means.

    Args:
        name: for example "validation MSE, one step".
        unit: for example "MSE", "nats", "sequences", "%".
    """

    name: str
    unit: str


@dataclasses.dataclass(frozen=True)
class Trial:
    """One model with one seed.

    Args:
        model: name of the model as it stands in tables.
        framework: "numpy", "scratch", "keras", "torch" or "nnx".
        seed: seed of everything random in it.
        run: does the work and returns metric name -> value.
        minutes: how long it takes on one quiet core, roughly.
    """

    model: str
    framework: str
    seed: int
    run: Callable[[], Mapping[str, float]]
    minutes: float = 0.0

    @property
    def key(self) -> str:
        """What tells this trial from the others of its experiment."""
        return f"{self.model} | {self.framework} | {self.seed}"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A question, and how it is answered.

    Args:
        name: name of the command and of the result file.
        title: one line.
        config: every number that shapes the result; JSON values only.
        smoke: entries of `config` replaced by smaller ones for a run of seconds.
        metrics: what the trials measure.
        make_trials: from a config to the trials.
        published: (model, metric) -> (figure, source).
        data: name of a data set that is not shipped and must be on this machine, if any.
        timed: whether it measures time, so that no trial may run beside another.
    """

    name: str
    title: str
    config: Mapping[str, Any]
    smoke: Mapping[str, Any]
    metrics: Sequence[Metric]
    make_trials: Callable[[Mapping[str, Any]], Iterable[Trial]]
    published: Mapping[tuple[str, str], tuple[float, str]] = dataclasses.field(default_factory=dict)
    data: str | None = None
    timed: bool = False

    @property
    def can_run(self) -> bool:
        """Whether the data that it needs are here."""
        if self.data is None:
            return True
        return all(find_file(self.data, file.name) for file in get_data_set(self.data).files)

    def configure(
        self,
        *,
        seeds: int | None = None,
        frameworks: Sequence[str] | None = None,
        smoke: bool = False,
    ) -> dict[str, Any]:
        """Return the config of a run.

        Args:
            seeds: number of seeds in place of the config's.
            frameworks: frameworks in place of the config's.
            smoke: whether to take the small sizes.

        Raises:
            ValueError: if a number of seeds or a framework makes no sense here.
        """
        config = dict(self.config) | (dict(self.smoke) if smoke else {})
        if seeds is not None:
            if seeds < 1:
                raise ValueError(f"`seeds` must be at least 1; received {seeds}.")
            config["seeds"] = seeds
        if frameworks is not None:
            unknown = sorted(set(frameworks) - set(self.config["frameworks"]))
            if unknown:
                raise ValueError(
                    f"The experiment {self.name!r} runs on {', '.join(self.config['frameworks'])}; "
                    f"received {', '.join(unknown)}."
                )
            config["frameworks"] = list(frameworks)
        return config


def run_experiment(
    experiment: Experiment,
    folder: Path,
    config: Mapping[str, Any] | None = None,
    *,
    jobs: int = 1,
    progress: bool = True,
) -> Path:
    """Run what is left of an experiment and write its result.

    Args:
        experiment: what to run.
        folder: where results lie; made if needed.
        config: of `experiment.configure`; None for the full config.
        jobs: how many trials run at once, each in a process of its own if more than one.
        progress: whether to draw a progress bar with the time left.

    Returns:
        The path of NAME.json. While trials are missing, NAME.journal.jsonl beside it holds those
        that are done; a journal of another config or another version of this code's numbers is
        set aside by its digest and never mixed in. A NAME.json that differs in nothing but fewer
        seeds, measured with the same versions on the same processor, hands its trials over.

    Raises:
        ValueError: if a trial measures something that the experiment does not name, or no number,
            or if `jobs` is not positive.
    """
    jobs = positive_int(jobs, "jobs")
    config = dict(experiment.config if config is None else config)
    trials = list(experiment.make_trials(config))
    keys = [trial.key for trial in trials]
    if len(set(keys)) < len(keys):
        raise ValueError(f"The experiment {experiment.name!r} has two trials of one name.")
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / f"{experiment.name}.journal.jsonl"
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]
    path = folder / f"{experiment.name}.json"
    done = _take_over(path, config, trials) | _read_journal(journal, digest)
    names = {metric.name for metric in experiment.metrics}
    left = [trial for trial in trials if trial.key not in done]
    loaded = set(sys.modules)
    with tqdm(total=len(trials), initial=len(trials) - len(left), disable=not progress,
              unit="trial") as bar:  # fmt: skip
        for trial, record, packages in _run_trials(left, 1 if experiment.timed else jobs):
            if not set(record["values"]) <= names or not record["values"]:
                raise ValueError(
                    f"{trial.key} measured {sorted(record['values'])}; the experiment "
                    f"{experiment.name!r} names {sorted(names)}."
                )
            done[trial.key] = {"digest": digest, "key": trial.key} | record
            _append(journal, done[trial.key])
            loaded |= packages
            bar.set_description(trial.key)
            bar.update()
    result = {
        "experiment": experiment.name,
        "title": experiment.title,
        "config": config,
        "environment": describe_environment(loaded),
        "rows": summarise(experiment, trials, done),
    }
    part = path.with_suffix(".json.part")
    part.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)
    journal.unlink(missing_ok=True)
    return path


def _run_trial(trial: Trial) -> tuple[dict[str, Any], set[str]]:
    """Run a trial; return what the journal keeps of it, and the packages that it loaded."""
    start = time.process_time()
    values = {name: float(value) for name, value in trial.run().items()}
    seconds = round(time.process_time() - start, 2)
    record = {"values": values, "seconds": seconds, "memory": _peak_memory()}
    return record, {package for package in PACKAGES if package in sys.modules}


def _run_trials(
    trials: Sequence[Trial], jobs: int
) -> Iterator[tuple[Trial, dict[str, Any], set[str]]]:
    """Run trials, the longest first if several run at once; yield each when it is done."""
    if jobs == 1 or len(trials) < 2:
        for trial in trials:
            yield trial, *_run_trial(trial)
        return
    # Frameworks that have threads do not survive a fork.
    pool = ProcessPoolExecutor(min(jobs, len(trials)), mp_context=get_context("spawn"))
    try:
        longest_first = sorted(trials, key=lambda trial: -trial.minutes)
        running = {pool.submit(_run_trial, trial): trial for trial in longest_first}
        for future in as_completed(running):
            yield running[future], *future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def summarise(
    experiment: Experiment, trials: Sequence[Trial], done: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return one flat record for each model, framework and metric, in the order of the trials."""
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.model, trial.framework), []).append(trial)
    rows = []
    for (model, framework), members in groups.items():
        records = [done[trial.key] for trial in members]
        for metric in experiment.metrics:
            having = [
                (trial.seed, record)
                for trial, record in zip(members, records, strict=True)
                if metric.name in record["values"]
            ]
            if not having:
                continue
            values = np.array([record["values"][metric.name] for _, record in having])
            figure, source = experiment.published.get((model, metric.name), (None, None))
            rows.append(
                {
                    "model": model,
                    "framework": framework,
                    "metric": metric.name,
                    "unit": metric.unit,
                    "mean": float(values.mean()),
                    "spread": float(values.std(ddof=1)) if len(values) > 1 else None,
                    "values": values.tolist(),
                    "seeds": [seed for seed, _ in having],
                    "seconds": round(float(np.mean([r["seconds"] for _, r in having])), 2),
                    "memory": max(r["memory"] for _, r in having),
                    "published": figure,
                    "source": source,
                }
            )
    return rows


def read_result(folder: Path, name: str) -> dict[str, Any]:
    """Read a recorded result.

    Raises:
        FileNotFoundError: if it was never run; the message says how.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there. Run `runtun experiment {name}`.")
    return json.loads(path.read_text(encoding="utf-8"))


def read_recorded(name: str) -> dict[str, Any]:
    """Read a result of the course's own, for a page that shows it.

    It is looked for in the folder that RUNTUN_RESULTS names, in `results` below the working folder,
    in the repository if the package is used from there, and in the package that was installed.

    Args:
        name: of the experiment, for example "energy".

    Raises:
        FileNotFoundError: if it lies nowhere; the message says how to get it.
    """
    given = os.environ.get("RUNTUN_RESULTS")
    folders = [Path(given)] if given else []
    here = Path(__file__).resolve()
    folders += [Path("results"), here.parents[3] / "results", here.parent / "recorded"]
    for folder in folders:
        if (folder / f"{name}.json").is_file():
            return read_result(folder, name)
    raise FileNotFoundError(
        f"{name}.json is in none of {', '.join(map(str, folders))}. The course's results lie in "
        "its repository: set RUNTUN_RESULTS to a copy of that folder, or measure anew with "
        f"`runtun experiment {name}`."
    )


def describe_environment(packages: Container[str] = sys.modules) -> dict[str, Any]:
    """Return versions, processor and date: what a measurement depends on beside its config.

    Args:
        packages: names of packages whose versions are asked for, of those in `PACKAGES`; the ones
            that are loaded if not given.
    """
    versions = {"runtun": runtun.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        if name in packages and importlib.util.find_spec(name) is not None:
            versions[name] = importlib.metadata.version(name)
    return {
        "versions": versions,
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor() or "unknown"


def _peak_memory() -> float:
    """Return the largest memory the process has had, in MB."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def _read_journal(journal: Path, digest: str) -> dict[str, dict[str, Any]]:
    """Return the finished trials of this config; a line cut off by a crash is left out."""
    if not journal.is_file():
        return {}
    done = {}
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if record.get("digest") == digest:
            done[record["key"]] = record
    return done


def _take_over(
    path: Path, config: Mapping[str, Any], trials: Sequence[Trial]
) -> dict[str, dict[str, Any]]:
    """Return the trials of a recorded result that had fewer seeds and differed in nothing else."""
    if not path.is_file():
        return {}
    result = read_result(path.parent, path.stem)
    before, now = result["config"], json.loads(json.dumps(config))
    if before | {"seeds": None} != now | {"seeds": None} or not before["seeds"] < now["seeds"]:
        return {}
    here, there = describe_environment(result["environment"]["versions"]), result["environment"]
    if here | {"date": None} != there | {"date": None}:
        return {}
    done: dict[str, dict[str, Any]] = {}
    for row in result["rows"]:
        for seed, value in zip(row["seeds"], row["values"], strict=True):
            key = Trial(row["model"], row["framework"], seed, dict).key
            record = {"values": {}, "seconds": row["seconds"], "memory": row["memory"]}
            done.setdefault(key, record)["values"][row["metric"]] = value
    return {trial.key: done[trial.key] for trial in trials if trial.key in done}


def _append(journal: Path, record: Mapping[str, Any]) -> None:
    """Add one line; if the last one was cut off, begin a new one."""
    with journal.open("ab") as file:
        if file.tell() and journal.read_bytes()[-1:] != b"\n":
            file.write(b"\n")
        file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())
