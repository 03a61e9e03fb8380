"""The builder, on the tiny book: one execution for two languages, and failures that are loud."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from lxml import html

from book.build import (
    Book,
    BuildError,
    build,
    execution_key,
    main,
    state_of,
    write_config,
    write_entrance,
)
from book.site_checks import check_site
from tests.book.conftest import FIXTURE
from tests.support import ROOT


def test_pages_are_executed_once_and_before_sphinx(tiny):
    assert "pages to execute: 1, 1 at a time" in tiny.log
    assert tiny.log.count("pages, 0 executed by Sphinx") == 2


def test_the_site_is_in_order(tiny):
    assert check_site(tiny.site) == []


def test_an_unchanged_book_is_left_alone(tiny, capsys):
    before = (tiny.site / "id" / "index.html").stat().st_mtime_ns
    assert build(tiny.book, ["id", "en"]) is False
    assert "nothing changed" in capsys.readouterr().out
    assert (tiny.site / "id" / "index.html").stat().st_mtime_ns == before


def copy(tmp_path: Path) -> Book:
    """Return the tiny book in a folder where it may be damaged."""
    source = Path(shutil.copytree(FIXTURE, tmp_path / "book"))
    work = tmp_path / "_build"
    return Book(
        source=source,
        toc=source / "_toc.yml",
        work=work / "book",
        out=work / "html",
        library=source,
        exercises=source / "exercises",
        results=source / "results",
    )


def damage(book: Book, old: str, new: str) -> None:
    """Change the lesson in both languages."""
    for language in ("id", "en"):
        path = book.source / language / "lesson.md"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{eq}`recurrence`", "{eq}`nothing`", "nothing"),
        ("{term}`hidden-state`", "{term}`hiden-state`", "Did you mean hidden-state"),
        ("{cite:p}`elman1990finding`", "{cite:p}`nobody`", "nobody"),
    ],
)
def test_errors_and_warnings_stop_the_build(
    tmp_path: Path, capfd, old: str, new: str, message: str
):
    book = copy(tmp_path)
    damage(book, old, new)
    with pytest.raises(BuildError, match="Sphinx failed or warned in 'id'"):
        build(book, ["id"])
    out, err = capfd.readouterr()
    assert message in out + err


def test_an_error_in_a_cell_stops_the_build_before_sphinx(tmp_path: Path, capfd):
    book = copy(tmp_path)
    damage(book, 'print("folded")', 'raise RuntimeError("from a cell")')
    with pytest.raises(BuildError, match="lesson cannot be executed"):
        build(book, ["id", "en"])
    out = capfd.readouterr().out
    assert 'raise RuntimeError("from a cell")' in out  # which cell
    assert "RuntimeError: from a cell" in out
    assert not (book.work / "id").exists()


def test_what_sphinx_executes_itself_stops_the_build(tmp_path: Path, monkeypatch):
    """Were pages read otherwise than Sphinx reads them, each would be executed twice."""
    book = copy(tmp_path)
    monkeypatch.setattr("book.build.execute_all", lambda book, language: None)
    with pytest.raises(BuildError, match="in 'id' Sphinx executed lesson"):
        build(book, ["id", "en"])


def test_an_unknown_formula_stops_the_build(tmp_path: Path, capfd):
    book = copy(tmp_path)
    damage(book, r"\tanh", r"\tahn")
    damage(book, 'print("folded")', "pass")
    with pytest.raises(BuildError, match="faults in the site"):
        build(book, ["id", "en"])
    assert "formula not understood" in capfd.readouterr().out


def test_drift_stops_the_build_before_anything_runs(tmp_path: Path, capfd):
    book = copy(tmp_path)
    path = book.source / "en" / "lesson.md"
    path.write_text(path.read_text().replace("this is torch", "this is Torch"))
    with pytest.raises(BuildError, match="faults in the sources"):
        build(book, ["id", "en"])
    assert "code cells differ" in capfd.readouterr().out
    assert not (book.work / "id").exists()


def test_outputs_belong_to_a_state_of_the_library(tmp_path: Path):
    book = copy(tmp_path)
    key = execution_key(book)
    (book.source / "grading").mkdir()
    (book.source / "grading" / "x.py").write_text("")
    assert execution_key(book) == key  # no page runs the grader
    book.results.mkdir(exist_ok=True)
    (book.results / "waves.journal.jsonl").write_text("{}")
    assert execution_key(book) == key  # nor waits for an experiment that is still running
    (book.source / "code.py").write_text("# another library")
    assert execution_key(book) != key


def test_the_state_covers_what_the_site_shows(tmp_path: Path):
    book = copy(tmp_path)
    states = {state_of(book, ["id", "en"])}
    states.add(
        state_of(replace(book, environment={"RUNTUN_SITE_URL": "https://a.example"}), ["id"])
    )
    damage(book, "# ", "#  ")
    states.add(state_of(book, ["id", "en"]))
    assert len(states) == 3


def test_each_language_has_its_words_and_no_part_of_the_other(tmp_path: Path):
    book = replace(copy(tmp_path), config=ROOT / "_config.yml", toc=ROOT / "_toc.yml")
    for language, caption in (("id", "Bab"), ("en", "Chapters")):
        config, toc = (yaml.safe_load(path.read_text()) for path in write_config(book, language))
        assert "languages" not in config
        assert config["sphinx"]["config"]["language"] == language
        assert toc["parts"][0]["caption"] == caption


@pytest.mark.parametrize(("language", "twin"), [("id", "en"), ("en", "id")])
def test_a_page_names_its_alternates_and_its_canonical_address(tiny, language: str, twin: str):
    page = html.parse(str(tiny.site / language / "lesson.html"))
    alternates = {
        link.get("hreflang"): link.get("href")
        for link in page.xpath("//head/link[@rel='alternate' and @hreflang]")
    }
    assert alternates == {
        "id": "https://course.example/id/lesson.html",
        "en": "https://course.example/en/lesson.html",
        "x-default": "https://course.example/index.html",
    }
    canonical = page.xpath("//link[@rel='canonical']/@href")
    assert canonical == [f"https://course.example/{language}/lesson.html"]
    (switch,) = page.xpath("//a[contains(@class, 'language-switch')]")
    assert (switch.get("lang"), switch.get("href")) == (twin, f"./../{twin}/lesson.html")
    assert len(page.xpath("//meta[@name='description']")) == 1
    colab = page.xpath("//a[contains(@class, 'colab')]/@href")
    assert colab == [
        "https://colab.research.google.com/github/some/course/blob/gh-pages/"
        f"{language}/notebooks/lesson.ipynb"
    ]


@pytest.mark.parametrize("name", ["index", "lesson", "glossary", "search"])
def test_every_page_ends_with_its_licence_its_source_and_the_way_to_the_other_language(tiny, name):
    page = html.parse(str(tiny.site / "id" / f"{name}.html"))
    (foot,) = page.xpath("//*[@class='book-footer']")
    assert "Teks: CC BY 4.0. Kode: BSD-3-Clause." in foot.text_content()
    assert foot.xpath(".//@href") == ["https://github.com/some/course", "./../index.html?choose"]


def test_a_site_without_an_address_names_no_alternates(tiny, tmp_path: Path):
    elsewhere = replace(
        tiny.book, out=tmp_path, environment=tiny.book.environment | {"RUNTUN_SITE_URL": ""}
    )
    write_entrance(elsewhere)
    head = html.parse(str(tmp_path / "index.html")).getroot().head
    assert head.xpath("./link[@rel='canonical' or @rel='alternate']") == []


def test_the_entrance_serves_hosts_and_search_engines(tiny):
    page = html.parse(str(tiny.site / "index.html"))
    assert page.xpath("//head/link[@rel='alternate']/@href") == [
        "https://course.example/id/index.html",
        "https://course.example/en/index.html",
    ]
    sitemap = (tiny.site / "sitemap.xml").read_text()
    assert "https://course.example/id/lesson.html" in sitemap
    assert "search.html" not in sitemap
    assert "https://course.example/en/index.html" in (tiny.site / "404.html").read_text()
    assert (tiny.site / ".nojekyll").exists()


ENGLISH = {"Search", "Next", "Previous", "next", "previous", "Note", "Copy", "Contents", "Light",
           "Toggle primary sidebar", "Color mode", "Link to this heading", "On this page",
           "Permalink to this equation", "Skip to main content", "Check", "Download"}  # fmt: skip


@pytest.mark.parametrize("name", ["index", "lesson", "glossary", "search"])
def test_the_indonesian_interface_is_indonesian(tiny, name: str):
    page = html.parse(str(tiny.site / "id" / f"{name}.html"))
    words = page.xpath("//body//text()[not(parent::script) and not(parent::style)]")
    words += page.xpath("//@title | //@aria-label | //@placeholder | //@alt")
    assert {text.strip() for text in words} & ENGLISH == set()


def test_citations_use_round_brackets(tiny):
    page = html.parse(str(tiny.site / "id" / "lesson.html"))
    assert "(Elman, 1990)" in page.xpath("string(//article//section/p)")


def test_a_wrong_option_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--lang", "fr"])
    assert stop.value.code == 2
    assert "invalid choice: 'fr'" in capsys.readouterr().err
