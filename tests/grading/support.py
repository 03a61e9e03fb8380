"""Notebooks and courses that the grading tests take apart."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import nbformat

from runtun.grading import Bundle
from runtun.grading.runner import DEFAULT_LIMITS

COURSE = Path(__file__).parent / "course"
SOURCE = COURSE / "source" / "ps1" / "p1.ipynb"
RIGHT = "def square(x):\n    return x * x\n"
TOTAL = "def total(values):\n    return sum(values)\n"
ANSWER = "Because the derivative shrinks at each step."


def bundle() -> Bundle:
    """The fixture course's only assignment."""
    return Bundle.load(SOURCE)


def released() -> dict[str, Any]:
    """What a student of the fixture course receives."""
    from nbgrader import preprocessors as steps

    notebook = nbformat.read(SOURCE, as_version=4)
    resources: dict[str, Any] = {}
    for step in (
        steps.LockCells,
        steps.ClearSolutions,
        steps.ClearOutput,
        steps.ComputeChecksums,
        steps.ClearHiddenTests,
        steps.ComputeChecksums,
    ):
        notebook, resources = step().preprocess(notebook, resources)
    return json.loads(nbformat.writes(notebook))


def cell_of(notebook: dict[str, Any], grade_id: str) -> dict[str, Any]:
    """Find a cell by nbgrader's name."""
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id:
            return cell
    raise KeyError(grade_id)


def submission(
    square: str = RIGHT, total: str = TOTAL, answer: str | None = ANSWER
) -> dict[str, Any]:
    """A released notebook with a student's work in it."""
    notebook = copy.deepcopy(released())
    cell_of(notebook, "square")["source"] = square
    cell_of(notebook, "total")["source"] = total
    if answer is not None:
        cell_of(notebook, "why")["source"] = answer
    return notebook


def code_cell(source: str, **metadata: Any) -> dict[str, Any]:
    """A code cell as a notebook file holds it."""
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


class ScriptedRunner:
    """A runner that executes nothing and answers what the test wants.

    Args:
        states: by cell id: a state, or a whole record; every other cell is "ok".
    """

    identity = "scripted"

    def __init__(self, states: dict[str, Any] | None = None, status: str = "ok") -> None:
        self.states = states or {}
        self.status = status
        self.tasks: list[dict[str, Any]] = []

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        self.tasks.append(json.loads(json.dumps(task)))
        cells = {}
        for cell in task["cells"]:
            wanted = self.states.get(cell["id"], "ok")
            record = wanted if isinstance(wanted, dict) else {"state": wanted}
            cells[cell["id"]] = {"value": None, "error": None, "outputs": [], "seconds": 0.0}
            cells[cell["id"]] |= record
        reason = "" if self.status == "ok" else "no room"
        total = {"start": 0.0, "cells": 0.0, "total": 0.0}
        return {"status": self.status, "reason": reason, "cells": cells, "seconds": total}

    def close(self) -> None:
        """Nothing to end."""


LIMITS = {**DEFAULT_LIMITS, "cell_s": 5}
