"""The checks of the finished site find each kind of fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from book.site_checks import check_site

PAGE = """<!DOCTYPE html><html lang="en"><head><title>T</title></head><body>
<article><h1>One</h1><h2 id="two">Two</h2>{}</article></body></html>"""


def problems_of(tmp_path: Path, body: str) -> list[str]:
    """Return the faults of a site of one page."""
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "other.html").write_text(PAGE.format(""))
    (tmp_path / "en" / "page.html").write_text(PAGE.format(body))
    return check_site(tmp_path)


GOOD = [
    '<a href="other.html#two">x</a> <a href="#two">y</a> <a href="https://a.example/b">z</a>',
    '<img src="data:image/png;base64,AAAA" alt="a line">',
    "<pre>x ** y, {term}`z` and $$</pre><code>](x.md)</code>",
    "<p>2 ** 3 and **kwargs</p>",
]
BAD = [
    ('<a href="none.html">x</a>', "broken link none.html"),
    ('<a href="other.html#three">x</a>', "broken anchor other.html#three"),
    ('<a href="#three">x</a>', "broken anchor #three"),
    ('<img src="none.png" alt="x">', "broken link none.png"),
    ('<img src="data:image/png;base64,AAAA">', "no alt text"),
    ('<script src="https://a.example/b.js"></script>', "fetches https://a.example/b.js"),
    ('<link rel="stylesheet" href="//a.example/b.css">', "fetches //a.example/b.css"),
    ('<span class="katex-error">x</span>', "formula not understood"),
    ('<mtext mathcolor="#cc0000">\\foo</mtext>', "formula not understood"),
    ('<table class="dataframe"><tr><td>NaN</td></tr></table>', "not for readers"),
    ('<table class="dataframe"><tr><th>$x_t$</th></tr></table>', "not for readers"),
    ("<p>A {term}`state`.</p>", "a role was left over"),
    ("<p>```{note}</p>", "a fence was left over"),
    ("<p>$$ x</p>", "a formula was left over"),
    ("<p>[x](page.md)</p>", "a link was left over"),
    ("<p>**x y**</p>", "emphasis was left over"),
    ("<h4>x</h4>", "a heading of level 4 follows one of level 2"),
    ("<h1>x</h1>", "2 main headings"),
    ('<p id="two"></p>', "the id 'two' stands twice"),
]


@pytest.mark.parametrize("body", GOOD)
def test_what_is_right_passes(tmp_path: Path, body: str):
    assert problems_of(tmp_path, body) == []


@pytest.mark.parametrize(("body", "message"), BAD)
def test_each_fault_is_found(tmp_path: Path, body: str, message: str):
    (problem,) = problems_of(tmp_path, body)
    assert problem.startswith("en/page.html: ")
    assert message in problem


def test_a_page_in_the_wrong_language_is_found(tmp_path: Path):
    (tmp_path / "id").mkdir()
    (tmp_path / "id" / "page.html").write_text(PAGE.format(""))
    assert check_site(tmp_path) == ["id/page.html: its language is 'en'"]
