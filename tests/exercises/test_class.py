"""The sample class is what its plan says, and the grader says of it what the plan expects."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtun.cli import main
from samples import make_class
from tests.grading.test_postgres import content
from tests.postgres import PostgresServer
from tests.support import ROOT

PLAN: dict[str, Any] = yaml.safe_load((ROOT / "samples" / "class.yml").read_text(encoding="utf-8"))


def test_committed_class_is_fresh() -> None:
    wanted = make_class.class_files()
    present = {
        str(path.relative_to(make_class.CLASS)): path.read_text(encoding="utf-8")
        for path in make_class.CLASS.rglob("*")
        if path.is_file()
    }
    stale = sorted(p for p in wanted.keys() | present.keys() if wanted.get(p) != present.get(p))
    assert not stale, f"run `python samples/make_class.py`: {stale}"


def test_class_holds_every_kind_of_submission() -> None:
    students = PLAN["students"].values()
    assert len(students) >= 8
    assert {student["language"] for student in students} == {"id", "en"}
    outcomes = [student["expect"] for student in students]
    assert {outcome["status"] for outcome in outcomes} == {"graded", "manual", "rejected"}
    assert {outcome["late"] for outcome in outcomes} == {True, False}
    points = {outcome["points"] for outcome in outcomes}
    assert {0, 10} < points, "nothing right, everything right, and something between"
    named = {name for student in students for name in student["attempts"]}
    assert {"keras", "torch-cell"} < named, "both frameworks"


def grade(course: Path, *options: str) -> list[dict[str, Any]]:
    """Grade the class as a person would; return its verdicts."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["grade", str(course), PLAN["assignment"], "--json", *options])
    assert code == 1, "open questions and a broken file wait for a person"
    return json.loads(out.getvalue())["submissions"]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The class's course folder, graded, and the verdicts."""
    course = tmp_path_factory.mktemp("class") / "course"
    make_class.lay_out_course(course)
    return course, grade(course)


@pytest.mark.slow
def test_the_class_gets_the_grades_it_should(graded: tuple[Path, list[dict[str, Any]]]) -> None:
    verdicts = graded[1]
    broken = {v["student"]: v["reason"] for v in verdicts if v["status"] == "error"}
    assert not broken, "the grader itself failed"
    found = {
        verdict["student"]: {
            "status": verdict["status"],
            "points": verdict["points"],
            "late": verdict["late_seconds"] > 0,
        }
        for verdict in verdicts
    }
    assert found == {name: student["expect"] for name, student in PLAN["students"].items()}
    languages = {verdict["student"]: verdict["language"] for verdict in verdicts}
    for name, student in PLAN["students"].items():
        if student["expect"]["status"] != "rejected":
            assert languages[name] == student["language"]


@pytest.mark.slow
@pytest.mark.postgres
def test_the_class_goes_into_postgresql_as_into_sqlite(
    graded: tuple[Path, list[dict[str, Any]]], postgres: PostgresServer
) -> None:
    course, verdicts = graded
    url = postgres.new_database()
    assert grade(course, "--db", url) == verdicts
    assert content(url) == content(f"sqlite:///{course / 'gradebook.db'}")


def test_laying_out_twice_removes_what_is_no_longer_handed_in(tmp_path: Path) -> None:
    stray = tmp_path / "submitted" / "nobody" / "03-rnn" / "03-rnn.ipynb"
    stray.parent.mkdir(parents=True)
    stray.write_text("{}")
    (tmp_path / "gradebook.db").write_text("kept")
    make_class.lay_out_course(tmp_path)
    assert not stray.exists()
    assert (tmp_path / "gradebook.db").read_text() == "kept"
    assert {p.name for p in (tmp_path / "submitted").iterdir()} == set(PLAN["students"])
