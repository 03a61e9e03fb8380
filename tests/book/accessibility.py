"""Open pages as readers do and look for what keeps some of them out.

axe-core spends three quarters of its time on the contrast of texts, one by one, though a page of
four thousand texts has some two hundred looks: a colour on the backgrounds around it, a size, a
weight. So here structure is judged once a page and width, and contrast once a look: two texts stand
for every other of the same look, on every page of a site.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import TimeoutError

FIRST_VISIT = 2_500_000
"""Bytes that a first visit to a page may weigh before compression."""

COLOUR_RULES = ["color-contrast", "link-in-text-block"]
"""axe's rules whose verdict depends on colours; all others say the same in every theme."""

STRUCTURE = """async (rules) => {
  const off = Object.fromEntries(rules.map((rule) => [rule, {enabled: false}]));
  const found = await axe.run({resultTypes: ["violations"], rules: off});
  return found.violations.map(({id, nodes}) => [id, nodes.map((node) => node.target.join(" "))]);
}"""

# A look is what decides contrast: the styles of a text's element and of all around it. One that axe
# could not judge at its first place stays open, and the next text of that look is tried.
COLOURS = """async ([rules, judged]) => {
  const hash = (text) => {
    let a = 0xdeadbeef, b = 0x41c6ce57;
    for (let i = 0; i < text.length; i++) {
      a = Math.imul(a ^ text.charCodeAt(i), 2654435761);
      b = Math.imul(b ^ text.charCodeAt(i), 1597334677);
    }
    return (b >>> 0).toString(36) + (a >>> 0).toString(36);
  };
  const looks = new Map();
  const look = (element) => {
    if (!element) return "";
    if (!looks.has(element)) {
      const style = getComputedStyle(element);
      const parts = ["color", "backgroundColor", "backgroundImage", "opacity", "filter",
                     "mixBlendMode", "textShadow", "fontSize", "fontWeight", "fontStyle",
                     "textDecorationLine", "borderBottomWidth", "position"];
      looks.set(element, hash([look(element.parentElement), ...parts.map((p) => style[p])].join()));
    }
    return looks.get(element);
  };
  const known = new Set(judged), chosen = new Map();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    // axe passes single letters and signs by
    if (!/[\\p{L}\\p{N}].*[\\p{L}\\p{N}]/su.test(texts.currentNode.data)) continue;
    if (!element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    const key = look(element);
    if (known.has(key)) continue;
    const before = chosen.get(key) ?? [];
    if (before.length < 2 && !before.includes(element)) chosen.set(key, [...before, element]);
  }
  if (!chosen.size) return {violations: [], judged: []};
  const found = await axe.run(
    {include: [...chosen.values()].flat()},
    {resultTypes: ["violations", "incomplete"], elementRef: true, runOnly: rules},
  );
  const open = new Set(found.incomplete.flatMap(({nodes}) => nodes.map((node) => node.element)));
  const decided = [...chosen].filter(([, elements]) => elements.some((e) => !open.has(e)));
  return {
    violations: found.violations.map(({id, nodes}) => [id, nodes.map((n) => n.target.join(" "))]),
    judged: decided.map(([key]) => key),
  };
}"""

# The theme's script has heard of the reader's wish, and no colour is on its way to another.
SETTLED = """(theme) => [theme, undefined].includes(document.documentElement.dataset.theme)
  && !document.getAnimations().some((animation) => animation instanceof CSSTransition)"""

WEIGHT = "performance.getEntries().reduce((sum, entry) => sum + (entry.decodedBodySize || 0), 0)"
BEYOND = "document.documentElement.scrollWidth - innerWidth"


def pages_of(site: Path) -> list[str]:
    """Return the pages of a site as addresses, its entrance first and told to stay."""
    names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return ["index.html?choose", *(name for name in names if name != "index.html")]


def find_faults(
    browser: Any, address: str, pages: list[str], *, width: int, themes: tuple[str, ...]
) -> Iterator[str]:
    """Yield what is wrong with pages that are served on this machine.

    Args:
        browser: Playwright's Chromium.
        address: where the site is served; everything from elsewhere is a fault.
        pages: paths in the site.
        width: of the window, in pixels.
        themes: "light" and "dark", in the order in which each page is shown in them.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=themes[0], locale="id-ID"
    )
    page = context.new_page()
    happened: list[str] = []
    judged: dict[str, set[str]] = {theme: set() for theme in themes}

    def admit(route: Any) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            happened.append(f"asks for {route.request.url}")
            route.abort()

    context.route("**/*", admit)
    page.on("pageerror", lambda error: happened.append(str(error)))
    page.on("requestfailed", lambda request: happened.append(f"cannot get {request.url}"))
    for name in pages:
        happened.clear()
        page.emulate_media(color_scheme=themes[0])
        page.goto(address + name, wait_until="load")
        page.wait_for_timeout(150)
        if (weight := page.evaluate(WEIGHT)) > FIRST_VISIT:
            yield f"{name}: weighs {weight} bytes"
        if (beyond := page.evaluate(BEYOND)) > 0:
            yield f"{name}: {beyond} px wider than the screen"
        page.evaluate(AXE_SCRIPT)
        for rule, places in page.evaluate(STRUCTURE, COLOUR_RULES):
            yield f"{name}: {rule} at {places[:3]}"
        for theme in themes:
            if theme != themes[0]:
                page.emulate_media(color_scheme=theme)
            try:
                page.wait_for_function(SETTLED, arg=theme, timeout=5000)
            except TimeoutError:
                yield f"{name}: does not follow the reader's {theme} theme"
                continue
            found = page.evaluate(COLOURS, [COLOUR_RULES, sorted(judged[theme])])
            judged[theme] |= set(found["judged"])
            for rule, places in found["violations"]:
                yield f"{name}: {rule} in {theme} at {places[:3]}"
        yield from (f"{name}: {what}" for what in happened)
    context.close()
