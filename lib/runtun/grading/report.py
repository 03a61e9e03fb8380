"""What an instructor gets: a table for a spreadsheet and a page with pictures."""

from __future__ import annotations

import csv
import io
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from runtun.grading.course import Course
from runtun.grading.journal import write_atomically
from runtun.grading.page import esc, page
from runtun.grading.session import Verdict
from runtun.grading.similarity import Pair, similar_pairs
from runtun.grading.words import WORDS, moment, note_in, number, reason_in, say, span

_FAILED = ("failed", "timeout", "died", "flood", "skipped")
# What a person should look at first; the rest is for the record.
_FIRST = ("exchange", "reached", "changed", "metadata", "edited")
_MAX_ROWS = 300


def write_reports(
    course: Course, assignment: str, verdicts: Sequence[Verdict]
) -> tuple[Path, Path]:
    """Write the report of an assignment and its tables; return the paths of both main ones."""
    folder = course.root / "reports" / assignment
    table, report = folder / "grades.csv", folder / "report.html"
    pairs = pairs_of(verdicts)
    write_atomically(table, grades_csv(verdicts))
    write_atomically(folder / "evidence.csv", evidence_csv(verdicts, course.language))
    write_atomically(folder / "similar.csv", similar_csv(pairs))
    write_atomically(report, report_page(assignment, verdicts, course.language, pairs))
    return table, report


def pairs_of(verdicts: Sequence[Verdict]) -> list[Pair]:
    """Find submissions that are unusually alike, over all code that students wrote."""
    sources: dict[str, list[str]] = {}
    given: dict[str, None] = {}
    for verdict in verdicts:
        for graded in verdict.notebooks.values():
            given |= {c.source: None for c in graded.rebuilt.bundle.cells if c.cell_type == "code"}
            cells = [
                cell.source
                for cell in graded.rebuilt.cells
                if cell.role in ("solution", "extra") and cell.cell_type == "code"
            ]
            if any(cell.strip() for cell in cells):
                sources.setdefault(verdict.student, []).extend(cells)
    return similar_pairs(sources, given)


def evidence_csv(verdicts: Sequence[Verdict], language: str) -> str:
    """List what was noticed, one note a row."""
    rows = [(s, code, words, detail) for s, code, words, detail in _evidence(verdicts, language)]
    return _csv(["student", "code", "noticed", "evidence"], rows)


def similar_csv(pairs: Sequence[Pair]) -> str:
    """List pairs that are unusually alike."""
    rows = [(p.first, p.second, f"{p.structure:.2f}", f"{p.wording:.2f}") for p in pairs]
    return _csv(["student", "other", "structure", "wording"], rows)


def grades_csv(verdicts: Sequence[Verdict]) -> str:
    """List one submission a row, with the points of each question."""
    questions = list(dict.fromkeys((n, s.grade_id) for v in verdicts for n, s, _ in v.scores()))
    several = len({notebook for notebook, _ in questions}) > 1
    names = [f"{notebook}/{name}" if several else name for notebook, name in questions]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    heads = "student status points max_points waiting late_seconds penalty arrived reason"
    writer.writerow([*heads.split(), *names])
    for verdict in verdicts:
        earned = {(n, s.grade_id): points for n, s, points in verdict.scores()}
        cells = [earned.get(question) for question in questions]
        writer.writerow(
            [
                _cell(verdict.student),
                verdict.status,
                number(verdict.points),
                number(verdict.max_points),
                number(verdict.waiting),
                int(verdict.late_seconds),
                number(verdict.penalty),
                verdict.arrival.time.isoformat() if verdict.arrival else "",
                _cell(verdict.reason),
                *("" if points is None else number(points) for points in cells),
            ]
        )
    return file.getvalue()


def report_page(
    assignment: str, verdicts: Sequence[Verdict], language: str, pairs: Sequence[Pair] = ()
) -> str:
    """Build the class report."""
    title = f"{say(language, 'report')}: {assignment}"
    body = [f"<h1>{esc(title)}</h1>", _facts(verdicts, language)]
    counted = [v for v in verdicts if v.status in ("graded", "manual")]
    if counted:
        body += [
            f"<h2>{esc(say(language, 'distribution'))}</h2>",
            _histogram(counted, language),
            f"<h2>{esc(say(language, 'per_question'))}</h2>",
            _questions(counted, language),
        ]
    body += [f"<h2>{esc(say(language, 'frequent'))}</h2>", _failures(counted, language)]
    body += [f"<h2>{esc(say(language, 'evidence'))}</h2>", _noticed(verdicts, language)]
    body += [f"<h2>{esc(say(language, 'similar'))}</h2>", _similar(pairs, language)]
    body += [f"<h2>{esc(say(language, 'students'))}</h2>", _table(verdicts, language)]
    return page(title, language, "\n".join(body), wide=True)


