"""All quizzes of the book on one page, gathered from the sources of its chapters.

    ```{review} 1
    Why is a feed-forward network not enough? {doc}`03-rnn` answers.
    ```

    ```{quizzes}
    ```

`{quizzes}` sets every question of the table of contents again, by chapter, each with an anchor of
its own (`all-` before the one it has in its chapter) and a link back. `{review}` asks one of the
course's review questions and lists the quiz questions that cover it, which say so themselves
(`review: 1`). A question is written once, in its chapter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx

from book._ext.quiz import QuizDirective, parse_quiz
from book._ext.words import word
from book.source_checks import read_page

PREFIX = "all-"
"""What the anchor of a question has before its name on the page with all of them."""


class Question(NamedTuple):
    """A question of a chapter.

    Attributes:
        name: its anchor there.
        number: its place among the chapter's questions, from 1.
        data: what `parse_quiz` returns.
    """

    name: str
    number: int
    data: dict[str, Any]


class Chapter(NamedTuple):
    """A page that has questions."""

    page: str
    title: str
    questions: list[Question]


def read_chapter(path: Path) -> Chapter:
    """Read the heading and the quizzes of a page.

    Raises:
        ValueError: if it has no heading, or a quiz is malformed.
    """
    return _parse_chapter(path, path.read_text(encoding="utf-8"))


@cache  # every directive of the page of quizzes asks for all chapters
def _parse_chapter(path: Path, text: str) -> Chapter:
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    if not heading:
        raise ValueError(f"{path.name} has no heading")
    quizzes = [d for d in read_page(text).directives if d.name == "quiz"]
    questions = [
        Question(quiz.argument, number, parse_quiz(quiz.body))
        for number, quiz in enumerate(quizzes, 1)
    ]
    return Chapter(path.stem, heading[1].strip(), questions)


def pages_of(app: Sphinx) -> list[str]:
    """Return the pages of the table of contents, in its order."""
    site_map = app.config.external_site_map

    def under(page: str) -> Iterator[str]:
        yield page
        for subtree in site_map[page].subtrees:
            for item in subtree.items:
                if isinstance(item, str):
                    yield from under(item)

    return list(under(site_map.root.docname))


class GatheredDirective(QuizDirective):
    """What both directives need."""

    def chapters(self) -> list[Chapter]:
        """Return the chapters with questions; this page is read again when one of them changes."""
        found = []
        for page in pages_of(self.env.app):
            path = Path(self.env.doc2path(page))
            if page == self.env.docname or not path.is_file():
                continue
            self.env.note_dependency(str(path))
            try:
                found.append(read_chapter(path))
            except ValueError as error:
                raise self.error(str(error)) from error
        return [chapter for chapter in found if chapter.questions]

    @staticmethod
    def link(text: str, page: str, anchor: str = "") -> nodes.reference:
        """Return a link whose address is found once the place of every page is known."""
        return nodes.reference("", text, internal=True, refuri="", to_page=page, to_anchor=anchor)

    @property
    def in_print(self) -> bool:
        """On paper all pages are one, and no question is set twice."""
        return self.env.app.builder.name == "singlehtml"


class QuizzesDirective(GatheredDirective):
    """Set every question again, by chapter."""

    required_arguments = 0
    has_content = False

    def run(self) -> list[nodes.Node]:
        """Return a section for each chapter."""
        return [self.section(chapter) for chapter in self.chapters()]

    def section(self, chapter: Chapter) -> nodes.section:
        """Return the questions of a chapter."""
        title = nodes.title("", chapter.title)
        section = nodes.section("", title, ids=[nodes.make_id(f"quizzes-{chapter.page}")])
        if self.in_print:
            listing = nodes.enumerated_list(enumtype="arabic", prefix="", suffix=".")
            for question in chapter.questions:
                line = nodes.paragraph("", "", *self.part("", question.data["question"]).children)
                label = word("question_number", self.config.language).format(number=question.number)
                line += [nodes.Text(" "), self.link(label, chapter.page, question.name)]
                listing += nodes.list_item("", line)
            section += listing
            return section
        for question in chapter.questions:
            section += self.make(PREFIX + question.name, question.data)
            place = word("question_number", self.config.language).format(number=question.number)
            label = word("in_chapter", self.config.language).format(title=chapter.title)
            label = f"{label}, {place}"
            back = self.link(label, chapter.page, question.name)
            section += nodes.paragraph("", "", back, classes=["quiz-back"])
        return section


class ReviewDirective(GatheredDirective):
    """One of the course's review questions."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict] = {}

    def run(self) -> list[nodes.Node]:
        """Return the question and what covers it."""
        if not self.arguments[0].isdigit():
            raise self.error(f"a review question has a number; received {self.arguments[0]!r}")
        number, language = int(self.arguments[0]), self.config.language
        box = nodes.container(classes=["review-question"], ids=[f"review-{number}"])
        self.state.nested_parse(self.content, self.content_offset, box)
        if not box.children or not isinstance(box[0], nodes.paragraph):
            raise self.error("a review question starts with a sentence")
        box[0].insert(0, [nodes.strong("", f"{number}."), nodes.Text(" ")])
        links = nodes.paragraph("", word("practise", language), classes=["review-links"])
        for chapter in self.chapters():
            for question in chapter.questions:
                if number in question.data["review"]:
                    links += nodes.Text("; " if len(links) > 1 else " ")
                    place = word("question_number", language).format(number=question.number)
                    target = (
                        (chapter.page, question.name)
                        if self.in_print
                        else (self.env.docname, PREFIX + question.name)
                    )
                    links += self.link(f"{chapter.title}, {place}", *target)
        if len(links) == 1:
            raise self.error(f"no quiz of the table of contents has `review: {number}`")
        box += links
        return [box]


def resolve_links(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Give each link its address."""
    for node in doctree.findall(nodes.reference):
        if "to_page" in node:
            same = app.builder.name == "singlehtml" or node["to_page"] == page
            uri = "" if same else app.builder.get_relative_uri(page, node["to_page"])
            anchor = nodes.make_id(node["to_anchor"])
            node["refuri"] = f"{uri}#{anchor}" if anchor else uri


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("quizzes", QuizzesDirective)
    app.add_directive("review", ReviewDirective)
    app.connect("doctree-resolved", resolve_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
