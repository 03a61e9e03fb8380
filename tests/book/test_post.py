"""What is mended between Sphinx and the reader."""

from __future__ import annotations

from pathlib import Path

from lxml import html

from book.post import finish, mend, size_of

PAGE = """<!DOCTYPE html><html lang="id"><head><title>T</title>{head}</head><body>
<main><article>{body}</article></main></body></html>"""


def mended(body: str = "", head: str = "", language: str = "id") -> html.HtmlElement:
    """Return a page after mending."""
    return html.document_fromstring(mend(PAGE.format(head=head, body=body), language))


def test_nothing_of_other_hosts_is_left():
    page = mended(
        '<script>let thebe_selector = "x"</script><p>kept</p>',
        '<script src="https://cdn.example/MathJax.js"></script>'
        '<link rel="stylesheet" href="https://cdn.example/a.css">'
        '<script src="_static/scripts/fontawesome.js?digest=1"></script>'
        '<script src="_static/runtun.js"></script>',
    )
    assert page.xpath("//script/@src") == ["_static/runtun.js"]
    assert page.xpath("//script/text() | //link") == []
    assert page.xpath("//p/text()") == ["kept"]


def test_scripts_wait_and_the_search_stays_on_its_page(tmp_path: Path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static/documentation_options.js").write_text("const OPTIONS = {};")
    head = "".join(
        f'<script src="{name}"></script>'
        for name in ("_static/documentation_options.js?v=1", "_static/a.js", "searchindex.js")
    )

    def scripts(body: str) -> tuple[list[str], list[str]]:
        page = html.document_fromstring(mend(PAGE.format(head=head, body=body), "id", tmp_path))
        assert page.xpath("//script[not(@src)]/text()") == ["const OPTIONS = {};"]
        return page.xpath("//script[not(@defer)]/@src"), page.xpath("//script[@defer]/@src")

    assert scripts("") == ([], ["_static/a.js"])
    searching = scripts('<div id="search-results"></div>')
    assert searching == ([], ["_static/a.js", "searchindex.js"])


def test_a_page_knows_at_once_whether_it_is_light_or_dark():
    set_theme = 'document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto";'
    page = mended("", f"<script>\n{set_theme}\n</script><script>other()</script>")
    first, second = page.xpath("//script/text()")
    assert set_theme in first
    assert first.index("matchMedia") > first.index(set_theme)
    assert second == "other()"


def test_folded_cells_speak_the_language():
    body = (
        '<details class="hide above-input"><summary>'
        '<p class="collapsed">Show code cell source</p>'
        '<p class="expanded">Hide code cell source</p>'
        "</summary>x</details>"
    )
    assert mended(body).xpath("//summary/span/text()") == ["Tampilkan kode", "Sembunyikan kode"]
    english = mended(body, language="en").xpath("//summary/span/text()")
    assert english == ["Show the code", "Hide the code"]


def test_a_file_name_is_no_description():
    page = mended('<img src="_images/a1b2.svg" alt="_images/a1b2.svg"><img src="x" alt="a line">')
    assert [image.get("alt") for image in page.xpath("//img")] == [None, "a line"]


def test_wide_tables_scroll_by_themselves():
    page = mended("<table><tr><td>x</td></tr></table>after")
    assert page.xpath("string(//div[@class='table-scroll']/table)") == "x"
    assert page.xpath("//article")[0].text_content() == "xafter"


def test_an_empty_header_cell_heads_nothing():
    table = "<table><thead><tr><th></th><th>MSE</th></tr></thead></table>"
    page = html.document_fromstring(mend(PAGE.format(head="", body=table), "en"))
    assert [cell.tag for cell in page.xpath("//tr/*")] == ["td", "th"]


def test_a_folded_docstring_is_no_code_to_measure_or_to_copy():
    page = mended('<details class="api-entry"><pre>a\n b</pre></details><pre>c</pre>')
    assert page.xpath("string(//details/div[@class='api-pre'])") == "a\n b"
    assert page.xpath("//pre/text()") == ["c"]


def test_formulas_and_svg_survive():
    body = '<svg viewBox="0 0 1 1"><path d="M0 0h1"/></svg><math><mi>x</mi></math>'
    page = mended(body)
    assert page.xpath("//svg/path/@d") == ["M0 0h1"]
    assert page.xpath("string(//math/mi)") == "x"


def test_dead_weight_stays_behind_and_the_source_is_untouched(tmp_path: Path):
    raw, site = tmp_path / "raw", tmp_path / "site"
    for name, text in {
        "index.html": PAGE.format(head="", body="<p>x</p>"),
        "_static/a.js": "x()\n//# sourceMappingURL=a.js.map\n",
        "_static/a.js.map": "{}",
        "_static/scripts/fontawesome.js": "x",
        "_static/sphinx-thebe.js": "x",
        "_static/webpack-macros.html": "{% x %}",
        ".buildinfo": "x",
    }.items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_text(text)
    site.mkdir()
    (site / "stale.html").write_text("from an older build")
    assert finish(raw, site, "id") == 1
    left = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert left == {"index.html", "_static/a.js"}
    assert (site / "_static" / "a.js").read_text().strip() == "x()"
    assert "sourceMappingURL" in (raw / "_static" / "a.js").read_text()


def test_measured_numbers_follow_the_spelling_of_the_language():
    number = '<span class="pasted-text">{}</span>'
    texts = ["0.25", "16", "-2,560", "1,234,567.8", "1997", "adam"]
    body = f"<p>{' '.join(map(number.format, texts))}</p><pre>0.5</pre>"
    spelt = ["0,25", "16", "\N{MINUS SIGN}2.560", "1.234.567,8", "1997", "adam"]
    assert mended(body).xpath("//p/span/text() | //pre/text()") == [*spelt, "0.5"]
    texts[2] = "\N{MINUS SIGN}2,560"
    assert mended(body, language="en").xpath("//p/span/text()") == texts


def test_powers_of_ten_are_written_out():
    body = '<p><span class="pasted-text">1.4e-05</span><span class="pasted-text">1e-16</span></p>'
    (first, second) = mended(body).xpath("//p/span/text()")
    assert (first.split(), second) == (["1,4", "×", "10⁻⁵"], "10⁻¹⁶")


def test_a_number_and_its_unit_stay_on_one_line():
    body = '<p><span class="pasted-text">14</span> % of <span class="pasted-text">3</span> MWh</p>'
    assert mended(body).xpath("//p/text()") == ["\N{NO-BREAK SPACE}% of ", " MWh"]


def test_a_formula_and_the_sign_beside_it_stay_on_one_line():
    formula = '<span class="math notranslate">x</span>'
    body = f"<p>({formula}, see {formula} and <em>{formula}</em>-axis [{formula}]</p>"
    (text,) = mended(body).xpath("//p")
    assert text.text_content().replace("\N{WORD JOINER}", "_") == "(_x_, see x and x-axis [_x_]"


def test_drawings_keep_their_room_while_they_load(tmp_path: Path):
    (tmp_path / "a.svg").write_text('<?xml version="1.0"?>\n<svg width="72pt" height="36pt">')
    (tmp_path / "b.svg").write_text('<svg viewBox="0 0 9 9"><rect width="1" height="1"/></svg>')
    assert size_of(tmp_path / "a.svg") == (96, 48)
    assert size_of(tmp_path / "b.svg") is None
    text = mend(PAGE.format(head="", body='<img src="a.svg" alt="x">'), "en", tmp_path)
    (image,) = html.document_fromstring(text).xpath("//img")
    assert (image.get("width"), image.get("height")) == ("96", "48")
