"""The reviewer of pages finds what is planted, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.book.accessibility import find_faults

pytestmark = pytest.mark.browser

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>A page</title><meta name="viewport" content="width=device-width">
<style>
  body {{ color: #111; background: #fff; font: 16px sans-serif; }}
  @media (prefers-color-scheme: dark) {{ body {{ color: #eee; background: #111; }} }}
  {style}
</style></head>
<body><main><h1>A page</h1><p>A sentence that everyone can read.</p>
<p>Another one, <span>with a part of its own</span>.</p>{body}</main></body></html>
"""


@pytest.fixture
def review(browser, serve, tmp_path: Path):
    """Return a function that writes pages and returns what is wrong with them."""

    def run(*pages: tuple[str, str], themes: tuple[str, ...] = ("light", "dark")) -> list[str]:
        names = [f"{number}.html" for number in range(len(pages))]
        for name, (style, body) in zip(names, pages, strict=True):
            (tmp_path / name).write_text(PAGE.format(style=style, body=body))
        address = serve(tmp_path)
        return list(find_faults(browser, address, names, width=390, themes=themes))

    return run


GOOD = ("", "")
FAINT = "span { color: #888; }"


def test_a_page_in_order_has_no_faults(review):
    assert review(GOOD, GOOD) == []


@pytest.mark.parametrize("themes", [("light", "dark"), ("dark", "light")])
def test_a_faint_text_is_found_in_the_theme_that_has_it(review, themes):
    """Its page comes second: the same markup was judged in other colours before."""
    dark = "@media (prefers-color-scheme: dark) { span { color: #444; } }"
    (fault,) = review(GOOD, (dark, ""), themes=themes)
    assert fault.startswith("1.html: color-contrast in dark at ['")
    (fault,) = review(GOOD, ("span { color: #999; }", ""), themes=themes)
    assert fault.startswith("1.html: color-contrast in light at ['")


def test_a_text_on_another_background_has_another_look(review):
    box = '<div style="background: #777"><p>Another one.</p></div>'
    faults = review(GOOD, ("", box))
    assert ["in light" in fault for fault in faults] == [True, False]


def test_one_fault_of_a_look_is_told_once_and_one_behind_a_good_page_is_found(review):
    """A look that was judged and found good says nothing about a smaller text."""
    large = "span { color: #888; font-size: 30px; }"
    small = "span { color: #888; font-size: 14px; }"
    faults = review((large, ""), (small, ""), (small, ""), themes=("light",))
    assert [fault[:6] for fault in faults] == ["1.html"]


def test_a_hidden_text_does_not_stand_for_a_visible_one(review):
    body = '<details><summary>More</summary><p class="faint">Hidden words.</p></details>'
    after = '<div><p class="faint">Visible words.</p></div>'
    opened = '<details open><summary>More</summary><p class="faint">Hidden words.</p></details>'
    style = ".faint { color: #aaa; }"
    assert review((style, body), themes=("light",)) == []
    assert len(review((style, body), (style, opened), themes=("light",))) == 1
    assert len(review((style, body + after), themes=("light",))) == 1


def test_a_link_told_by_its_colour_alone_is_found(review):
    style = "a { color: #0000cc; text-decoration: none; }"
    body = '<p>A long sentence with a <a href="0.html">link that hides</a> in its middle.</p>'
    faults = review((style, body), themes=("light",))
    assert any("link-in-text-block in light" in fault for fault in faults)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "image-alt"),
        ("<button></button>", "button-name"),
        ("<h4>A heading that skips a level</h4>", "heading-order"),
        ('<p id="twice">One</p><label for="x">Two</label><input aria-labelledby="gone">', "label"),
    ],
)
def test_a_fault_of_structure_is_found_on_every_page_that_has_it(review, body: str, rule: str):
    faults = review(GOOD, ("", body), ("", body))
    assert [fault.split(" at ")[0] for fault in faults] == [f"1.html: {rule}", f"2.html: {rule}"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<script src="https://elsewhere.example/x.js"></script>', "asks for https://elsewhere"),
        ('<script>nothing.at.all = "x"</script>', "nothing is not defined"),
        ('<p style="width: 500px">Wide</p>', "px wider than the screen"),
        ('<script>document.documentElement.dataset.theme = "dark"</script>', "does not follow"),
    ],
)
def test_other_faults_are_found(review, body: str, message: str):
    faults = review(("", body), themes=("light",))
    assert any(message in fault for fault in faults), faults
