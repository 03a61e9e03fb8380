"""Feedback and report: helpful to read, and nothing in them can act."""

from __future__ import annotations

import base64
import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from runtun.grading import Bundle
from runtun.grading.course import Arrival
from runtun.grading.feedback import autograded_notebook, feedback_page
from runtun.grading.gradebook import Mark
from runtun.grading.intake import parse_document
from runtun.grading.page import (
    esc,
    inert_markdown,
    inert_output,
    markdown,
    output,
    sanitised,
    screen,
)
from runtun.grading.pipeline import make_task
from runtun.grading.rebuild import rebuild
from runtun.grading.report import (
    evidence_csv,
    grades_csv,
    pairs_of,
    report_page,
    similar_csv,
)
from runtun.grading.session import Graded, Verdict
from runtun.grading.similarity import Pair
from runtun.grading.verdict import judge, nothing_earned
from runtun.grading.words import WORDS
from tests.grading.support import ScriptedRunner, bundle, released, submission

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 20).decode()
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>"


@pytest.fixture(scope="module")
def source() -> Bundle:
    return bundle()


def verdict(
    source: Bundle,
    states: dict[str, Any] | None = None,
    notebook: dict[str, Any] | None = None,
    student: str = "ani",
    language: str = "en",
) -> Verdict:
    notebook = notebook or submission()
    notebook["metadata"]["runtun"] = {"language": language}
    rebuilt = rebuild(source, parse_document(notebook))
    outcome = ScriptedRunner(states).run(make_task(rebuilt))
    return Verdict(
        student, "ps1", {"p1": Graded(judge(rebuilt, outcome), rebuilt, outcome)}, Path()
    )


def shown(found: Verdict) -> str:
    return feedback_page(found, "p1", found.notebooks["p1"])


def failure(line: int, message: str, name: str = "AssertionError") -> dict[str, Any]:
    return {"state": "error", "error": {"name": name, "message": message, "line": line}}


def test_both_languages_say_the_same_things() -> None:
    assert WORDS["en"].keys() == WORDS["id"].keys()
    for name, text in WORDS["en"].items():
        fields = re.findall(r"{\w+}", text)
        assert sorted(fields) == sorted(re.findall(r"{\w+}", WORDS["id"][name])), name


def test_the_page_speaks_the_students_language(source: Bundle) -> None:
    found = shown(verdict(source, {"test_square": "timeout"}, language="id"))
    assert '<html lang="id">' in found
    assert "<title>Umpan balik: ps1</title>" in found
    assert "Umpan balik: ps1" in found
    assert "terlalu lama" in found
    assert "Adakah loop yang tidak pernah selesai?" in found
    assert "too long" not in found


def test_points_hints_and_what_waits_are_shown(source: Bundle) -> None:
    hint = "square(3) must be 9: multiply x by itself"
    found = shown(verdict(source, {"test_square": failure(1, hint)}))
    assert hint in found
    assert "Points still to be marked by a person: 2." in found
    assert ">3 <small>of 7 so far</small>" in found


def test_hidden_tests_never_reach_the_page(source: Bundle) -> None:
    states = {"test_square": failure(4, "expected 0.25 from math.isclose(square(0.5))")}
    states["test_square"]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "0.25"}]
    found = shown(verdict(source, states))
    assert "0.25" not in found
    assert "isclose" not in found
    assert "A hidden test found a case that does not work yet." in found


def test_nothing_a_student_writes_can_act(source: Bundle) -> None:
    notebook = submission(
        square=f"# {ATTACK}\n", answer=f"**bold** {ATTACK} [x](javascript:alert(4))"
    )
    outputs = [
        {"output_type": "display_data", "data": {"text/html": f"<table><tr><td>{ATTACK}"}},
        {"output_type": "display_data", "data": {"image/svg+xml": "<svg onload='alert(5)'/>"}},
        {"output_type": "display_data", "data": {"text/html": ATTACK}},
        {"output_type": "display_data", "data": {"application/javascript": "alert(6)"}},
        {"output_type": "stream", "name": "stdout", "text": ATTACK},
        {"output_type": "error", "ename": ATTACK, "evalue": ATTACK, "traceback": [ATTACK]},
    ]
    states = {
        "square": {"state": "ok", "outputs": outputs},
        "test_square": failure(1, ATTACK, ATTACK),
    }
    found = shown(verdict(source, states, notebook, student=ATTACK))
    body = found.partition("</style>")[2]
    assert "<script" not in body
    assert "<svg onload" not in body
    assert "<img" not in body
    assert "javascript:" not in re.sub(r"&[^;]+;|\(javascript:alert\(4\)\)", "", body)
    assert not re.search(r"<[^>]*\son\w+\s*=", body)
    assert "<strong>bold</strong>" in body


