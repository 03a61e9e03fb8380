"""The card that leads from a page to its assignment."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

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


def test_an_assignment_without_a_heading_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="starts with a heading"):
        describe_notebook(write(tmp_path / "a.ipynb", "Words."))
