"""Grading everything that was handed in for one assignment.

Workers run notebooks; this process alone writes: first the journal, then the gradebook, then the
files. Whatever is killed at whatever moment, the next run finds what was done and does the rest.
"""

from __future__ import annotations

import contextlib
import json
import queue
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runtun.grading import intake
from runtun.grading.bundle import Bundle
from runtun.grading.course import Arrival, Course, Handed
from runtun.grading.errors import CourseError
from runtun.grading.gradebook import GradebookWriter, Mark, Standing, late_rule
from runtun.grading.journal import Journal, write_atomically
from runtun.grading.pipeline import key_of, make_task
from runtun.grading.rebuild import Rebuilt, rebuild
from runtun.grading.runner import Runner
from runtun.grading.verdict import Result, Score, judge, nothing_earned

_CLOCKS_DIFFER = timedelta(minutes=10)
# Of several notebooks, the worst decides what the submission as a whole is called.
_ORDER = ("graded", "manual", "rejected", "error")


@dataclass
class Graded:
    """One notebook of one student, with what it was made from.

    Args:
        result: the verdict.
        rebuilt: the notebook that ran.
        outcome: what the runner said; empty if nothing ran.
        key: of the journal; "" if nothing could run.
        cached: True if nothing had to run this time.
    """

    result: Result
    rebuilt: Rebuilt
    outcome: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    cached: bool = False


@dataclass
class Verdict:
    """What became of one student's submission.

    Args:
        student: who.
        assignment: what.
        notebooks: by name.
        folder: where the submission is.
        arrival: when it came in, if anybody knows.
        late_seconds: how late, with extensions; 0 if in time.
        penalty: points taken off for that, by the course's own rule.
        marks: what a person decided, by notebook and grade id.
        notes: for the instructor, each "code: detail"; see `words.note_in`.
    """

    student: str
    assignment: str
    notebooks: dict[str, Graded]
    folder: Path
    arrival: Arrival | None = None
    late_seconds: float = 0.0
    penalty: float = 0.0
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def take(self, standing: Standing) -> None:
        """Take over what the gradebook knows beyond the tests."""
        self.marks = standing.marks
        self.penalty = standing.penalty
        self.late_seconds = standing.late_seconds

    @property
    def status(self) -> str:
        """One of `verdict.STATUSES`; "graded" once a person has marked what was waiting."""
        worst = max((g.result.status for g in self.notebooks.values()), key=_ORDER.index)
        if worst == "manual" and not self.waiting:
            return "graded"
        return worst

    @property
    def reason(self) -> str:
        """Why it was rejected or failed, if it was."""
        return "; ".join(g.result.reason for g in self.notebooks.values() if g.result.reason)

    def points_of(self, notebook: str, score: Score) -> float | None:
        """Count one cell: a person's mark wins over a test's, extra credit comes on top."""
        mark = self.marks.get((notebook, score.grade_id), Mark())
        base = mark.points if mark.points is not None else score.points
        if base is None:
            return None
        return base + (mark.extra_credit or 0.0)

    def scores(self) -> Iterator[tuple[str, Score, float | None]]:
        """Go through all cells with points: notebook, the machine's score, what counts."""
        for name, graded in self.notebooks.items():
            for score in graded.result.scores.values():
                yield name, score, self.points_of(name, score)

    @property
    def points(self) -> float:
        """Points so far, after any penalty."""
        return max(sum(points or 0.0 for _, _, points in self.scores()) - self.penalty, 0.0)

    @property
    def max_points(self) -> float:
        """Points that could be earned."""
        return sum(graded.result.max_points for graded in self.notebooks.values())

    @property
    def waiting(self) -> float:
        """Points that wait for a person."""
        return sum(score.max_points for _, score, points in self.scores() if points is None)

    @property
    def language(self) -> str:
        """The student's language."""
        return next(iter(self.notebooks.values())).result.language

    @property
    def seconds(self) -> float:
        """How long the notebooks ran."""
        return sum(graded.result.seconds for graded in self.notebooks.values())

    def to_json(self) -> dict[str, Any]:
        """Give what a script may want to know."""
        return {
            "student": self.student,
            "assignment": self.assignment,
            "status": self.status,
            "reason": self.reason,
            "points": self.points,
            "max_points": self.max_points,
            "waiting": self.waiting,
            "late_seconds": self.late_seconds,
            "penalty": self.penalty,
            "arrived": self.arrival.time.isoformat() if self.arrival else None,
            "language": self.language,
            "seconds": round(self.seconds, 3),
            "scores": [
                {
                    "notebook": notebook,
                    "grade_id": score.grade_id,
                    "points": points,
                    "max_points": score.max_points,
                    "state": score.state,
                    "message": score.message,
                }
                for notebook, score, points in self.scores()
            ],
            "notes": list(self.notes),
        }