def test_the_policy_allows_the_one_style_and_nothing_else(source: Bundle) -> None:
    import hashlib

    found = shown(verdict(source))
    style = re.search("<style>(.*?)</style>", found, flags=re.DOTALL)
    policy = re.search('Content-Security-Policy" content="([^"]*)"', found)
    assert style
    assert policy
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy.group(1)
    assert "default-src 'none'" in policy.group(1)
    assert "style=" not in found.partition("</style>")[2]


LINKS = [
    "[x](javascript:alert(1))",
    "[x](  JaVaScript:alert(1) 'title')",
    "[x](<javascript:alert(1)>)",
    "[x](java&#115;cript:alert(1))",
    "![x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x][r]\n\n[r]: javascript:alert(1)",
    "[x][r]\n\n[r]:\n  vbscript:alert(1)",
    "<javascript:alert(1)>",
    "[a [b](javascript:alert(1))](javascript:alert(2))",
    "$\\href{javascript:alert(1)}{x}$",
]


@pytest.mark.parametrize("text", [ATTACK, *LINKS])
def test_what_the_form_grader_renders_cannot_act(text: str) -> None:
    """nbgrader's own page renders a student's Markdown and lets HTML and any link through."""
    from bs4 import BeautifulSoup
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    soup = BeautifulSoup(markdown2html_mistune(inert_markdown(text)), "html.parser")
    assert not soup.find(["script", "svg", "iframe", "object"])
    for tag in soup.find_all(True):
        for name, value in tag.attrs.items():
            assert not name.startswith("on"), tag
            assert not re.match(r"\s*(javascript|vbscript|data):", value, re.IGNORECASE), tag
    assert "\\href" not in soup.get_text()


def test_outputs_in_the_form_grader_are_text_true_pictures_and_clean_html() -> None:
    kept = inert_output(
        {
            "output_type": "execute_result",
            "metadata": {"text/html": {"isolated": True}},
            "data": {
                "text/plain": "<b>",
                "text/html": f"<table><tr><td>1</td></tr></table>{ATTACK}$\\href{{x}}{{y}}$",
                "image/png": PIXEL,
                "image/jpeg": 'x" onerror="alert(1)',
                "image/svg+xml": "<svg onload='alert(1)'/>",
                "application/javascript": "alert(1)",
                "text/markdown": ATTACK,
            },
        }
    )
    assert sorted(kept["data"]) == ["image/png", "text/html", "text/plain"]
    assert kept["metadata"] == {}
    assert "alert" not in kept["data"]["text/html"]
    assert "href" in kept["data"]["text/html"]
    assert "\\href" not in kept["data"]["text/html"]
    assert kept["data"]["text/html"].startswith("<table>")


def test_pictures_are_shown_only_if_they_are_pictures() -> None:
    def image(mime: str, data: object) -> str:
        return output({"output_type": "display_data", "data": {mime: data}}, "")

    assert f"data:image/png;base64,{PIXEL}" in image("image/png", PIXEL)
    fake = base64.b64encode(b"<svg onload=alert(1)>").decode()
    assert image("image/png", fake) == ""
    assert image("image/png", 'x" onerror="alert(1)') == ""
    assert image("image/png", ["a"]) == ""


def test_tables_and_markdown_are_kept_without_their_danger() -> None:
    cell = '<td onclick="a()" colspan="2">1</td>'
    table = f'<style>td{{}}</style><table class="d" style="x"><tr>{cell}</tr></table>'
    assert sanitised(table) == '<table><tbody><tr><td colspan="2">1</td></tr></tbody></table>'
    assert "<em>a</em>" in markdown("*a*")
    assert "<b>" not in markdown("<b>x</b>")


def test_progress_bars_show_their_last_state() -> None:
    assert screen(" 1%\r50%\r100%\n\x1b[1mdone\x1b[0m\r\n") == "100%\ndone\n"


