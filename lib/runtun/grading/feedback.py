"""What a student gets back, and the autograded notebook for nbgrader's form grader."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

from runtun.grading import intake
from runtun.grading.course import Course
from runtun.grading.gradebook import Mark
from runtun.grading.journal import write_atomically
from runtun.grading.page import (
    esc,
    inert_markdown,
    inert_output,
    markdown,
    output,
    page,
    shortened,
)
from runtun.grading.rebuild import RebuiltCell
from runtun.grading.session import Graded, Verdict, write_keys
from runtun.grading.verdict import Score
from runtun.grading.words import WORDS, moment, number, reason_in, say, span

_TONES = {"passed": "good", "partial": "part", "manual": "wait"}
_SIGNS = {"good": "✓", "part": "◐", "bad": "✗", "wait": "…"}
_OWN_HINTS = ("timeout", "died", "flood", "skipped")


def write_feedback(course: Course, verdict: Verdict) -> list[Path]:
    """Write one page for each notebook of a submission, where nbgrader expects it."""
    folder = course.folder("feedback", verdict.student, verdict.assignment)
    written = []
    for name, graded in verdict.notebooks.items():
        path = folder / f"{name}.html"
        write_atomically(path, feedback_page(verdict, name, graded))
        written.append(path)
    # The exchange's way back to the student: `nbgrader release_feedback` looks for both here.
    for name in ("timestamp.txt", "submission_secret.txt"):
        with contextlib.suppress(intake.Rejected):
            write_atomically(folder / name, intake.read_regular_file(verdict.folder / name, 1000))
    return written


def feedback_page(verdict: Verdict, name: str, graded: Graded) -> str:
    """Build the page for one notebook, in the student's language."""
    language = graded.result.language
    title = f"{say(language, 'feedback')}: {verdict.assignment}"
    body = [f"<h1>{esc(title)}</h1>", _who(verdict, name, language)]
    if graded.result.status in ("rejected", "error"):
        body.append(_refusal(graded, language))
        return page(title, language, "\n".join(body))
    body.append(_total(verdict, name, graded, language))
    body.append(f"<h2>{esc(say(language, 'points'))}</h2>")
    for score in graded.result.scores.values():
        mark = verdict.marks.get((name, score.grade_id), Mark())
        about = graded.rebuilt.bundle.by_grade_id[score.grade_id].title
        body.append(_card(score, about, verdict.points_of(name, score), mark, language))
    work = [_work(cell, graded, verdict.marks, name, language) for cell in graded.rebuilt.cells]
    if any(work):
        body += [f"<h2>{esc(say(language, 'your_work'))}</h2>", *work]
    return page(title, language, "\n".join(part for part in body if part))


def hint_text(score: Score, language: str) -> str:
    """Say why a test earned less than it could, in words a student can use."""
    if score.state in _OWN_HINTS:
        return say(language, f"{score.state}_hint")
    if score.state != "failed":
        return ""
    parts = []
    if score.message and score.error in (None, "AssertionError"):
        parts.append(score.message)
    elif score.error and score.error != "AssertionError":
        raised = score.error if not score.message else f"{score.error}: {score.message}"
        parts.append(say(language, "raised", error=raised))
    if score.hidden and not score.message:
        parts.insert(0, say(language, "hidden_failed"))
    return "\n".join(parts)


def write_autograded(course: Course, verdict: Verdict) -> None:
    """Write the notebooks that ran, for the form grader; the last file says it is complete."""
    folder = course.folder("autograded", verdict.student, verdict.assignment)
    for name, graded in verdict.notebooks.items():
        notebook = autograded_notebook(graded)
        # Stock nbgrader leaves these files without write permission; replacing them is allowed.
        write_atomically(folder / f"{name}.ipynb", json.dumps(notebook, indent=1) + "\n")
    if verdict.arrival is not None:
        stamp = verdict.arrival.time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        write_atomically(folder / "timestamp.txt", stamp)
    for name, path in _course_files(verdict).items():
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, path.read_bytes())
    write_keys(folder, verdict)


def autograded_notebook(graded: Graded) -> dict[str, Any]:
    """Put together the notebook that ran, with its outputs and nbgrader's metadata.

    The form grader shows it in the instructor's browser, next to a server that may run anything:
    nothing of it may act there.
    """
    records = graded.outcome.get("cells", {})
    cells = []
    if graded.result.status == "rejected":
        text = f"**{graded.result.reason}**"
        cells.append({"cell_type": "markdown", "id": "reason", "metadata": {}, "source": text})
    for number_, cell in enumerate(graded.rebuilt.cells):
        metadata = dict(cell.origin.metadata) if cell.origin else {}
        if cell.origin and cell.origin.checksum:
            metadata["nbgrader"] = {**metadata["nbgrader"], "checksum": cell.origin.checksum}
        entry: dict[str, Any] = {
            "cell_type": cell.cell_type,
            "id": f"cell-{number_}",
            "metadata": metadata,
            "source": cell.edited if cell.edited is not None else cell.source,
        }
        if cell.cell_type == "markdown" and cell.role in ("answer", "extra"):
            entry["source"] = inert_markdown(cell.source)
        if cell.cell_type == "code":
            outputs = records.get(cell.id, {}).get("outputs", [])
            entry["outputs"] = [inert_output(one) for one in outputs]
            entry["execution_count"] = None
        elif cell.origin and cell.origin.attachments:
            entry["attachments"] = dict(cell.origin.attachments)
        cells.append(entry)
    metadata = dict(graded.rebuilt.bundle.metadata)
    metadata["runtun"] = {"language": graded.rebuilt.language}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _course_files(verdict: Verdict) -> dict[str, Path]:
    return {
        name: path
        for graded in verdict.notebooks.values()
        for name, path in graded.rebuilt.bundle.files.items()
    }


