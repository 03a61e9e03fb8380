"""Whatever lies in a course folder: a clear line, nothing half-written, the rest graded."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runtun.cli import main
from runtun.grading import CourseError, commands, gradebook
from runtun.grading.course import Course
from runtun.grading.session import Session, Verdict
from runtun.grading.words import reason_in
from tests.grading.support import COURSE, ScriptedRunner, cell_of, released, submission
from tests.support import ROOT, require


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course folder of one's own with five submissions."""
    shutil.copytree(COURSE, tmp_path / "course")
    for number in range(5):
        text = f"def square(x):\n    return x * x  # {number}\n"
        hand_in(tmp_path / "course", f"s{number}", submission(square=text))
    return tmp_path / "course"


def hand_in(root: Path, student: str, notebook: dict[str, Any]) -> Path:
    folder = root / "submitted" / student / "ps1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "p1.ipynb").write_text(json.dumps(notebook))
    return folder


def open_session(root: Path, **settings: Any) -> Session:
    return Session(Course(root, **settings), "ps1", ScriptedRunner.identity)


def points(verdicts: list[Verdict]) -> dict[str, float]:
    return {v.student: v.points for v in verdicts}


EVERYBODY = {f"s{number}": 5 for number in range(5)}


@pytest.mark.parametrize("what", ["a folder", "a text", "half a database"])
def test_an_unreadable_gradebook_is_one_line_and_stays_as_it_is(root: Path, what: str) -> None:
    path = root / "gradebook.db"
    if what == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"SQLite format 3\0" + b"x" * 500 if "half" in what else b"text " * 99)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(CourseError, match=r"gradebook\.db") as caught:
        open_session(root).grade(ScriptedRunner)
    assert "\n" not in str(caught.value)
    assert before is None or path.read_bytes() == before
    assert not (root / "feedback").exists()


def test_a_source_that_went_missing_touches_nothing(root: Path) -> None:
    open_session(root).grade(ScriptedRunner)
    kept = (root / "gradebook.db").read_bytes()
    (root / "source" / "ps1" / "p1.ipynb").unlink()
    with pytest.raises(CourseError, match="unknown assignment 'ps1'"):
        open_session(root)
    assert (root / "gradebook.db").read_bytes() == kept