def test_very_long_output_is_cut(source: Bundle) -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "x" * 500_000}
    found = shown(verdict(source, {"square": {"state": "ok", "outputs": [stream]}}))
    assert len(found) < 60_000
    assert "(the rest was left out)" in found


def test_a_persons_marks_and_words_are_shown(source: Bundle) -> None:
    found = verdict(source)
    found.marks = {
        ("p1", "why"): Mark(1.5, 0.5, "Good <b>point</b>"),
        ("p1", "square"): Mark(comment="Neat"),
    }
    text = shown(found)
    assert "2 / 2" in text
    assert "Good &lt;b&gt;point&lt;/b&gt;" in text
    assert "Neat" in text
    assert ">7 <small>of 7</small>" in text
    assert found.status == "graded"


def test_lateness_and_its_cost_are_shown(source: Bundle) -> None:
    found = verdict(source)
    found.late_seconds, found.penalty = 7200.0, 1.0
    text = shown(found)
    assert "2 h after the deadline" in text
    assert "Points taken off for this: 1." in text
    assert found.points == 4


def test_a_rejected_submission_is_told_why_and_what_next(source: Bundle) -> None:
    result = nothing_earned(source, "rejected", "not_json: line 3", language="id")
    found = Verdict("budi", "ps1", {"p1": Graded(result, rebuild(source, None))}, Path())
    text = shown(found)
    assert "bukan notebook yang utuh (line 3)" in text
    assert "Kumpulkan lagi" in text


def test_autograded_notebook_has_the_sources_metadata_and_the_runs_outputs(source: Bundle) -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "hi"}
    found = verdict(source, {"square": {"state": "ok", "outputs": [stream]}})
    notebook = autograded_notebook(found.notebooks["p1"])
    cells = {c["metadata"].get("nbgrader", {}).get("grade_id"): c for c in notebook["cells"]}
    assert cells["square"]["outputs"] == [stream]
    assert cells["test_square"]["metadata"]["nbgrader"]["points"] == 2
    assert "0.25" in cells["test_square"]["source"]


