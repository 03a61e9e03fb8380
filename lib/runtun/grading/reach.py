"""Before an assignment is released: does every test reach what students will write?

Tests run where student code never ran, and some cannot work that way: a test that takes gradients
through a student's function, say. The instructor's own solution, graded as if a student had
written it, tells which.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtun.grading.bundle import Bundle
from runtun.grading.pipeline import make_task
from runtun.grading.rebuild import Rebuilt, RebuiltCell
from runtun.grading.runner import Runner


@dataclass(frozen=True)
class OutOfReach:
    """A test that the solution does not pass in the isolated grader.

    Args:
        grade_id: nbgrader's name of the test.
        line: of the test, where it stopped; None if unknown.
        reason: the exception, in one line.
    """

    grade_id: str
    line: int | None
    reason: str


def unreached_tests(source: str | Path | Bundle, runner: Runner) -> list[OutOfReach]:
    """Return the tests that the instructor's own solution fails when `runner` runs it.

    Args:
        source: the instructor's notebook, with solutions.
        runner: an isolated one.

    Raises:
        RuntimeError: the runner could not do its work.
    """
    bundle = source if isinstance(source, Bundle) else Bundle.load(source)
    cells = [
        RebuiltCell(c.id, c.role, c.cell_type, c.source if c.solution is None else c.solution, c)
        for c in bundle.cells
    ]
    outcome = runner.run(make_task(Rebuilt(bundle, tuple(cells), "en")))
    if outcome["status"] != "ok":
        raise RuntimeError(f"{bundle.name}: {outcome['reason']}")
    found = []
    for cell in bundle.cells:
        record = outcome["cells"].get(cell.id)
        if cell.role != "test" or record is None or record["state"] == "ok":
            continue
        error = record["error"] or {"name": record["state"], "message": "", "line": None}
        reason = f"{error['name']}: {error['message']}".splitlines()[0].rstrip(": ")
        found.append(OutOfReach(cell.grade_id or cell.id, error["line"], reason))
    return found
