"""The runner: nothing is measured twice, nothing is mixed up, nothing is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runtun.experiments.runner import (
    Experiment,
    Metric,
    Trial,
    read_recorded,
    read_result,
    run_experiment,
)

CALLS: list[str] = []


def measure(name: str, seed: int, factor: float) -> dict[str, float]:
    CALLS.append(f"{name}{seed}")
    values = {"error": factor * (seed + 1)}
    return values | ({"extra": 1.0} if name == "b" else {})


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    for name in ("a", "b"):
        for seed in range(config["seeds"]):
            yield Trial(
                name,
                "numpy",
                seed,
                lambda name=name, seed=seed: measure(name, seed, config["factor"]),
                1.0,
            )


TOY = Experiment(
    name="toy",
    title="A toy",
    config={"frameworks": ["numpy"], "seeds": 3, "factor": 2.0},
    smoke={"seeds": 1},
    metrics=(Metric("error", "MSE"), Metric("extra", "s")),
    make_trials=make_trials,
    published={("a", "error"): (5.0, "somebody 1997")},
)


def measure_process(seed: int) -> dict[str, float]:
    return {"error": float(seed), "extra": float(os.getpid())}


def make_processes(config: Mapping[str, Any]) -> Iterator[Trial]:
    for seed in range(config["seeds"]):
        yield Trial("a", "numpy", seed, partial(measure_process, seed), 1.0 + seed)


def break_off(seed: int) -> dict[str, float]:
    if seed == 1:
        raise ArithmeticError("this trial cannot be run")
    return {"error": float(seed)}


@pytest.fixture(autouse=True)
def fresh() -> None:
    CALLS.clear()


def test_rows_hold_mean_spread_seeds_and_the_published_figure(tmp_path: Path) -> None:
    result = json.loads(run_experiment(TOY, tmp_path, progress=False).read_text())
    assert result == read_result(tmp_path, "toy")
    assert result["config"] == TOY.config
    first, second, third = result["rows"]
    assert (first["model"], first["metric"], first["unit"]) == ("a", "error", "MSE")
    assert first["values"] == [2.0, 4.0, 6.0]
    assert (first["mean"], first["spread"]) == (4.0, 2.0)
    assert first["seeds"] == [0, 1, 2]
    assert (first["published"], first["source"]) == (5.0, "somebody 1997")
    assert (second["model"], second["published"]) == ("b", None)
    assert third["metric"] == "extra"
    assert first["memory"] > 1
    assert set(result["environment"]) == {"versions", "processor", "cores", "system", "date"}
    assert "numpy" in result["environment"]["versions"]
    assert list(tmp_path.iterdir()) == [tmp_path / "toy.json"]


def test_several_trials_at_once_give_the_same_record(tmp_path: Path) -> None:
    toy = replace(TOY, make_trials=make_processes)
    alone = json.loads(run_experiment(toy, tmp_path / "one", progress=False).read_text())
    beside = json.loads(run_experiment(toy, tmp_path / "two", jobs=2, progress=False).read_text())
    assert beside["rows"][0]["values"] == alone["rows"][0]["values"] == [0.0, 1.0, 2.0]
    assert beside["rows"][0]["seeds"] == [0, 1, 2]
    assert "numpy" in beside["environment"]["versions"]
    assert set(alone["rows"][1]["values"]) == {float(os.getpid())}
    assert float(os.getpid()) not in beside["rows"][1]["values"]
    assert not list(tmp_path.rglob("*.journal.jsonl"))


def test_what_measures_time_runs_alone(tmp_path: Path) -> None:
    toy = replace(TOY, make_trials=make_processes, timed=True)
    result = json.loads(run_experiment(toy, tmp_path, jobs=2, progress=False).read_text())
    assert set(result["rows"][1]["values"]) == {float(os.getpid())}


def test_a_trial_that_fails_beside_others_ends_the_run(tmp_path: Path) -> None:
    def make(config: Mapping[str, Any]) -> Iterator[Trial]:
        for seed, minutes in ((0, 9.0), (1, 1.0)):
            yield Trial("a", "numpy", seed, partial(break_off, seed), minutes)

    with pytest.raises(ArithmeticError, match="cannot be run"):
        run_experiment(replace(TOY, make_trials=make), tmp_path, jobs=2, progress=False)
    assert not (tmp_path / "toy.json").exists()
    with pytest.raises(ValueError, match="jobs"):
        run_experiment(TOY, tmp_path, jobs=0, progress=False)


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    run_experiment(TOY, tmp_path, TOY.configure(smoke=True), progress=False)
    assert read_result(tmp_path, "toy")["rows"][0]["spread"] is None


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    def stop(config: Mapping[str, Any]) -> Iterator[Trial]:
        for trial in make_trials(config):
            yield replace(trial, run=crash) if trial.key == "b | numpy | 1" else trial

    def crash() -> dict[str, float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(replace(TOY, make_trials=stop), tmp_path, progress=False)
    assert CALLS == ["a0", "a1", "a2", "b0"]
    assert not (tmp_path / "toy.json").exists()
    run_experiment(TOY, tmp_path, progress=False)
    assert CALLS == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert read_result(tmp_path, "toy")["rows"][1]["values"] == [2.0, 4.0, 6.0]


def test_more_seeds_measure_only_what_is_new(tmp_path: Path) -> None:
    run_experiment(TOY, tmp_path, TOY.configure(seeds=2), progress=False)
    CALLS.clear()
    run_experiment(TOY, tmp_path, progress=False)
    assert CALLS == ["a2", "b2"]
    rows = read_result(tmp_path, "toy")["rows"]
    assert [row["values"] for row in rows] == [[2.0, 4.0, 6.0], [2.0, 4.0, 6.0], [1.0, 1.0, 1.0]]
    assert [row["seeds"] for row in rows] == [[0, 1, 2]] * 3


@pytest.mark.parametrize("change", ["config", "version", "processor", "package"])
def test_trials_measured_otherwise_are_not_taken_over(tmp_path: Path, change: str) -> None:
    path = run_experiment(TOY, tmp_path, TOY.configure(seeds=2), progress=False)
    result = json.loads(path.read_text())
    if change == "config":
        result["config"]["factor"] = 3.0
    elif change == "processor":
        result["environment"]["processor"] = "another"
    else:
        name = {"version": "numpy", "package": "tensorflow"}[change]
        result["environment"]["versions"][name] = "0.0.1"
    path.write_text(json.dumps(result))
    CALLS.clear()
    run_experiment(TOY, tmp_path, progress=False)
    assert CALLS == ["a0", "a1", "a2", "b0", "b1", "b2"]


def test_measuring_again_with_as_many_seeds_measures_all(tmp_path: Path) -> None:
    for _ in range(2):
        run_experiment(TOY, tmp_path, TOY.configure(seeds=1), progress=False)
    assert CALLS == ["a0", "b0"] * 2


def test_a_line_cut_off_by_a_crash_costs_one_trial_only(tmp_path: Path) -> None:
    journal = tmp_path / "toy.journal.jsonl"

    def stop(config: Mapping[str, Any]) -> Iterator[Trial]:
        trials = list(make_trials(config))
        yield from trials[:3]
        yield replace(trials[3], run=lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run_experiment(replace(TOY, make_trials=stop), tmp_path, progress=False)
    journal.write_bytes(journal.read_bytes()[:-20])
    CALLS.clear()
    run_experiment(TOY, tmp_path, progress=False)
    assert CALLS == ["a2", "b0", "b1", "b2"]


def test_trials_of_another_config_are_not_mixed_in(tmp_path: Path) -> None:
    def stop(config: Mapping[str, Any]) -> Iterator[Trial]:
        trials = list(make_trials(config))
        yield trials[0]
        yield replace(trials[1], run=lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run_experiment(replace(TOY, make_trials=stop), tmp_path, progress=False)
    CALLS.clear()
    other = TOY.configure() | {"factor": 3.0}
    run_experiment(TOY, tmp_path, other, progress=False)
    assert CALLS == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert read_result(tmp_path, "toy")["rows"][0]["values"] == [3.0, 6.0, 9.0]


def test_a_failed_run_keeps_the_result_that_was_there(tmp_path: Path) -> None:
    path = run_experiment(TOY, tmp_path, progress=False)
    before = path.read_bytes()

    def fail(config: Mapping[str, Any]) -> Iterator[Trial]:
        yield Trial("a", "numpy", 0, lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run_experiment(replace(TOY, make_trials=fail), tmp_path, progress=False)
    assert path.read_bytes() == before


def test_configs_are_checked() -> None:
    assert TOY.configure(seeds=7)["seeds"] == 7
    assert TOY.configure(smoke=True) == {"frameworks": ["numpy"], "seeds": 1, "factor": 2.0}
    with pytest.raises(ValueError, match="at least 1"):
        TOY.configure(seeds=0)
    with pytest.raises(ValueError, match="runs on numpy; received torch"):
        TOY.configure(frameworks=["torch"])


def test_unnamed_metrics_and_doubled_trials_are_refused(tmp_path: Path) -> None:
    def odd(config: Mapping[str, Any]) -> Iterator[Trial]:
        yield Trial("a", "numpy", 0, lambda: {"speed": 1.0})

    with pytest.raises(ValueError, match=r"measured \['speed'\]"):
        run_experiment(replace(TOY, make_trials=odd), tmp_path, progress=False)

    def double(config: Mapping[str, Any]) -> Iterator[Trial]:
        yield Trial("a", "numpy", 0, lambda: {"error": 1.0})
        yield Trial("a", "numpy", 0, lambda: {"error": 2.0})

    with pytest.raises(ValueError, match="two trials of one name"):
        run_experiment(replace(TOY, make_trials=double), tmp_path, progress=False)


def test_a_result_that_was_never_run_says_how(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="runtun experiment toy"):
        read_result(tmp_path, "toy")


def test_a_recorded_result_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTUN_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert read_recorded("energy")["experiment"] == "energy"  # the repository's
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "energy.json").write_text('{"experiment": "here"}')
    assert read_recorded("energy")["experiment"] == "here"
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "energy.json").write_text('{"experiment": "given"}')
    monkeypatch.setenv("RUNTUN_RESULTS", str(tmp_path / "given"))
    assert read_recorded("energy")["experiment"] == "given"
    with pytest.raises(FileNotFoundError, match="RUNTUN_RESULTS"):
        read_recorded("toy")