def test_the_table_has_a_row_each_and_no_formulas(source: Bundle) -> None:
    first = verdict(source, {"test_square": "error"})
    first.arrival = Arrival(datetime(2026, 9, 14, tzinfo=UTC), trusted=True)
    second = verdict(source, student="=HYPERLINK(1)")
    rows = list(csv.DictReader(io.StringIO(grades_csv([first, second]))))
    assert rows[0]["student"] == "ani"
    assert (rows[0]["points"], rows[0]["test_square"], rows[0]["why"]) == ("3", "0", "")
    assert rows[0]["arrived"] == "2026-09-14T00:00:00+00:00"
    assert rows[1]["student"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_report_counts_and_draws(source: Bundle, language: str) -> None:
    hint = failure(1, "square(3) must be 9: multiply x by itself")
    many = [verdict(source, {"test_square": hint}, student=f"s{i}") for i in range(3)]
    many.append(verdict(source, {}, student=ATTACK))
    result = nothing_earned(source, "rejected", "link: p1.ipynb")
    many.append(Verdict("zoe", "ps1", {"p1": Graded(result, rebuild(source, None))}, Path()))
    found = report_page("ps1", many, language)
    body = found.partition("</style>")[2]
    assert body.count("<svg") == 2
    assert "square(3) must be 9" in body
    assert f"<b>5</b>{WORDS[language]['students']}" in body
    assert "<script" not in body
    bar = r'height="([\d.]+)" rx="2" fill="#3778bf"/><text x="[\d.]+" y="[\d.]+" text-anchor'
    heights = [float(height) for height in re.findall(bar, body)]
    assert max(heights) == 130
    assert min(heights) == pytest.approx(130 / 3, abs=0.1)


def test_a_report_of_nothing_but_refusals_is_possible(source: Bundle) -> None:
    result = nothing_earned(source, "rejected", "empty")
    only = Verdict("zoe", "ps1", {"p1": Graded(result, rebuild(source, None))}, Path())
    assert "zoe" in report_page("ps1", [only], "en")
    assert "zoe" in grades_csv([only])


@pytest.mark.parametrize("language", ["en", "id"])
def test_what_was_noticed_is_shown_with_its_evidence_and_costs_nothing(
    source: Bundle, language: str
) -> None:
    outcome = {"status": "ok", "cells": {}, "tamper": ["test_square: more data than a test may"]}
    outcome |= {"reached": [f"open /etc/shadow{ATTACK}"], "changed": ["test_total"]}
    outcome |= {"limits_hit": ["timeout: test_total"], "walls": "none"}
    rebuilt = rebuild(source, parse_document(submission()))
    quiet = judge(rebuilt, {"status": "ok", "cells": {}})
    found = judge(rebuilt, outcome)
    assert found.scores == quiet.scores
    one = Verdict("ani", "ps1", {"p1": Graded(found, rebuilt)}, Path(), notes=found.notes)
    text = report_page("ps1", [one], language)
    for code in ("exchange", "reached", "changed", "limit", "no_walls"):
        assert esc(WORDS[language][f"note.{code}"]) in text, code
    assert "open /etc/shadow" in text
    assert "<script" not in text.partition("</style>")[2]
    rows = list(csv.DictReader(io.StringIO(evidence_csv([one], language))))
    assert [row["code"] for row in rows] == ["exchange", "reached", "changed", "no_walls", "limit"]
    assert rows[0]["evidence"] == "test_square: more data than a test may"
    assert feedback_page(one, "p1", one.notebooks["p1"]).count(WORDS["en"]["note.reached"]) == 0


def test_alike_submissions_are_listed_and_the_released_cells_are_not(source: Bundle) -> None:
    ways = [
        "def square(x):\n    y = 0\n    for _ in range(x):\n        y += x\n    return y",
        "def square(x):\n    return sum(2 * k + 1 for k in range(abs(int(x))))",
        "import math\ndef square(x):\n    return math.exp(2 * math.log(abs(x))) if x else x * 0",
        "def square(x):\n    half, odd = divmod(x, 2)\n    return 4 * half**2 + odd * (2 * x - 1)",
        "def square(x):\n    if x < 0:\n        return square(-x)\n    return x ** 2",
    ]
    names = ["ani", "budi", "citra", "dewi", "eka"]
    class_ = [
        verdict(source, notebook=submission(square=way), student=name)
        for name, way in zip(names, ways, strict=True)
    ]
    assert pairs_of(class_) == []
    copied = submission(square=ways[3].replace("half", "a").replace("odd", "b"))
    class_.append(verdict(source, notebook=copied, student="fajar"))
    class_.append(verdict(source, notebook=released(), student="gita"))
    assert [(p.first, p.second) for p in pairs_of(class_)] == [("dewi", "fajar")]
    rows = list(csv.DictReader(io.StringIO(similar_csv(pairs_of(class_)))))
    assert rows == [{"student": "dewi", "other": "fajar", "structure": "1.00", "wording": ANY}]
    assert "fajar" in report_page("ps1", [], "id", pairs_of(class_))


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1300, "dark")])
def test_pages_are_accessible_and_fit_the_screen(
    source: Bundle, tmp_path: Path, browser: Any, width: int, scheme: str
) -> None:
    """Axe finds nothing, nothing runs off the screen, and the policy blocks nothing of ours."""
    from axe_playwright_python.sync_playwright import Axe

    long = f"x = 1  # {'long ' * 60}"
    states = {
        "square": {
            "state": "ok",
            "outputs": [{"output_type": "stream", "name": "x", "text": long}],
        },
        "test_square": failure(1, "square(3) must be 9: multiply x by itself"),
    }
    found = verdict(source, states, submission(square=long))
    refused = nothing_earned(source, "rejected", "empty")
    other = Verdict("zoe", "ps1", {"p1": Graded(refused, rebuild(source, None))}, Path())
    found.notes = (f"reached: open /home/teacher/{'a-long-name/' * 20}", "no_walls")
    pairs = [Pair("ani", "zoe", 0.9, 0.1)]
    pages = [shown(found), shown(other), report_page("ps1", [found, other], "id", pairs)]
    for text in pages:
        (tmp_path / "page.html").write_text(text)
        for bypass in (False, True):  # axe itself is a script, which the policy forbids
            context = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=bypass
            )
            tab = context.new_page()
            complaints: list[str] = []
            tab.on("console", lambda message, kept=complaints: kept.append(message.text))
            tab.goto((tmp_path / "page.html").as_uri())
            assert complaints == []
            if bypass:
                assert Axe().run(tab).response["violations"] == []
            else:
                assert tab.evaluate("document.documentElement.scrollWidth") <= width
            context.close()
