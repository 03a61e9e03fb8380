"""A clean notebook beside every page with code, in the page's language.

The page's source is Markdown with directives, which Jupyter and Colab would show as they stand. So
each page gets a notebook of its own: prose in plain Markdown, directives as quoted notes, numbers
and equation numbers filled in, pictures attached, a set-up cell first, and cell ids that change
only when the cell does.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import yaml
from docutils import nodes
from pybtex.database import parse_file
from sphinx.application import Sphinx
from sphinx.locale import admonitionlabels
from sphinx.util import logging

from book._ext.glossary import glossary_of
from book._ext.quiz import parse_quiz
from book._ext.words import spell_number, word

logger = logging.getLogger(__name__)

INSTALL = """\
# Set-up: install the course's library where it is missing (in Colab, for example).
try:
    import runtun
except ImportError:
    %pip install --quiet "runtun[keras,torch,nnx,words] @ git+{repository}\""""

CHECK = """\
# Set-up: the cells below need the course's library, `runtun`.
import runtun"""

SHOW_FIGURES = """
# The book places its figures in the text; here each is shown where it is made.
import sys, types
from IPython.display import display as _display

def _glue(name, value, display=True):
    if not isinstance(value, (str, int, float)) and not hasattr(value, "dtype"):
        _display(value)

sys.modules["myst_nb"] = types.ModuleType("myst_nb")
sys.modules["myst_nb"].glue = _glue"""

FENCE = re.compile(
    r"^(?P<indent> *)(?P<marks>`{3,}|~{3,}|:{3,})(?:\{(?P<name>[^}]+)\})?(?P<rest>.*)$"
)
"""The opening line of a fence, a directive's when it has a name."""


@dataclass
class Context:
    """What a page's prose refers to.

    Attributes:
        language: of the page.
        folder: of the page's source; paths in directives start there.
        glue: the values that the page's cells stored, by name.
        equations: label -> number.
        titles: label or page -> title.
        numbers: label of a figure, table or listing -> its name with its number.
        terms: key of the glossary -> term.
        citations: key -> ("Elman", "1990").
        site: address of this language's pages, or "" when it is not known.
        attachments: pictures met so far, file name -> mime bundle.
    """

    language: str
    folder: Path = Path()
    glue: dict[str, str] = field(default_factory=dict)
    equations: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)
    citations: dict[str, tuple[str, str]] = field(default_factory=dict)
    site: str = ""
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)


def quote(text: str) -> str:
    r"""Return text as a Markdown quotation.

    >>> quote("one\n\ntwo")
    '> one\n>\n> two'
    """
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())


def split_options(lines: list[str]) -> tuple[dict[str, str], str]:
    """Separate the options of a directive from its body."""
    options: dict[str, str] = {}
    rest = list(lines)
    if rest and rest[0].strip() == "---":
        end = next((n for n, line in enumerate(rest[1:], 1) if line.strip() == "---"), 0)
        loaded = yaml.safe_load("\n".join(rest[1:end])) or {}
        return {str(key): str(value) for key, value in loaded.items()}, "\n".join(rest[end + 1 :])
    while rest and (match := re.match(r"^:([\w-]+):\s*(.*)$", rest[0])):
        options[match[1]] = match[2]
        rest.pop(0)
    return options, "\n".join(rest).strip("\n")


def source_of(path: Path, pyobject: str | None) -> str:
    """Return a file's text, or the source of one class, function or method of it.

    Raises:
        ValueError: if the file has no such object.
    """
    text = path.read_text(encoding="utf-8")
    if not pyobject:
        return text.strip()
    node: ast.AST = ast.parse(text)
    for name in pyobject.split("."):
        found = [child for child in getattr(node, "body", []) if getattr(child, "name", "") == name]
        if not found:
            raise ValueError(f"{path.name} has no {pyobject!r}")
        node = found[0]
    first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])


