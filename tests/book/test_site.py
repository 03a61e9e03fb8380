"""The finished site, as readers get it: every page, small and large, light and dark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from book.site_checks import check_site
from tests.support import built_site

pytestmark = pytest.mark.site

LIMITS = {"page": 1_500_000, "first visit": 2_500_000}
"""Bytes that a page, and a first visit to it, may weigh before compression."""

PAGE_SECONDS = 60
"""What a page's code may take on two quiet cores: a reader runs it too."""


def pages_of(site: Path) -> list[str]:
    """Return the pages of a site, the entrance first."""
    return sorted(
        (path.relative_to(site).as_posix() for path in site.rglob("*.html")),
        key=lambda p: (p != "index.html", p),
    )


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


def test_no_page_takes_its_readers_longer_than_a_minute():
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
    heavy = [p.name for p in site.rglob("*.html") if p.stat().st_size > LIMITS["page"]]
    assert heavy == []


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1300])
def test_every_page_is_accessible_fits_and_asks_nobody_else(browser, serve, width: int, mode: str):
    from axe_playwright_python.sync_playwright import Axe

    site = built_site()
    address = serve(site)
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=mode, locale="id-ID"
    )
    page = context.new_page()
    foreign: list[str] = []
    errors: list[str] = []
    loaded: list[int] = []

    def judge(route) -> None:
        url = route.request.url
        if url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            foreign.append(url)
            route.abort()

    context.route("**/*", judge)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url))
    faults = []
    for name in pages_of(site):
        errors.clear()
        page.goto(f"{address}{name}{'?choose' if name == 'index.html' else ''}", wait_until="load")
        page.wait_for_timeout(150)
        faults += [f"{name}: {error}" for error in errors]
        weight = page.evaluate(
            "performance.getEntries().reduce((sum, entry) => sum + (entry.decodedBodySize || 0), 0)"
        )
        if weight > LIMITS["first visit"]:
            faults.append(f"{name}: weighs {weight} bytes")
        loaded.append(weight)
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if beyond > 0:
            faults.append(f"{name}: {beyond} px wider than the screen")
        for violation in Axe().run(page).response["violations"]:
            nodes = [node["target"] for node in violation["nodes"]][:3]
            faults.append(f"{name}: {violation['id']} at {nodes}")
    context.close()
    assert loaded
    assert foreign == []
    assert faults == []
