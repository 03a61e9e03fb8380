"""An assignment proves itself: wrong and right answers beside the notebook, with what they earn.

`solutions/<slug>/mistakes.yml` lists mistakes that an instructor would recognise, each with the
tests it must fail (every other test must pass), and alternatives, which must pass everything:

    mistakes:
      - name: bias-forgotten
        about: The bias is left out of the step.
        cells: {rnn_step: "def rnn_step(...): ..."}
        fails: [step_value, step_edges]
    alternatives:
      - name: keras
        about: The same with Keras.
        cells: {framework_states: "def framework_states(...): ..."}

`cells` names solution cells by their nbgrader id; cells that are not named keep the model solution.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

_SOLUTION_MARK = re.compile(r"^[^\n]*\b(?:BEGIN|END) SOLUTION\b[^\n]*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Attempt:
    """One way to answer an assignment.

    Args:
        name: short, unique in its file.
        about: one sentence for whoever reads the file.
        cells: the text of solution cells, by nbgrader id; the others keep the model solution.
        fails: the nbgrader ids of the tests that this attempt must fail.
    """

    name: str
    about: str
    cells: Mapping[str, str]
    fails: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Proof:
    """What must be true of one assignment's tests.

    Args:
        source: the instructor's notebook.
        points: the points of each test cell, by nbgrader id.
        manual: the points of each cell that a person marks, by nbgrader id.
        solution: the model solution of each solution cell and answer cell, by nbgrader id.
        mistakes: wrong answers with the tests that must notice.
        alternatives: right answers written differently.
    """

    source: NotebookNode
    points: Mapping[str, float]
    manual: Mapping[str, float]
    solution: Mapping[str, str]
    mistakes: tuple[Attempt, ...]
    alternatives: tuple[Attempt, ...]

    def expected(self, attempt: Attempt) -> dict[str, float]:
        """Return the points that `attempt` must earn in each test cell."""
        return {
            test: 0.0 if test in attempt.fails else points for test, points in self.points.items()
        }


def read_proof(folder: Path) -> Proof:
    """Read `<slug>/<slug>.ipynb` and `<slug>/mistakes.yml`.

    Raises:
        ValueError: if an attempt names a cell or a test that the notebook does not have, a mistake
            fails no test, or a name is used twice.
    """
    folder = Path(folder)
    source = nbformat.read(folder / f"{folder.name}.ipynb", as_version=4)
    points: dict[str, float] = {}
    manual: dict[str, float] = {}
    solution: dict[str, str] = {}
    for cell in source.cells:
        mark = cell.metadata.get("nbgrader", {})
        if mark.get("grade"):
            (manual if mark.get("solution") else points)[mark.grade_id] = float(mark.points)
        if mark.get("solution"):
            solution[mark.grade_id] = _SOLUTION_MARK.sub("", cell.source).rstrip("\n")

    path = folder / "mistakes.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    attempts = {kind: _attempts(content.get(kind, [])) for kind in ("mistakes", "alternatives")}
    names = [attempt.name for group in attempts.values() for attempt in group]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: a name is used twice among {sorted(names)}.")
    for attempt in (*attempts["mistakes"], *attempts["alternatives"]):
        unknown = (set(attempt.cells) - set(solution)) | (attempt.fails - set(points))
        if unknown:
            raise ValueError(
                f"{path}: {attempt.name!r} names {sorted(unknown)}; the notebook has the solution "
                f"cells {sorted(solution)} and the tests {sorted(points)}."
            )
    for mistake in attempts["mistakes"]:
        if not mistake.fails:
            raise ValueError(f"{path}: the mistake {mistake.name!r} must fail at least one test.")
    return Proof(source, points, manual, solution, **attempts)


def fill_in(released: NotebookNode, cells: Mapping[str, str]) -> NotebookNode:
    """Return what a student would hand in: `released` with the text of some cells replaced.

    Args:
        released: a notebook of the release, in any language; stays as it is.
        cells: the new text of solution and answer cells, by nbgrader id.

    Raises:
        ValueError: if `released` has no such cell for a student to write in.
    """
    notebook = copy.deepcopy(released)
    open_cells = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    for grade_id, text in cells.items():
        if grade_id not in open_cells:
            raise ValueError(
                f"no cell {grade_id!r} to write in; there are {', '.join(open_cells)}."
            )
        open_cells[grade_id].source = text
    return notebook


def _attempts(entries: list[dict[str, Any]]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            name=entry["name"],
            about=entry["about"],
            cells={name: text.rstrip("\n") for name, text in entry["cells"].items()},
            fails=frozenset(entry.get("fails", ())),
        )
        for entry in entries
    )
