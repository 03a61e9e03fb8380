"""Grading into PostgreSQL: the same gradebook, also with several graders at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, text

from runtun.cli import main
from runtun.grading import CourseError, commands, gradebook
from runtun.grading.course import Course
from runtun.grading.journal import one_at_a_time
from runtun.grading.session import Session, Verdict
from tests.grading.support import COURSE, ScriptedRunner, submission
from tests.grading.test_session import hand_in
from tests.postgres import PostgresServer
from tests.support import ROOT

pytestmark = pytest.mark.postgres
STUDENTS = ("ani", "budi", "citra", "dewi", "eka")

# The real command in a process of its own, but for the notebooks, which cost nothing here.
_DRIVER = """
import sys, time
sys.path.insert(0, {root!r})
from runtun.cli import main
from runtun.grading import commands
from tests.grading.support import ScriptedRunner

class Slow(ScriptedRunner):
    def run(self, task):
        time.sleep(0.05)
        return super().run(task)

commands.make_runner = lambda **_: Slow()
print("ready", flush=True)
sys.stdin.readline()
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    """A course with five submissions, each different, and two assignments of one content."""
    shutil.copytree(COURSE, tmp_path / "course")
    root = tmp_path / "course"
    for student in STUDENTS:
        hand_in(root, student, submission(square=f"def square(x): return x * x  # {student}"))
    hand_in(root, "broken", "{")
    shutil.copytree(root / "source" / "ps1", root / "source" / "ps2")
    for folder in (root / "submitted").iterdir():
        shutil.copytree(folder / "ps1", folder / "ps2")
    monkeypatch.setattr(commands, "make_runner", lambda **_: ScriptedRunner())
    return root


def address(root: Path) -> str:
    return f"sqlite:///{root / 'gradebook.db'}"


def content(url: str) -> dict[str, Any]:
    """Everything that a gradebook says, without the names that it gives its rows."""
    engine = create_engine(url)
    with engine.connect() as db:
        grades = db.execute(
            text(
                "select d.name, a.student_id, c.name, g.auto_score, g.manual_score, "
                "g.needs_manual_grade, a.timestamp from grade g "
                "join base_cell c on c.id = g.cell_id "
                "join submitted_notebook n on n.id = g.notebook_id "
                "join submitted_assignment a on a.id = n.assignment_id "
                "join assignment d on d.id = a.assignment_id"
            )
        ).fetchall()
        counts = {
            table: db.execute(text(f"select count(*) from {table}")).scalar()
            for table in ("course", "student", "assignment", "notebook", "base_cell", "source_cell",
                          "submitted_assignment", "submitted_notebook", "grade", "comment",
                          "alembic_version")
        }  # fmt: skip
    engine.dispose()
    rows = [(*row[:3], row[3], row[4], bool(row[5]), str(row[6])[:19]) for row in grades]
    return {"grades": sorted(rows, key=str), "counts": counts}


def start(root: Path, assignment: str, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _DRIVER.format(root=str(ROOT)), "grade", str(root), assignment]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*command, "--db", url, "--json"], text=True, **pipes)


def together(*drivers: subprocess.Popen[str]) -> Iterator[tuple[int, str]]:
    """Let processes that are ready begin at the same moment; yield exit codes and errors."""
    for driver in drivers:
        assert driver.stdout.readline() == "ready\n", driver.communicate()[1]
    for driver in drivers:
        driver.stdin.write("go\n")
        driver.stdin.flush()
    for driver in drivers:
        _, errors = driver.communicate(timeout=120)
        yield driver.returncode, errors


def test_it_holds_what_sqlite_holds(root: Path, postgres: PostgresServer, capsys) -> None:
    url = postgres.new_database()
    assert main(["grade", str(root), "ps1"]) == 1
    assert main(["grade", str(root), "ps1", "--db", url]) == 1
    assert "(0 notebooks run)" in capsys.readouterr().out
    assert content(url) == content(address(root))
    assert content(url)["counts"]["student"] == len(STUDENTS) + 1


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_no_submission_reads_through_all_that_were_there_before(
    root: Path, tmp_path: Path, postgres: PostgresServer, kind: str
) -> None:
    """nbgrader's own tables lack the indexes for that; a gradebook that it made gets them."""
    url = postgres.new_database() if kind == "postgresql" else f"sqlite:///{tmp_path / 'own.db'}"
    main(["grade", str(root), "ps1", "--db", url])
    engine = create_engine(url)
    tables = ("grade", "comment", "submitted_notebook")

    def indexed() -> dict[str, set[str]]:
        known = inspect(engine)
        return {
            table: {i["name"] for i in known.get_indexes(table) if len(i["column_names"]) == 1}
            for table in tables
        }

    own = indexed()
    assert [len(names) for names in own.values()] == [1, 1, 1]
    with engine.begin() as db:  # as nbgrader makes it
        for (name,) in own.values():
            db.execute(text(f"DROP INDEX {name}"))
    main(["grade", str(root), "ps1", "--db", url])
    assert indexed() == own
    engine.dispose()


def test_nbgrader_reads_it_and_a_persons_marks_stay(
    root: Path, postgres: PostgresServer, capsys
) -> None:
    from nbgrader.api import Gradebook

    url = postgres.new_database()
    main(["grade", str(root), "ps1", "--db", url])
    with Gradebook(url, "tiny") as book:
        assert book.find_submission("ps1", "ani").score == 5
        book.find_grade("why", "p1", "ps1", "ani").manual_score = 1.5
        book.db.commit()
    main(["grade", str(root), "ps1", "--db", url])
    main(["status", str(root), "ps1", "--db", url])
    assert "6.5 / 7" in capsys.readouterr().out
    with Gradebook(url, "tiny") as book:
        assert book.find_submission("ps1", "ani").score == 6.5


