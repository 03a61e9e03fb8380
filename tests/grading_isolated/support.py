"""Small notebooks for the isolated runner."""

from __future__ import annotations

import textwrap
from typing import Any

SHARED = "import numpy as np"


def cell(name: str, role: str, source: str, **more: Any) -> dict[str, Any]:
    """One code cell of a task."""
    form = {"id": name, "role": role, "source": textwrap.dedent(source), "student_source": None}
    return form | {"points": 1 if role == "test" else None} | more


def make_task(
    student: str | list[str],
    tests: str | list[str],
    *,
    solution: str = "",
    shared: str = SHARED,
    files: list[dict[str, str]] | None = None,
    **limits: float,
) -> dict[str, Any]:
    """A notebook of one shared cell, the student's cells, and then the tests.

    Args:
        student: the student's cells.
        tests: the test cells; their ids are "test-0", "test-1", ...
        solution: what the instructor wrote in the first of the student's cells.
        shared: the instructor's first cell.
        files: files beside the notebook.
        limits: of time and output.
    """
    own = [student] if isinstance(student, str) else student
    checks = [tests] if isinstance(tests, str) else tests
    cells = [cell("shared", "shared", shared)]
    for i, source in enumerate(own):
        reference = textwrap.dedent(solution) if i == 0 else ""
        cells.append(cell(f"student-{i}", "student", source, solution=reference))
    cells += [cell(f"test-{i}", "test", source) for i, source in enumerate(checks)]
    return {
        "schema": 1,
        "key": "test",
        "language": "en",
        "kernel": {"name": "python3", "language": "python"},
        "cells": cells,
        "files": files or [],
        "limits": {"cell_s": 10, "notebook_s": 60} | limits,
        "seed": 0,
    }


def states(result: dict[str, Any]) -> list[str]:
    """The states of the test cells, in order."""
    assert result["status"] == "ok", result["reason"]
    return [r["state"] for name, r in result["cells"].items() if name.startswith("test")]
