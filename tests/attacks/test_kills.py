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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runtun.grading.isolated import IsolatedRunner
from runtun.grading.sandbox import SandboxError, tree_of
from tests.attacks.support import SECOND, released, source_notebook, submission
from tests.support import require

pytestmark = [pytest.mark.sandbox, pytest.mark.slow, pytest.mark.timeout(3600)]
ROUNDS = int(os.environ.get("RUNTUN_KILLS", "0")) or (
    50 if os.environ.get("RUNTUN_REQUIRE") == "all" else 4
)
AT_ONCE = 2
SUBMISSIONS = {
    "right": submission(),
    "half": submission("def total(x): return sum(x)\ndef apply(f, xs): return None"),
    "wrong": submission("def total(x): return 0", "def double(x): return x"),
    "blank": released(),
    "ends-itself": submission("import os\ndef total(x): os._exit(0)", SECOND),
    "slow": submission("import time\ntime.sleep(0.5)\ndef total(x): return sum(x)"),
}
COMMAND = ["grade", "{root}", "attack", "--jobs", "2", "--json"]
# Forks drivers that have imported everything: the two seconds that takes are not what is tested.
DRIVERS = """
import json, os, sys
import alembic.script, nbgrader.api, nbgrader.coursedir, nbgrader.preprocessors, tqdm
import runtun.grading.report, runtun.grading.session
import runtun.grading.isolated
from runtun.cli import main

print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.chdir(order["folder"])
        for number, name in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
        code = main(order["arguments"])
        sys.stdout.flush()
        os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Drivers:
    """Starts `runtun grade`, one at a time, each in a process of its own."""

    def __init__(self) -> None:
        self.source = subprocess.Popen(
            [sys.executable, "-c", DRIVERS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self.source.stdout is not None
        assert self.source.stdout.readline() == "ready\n"

    def start(self, root: Path) -> int:
        """Begin to grade; return the number of the process."""
        assert self.source.stdin is not None
        assert self.source.stdout is not None
        order = {"folder": str(root), "out": f"{root}.out", "err": f"{root}.err"}
        order["arguments"] = [part.format(root=root) for part in COMMAND]  # type: ignore[assignment]
        self.source.stdin.write(json.dumps(order) + "\n")
        self.source.stdin.flush()
        return int(self.source.stdout.readline())

    def wait(self) -> int:
        """Wait for the end of what was started; return its exit code."""
        assert self.source.stdout is not None
        return int(self.source.stdout.readline())

    def run(self, root: Path) -> dict[str, Any]:
        """Grade to the end."""
        self.start(root)
        code = self.wait()
        assert code in (0, 1), Path(f"{root}.err").read_text()
        return verdicts(Path(f"{root}.out").read_text())


@contextmanager
def drivers() -> Iterator[Drivers]:
    """Something that starts drivers, until it is no more needed."""
    made = Drivers()
    try:
        yield made
    finally:
        made.source.kill()
        made.source.communicate()


def lay_out(root: Path) -> Path:
    """A course with one assignment and six submissions."""
    notebooks = {"source": source_notebook()}
    notebooks |= {f"submitted/{name}": notebook for name, notebook in SUBMISSIONS.items()}
    for folder, notebook in notebooks.items():
        path = root / folder / "attack" / "attack.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook))
    return root


def verdicts(out: str) -> dict[str, Any]:
    """What `--json` says of each student."""
    return {
        one["student"]: (one["status"], one["points"]) for one in json.loads(out)["submissions"]
    }


def from_cold(root: Path) -> dict[str, Any]:
    """Grade as a person would."""
    command = "import sys; from runtun.cli import main; sys.exit(main())"
    arguments = [part.format(root=root) for part in COMMAND]
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return verdicts(done.stdout)


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
    root = lay_out(tmp_path / "undisturbed")
    expected = from_cold(root)
    in_gradebook = written(root)
    assert expected["right"][1] == 6
    assert len(in_gradebook) == 5 * len(SUBMISSIONS)
    seed = int(os.environ.get("RUNTUN_SEED", "0")) or random.randrange(1 << 30)

    def rounds(first: int) -> int:
        hit = 0
        with drivers() as made:
            begin = time.monotonic()
            assert made.run(lay_out(tmp_path / f"quiet-{first}")) == expected
            duration = time.monotonic() - begin
            for number in range(first, ROUNDS, AT_ONCE):
                chance = random.Random(f"{seed} {number}")
                root = lay_out(tmp_path / f"round-{number}")
                driver = made.start(root)
                time.sleep(chance.uniform(0, duration))
                victim = chance.choice(tree_of(driver))
                try:
                    os.kill(victim, signal.SIGKILL)
                    hit += 1
                except ProcessLookupError:
                    victim = 0
                made.wait()
                note = f"seed {seed}, round {number}, process {victim} of driver {driver}"
                assert made.run(root) == expected, note
                assert written(root) == in_gradebook, note
        return hit

    with ThreadPoolExecutor(AT_ONCE) as pool:
        hit = sum(pool.map(rounds, range(AT_ONCE)))
    assert hit >= ROUNDS // 2  # the others had come to their end
