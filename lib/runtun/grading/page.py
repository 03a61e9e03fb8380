"""Static pages that can carry what strangers wrote: escaped, sanitised, with no script allowed."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from typing import Any

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MAX_TEXT = 20_000
# Before a link's target, in Markdown, that is neither the web nor a plain file name.
_LINK = re.compile(r"(\]\(\s*|\]:\s*)(?!https?:|mailto:|attachment:|#|[\w./-]+(?:[)\s]|$))")
# Commands with which a formula makes links or changes the page.
_TEX = re.compile(r"\\(href|require|style|class|cssId|html\w*)(?![A-Za-z])")
_MAX_PICTURE = 3 * 2**20

_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em",
    "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "kbd", "li", "ol", "p", "pre", "s", "span",
    "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de;
  --paper: #fff; --tint: #f6f8fa; --good: #1a7f37; --part: #9a6700; --bad: #b42318;
  --wait: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b1; --line: #3d444d;
  --paper: #0d1117; --tint: #161b22; --good: #4ac26b; --part: #d4a72c; --bad: #ff8a80;
  --wait: #6cb6ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
main.wide { max-width: 72rem; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; } .soft { color: var(--soft); }
.total { font-size: 2.2rem; font-weight: 650; margin: .75rem 0 0;
  font-variant-numeric: tabular-nums; }
.total small { font-size: 1rem; font-weight: 400; color: var(--soft); }
.bar { height: .5rem; border-radius: .25rem; background: var(--line); overflow: hidden; }
.bar svg { display: block; width: 100%; height: 100%; }
.card { border: 1px solid var(--line); border-left-width: 4px; border-radius: .5rem;
  padding: .6rem .8rem; margin: .6rem 0; }
.card header { display: flex; gap: .75rem; justify-content: space-between; flex-wrap: wrap; }
.card b { overflow-wrap: anywhere; } .card .n { font-variant-numeric: tabular-nums; }
.good { border-left-color: var(--good); } .part { border-left-color: var(--part); }
.bad { border-left-color: var(--bad); } .wait { border-left-color: var(--wait); }
.good .s { color: var(--good); } .part .s { color: var(--part); }
.bad .s { color: var(--bad); } .wait .s { color: var(--wait); }
.note { background: var(--tint); border-radius: .5rem; padding: .6rem .8rem; margin: .6rem 0; }
pre { background: var(--tint); border-radius: .5rem; padding: .7rem .8rem; overflow-x: auto;
  font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; margin: .4rem 0;
  white-space: pre; tab-size: 4; }
pre.out { border-left: 3px solid var(--line); border-radius: 0 .5rem .5rem 0; }
.hint { white-space: pre-wrap; overflow-wrap: anywhere; margin: .35rem 0 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.tight { white-space: nowrap; } .any { overflow-wrap: anywhere; min-width: 12rem; }
img { max-width: 100%; height: auto; background: #fff; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: .75rem 0; }
.facts div b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.picture { color: var(--ink); max-width: 100%; height: auto; }
summary { cursor: pointer; padding: .3rem 0; }
a { color: var(--wait); }
"""

# Only this one style sheet, pictures that are inside the page, and nothing else at all.
_POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
    "style-src 'sha256-{style}'"
)


