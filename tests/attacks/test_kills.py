"""Whatever is killed, whenever: the next run ends with the verdicts of an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runtun.grading.isolated import IsolatedRunner
from runtun.grading.sandbox import SandboxError, tree_of
from tests.attacks.support import SECOND, released, source_notebook, submission
from tests.support import require

pytestmark = [pytest.mark.sandbox, pytest.mark.slow, pytest.mark.timeout(3600)]
ROUNDS = int(os.environ.get("RUNTUN_KILLS", "0")) or (
    10 if os.environ.get("RUNTUN_REQUIRE") == "all" else 3
)
SUBMISSIONS = {
    "right": submission(),
    "half": submission("def total(x): return sum(x)\ndef apply(f, xs): return None"),
    "wrong": submission("def total(x): return 0", "def double(x): return x"),
    "blank": released(),
    "ends-itself": submission("import os\ndef total(x): os._exit(0)", SECOND),
    "slow": submission("import time\ntime.sleep(1)\ndef total(x): return sum(x)"),
}


def lay_out(root: Path) -> Path:
    """A course with one assignment and six submissions."""
    notebooks = {"source": source_notebook()}
    notebooks |= {f"submitted/{name}": notebook for name, notebook in SUBMISSIONS.items()}
    for folder, notebook in notebooks.items():
        path = root / folder / "attack" / "attack.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook))
    return root


def start(root: Path) -> subprocess.Popen[str]:
    """Begin to grade, as a person would."""
    command = "import sys; from runtun.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", command, "grade", str(root), "attack", "--jobs", "2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The verdicts of a run that came to its end."""
    out, err = process.communicate(timeout=300)
    assert process.returncode in (0, 1), err
    return {
        one["student"]: (one["status"], one["points"]) for one in json.loads(out)["submissions"]
    }


def written(root: Path) -> list[tuple[Any, ...]]:
    """What nbgrader's gradebook holds."""
    with sqlite3.connect(root / "gradebook.db") as database:
        return sorted(
            database.execute(
                "select student.id, grade_cell.auto_score, grade_cell.needs_manual_grade "
                "from grade as grade_cell "
                "join submitted_notebook on grade_cell.notebook_id = submitted_notebook.id "
                "join submitted_assignment "
                "on submitted_notebook.assignment_id = submitted_assignment.id "
                "join student on submitted_assignment.student_id = student.id"
            ).fetchall(),
            key=str,
        )


def test_killing_anything_at_any_moment_changes_no_verdict(tmp_path: Path) -> None:
    try:
        with IsolatedRunner() as probe:
            probe.check()
    except SandboxError as error:
        require(False, str(error), "apt-get install bubblewrap, and allow user namespaces")
    begin = time.monotonic()
    root = lay_out(tmp_path / "undisturbed")
    expected = finish(start(root))
    duration = time.monotonic() - begin
    in_gradebook = written(root)
    assert expected["right"][1] == 6
    assert len(in_gradebook) == 5 * len(SUBMISSIONS)

    seed = int(os.environ.get("RUNTUN_SEED", "0")) or random.randrange(1 << 30)
    chance = random.Random(seed)
    for number in range(ROUNDS):
        root = lay_out(tmp_path / f"round-{number}")
        process = start(root)
        time.sleep(chance.uniform(0, duration))
        victim = chance.choice(tree_of(process.pid))
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            victim = 0
        process.communicate(timeout=300)
        found = finish(start(root))
        note = f"seed {seed}, round {number}, process {victim} of {process.pid}"
        assert found == expected, note
        assert written(root) == in_gradebook, note
