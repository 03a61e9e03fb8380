"""Every experiment runs in a small size, and what is recorded is what the code would measure."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

from runtun import cli
from runtun.data.temporal_order import LEVELS
from runtun.experiments.catalogue import EXPERIMENTS, get_experiment
from runtun.experiments.runner import read_result, run_experiment
from runtun.experiments.streams import build_network
from runtun.experiments.waves import FIXED, ONE, SHIFTED, TEN, WAVES
from tests.support import ROOT, require

RESULTS = ROOT / "results"


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command chooses a backend and threads; other tests must not feel it."""
    for name, default in (("KERAS_BACKEND", "tensorflow"), ("OMP_NUM_THREADS", "1")):
        monkeypatch.setenv(name, os.environ.get(name, default))
    monkeypatch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", ""))


def need(framework: str) -> None:
    package = {"keras": "tensorflow", "nnx": "flax"}.get(framework, framework)
    require(importlib.util.find_spec(package), f"{package} is not installed", "make install")


@pytest.mark.parametrize(
    ("name", "framework"),
    [(name, f) for name, e in EXPERIMENTS.items() for f in e.config["frameworks"]],
)
def test_a_smoke_run_fills_every_row(name: str, framework: str, tmp_path: Path) -> None:
    need(framework)
    experiment = EXPERIMENTS[name]
    if not experiment.can_run:
        require(False, f"{experiment.data} is not here", f"runtun data fetch {experiment.data}")
    config = experiment.configure(smoke=True, frameworks=[framework])
    if framework == "keras":  # seconds to compile each model: one of them shows that it runs
        config |= {"seeds": 1} | ({"ten_steps": {}, "ours": {}} if name == "waves" else {})
    result = json.loads(run_experiment(experiment, tmp_path, config, progress=False).read_text())
    trials = list(experiment.make_trials(config))
    assert {row["model"] for row in result["rows"]} == {trial.model for trial in trials}
    for row in result["rows"]:
        assert np.isfinite(row["mean"])
        assert row["unit"]
        assert row["framework"] in config["frameworks"]
    recorded = set(result["environment"]["versions"])
    assert {"nnx": "flax"}.get(framework, framework) in recorded


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_is_recorded_was_measured_with_the_config_of_the_code(name: str) -> None:
    experiment = EXPERIMENTS[name]
    result = read_result(RESULTS, name)
    assert result["config"] == json.loads(json.dumps(experiment.config)), (
        f"runtun experiment {name}"
    )
    known = {trial.model for trial in experiment.make_trials(experiment.config)}
    assert {row["model"] for row in result["rows"]} == known


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_published_figure_stands_beside_one_of_ours(name: str) -> None:
    experiment = EXPERIMENTS[name]
    models = {trial.model for trial in experiment.make_trials(experiment.config)}
    metrics = {metric.name for metric in experiment.metrics}
    for (model, metric), (figure, source) in experiment.published.items():
        assert model in models
        assert metric in metrics
        assert figure > 0
        assert source


def test_the_baselines_of_the_waves_are_the_published_ones(tmp_path: Path) -> None:
    config = WAVES.configure(frameworks=["numpy"])
    run_experiment(WAVES, tmp_path, config, progress=False)
    errors = {
        (row["model"], row["metric"]): row["mean"] for row in read_result(tmp_path, "waves")["rows"]
    }
    assert errors["naive", ONE.name] == pytest.approx(0.020211, abs=5e-7)
    assert errors["naive", TEN.name] == pytest.approx(0.256974, abs=5e-6)
    assert errors["least squares", ONE.name] == pytest.approx(0.00293, abs=5e-6)
    assert errors["least squares", TEN.name] == pytest.approx(0.0155, abs=5e-5)
    # The trap: the same model, fed its own forecasts, on series whose step is another.
    assert errors["least squares", SHIFTED.name] > 1.2 * errors["least squares", FIXED.name]


def test_chrono_weights_spread_the_time_scales_of_the_units() -> None:
    need("torch")
    longest = LEVELS["hard"].length[1]
    model = build_network("lstm", "chrono", 8, 64, 4, longest, seed=0)
    bias = (model["layer"].bias_ih_l0 + model["layer"].bias_hh_l0).detach().numpy()
    kept = 1 / (1 - 1 / (1 + np.exp(-bias[64:128])))  # steps a unit keeps its state
    assert 1 < kept.min() < 10
    assert 90 < kept.max() < longest
    np.testing.assert_allclose(bias[:64], -bias[64:128], rtol=1e-6)
    gru = build_network("gru", "chrono", 8, 64, 4, longest, seed=0)["layer"].bias_ih_l0.detach()
    np.testing.assert_allclose(gru[64:128].numpy(), bias[64:128], rtol=1e-6)
    assert not gru[:64].any()
    one = build_network("lstm", "one", 8, 64, 4, longest, seed=0)["layer"].bias_ih_l0.detach()
    assert one.sum() == 64
    with pytest.raises(ValueError, match="no initial weights 'one' for the cell 'gru'"):
        build_network("gru", "one", 8, 4, 4, 8, seed=0)


def test_building_a_network_leaves_the_global_generator_alone() -> None:
    need("torch")
    import torch

    before = torch.get_rng_state()
    build_network("rnn", "torch", 8, 4, 4, 8, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_the_command_lists_runs_and_guards_the_recorded_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    need("torch")
    assert cli.main(["experiment", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(EXPERIMENTS)
    smoke = ["experiment", "temporal_order", "--smoke", "--quiet"]
    assert cli.main([*smoke, "--into", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(tmp_path / "temporal_order.json")
    assert "min on quiet cores" in shown.err
    monkeypatch.chdir(tmp_path)
    assert cli.main(smoke) == 2
    assert "--into" in capsys.readouterr().err
    assert cli.main(["experiment"]) == 2
    assert f"Which experiment? There are: {', '.join(EXPERIMENTS)}" in capsys.readouterr().err
    assert cli.main(["experiment", "wave"]) == 2
    assert "There is no experiment 'wave'" in capsys.readouterr().err


def test_an_unknown_experiment_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=", ".join(EXPERIMENTS)):
        get_experiment("tides")
