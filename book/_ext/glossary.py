"""One glossary for both languages: its page, and hints where a term is used.

`book/glossary.yml` is a list of entries:

    - key: hidden-state
      symbol: $h_t$                       # optional
      see: [recurrent-network]            # optional
      id: {term: hidden state, gloss: "…", forbidden: [keadaan tersembunyi]}
      en: {term: hidden state, gloss: "…", forbidden: []}

`{glossary-page}` writes all of them, sorted by the page's language. `` {term}`hidden-state` ``, or
`` {term}`other words <hidden-state>` ``, links a word to its entry and shows the gloss as a hint.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.writers.html5 import HTML5Translator

from book._ext.words import LANGUAGES, other, word

PAGE = "glossary"
"""The page that holds the glossary, in both languages."""

logger = logging.getLogger(__name__)


class term_hint(nodes.Inline, nodes.TextElement):
    """A term in running text, linked to its entry once all pages are read."""


def load_glossary(path: Path) -> dict[str, dict[str, Any]]:
    """Read the glossary and insist on its form.

    Returns:
        The entries by key.

    Raises:
        ValueError: if an entry lacks a part, repeats a key, or refers to an unknown entry.
    """
    entries: dict[str, dict[str, Any]] = {}
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
        key = entry.get("key")
        if not key or nodes.make_id(key) != key:
            raise ValueError(f"{path.name}: a key is lower-case words with hyphens; got {key!r}")
        if key in entries:
            raise ValueError(f"{path.name}: the key {key!r} stands twice")
        if unknown := set(entry) - {"key", "symbol", "see", *LANGUAGES}:
            raise ValueError(f"{path.name}: {key} has unknown parts {sorted(unknown)}")
        for language in LANGUAGES:
            part = entry.get(language)
            if not isinstance(part, dict) or not part.get("term") or not part.get("gloss"):
                raise ValueError(f"{path.name}: {key} needs {language}: {{term: …, gloss: …}}")
            if unknown := set(part) - {"term", "gloss", "forbidden"}:
                raise ValueError(f"{path.name}: {key}.{language} has unknown {sorted(unknown)}")
        entries[key] = entry
    for key, entry in entries.items():
        for target in entry.get("see", []):
            if target not in entries:
                raise ValueError(f"{path.name}: {key} refers to the unknown entry {target!r}")
    return entries


def plain(markdown: str) -> str:
    r"""Return the words of a short Markdown text, for a hint.

    >>> plain("The *state* $h_t$ of [a cell](x.md), `h`.")
    'The state h_t of a cell, h.'
    """
    text = re.sub(r"\{[a-z:-]+\}`([^`<]+?)(?: <[^>]*>)?`", r"\1", markdown)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\\(?:mathbf|mathrm|text|hat|operatorname)\{([^}]*)\}", r"\1", text)
    text = re.sub(r"(\*\*|\*|`|\$|\\)", "", text)
    return re.sub(r"\s+", " ", text).strip()


def glossary_of(app: Sphinx) -> dict[str, dict[str, Any]]:
    """Return the glossary of the book that is being built."""
    return app.config.runtun_glossary_entries


class TermRole(SphinxRole):
    """`` {term}`key` `` or `` {term}`words <key>` ``."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a hint that is resolved when all pages are known."""
        match = re.fullmatch(r"(.+?)\s*<([^<>]+)>", self.text, re.DOTALL)
        words, key = (match[1], match[2]) if match else ("", self.text)
        entries = glossary_of(self.env.app)
        if key not in entries:
            near = difflib.get_close_matches(key, entries, n=3)
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            message = self.inliner.reporter.warning(
                f"the glossary has no entry {key!r}.{hint}", line=self.lineno
            )
            return [nodes.inline("", words or key)], [message]
        part = entries[key][self.config.language]
        node = term_hint("", words or part["term"], key=key, gloss=plain(part["gloss"]))
        return [node], []


