"""One glossary for both languages: its form, its page and the hints."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import html

from book._ext.glossary import load_glossary, plain
from tests.support import ROOT

ENTRY = "- key: a\n  id: {term: x, gloss: y}\n  en: {term: x, gloss: y}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY + ENTRY, "stands twice"),
        (ENTRY.replace("key: a", "key: Two Words"), "lower-case words with hyphens"),
        (ENTRY.replace("  en: {term: x, gloss: y}\n", ""), "a needs en"),
        (ENTRY.replace("gloss: y", "gloss: ''"), "a needs id"),
        (ENTRY + "  see: [b]\n", "unknown entry 'b'"),
        (ENTRY + "  seen: [a]\n", "unknown parts"),
    ],
)
def test_a_malformed_glossary_says_what_is_wrong(tmp_path: Path, text: str, message: str):
    path = tmp_path / "glossary.yml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_glossary(path)


def test_the_books_own_glossary_is_well_formed():
    assert len(load_glossary(ROOT / "book" / "glossary.yml")) >= 40


def test_hints_are_plain_words():
    assert (
        plain(r"A **gate** $\hat{y}_t$, see {term}`the state <h>`.") == "A gate y_t, see the state."
    )


def test_a_term_links_to_its_entry_and_shows_its_gloss(tiny):
    page = html.parse(str(tiny.site / "id" / "lesson.html"))
    (link,) = page.xpath("//span[@class='term']/a")
    assert link.get("href") == "glossary.html#term-hidden-state"
    (hint,) = page.xpath("//*[@role='tooltip']")
    assert link.get("aria-describedby") == hint.get("id")
    assert hint.text == "Ringkasan h_t dari masa lalu, dibawa dari langkah ke langkah."


def test_the_page_names_each_term_in_both_languages(tiny):
    page = html.parse(str(tiny.site / "en" / "glossary.html"))
    terms = page.xpath("//dl[contains(@class, 'glossary-page')]/dt")
    assert [term.get("id") for term in terms] == ["term-gate", "term-hidden-state"]
    assert terms[0].xpath("./span[@lang='id']/text()") == ["gerbang (gate)"]
    assert page.xpath("//dd//a/@href") == ["#term-gate"]
