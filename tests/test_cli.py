"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

from runtun import __version__
from runtun.cli import build_parser, main


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runtun.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_version(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"runtun {__version__}\n"


def commands() -> list[str]:
    actions = [a for a in build_parser()._actions if a.dest == "command"]
    return list(actions[0].choices)


def test_the_graders_commands_are_there() -> None:
    assert {"grade", "check", "feedback", "status"} <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_examples(command: str, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert left.value.code == 0
    assert f"runtun {command}" in shown
    assert "example" in shown


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["grade"], ["grade", "a", "b", "--jobs", "0"]]
)
def test_wrong_use_is_exit_code_two(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: runtun" in capsys.readouterr().err


def test_help_is_quick_to_load_and_loads_no_framework() -> None:
    program = (
        "import sys; from runtun.cli import build_parser; build_parser(); "
        "heavy = {'tensorflow', 'torch', 'jax', 'keras', 'nbgrader'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_unforeseen_error_is_one_line(monkeypatch, capsys) -> None:
    from runtun.grading import commands as grading

    def explode(*_: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr(grading, "_status", explode)
    assert main(["status", "a", "b"]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "--debug shows where" in shown


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, capsys) -> None:
    from runtun.grading import commands as grading

    def lacking(*_: object) -> int:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(grading, "_status", lacking)
    assert main(["status", "a", "b"]) == 2
    assert "pip install 'runtun[torch]'" in capsys.readouterr().err


def test_the_module_runs_as_a_program() -> None:
    done = run("grade", "/nowhere/at/all", "ps1")
    assert done.returncode == 2
    assert done.stderr == "runtun grade: the course folder /nowhere/at/all does not exist\n"
