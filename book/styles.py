"""One stylesheet for the pages of a site, with no more than they use.

The theme and its extensions bring a dozen stylesheets with rules for everything that somebody might
put on a page, and a font of two thousand icons. A reader on a phone waits for all of it before the
first word shows, and the page jumps when the icons arrive. Here the sheets of a page become one,
without the rules for classes that neither a page nor a script of the site knows, and with the few
icons that are left inside.
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import tinycss2
from lxml import html

KEPT = ("bs-", "kind-", "cover", "onlyprint")
"""How names begin that no page and no script spells out: those that Bootstrap and the search put
together from pieces, and those of the PDF's cover, which is put on later."""

GROUPS = ("media", "supports", "layer", "container")
"""At-rules with rules inside."""

KEPT_SHEETS = 8
"""How many stylesheets the store keeps."""

WORD = re.compile(r"[A-Za-z_][\w-]*")
ICONS = re.compile(r"[\ue000-\uf8ff]")
"""The signs of icon fonts lie where Unicode leaves room for private use."""


def bundle_styles(site: Path, store: Path) -> None:
    """Give each page of a site one stylesheet in place of its many, and drop what is left over.

    Args:
        site: the folder of the finished pages.
        store: a folder that keeps stylesheets from one build to the next; taking the theme's apart
            takes seconds.
    """
    site = site.resolve()
    pages = {
        path: html.document_fromstring(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }
    used = words_of(pages.values(), site)
    old = set(site.rglob("*.css"))
    for path, page in pages.items():
        links = [link for link in page.xpath("//link[@rel='stylesheet']") if is_local(link)]
        sheets = [path.parent / link.get("href").partition("?")[0] for link in links]
        if not sheets:
            continue
        bundled = bundle([sheet.resolve() for sheet in sheets], used, site, store)
        old.discard(bundled)
        links[0].set("href", os.path.relpath(bundled, path.parent))
        for link in links[1:]:
            link.drop_tree()
        text = html.tostring(page, encoding="unicode", method="html")
        path.write_text("<!DOCTYPE html>\n" + text + "\n", encoding="utf-8")
    for path in old:
        path.unlink()
    for font in site.rglob("fontawesome/webfonts/*"):
        font.unlink()  # what is needed of it lies in the stylesheet
    newest_first = sorted(store.glob("*.css"), key=lambda path: -path.stat().st_mtime)
    for path in newest_first[KEPT_SHEETS:]:
        path.unlink()


def is_local(link: html.HtmlElement) -> bool:
    """Tell whether a stylesheet is of this site and for every medium."""
    return "//" not in link.get("href", "//") and link.get("media") in (None, "all")


def words_of(pages: Iterable[html.HtmlElement], site: Path) -> frozenset[str]:
    """Return every class of the pages, and every word of the scripts: it may become one."""
    found: set[str] = set()
    for page in pages:
        for names in page.xpath("//@class"):
            found.update(names.split())
        for script in page.xpath("//script[not(@src)]/text()"):
            found.update(WORD.findall(script))
    for path in site.rglob("*.js"):
        if path.name != "searchindex.js":
            found.update(WORD.findall(path.read_text(encoding="utf-8")))
    return frozenset(found)


def bundle(sheets: list[Path], used: frozenset[str], site: Path, store: Path) -> Path:
    """Write stylesheets as one; return its path, whose name changes with its contents."""
    text = "\n".join(read_sheet(sheet, site / "_static") for sheet in sheets)
    key = hashlib.sha256("\0".join([__doc__, text, *sorted(used)]).encode()).hexdigest()[:12]
    kept = store / f"{key}.css"
    if not kept.is_file():
        rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
        lean = "\n".join(lean_rules(rules, used))
        lean = embed_icons(lean, site / "_static")
        store.mkdir(parents=True, exist_ok=True)
        kept.write_text(lean, encoding="utf-8")
    bundled = site / "_static" / f"site-{key}.css"
    shutil.copyfile(kept, bundled)
    return bundled


def read_sheet(sheet: Path, target: Path) -> str:
    """Return a stylesheet with those that it imports, its addresses seen from another folder."""
    text = sheet.read_text(encoding="utf-8").removeprefix('@charset "UTF-8";')

    def import_sheet(match: re.Match[str]) -> str:
        return read_sheet((sheet.parent / match[1]).resolve(), target)

    def move(match: re.Match[str]) -> str:
        address = match[1].strip("'\"")
        if address.startswith(("data:", "#", "/")) or "//" in address:
            return match[0]
        path, mark, rest = re.fullmatch(r"([^?#]*)([?#]?)(.*)", address).groups()
        return f'url("{os.path.relpath(sheet.parent / path, target)}{mark}{rest}")'

    text = re.sub(r"url\(\s*(\"[^\"]*\"|'[^']*'|[^)\s]*)\s*\)", move, text)
    return re.sub(r"@import\s+[\"']([^\"':]+)[\"']\s*;", import_sheet, text)


def lean_rules(rules: Iterable[tinycss2.ast.Node], used: frozenset[str]) -> Iterator[str]:
    """Yield the rules that can apply to something; of a list of selectors, those that can."""
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [s for s in split_selectors(rule.prelude) if can_match(s, used)]
            if selectors:
                heads = ",".join(tinycss2.serialize(selector).strip() for selector in selectors)
                yield f"{heads}{{{tinycss2.serialize(rule.content).strip()}}}"
        elif rule.type == "at-rule" and rule.lower_at_keyword in GROUPS and rule.content:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            body = "".join(lean_rules(inner, used))
            if body:
                head = tinycss2.serialize(rule.prelude).strip()
                yield f"@{rule.at_keyword} {head}{{{body}}}"
        elif rule.type == "error":
            raise ValueError(f"a stylesheet cannot be read: {rule.message}")
        else:
            yield rule.serialize()


def split_selectors(prelude: list[tinycss2.ast.Node]) -> list[list[tinycss2.ast.Node]]:
    """Return the selectors of a list."""
    found: list[list[tinycss2.ast.Node]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def can_match(selector: list[tinycss2.ast.Node], used: frozenset[str]) -> bool:
    """Tell whether all classes that a selector asks for are known.

    What stands in `:not()` is not asked for, and of what stands in `:is()` one is enough.
    """
    return not any(
        point.type == "literal"
        and point.value == "."
        and name.type == "ident"
        and name.value not in used
        and not name.value.startswith(KEPT)
        for point, name in itertools.pairwise(selector)
    )


def embed_icons(text: str, folder: Path) -> str:
    """Put into a stylesheet what it uses of its icon fonts; leave out those that it does not use.

    Args:
        text: the stylesheet; the icons are the signs in it.
        folder: where the addresses in it start.
    """
    escapes = re.findall(r"\\([0-9a-fA-F]{4})\b", text)
    icons = {ord(sign) for sign in ICONS.findall(text)}
    icons |= {int(code, 16) for code in escapes if ICONS.match(chr(int(code, 16)))}

    def embed(match: re.Match[str]) -> str:
        address = re.search(r"url\(\"?([^\")]*fontawesome[^\")]*\.ttf)", match[0])
        if not address:
            return match[0]
        family = re.search(r"font-family:\s*([^;}]+)", match[0])[1]
        weight = re.search(r"font-weight:\s*(\d+)", match[0])[1]
        font = subset_font(folder / address[1], icons)
        data = base64.b64encode(font).decode()
        return (
            f"@font-face{{font-display:block;font-family:{family};font-style:normal;"
            f'font-weight:{weight};src:url("data:font/woff;base64,{data}") format("woff")}}'
        )

    return re.sub(r"@font-face\s*\{[^}]*\}", embed, text)


def subset_font(font: Path, signs: set[int]) -> bytes:
    """Return a font with these signs only."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table
    options = subset.Options(flavor="woff", notdef_outline=True, desubroutinize=True)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=signs)
    with TTFont(font) as loaded:
        subsetter.subset(loaded)
        loaded.flavor = "woff"
        file = io.BytesIO()
        loaded.save(file)
    return file.getvalue()
