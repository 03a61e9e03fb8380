"""The `{assignment-table}` directive: every assignment with its time, points and tasks.

    ```{assignment-table}
    ```

Everything in the table is read from the sources in `solutions/`: the heading, the list of parts
with their points, the time and the reading from the first prose cell of the page's language, and
how many points a test gives and how many a person from the marks of the cells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SOURCES = Path(__file__).resolve().parents[2] / "solutions"

_HEADS = {
    "id": ("tugas", "bacaan", "menit", "oleh uji", "oleh orang"),
    "en": ("assignment", "reading", "minutes", "by tests", "by hand"),
}
_TOGETHER = {"id": "seluruhnya", "en": "together"}
_WRITTEN = {
    "id": "Yang ditulis mahasiswa, dengan poin tiap bagian:",
    "en": "What students write, with the points of each part:",
}
_TIME = re.compile(r"^(?:Waktu|Time): (\d+)(?:–(\d+))? (?:menit|minutes)\b", re.MULTILINE)
_CHAPTER = re.compile(r"\]\([./]*/book/\w+/([\w-]+)\.md\)")
_PARTS = re.compile(r"^\|[^\n]*\|\n\|[-| ]+\|\n((?:\|[^\n]*\|\n?)+)", re.MULTILINE)


@dataclass(frozen=True)
class Assignment:
    """What an instructor wants to know of one assignment.

    Args:
        slug: its folder in `solutions/`.
        title: its heading, in one language.
        chapters: the pages that its first lines name as reading.
        minutes: the least and the most that it should take.
        parts: what a student writes and the points for it, in the order of the notebook.
        by_tests: points that are decided at once.
        by_hand: points that wait for a person.
    """

    slug: str
    title: str
    chapters: tuple[str, ...]
    minutes: tuple[int, int]
    parts: tuple[tuple[str, float], ...]
    by_tests: float
    by_hand: float


def read_assignment(path: Path, language: str) -> Assignment:
    """Read one source notebook.

    Raises:
        ValueError: if its first prose cell lacks the heading, the parts or the time, or if the
            points of the parts are not those of the graded cells.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = next(
        ("".join(c["source"]) for c in cells if language in c["metadata"].get("tags", ())), ""
    )
    heading = re.search(r"^# (.+)$", first, re.MULTILINE)
    time, table = _TIME.search(first), _PARTS.search(first)
    if not (heading and time and table):
        raise ValueError(
            f"{path}: its first cell in {language!r} must hold a heading, a table of parts, and a "
            "line that begins with 'Time: 60–90 minutes' or 'Waktu: 60–90 menit'."
        )
    rows = [row.strip("| ").split("|") for row in table[1].strip().split("\n")]
    parts = tuple((row[1].strip(), float(row[-1])) for row in rows)
    points = {True: 0.0, False: 0.0}
    for cell in cells:
        mark = cell["metadata"].get("nbgrader", {})
        if mark.get("grade"):
            points[bool(mark["solution"])] += mark["points"]
    if sum(worth for _, worth in parts) != sum(points.values()):
        raise ValueError(
            f"{path}: the parts in {language!r} add up to {sum(w for _, w in parts):g} points, "
            f"the graded cells to {sum(points.values()):g}."
        )
    return Assignment(
        slug=path.stem,
        title=heading[1].strip(),
        chapters=tuple(_CHAPTER.findall(first)),
        minutes=(int(time[1]), int(time[2] or time[1])),
        parts=parts,
        by_tests=points[False],
        by_hand=points[True],
    )


def find_sources(folder: Path = SOURCES) -> list[Path]:
    """Return the source notebooks, in the order of the course."""
    return sorted(p for p in folder.glob("*/*.ipynb") if p.stem == p.parent.name)


def make_table(assignments: Sequence[Assignment], language: str, pages: Container[str]) -> str:
    """Return the table in Markdown, and below it what students write.

    Chapters that are among `pages` become links.

    >>> one = Assignment("a", "Ahead", ("ahead",), (60, 90), (("`f`", 2), ("words", 1)), 2, 1)
    >>> print(make_table([one], "en", {"ahead"}))
    | assignment | reading | minutes | by tests | by hand |
    |---|---|---|---|---|
    | `a` | {doc}`ahead` | 60–90 | 2 | 1 |
    | together | | 60–90 | 2 | 1 |
    <BLANKLINE>
    What students write, with the points of each part:
    <BLANKLINE>
    - **Ahead** (`a`): `f` (2); words (1).
    """
    lines = ["| " + " | ".join(_HEADS[language]) + " |", "|---" * len(_HEADS[language]) + "|"]
    for one in assignments:
        chapters = [f"{{doc}}`{page}`" if page in pages else page for page in one.chapters]
        lines.append(
            f"| `{one.slug}` | {', '.join(chapters)} | {_span(*one.minutes)} "
            f"| {one.by_tests:g} | {one.by_hand:g} |"
        )
    low, high = (sum(one.minutes[k] for one in assignments) for k in (0, 1))
    by_tests, by_hand = sum(a.by_tests for a in assignments), sum(a.by_hand for a in assignments)
    lines.append(f"| {_TOGETHER[language]} | | {_span(low, high)} | {by_tests:g} | {by_hand:g} |")
    lines += ["", _WRITTEN[language], ""]
    for one in assignments:
        parts = "; ".join(f"{text} ({worth:g})" for text, worth in one.parts)
        lines.append(f"- **{one.title.replace('*', '')}** (`{one.slug}`): {parts}.")
    return "\n".join(lines)


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"


class AssignmentTable(SphinxDirective):
    """Show the table."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Return it, or an error that names the notebook at fault."""
        language, paths = self.config.language, find_sources()
        for path in paths:
            self.env.note_dependency(str(path))
        try:
            assignments = [read_assignment(path, language) for path in paths]
        except ValueError as error:
            raise self.error(str(error)) from error
        text = make_table(assignments, language, self.env.found_docs)
        box = nodes.container(classes=["assignments"])
        self.state.nested_parse(StringList(text.split("\n"), "assignments"), 0, box)
        return [box]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("assignment-table", AssignmentTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
