"""The one writer into nbgrader's gradebook.

Whatever nbgrader's form grader, exporters and students' feedback need is written in one
transaction for each submission. Marks given by a person are never touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runtun.grading.bundle import Bundle
from runtun.grading.errors import CourseError
from runtun.grading.verdict import Result

_LOCKED_TRIES = 5
# Of PostgreSQL's advisory locks, the one that a grader holds while it writes. nbgrader's own
# programs know nothing of it and need not: the database keeps them apart row by row.
_WRITER_LOCK = int.from_bytes(b"runtun", "big")
_WAIT_FOR_LOCK = "60s"
# nbgrader looks these up at every turn without an index: each submission would read through all
# that were there before.
_LOOKED_UP = (
    ("grade", "notebook_id"),
    ("comment", "notebook_id"),
    ("submitted_notebook", "assignment_id"),
)


@dataclass(frozen=True)
class Mark:
    """What a person wrote about one cell, if anything."""

    points: float | None = None
    extra_credit: float | None = None
    comment: str | None = None


@dataclass(frozen=True)
class Standing:
    """What the gradebook knows of a submission beyond what the tests gave.

    Args:
        marks: what a person decided, by notebook and grade id.
        penalty: points taken off for lateness.
        late_seconds: how late it was, with extensions.
    """

    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    penalty: float = 0.0
    late_seconds: float = 0.0


class GradebookWriter:
    """An open gradebook.

    Args:
        db_url: for example sqlite:///gradebook.db or postgresql+psycopg://user@host/name.
        course_id: nbgrader's name of the course.

    Raises:
        CourseError: if it cannot be opened.
    """

    def __init__(self, db_url: str, course_id: str = "") -> None:
        from nbgrader import api
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

        self._api = api
        self._shown = _without_password(db_url)
        try:
            self._gradebook = self._open(db_url, course_id or "default_course")
        except ModuleNotFoundError as error:
            extra = "; pip install 'runtun[postgres]'" if error.name == "psycopg" else ""
            raise CourseError(f"cannot use the gradebook {self._shown}: {error}{extra}") from error
        except (ArgumentError, NoSuchModuleError) as error:
            raise CourseError(f"cannot use the gradebook {self._shown}: {error}") from error
        except (SQLAlchemyError, api.InvalidEntry) as error:
            raise CourseError(
                f"cannot open the gradebook {self._shown}: {_first(error)}"
            ) from error
        self._db = self._gradebook.db
        self._is_postgresql = self._gradebook.engine.dialect.name == "postgresql"

    def _open(self, db_url: str, course_id: str) -> Any:
        """Open the gradebook, and make it if there is none, also if somebody else does too."""
        from sqlalchemy.exc import DBAPIError

        for attempt in range(_LOCKED_TRIES):
            try:
                with _alone(db_url):
                    _create_schema(db_url)
                    return self._api.Gradebook(db_url, course_id)
            except DBAPIError as error:
                if not _in_the_way(error) or attempt == _LOCKED_TRIES - 1:
                    raise
                time.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable: the last try returns or raises")

    def __enter__(self) -> GradebookWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._gradebook.close()

    def register(
        self, assignment: str, bundles: Mapping[str, Bundle], due: datetime | None
    ) -> datetime | None:
        """Make the gradebook know an assignment as its source is now.

        Returns:
            When it is due: `due`, or else what the gradebook says.

        Raises:
            CourseError: if a cell that a person has marked is gone from the source.
        """
        api = self._api

        def change() -> datetime | None:
            entry = self._db.query(api.Assignment).filter_by(name=assignment).one_or_none()
            if entry is None:
                entry = api.Assignment(name=assignment, course_id=self._gradebook.course_id)
                self._db.add(entry)
            if due is not None:
                entry.duedate = _naive(due)
            known = {notebook.name: notebook for notebook in entry.notebooks}
            for name, bundle in bundles.items():
                notebook = known.get(name)
                if notebook is None:
                    notebook = api.Notebook(name=name, assignment=entry)
                    self._db.add(notebook)
                notebook.kernelspec = json.dumps(bundle.metadata.get("kernelspec", {}))
                self._register_cells(notebook, bundle)
            self._db.flush()
            return entry.duedate.replace(tzinfo=UTC) if entry.duedate else None

        return self._transaction(change)

    def _register_cells(self, notebook: Any, bundle: Bundle) -> None:
        api = self._api
        base = {(cell.type, cell.name): cell for cell in notebook._base_cells}
        sources = {cell.name: cell for cell in notebook.source_cells}
        wanted: set[tuple[str, str]] = set()
        for cell in bundle.by_grade_id.values():
            name = str(cell.grade_id)
            kinds = []
            if cell.role in ("test", "answer"):
                kinds.append(("GradeCell", api.GradeCell))
            if cell.role in ("solution", "answer"):
                kinds.append(("SolutionCell", api.SolutionCell))
            if cell.role == "task":
                kinds.append(("TaskCell", api.TaskCell))
            for kind, model in kinds:
                wanted.add((kind, name))
                entry = base.get((kind, name))
                graded = (
                    {}
                    if kind == "SolutionCell"
                    else {
                        "max_score": cell.points,
                        "cell_type": cell.cell_type,
                    }
                )
                if entry is None:
                    self._db.add(model(name=name, notebook=notebook, **graded))
                else:
                    for attribute, value in graded.items():
                        setattr(entry, attribute, value)
            source = sources.pop(name, None)
            if source is None:
                source = api.SourceCell(name=name, notebook=notebook)
                self._db.add(source)
            source.cell_type = cell.cell_type
            source.locked = cell.role in ("test", "shared", "task")
            source.source = cell.source
            source.checksum = cell.checksum
        for kind_and_name, cell in base.items():
            if kind_and_name not in wanted:
                self._forget(cell)
        for source in sources.values():
            self._db.delete(source)

    def _forget(self, cell: Any) -> None:
        """Remove a cell that the source has no more, unless a person worked on it."""
        api = self._api
        grades = self._db.query(api.Grade).filter_by(cell_id=cell.id).all()
        comments = self._db.query(api.Comment).filter_by(cell_id=cell.id).all()
        if any(grade.manual_score is not None for grade in grades) or any(
            comment.manual_comment for comment in comments
        ):
            raise CourseError(
                f"the cell {cell.name!r} is gone from the source notebook, but a person has marked "
                "it; put it back, or remove those marks in the form grader"
            )
        for entry in (*grades, *comments, cell):
            self._db.delete(entry)

    def write(
        self,
        assignment: str,
        student: str,
        results: Mapping[str, Result],
        *,
        arrived: datetime | None,
        rejected: bool = False,
        changed: bool = True,
        penalty: Callable[[str, float, float], float | None] | None = None,
    ) -> None:
        """Write one submission in one transaction.

        Args:
            assignment: must be registered.
            student: made if unknown.
            results: by notebook name; what the gradebook knows of others stays.
            arrived: when it came in.
            rejected: True if a person must look at what was handed in.
            changed: False if the same content was written before: what a person has marked then
                needs no second look.
            penalty: the course's rule for late work: (student, score, seconds late) to points.
        """
        api = self._api

        def change() -> None:
            owner = self._db.get(api.Student, student)
            if owner is None:
                owner = api.Student(id=student)
                self._db.add(owner)
            entry = self._db.query(api.Assignment).filter_by(name=assignment).one()
            handed = (
                self._db.query(api.SubmittedAssignment)
                .filter_by(assignment_id=entry.id, student_id=student)
                .one_or_none()
            )
            if handed is None:
                handed = api.SubmittedAssignment(assignment=entry, student=owner)
                self._db.add(handed)
            handed.timestamp = _naive(arrived) if arrived else None
            late = handed.total_seconds_late
            known = {notebook.name: notebook for notebook in handed.notebooks}
            for notebook in entry.notebooks:
                result = results.get(notebook.name)
                if result is None:
                    continue
                mine = known.get(notebook.name)
                if mine is None:
                    mine = api.SubmittedNotebook(notebook=notebook, assignment=handed)
                    self._db.add(mine)
                self._db.flush()
                self._write_cells(notebook, mine, result, rejected, changed)
                mine.late_submission_penalty = None
                if late > 0 and penalty is not None:
                    score = sum(_counted(grade) for grade in mine.grades)
                    amount = penalty(student, score, late)
                    if amount is not None:
                        mine.late_submission_penalty = min(max(amount, 0.0), score)

        self._transaction(change)

    def _write_cells(
        self, notebook: Any, mine: Any, result: Result, rejected: bool, changed: bool
    ) -> None:
        api = self._api
        grades = {grade.cell_id: grade for grade in mine.grades}
        comments = {comment.cell_id: comment for comment in mine.comments}
        for cell in (*notebook.grade_cells, *notebook.task_cells):
            grade = grades.get(cell.id)
            if grade is None:
                grade = api.Grade(cell=cell, notebook=mine, needs_manual_grade=True)
                self._db.add(grade)
            score = result.scores.get(cell.name)
            points = score.points if score is not None else 0.0
            marked = grade.manual_score is not None
            fresh = changed or (points is not None and points != grade.auto_score)
            if marked:
                grade.needs_manual_grade = fresh or bool(grade.needs_manual_grade)
            else:
                grade.needs_manual_grade = rejected or points is None
            grade.auto_score = points
        for cell in (*notebook.solution_cells, *notebook.task_cells):
            comment = comments.get(cell.id)
            if comment is None:
                comment = api.Comment(cell=cell, notebook=mine)
                self._db.add(comment)
            comment.auto_comment = "No response." if cell.name in result.blank else None

    def standing(self, assignment: str, student: str) -> Standing:
        """Read what the gradebook knows of a submission beyond what the tests gave."""
        api = self._api

        def read() -> Standing:
            handed = (
                self._db.query(api.SubmittedAssignment)
                .join(api.Assignment)
                .filter(api.Assignment.name == assignment)
                .filter(api.SubmittedAssignment.student_id == student)
                .one_or_none()
            )
            if handed is None:
                return Standing()
            found: dict[tuple[str, str], Mark] = {}
            for notebook in handed.notebooks:
                comments = {comment.name: comment.manual_comment for comment in notebook.comments}
                for grade in notebook.grades:
                    comment = comments.pop(grade.name, None)
                    if (grade.manual_score, grade.extra_credit, comment) != (None, None, None):
                        found[notebook.name, grade.name] = Mark(
                            grade.manual_score, grade.extra_credit, comment
                        )
                for name, comment in comments.items():
                    if comment:
                        found[notebook.name, name] = Mark(comment=comment)
            penalty = sum(notebook.late_submission_penalty or 0.0 for notebook in handed.notebooks)
            return Standing(found, float(penalty), float(handed.total_seconds_late))

        return self._transaction(read)

    def _transaction(self, change: Callable[[], Any]) -> Any:
        """Do something in one transaction, more than once if somebody else was in the way."""
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        for attempt in range(_LOCKED_TRIES):
            try:
                if self._is_postgresql:
                    self._db.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_FOR_LOCK}'"))
                    self._db.execute(text(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})"))
                value = change()
                self._db.commit()
                return value
            except SQLAlchemyError as error:
                with contextlib.suppress(SQLAlchemyError):  # the connection may be gone
                    self._db.rollback()
                if not _in_the_way(error) or attempt == _LOCKED_TRIES - 1:
                    raise CourseError(
                        f"cannot write to the gradebook {self._shown}: {_first(error)}; what has "
                        "run is kept: run it again to go on"
                    ) from error
                time.sleep(0.2 * 2**attempt)
            except BaseException:
                self._db.rollback()
                raise
        raise AssertionError("unreachable: the last try returns or raises")


def _in_the_way(error: BaseException) -> bool:
    """Say whether somebody else was in the way, so that a second try may do."""
    from sqlalchemy.exc import IntegrityError, OperationalError

    if isinstance(error, IntegrityError):  # both made the same row; now it will be found
        return True
    text = str(error)
    return isinstance(error, OperationalError) and any(
        sign in text for sign in ("database is locked", "already exists", "deadlock detected")
    )


@contextlib.contextmanager
def _alone(db_url: str) -> Iterator[None]:
    """Keep other graders from making the same tables in a database meanwhile."""
    from sqlalchemy import create_engine, make_url, text

    url = make_url(db_url)
    if url.get_backend_name() == "sqlite":
        with _folder_lock(Path(url.database or "").parent):
            yield
        return
    if url.get_backend_name() != "postgresql":
        yield
        return
    engine = create_engine(db_url)
    try:
        with engine.begin() as connection:  # the lock ends with the transaction
            connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_FOR_LOCK}'"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})"))
            yield
    finally:
        engine.dispose()


@contextlib.contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder itself as a lock, which leaves no file behind; the system lets go of it."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # not a POSIX system; or what is wrong is said when it is opened
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def late_rule(config: Any) -> Callable[[str, float, float], float | None] | None:
    """Build the course's own rule for late work; None if it has none.

    A course sets `c.AssignLatePenalties.plugin_class` or `c.LateSubmissionPlugin.penalty_method`,
    as in nbgrader; without either, late work is shown as late and loses nothing.
    """
    if "AssignLatePenalties" not in config and "LateSubmissionPlugin" not in config:
        return None
    from nbgrader.preprocessors import AssignLatePenalties

    assign = AssignLatePenalties(config=config)
    assign.init_plugin()
    return assign.plugin_inst.late_submission_penalty


def _create_schema(db_url: str) -> None:
    """Create an empty gradebook as nbgrader does, without looking for `alembic` on the PATH.

    An existing one gets the indexes that it lacks, which nbgrader's own programs profit from too.

    The version is written first: whenever this is cut off, the next call can tell that the
    gradebook is new and finish it.
    """
    from alembic.script import ScriptDirectory
    from nbgrader import api, dbutil
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(db_url)
    try:
        with engine.begin() as connection:
            tables = inspect(connection).get_table_names()
            if tables and "alembic_version" not in tables:
                return  # from an nbgrader before it kept versions: `nbgrader db upgrade` knows
            if not tables:
                connection.execute(
                    text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
                )
            if connection.execute(text("SELECT COUNT(*) FROM alembic_version")).scalar() == 0:
                head = ScriptDirectory(dbutil.ALEMBIC_DIR).get_current_head()
                connection.execute(
                    text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": head}
                )
        with engine.begin() as connection:
            api.Base.metadata.create_all(bind=connection)
            known = inspect(connection)
            for table, column in _LOOKED_UP:
                name = f"runtun_{table}_{column}"
                if name not in {index["name"] for index in known.get_indexes(table)}:
                    connection.execute(text(f"CREATE INDEX {name} ON {table} ({column})"))
    finally:
        engine.dispose()


def _counted(grade: Any) -> float:
    score = grade.manual_score if grade.manual_score is not None else grade.auto_score
    return float(score or 0.0) + float(grade.extra_credit or 0.0)


def _naive(moment: datetime) -> datetime:
    """Turn a moment into what nbgrader stores: UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _first(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _without_password(db_url: str) -> str:
    from sqlalchemy import make_url

    with contextlib.suppress(Exception):  # not a URL at all: the caller reports that
        return make_url(db_url).render_as_string(hide_password=True)
    return db_url
