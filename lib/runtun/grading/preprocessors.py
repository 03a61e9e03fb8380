"""The same protection for who types nbgrader's commands or presses the form grader's buttons.

`nbgrader_config.py` puts these in the place of nbgrader's own steps. For `nbgrader autograde`, the
first makes the notebook from the instructor's source, and the second runs it through this package's
runner and writes the verdict: nothing that a student wrote into metadata, tags or test cells is
looked at, and a test without a positive record earns nothing. For `nbgrader generate_feedback`, the
third writes the page that `runtun feedback` writes.
"""

from __future__ import annotations

import atexit
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter
from nbgrader.preprocessors import NbGraderPreprocessor

from runtun.grading import intake
from runtun.grading.commands import all_identities, make_runner
from runtun.grading.course import Course, Handed
from runtun.grading.feedback import autograded_notebook, feedback_page, write_feedback
from runtun.grading.gradebook import GradebookWriter, late_rule
from runtun.grading.rebuild import rebuild
from runtun.grading.runner import Runner
from runtun.grading.session import Graded, Session, Verdict
from runtun.grading.verdict import judge


class RebuildFromSource(NbGraderPreprocessor):
    """Replace what was handed in by the instructor's notebook with the student's texts in it."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Return the rebuilt notebook; the one that nbgrader read is not used at all."""
        session, handed, name = _session(self, resources)
        _drop_what_links_gave(
            handed.folder, session.course.folder("autograded", handed.student, session.assignment)
        )
        bundle, language = session.bundles[name], session.course.language
        try:
            path = handed.folder / f"{name}.ipynb"
            content = intake.read_regular_file(path, intake.MAX_NOTEBOOK_BYTES)
            rebuilt = rebuild(bundle, intake.parse_notebook(content), language=language)
        except intake.Rejected:  # the next step writes down why
            rebuilt = rebuild(bundle, None, language=language)
        not_run = Graded(judge(rebuilt, {"status": "ok"}), rebuilt)
        return nbformat.from_dict(autograded_notebook(not_run)), resources


class GradeFromSource(NbGraderPreprocessor):
    """Run the rebuilt notebook, decide, and write the verdict into the gradebook."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Return the notebook with the outputs of its run."""
        session, handed, name = _session(self, resources)
        verdict = session.examine(handed, _runner(session.course.root))
        if verdict is None or verdict.status == "error":
            reason = verdict.reason if verdict is not None else "no verdict"
            raise RuntimeError(f"{handed.student}: {reason}")
        graded = verdict.notebooks[name]
        session.course.stamp(verdict.folder, verdict.arrival)
        directory = session.course.directory
        with GradebookWriter(directory.db_url, directory.course_id) as writer:
            writer.register(session.assignment, session.bundles, session.due)
            writer.write(
                session.assignment,
                handed.student,
                {name: graded.result},
                arrived=verdict.arrival.time if verdict.arrival else None,
                rejected=graded.result.status == "rejected",
                penalty=late_rule(session.course.config),
            )
        return nbformat.from_dict(autograded_notebook(graded)), resources


class SafeFeedback(HTMLExporter):
    """Make a student's page without hidden tests, scripts and copied files."""

    def from_filename(
        self, filename: str, resources: Any = None, **_: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the page for one graded notebook.

        Raises:
            RuntimeError: if what was handed in last is not graded yet.
        """
        about = resources["nbgrader"]
        student, assignment, name = about["student"], about["assignment"], about["notebook"]
        course = _course(self.parent.coursedir)
        session = Session(course, assignment, *all_identities())
        handed = Handed(student, course.folder("submitted", student, assignment))
        verdict = session.examine(handed, None)
        if verdict is None or name not in verdict.notebooks:
            raise RuntimeError(
                f"{student}: {name} as it was handed in last is not graded yet; grade it first, "
                "with `runtun grade` or `nbgrader autograde`"
            )
        with GradebookWriter(course.directory.db_url, course.directory.course_id) as writer:
            verdict.take(writer.standing(assignment, student))
        _drop_copies(course.folder("autograded", student, assignment), course, verdict)
        write_feedback(course, verdict)
        text = feedback_page(verdict, name, verdict.notebooks[name])
        return text, {**resources, "output_extension": ".html", "outputs": {}}


@cache
def _runner(root: Path) -> Runner:
    """One runner for all notebooks of a command: its imports are slow.

    Args:
        root: the course folder, which no submission may see.
    """
    runner = make_runner(hide=[root])
    atexit.register(runner.close)
    return runner


def _session(step: NbGraderPreprocessor, resources: Any) -> tuple[Session, Handed, str]:
    """Find the course, the submission and the notebook that nbgrader's converter is at."""
    about = resources["nbgrader"]
    course = _course(step.parent.parent.coursedir)  # the exporter's converter
    session = Session(course, about["assignment"], _runner(course.root).identity)
    folder = course.folder("submitted", about["student"], about["assignment"])
    return session, Handed(about["student"], folder), about["notebook"]


def _course(coursedir: Any) -> Course:
    course = Course(Path(coursedir.root))
    course.directory = coursedir  # with what was said on nbgrader's command line
    return course


def _drop_copies(autograded: Path, course: Course, verdict: Verdict) -> None:
    """Remove what nbgrader copied beside the page: a student's own HTML could act there."""
    folder = course.folder("feedback", verdict.student, verdict.assignment)
    kept = {"timestamp.txt", "submission_secret.txt", *(f"{n}.html" for n in verdict.notebooks)}
    for path in autograded.rglob("*"):
        name = path.relative_to(autograded)
        if path.is_file() and str(name) not in kept:
            (folder / name).unlink(missing_ok=True)


def _drop_what_links_gave(submitted: Path, autograded: Path) -> None:
    """Remove the copies that nbgrader made of files behind links: they are not the student's."""
    linked = [
        Path(parent, name).relative_to(submitted)
        for parent, folders, names in os.walk(submitted, followlinks=False)
        for name in (*folders, *names)
        if Path(parent, name).is_symlink()
    ]
    for name in linked:
        copy = autograded / name
        if copy.is_dir() and not copy.is_symlink():
            shutil.rmtree(copy)
        else:
            copy.unlink(missing_ok=True)