def _who(verdict: Verdict, name: str, language: str) -> str:
    parts = [verdict.student]
    if len(verdict.notebooks) > 1:
        parts.append(name)
    if verdict.arrival is not None:
        parts.append(say(language, "arrived", time=moment(verdict.arrival.time)))
    lines = [f'<p class="soft">{esc(" · ".join(parts))}</p>']
    if verdict.late_seconds > 0:
        late = say(language, "late", late=span(language, verdict.late_seconds))
        if verdict.penalty > 0:
            late += " " + say(language, "penalty", points=number(verdict.penalty))
        lines.append(f'<p class="note">{esc(late)}</p>')
    return "\n".join(lines)


def _refusal(graded: Graded, language: str) -> str:
    reason = reason_in(language, graded.result.reason)
    return (
        f'<div class="card bad"><b>{esc(say(language, "rejected"))}</b>'
        f"<p>{esc(reason[:1].upper() + reason[1:])}.</p>"
        f"<p>{esc(say(language, 'rejected_next'))}</p></div>"
    )


def _total(verdict: Verdict, name: str, graded: Graded, language: str) -> str:
    points = sum(verdict.points_of(name, s) or 0.0 for s in graded.result.scores.values())
    waiting = sum(
        s.max_points for s in graded.result.scores.values() if verdict.points_of(name, s) is None
    )
    best = graded.result.max_points
    share = 100 * min(points / best, 1.0) if best else 0.0
    more = f" {say(language, 'so_far')}" if waiting else ""
    lines = [
        f'<p class="total">{number(points)} <small>{esc(say(language, "of"))} {number(best)}'
        f"{esc(more)}</small></p>",
        '<div class="bar"><svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{share:.1f}" height="1" fill="#1a7f37"/></svg></div>',
    ]
    if waiting:
        text = say(language, "waiting_points", points=number(waiting))
        lines.append(f'<p class="soft">{esc(text)}</p>')
    return "\n".join(lines)


def _card(score: Score, about: str, points: float | None, mark: Mark, language: str) -> str:
    state, tone = score.state, _TONES.get(score.state, "bad")
    if mark.points is not None:
        state, tone = "marked", "good" if mark.points >= score.max_points else "part"
    earned = "–" if points is None else number(points)
    hint = hint_text(score, language) if mark.points is None else ""
    lines = [
        f'<section class="card {tone}"><header><b>{esc(score.grade_id)}</b>'
        f'<span class="n">{earned} / {number(score.max_points)}</span></header>'
        f'<span class="s">{_SIGNS[tone]} {esc(WORDS[language][state])}</span>'
    ]
    if about:
        lines.append(f'<p class="soft">{esc(about)}</p>')
    if hint:
        lines.append(f'<p class="hint">{esc(hint)}</p>')
    if mark.comment:
        comment = f"{say(language, 'comment')}: {mark.comment}"
        lines.append(f'<p class="hint">{esc(comment)}</p>')
    return "\n".join([*lines, "</section>"])


def _work(
    cell: RebuiltCell,
    graded: Graded,
    marks: Mapping[tuple[str, str], Mark],
    name: str,
    language: str,
) -> str:
    """Show one cell that the student wrote, with its output, or nothing for other cells."""
    if cell.role not in ("solution", "answer", "extra"):
        return ""
    cut = say(language, "cut")
    lines = []
    if cell.role != "extra":
        lines.append(f"<h3>{esc(cell.id)}</h3>")
    elif cell.cell_type == "code":
        lines.append(f"<h3>{esc(say(language, 'your_code'))}</h3>")
    if not cell.source.strip():
        lines.append(f'<p class="soft">{esc(say(language, "empty"))}</p>')
    elif cell.cell_type == "code":
        lines.append(f'<pre tabindex="0">{esc(shortened(cell.source, cut))}</pre>')
    else:
        lines.append(f'<div class="note">{markdown(cell.source)}</div>')
    record = graded.outcome.get("cells", {}).get(cell.id, {})
    lines += [output(entry, cut) for entry in record.get("outputs", ())][:20]
    mark = marks.get((name, cell.id), Mark())
    if mark.comment and cell.role == "solution":
        comment = f"{say(language, 'comment')}: {mark.comment}"
        lines.append(f'<p class="note">{esc(comment)}</p>')
    return "\n".join(line for line in lines if line)
