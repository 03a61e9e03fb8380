"""One stylesheet for a page: what it uses is there, what nobody uses is not."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from lxml import html

from book.styles import bundle_styles

PAGE = """<!DOCTYPE html><html lang="en"><head>{links}</head>
<body class="{used}"><p id="p">x</p><script>{script}</script></body></html>"""


def build(
    tmp_path: Path, sheets: dict[str, str], *, used: str = "", script: str = "", page="a.html"
) -> str:
    """Finish a site of one page; return its stylesheet."""
    site = tmp_path / "site"
    up = "../" * page.count("/")
    links = "".join(f'<link rel="stylesheet" href="{up}{name}?v=1">' for name in sheets)
    files = {page: PAGE.format(links=links, used=used, script=script)} | sheets
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, encoding="utf-8")
    bundle_styles(site, tmp_path / "store")
    finished = html.document_fromstring((site / page).read_text(encoding="utf-8"))
    (address,) = finished.xpath("//link[@rel='stylesheet']/@href")
    assert list(site.rglob("*.css")) == [(site / page).parent.joinpath(address).resolve()]
    return (site / page).parent.joinpath(address).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        (".used{a:b}", True),
        (".gone{a:b}", False),
        ("p{a:b}", True),
        ("#p{a:b}", True),
        ("p.used>a:hover{a:b}", True),
        ("p.used .gone{a:b}", False),
        ("p:not(.gone){a:b}", True),
        (":is(.gone,.used) a{a:b}", True),
        ("[data-mode=dark] .used{a:b}", True),
        (".by-script{a:b}", True),
        (".bs-tooltip-auto{a:b}", True),
        (".cover-title{a:b}", True),
        (".half\\/gone{a:b}", False),
    ],
)
def test_a_rule_stays_if_it_can_apply(tmp_path: Path, rule: str, stays: bool) -> None:
    script = 'x.classList.add("by-script")'
    text = build(tmp_path, {"_static/a.css": rule}, used="other used", script=script)
    assert (rule in text) is stays


def test_of_a_list_of_selectors_those_stay_that_can_apply(tmp_path: Path) -> None:
    sheet = "/* note */ .gone, .used , p.gone{a:b} @media print{.gone{a:b}.used{c:d}}"
    sheet += "@media screen{.gone{a:b}} @keyframes turn{from{a:b}} :root{--x:.gone}"
    lines = build(tmp_path, {"_static/a.css": sheet}, used="used").splitlines()
    kept = [".used{a:b}", "@media print{.used{c:d}}", "@keyframes turn{from{a:b}}"]
    assert lines == [*kept, ":root{--x:.gone}"]


def test_sheets_follow_one_another_with_what_they_import(tmp_path: Path) -> None:
    sheets = {
        "_static/styles/a.css": '@import "../base.css"; p{background:url(../pictures/a.png)}',
        "_static/base.css": "p{color:red}",
        "_static/b.css": "p{background:url('data:image/png;base64,AA')}",
    }
    text = build(tmp_path, sheets, page="sub/a.html")
    assert re.findall(r"color:red|url\([^)]*\)", text) == [
        "color:red", 'url("pictures/a.png")', "color:red", 'url("data:image/png;base64,AA")',
    ]  # fmt: skip


def test_the_name_changes_with_the_contents(tmp_path: Path) -> None:
    for folder, colour in (("one", "red"), ("two", "blue")):
        build(tmp_path / folder, {"_static/a.css": f"p{{color:{colour}}}"})
    first, second = (next((tmp_path / f).rglob("site-*.css")).name for f in ("one", "two"))
    assert first != second


def test_a_sheet_is_taken_apart_once(tmp_path: Path) -> None:
    sheets = {"_static/a.css": "p{a:b}"}
    build(tmp_path, sheets)
    (kept,) = (tmp_path / "store").iterdir()
    kept.write_text("p{from:store}")
    assert build(tmp_path, sheets) == "p{from:store}"


def test_of_the_icons_those_are_embedded_that_a_page_shows(tmp_path: Path) -> None:
    from importlib.resources import files

    theme = Path(str(files("pydata_sphinx_theme"))) / "theme/pydata_sphinx_theme/static"
    font = "vendor/fontawesome/webfonts/fa-solid-900.ttf"
    (target := tmp_path / "site/_static" / font).parent.mkdir(parents=True)
    target.write_bytes((theme / font).read_bytes())
    sheet = (
        "@font-face{font-family:Icons;font-weight:900;src:url(../vendor/fontawesome/webfonts/"
        'fa-solid-900.woff2) format("woff2"),url(../vendor/fontawesome/webfonts/fa-solid-900.ttf)'
        ' format("truetype")} .fa-bars:before{content:"\\f0c9"} .fa-gear:before{content:"\\f013"}'
    )
    text = build(tmp_path, {"_static/styles/a.css": sheet}, used="fa-bars")
    (data,) = re.findall(r"base64,([\w+/=]+)", text)
    assert set(TTFont(io.BytesIO(base64.b64decode(data))).getBestCmap()) == {0xF0C9}
    assert len(data) < 4000
    assert not target.exists()