def test_a_release_with_other_tests_is_said_at_the_start(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Students saw tests that are not those that count: no fault of theirs."""
    monkeypatch.setattr(commands, "make_runner", lambda **_: ScriptedRunner())
    path = root / "release" / "ps1" / "p1.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(released()))
    assert main(["grade", str(root), "ps1"]) == 1
    assert "released with other tests" not in capsys.readouterr().err
    notebook = released()
    cell_of(notebook, "test_square")["source"] = "assert square(2) == 4"
    notebook["cells"].remove(cell_of(notebook, "test_total"))
    path.write_text(json.dumps(notebook))
    assert main(["grade", str(root), "ps1"]) == 1
    line = "released with other tests than the source has now (p1/test_square, p1/test_total)"
    assert line in capsys.readouterr().err


@pytest.mark.parametrize(
    ("first", "second"),
    [(b"jos\xe9", b"jos\xff"), ("jos\u00e9".encode(), "jose\u0301".encode())],
    ids=["not text", "composed otherwise"],
)
def test_of_two_folders_with_one_name_neither_is_graded(
    root: Path, first: bytes, second: bytes
) -> None:
    """In the gradebook the second would take the place of the first."""
    for name in (first, second):
        hand_in(root, name.decode("utf-8", "surrogateescape"), submission())
    verdicts = open_session(root).grade(ScriptedRunner)
    twins = [v for v in verdicts if v.status == "error"]
    assert len(twins) == 2
    assert reason_in("en", twins[0].reason).startswith("two folders have this name")
    assert points([v for v in verdicts if v not in twins]) == EVERYBODY
    with sqlite3.connect(root / "gradebook.db") as db:
        assert {name for (name,) in db.execute("select id from student")} == set(EVERYBODY)


def test_a_clock_that_is_ahead_is_noticed(root: Path) -> None:
    ahead = datetime.now(UTC) + timedelta(days=1)
    lines = ["student,assignment,arrived", f"s0,ps1,{ahead.isoformat()}"]
    lines += ["s1,ps1,2026-09-14T20:00:00+07:00"]
    (root / "arrivals.csv").write_text("\n".join(lines))
    found = {v.student: v for v in open_session(root).grade(ScriptedRunner)}
    assert points(list(found.values())) == EVERYBODY
    assert found["s0"].notes == (f"future: {ahead.isoformat()}",)
    assert found["s1"].notes == ()


def test_of_several_arrivals_the_last_counts(root: Path) -> None:
    (root / "arrivals.csv").write_text(
        "student,assignment,arrived\n"
        "s0,ps1,2026-09-14T21:00:00+07:00\n"
        "s0,ps1,2026-09-15T00:59:00+07:00\n"
        "s0,ps1,2026-09-14T22:00:00+07:00\n"
    )
    found = {v.student: v for v in open_session(root).grade(ScriptedRunner)}
    assert found["s0"].late_seconds == 3600


def locked(root: Path) -> sqlite3.Connection:
    """Hold the gradebook as another program would."""
    other = sqlite3.connect(
        root / "gradebook.db", isolation_level=None, timeout=5, check_same_thread=False
    )
    other.execute("begin exclusive")
    return other


def test_a_gradebook_locked_for_a_moment_is_waited_for(root: Path) -> None:
    quick = f"sqlite:///{root / 'gradebook.db'}?timeout=0.05"
    held: list[sqlite3.Connection] = []

    def lock_once(_verdict: Verdict, done: int, _total: int) -> None:
        if done == 2:
            held.append(locked(root))
            threading.Timer(0.5, held[0].close).start()

    verdicts = open_session(root, db_url=quick).grade(ScriptedRunner, progress=lock_once)
    assert held
    assert points(verdicts) == EVERYBODY


def test_a_gradebook_that_stays_locked_is_one_line_and_nothing_runs_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradebook, "_LOCKED_TRIES", 2)
    quick = f"sqlite:///{root / 'gradebook.db'}?timeout=0.05"
    held: list[sqlite3.Connection] = []

    def lock(_verdict: Verdict, done: int, _total: int) -> None:
        if done == 2:
            held.append(locked(root))

    with pytest.raises(CourseError, match=r"gradebook\.db.*: database is locked"):
        open_session(root, db_url=quick).grade(ScriptedRunner, progress=lock)
    with pytest.raises(CourseError, match="locked"):
        open_session(root, db_url=quick).grade(ScriptedRunner)
    held[0].close()
    rest = ScriptedRunner()
    assert points(open_session(root).grade(lambda: rest)) == EVERYBODY
    assert len(rest.tasks) <= 2


# In a small file system of its own: grade until it is full, make room, grade again.
FULL_DISK = """
import json, os, subprocess, sys
from pathlib import Path
sys.path.insert(0, {repository!r})
disk = Path({disk!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], check=True)
subprocess.run(["cp", "-r", {course!r}, disk / "course"], check=True)
from runtun.cli import main
from runtun.grading import commands
from tests.grading.support import ScriptedRunner

PRINTED = [dict(output_type="stream", name="stdout", text="x" * 90_000)]
commands.make_runner = lambda **_: ScriptedRunner({{"square": dict(state="ok", outputs=PRINTED)}})
root = disk / "course"
print("first", main(["grade", str(root), "ps1", "--jobs", "1", "--json"]), flush=True)
ballast = disk / "ballast"
for path in [root / "feedback", root / "autograded", root / ".runtun"]:
    subprocess.run(["rm", "-r", path], check=True)
with open(ballast, "wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        file.truncate(file.tell() - 400_000)
print("full", main(["grade", str(root), "ps1", "--jobs", "1"]), flush=True)
print("parts", len(list(root.rglob("*.part"))), flush=True)
ballast.unlink()
print("again", main(["grade", str(root), "ps1", "--jobs", "1", "--json"]), flush=True)
"""


@pytest.mark.sandbox
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(root: Path, tmp_path: Path) -> None:
    unshare = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--mount"]
    possible = subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0
    require(possible, "no user namespaces", "apt-get install util-linux, allow user namespaces")
    (tmp_path / "disk").mkdir()
    program = FULL_DISK.format(repository=str(ROOT), disk=str(tmp_path / "disk"), course=str(root))
    done = subprocess.run(
        [*unshare, sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("{")] == [
        "first 1",
        "full 2",
        "parts 0",
        "again 1",
    ], done.stderr
    assert "no room left on the disk" in done.stderr or "disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    first, again = (json.loads(line)["submissions"] for line in lines if line.startswith("{"))
    assert [one["points"] for one in first] == [5] * 5
    assert again == first