class GlossaryPage(SphinxDirective):
    """Write every entry of the glossary."""

    def run(self) -> list[nodes.Node]:
        """Return a definition list with one anchor per entry, the same in both languages."""
        language, twin = self.config.language, other(self.config.language)
        entries = glossary_of(self.env.app)
        self.env.note_dependency(str(self.config.runtun_glossary))
        listing = nodes.definition_list(classes=["glossary-page"])
        for key, entry in sorted(
            entries.items(), key=lambda item: item[1][language]["term"].casefold()
        ):
            item = nodes.definition_list_item()
            term = nodes.term("", "", ids=[f"term-{key}"])
            term += nodes.strong("", entry[language]["term"])
            if entry.get("symbol"):
                term += [nodes.Text(" "), *self.inline(entry["symbol"])]
            if entry[twin]["term"].casefold() != entry[language]["term"].casefold():
                term += nodes.Text(f" ({word('in_other_language', language)}: ")
                term += nodes.inline("", entry[twin]["term"], classes=[f"language-{twin}"])
                term += nodes.Text(")")
            definition = nodes.definition("")
            definition += nodes.paragraph("", "", *self.inline(entry[language]["gloss"]))
            if entry.get("see"):
                see = nodes.paragraph("", f"{word('see', language)}: ", classes=["glossary-see"])
                for position, target in enumerate(entry["see"]):
                    see += nodes.Text(", " if position else "")
                    name = entries[target][language]["term"]
                    see += nodes.reference("", name, refid=f"term-{target}", internal=True)
                definition += see
            item += [term, definition]
            listing += item
        return [listing]

    def inline(self, text: str) -> list[nodes.Node]:
        """Parse one line of Markdown."""
        holder = nodes.container()
        lines = StringList(text.split("\n"), str(self.config.runtun_glossary))
        self.state.nested_parse(lines, 0, holder)
        return [
            child
            for block in holder.children
            for child in (block.children if isinstance(block, nodes.paragraph) else [block])
        ]


def read_glossary(app: Sphinx) -> None:
    """Read the glossary once, before any page."""
    path = Path(app.config.runtun_glossary or Path(app.srcdir).parent / "glossary.yml")
    app.config.runtun_glossary = str(path)
    app.config.runtun_glossary_entries = load_glossary(path) if path.is_file() else {}


def resolve_terms(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link each hint to its entry on the glossary page."""
    for number, node in enumerate(doctree.findall(term_hint)):
        node["hint_id"] = f"hint-{number}"
        if PAGE in app.env.found_docs:
            # In print all pages are one, and the anchor alone leads there.
            single = app.builder.name == "singlehtml"
            uri = "" if single else app.builder.get_relative_uri(page, PAGE)
            node["uri"] = f"{uri}#term-{node['key']}"
        else:
            logger.warning("the book has no page %r for its terms", PAGE, location=node)


def visit_term(self: HTML5Translator, node: term_hint) -> None:
    """Open the link of a term."""
    href = self.attval(node.get("uri", ""))
    self.body.append(f'<span class="term"><a href="{href}" aria-describedby="{node["hint_id"]}">')


def depart_term(self: HTML5Translator, node: term_hint) -> None:
    """Close the link and add the hint."""
    gloss = self.encode(node["gloss"])
    self.body.append(
        f'</a><span class="hint" role="tooltip" id="{node["hint_id"]}">{gloss}</span></span>'
    )


def ignore(self: Any, node: nodes.Node) -> None:
    """Other builders write the words alone."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register directive, role and node."""
    app.add_config_value("runtun_glossary", "", "")
    app.add_config_value("runtun_glossary_entries", {}, "")
    both = (ignore, ignore)
    app.add_node(term_hint, html=(visit_term, depart_term), latex=both, text=both)
    app.add_directive("glossary-page", GlossaryPage)
    # Sphinx looks in its standard domain first, where a `term` for its own glossary lives.
    app.add_role_to_domain("std", "term", TermRole(), override=True)
    app.connect("builder-inited", read_glossary)
    app.connect("doctree-resolved", resolve_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
