"""From what ran to points: nothing is earned without a positive record.

A test cell earns its points only if the runner reports that exactly this cell ran to its end. No
record, an unknown state, a time-out, a dead process or a value that is no finite number earn
nothing. Warnings and anything written to stderr cost nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtun.grading.bundle import Bundle, SourceCell
from runtun.grading.intake import clean_text
from runtun.grading.rebuild import Rebuilt, RebuiltCell

STATUSES = ("graded", "manual", "rejected", "error")
_FAILURES = {"error": "failed", "timeout": "timeout", "died": "died", "flood": "flood"}
# How NumPy 2 and PyTorch write their scalars: np.float64(1.5), tensor(1.5, dtype=torch.float64)
_WRAPPED = re.compile(r"(?:(?:np|numpy)\.\w+|tensor)\(([^(),]*)(?:, dtype=torch\.\w+)?\)")
MAX_HINT = 600
# Codes of notes, by where the runner's result lists what it noticed.
_NOTED = {"exchange": "tamper", "changed": "changed", "reached": "reached", "limit": "limits_hit"}


@dataclass(frozen=True)
class Score:
    """What one cell earned.

    Args:
        grade_id: nbgrader's name of the cell.
        points: earned; None while it waits for a person.
        max_points: what it is worth.
        state: "passed", "partial", "failed", "timeout", "died", "flood", "skipped", "blank",
            "manual".
        message: the hint or the reason, fit for the student's eyes.
        error: the type of the exception that ended the test, if one did.
        hidden: True if the test failed inside hidden tests.
        seconds: how long the cell ran.
        line: the line of the test cell at which it failed, if known.
    """

    grade_id: str
    points: float | None
    max_points: float
    state: str
    message: str = ""
    error: str | None = None
    hidden: bool = False
    seconds: float = 0.0
    line: int | None = None


@dataclass(frozen=True)
class Result:
    """The verdict on one notebook.

    Args:
        notebook: its name.
        status: "graded", "manual" (a person must mark some cells), "rejected" (what was handed in
            cannot be graded) or "error" (the grader failed; the next run tries again).
        reason: of "rejected": a code, see `intake.Rejected`; of "error": what went wrong.
        scores: by grade id, in the notebook's order.
        language: in which the student is spoken to.
        notes: for the instructor, each "code: detail"; see `words.note_in`.
        seconds: total wall time.
        blank: grade ids of the cells that the student left as they were.
    """

    notebook: str
    status: str
    reason: str = ""
    scores: dict[str, Score] = field(default_factory=dict)
    language: str = "en"
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    blank: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """Points earned so far, without what a person has still to mark."""
        return sum(score.points or 0.0 for score in self.scores.values())

    @property
    def max_points(self) -> float:
        """Points that could be earned, by tests and from a person."""
        return sum(score.max_points for score in self.scores.values())

    @property
    def waiting(self) -> float:
        """Points that wait for a person."""
        return sum(s.max_points for s in self.scores.values() if s.points is None)


def judge(rebuilt: Rebuilt, outcome: Mapping[str, Any]) -> Result:
    """Turn a runner's result into points.

    Args:
        rebuilt: the notebook that was run.
        outcome: the runner's result.
    """
    bundle = rebuilt.bundle
    if outcome.get("status") != "ok":
        reason = str(outcome.get("reason") or "the runner gave no result")
        return Result(bundle.name, "error", reason, language=rebuilt.language)
    records = outcome.get("cells")
    records = records if isinstance(records, Mapping) else {}
    scores = {
        cell.id: _score(cell, records.get(cell.id), bundle)
        for cell in rebuilt.cells
        if cell.role in ("test", "answer", "task")
    }
    waiting = any(score.points is None for score in scores.values())
    notes = [*rebuilt.notes, *_notes(outcome)]
    return Result(
        notebook=bundle.name,
        status="manual" if waiting else "graded",
        scores=scores,
        language=rebuilt.language,
        notes=tuple(notes),
        seconds=float(outcome.get("seconds", {}).get("total", 0.0)),
        blank=tuple(cell.id for cell in rebuilt.cells if cell.blank),
    )


def _notes(outcome: Mapping[str, Any]) -> list[str]:
    """Collect what the runner noticed, as "code: detail"."""
    notes = ["no_walls"] if outcome.get("walls") == "none" else []
    for code, name in _NOTED.items():
        notes += [f"{code}: {clean_text(str(found))[:300]}" for found in outcome.get(name, ())]
    return notes


def nothing_earned(bundle: Bundle, status: str, reason: str, *, language: str = "en") -> Result:
    """Give the result of a notebook that never ran: zero points for each cell."""
    scores = {
        cell.id: Score(cell.id, 0.0, cell.points or 0.0, "skipped")
        for cell in bundle.cells
        if cell.role in ("test", "answer", "task")
    }
    return Result(bundle.name, status, reason, scores, language)


def partial_credit(value: str | None, max_points: float) -> float | None:
    """Read the value of a test cell's last expression as points.

    Returns:
        All points for no value, the number clamped to [0, max_points] for a finite number, and
        None for anything else: booleans, texts, nan and infinities are no points.

    >>> partial_credit("1.5", 2), partial_credit("np.float64(3.0)", 2), partial_credit(None, 2)
    (1.5, 2.0, 2.0)
    >>> partial_credit("tensor(0.5)", 2), partial_credit("tensor(1., dtype=torch.float64)", 2)
    (0.5, 1.0)
    >>> partial_credit("nan", 2) is None and partial_credit("tensor(True)", 2) is None
    True
    """
    if value is None:
        return float(max_points)
    text = value.strip()
    wrapped = _WRAPPED.fullmatch(text)
    try:
        number = float(wrapped.group(1) if wrapped else text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return float(min(max(number, 0.0), max_points))


def _score(cell: RebuiltCell, record: Any, bundle: Bundle) -> Score:
    origin = cell.origin
    if origin is None:
        raise ValueError(f"cell {cell.id!r} decides points but comes from no source cell")
    worth = origin.points or 0.0
    if cell.role == "task":
        return Score(cell.id, None, worth, "manual")
    if cell.role == "answer":
        if cell.blank:
            return Score(cell.id, 0.0, worth, "blank")
        return Score(cell.id, None, worth, "manual")
    if not isinstance(record, Mapping):
        return Score(cell.id, 0.0, worth, "skipped")
    seconds = float(record.get("seconds", 0.0))
    state = record.get("state")
    if state == "ok":
        earned = partial_credit(record.get("value"), worth)
        if earned is None:
            text = f"the test ended with {record.get('value')!r}, expected a number or nothing"
            return Score(cell.id, 0.0, worth, "failed", text, None, False, seconds)
        kind = "passed" if earned >= worth else ("partial" if earned > 0 else "failed")
        return Score(cell.id, earned, worth, kind, seconds=seconds)
    error = record.get("error") if isinstance(record.get("error"), Mapping) else {}
    message, hidden = hint(origin, error, bundle) if state == "error" else ("", False)
    name = clean_text(str(error["name"]))[:80] if error.get("name") else None
    kind = _FAILURES.get(str(state), "skipped")
    line = error.get("line") if isinstance(error.get("line"), int) else None
    return Score(cell.id, 0.0, worth, kind, message, name, hidden, seconds, line)


def hint(origin: SourceCell, error: Mapping[str, Any], bundle: Bundle) -> tuple[str, bool]:
    """Choose what a student may read about a failed test.

    A visible test may show its whole message. Of a failure inside hidden tests, or one whose place
    is unknown in a cell that has some, only lines that contain words the instructor wrote are
    shown: those are hints; the rest could give the expected values away.

    Returns:
        The text, and whether the failure lies in hidden tests.
    """
    text = clean_text(str(error.get("message") or "")).strip()
    line = error.get("line")
    hidden = bool(origin.hidden_lines) and (
        not isinstance(line, int) or line in origin.hidden_lines
    )
    if hidden:
        lines = text.splitlines() if error.get("name") == "AssertionError" else []
        text = "\n".join(
            line for line in lines if any(literal in line for literal in bundle.literals)
        )
    return text[:MAX_HINT], hidden
