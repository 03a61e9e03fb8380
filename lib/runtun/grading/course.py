"""An nbgrader course folder: where things are, what is due, who handed in what."""

from __future__ import annotations

import contextlib
import csv
import difflib
import glob
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from runtun.grading import intake
from runtun.grading.bundle import LANGUAGES, Bundle
from runtun.grading.errors import CourseError
from runtun.grading.journal import write_atomically
from runtun.grading.runner import DEFAULT_LIMITS
from runtun.grading.sandbox import Limits

CONFIG_NAME = "nbgrader_config.py"


@dataclass(frozen=True)
class Handed:
    """One student's folder for one assignment.

    Args:
        student: the name of the student, as text that can be stored.
        folder: where the files are; may be a link, which the intake refuses.
        twin: True if another folder has the same name, once both can be stored.
    """

    student: str
    folder: Path
    twin: bool = False


@dataclass(frozen=True)
class Arrival:
    """When a submission came in, and who says so.

    Args:
        time: with time zone.
        trusted: True if the collector wrote it down, False if the submission says it of itself.
    """

    time: datetime
    trusted: bool


@dataclass
class Course:
    """An nbgrader course folder.

    The folder's `nbgrader_config.py` counts as it does for nbgrader. Beside nbgrader's settings it
    may hold

        c.Runtun.due = {"ps1": "2026-09-14T23:59:00+07:00"}
        c.Runtun.language = "id"            # for the report, and for submissions that do not say
        c.Runtun.limits = {"cell_s": 30, "ps2": {"cell_s": 120, "memory_mb": 6000}}

    with limits from `runner.DEFAULT_LIMITS` and `sandbox.Limits`.

    Args:
        root: the folder.
        source: where the source notebooks are, if not where the configuration says.
        db_url: the gradebook, if not where the configuration says.
    """

    root: Path
    source: Path | None = None
    db_url: str | None = None
    config: Any = field(init=False)

    def __post_init__(self) -> None:
        self.root = Path(self.root)
        if not self.root.exists():
            raise CourseError(f"the course folder {self.root} does not exist")
        if not self.root.is_dir():
            raise CourseError(f"{self.root} is not a folder; expected an nbgrader course folder")
        if not os.access(self.root, os.R_OK | os.X_OK):
            raise CourseError(f"no permission to read the course folder {self.root}")
        self.root = self.root.resolve()
        self.config = _load_config(self.root)
        if self.language not in LANGUAGES:
            raise CourseError(
                f"c.Runtun.language is {self.language!r}; expected one of {', '.join(LANGUAGES)}"
            )
        for limits in _by_assignment(self._own("limits", {})).values():
            known = {*DEFAULT_LIMITS, *(one.name for one in fields(Limits))}
            unknown = set(limits) - known
            if unknown:
                raise CourseError(
                    f"c.Runtun.limits has {sorted(unknown)}; expected some of {sorted(known)}"
                )
            for name, value in limits.items():
                if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                    raise CourseError(
                        f"c.Runtun.limits[{name!r}] is {value!r}; expected a positive number"
                    )

    @cached_property
    def directory(self) -> Any:
        """nbgrader's own view of the folder."""
        from nbgrader.coursedir import CourseDirectory

        directory = CourseDirectory(config=self.config)
        directory.root = str(self.root)
        if self.source is not None:
            directory.source_directory = str(Path(self.source).resolve())
        if self.db_url is not None:
            directory.db_url = self.db_url
        return directory

    @property
    def language(self) -> str:
        """The language of reports, and of feedback on submissions that do not say theirs."""
        return self._own("language", "en")

    def limits(self, assignment: str) -> dict[str, float]:
        """Limits for each submission of an assignment: its own, else the course's, else ours.

        Those of time and output always; those of the sandbox where the course sets them.
        """
        own = _by_assignment(self._own("limits", {}))
        return {**DEFAULT_LIMITS, **own[None], **own.get(assignment, {})}

    @property
    def state(self) -> Path:
        """Where the grader keeps its journal."""
        return self.root / ".runtun"

    def folder(self, step: str, student: str, assignment: str) -> Path:
        """Locate a folder; `step` is "source", "submitted", "autograded" or "feedback"."""
        name = getattr(self.directory, f"{step}_directory")
        return Path(os.path.normpath(self.directory.format_path(name, student, assignment)))

    def assignments(self) -> list[str]:
        """Name the assignments that have a source notebook."""
        pattern = self.directory.format_path(self.directory.source_directory, ".", "*")
        found = {Path(path).parent.name for path in glob.glob(os.path.join(pattern, "*.ipynb"))}
        return sorted(found)

    def bundles(self, assignment: str) -> dict[str, Bundle]:
        """Read the source notebooks of an assignment, by name.

        Raises:
            CourseError: if there is none.
        """
        folder = self.folder("source", ".", assignment)
        paths = sorted(folder.glob("*.ipynb")) if _is_plain_name(assignment) else []
        if not paths:
            known = self.assignments()
            close = difflib.get_close_matches(assignment, known, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            listed = ", ".join(known) if known else f"none in {folder.parent}"
            raise CourseError(f"unknown assignment {assignment!r}{hint}; this course has: {listed}")
        ignore = self.directory.ignore
        return {p.stem: Bundle.load(p, config=self.config, ignore=ignore) for p in paths}

    def handed_in(self, assignment: str) -> list[Handed]:
        """List who handed in something, sorted by name."""
        step = self.directory.submitted_directory
        pattern = self.directory.format_path(glob.escape(step), "*", glob.escape(assignment))
        expression = re.compile(
            self.directory.format_path(
                re.escape(step), "(?P<student>[^/\\\\]+)", re.escape(assignment), escape=True
            )
        )
        found = []
        for path in sorted(glob.glob(pattern)):
            match = expression.fullmatch(path)
            if match:
                name = os.fsencode(match["student"]).decode("utf-8", "replace")
                found.append(Handed(intake.clean_text(name), Path(path)))
        # Names that look the same may differ in bytes; in the gradebook they would be one student.
        names = Counter(unicodedata.normalize("NFC", one.student) for one in found)
        return [
            replace(one, twin=names[unicodedata.normalize("NFC", one.student)] > 1) for one in found
        ]

    @cached_property
    def arrivals(self) -> dict[tuple[str, str], datetime]:
        """What the collector wrote down in `arrivals.csv`, by student and assignment.

        Of several lines for one submission the latest counts: it is the file that is there.
        """
        path = self.root / "arrivals.csv"
        if not path.exists():
            return {}
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, ValueError) as error:
            raise CourseError(f"cannot read {path}: {error}") from error
        found: dict[tuple[str, str], datetime] = {}
        for number, row in enumerate(rows, start=2):
            try:
                time, key = _moment(row["arrived"]), (row["student"], row["assignment"])
                found[key] = max(found.get(key, time), time)
            except (AttributeError, KeyError, TypeError, ValueError):
                raise CourseError(
                    f"{path}, line {number}: expected student,assignment,arrived with a time like "
                    "2026-09-14T21:05:00+07:00"
                ) from None
        return found

    def arrival(self, handed: Handed, assignment: str) -> Arrival | None:
        """Say when a submission arrived; None when nobody wrote it down."""
        known = self.arrivals.get((handed.student, assignment))
        if known is not None:
            return Arrival(known, trusted=True)
        from nbgrader.utils import parse_utc

        try:
            stamp = intake.read_regular_file(handed.folder / "timestamp.txt", 200)
            moment = parse_utc(stamp.decode().strip())
            return Arrival(moment.replace(tzinfo=UTC), trusted=False)
        except (intake.Rejected, ValueError, OverflowError, AttributeError):
            return None

    def stamp(self, folder: Path, arrival: Arrival | None) -> None:
        """Put the collector's time where nbgrader looks for it, over what the student put there.

        The form grader lists a submission as graded only if the two times that it knows agree.
        """
        if arrival is None or not arrival.trusted:
            return
        path = folder / "timestamp.txt"
        text = arrival.time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        with contextlib.suppress(intake.Rejected):
            if intake.read_regular_file(path, 200) == text.encode():
                return
        if path.is_dir() and not path.is_symlink():
            raise CourseError(f"{path} is a folder; remove it")
        write_atomically(path, text)

    def due(self, assignment: str) -> datetime | None:
        """Say when an assignment is due by the configuration; None if it does not say."""
        due = self._own("due", {})
        if assignment not in due:
            return None
        try:
            return _moment(due[assignment])
        except (AttributeError, TypeError, ValueError):
            raise CourseError(
                f"c.Runtun.due[{assignment!r}] is {due[assignment]!r}; expected a time like "
                "2026-09-14T23:59:00+07:00"
            ) from None

    def _own(self, name: str, default: Any) -> Any:
        section = self.config.get("Runtun", {})
        value = section.get(name, default)
        return dict(value) if isinstance(value, Mapping) else value


def _by_assignment(limits: Mapping[str, Any]) -> dict[str | None, dict[str, Any]]:
    """Sort limits by the assignment that they are for; those of the whole course under None.

    >>> _by_assignment({"cell_s": 30, "ps2": {"cell_s": 120}})
    {None: {'cell_s': 30}, 'ps2': {'cell_s': 120}}
    """
    found: dict[str | None, dict[str, Any]] = {None: {}}
    for name, value in limits.items():
        if isinstance(value, Mapping):
            found[name] = dict(value)
        else:
            found[None][name] = value
    return found


def _moment(text: str) -> datetime:
    time = datetime.fromisoformat(text.strip())
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time


def _is_plain_name(name: str) -> bool:
    return bool(name) and name not in (".", "..") and "/" not in name and "\\" not in name


def _load_config(root: Path) -> Any:
    from traitlets.config import Config
    from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

    try:
        return PyFileConfigLoader(CONFIG_NAME, str(root)).load_config()
    except ConfigFileNotFound:
        return Config()
    except Exception as error:  # it is the instructor's program: anything may be wrong in it
        raise CourseError(
            f"{root / CONFIG_NAME} cannot be used: {type(error).__name__}: {error}"
        ) from error
