"""The quiz: its source form, and what stands on the page."""

from __future__ import annotations

import pytest
from lxml import html

from book._ext.quiz import parse_quiz

GOOD = """\
question: |
  Two lines: the first,
  and `x: 1`.
options:
  - text: "Yes: $a$"
    answer: true
    explain: Because: it is so,
      as one sees.
  - text: No
    explain: It is not.
"""


def test_texts_need_no_quotes_and_may_span_lines():
    quiz = parse_quiz(GOOD)
    assert quiz["question"] == "Two lines: the first,\nand `x: 1`."
    assert quiz["options"][0]["text"] == "Yes: $a$"
    assert quiz["options"][0]["explain"] == "Because: it is so,\nas one sees."
    assert [option["answer"] for option in quiz["options"]] == [True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("    answer: true\n", ""), "exactly one option"),
        (
            ("    explain: It is not.\n", "    explain: It is not.\n    answer: true\n"),
            "exactly one",
        ),
        (("    explain: It is not.\n", ""), "each option has `text` and `explain`"),
        (("answer: true", "answer: yes"), "`answer` is true or false; received 'yes'"),
        (("  - text: No\n", "    text: No\n"), "stands twice"),
        (("question: |\n", "Question\n"), "a quiz starts with `question:`"),
    ],
)
def test_a_malformed_quiz_says_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        parse_quiz(GOOD.replace(*change))


def test_a_single_option_is_no_question():
    with pytest.raises(ValueError, match="at least two options"):
        parse_quiz("question: a\noptions:\n  - text: b\n    answer: true\n    explain: c")


@pytest.mark.parametrize(("language", "check"), [("id", "Periksa"), ("en", "Check")])
def test_page_has_labelled_controls_and_one_copy_of_the_answers(tiny, language, check):
    page = html.parse(str(tiny.site / language / "lesson.html"))
    (quiz,) = page.xpath("//fieldset[@id='lesson-q1']")
    assert quiz[0].tag == "legend"
    assert quiz.xpath(".//label/input[@type='radio']/@name") == ["lesson-q1"] * 2
    assert quiz.xpath(".//button/text()") == [check]
    assert len(quiz.xpath(".//*[@role='status']")) == 1
    assert quiz.xpath(".//details//li/@data-answer") == ["true", "false"]


def test_a_formula_alone_is_labelled_by_its_source(tiny):
    page = html.parse(str(tiny.site / "en" / "lesson.html"))
    labels = page.xpath("//fieldset[@id='lesson-q2']//input/@aria-label")
    assert labels == ["h_t"]


def test_an_explanation_may_refer_to_a_figure(tiny):
    page = html.parse(str(tiny.site / "en" / "lesson.html"))
    links = page.xpath("//fieldset[@id='lesson-q2']//li//a")
    assert [(link.get("href"), link.text_content()) for link in links] == [
        ("#fig-chain", "Figure 1")
    ]
