"""The checks of the sources find each kind of drift, and the book itself has none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from book.source_checks import (
    check_sources,
    compare_languages,
    find_forbidden,
    find_undescribed,
    read_page,
)
from tests.book.conftest import FIXTURE
from tests.support import ROOT


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A copy of the tiny book, to be damaged."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "book"))


def damage(book: Path, name: str, old: str, new: str) -> None:
    """Change a page; the change must take hold."""
    path = book / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_tiny_book_is_in_order(book: Path):
    assert check_sources(book) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('print("this is torch")', 'print("this is Torch")', "code cells differ: number 3"),
        (":tags: [torch]", ":tags: [keras]", "code cells differ: number 3"),
        ("### Code", "#### Code", "headings differ: number 3: 3 against 4"),
        ("(lesson-idea)=", "(lesson-thought)=", "labels differ: number 2"),
        (":name: fig-chain", ":name: fig-row", "labels differ"),
        ("x_t W + h_{t-1} U", "x_t U + h_{t-1} W", "equations differ: number 1"),
        ("```{note}", "```{tip}", "directives differ"),
        ("../figures/chain.svg", "../figures/other.svg", "directives differ"),
        ("{cite:p}`elman1990finding`", "(Elman)", "references differ"),
        ("{glue:text}`fixture_sum:.1f`", "3.0", "references differ"),
        ("    answer: true\n    explain: Just", "    explain: Just", "a quiz cannot be read"),
    ],
)
def test_drift_between_the_languages_is_found(book: Path, old: str, new: str, message: str):
    damage(book, "en/lesson.md", old, new)
    assert any(message in problem for problem in compare_languages(book)), compare_languages(book)


def test_moving_the_right_answer_in_one_language_is_found(book: Path):
    damage(book, "en/lesson.md", "    answer: true\n", "")
    damage(
        book, "en/lesson.md", "    explain: Too many.", "    answer: true\n    explain: Too many."
    )
    assert any("right answers of quizzes differ" in p for p in compare_languages(book))


def test_a_page_in_one_language_only_is_found(book: Path):
    (book / "en" / "lesson.md").unlink()
    assert compare_languages(book) == ["lesson.md: exists in one language only"]


def test_words_in_a_formula_may_differ():
    one, other = read_page("$$\nx \\text{jika} y\n$$"), read_page("$$\nx \\text{if} y\n$$")
    assert one.equations == other.equations != []


@pytest.mark.parametrize(
    "alt", [":alt: Three circles joined by a line.\n", ":alt: A parabola that rises.\n"]
)
def test_a_picture_without_alt_text_is_found(book: Path, alt: str):
    damage(book, "en/lesson.md", alt, "")
    (problem,) = find_undescribed(book)
    assert "has no :alt: text" in problem


@pytest.mark.parametrize(
    "place", ["## The idea", "A chain of three states.", "Too many.", "it is so."]
)
def test_a_forbidden_word_is_found_wherever_it_is_prose(book: Path, place: str):
    damage(book, "en/lesson.md", place, f"{place} A Secret State")
    (problem,) = find_forbidden(book)
    assert problem.endswith("write 'hidden state', not 'secret state'")


@pytest.mark.parametrize("place", ['print("this is keras")', "`a`"])
def test_a_forbidden_word_in_code_is_no_prose(book: Path, place: str):
    damage(book, "en/lesson.md", place, place[:-1] + " secret state" + place[-1])
    assert find_forbidden(book) == []


def test_the_book_is_in_order():
    assert check_sources(ROOT / "book") == []


def test_every_page_of_the_contents_exists():
    import yaml

    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]
    for language in ("id", "en"):
        missing = [
            page for page in pages if not (ROOT / "book" / language / f"{page}.md").is_file()
        ]
        assert missing == []
