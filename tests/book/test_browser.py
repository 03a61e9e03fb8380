"""What readers do, in Chromium, on the tiny book."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from book.build import build
from tests.support import chromium

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tiny, serve) -> str:
    """Where the tiny book is served."""
    return serve(tiny.site)


@pytest.fixture
def page(browser) -> Iterator:
    """A reader who has never been here."""
    context = browser.new_context(viewport={"width": 1000, "height": 800}, locale="en-GB")
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    ("locale", "language"), [("id-ID", "id"), ("en-US", "en"), ("fr-FR", "en")]
)
def test_the_entrance_follows_the_browsers_language(browser, address, locale, language):
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.goto(address)
    page.wait_for_url(f"**/{language}/index.html")
    context.close()


def test_the_choice_of_language_is_remembered(page, address):
    page.goto(address + "en/index.html")
    page.click("a.language-switch")
    page.wait_for_url("**/id/index.html")
    page.goto(address)
    page.wait_for_url("**/id/index.html")
    page.goto(address + "index.html?choose")
    page.wait_for_selector("text=Bahasa Indonesia")
    assert page.url.endswith("?choose")


def test_the_entrance_waits_for_a_choice_without_javascript(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.click("text=Bahasa Indonesia")
    page.wait_for_url("**/id/index.html")
    context.close()


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ("#the-idea", "section-1"),  # an anchor made from an English heading
        ("#fig-chain", "fig-chain"),  # an anchor that both pages have
        ("#lesson-q1", "lesson-q1"),
        ("", ""),
    ],
)
def test_the_switch_keeps_the_place(page, address, there, expected):
    page.goto(f"{address}en/lesson.html?framework=torch{there}")
    page.wait_for_timeout(200)
    page.click("a.language-switch")
    page.wait_for_url("**/id/lesson.html**")
    assert page.evaluate("location.hash") == (f"#{expected}" if expected else "")
    assert page.evaluate("location.search") == "?framework=torch"
    if expected:
        assert page.evaluate("document.querySelector(location.hash) !== null")


def test_the_switch_keeps_the_place_of_a_reader_who_scrolled(page, address):
    page.goto(f"{address}en/lesson.html")
    page.evaluate("document.querySelector('#code').scrollIntoView()")
    page.evaluate("document.querySelector('a.language-switch').click()")
    page.wait_for_url("**/id/lesson.html#section-2")


def shown_framework(page) -> str:
    """Return what the framework tabs of a page show."""
    return page.evaluate(
        "[...document.querySelectorAll('.framework-tabs > .sd-tab-content')]"
        ".filter(tab => tab.offsetParent).map(tab => tab.innerText).join()"
    )


def test_the_framework_is_remembered_across_languages(page, address):
    page.goto(f"{address}en/lesson.html")
    assert "this is keras" in shown_framework(page)
    page.click("label[data-sync-id=torch]")
    assert "this is torch" in shown_framework(page)
    page.goto(f"{address}id/lesson.html")
    assert "this is torch" in shown_framework(page)


def test_the_address_can_ask_for_a_framework(page, address):
    page.goto(f"{address}en/lesson.html?framework=torch")
    assert "this is torch" in shown_framework(page)


def test_tabs_and_answers_work_without_javascript(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}en/lesson.html")
    page.click("label[data-sync-id=torch]")
    assert page.locator("text=this is torch").last.is_visible()
    assert not page.locator("#lesson-q1 .quiz-check").is_visible()
    page.click("#lesson-q1 .quiz-answers summary")
    assert page.locator("#lesson-q1 .quiz-answers li").first.is_visible()
    context.close()


def test_print_shows_both_frameworks(page, address):
    page.goto(f"{address}en/lesson.html")
    page.emulate_media(media="print")
    shown = shown_framework(page)
    assert "this is keras" in shown
    assert "this is torch" in shown


def test_a_quiz_explains_right_and_wrong_answers_by_keyboard(page, address):
    page.goto(f"{address}en/lesson.html")
    status = page.locator("#lesson-q1 .quiz-status")
    page.focus("#lesson-q1 .quiz-check")
    page.keyboard.press("Enter")
    assert status.inner_text() == "Choose an answer first."
    page.focus("#lesson-q1 .quiz-option input >> nth=0")
    page.keyboard.press("ArrowDown")
    assert status.inner_text() == ""
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert status.inner_text() == "Not quite. Too many."
    page.focus("#lesson-q1 .quiz-option input >> nth=1")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert status.inner_text().startswith("Right. Just count:")


def test_a_term_shows_its_gloss_to_mouse_and_keyboard(page, address):
    page.goto(f"{address}en/lesson.html")
    hint = page.locator(".hint")
    assert not hint.is_visible()
    page.focus(".term a")
    assert hint.is_visible()
    page.evaluate("document.activeElement.blur()")
    page.hover(".term a")
    assert hint.is_visible()


@pytest.mark.parametrize(
    ("word", "found"), [("pelatihan", True), ("gradien", True), ("yang", False)]
)
def test_search_finds_indonesian_words(page, address, word, found):
    page.goto(f"{address}id/search.html?q={word}")
    # By the clock: a busy machine may draw no frame for long.
    page.wait_for_function(
        "/selesai|Tidak ada/.test(document.querySelector('#search-results').innerText)",
        polling=200,
        timeout=60_000,
    )
    results = page.locator("#search-results li a")
    if found:
        page.wait_for_selector("#search-results li a")
        assert "Pelajaran singkat" in results.all_inner_texts()
    else:
        assert results.count() == 0


def test_copy_buttons_speak_the_language(page, address):
    page.goto(f"{address}id/lesson.html")
    page.wait_for_selector("button.copybtn[aria-label=Salin]", state="attached")
    labels = page.eval_on_selector_all("button.copybtn", "all => all.map(b => b.ariaLabel)")
    assert set(labels) == {"Salin"}


def test_wide_boxes_can_be_scrolled_by_keyboard(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{address}en/lesson.html")
    page.wait_for_selector(".katex-display[tabindex='0']")
    assert page.locator("pre[tabindex='0']").count() >= 1
    context.close()


@pytest.mark.slow
def test_the_book_prints_as_one_pdf_that_its_pages_link(tiny, tmp_path):
    chromium()
    work = tmp_path / "_build"
    book = replace(tiny.book, work=work / "book", out=work / "html", pdf=True)
    build(book, ["en"], quick=True)
    data = (book.out / "en" / "runtun-en.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in data  # tagged, for screen readers
    assert b"/Outlines" in data
    paper = (book.work / "en" / "print" / "index.html").read_text(encoding="utf-8")
    assert '<p class="cover-line">Sequence models from scratch</p>' in paper
    assert "<details>" not in paper  # nothing can be unfolded
    assert b"/MediaBox [0 0 594" in data or b"/MediaBox [0 0 595" in data  # A4
    link = '<a href="{}runtun-en.pdf">The whole book as PDF</a>'
    assert link.format("./") in (book.out / "en" / "lesson.html").read_text(encoding="utf-8")
    # Without --pdf no page promises one.
    assert "runtun-en.pdf" not in (tiny.site / "en" / "lesson.html").read_text(encoding="utf-8")
