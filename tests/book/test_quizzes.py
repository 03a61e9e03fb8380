"""All quizzes on one page: gathered from the chapters, and every review question covered."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import html

from book._ext.quiz import parse_quiz
from book._ext.quizzes import read_chapter
from book.source_checks import find_unanswered, read_page
from tests.support import ROOT

LANGUAGES = ("id", "en")
QUESTION = "question: a\nreview: {}\noptions:\n{}"
OPTIONS = "  - text: b\n    answer: true\n    explain: c\n  - text: d\n    explain: e\n"


def test_a_question_names_the_review_questions_that_it_covers() -> None:
    assert parse_quiz(QUESTION.format("1, 7", OPTIONS))["review"] == [1, 7]
    assert parse_quiz(f"question: a\noptions:\n{OPTIONS}")["review"] == []
    with pytest.raises(ValueError, match="`review` is a list of numbers"):
        parse_quiz(QUESTION.format("seven", OPTIONS))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_course_asks_its_ten_review_questions(language: str) -> None:
    page = read_page((ROOT / "book" / language / "quizzes.md").read_text(encoding="utf-8"))
    asked = [d.argument for d in page.directives if d.name == "review"]
    assert asked == [str(number) for number in range(1, 11)]


def test_every_review_question_has_a_quiz_question() -> None:
    assert find_unanswered(ROOT / "book") == []


def test_a_review_question_without_a_quiz_question_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "id"
    folder.mkdir()
    quiz = QUESTION.format("2, 3", OPTIONS)
    (folder / "page.md").write_text(
        f"# Page\n\n```{{review}} 1\nWhy?\n```\n\n```{{review}} 2\nHow?\n```\n\n"
        f"```{{quiz}} page-q1\n{quiz}```\n"
    )
    assert find_unanswered(tmp_path) == [
        "no quiz covers review question 1",
        "quiz page-q1 covers review question 3, which no page asks",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_anchors_of_quizzes_are_unique_in_the_book(language: str) -> None:
    chapters = [
        read_chapter(path)
        for path in sorted((ROOT / "book" / language).glob("*.md"))
        if path.stem != "index"
    ]
    names = [question.name for chapter in chapters for question in chapter.questions]
    assert len(names) > 50
    assert len(names) == len(set(names))
    for chapter in chapters:
        assert len(chapter.questions) <= 8, chapter.page


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_sets_each_question_again_and_leads_back(tiny, language: str) -> None:
    page = html.parse(str(tiny.site / language / "quizzes.html"))
    lesson = html.parse(str(tiny.site / language / "lesson.html"))
    assert page.xpath("//fieldset/@id") == ["all-lesson-q1", "all-lesson-q2"]
    for name in ("lesson-q1", "lesson-q2"):
        (here,) = page.xpath(f"//fieldset[@id='all-{name}']")
        (there,) = lesson.xpath(f"//fieldset[@id='{name}']")
        assert here.text_content() == there.text_content()
        assert set(here.xpath(".//input/@name")) == {f"all-{name}"}  # a group of its own
    back = page.xpath("//p[@class='quiz-back']/a/@href")
    assert back == ["lesson.html#lesson-q1", "lesson.html#lesson-q2"]
    (section,) = page.xpath("//section[@id='quizzes-lesson']")
    assert section.xpath("./h2/text()") == lesson.xpath("//h1/text()")


def test_a_review_question_leads_to_what_covers_it(tiny) -> None:
    page = html.parse(str(tiny.site / "en" / "quizzes.html"))
    (box,) = page.xpath("//div[@id='review-1']")
    assert box[0].text_content().startswith("1. Which symbol goes on?")
    assert [(a.get("href"), a.text_content()) for a in box[-1].xpath(".//a")] == [
        ("#all-lesson-q2", "A short lesson, question 2")
    ]
