"""Checks of the finished site: every local link leads somewhere, nothing is left half done."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import html

LEFTOVERS = {
    "a role": re.compile(r"\{[a-z]+(:[a-z]+)?\}\s*`|\{(?:term|cite|eq|ref|numref|glue)[}:]"),
    "a fence": re.compile(r"```|:::"),
    "a formula": re.compile(r"\$\$|\\begin\{|\\frac\b"),
    "a link": re.compile(r"\]\((?:\.|/|#|http|\w+\.md)"),
    "emphasis": re.compile(r"(?<![\w*])\*\*\w[^*]*\*\*(?!\w)"),
}
"""What unrendered Markdown looks like in the text of a page."""


class Site:
    """The pages of a finished site, read once.

    Args:
        root: the folder with `index.html` and one folder per language.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pages = {
            path: html.document_fromstring(path.read_text(encoding="utf-8"))
            for path in sorted(root.rglob("*.html"))
        }
        self.anchors = {
            path: {*page.xpath("//@id"), *page.xpath("//a/@name")}
            for path, page in self.pages.items()
        }

    def name(self, path: Path) -> str:
        """Return how a page is called in a message."""
        return path.relative_to(self.root).as_posix()

    def problems(self) -> list[str]:
        """Return everything that is wrong with the site."""
        found = []
        for path, page in self.pages.items():
            checks = (
                self.links(path, page) + self.foreign(page) + self.pictures(page)
                + self.formulas(page) + self.tables(page) + self.leftovers(page)
                + self.structure(path, page)
            )  # fmt: skip
            found += [f"{self.name(path)}: {problem}" for problem in checks]
        return found

    def links(self, path: Path, page: html.HtmlElement) -> list[str]:
        """Find links within the site that lead nowhere."""
        found = []
        for address in {*page.xpath("//@href"), *page.xpath("//@src")}:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address.startswith("data:"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                found.append(f"broken link {address}")
            elif unquote(parts.fragment) not in self.anchors.get(target, set()) | {""}:
                found.append(f"broken anchor {address}")
        return sorted(found)

    def foreign(self, page: html.HtmlElement) -> list[str]:
        """Find what a browser would fetch from another host."""
        fetched = page.xpath("//@src | //source/@srcset | //object/@data")
        fetched += page.xpath("//link[not(@rel='canonical') and not(@rel='alternate')]/@href")
        return [
            f"fetches {address}"
            for address in fetched
            if urlsplit(address).netloc and not address.startswith("data:")
        ]

    def pictures(self, page: html.HtmlElement) -> list[str]:
        """Find pictures without a description."""
        return [
            f"no alt text: {image.get('src', '')[:80]}"
            for image in page.xpath("//img")
            if not (image.get("alt") or "").strip()
        ]

    def formulas(self, page: html.HtmlElement) -> list[str]:
        """Find formulas that KaTeX could not set; it marks them in red."""
        wrong = page.xpath("//*[contains(@class, 'katex-error')]")
        wrong += page.xpath("//*[contains(@style, 'cc0000') or contains(@mathcolor, 'cc0000')]")
        return [f"formula not understood: {element.text_content()[:80]}" for element in wrong]

    def tables(self, page: html.HtmlElement) -> list[str]:
        """Find cells of printed tables with `NaN`, or with a formula that nothing sets there."""
        cells = page.xpath("//table[contains(@class, 'dataframe')]//*[self::td or self::th]")
        texts = [cell.text_content().strip() for cell in cells]
        return [
            f"not for readers, in a table: {text[:80]}"
            for text in texts
            if text.lower() == "nan" or text.count("$") > 1
        ]

    def leftovers(self, page: html.HtmlElement) -> list[str]:
        """Find Markdown that was not rendered."""
        found = []
        code = "ancestor::pre or ancestor::code or ancestor::script or ancestor::style"
        formula = "ancestor::*[contains(@class, 'katex')]"
        for text in page.xpath(f"//article//text()[not({code} or {formula})]"):
            for what, pattern in LEFTOVERS.items():
                if match := pattern.search(text):
                    around = text[max(0, match.start() - 20) : match.end() + 30].strip()
                    found.append(f"{what} was left over: {around!r}")
        return found

    def structure(self, path: Path, page: html.HtmlElement) -> list[str]:
        """Check language, title, one main heading, no skipped level, unique ids."""
        found = []
        language = path.relative_to(self.root).parts[0]
        if language in ("id", "en") and page.get("lang") != language:
            found.append(f"its language is {page.get('lang')!r}")
        if not (page.findtext(".//title") or "").strip():
            found.append("no title")
        levels = [int(h.tag[1]) for h in page.iter("h1", "h2", "h3", "h4", "h5", "h6")]
        if levels.count(1) != 1:
            found.append(f"{levels.count(1)} main headings")
        for above, below in itertools.pairwise(levels):
            if below > above + 1:
                found.append(f"a heading of level {below} follows one of level {above}")
        ids = page.xpath("//@id")
        found += [
            f"the id {name!r} stands twice" for name in sorted({i for i in ids if ids.count(i) > 1})
        ]
        return found


def check_site(root: Path) -> list[str]:
    """Return everything that is wrong with a finished site."""
    return Site(root).problems()
