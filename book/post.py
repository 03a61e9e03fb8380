"""From Sphinx's output to the finished site of one language.

Sphinx writes into a working folder; `finish` copies it into the site and mends on the way what no
setting can: scripts and links of other hosts, dead weight, stylesheets by the dozen, and faults of
the theme that would stop people who use a screen reader or a keyboard. The working folder stays
untouched, so the step can be repeated at any time.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from lxml import etree, html

from book._ext.words import spell_number, word
from book.styles import bundle_styles

FOREIGN = re.compile(
    r"mathjax|require(\.min)?\.js|thebe|html-manager|mermaid|vega|unpkg|jsdelivr|cdnjs", re.I
)
"""Scripts that the theme or an extension would fetch from another host, or that serve one."""

DROP = ("scripts/fontawesome.js",)
"""Files of the theme that the site does not need: this one draws what the web font draws."""


SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")
"""Scripts of the page of search; the theme has every page load them."""


def finish(raw: Path, site: Path, language: str) -> int:
    """Write the finished pages of a language.

    Args:
        raw: Sphinx's output folder.
        site: the folder of the language within the site; made anew.
        language: "id" or "en".

    Returns:
        How many pages were written.
    """
    shutil.rmtree(site, ignore_errors=True)
    pages = 0
    for source in sorted(raw.rglob("*")):
        relative = source.relative_to(raw)
        if source.is_dir() or unwanted(relative):
            continue
        target = site / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".html":
            text = mend(source.read_text(encoding="utf-8"), language, source.parent)
            target.write_text(text, encoding="utf-8")
            pages += 1
        elif source.suffix in (".js", ".css"):
            text = source.read_text(encoding="utf-8")
            text = re.sub(r"^(//|/\*)# sourceMappingURL=.*$", "", text, flags=re.MULTILINE)
            target.write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(source, target)
    bundle_styles(site, raw.parent / "styles")
    return pages


def unwanted(relative: Path) -> bool:
    """Tell whether a file of Sphinx's output has no place in the site."""
    name = relative.as_posix()
    return (
        name.endswith((".map", ".buildinfo", ".LICENSE.txt", "webpack-macros.html"))
        or name in ("objects.inv", ".nojekyll")
        or any(name.endswith(drop) for drop in DROP)
        or (name.startswith("_static/") and FOREIGN.search(relative.name) is not None)
    )


def mend(text: str, language: str, folder: Path = Path()) -> str:
    """Return a page without foreign requests and with the theme's faults mended.

    Args:
        text: the page as Sphinx wrote it.
        language: "id" or "en".
        folder: where it lies; the paths of its pictures start there.
    """
    page = html.document_fromstring(text)
    strip_foreign(page)
    settle_theme(page)
    show_before_scripts(page, folder)
    put_words(page, language)
    write_numbers(page, language)
    hold_formulas(page)
    name_landmarks(page, language)
    mend_figures(page, folder)
    make_boxes_scroll(page)
    name_no_empty_headers(page)
    spare_folded_code(page)
    return "<!DOCTYPE html>\n" + html.tostring(page, encoding="unicode", method="html") + "\n"


def remove(element: etree._Element) -> None:
    """Take an element out of its page; the text after it stays."""
    element.drop_tree()


def strip_foreign(page: html.HtmlElement) -> None:
    """Take out scripts, styles and nodes that belong to other hosts."""
    for script in page.xpath("//script"):
        source = script.get("src") or ""
        inline = (script.text or "") if not source else ""
        if (
            FOREIGN.search(source)
            or any(drop in source for drop in DROP)
            or source.startswith(("http:", "https:", "//"))
            or re.search(r"thebe|mathjax", inline, re.IGNORECASE)
        ):
            remove(script)
    for link in page.xpath("//link[@rel='stylesheet' or @rel='preload' or @rel='preconnect']"):
        address = link.get("href") or ""
        if address.startswith(("http:", "https:", "//")) or FOREIGN.search(address):
            remove(link)
    for meta in page.xpath("//meta[starts-with(@name, 'docsearch')]"):
        remove(meta)


THEME = """
    if (document.documentElement.dataset.theme === "auto")
      document.documentElement.dataset.theme =
        matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  """
"""What the theme's script finds out when the page has long been shown in other colours."""


