"""The sample class holds what its list says, and the grader says of it what the list expects."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections import Counter
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from runtun.cli import main
from runtun.grading import Bundle, Runner, grade_notebook
from runtun.grading.bundle import LANGUAGES
from runtun.grading.proof import Attempt, read_proof
from samples import make_class
from samples.make_class import ASSIGNMENTS, DEFAULT, PLAN, Submission
from tests.exercises.support import SLUGS, SOURCES, source_path
from tests.grading.test_postgres import content
from tests.postgres import PostgresServer

handed_in = cache(make_class.submissions)
OTHERS = [slug for slug in ASSIGNMENTS if slug != DEFAULT]


def richest(slug: str, language: str) -> Submission:
    """Return the submission in PyTorch in which most went wrong and nothing is blank."""
    whole = [
        one
        for one in handed_in(slug)
        if one.language == language
        and PLAN["students"][one.student]["framework"] == "torch"  # Keras takes thrice as long
        and one.status != "rejected"
    ]
    return max(whole, key=lambda one: (not one.blank, one.file == "as-it-is", len(one.attempts)))


def test_thirty_students_hand_in_every_assignment_in_every_way() -> None:
    assert ASSIGNMENTS == SLUGS
    assert len(PLAN["students"]) == 30
    everything = [one for slug in ASSIGNMENTS for one in handed_in(slug)]
    for slug in ASSIGNMENTS:
        among = handed_in(slug)
        assert 20 < len(among) < 30, "some are missing"
        assert {one.language for one in among} == set(LANGUAGES)
        most = sum(read_proof(SOURCES / slug).points.values())
        assert {0 < one.points < most for one in among} == {True, False}
        assert most in {one.points for one in among}
        text = "\n".join(cell for one in among for cell in one.cells.values())
        assert ("import keras" in text) == ("import torch" in text)
    assert {one.file for one in everything} == set(make_class.HANDLING)
    assert {one.status for one in everything} == {"graded", "manual", "rejected"}
    assert {one.late for one in everything} == {True, False}
    blank = [
        len(one.blank) / len(read_proof(SOURCES / one.assignment).solution) for one in everything
    ]
    assert {0.0, 1.0} < set(blank), "nothing blank, everything, and something between"


def test_the_seed_alone_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {one.student: one for one in handed_in("05-gates")}
    fewer = {name: about for name, about in PLAN["students"].items() if name > "d"}
    monkeypatch.setitem(PLAN, "students", fewer)
    again = {one.student: one for one in make_class.submissions("05-gates")}
    assert again == {name: one for name, one in before.items() if name in fewer}
    monkeypatch.setitem(PLAN, "seed", PLAN["seed"] + 1)
    assert {one.student: one for one in make_class.submissions("05-gates")} != again


def test_the_list_knows_what_an_answer_costs() -> None:
    points = {one.student: one.points for one in handed_in(DEFAULT)}
    assert {name: points[name] for name in PLAN["told"][DEFAULT] if name in points} == {
        "ayu_lestari": 10, "budi_santoso": 10, "chloe_martin": 10, "david_okafor": 7,
        "eka_putri": 6, "farid_nasution": 5, "grace_kim": 8, "hasan_yusuf": 0,
        "ines_ferreira": 0, "joko_wibowo": 5, "kezia_tan": 4, "made_wirawan": 10,
    }  # fmt: skip
    assert "jonas_weber" not in points


def test_mistakes_that_hide_each_other_are_not_drawn_together() -> None:
    proof = read_proof(SOURCES / "03-rnn")
    known = {a.name: a for a in (*proof.mistakes, *proof.alternatives)}

    def fit(*names: str) -> bool:
        *others, last = (known[name] for name in names)
        return make_class._fits(proof, others, last)

    assert fit("bias-forgotten")
    assert fit("bias-forgotten", "squeezed-outputs")
    assert not fit("bias-forgotten", "activation-forgotten"), "one cell"
    assert not fit("torch-cell", "bias-forgotten"), "a test holds one cell against the other"
    other = Attempt("other", "", {"rnn_forward": "def rnn_forward(*_): ..."}, frozenset())
    assert make_class._fits(proof, [other], known["squeezed-outputs"])


def grade(course: Path, *options: str) -> list[dict[str, Any]]:
    """Grade the class as a person would; return its verdicts."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["grade", str(course), DEFAULT, "--json", *options])
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
    course, verdicts = graded
    broken = {v["student"]: v["reason"] for v in verdicts if v["status"] == "error"}
    assert not broken, "the grader itself failed"
    found = {
        v["student"]: (v["status"], v["points"], v["late_seconds"] > 0, v["language"])
        for v in verdicts
        if v["status"] != "rejected"
    }
    wanted = {
        one.student: (one.status, one.points, one.late, one.language)
        for one in handed_in(DEFAULT)
        if one.status != "rejected"
    }
    assert found == wanted
    assert list(make_class.differences(course, DEFAULT)) == []
    assert make_class.main(["--compare", str(course)]) == 0