def directive_to_plain(name: str, argument: str, lines: list[str], context: Context) -> str:
    """Return what a notebook shows in a directive's place."""
    options, body = split_options(lines)
    language = context.language

    def inner() -> str:
        return to_plain(body, context)

    if name == "math":
        label = options.get("label")
        tag = f" \\tag{{{context.equations[label]}}}" if label in context.equations else ""
        return f"$$\n{body}{tag}\n$$"
    if name in ("code-block", "code", "sourcecode"):
        return f"```{argument}\n{body}\n```"
    if name == "literalinclude":
        text = source_of(context.folder / argument, options.get("pyobject"))
        return f"```{options.get('language', 'python')}\n{text}\n```"
    if name in ("figure", "image"):
        path = context.folder / argument
        caption = f"\n\n> *{word('figure', language)}: {inner()}*" if body else ""
        return picture(path, options.get("alt", ""), context) + caption
    if name == "glue:figure":
        return quote(f"**{word('figure', language)}.** {inner()}") if body else ""
    if name == "quiz":
        return quiz_to_plain(body, context)
    if name in ("tab-set", "grid", "div", "margin", "grid-item"):
        return inner()
    if name == "table":
        return (f"**{inline_to_plain(argument, context)}**\n\n" if argument else "") + inner()
    if name in (
        "bibliography",
        "glossary-page",
        "status",
        "glue",
        "glue:any",
        "toctree",
        "contents",
    ):
        return ""
    if name == "exercise-card":
        return quote(f"**{word('exercise', language)} {argument}**\n\n{inner()}")
    if name in admonitionlabels and not argument:
        title = str(admonitionlabels[name])
    else:
        title = inline_to_plain(argument, context) if argument else ""
    heading = f"**{title}**\n\n" if title else ""
    return quote(heading + inner())


def picture(path: Path, alt: str, context: Context) -> str:
    """Attach a picture to the cell, so that the notebook needs no other file."""
    kinds = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg"}
    data = base64.b64encode(path.read_bytes()).decode()
    context.attachments[path.name] = {kinds[path.suffix.lower()]: data}
    return f"![{alt}](attachment:{path.name})"


def quiz_to_plain(body: str, context: Context) -> str:
    """Return a quiz as a quotation, its answers folded."""
    data = parse_quiz(body)
    lines = [f"**{word('quiz', context.language)}.** {to_plain(data['question'], context)}", ""]
    lines += [f"- {inline_to_plain(option['text'], context)}" for option in data["options"]]
    lines += ["", f"<details><summary>{word('answers', context.language)}</summary>", ""]
    for option in data["options"]:
        mark = f"**({word('right_answer', context.language)})** " if option["answer"] else ""
        lines.append(f"- {mark}{inline_to_plain(option['explain'], context)}".replace("\n", " "))
    return quote("\n".join([*lines, "", "</details>"]))


def cite(keys: str, context: Context, in_brackets: bool) -> str:
    """Return a citation in words."""
    found = [context.citations.get(key.strip(), (key.strip(), "")) for key in keys.split(",")]
    if in_brackets:
        return "(" + "; ".join(f"{names}, {year}".strip(", ") for names, year in found) + ")"
    return ", ".join(f"{names} ({year})" if year else names for names, year in found)


