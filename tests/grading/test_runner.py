"""The kernel runner: limits hold, accidents stay local, nothing of the grader's leaks in."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from runtun.grading.runner import DEFAULT_LIMITS, KernelRunner

LIMITS = {**DEFAULT_LIMITS, "cell_s": 3, "notebook_s": 40}


def task(*cells: tuple[str, str], **limits: float) -> dict[str, Any]:
    return {
        "schema": 1,
        "key": "test",
        "language": "en",
        "kernel": {"name": "python3", "language": "python"},
        "cells": [
            {"id": f"c{i}", "role": role, "source": source, "student_source": None, "points": None}
            for i, (role, source) in enumerate(cells)
        ],
        "files": [],
        "limits": {**LIMITS, **limits},
        "seed": 0,
    }


@pytest.fixture(scope="module")
def runner():
    with KernelRunner(reuse=True) as kept:
        yield kept


def states(result: dict[str, Any]) -> list[str]:
    return [record["state"] for record in result["cells"].values()]


def test_states_values_and_errors(runner) -> None:
    result = runner.run(
        task(("shared", "a = 1"), ("test", "a + 1"), ("test", "b = 0\n1 / b"), ("test", "a = 2;"))
    )
    assert result["status"] == "ok"
    assert states(result) == ["ok", "ok", "error", "ok"]
    assert [r["value"] for r in result["cells"].values()] == [None, "2", None, None]
    error = result["cells"]["c2"]["error"]
    assert error == {"name": "ZeroDivisionError", "message": "division by zero", "line": 2}
    json.dumps(result)


def test_warnings_and_stderr_are_no_errors(runner) -> None:
    code = "import sys, warnings\nwarnings.warn('careful')\nprint('E0000 cuda', file=sys.stderr)"
    result = runner.run(task(("test", code)))
    assert states(result) == ["ok"]
    assert "careful" in json.dumps(result["cells"]["c0"]["outputs"])


def test_names_do_not_survive_from_one_task_to_the_next(runner) -> None:
    runner.run(task(("student", "leftover = 1")))
    assert states(runner.run(task(("test", "leftover")))) == ["error"]


def test_an_endless_loop_costs_only_its_own_test(runner) -> None:
    result = runner.run(
        task(
            ("student", "x = 7"), ("test", "while True: pass"), ("test", "assert x == 7"), cell_s=1
        )
    )
    assert states(result) == ["ok", "timeout", "ok"]
    assert result["limits_hit"] == ["timeout: c1"]


def test_a_loop_that_swallows_interrupts_is_killed_and_the_rest_replayed(runner) -> None:
    stubborn = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    result = runner.run(
        task(("student", "x = 7"), ("test", stubborn), ("test", "assert x == 7"), cell_s=1)
    )
    assert states(result) == ["ok", "timeout", "ok"]


def test_a_dead_process_costs_only_its_own_test(runner) -> None:
    result = runner.run(
        task(("student", "x = 7"), ("test", "import os; os._exit(0)"), ("test", "assert x == 7"))
    )
    assert states(result) == ["ok", "died", "ok"]


def test_leaving_with_sys_exit_earns_nothing(runner) -> None:
    result = runner.run(task(("test", "import sys\nsys.exit(0)"), ("test", "1")))
    assert states(result)[0] != "ok"


@pytest.mark.parametrize(
    ("pause", "expected"), [("time.sleep(0.01)", {"flood"}), ("pass", {"flood", "timeout"})]
)
def test_a_flood_of_output_is_cut_off(runner, pause: str, expected: set[str]) -> None:
    code = f"import time\nwhile True:\n    print('x' * 100_000)\n    {pause}"
    result = runner.run(task(("test", code), ("test", "1"), cell_output_bytes=300_000))
    assert result["cells"]["c0"]["state"] in expected
    assert result["cells"]["c1"]["state"] == "ok"
    assert len(json.dumps(result)) < 1_000_000


def test_the_whole_notebook_has_a_time_limit(runner) -> None:
    begin = time.monotonic()
    cells = [("test", "import time; time.sleep(1)")] * 6
    result = runner.run(task(*cells, notebook_s=2.5))
    assert states(result)[-1] == "skipped"
    assert "notebook_s" in result["limits_hit"]
    assert time.monotonic() - begin < 20


def test_a_question_to_the_user_fails_instead_of_waiting(runner) -> None:
    assert states(runner.run(task(("test", "input('name?')")))) == ["error"]


def test_the_kernel_learns_no_secret_and_sees_no_course(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("GRADES_PASSWORD", "hunter2")
    (tmp_path / "numbers.csv").write_text("1")
    asked = task(
        ("test", "import os\nassert 'GRADES_PASSWORD' not in os.environ"),
        ("test", "assert os.listdir('.') == ['numbers.csv'], os.listdir('.')"),
        ("test", f"assert os.environ['HOME'] != {os.environ.get('HOME', '')!r}"),
        ("test", "print(os.getcwd())"),
    )
    asked["files"] = [
        {"name": "numbers.csv", "path": str(tmp_path / "numbers.csv"), "origin": "course"},
        {"name": "../../evil", "path": str(tmp_path / "numbers.csv"), "origin": "student"},
    ]
    with KernelRunner() as fresh:
        result = fresh.run(asked)
    assert states(result) == ["ok"] * 4
    scratch = result["cells"]["c3"]["outputs"][0]["text"].strip()
    assert not os.path.exists(scratch)


def test_an_unknown_kernel_is_a_failure_of_the_machinery() -> None:
    asked = task(("test", "1"))
    asked["kernel"]["name"] = "no-such-kernel"
    with KernelRunner() as fresh:
        result = fresh.run(asked)
    assert result["status"] == "failed"
    assert "no-such-kernel" in result["reason"]


def test_students_edit_of_an_import_cell_is_what_runs(runner) -> None:
    asked = task(("shared", "y = 1"), ("test", "assert y == 2"))
    asked["cells"][0]["student_source"] = "y = 2"
    assert states(runner.run(asked)) == ["ok", "ok"]
