"""Grading a class: everyone gets a verdict, nothing runs twice, nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtun.grading import CourseError
from runtun.grading.course import Course
from runtun.grading.session import Session, Verdict
from tests.grading.support import COURSE, SOURCE, ScriptedRunner, released, submission

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course folder of one's own."""
    shutil.copytree(COURSE, tmp_path / "course")
    return tmp_path / "course"


def hand_in(root: Path, student: str, notebook: dict[str, Any] | str | bytes) -> Path:
    folder = root / "submitted" / student / "ps1"
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(notebook) if isinstance(notebook, dict) else notebook
    content = content.encode() if isinstance(content, str) else content
    (folder / "p1.ipynb").write_bytes(content)
    return folder


def grade(root: Path, runner: ScriptedRunner | None = None, **settings: Any) -> dict[str, Verdict]:
    runner = runner or ScriptedRunner()
    session = Session(Course(root), "ps1", runner.identity)
    return {v.student: v for v in session.grade(lambda: runner, **settings)}


def rows(root: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Read the gradebook as any other program would."""
    with sqlite3.connect(root / "gradebook.db") as db:
        found = db.execute(
            "select a.student_id, c.name, g.auto_score, g.manual_score, g.needs_manual_grade "
            "from grade g join base_cell c on c.id = g.cell_id "
            "join submitted_notebook n on n.id = g.notebook_id "
            "join submitted_assignment a on a.id = n.assignment_id"
        ).fetchall()
    return {(student, cell): tuple(rest) for student, cell, *rest in found}


def mark_by_hand(root: Path, student: str, cell: str, points: float) -> None:
    with sqlite3.connect(root / "gradebook.db") as db:
        db.execute(
            "update grade set manual_score = ?, needs_manual_grade = 0 where id in ("
            "select g.id from grade g join base_cell c on c.id = g.cell_id "
            "join submitted_notebook n on n.id = g.notebook_id "
            "join submitted_assignment a on a.id = n.assignment_id "
            "where a.student_id = ? and c.name = ?)",
            (points, student, cell),
        )


def test_one_spoiled_submission_never_stops_the_others(root: Path) -> None:
    hand_in(root, "a_broken", "{")
    hand_in(root, "b_binary", b"\xff\xfe\0\0")
    hand_in(root, "c_deep", "[" * 100_000)
    (hand_in(root, "d_link", "") / "p1.ipynb").unlink()
    (root / "submitted" / "d_link" / "ps1" / "p1.ipynb").symlink_to(SOURCE)
    (root / "submitted" / "e_linked").symlink_to(root / "submitted" / "a_broken")
    (root / "submitted" / "f_empty" / "ps1").mkdir(parents=True)
    hand_in(root, "g other ünïcode", {"cells": [], "metadata": {}})
    odd = submission()
    for cell in odd["cells"]:
        cell["metadata"]["nbgrader"] = {}
    hand_in(root, "h_odd", odd)
    hand_in(root, "z_honest", submission())
    verdicts = grade(root, jobs=2)
    codes = {name: verdict.reason.partition(":")[0] for name, verdict in verdicts.items()}
    assert codes == {
        "a_broken": "not_json",
        "b_binary": "nul",
        "c_deep": "too_deep",
        "d_link": "link",
        "e_linked": "link",
        "f_empty": "missing",
        "g other ünïcode": "other_assignment",
        "h_odd": "",
        "z_honest": "",
    }
    assert {verdicts[name].points for name in ("h_odd", "z_honest")} == {5}
    assert rows(root)["z_honest", "test_square"] == (2, None, 0)
    assert rows(root)["a_broken", "test_square"] == (0, None, 1)


def test_a_second_run_runs_nothing_and_changes_nothing(root: Path) -> None:
    hand_in(root, "ani", submission())
    hand_in(root, "budi", released())
    first = ScriptedRunner()
    before = grade(root, first)
    kept = rows(root)
    second = ScriptedRunner()
    after = grade(root, second)
    assert len(first.tasks) == 2
    assert second.tasks == []
    assert {n: v.points for n, v in before.items()} == {n: v.points for n, v in after.items()}
    assert rows(root) == kept


def test_outputs_are_written_and_not_kept_in_memory(root: Path) -> None:
    text = "a long output\n" * 1000
    output = {"output_type": "stream", "name": "stdout", "text": text}
    hand_in(root, "ani", submission())
    runner = ScriptedRunner({"square": {"state": "ok", "outputs": [output]}})
    verdict = grade(root, runner)["ani"]
    assert "a long output" in (root / "feedback" / "ani" / "ps1" / "p1.html").read_text()
    assert "a long output" in (root / "autograded" / "ani" / "ps1" / "p1.ipynb").read_text()
    assert [graded.outcome for graded in verdict.notebooks.values()] == [{}]


def test_equal_work_runs_once_and_changed_work_again(root: Path) -> None:
    hand_in(root, "ani", submission())
    hand_in(root, "budi", submission())
    runner = ScriptedRunner()
    grade(root, runner, jobs=2)
    assert len(runner.tasks) == 1
    hand_in(root, "budi", submission(square="def square(x): return x ** 2"))
    again = ScriptedRunner()
    grade(root, again)
    assert len(again.tasks) == 1


def test_a_changed_test_grades_again(root: Path) -> None:
    hand_in(root, "ani", submission())
    grade(root)
    source = root / "source" / "ps1" / "p1.ipynb"
    source.write_text(source.read_text().replace("square(3) == 9", "square(5) == 25"))
    runner = ScriptedRunner()
    grade(root, runner)
    assert len(runner.tasks) == 1


def test_results_of_a_run_without_walls_are_shown_but_not_believed(root: Path) -> None:
    """`runtun status` shows what there is; a safe run runs again what ran unsafely."""
    hand_in(root, "ani", submission())
    unsafe, safe = ScriptedRunner(), ScriptedRunner()
    unsafe.identity = "without walls"
    grade(root, unsafe)
    both = Session(Course(root), "ps1", safe.identity, unsafe.identity)
    assert [one.points for one in both.known() if isinstance(one, Verdict)] == [5]
    assert not any(isinstance(o, Verdict) for o in Session(Course(root), "ps1", "safe").known())
    grade(root, safe)
    assert len(safe.tasks) == 1


def test_a_failure_of_the_machinery_is_tried_again(root: Path) -> None:
    hand_in(root, "ani", submission())
    failed = grade(root, ScriptedRunner(status="failed"))
    assert (failed["ani"].status, failed["ani"].reason) == ("error", "no room")
    assert ("ani", "test_square") not in rows(root)
    assert grade(root)["ani"].points == 5


def test_a_runner_that_raises_costs_one_verdict_not_the_class(root: Path) -> None:
    class Fragile(ScriptedRunner):
        def run(self, task: dict[str, Any]) -> dict[str, Any]:
            if "boom" in json.dumps(task):
                raise OSError("disk full")
            return super().run(task)

    hand_in(root, "ani", submission(square="boom"))
    hand_in(root, "budi", submission())
    verdicts = grade(root, Fragile())
    assert verdicts["ani"].status == "error"
    assert "disk full" in verdicts["ani"].reason
    assert verdicts["budi"].points == 5


def test_manual_marks_win_and_survive(root: Path) -> None:
    hand_in(root, "ani", submission())
    grade(root)
    mark_by_hand(root, "ani", "why", 1.5)
    mark_by_hand(root, "ani", "test_square", 0.5)
    verdict = grade(root)["ani"]
    assert (verdict.points, verdict.waiting, verdict.status) == (5.0, 0, "graded")
    assert rows(root)["ani", "test_square"] == (2, 0.5, 0)
    assert rows(root)["ani", "why"] == (None, 1.5, 0)


def test_marks_on_older_work_ask_for_a_second_look(root: Path) -> None:
    hand_in(root, "ani", submission())
    grade(root)
    mark_by_hand(root, "ani", "why", 1.5)
    hand_in(root, "ani", submission(answer="Something else."))
    grade(root)
    assert rows(root)["ani", "why"] == (None, 1.5, 1)


def test_the_collectors_clock_counts_and_the_students_does_not(root: Path) -> None:
    for name in ("ani", "budi"):
        folder = hand_in(root, name, submission())
        (folder / "timestamp.txt").write_text("2020-01-01 00:00:00 UTC")
    (root / "arrivals.csv").write_text(
        "student,assignment,arrived\nani,ps1,2026-09-15T01:59:00+07:00\n"
    )
    verdicts = grade(root)
    assert verdicts["ani"].late_seconds == 2 * 3600
    assert verdicts["ani"].points == 5
    assert verdicts["ani"].arrival.trusted
    assert not verdicts["budi"].arrival.trusted


@pytest.mark.parametrize("row", ["ani,ps1,yesterday", "ani,ps1,2026-09-15T01:59:00", "ani"])
def test_a_spoiled_arrivals_table_is_one_clear_line(root: Path, row: str) -> None:
    hand_in(root, "ani", submission())
    (root / "arrivals.csv").write_text(f"student,assignment,arrived\n{row}\n")
    with pytest.raises(CourseError, match="line 2: expected student,assignment,arrived"):
        grade(root)


def test_the_courses_own_rule_for_late_work_is_kept(root: Path) -> None:
    config = root / "nbgrader_config.py"
    config.write_text(config.read_text() + '\nc.LateSubmissionPlugin.penalty_method = "zero"\n')
    hand_in(root, "ani", submission())
    (root / "arrivals.csv").write_text(
        "student,assignment,arrived\nani,ps1,2026-09-15T01:59:00+07:00\n"
    )
    verdict = grade(root)["ani"]
    assert (verdict.penalty, verdict.points) == (5, 0)


def test_autograded_notebooks_serve_the_form_grader(root: Path) -> None:
    import nbformat
    from nbgrader.nbgraderformat import MetadataValidator

    hand_in(root, "ani", submission())
    grade(root)
    path = root / "autograded" / "ani" / "ps1" / "p1.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    assert (path.parent / "numbers.csv").exists()


def test_feedback_can_go_back_through_the_exchange(root: Path) -> None:
    """`nbgrader release_feedback` finds the student by these two files, and follows no link."""
    folder = hand_in(root, "ani", submission())
    (folder / "timestamp.txt").write_text("2026-09-14 10:00:00.000000 UTC")
    (folder / "submission_secret.txt").write_text("only-ani-knows")
    other = hand_in(root, "budi", submission())
    (other / "submission_secret.txt").symlink_to(folder / "submission_secret.txt")
    grade(root)
    feedback = root / "feedback"
    assert (feedback / "ani/ps1/timestamp.txt").read_text().startswith("2026-09-14 10:00")
    assert (feedback / "ani/ps1/submission_secret.txt").read_text() == "only-ani-knows"
    assert not (feedback / "budi/ps1/submission_secret.txt").exists()


def test_the_form_grader_lists_everyone_as_graded(root: Path, monkeypatch) -> None:
    from nbgrader.apps import NbGraderAPI

    monkeypatch.chdir(root)
    for name in ("ani", "budi", "citra"):
        folder = hand_in(root, name, submission() if name != "citra" else "{")
        if name != "ani":
            (folder / "timestamp.txt").write_text("2020-01-01 00:00:00 UTC")
    (root / "arrivals.csv").write_text(
        "student,assignment,arrived\n"
        "ani,ps1,2026-09-14T20:00:00+07:00\n"
        "citra,ps1,2026-09-14T21:00:00+07:00\n"
    )
    grade(root)
    course = Course(root)
    listed = NbGraderAPI(course.directory, config=course.config).get_submissions("ps1")
    assert [
        (s["student"], s["autograded"], s["score"], s["needs_manual_grade"]) for s in listed
    ] == [
        ("ani", True, 5, True),
        ("budi", True, 5, True),
        ("citra", True, 0, True),
    ]
    assert listed[0]["timestamp"] == "2026-09-14T13:00:00"


def test_removed_cells_with_marks_stop_before_anything_is_lost(root: Path) -> None:
    hand_in(root, "ani", submission())
    grade(root)
    mark_by_hand(root, "ani", "test_total", 1)
    source = root / "source" / "ps1" / "p1.ipynb"
    notebook = json.loads(source.read_text())
    notebook["cells"] = [c for c in notebook["cells"] if c["id"] != "test-total"]
    source.write_text(json.dumps(notebook))
    with pytest.raises(CourseError, match="test_total"):
        grade(root)
    assert rows(root)["ani", "test_total"] == (3, 1, 0)


def test_removed_cells_without_marks_go(root: Path) -> None:
    hand_in(root, "ani", submission())
    grade(root)
    source = root / "source" / "ps1" / "p1.ipynb"
    notebook = json.loads(source.read_text())
    notebook["cells"] = [c for c in notebook["cells"] if c["id"] != "test-total"]
    source.write_text(json.dumps(notebook))
    assert grade(root)["ani"].max_points == 4
    assert ("ani", "test_total") not in rows(root)


def test_of_two_notebooks_a_missing_one_earns_nothing(root: Path) -> None:
    shutil.copy(SOURCE, root / "source" / "ps1" / "p2.ipynb")
    hand_in(root, "ani", submission())
    verdict = grade(root)["ani"]
    assert (verdict.status, verdict.points, verdict.max_points) == ("manual", 5, 14)


def test_a_wrong_file_name_is_named(root: Path) -> None:
    folder = hand_in(root, "ani", submission())
    (folder / "p1.ipynb").rename(folder / "p1 (1).ipynb")
    verdict = grade(root)["ani"]
    assert verdict.status == "rejected"
    assert verdict.notes == ("found: p1 (1).ipynb",)


def test_a_gradebook_that_is_none_is_one_clear_line(root: Path) -> None:
    hand_in(root, "ani", submission())
    (root / "gradebook.db").write_text("this is no database, but a text of some length")
    with pytest.raises(CourseError, match=r"gradebook\.db"):
        grade(root)


def test_a_fresh_gradebook_needs_no_alembic_on_the_path(root: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    hand_in(root, "ani", submission())
    assert grade(root)["ani"].points == 5
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        assert book.find_submission("ps1", "ani").score == 5


_DRIVER = """
import sys, time
sys.path.insert(0, {root!r})
from runtun.grading.course import Course
from runtun.grading.session import Session
from tests.grading.support import ScriptedRunner

class Slow(ScriptedRunner):
    def run(self, task):
        time.sleep(0.15)
        return super().run(task)

session = Session(Course({course!r}), "ps1", "scripted")
print("ready", flush=True)
session.grade(Slow, jobs=2, progress=lambda *_: print("one", flush=True))
print("finished", flush=True)
"""


def killed_after(course: Path, lines: int) -> None:
    """Grade in another process and kill it once it has reported so many submissions."""
    program = _DRIVER.format(root=str(ROOT), course=str(course))
    driver = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(lines):
            assert driver.stdout.readline(), "the driver ended before it was killed"
        time.sleep(0.02 * lines)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        driver.stdout.close()


def test_a_gradebook_whose_making_was_cut_off_is_finished(root: Path) -> None:
    with sqlite3.connect(root / "gradebook.db") as db:
        db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    hand_in(root, "ani", submission())
    assert grade(root)["ani"].points == 5
    with sqlite3.connect(root / "gradebook.db") as db:
        assert len(db.execute("select * from alembic_version").fetchall()) == 1


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(root: Path, tmp_path: Path) -> None:
    for number in range(8):
        text = f"def square(x):\n    return x * x  # {number}\n"
        hand_in(root, f"s{number}", submission(square=text))
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(root, undisturbed)
    expected = {n: v.to_json() for n, v in grade(undisturbed).items()}
    for lines in (1, 3, 5):
        killed_after(root, lines)
    rest = ScriptedRunner()
    found = {n: v.to_json() for n, v in grade(root, rest).items()}
    assert len(rest.tasks) < 8
    assert found == expected
    assert rows(root) == rows(undisturbed)
    assert len(list((root / "feedback").rglob("*.html"))) == 8
    assert not list(root.rglob("*.part"))


def test_ctrl_c_stops_cleanly_and_keeps_what_is_done(root: Path) -> None:
    for number in range(6):
        hand_in(root, f"s{number}", submission(square=f"def square(x): return x * x  # {number}"))

    def stop(_verdict: Verdict, done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(root, progress=stop)
    rest = ScriptedRunner()
    assert len(grade(root, rest)) == 6
    assert len(rest.tasks) <= 4


def test_two_drivers_do_not_write_at_once(root: Path) -> None:
    from runtun.grading.journal import one_at_a_time

    with (
        one_at_a_time(root / ".runtun" / "lock"),
        pytest.raises(CourseError, match="another `runtun grade`"),
        one_at_a_time(root / ".runtun" / "lock"),
    ):
        pytest.fail("two at once")
    with one_at_a_time(root / ".runtun" / "lock"):
        pass


def test_a_half_written_journal_entry_counts_as_none(root: Path) -> None:
    hand_in(root, "ani", submission())
    grade(root)
    for path in (root / ".runtun" / "journal").rglob("*.json"):
        path.write_text(path.read_text()[:20])
    runner = ScriptedRunner()
    assert grade(root, runner)["ani"].points == 5
    assert len(runner.tasks) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: shutil.rmtree(root), "does not exist"),
        (lambda root: (shutil.rmtree(root), root.write_text("")), "not a folder"),
        (lambda root: shutil.rmtree(root / "source"), "unknown assignment"),
        (lambda root: (root / "nbgrader_config.py").write_text("c = ("), "cannot be used"),
        (lambda root: (root / "nbgrader_config.py").write_text("1 / 0"), "ZeroDivisionError"),
        (
            lambda root: (root / "nbgrader_config.py").write_text(
                'c = get_config()\nc.Runtun.limits = {"cel_s": 1}'
            ),
            "cel_s",
        ),
        (
            lambda root: (root / "nbgrader_config.py").write_text(
                'c = get_config()\nc.Runtun.limits = {"ps1": {"cel_s": 1}}'
            ),
            "cel_s",
        ),
        (
            lambda root: (root / "nbgrader_config.py").write_text(
                'c = get_config()\nc.Runtun.limits = {"cell_s": "1 min"}'
            ),
            "expected a positive number",
        ),
        (
            lambda root: (root / "nbgrader_config.py").write_text(
                'c = get_config()\nc.Runtun.due = {"ps1": "tomorrow"}'
            ),
            "tomorrow",
        ),
        (lambda root: None, "nobody has handed in"),
    ],
)
def test_what_is_wrong_with_a_course_is_said_in_one_line(
    root: Path, change: Callable[[Path], object], message: str
) -> None:
    change(root)
    with pytest.raises(CourseError, match=message) as caught:
        grade(root)
    assert "\n" not in str(caught.value)


def test_an_assignment_may_have_limits_of_its_own(root: Path) -> None:
    (root / "nbgrader_config.py").write_text(
        'c = get_config()\nc.Runtun.limits = {"cell_s": 5, "notebook_s": 50, "ps1": {"cell_s": 9}}'
    )
    hand_in(root, "ani", submission())
    runner = ScriptedRunner()
    grade(root, runner)
    used = runner.tasks[0]["limits"]
    assert (used["cell_s"], used["notebook_s"], used["startup_s"]) == (9, 50, 120)
    assert "memory_mb" not in used
    assert Course(root).limits("ps2")["cell_s"] == 5
    (root / "nbgrader_config.py").write_text(
        'c = get_config()\nc.Runtun.limits = {"ps1": {"memory_mb": 9000, "processes": 9}}'
    )
    grade(root, runner)
    assert runner.tasks[1]["limits"].items() >= {"memory_mb": 9000, "processes": 9}.items()


def test_an_unknown_assignment_is_answered_with_the_known_ones(root: Path) -> None:
    with pytest.raises(CourseError, match=r"'ps2' \(did you mean ps1\?\); this course has: ps1"):
        Session(Course(root), "ps2", "scripted")
    with pytest.raises(CourseError, match="unknown assignment"):
        Session(Course(root), "../source/ps1", "scripted")


def test_a_folder_without_permission_is_one_clear_line(root: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # the superuser may read everything
    with pytest.raises(CourseError, match="no permission to read the course folder"):
        Course(root)
