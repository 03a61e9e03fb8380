"""The table of assignments says what the sources say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sphinx.application import Sphinx

from book._ext.assignments import SOURCES, find_sources, make_table, read_assignment
from book._ext.words import LANGUAGES
from runtun.grading.proof import read_proof
from tests.exercises.support import SLUGS
from tests.support import ROOT

FIRST = """# Ahead

| part | what you write | points |
|---|---|---|
| 1 | `naive`, with $T$ steps | 2 |
| 2 | one open question | 1 |

Time: 45 minutes. Reading: [one](../../../book/en/01-one.md) and [two](../../../book/en/02-two.md).
"""


def write(folder: Path, first: str = FIRST, test_points: float = 2) -> Path:
    """Write a source notebook with a test and an open question."""

    def graded(solution: bool, points: float) -> dict:
        mark = {"grade": True, "solution": solution, "points": points}
        return {"cell_type": "code", "source": "", "metadata": {"nbgrader": mark}}

    prose = {"cell_type": "markdown", "source": [first], "metadata": {"tags": ["en"]}}
    cells = [prose, graded(False, test_points), graded(True, 1)]
    path = folder / "ahead" / "ahead.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells}))
    return path


@pytest.mark.parametrize("slug", SLUGS)
def test_both_languages_say_the_same_of_an_assignment(slug: str) -> None:
    indonesian, english = (
        read_assignment(SOURCES / slug / f"{slug}.ipynb", language) for language in LANGUAGES
    )
    assert indonesian.title != english.title
    for field in ("chapters", "minutes", "by_tests", "by_hand"):
        assert getattr(indonesian, field) == getattr(english, field)
    assert [p for _, p in indonesian.parts] == [p for _, p in english.parts]
    proof = read_proof(SOURCES / slug)
    assert english.by_tests == sum(proof.points.values())
    assert english.by_hand == sum(proof.manual.values()) > 0
    assert english.chapters
    assert 45 <= english.minutes[0] <= english.minutes[1] <= 90


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_has_a_row_for_each_assignment_and_one_for_all(language: str) -> None:
    paths = find_sources()
    assert [path.stem for path in paths] == SLUGS
    assignments = [read_assignment(path, language) for path in paths]
    text = make_table(assignments, language, ())
    rows = [line for line in text.split("\n") if line.startswith("|")][2:]
    assert [row.split("`")[1] for row in rows[:-1]] == SLUGS
    sums = [cell.strip() for cell in rows[-1].split("|")][4:6]
    assert sum(map(float, sums)) == sum(worth for a in assignments for _, worth in a.parts)
    assert re.findall(r"^- \*\*[^*]+\*\* \(`([^`]+)`\): ", text, re.MULTILINE) == SLUGS


def test_the_page_shows_links_code_and_formulas(tmp_path: Path, monkeypatch) -> None:
    write(tmp_path / "solutions")
    monkeypatch.setattr(
        "book._ext.assignments.find_sources", lambda: find_sources(tmp_path / "solutions")
    )
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "page.md").write_text("# Page\n\n```{assignment-table}\n```\n")
    (tmp_path / "book" / "01-one.md").write_text("# First\n")
    settings = {
        "extensions": ["myst_parser", "book._ext.assignments"],
        "myst_enable_extensions": ["dollarmath"],
        "root_doc": "page",
        "language": "en",
    }
    out = tmp_path / "site"
    app = Sphinx(
        tmp_path / "book",
        None,
        out,
        tmp_path / "trees",
        "html",
        settings,
        status=None,
        warning=None,
    )
    app.build()
    html = (out / "page.html").read_text()
    row = re.search(r"<tbody>\s*<tr[^>]*>(.*?)</tr>", html, re.DOTALL)[1]
    assert '<span class="doc">First</span>' in row
    assert "02-two" in row, "a page that is not in the book is named without a link"
    assert re.findall(r"<p>(\d+)</p>", row) == ["45", "2", "1"]
    item = re.search(r"<strong>Ahead</strong>.*?</li>", html, re.DOTALL)[0]
    assert ">naive<" in item
    assert "math" in item
    assert "one open question (1)." in item


def test_what_is_missing_or_does_not_add_up_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, FIRST.replace("Time: 45 minutes", "Quick"))
    with pytest.raises(ValueError, match=r"ahead\.ipynb: its first cell in 'en' must hold"):
        read_assignment(path, "en")
    with pytest.raises(ValueError, match="must hold"):
        read_assignment(write(tmp_path), "id")
    with pytest.raises(ValueError, match="add up to 3 points, the graded cells to 5"):
        read_assignment(write(tmp_path, test_points=4), "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_instructors_are_shown_the_table(language: str) -> None:
    page = (ROOT / "book" / language / "for-instructors.md").read_text(encoding="utf-8")
    assert "\n```{assignment-table}\n" in page
