"""The finished site, as readers get it; every page on a phone, light, then dark.

The pages on a wide screen are in test_site_wide.py: each file keeps one core busy as long.
"""

from __future__ import annotations

import json
import re

import pytest

from book.site_checks import check_site
from tests.book.accessibility import find_faults, pages_of
from tests.support import built_site

pytestmark = pytest.mark.site

PAGE_BYTES = 1_500_000
"""What a page may weigh before compression, without what it loads."""

PAGE_SECONDS = 90
"""What a page's code may take in a build, where two pages share two cores: for a reader, who runs
it alone, that is about a minute."""


def test_links_pictures_formulas_and_text_are_in_order():
    assert check_site(built_site()) == []


def test_every_page_exists_in_both_languages():
    site = built_site()
    trees = [
        {p.relative_to(site / code) for p in (site / code).rglob("*.html")} for code in ("id", "en")
    ]
    assert trees[0] == trees[1] != set()


def test_every_executed_page_has_a_notebook_in_both_languages():
    site = built_site()
    notebooks = [
        sorted(p.name for p in (site / code / "notebooks").glob("*.ipynb")) for code in ("id", "en")
    ]
    assert notebooks[0] == notebooks[1]
    assert "03-rnn.ipynb" in notebooks[0]
    for code in ("id", "en"):
        for name in notebooks[0]:
            cells = json.loads((site / code / "notebooks" / name).read_text(encoding="utf-8"))[
                "cells"
            ]
            prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
            assert "{term}" not in prose
            assert "{glue" not in prose
            assert "```{" not in prose
            assert ":::" not in prose


def test_no_page_takes_its_readers_much_longer_than_a_minute():
    """Read the times from the status page, which the build wrote from what it measured."""
    from bs4 import BeautifulSoup

    page = BeautifulSoup((built_site() / "en" / "status.html").read_text(encoding="utf-8"), "lxml")
    rows = [[cell.get_text(strip=True) for cell in row("td")] for row in page.find("table")("tr")]
    times = {row[0]: float(row[1]) for row in rows if row and row[1] != "no code"}
    assert "Recurrent neural networks" in times
    assert {name: seconds for name, seconds in times.items() if seconds > PAGE_SECONDS} == {}


def test_no_dead_weight_is_shipped():
    site = built_site()
    names = {path.name for path in site.rglob("*")}
    assert not {name for name in names if name.endswith(".map")}
    assert names.isdisjoint({"fontawesome.js", "sphinx-thebe.js", "require.min.js", "MathJax.js"})
    heavy = [p.name for p in site.rglob("*.html") if p.stat().st_size > PAGE_BYTES]
    assert heavy == []


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_page_on_a_phone_is_accessible_fits_and_asks_nobody_else(browser, serve):
    site = built_site()
    pages = pages_of(site)
    assert "id/03-rnn.html" in pages
    faults = find_faults(browser, serve(site), pages, width=390, themes=("light", "dark"))
    assert list(faults) == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("language", "words", "page"),
    [
        ("id", "pelatihan", "02-forecasting-basics"),
        ("id", "gradien", "04-bptt"),
        ("en", "forget gate", "05-lstm"),
        ("id", "forget gate", "05-lstm"),
    ],
)
def test_search_finds_every_chapter_where_the_words_stand(browser, serve, language, words, page):
    from bs4 import BeautifulSoup

    standing = set()
    for path in (built_site() / language).glob("[01]*.html"):
        main = BeautifulSoup(path.read_text(encoding="utf-8"), "lxml").find("article")
        for gloss in main.select(".hint"):  # of a term; the glossary's page is found for it
            gloss.decompose()
        text = main.get_text(" ").lower()
        if all(re.search(rf"\b{word}\b", text) for word in words.split()):
            standing.add(path.stem)
    assert page in standing
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{serve(built_site())}{language}/search.html?q={words.replace(' ', '+')}")
    tab.wait_for_selector("#search-results li a")
    tab.wait_for_function(
        "/selesai|finished/i.test(document.querySelector('.search-summary').innerText)",
        polling=200,
        timeout=60_000,
    )
    addresses = tab.eval_on_selector_all("#search-results li a", "all => all.map(a => a.pathname)")
    context.close()
    assert standing <= {address.rsplit("/", 1)[1].removesuffix(".html") for address in addresses}
