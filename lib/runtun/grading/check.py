"""A student's look at their own notebook: the tests that are in it, points so far, hints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtun.grading import intake
from runtun.grading.bundle import Bundle
from runtun.grading.errors import CourseError
from runtun.grading.pipeline import make_task
from runtun.grading.rebuild import DEFAULT_LANGUAGE, Rebuilt, RebuiltCell
from runtun.grading.runner import KernelRunner, Runner
from runtun.grading.verdict import Result, judge
from runtun.grading.words import WORDS, number, reason_in, say

_SIGNS = {"passed": "✓", "partial": "◐", "manual": "…", "blank": "…", "later": "…"}


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Args:
        result: the verdict on the tests in the notebook.
        language: in which to speak.
        later: tests of which the student's copy holds nothing that could run.
    """

    result: Result
    language: str
    later: frozenset[str] = frozenset()

    @property
    def tested(self) -> list[Any]:
        """The scores that tests in the notebook decided."""
        by_hand = ("manual", "blank")
        scores = self.result.scores.values()
        return [s for s in scores if s.state not in by_hand and s.grade_id not in self.later]

    @property
    def all_pass(self) -> bool:
        """True if each test earned all its points."""
        return all(score.state == "passed" for score in self.tested)

    def text(self) -> str:
        """Say it to a person."""
        from runtun.grading.feedback import hint_text

        language = self.language
        if not self.result.scores:
            return say(language, "no_tests")
        lines = []
        width = max(len(name) for name in self.result.scores)
        for score in self.result.scores.values():
            tested = score in self.tested
            earned = number(score.points or 0.0) if tested else "–"
            points = f"{earned} / {number(score.max_points)}"
            state = "later" if score.grade_id in self.later else score.state
            sign = _SIGNS.get(state, "✗")
            state = WORDS[language][state]
            lines.append(f"{sign} {score.grade_id.ljust(width)}  {points.rjust(9)}  {state}")
            hint = hint_text(score, language)
            lines += [f"    {line}" for line in hint.splitlines()]
        points = number(sum(score.points or 0.0 for score in self.tested))
        best = number(sum(score.max_points for score in self.tested))
        lines += ["", say(language, "check_points", points=points, max_points=best)]
        if self.all_pass and self.tested:
            lines.append(say(language, "check_all"))
        by_hand = sum(
            s.max_points for s in self.result.scores.values() if s.state in ("manual", "blank")
        )
        if by_hand:
            lines.append(say(language, "check_manual", points=number(by_hand)))
        lines.append(say(language, "check_hidden"))
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Say it to a program."""
        return {
            "points": sum(score.points or 0.0 for score in self.tested),
            "max_points": sum(score.max_points for score in self.tested),
            "all_pass": self.all_pass,
            "language": self.language,
            "scores": [
                {
                    "grade_id": score.grade_id,
                    "points": score.points if score in self.tested else None,
                    "max_points": score.max_points,
                    "state": "later" if score.grade_id in self.later else score.state,
                    "message": score.message,
                    "error": score.error,
                }
                for score in self.result.scores.values()
            ],
        }


def check_notebook(
    path: str | Path, *, language: str | None = None, runner: Runner | None = None
) -> CheckReport:
    """Run a student's notebook as it is and report on the tests in it.

    Args:
        path: the notebook; it is not changed. It runs in its own folder, so it finds its files.
        language: "id" or "en"; by default what the notebook was released in.
        runner: what executes it; a kernel in the notebook's folder if not given.

    Raises:
        CourseError: if the notebook cannot be read or run.
    """
    path = Path(path)
    if path.is_dir():
        raise CourseError(f"{path} is a folder; expected a notebook (.ipynb)")
    path = path.resolve()  # on one's own machine a link is nothing bad
    try:
        content = intake.read_regular_file(path, intake.MAX_NOTEBOOK_BYTES)
        submission = intake.parse_notebook(content)
    except intake.Rejected as rejected:
        if rejected.code == "missing":
            raise CourseError(f"{path} does not exist") from None
        raise CourseError(f"cannot check {path.name}: {reason_in('en', str(rejected))}") from None
    bundle = Bundle.from_released(_trusting(content), path.stem)
    spoken = language or submission.language or DEFAULT_LANGUAGE
    rebuilt = Rebuilt(bundle, tuple(_as_it_is(bundle)), spoken)
    task = make_task(rebuilt)
    if runner is None:
        with KernelRunner(folder=path.parent) as fresh:
            outcome = fresh.run(task)
    else:
        outcome = runner.run(task)
    result = judge(rebuilt, outcome)
    if result.status == "error":
        raise CourseError(result.reason)
    later = {c.id for c in bundle.cells if c.role == "test" and not runs_anything(c.source)}
    return CheckReport(result, spoken, frozenset(later))


def runs_anything(source: str) -> bool:
    """Say whether a cell holds more than comments.

    >>> runs_anything("# 1 point: hidden tests"), runs_anything("assert f(1)")
    (False, True)
    """
    lines = (line.strip() for line in source.splitlines())
    return any(line and not line.startswith("#") for line in lines)


def _as_it_is(bundle: Bundle) -> list[RebuiltCell]:
    return [
        RebuiltCell(
            cell.id,
            cell.role,
            cell.cell_type,
            cell.source,
            cell,
            blank=cell.role == "answer" and not cell.source.strip(),
        )
        for cell in bundle.cells
    ]


def _trusting(content: bytes) -> dict[str, Any]:
    """Parse one's own notebook, whose nbgrader metadata says what is tested."""
    import nbformat

    try:
        notebook = nbformat.reads(content.decode("utf-8-sig"), as_version=4)
    except Exception as error:  # nbformat raises many kinds for what is not quite a notebook
        raise CourseError(f"this is not a usable notebook: {error}") from error
    kept = set()
    for cell in notebook.cells:
        mark = cell.metadata.get("nbgrader")
        name = mark.get("grade_id") if isinstance(mark, dict) else None
        if not isinstance(name, str) or name in kept:
            cell.metadata.pop("nbgrader", None)  # of copied cells, the first counts
        else:
            kept.add(name)
    return notebook
