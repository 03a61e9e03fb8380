"""The card that leads from a page to its assignment."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from sphinx.application import Sphinx

from book._ext.exercises import describe_notebook


def write(path: Path, first: str) -> Path:
    """Write an assignment with two graded cells and one that only asks."""
    v4 = nbformat.v4

    def graded(points: float) -> nbformat.NotebookNode:
        return v4.new_code_cell("", metadata={"nbgrader": {"grade": True, "points": points}})

    ask = v4.new_code_cell("", metadata={"nbgrader": {"grade": False, "points": 9}})
    cells = [v4.new_markdown_cell(first), graded(2), graded(1.5), ask]
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def test_title_and_points_come_from_the_notebook(tmp_path: Path):
    path = write(tmp_path / "a.ipynb", "Words.\n\n# Ahead\n\nMore.")
    assert describe_notebook(path) == ("Ahead", 3.5)
    emphasised = write(path, "# Inside *the gates*\n\nWords.")
    assert describe_notebook(emphasised)[0] == "Inside the gates"


def test_an_assignment_without_a_heading_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="starts with a heading"):
        describe_notebook(write(tmp_path / "a.ipynb", "Words."))


def test_data_travels_with_the_notebook_and_is_linked(tmp_path: Path):
    folder = tmp_path / "exercises" / "en" / "ahead"
    folder.mkdir(parents=True)
    write(folder / "ahead.ipynb", "# Ahead")
    (folder / "words.txt").write_text("satu dua")
    (tmp_path / "page.md").write_text("# Page\n\n```{exercise-card} ahead\nDo it.\n```\n")
    settings = {
        "extensions": ["myst_parser", "book._ext.languages", "book._ext.exercises"],
        "root_doc": "page",
        "language": "en",
        "runtun_exercises": str(tmp_path / "exercises"),
    }
    out = tmp_path / "site"
    app = Sphinx(
        tmp_path, None, out, tmp_path / "trees", "html", settings, status=None, warning=None
    )
    app.build()
    links = re.findall(r'href="(exercises/[^"]+)"', (out / "page.html").read_text())
    assert links == ["exercises/ahead.ipynb", "exercises/ahead/words.txt"]
    assert (out / links[1]).read_text() == "satu dua"
