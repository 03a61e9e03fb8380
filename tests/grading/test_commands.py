"""The commands, as a person at a terminal meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from runtun.cli import main
from runtun.grading import commands
from tests.grading.support import COURSE, ScriptedRunner, cell_of, released, submission


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    """A course with three submissions and a runner that costs no time."""
    shutil.copytree(COURSE, tmp_path / "course")
    root = tmp_path / "course"
    for student, content in {
        "ani": json.dumps(submission()),
        "budi": json.dumps(released()),
        "citra": "{broken",
    }.items():
        folder = root / "submitted" / student / "ps1"
        folder.mkdir(parents=True)
        (folder / "p1.ipynb").write_text(content)
    monkeypatch.setattr(commands, "make_runner", lambda **_: ScriptedRunner())
    return root


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_grade_reports_writes_and_says_that_somebody_must_look(root: Path, capsys) -> None:
    code, out, err = run(capsys, "grade", root, "ps1", "--jobs", 2)
    assert code == 1
    assert "3 submissions (2 notebooks run): 1 to be marked, 1 graded, 1 could" in out
    assert "citra: the file is damaged: it is not a complete notebook" in err
    for path in (
        "reports/ps1/grades.csv",
        "reports/ps1/report.html",
        "feedback/ani/ps1/p1.html",
        "feedback/citra/ps1/p1.html",
        "autograded/ani/ps1/p1.ipynb",
        "gradebook.db",
    ):
        assert (root / path).is_file(), path


def test_grade_with_json_prints_json_and_nothing_else(root: Path, capsys) -> None:
    code, out, err = run(capsys, "grade", root, "ps1", "--json")
    found = {one["student"]: one for one in json.loads(out)["submissions"]}
    assert (code, err) == (1, "")
    assert found["ani"]["points"] == 5
    assert found["citra"]["status"] == "rejected"


def test_all_decided_is_exit_code_zero(root: Path, capsys) -> None:
    shutil.rmtree(root / "submitted" / "citra")
    shutil.rmtree(root / "submitted" / "ani")
    shutil.rmtree(root / "submitted" / "budi")
    folder = root / "submitted" / "dewi" / "ps1"
    folder.mkdir(parents=True)
    (folder / "p1.ipynb").write_text(json.dumps(submission(answer=None)))
    code, out, _ = run(capsys, "grade", root, "ps1")
    assert (code, "1 graded" in out) == (0, True)


def test_status_runs_nothing_and_says_why(root: Path, capsys) -> None:
    code, out, _ = run(capsys, "status", root, "ps1")
    assert code == 1
    assert out.count("not graded yet") == 2
    run(capsys, "grade", root, "ps1")
    _, out, _ = run(capsys, "status", root, "ps1")
    assert "5 / 7" in out
    assert "points waiting for a person: 2" in out
    assert "it is not a complete notebook" in out
    code, out, _ = run(capsys, "status", root, "ps1", "--json")
    assert len(json.loads(out)["submissions"]) == 3


def test_feedback_takes_in_what_a_person_marked(root: Path, capsys) -> None:
    from nbgrader.api import Gradebook

    run(capsys, "grade", root, "ps1")
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        book.find_grade("why", "p1", "ps1", "ani").manual_score = 1.5
        book.find_comment("why", "p1", "ps1", "ani").manual_comment = "Say more about products."
        book.db.commit()
    code, _, _ = run(capsys, "feedback", root, "ps1")
    page = (root / "feedback" / "ani" / "ps1" / "p1.html").read_text()
    assert code == 0
    assert "Say more about products." in page
    assert "1.5 / 2" in page
    assert ",6.5,7," in (root / "reports" / "ps1" / "grades.csv").read_text()


def test_another_gradebook_and_another_source_can_be_named(root: Path, tmp_path, capsys) -> None:
    (root / "source").rename(tmp_path / "elsewhere")
    database = tmp_path / "other.db"
    code, _, _ = run(
        capsys,
        "grade",
        root,
        "ps1",
        "--source",
        tmp_path / "elsewhere",
        "--db",
        f"sqlite:///{database}",
    )
    assert code == 1
    assert database.exists()
    assert not (root / "gradebook.db").exists()


@pytest.mark.parametrize("command", ["grade", "feedback", "status"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{root}/nowhere", "ps1"], "does not exist"),
        (["{root}", "ps9"], "unknown assignment 'ps9'"),
        (["{root}", "ps1", "--db", "nonsense"], "cannot use the gradebook nonsense"),
        (["{root}", "ps1", "--db", "sqlite:////nowhere/at/all.db"], "cannot open the gradebook"),
        (["{root}", "ps1", "--source", "{root}/submitted"], "unknown assignment"),
    ],
)
def test_usage_errors_are_one_line_and_exit_code_two(
    root: Path, capsys, command: str, arguments: list[str], message: str
) -> None:
    code, out, err = run(capsys, command, *(a.format(root=root) for a in arguments))
    assert (code, out) == (2, "")
    lines = [line for line in err.splitlines() if line.startswith("runtun")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in err


def test_debug_shows_the_traceback(root: Path) -> None:
    from runtun.grading import CourseError

    with pytest.raises(CourseError):
        main(["grade", str(root), "ps9", "--debug"])
    with pytest.raises(CourseError):
        main(["--debug", "grade", str(root), "ps9"])


def test_names_cannot_steer_the_terminal(root: Path, capsys) -> None:
    folder = root / "submitted" / "evil\x1b[2J" / "ps1"
    folder.mkdir(parents=True)
    (folder / "p1.ipynb").write_text("{")
    _, out, err = run(capsys, "grade", root, "ps1")
    _, listed, _ = run(capsys, "status", root, "ps1")
    assert "\x1b[2J" not in out + err + listed


def released_with(square: str) -> dict[str, Any]:
    notebook = released()
    cell_of(notebook, "square")["source"] = square
    return notebook


def test_check_shows_points_hints_and_what_is_still_to_come(tmp_path, capsys) -> None:
    shutil.copy(COURSE / "source" / "ps1" / "numbers.csv", tmp_path)
    path = tmp_path / "p1.ipynb"
    notebook = released_with("def square(x):\n    return x + x")
    notebook["metadata"]["runtun"] = {"language": "id"}
    path.write_text(json.dumps(notebook))
    before = path.read_bytes()
    code, out, _ = run(capsys, "check", path)
    assert code == 1
    assert "✗ test_square      0 / 2  belum benar" in out
    assert "square(3) must be 9: multiply x by itself" in out
    assert "0 dari 5 poin" in out
    assert "uji tersembunyi" in out
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["numbers.csv", "p1.ipynb"]


def test_check_counts_no_test_that_is_hidden_as_a_whole(tmp_path, capsys) -> None:
    shutil.copy(COURSE / "source" / "ps1" / "numbers.csv", tmp_path)
    path = tmp_path / "p1.ipynb"
    notebook = submission()
    cell_of(notebook, "test_square")["source"] = "# 2 points: hidden tests\n"
    path.write_text(json.dumps(notebook))
    code, out, _ = run(capsys, "check", path)
    assert code == 0
    assert "… test_square      – / 2  tested when it is graded" in out
    assert "3 of 3 points" in out


def test_check_passes_right_work_and_speaks_json(tmp_path, capsys) -> None:
    shutil.copy(COURSE / "source" / "ps1" / "numbers.csv", tmp_path)
    path = tmp_path / "p1.ipynb"
    path.write_text(json.dumps(submission()))
    code, out, _ = run(capsys, "check", path, "--json", "--language", "en")
    found = json.loads(out)
    assert (code, found["points"], found["max_points"], found["all_pass"]) == (0, 5, 5, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("", "the file is empty"),
        ("{", "not a complete notebook"),
        ('{"cells": 1}', "not a Jupyter notebook"),
    ],
)
def test_check_of_what_is_no_notebook(tmp_path, capsys, content: str | None, message: str) -> None:
    path = tmp_path / "mine.ipynb"
    if content is not None:
        path.write_text(content)
    code, out, err = run(capsys, "check", path)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_check_of_a_folder_says_what_it_wants(tmp_path, capsys) -> None:
    code, _, err = run(capsys, "check", tmp_path)
    assert (code, "expected a notebook" in err) == (2, True)


def test_check_of_a_notebook_without_tests(tmp_path, capsys) -> None:
    path = tmp_path / "free.ipynb"
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    code, out, _ = run(capsys, "check", path)
    assert (code, "There is no test" in out) == (0, True)