def _csv(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([_cell(text) for text in row] for row in rows)
    return file.getvalue()


def _evidence(verdicts: Sequence[Verdict], language: str) -> list[tuple[str, str, str, str]]:
    """List student, code, words and detail of each note, the most telling first."""
    rows = []
    for verdict in verdicts:
        for note in verdict.notes:
            code, _, detail = note.partition(": ")
            rows.append((verdict.student, code, note_in(language, code), detail))

    def weight(row: tuple[str, str, str, str]) -> tuple[int, str]:
        return (_FIRST.index(row[1]) if row[1] in _FIRST else len(_FIRST), row[0])

    return sorted(rows, key=weight)


def _noticed(verdicts: Sequence[Verdict], language: str) -> str:
    rows = _evidence(verdicts, language)
    if not rows:
        return f"<p>{esc(say(language, 'evidence_none'))}</p>"
    lines = [
        f'<tr><td>{esc(student)}</td><td>{esc(words)}</td><td class="any">{esc(detail)}</td></tr>'
        for student, _, words, detail in rows[:_MAX_ROWS]
    ]
    about = f'<p class="soft">{esc(say(language, "evidence_about"))}</p>'
    return about + _scroll(_heads(language, "student", "noticed", "where"), lines)


def _similar(pairs: Sequence[Pair], language: str) -> str:
    about = f'<p class="soft">{esc(say(language, "similar_about"))}</p>'
    if not pairs:
        return f"{about}<p>{esc(say(language, 'similar_none'))}</p>"
    lines = [
        f"<tr><td>{esc(pair.first)}</td><td>{esc(pair.second)}</td>"
        f'<td class="n">{100 * pair.structure:.0f} %</td>'
        f'<td class="n">{100 * pair.wording:.0f} %</td></tr>'
        for pair in pairs
    ]
    heads = _heads(language, "student", "student", "structure", "wording")
    return about + _scroll(heads, lines)


def _heads(language: str, *names: str) -> str:
    return "".join(f"<th>{esc(say(language, name))}</th>" for name in names)


def _scroll(heads: str, rows: Iterable[str]) -> str:
    return f'<div class="scroll" tabindex="0"><table><tr>{heads}</tr>{"".join(rows)}</table></div>'


def _cell(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _facts(verdicts: Sequence[Verdict], language: str) -> str:
    counted = [v for v in verdicts if v.status in ("graded", "manual")]
    facts = [(say(language, "students"), str(len(verdicts)))]
    for status, amount in Counter(v.status for v in verdicts).most_common():
        facts.append((WORDS[language][f"status.{status}"], str(amount)))
    if counted:
        best = number(counted[0].max_points)
        middle = number(statistics.median(v.points for v in counted))
        facts.append((say(language, "median"), f"{middle} / {best}"))
        seconds = statistics.median(v.seconds for v in counted)
        facts.append((say(language, "median_seconds"), f"{seconds:.1f} s"))
    cells = "".join(f"<div><b>{esc(value)}</b>{esc(name)}</div>" for name, value in facts)
    return f'<div class="facts">{cells}</div>'


def _histogram(verdicts: Sequence[Verdict], language: str) -> str:
    """Draw how many submissions earned how much."""
    best = max(max(v.max_points for v in verdicts), 1e-9)
    count = min(max(round(best), 4), 20)
    bins = [0] * (count + 1)  # the last holds full marks alone
    for verdict in verdicts:
        bins[min(int(verdict.points / best * count + 1e-9), count)] += 1
    width, height, base, top = 640, 200, 170, max(bins)
    step = (width - 20) / len(bins)
    shapes = []
    for index, amount in enumerate(bins):
        left = 10 + index * step
        tall = 130 * amount / top
        if amount:
            shapes.append(
                f'<rect x="{left + 2:.1f}" y="{base - tall:.1f}" width="{step - 4:.1f}" '
                f'height="{tall:.1f}" rx="2" fill="#3778bf"/>'
                f'<text x="{left + step / 2:.1f}" y="{base - tall - 6:.1f}" '
                f'text-anchor="middle">{amount}</text>'
            )
        if len(bins) <= 14 or index % 2 == 0:
            shapes.append(
                f'<text x="{left + step / 2:.1f}" y="{base + 18}" text-anchor="middle">'
                f"{number(round(best * index / count, 2))}</text>"
            )
    picture = _picture(width, height, "".join(shapes), say(language, "distribution_alt"))
    return f'{picture}<p class="soft">{esc(say(language, "points"))} →</p>'


def _questions(verdicts: Sequence[Verdict], language: str) -> str:
    """Draw the average share of points of each question; what waits for a person is left out."""
    earned: dict[str, list[float]] = defaultdict(list)
    worth: dict[str, float] = {}
    waiting: Counter[str] = Counter()
    for verdict in verdicts:
        for _, score, points in verdict.scores():
            worth[score.grade_id] = score.max_points
            if points is not None:
                earned[score.grade_id].append(points)
            else:
                waiting[score.grade_id] += 1
    row, width = 30, 640
    shapes = []
    for index, (name, best) in enumerate(worth.items()):
        values = earned[name]
        top = index * row
        label = name if len(name) <= 34 else name[:33] + "…"
        shapes.append(f'<text x="0" y="{top + 19}">{esc(label)}</text>')
        if values:
            average = statistics.fmean(values)
            share = min(average / best, 1.0) if best else 0.0
            shapes.append(
                f'<rect x="280" y="{top + 7}" width="240" height="16" rx="2" fill="#8883"/>'
                f'<rect x="280" y="{top + 7}" width="{240 * share:.1f}" height="16" rx="2" '
                f'fill="#3778bf"/>'
            )
            text = f"{number(average)} / {number(best)}"
        else:
            text = f"– / {number(best)}"
        if waiting[name]:
            text += f" (+{waiting[name]}?)"
        shapes.append(f'<text x="530" y="{top + 19}">{text}</text>')
    alt = say(language, "per_question_alt")
    return _picture(width, row * len(worth), "".join(shapes), alt)


def _failures(verdicts: Sequence[Verdict], language: str) -> str:
    """List why tests failed, most frequent first."""
    found: Counter[tuple[Any, ...]] = Counter()
    examples: dict[tuple[Any, ...], str] = {}
    for verdict in verdicts:
        for _, score, _ in verdict.scores():
            if score.state not in _FAILED:
                continue
            # One place in one test is one failure, whatever values and language the hint has.
            place = score.grade_id, score.state, score.error, score.hidden, score.line
            found[place] += 1
            if score.message and (place not in examples or verdict.language == language):
                examples[place] = score.message.splitlines()[0][:160]
    if not found:
        return f"<p>{esc(say(language, 'nothing_failed'))}</p>"
    rows = []
    for place, amount in found.most_common(15):
        name, state, error, hidden, line = place
        parts = [WORDS[language][state]]
        if error and error != "AssertionError":
            parts.append(error)
        if line is not None:
            parts.append(say(language, "line", line=line))
        if hidden:
            parts.append(say(language, "hidden_short"))
        text = ", ".join(parts) + (f": {examples[place]}" if place in examples else "")
        rows.append(f'<tr><td class="n">{amount}</td><td>{esc(name)}</td><td>{esc(text)}</td></tr>')
    return f'<div class="scroll" tabindex="0"><table>{"".join(rows)}</table></div>'


def _table(verdicts: Sequence[Verdict], language: str) -> str:
    heads = _heads(language, "student", "points", "status", "arrival", "seconds", "notes")
    rows = []
    for verdict in verdicts:
        notes = [reason_in(language, verdict.reason)] if verdict.reason else []
        if verdict.late_seconds > 0:
            late = span(language, verdict.late_seconds)
            notes.append(say(language, "late", late=late))
        arrived = moment(verdict.arrival.time) if verdict.arrival else "–"
        if verdict.arrival and not verdict.arrival.trusted:
            arrived += f" ({say(language, 'claimed')})"
        if verdict.notes:
            notes.append(say(language, "noticed_some", count=len(verdict.notes)))
        best = number(verdict.max_points)
        more = f" (+{number(verdict.waiting)}?)" if verdict.waiting else ""
        rows.append(
            f"<tr><td>{esc(verdict.student)}</td>"
            f'<td class="n tight">{number(verdict.points)}{more} / {best}</td>'
            f"<td>{esc(WORDS[language][f'status.{verdict.status}'])}</td>"
            f'<td class="tight">{esc(arrived)}</td>'
            f'<td class="n">{verdict.seconds:.1f}</td>'
            f"<td>{'<br>'.join(esc(note) for note in notes)}</td></tr>"
        )
    return _scroll(heads, rows)


def _picture(width: int, height: int, shapes: str, alt: str) -> str:
    return (
        f'<svg class="picture" viewBox="0 0 {width} {height}" role="img" aria-label="{esc(alt)}" '
        f'width="{width}" height="{height}" font-size="13" fill="currentColor">{shapes}</svg>'
    )