def test_two_machines_grade_one_class_into_one_database_at_once(
    root: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    """From an empty database: both must make the tables, the course, the students."""
    url, other = postgres.new_database(), tmp_path / "other-machine"
    shutil.copytree(root, other)
    for code, errors in together(start(root, "ps1", url), start(other, "ps1", url)):
        assert (code, errors) == (1, "")
    main(["grade", str(root), "ps1"])
    assert content(url) == content(address(root))


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_two_assignments_are_graded_into_one_empty_database_at_once(
    root: Path, tmp_path: Path, postgres: PostgresServer, kind: str
) -> None:
    url = postgres.new_database() if kind == "postgresql" else f"sqlite:///{tmp_path / 'two.db'}"
    together_now = threading.Barrier(2)

    def grade(assignment: str) -> int:
        session = Session(Course(root, db_url=url), assignment, "scripted")
        together_now.wait(timeout=30)
        return len(session.grade(ScriptedRunner))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(grade, ("ps1", "ps2"))) == [len(STUDENTS) + 1] * 2
    main(["grade", str(root), "ps1"])
    main(["grade", str(root), "ps2"])
    assert content(url) == content(address(root))


def test_one_folder_has_one_grader_an_assignment(root: Path, capsys) -> None:
    with one_at_a_time(root / ".runtun" / "ps1.lock"):
        assert main(["grade", str(root), "ps1"]) == 2
        errors = capsys.readouterr().err
        assert f"another `runtun grade` is at work in {root}" in errors
        assert len(errors.splitlines()) == 1
        assert main(["grade", str(root), "ps2"]) == 1


def test_a_server_that_goes_away_costs_nothing_that_has_run(
    root: Path, tmp_path: Path, capsys
) -> None:
    server = PostgresServer()
    try:
        url = server.new_database()
        runner = ScriptedRunner()
        session = Session(Course(root, db_url=url), "ps1", runner.identity)

        def fail(_verdict: Verdict, done: int, _total: int) -> None:
            if done == 2:
                server.stop()

        with pytest.raises(CourseError, match="cannot write to the gradebook") as caught:
            session.grade(lambda: runner, progress=fail)
        assert "what has run is kept: run it again to go on" in str(caught.value)
        assert "\n" not in str(caught.value)
        code = main(["grade", str(root), "ps1", "--db", url])
        errors = capsys.readouterr().err
        assert (code, len(errors.splitlines())) == (2, 1)
        assert "cannot open the gradebook" in errors
        server.start()
        rest = ScriptedRunner()
        Session(Course(root, db_url=url), "ps1", rest.identity).grade(lambda: rest)
        assert len(runner.tasks) >= 2
        assert len(runner.tasks) + len(rest.tasks) <= len(STUDENTS) + 1
        main(["grade", str(root), "ps1"])
        assert content(url) == content(address(root))
    finally:
        server.close()


def test_an_address_without_a_server_is_one_line_without_the_password(root: Path, capsys) -> None:
    url = "postgresql+psycopg://me:geheim@127.0.0.1:1/grades"
    code = main(["grade", str(root), "ps1", "--db", url])
    errors = capsys.readouterr().err
    assert (code, len(errors.splitlines())) == (2, 1)
    assert "cannot open the gradebook postgresql+psycopg://me:***@127.0.0.1:1/grades" in errors
    assert "geheim" not in errors


def test_without_the_driver_it_says_what_to_install(root: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    code = main(["grade", str(root), "ps1", "--db", "postgresql+psycopg://me@host/grades"])
    assert (code, "pip install 'runtun[postgres]'" in capsys.readouterr().err) == (2, True)


def test_a_grader_that_hangs_does_not_hang_the_others(
    root: Path, postgres: PostgresServer, monkeypatch, capsys
) -> None:
    url = postgres.new_database()
    main(["grade", str(root), "ps1", "--db", url])
    engine = create_engine(url)
    with engine.begin() as held:
        held.execute(text(f"SELECT pg_advisory_xact_lock({gradebook._WRITER_LOCK})"))
        monkeypatch.setattr(gradebook, "_WAIT_FOR_LOCK", "200ms")
        code = main(["grade", str(root), "ps1", "--db", url])
    engine.dispose()
    errors = capsys.readouterr().err
    assert (code, "lock timeout" in errors) == (2, True)


def test_a_row_that_the_form_grader_holds_is_waited_for(
    root: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    main(["grade", str(root), "ps1", "--db", url])
    hand_in(root, "ani", submission(square="def square(x): return 0"))
    failing = ScriptedRunner({"test_square": "error"})
    committed = threading.Event()
    engine = create_engine(url)
    with engine.connect() as person:
        person.execute(text("update grade set manual_score = 1.5"))

        def commit() -> None:
            person.commit()
            committed.set()

        release = threading.Timer(2.0, commit)
        release.start()
        Session(Course(root, db_url=url), "ps1", failing.identity).grade(lambda: failing)
        assert committed.is_set(), "it wrote a row that somebody else had not let go of"
        release.join()
    engine.dispose()
    found = {row[1:3]: row[3:5] for row in content(url)["grades"]}
    assert found["ani", "test_square"] == (0, 1.5), "the new score, and the person's mark"
    assert {mark for _, mark in found.values()} == {1.5}