def settle_theme(page: html.HtmlElement) -> None:
    """Let a page know before it is shown whether it is light or dark."""
    for script in page.xpath("//head/script[contains(., 'dataset.theme')]"):
        script.text = f"{script.text.rstrip()}{THEME}"


def show_before_scripts(page: html.HtmlElement, folder: Path) -> None:
    """Let a page show itself before its scripts are there; leave the search to the page of search.

    What the theme writes into the page itself needs the options at once, so these few lines move
    into the page; all others may wait until the page is read, in the order in which they stand.
    """
    searching = bool(page.xpath("//*[@id='search-results']"))
    for script in page.xpath("//head/script[@src]"):
        name = script.get("src").partition("?")[0].rpartition("/")[2]
        if name in SEARCH and not searching:
            remove(script)
        elif name == "documentation_options.js":
            path = folder / script.attrib.pop("src").partition("?")[0]
            script.text = path.read_text(encoding="utf-8")
        else:
            script.set("defer")


def put_words(page: html.HtmlElement, language: str) -> None:
    """Put words in the page's language where the theme has English ones built in."""
    words = {"copy": word("copy", language), "copied": word("copied", language)}
    page.set("data-words", json.dumps(words, ensure_ascii=False))
    for summary in page.xpath("//details[contains(@class, 'hide')]/summary"):
        for state, verb in (("collapsed", "show"), ("expanded", "hide")):
            for element in summary.xpath(f"./*[contains(@class, '{state}')]"):
                kind = next(
                    (k for k in ("source", "outputs", "content") if k in element.text_content()),
                    "content",
                )
                element.tag = "span"  # a paragraph may not stand in a summary
                element.text = word(f"{verb}_{kind}", language)


UNIT = re.compile(r"^ (?=(?:%|MW|GW)(?!\w))")
"""The space between a number and its unit, where a line must not break."""


def write_numbers(page: html.HtmlElement, language: str) -> None:
    """Spell measured numbers in sentences as the language does; code keeps its point."""
    for number in page.xpath("//span[contains(@class, 'pasted-text')]"):
        number.text = spell_number(number.text or "", language)
        number.tail = UNIT.sub("\N{NO-BREAK SPACE}", number.tail or "")


OPENING, CLOSING = "([\N{LEFT DOUBLE QUOTATION MARK}", ",.;:!?)]-%\N{RIGHT DOUBLE QUOTATION MARK}"
"""Signs that belong to the formula after them, and to the one before them."""


def hold_formulas(page: html.HtmlElement) -> None:
    """Keep a formula in a sentence and the sign beside it on one line.

    A formula is a box to the browser, which may break lines on both sides of it, even before a
    comma.
    """
    joiner = "\N{WORD JOINER}"
    for formula in page.xpath("//span[contains(concat(' ', @class, ' '), ' math ')]"):
        if formula.tail and formula.tail[0] in CLOSING:
            formula.tail = joiner + formula.tail
        before, parent = formula.getprevious(), formula.getparent()
        text = parent.text if before is None else before.tail
        if text and text[-1] in OPENING:
            if before is None:
                parent.text = text + joiner
            else:
                before.tail = text + joiner