def page(title: str, language: str, body: str, *, wide: bool = False) -> str:
    """Put a body into a page of its own.

    Args:
        title: plain text.
        language: for the reader's screen reader.
        body: HTML that is safe already.
        wide: for tables, on a screen that has the room.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = _POLICY.format(style=digest)
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{esc(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main{' class=wide' if wide else ''}>\n{body}\n</main>\n</body>\n</html>\n"
    )


def esc(text: object) -> str:
    """Escape text for HTML, also inside attributes; control characters become visible."""
    printable = "".join(c if c >= " " or c in "\n\t" else "\ufffd" for c in str(text))
    return html.escape(printable, quote=True)


def shortened(text: str, marker: str, limit: int = _MAX_TEXT) -> str:
    """Cut text that would make the page too heavy for a phone."""
    return text if len(text) <= limit else f"{text[:limit]}\n{marker}"


def sanitised(markup: str) -> str:
    """Keep of HTML only what cannot act: no script, style, form, frame, event or picture."""
    import nh3

    return nh3.clean(
        markup,
        tags=_TAGS,
        attributes={"th": {"colspan", "rowspan"}, "td": {"colspan", "rowspan"}, "a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def markdown(text: str) -> str:
    """Render Markdown, then sanitise what came out; formulas stay as they were typed."""
    import mistune

    render = mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])
    return sanitised(str(render(text[:_MAX_TEXT])))


def inert_markdown(text: str) -> str:
    """Take HTML, links that run something and formulas that do out of Markdown.

    For renderers that let all of it through; what is left looks as the student meant it.

    >>> inert_markdown("so a < b, *and* <b onclick=...>")
    'so a < b, *and* &lt;b onclick=...>'
    >>> inert_markdown("[a](https://a.org/) ![b](b.png) [c](javascript:c) [d]: java&#115;cript:d")
    '[a](https://a.org/) ![b](b.png) [c](#javascript:c) [d]: #java&#115;cript:d'
    """
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
    return _TEX.sub(r"\\text{\1}", _LINK.sub(r"\1#", text))


def inert_output(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook output with nothing but text, true pictures and sanitised HTML."""
    if "data" not in entry:
        return dict(entry)
    data = entry["data"]
    kept = {"text/plain": data["text/plain"]} if "text/plain" in data else {}
    for mime in ("image/png", "image/jpeg"):
        content = _true_picture(data.get(mime))
        if content:
            kept[mime] = base64.b64encode(content).decode()
    if isinstance(data.get("text/html"), str):
        kept["text/html"] = _TEX.sub(r"\\text{\1}", sanitised(data["text/html"]))
    counted = {"execution_count": None} if entry["output_type"] == "execute_result" else {}
    return {**counted, **entry, "data": kept, "metadata": {}}


def screen(text: str) -> str:
    """Show what a terminal would show at the end: no colours, progress bars in their last state.

    >>> screen("10%\\r100%\\n\\x1b[31mdone\\x1b[0m")
    '100%\\ndone'
    """
    lines = _ANSI.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)


def output(entry: Mapping[str, Any], marker: str) -> str:
    """Show one notebook output: text, a picture in PNG or JPEG, or a sanitised table."""
    kind = entry.get("output_type")
    if kind == "stream":
        return _pre(screen(str(entry.get("text", ""))), marker)
    if kind == "error":
        return _pre(f"{entry.get('ename', '')}: {screen(str(entry.get('evalue', '')))}", marker)
    data = entry.get("data")
    if not isinstance(data, Mapping):
        return ""
    for mime in ("image/png", "image/jpeg"):
        picture = _picture(mime, data.get(mime))
        if picture:
            return picture
    markup = data.get("text/html")
    if isinstance(markup, str) and "<table" in markup:
        return f'<div class="scroll" tabindex="0">{sanitised(shortened(markup, ""))}</div>'
    text = data.get("text/plain")
    return _pre(screen(text), marker) if isinstance(text, str) else ""


def _pre(text: str, marker: str) -> str:
    text = text.rstrip()
    return f'<pre class="out" tabindex="0">{esc(shortened(text, marker))}</pre>' if text else ""


def _true_picture(data: object) -> bytes:
    """Return the bytes of a PNG or JPEG; none for what only claims to be one."""
    if not isinstance(data, str) or len(data) > _MAX_PICTURE:
        return b""
    try:
        content = base64.b64decode(data, validate=False)
    except ValueError:
        return b""
    return content if content.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff")) else b""


def _picture(mime: str, data: object) -> str:
    content = _true_picture(data)
    if not content:
        return ""
    return f'<p><img alt="" src="data:{mime};base64,{base64.b64encode(content).decode()}"></p>'