def inline_to_plain(text: str, context: Context) -> str:
    """Replace roles, links to pages and attributes in a line of Markdown."""

    def role(match: re.Match[str]) -> str:
        name, content = match[1], match[2]
        titled = re.fullmatch(r"(.+?)\s*<([^<>]+)>", content, re.DOTALL)
        words, target = (titled[1], titled[2]) if titled else ("", content)
        if name == "term":
            return f"*{words or context.terms.get(target, target)}*"
        if name == "math":
            return f"${content}$"
        if name == "eq":
            return f"({context.equations.get(target, target)})"
        if name.startswith("cite"):
            return cite(target, context, in_brackets=name != "cite:t")
        if name.startswith("glue"):
            return glued(content, context)
        if name == "numref":
            return context.numbers.get(target, words or target)
        if name in ("ref", "doc"):
            return words or context.titles.get(target, target)
        return words or content

    def link(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        if context.site and "/" not in target:
            return f"[{words}]({context.site}{target}.html{anchor})"
        return words

    parts = re.split(r"(\$\$.*?\$\$|\$[^$\n]+\$)", text, flags=re.DOTALL)
    for n in range(0, len(parts), 2):
        part = re.sub(r"\{([a-z:-]+)\}`([^`]+)`", role, parts[n])
        part = re.sub(r"\[([^\]]*)\]\(([\w/.-]+?)\.md(#[\w-]+)?\)", link, part)
        part = re.sub(r"\[([^\]]*)\]\(#[\w-]+\)", r"\1", part)
        parts[n] = re.sub(r"(?<=\S)\{[.#][\w .#-]+\}", "", part)
    return "".join(parts)


def glued(content: str, context: Context) -> str:
    """Return a stored value, with the format that follows its name."""
    name, _, spec = content.partition(":")
    if name not in context.glue:
        return f"`{name}`"
    value = context.glue[name].strip("'\"")
    try:
        value = format(float(value), spec) if spec else value
    except ValueError:
        return value
    return spell_number(value, context.language)  # as on the page


def to_plain(text: str, context: Context) -> str:
    """Return MyST Markdown as Markdown that every notebook program shows."""
    lines, out, prose = text.splitlines(), [], []

    def close_prose() -> None:
        if prose:
            out.append(inline_to_plain("\n".join(prose), context))
            prose.clear()

    position = 0
    while position < len(lines):
        line = lines[position]
        fence = FENCE.match(line)
        if fence:
            close_prose()
            marks = fence["marks"]
            end = position + 1
            closing = re.compile(rf"^ *{re.escape(marks[0])}{{{len(marks)},}}\s*$")
            while end < len(lines) and not closing.match(lines[end]):
                end += 1
            block = lines[position + 1 : end]
            if fence["name"]:
                indent = len(fence["indent"])
                block = [line[indent:] if line[:indent].isspace() else line for line in block]
                plain = directive_to_plain(fence["name"], fence["rest"].strip(), block, context)
                out.append(
                    "\n".join(f"{fence['indent']}{row}".rstrip() for row in plain.splitlines())
                )
            else:
                out.append("\n".join(lines[position : end + 1]))
            position = end + 1
            continue
        if re.match(r"^\s*\([\w:.-]+\)=\s*$", line) or line.startswith("% ") or line == "+++":
            position += 1
            continue
        equation = re.match(r"^(.*\$\$)\s*\(([\w:.-]+)\)\s*$", line)
        if equation:
            number = context.equations.get(equation[2])
            line = equation[1]
            if number:
                line = re.sub(r"\s*\$\$$", rf" \\tag{{{number}}}$$", line)
                line = line if line.strip() != f"\\tag{{{number}}}$$" else f"\\tag{{{number}}}\n$$"
        prose.append(line)
        position += 1
    close_prose()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()


def make_notebook(
    source: nbformat.NotebookNode, context: Context, repository: str
) -> nbformat.NotebookNode:
    """Return the clean notebook of a page."""
    v4 = nbformat.v4
    setup_code = INSTALL.format(repository=repository) if repository else CHECK
    if any("glue" in cell.source for cell in source.cells if cell.cell_type == "code"):
        setup_code += "\n" + SHOW_FIGURES
    cells = [v4.new_code_cell(setup_code)]
    for cell in source.cells:
        if cell.cell_type == "code":
            tags = cell.metadata.get("tags", [])
            hidden = {"remove-input", "hide-input", "remove-cell", "hide-cell"} & set(tags)
            clean = v4.new_code_cell(cell.source)
            if hidden:
                clean.metadata["jupyter"] = {"source_hidden": True}
            cells.append(clean)
            continue
        context.attachments = {}
        text = to_plain(cell.source, context)
        if text:
            clean = v4.new_markdown_cell(text)
            if context.attachments:
                clean["attachments"] = context.attachments
            cells.append(clean)
    if cells[1:] and cells[1].cell_type == "markdown":
        # The title comes first, then a word on what this file is, then the set-up.
        note = quote(word("made_from", context.language))
        title, _, rest = cells[1].source.partition("\n")
        head = v4.new_markdown_cell(f"{title}\n\n{note}")
        cells[1].source = rest.strip()
        cells = [head, cells[0], *(cells[1:] if rest.strip() else cells[2:])]
    seen: dict[str, int] = {}
    for cell in cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.validate(notebook)
    return notebook


class Pages:
    """What the notebooks of a build share."""

    def __init__(self, app: Sphinx) -> None:
        self.app = app

    @cached_property
    def citations(self) -> dict[str, tuple[str, str]]:
        """Return names and year of every entry of the bibliography."""
        found = {}
        more = {"id": "dkk.", "en": "et al."}[self.app.config.language]
        joined = {"id": "dan", "en": "and"}[self.app.config.language]
        for name in self.app.config.bibtex_bibfiles:
            path = Path(self.app.srcdir) / name
            if not path.is_file():
                continue
            for key, entry in parse_file(str(path)).entries.items():
                people = entry.persons.get("author") or entry.persons.get("editor") or []
                last = [re.sub(r"[{}]", "", " ".join(person.last_names)) for person in people]
                names = f"{last[0]} {more}" if len(last) > 2 else f" {joined} ".join(last)
                found[key] = (names, entry.fields.get("year", ""))
        return found

    def context(self, page: str) -> Context:
        """Collect what one page refers to."""
        env, config = self.app.env, self.app.config
        glue_file = self.executed(page).with_suffix(".glue.json")
        glue = json.loads(glue_file.read_text(encoding="utf-8")) if glue_file.is_file() else {}
        values = {key: output.get("data", {}).get("text/plain", "") for key, output in glue.items()}
        titles = {name: title.astext() for name, title in env.titles.items()}
        standard = env.get_domain("std")
        titles |= {label: text for label, (_, _, text) in standard.labels.items()}
        equations = env.get_domain("math").data["objects"]
        numbers = {
            label: config.numfig_format[kind] % ".".join(map(str, found[anchor]))
            for label, (where, anchor) in standard.anonlabels.items()
            for kind, found in env.toc_fignumbers.get(where, {}).items()
            if anchor in found
        }
        site = config.runtun_site_url.rstrip("/")
        return Context(
            language=config.language,
            folder=Path(env.doc2path(page)).parent,
            glue={key: "".join(value) for key, value in values.items()},
            equations={label: str(number) for label, (_, number) in equations.items()},
            titles=titles,
            numbers=numbers,
            terms={
                key: entry[config.language]["term"] for key, entry in glossary_of(self.app).items()
            },
            citations=self.citations,
            site=f"{site}/{config.language}/" if site else "",
        )

    def executed(self, page: str) -> Path:
        """Return where myst-nb left the executed notebook of a page."""
        return Path(self.app.outdir).parent / "jupyter_execute" / f"{page}.ipynb"

    def has_code(self, page: str) -> bool:
        """Tell whether a page has code cells."""
        path = self.executed(page)
        if not path.is_file() or page not in self.app.env.found_docs:
            return False
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return any(cell["cell_type"] == "code" for cell in cells)

    def write_all(self) -> None:
        """Write the notebook of every page with code."""
        for page in sorted(self.app.env.found_docs):
            if not self.has_code(page):
                continue
            source = jupytext.read(self.app.env.doc2path(page))
            repository = self.app.config.runtun_repository
            notebook = make_notebook(source, self.context(page), repository)
            target = Path(self.app.outdir) / "notebooks" / f"{page}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def colab_url(repository: str, branch: str, path: str) -> str:
    """Return the address that opens a notebook of a GitHub repository in Colab, or "".

    >>> colab_url("https://github.com/some/course", "gh-pages", "id/notebooks/a.ipynb")
    'https://colab.research.google.com/github/some/course/blob/gh-pages/id/notebooks/a.ipynb'
    >>> colab_url("", "gh-pages", "id/notebooks/a.ipynb")
    ''
    """
    _, found, name = repository.rstrip("/").removesuffix(".git").partition("github.com/")
    return f"https://colab.research.google.com/github/{name}/blob/{branch}/{path}" if found else ""


def connect(app: Sphinx) -> tuple[Callable[..., None], Callable[..., None]]:
    """Return the two hooks of a build."""
    pages = Pages(app)

    def add_links(
        app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document
    ) -> None:
        if doctree is None or not pages.has_code(page):
            return
        config = app.config
        context["notebook_url"] = f"{context.get('content_root', './')}notebooks/{page}.ipynb"
        path = f"{config.language}/notebooks/{page}.ipynb"
        context["colab_url"] = colab_url(config.runtun_repository, config.runtun_site_branch, path)

    def finish(app: Sphinx, exception: Exception | None) -> None:
        if exception is None and app.builder.name == "html":
            pages.write_all()

    return add_links, finish


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the hooks."""
    app.add_config_value("runtun_site_branch", "gh-pages", "html")
    add_links, finish = connect(app)
    app.connect("html-page-context", add_links)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