def name_landmarks(page: html.HtmlElement, language: str) -> None:
    """Make every region a landmark with one name, and give every control a label."""
    # Everything but the page itself stands in a landmark of its own.
    for sidebar in page.xpath("//div[@id='pst-primary-sidebar']"):
        sidebar.set("role", "complementary")  # not <aside>: the theme's script looks for a div
        sidebar.set("aria-label", word("menu", language))
    for sidebar in page.xpath("//div[@id='pst-secondary-sidebar']"):
        sidebar.set("role", "complementary")
        sidebar.set("aria-label", word("page_contents", language))
    for nav in page.xpath("//nav[contains(@class, 'bd-docs-nav')]"):
        nav.set("aria-label", word("menu", language))
    for nav in page.xpath("//div[@id='jb-print-docs-body']//nav"):
        nav.set("aria-label", word("page_contents", language))
    # The title of the page is printed twice by the theme; on screen it must not be a heading.
    for heading in page.xpath("//div[@id='jb-print-docs-body']//*[self::h1 or self::h2]"):
        heading.tag = "p"
        heading.set("class", "print-heading")
    for header in page.xpath("//header[@id='pst-header'][not(normalize-space())]"):
        header.tag = "div"  # empty, so no landmark; the theme's script measures it
    for footer in page.xpath("//main//footer"):
        footer.tag = "div"  # a contentinfo landmark may not lie in main
    for footer in page.xpath("//footer[contains(@class, 'bd-footer')][not(normalize-space())]"):
        remove(footer)
    for dialog in page.xpath("//dialog[@id='pst-search-dialog']"):
        dialog.set("aria-label", word("search", language))
    for dialog in page.xpath("//dialog[contains(@id, 'sidebar-modal')]"):
        primary = "primary" in dialog.get("id")
        dialog.set("aria-label", word("menu" if primary else "page_contents", language))
    for icon in page.xpath("//i[contains(@class, 'fa-') or contains(@class, 'fas')]"):
        icon.set("aria-hidden", "true")
        icon.attrib.pop("title", None)
    for button in page.xpath("//button[@data-bs-toggle='tooltip']"):
        label = button.get("aria-label") or button.get("title") or button.get("data-bs-title")
        if label:
            button.set("aria-label", label)
    # Bibliographies: docutils gives them roles that may not stand where they stand.
    for node in page.xpath("//*[@role='doc-biblioentry' or @role='list' or @role='listitem']"):
        if "citation" in (node.get("class") or "") or node.tag in ("div", "dl", "dd"):
            node.attrib.pop("role")
    for tabs in page.xpath("//div[contains(@class, 'framework-tabs')]"):
        tabs.set("role", "group")
        tabs.set("aria-label", word("framework", language))
    for label in page.xpath("//label[contains(@class, 'sd-tab-label')][@aria-controls]"):
        label.attrib.pop("aria-controls")  # a label controls its input
    # Anchors of headings: the sign alone says nothing, and twenty of them are twenty tab stops.
    for anchor in page.xpath("//a[contains(@class, 'headerlink')]"):
        anchor.set("aria-label", anchor.get("title") or "#")
        anchor.set("tabindex", "-1")
        anchor.set("aria-hidden", "true")


PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
"""How many pixels of a page the units of SVG are."""


def size_of(picture: Path) -> tuple[int, int] | None:
    """Return a drawing's own width and height in pixels, if it names both."""
    if picture.suffix != ".svg" or not picture.is_file():
        return None
    opening = re.search(r"<svg\b[^>]*>", picture.read_text(encoding="utf-8", errors="replace"))
    sizes = []
    for name in ("width", "height"):
        number = opening and re.search(rf'\s{name}="([\d.]+)(\w*)"', opening[0])
        if not number or number[2] not in PIXELS:
            return None
        sizes.append(round(float(number[1]) * PIXELS[number[2]]))
    return sizes[0], sizes[1]


def mend_figures(page: html.HtmlElement, folder: Path) -> None:
    """Keep the room of pictures that load late; a picture's file name is no description."""
    for number, image in enumerate(page.xpath("//article//img | //div[@class='bd-content']//img")):
        alt = image.get("alt")
        if alt is not None and re.fullmatch(r"(\.\./)*_images/[\w.-]+", alt):
            del image.attrib["alt"]
        size = size_of(folder / (image.get("src") or ""))
        if size and not {"width", "height", "style"} & set(image.attrib):
            image.set("width", str(size[0]))
            image.set("height", str(size[1]))
        if number > 0:
            image.set("loading", "lazy")
        image.set("decoding", "async")


def spare_folded_code(page: html.HtmlElement) -> None:
    """Make plain boxes of the docstrings that lie folded in the page of the library.

    The theme's script measures every <pre> of a page while it loads, folded or not, and others put
    a button on each; here they are hundreds, whose lines break and never scroll.
    """
    for text in page.xpath("//details[contains(@class, 'api-entry')]//pre"):
        text.tag = "div"
        text.set("class", "api-pre")


def name_no_empty_headers(page: html.HtmlElement) -> None:
    """Turn the empty header cells of tables into plain ones: they head nothing."""
    for cell in page.xpath("//article//th"):
        if not cell.text_content().strip() and not len(cell):
            cell.tag = "td"


def make_boxes_scroll(page: html.HtmlElement) -> None:
    """Wrap each table, so that a wide one scrolls by itself and the page does not."""
    for table in page.xpath("//article//table"):
        parent = table.getparent()
        if "pst-scrollable-table-container" in (parent.get("class") or ""):
            parent.set("class", "table-scroll")
            continue
        box = html.Element("div", {"class": "table-scroll"})
        parent.replace(table, box)
        box.tail, table.tail = table.tail, None
        box.append(table)
