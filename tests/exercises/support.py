"""What the tests of the assignments share."""

from __future__ import annotations

from pathlib import Path

from tests.support import ROOT

SOURCES = ROOT / "solutions"
EXERCISES = ROOT / "exercises"
SLUGS = sorted(path.stem for path in SOURCES.glob("*/*.ipynb") if path.stem == path.parent.name)


def source_path(slug: str) -> Path:
    """Return the instructor's notebook of an assignment."""
    return SOURCES / slug / f"{slug}.ipynb"


def exercise_path(slug: str, language: str) -> Path:
    """Return the committed notebook that students of one language get."""
    return EXERCISES / language / slug / f"{slug}.ipynb"
