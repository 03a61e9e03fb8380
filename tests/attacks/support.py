"""The assignment that the attacks are made on, and a course folder to make them in."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

HERE = Path(__file__).parent
SECRET = "S3CRET-EXPECTED-4711"
FULL = 6.0
TESTS = ("visible", "hidden", "all", "partial", "second")

SETUP = "import numpy as np\n"
WORK = '''
def total(x):
    """Return the sum of x."""
    ### BEGIN SOLUTION
    result = 0
    for value in x:
        result = result + value
    return result
    ### END SOLUTION


def apply(f, xs):
    """Return f of every x."""
    ### BEGIN SOLUTION
    return [f(x) for x in xs]
    ### END SOLUTION
'''
SECOND = '''
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
'''
VISIBLE = "assert total([1, 2]) == 3, 'total([1, 2]) must be 3'\n"
HIDDEN = f"""
### BEGIN HIDDEN TESTS
SECRET = "{SECRET}"
x = np.random.default_rng(4711).normal(size=5)
expected = float(x.sum())
assert np.isclose(total(x), expected)
assert apply(lambda v: v == SECRET, ["a", "b"]) == [False, False]
### END HIDDEN TESTS
"""
ALL = """
### BEGIN HIDDEN TESTS
def right(case):
    expected = sum(case)
    return total(list(case)) == expected

assert all(map(right, [(1, 2), (3,), (5, 6, 7)]))
### END HIDDEN TESTS
"""
PARTIAL = """
cases = [(4, 4, 1), (2, 2, 2, 2)]
sum(total(list(case)) == sum(case) for case in cases) / len(cases)
"""
LAST = "assert double(4) == 8\n"


def _cell(grade_id: str, source: str, points: float | None = None) -> dict[str, Any]:
    solution = grade_id in ("work", "second_work")
    mark: dict[str, Any] = {
        "schema_version": 3,
        "grade_id": grade_id,
        "solution": solution,
        "grade": points is not None,
        "locked": not solution,
        "task": False,
    }
    if points is not None:
        mark["points"] = points
    cell = nbformat.v4.new_code_cell(source.strip(), metadata={"nbgrader": mark})
    cell["id"] = grade_id.replace("_", "-")
    return cell


def source_notebook() -> dict[str, Any]:
    """The instructor's notebook."""
    cells = [
        _cell("setup", SETUP),
        _cell("work", WORK),
        _cell("visible", VISIBLE, 1),
        _cell("hidden", HIDDEN, 2),
        _cell("all", ALL, 1),
        _cell("partial", PARTIAL, 1),
        _cell("second_work", SECOND),
        _cell("second", LAST, 1),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    return json.loads(nbformat.writes(notebook))


@cache
def _released() -> str:
    from nbgrader import preprocessors as steps

    notebook = nbformat.reads(json.dumps(source_notebook()), as_version=4)
    resources: dict[str, Any] = {}
    for step in (
        *(steps.LockCells, steps.ClearSolutions, steps.ClearOutput, steps.ComputeChecksums),
        *(steps.ClearHiddenTests, steps.ComputeChecksums),
    ):
        notebook, resources = step().preprocess(notebook, resources)
    return nbformat.writes(notebook)


def released() -> dict[str, Any]:
    """What students receive."""
    return copy.deepcopy(json.loads(_released()))


def cell_of(notebook: dict[str, Any], grade_id: str) -> dict[str, Any]:
    """Find a cell by nbgrader's name."""
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id:
            return cell
    raise KeyError(grade_id)


def submission(work: str = WORK, second: str = SECOND) -> dict[str, Any]:
    """A released notebook with a student's work in it."""
    notebook = released()
    cell_of(notebook, "work")["source"] = work
    cell_of(notebook, "second_work")["source"] = second
    return notebook


def make_course(root: Path) -> Path:
    """Lay a course folder with secrets in it."""
    for folder in ("source/attack", "submitted/other/attack"):
        (root / folder).mkdir(parents=True)
    text = json.dumps(source_notebook())
    (root / "source/attack/attack.ipynb").write_text(text)
    (root / "submitted/other/attack/attack.ipynb").write_text(json.dumps(submission()))
    (root / "gradebook.db").write_bytes(b"SQLite format 3\0" + SECRET.encode())
    (root / "notes.txt").write_text(SECRET)
    return root


def fingerprint(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, with its mode and content."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mode, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
