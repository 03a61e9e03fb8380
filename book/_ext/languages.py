"""Tie the two language trees together: switch, alternates, canonical address, shared anchors."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from book._ext.words import LANGUAGES, NAMES, other, word


def number_sections(app: Sphinx, doctree: nodes.document) -> None:
    """Give the n-th section of a page the extra anchor `section-n`.

    Anchors made from headings differ between languages. Both trees have the same headings in the
    same order (a check of the build), so a position names the same section in both, and the
    switch can keep the reader's place.
    """
    for number, section in enumerate(doctree.findall(nodes.section)):
        section["ids"].append(f"section-{number}")


def add_page_context(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Hand the templates the twin of the page, its alternates and the words of the language."""
    language = app.config.language
    twin = other(language)
    root = context.get("content_root") or "./"
    site = app.config.runtun_site_url.rstrip("/")
    context["t"] = partial(word, language=language)
    context["twin"] = {
        "language": twin,
        "name": NAMES[twin],
        "label": word("read_in", twin),
        "url": f"{root}../{twin}/{page}.html",
    }
    # Search engines read whole addresses only: there are none before the site has one.
    context["alternates"] = (
        [(code, f"{site}/{code}/{page}.html") for code in LANGUAGES]
        + [("x-default", f"{site}/index.html")]
        if site
        else []
    )
    context["landing_url"] = f"{root}../index.html?choose"
    pdf = app.config.runtun_pdf
    context["pdf_url"] = f"{root}{pdf}" if pdf else ""
    context["repository_url"] = app.config.runtun_repository
    if '<meta name="description"' not in (context.get("metatags") or ""):
        text = word("search_page", language) if page == "search" else describe(doctree)
        if text:
            context["fallback_description"] = text


def describe(doctree: nodes.document | None, limit: int = 160) -> str:
    """Return the first words of a page's first paragraph, for search engines."""
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        text = re.sub(r"\s+", " ", paragraph.astext()).strip()
        if len(text) > 30:
            return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"
    return ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the addresses, which come from the environment at deploy time."""
    app.add_config_value("runtun_site_url", "", "html")
    app.add_config_value("runtun_repository", "", "html")
    app.add_config_value("runtun_pdf", "", "html")
    # Jupyter Book sets this one for an extension that the book does not load.
    app.add_config_value("comments_config", {}, "")
    app.connect("doctree-read", number_sections)
    app.connect("html-page-context", add_page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
