"""A tiny book in two languages, built once for the tests of the site's machinery."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from book._ext.interactive import SCRIPTS
from book.browser import serving
from book.build import Book, build

FIXTURE = Path(__file__).parent / "fixture"


@dataclass
class Built:
    """The tiny book after its build."""

    book: Book
    log: str

    @property
    def site(self) -> Path:
        """The finished site."""
        return self.book.out


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the tiny book in both languages, as at deploy time."""
    folder = tmp_path_factory.mktemp("tiny") / "_build"
    book = Book(
        source=FIXTURE,
        toc=FIXTURE / "_toc.yml",
        work=folder / "book",
        out=folder / "html",
        library=FIXTURE,
        exercises=FIXTURE / "exercises",
        results=FIXTURE / "results",
        environment={
            "RUNTUN_SITE_URL": "https://course.example",
            "RUNTUN_REPOSITORY": "https://github.com/some/course",
            "RUNTUN_BRANCH": "main",
            "RUNTUN_SITE_BRANCH": "gh-pages",
        },
    )
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("book.build.say", lambda text="": lines.append(text))
        build(book, ["id", "en"])
    return Built(book, "\n".join(lines))


@pytest.fixture(scope="session")
def serve() -> Iterator:
    """Return a function that serves a folder on this machine and returns its address."""
    with ExitStack() as open_servers:
        yield lambda folder: open_servers.enter_context(serving(folder))


@pytest.fixture
def live(browser) -> Iterator[Callable]:
    """Return a function that opens an interactive figure in a page of its own, on a phone.

    Its arguments are the figure's name, the page's language, and what the page's own code hands to
    the figure, if anything.
    """
    contexts, errors = [], []

    def open_figure(name: str, language: str = "en", data: dict | None = None):
        scripts = "".join(
            f"<script>{(SCRIPTS / f'{s}.js').read_text()}</script>" for s in ("kit", name)
        )
        if data is not None:
            kind = f'type="application/json" data-figure="{name}"'
            scripts = f"<script {kind}>{json.dumps(data)}</script>{scripts}"
        context = browser.new_context(viewport={"width": 390, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(error))
        page.set_content(
            f'<!doctype html><html lang="{language}"><body><figure class="interactive-{name}">'
            f'<a href="x.svg"><img alt="what it shows"></a></figure>{scripts}</body></html>'
        )
        return page

    yield open_figure
    for context in contexts:
        context.close()
    assert errors == []