@pytest.mark.slow
def test_a_grade_that_is_not_as_listed_is_told(
    graded: tuple[Path, list[dict[str, Any]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = graded[0] / "reports" / DEFAULT / "grades.csv"
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows = [row for row in rows if row["student"] != "ayu_lestari"]
    changed = next(row for row in rows if row["student"] == "eka_putri")
    changed["points"] = "6.5"
    copy = tmp_path / "reports" / DEFAULT / "grades.csv"
    copy.parent.mkdir(parents=True)
    with copy.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert make_class.main(["--compare", str(tmp_path)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{DEFAULT} ayu_lestari: not graded"
    assert said[1].startswith(f"{DEFAULT} eka_putri: found ('manual', 6.5, False), expected")
    assert len(said) == 2


@pytest.mark.slow
@pytest.mark.postgres
def test_the_class_goes_into_postgresql_as_into_sqlite(
    graded: tuple[Path, list[dict[str, Any]]], postgres: PostgresServer
) -> None:
    course, verdicts = graded
    url = postgres.new_database()
    assert grade(course, "--db", url) == verdicts
    assert content(url) == content(f"sqlite:///{course / 'gradebook.db'}")


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "language"), [*zip(OTHERS, cycle(LANGUAGES), strict=False)])
def test_a_sample_of_the_other_assignments_gets_the_points_it_should(
    slug: str, language: str, runner: Runner
) -> None:
    """The whole class: `make class ASSIGNMENT=all`."""
    one = richest(slug, language)
    result = grade_notebook(
        Bundle.load(source_path(slug)),
        json.loads(one.text),
        runner=runner,
        limits={"cell_s": 240, "notebook_s": 280},
    )
    points = {test: result.scores[test].points for test in read_proof(SOURCES / slug).points}
    assert sum(points.values()) == one.points, (one.student, one.attempts, points)
    assert result.status == one.status


def test_laying_out_twice_removes_what_is_no_longer_handed_in(tmp_path: Path) -> None:
    stray = tmp_path / "submitted" / "nobody" / "03-rnn" / "03-rnn.ipynb"
    kept = tmp_path / "submitted" / "nobody" / "05-gates" / "05-gates.ipynb"
    for path in (stray, kept):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    (tmp_path / "gradebook.db").write_text("kept")
    make_class.lay_out_course(tmp_path)
    assert not stray.exists()
    assert kept.exists(), "another assignment's"
    assert (tmp_path / "gradebook.db").read_text() == "kept"
    students = {one.student for one in handed_in(DEFAULT)}
    assert {p.parent.name for p in tmp_path.glob("submitted/*/03-rnn")} == students
    with (tmp_path / "arrivals.csv").open(newline="") as file:
        arrived = Counter(row["assignment"] for row in csv.DictReader(file))
    assert arrived == {slug: len(handed_in(slug)) for slug in ASSIGNMENTS}
    assert sorted(p.name for p in (tmp_path / "source").iterdir()) == SLUGS


def test_the_list_is_shown_and_a_wrong_name_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_class.main(["--list", "02-forecasting-basics"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(handed_in("02-forecasting-basics"))
    with pytest.raises(SystemExit, match="2"):
        make_class.main(["--list", "99-nothing"])
    assert "no assignment 99-nothing" in capsys.readouterr().err