class Session:
    """One assignment of one course, open for grading.

    Args:
        course: the course.
        assignment: its name.
        runner_identity: of the runner that will be used; part of every key.
        others: identities of runners whose kept results are shown too where nothing runs.
    """

    def __init__(self, course: Course, assignment: str, runner_identity: str, *others: str) -> None:
        self.course = course
        self.assignment = assignment
        self.runner_identity = runner_identity
        self.others = others
        self.bundles = course.bundles(assignment)
        self.journal = Journal(course.state / "journal" / assignment)  # one writer: see the lock
        self.due: datetime | None = course.due(assignment)
        _ = course.arrivals  # what is wrong with the table is better said before hours of work
        self._stop = threading.Event()
        self._key_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @property
    def max_points(self) -> float:
        """What the assignment is worth."""
        return sum(bundle.max_points for bundle in self.bundles.values())

    def handed_in(self) -> list[Handed]:
        """List what was handed in, sorted by student.

        Raises:
            CourseError: if there is nothing.
        """
        handed = self.course.handed_in(self.assignment)
        if not handed:
            folder = self.course.folder("submitted", "*", self.assignment)
            raise CourseError(f"nobody has handed in {self.assignment!r}: nothing in {folder}")
        return handed

    def grade(
        self,
        make_runner: Callable[[], Runner],
        *,
        jobs: int = 1,
        progress: Callable[[Verdict, int, int], None] | None = None,
    ) -> list[Verdict]:
        """Grade all submissions and write gradebook, autograded notebooks and feedback.

        Args:
            make_runner: called once for each worker.
            jobs: how many workers.
            progress: called after each submission with the verdict, how many are done and of how
                many.

        Returns:
            The verdicts, sorted by student, without the outputs of their notebooks.

        Raises:
            CourseError: if nothing was handed in or the gradebook cannot be written.
        """
        from runtun.grading.feedback import write_autograded, write_feedback

        handed = self.handed_in()
        verdicts: list[Verdict] = []
        rule = late_rule(self.course.config)
        directory = self.course.directory
        with GradebookWriter(directory.db_url, directory.course_id) as writer:
            self.due = writer.register(self.assignment, self.bundles, self.due)
            for verdict in self.examine_all(handed, make_runner, jobs):
                if verdict.status != "error":
                    self.course.stamp(verdict.folder, verdict.arrival)
                    writer.write(
                        self.assignment,
                        verdict.student,
                        {name: graded.result for name, graded in verdict.notebooks.items()},
                        arrived=verdict.arrival.time if verdict.arrival else None,
                        rejected=verdict.status == "rejected",
                        changed=self._is_new(verdict),
                        penalty=rule,
                    )
                    verdict.take(writer.standing(self.assignment, verdict.student))
                    write_feedback(self.course, verdict)
                    write_autograded(self.course, verdict)
                for graded in verdict.notebooks.values():
                    graded.outcome = {}  # the outputs of a class of thousands need much memory
                verdicts.append(verdict)
                if progress is not None:
                    progress(verdict, len(verdicts), len(handed))
        return sorted(verdicts, key=lambda verdict: verdict.student)

    def known(self) -> list[Verdict | Handed]:
        """Return the verdict of each submission that has one, and the others as handed in.

        Runs nothing; reads the marks of persons from the gradebook.
        """
        found: list[Verdict | Handed] = []
        directory = self.course.directory
        with GradebookWriter(directory.db_url, directory.course_id) as writer:
            self.due = writer.register(self.assignment, self.bundles, self.due)
            for handed in self.course.handed_in(self.assignment):
                verdict = self.examine(handed, None)
                if verdict is None:
                    found.append(handed)
                    continue
                verdict.take(writer.standing(self.assignment, verdict.student))
                found.append(verdict)
        return found

    def examine_all(
        self, handed: Sequence[Handed], make_runner: Callable[[], Runner], jobs: int
    ) -> Iterator[Verdict]:
        """Yield verdicts in the order in which they are reached; write nothing but the journal."""
        runners: queue.SimpleQueue[Runner] = queue.SimpleQueue()
        made: list[Runner] = []
        for _ in range(max(1, min(jobs, len(handed)))):
            made.append(make_runner())
            runners.put(made[-1])

        def work(one: Handed) -> Verdict:
            runner = runners.get()
            try:
                verdict = self.examine(one, runner)
            finally:
                runners.put(runner)
            if verdict is None:
                raise AssertionError("with a runner every submission gets a verdict")
            return verdict

        waiting = iter(handed)
        running: set[Future[Verdict]] = set()
        try:
            with ThreadPoolExecutor(len(made)) as pool:
                try:
                    while True:
                        # A short queue: a class of thousands need not be in memory at once.
                        while len(running) < 2 * len(made):
                            one = next(waiting, None)
                            if one is None:
                                break
                            running.add(pool.submit(work, one))
                        if not running:
                            return
                        done, running = wait(running, return_when=FIRST_COMPLETED)
                        for future in done:
                            yield future.result()
                except BaseException:
                    self._stop.set()
                    for future in running:
                        future.cancel()
                    for runner in made:
                        runner.close()
                    raise
        finally:
            for runner in made:
                runner.close()

    def examine(self, handed: Handed, runner: Runner | None) -> Verdict | None:
        """Reach the verdict on one submission, from the journal if it is there.

        Args:
            handed: the submission.
            runner: what executes notebooks; None to run nothing.

        Returns:
            The verdict; None if something would have to run first and there is no runner.
        """
        if handed.twin:
            return self._not_told_apart(handed)
        notes: list[str] = []
        files: dict[str, bytes] = {}
        blocked = _link_on_the_way(handed.folder)
        if not blocked:
            files, notes = intake.extra_files(handed.folder)
        graded: dict[str, Graded] = {}
        for name, bundle in self.bundles.items():
            try:
                if blocked:
                    raise intake.Rejected("link", handed.folder.name)
                path = handed.folder / f"{name}.ipynb"
                content = intake.read_regular_file(path, intake.MAX_NOTEBOOK_BYTES)
                submission = intake.parse_notebook(content)
                rebuilt = rebuild(bundle, submission, language=self.course.language)
            except intake.Rejected as rejected:
                graded[name] = self._refused(bundle, rejected)
                continue
            one = self._run(bundle, submission, rebuilt, handed, files, runner)
            if one is None:
                return None
            graded[name] = one
        missing = [name for name, g in graded.items() if g.result.reason.startswith("missing")]
        if len(missing) < len(graded):  # of several notebooks, one not handed in earns nothing
            for name in missing:
                graded[name].result = replace(graded[name].result, status="graded")
        elif not blocked:
            others = [p.name for p in sorted(handed.folder.glob("*.ipynb"))]
            if others:
                notes.append(f"found: {', '.join(ascii(n)[1:-1] for n in others[:5])}")
        arrival = None if blocked else self.course.arrival(handed, self.assignment)
        if arrival is not None and arrival.time > datetime.now(UTC) + _CLOCKS_DIFFER:
            notes.append(f"future: {arrival.time.isoformat()}")
        return Verdict(
            handed.student,
            self.assignment,
            graded,
            handed.folder,
            arrival=arrival,
            notes=(*notes, *(note for g in graded.values() for note in g.result.notes)),
        )

    def _not_told_apart(self, handed: Handed) -> Verdict:
        """Grade neither of two folders that would be one student in the gradebook."""
        reason = f"same_name: {ascii(handed.folder.parent.name)[1:-1]}"
        graded = {
            name: Graded(nothing_earned(bundle, "error", reason), rebuild(bundle, None))
            for name, bundle in self.bundles.items()
        }
        return Verdict(handed.student, self.assignment, graded, handed.folder)

    def released_otherwise(self) -> list[str]:
        """List the tests that stand otherwise in the release folder than in the source."""
        folder = self.course.folder("release", ".", self.assignment)
        found = []
        for name, bundle in self.bundles.items():
            try:
                content = intake.read_regular_file(
                    folder / f"{name}.ipynb", intake.MAX_NOTEBOOK_BYTES
                )
                released = intake.parse_notebook(content)
                notes = rebuild(bundle, released).notes
            except intake.Rejected:
                continue
            there = {cell.grade_id for cell in released.cells}
            other = {note.partition(": ")[2].partition(",")[0] for note in notes}
            for cell in bundle.cells:
                if cell.role == "test" and (cell.id in other or cell.grade_id not in there):
                    found.append(f"{name}/{cell.id}")
        return found

    def _refused(self, bundle: Bundle, rejected: intake.Rejected) -> Graded:
        language = self.course.language
        result = nothing_earned(bundle, "rejected", str(rejected), language=language)
        return Graded(result, rebuild(bundle, None, language=language), cached=True)

    def _run(
        self,
        bundle: Bundle,
        submission: intake.Submission,
        rebuilt: Rebuilt,
        handed: Handed,
        files: Mapping[str, bytes],
        runner: Runner | None,
    ) -> Graded | None:
        limits = self.course.limits(self.assignment)
        depends: dict[str, Any] = {"limits": limits, "files": files, "language": rebuilt.language}
        key = key_of(bundle, submission, runner=self.runner_identity, **depends)
        for other in self.others if runner is None and self.journal.get(key) is None else ():
            kept = key_of(bundle, submission, runner=other, **depends)
            if self.journal.get(kept) is not None:
                key = kept
        with self._lock_of(key):  # equal submissions at the same time: one runs, the other waits
            outcome = self.journal.get(key)
            if outcome is not None:
                return Graded(judge(rebuilt, outcome), rebuilt, outcome, key, cached=True)
            if runner is None:
                return None
            own = [
                {"name": name, "path": str(handed.folder / name), "origin": "student"}
                for name in files
            ]
            try:
                outcome = runner.run(make_task(rebuilt, key=key, limits=limits, files=own))
            except CourseError:  # nothing more can run, for example without the cluster
                raise
            except Exception as error:  # one broken run must not stop the class
                outcome = {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
            if self._stop.is_set():  # what was cut off by Ctrl-C is no verdict
                outcome = {"status": "failed", "reason": "interrupted"}
            if outcome.get("status") == "ok":
                self.journal.put(key, outcome)
        return Graded(judge(rebuilt, outcome), rebuilt, outcome, key)

    def _lock_of(self, key: str) -> threading.Lock:
        with self._lock:
            return self._key_locks.setdefault(key, threading.Lock())

    def _is_new(self, verdict: Verdict) -> bool:
        """Say whether the last completed run had other content for this student."""
        folder = self.course.folder("autograded", verdict.student, self.assignment)
        keys = {name: graded.key for name, graded in verdict.notebooks.items()}
        return read_keys(folder) != keys


def read_keys(folder: Path) -> dict[str, str] | None:
    """Read which outcomes an autograded folder was made from; None if it is not complete."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((folder / ".runtun.json").read_text())
    return None


def write_keys(folder: Path, verdict: Verdict) -> None:
    """Write down, as the last step, that this submission is complete."""
    keys = {name: graded.key for name, graded in verdict.notebooks.items()}
    write_atomically(folder / ".runtun.json", json.dumps(keys))


def _link_on_the_way(folder: Path) -> bool:
    """Say whether a submission's folder, or the student's folder above it, is a link."""
    for path in (folder, folder.parent):
        try:
            if stat.S_ISLNK(path.lstat().st_mode):
                return True
        except OSError:
            return True
    return not folder.is_dir()
