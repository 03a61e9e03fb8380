"""The `{api}` directive: every public class and function of the library, read from its source.

    ```{api} lib/runtun
    ```

Nothing is imported, so the page costs nothing and needs no framework. What stands on several floors
under one name (NumPy, Keras, PyTorch, Flax NNX) is shown once, with the floors that have it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from book._ext.words import word

ROOT = Path(__file__).resolve().parents[2]
FLOORS = {"scratch": "NumPy", "torch": "PyTorch", "keras": "Keras", "nnx": "Flax NNX"}
"""Packages that hold the same models, in the order in which a docstring is chosen."""


@dataclass
class Entry:
    """A public name.

    Attributes:
        name: as it is imported.
        signature: with its arguments.
        text: the docstring.
        module: where it is, dotted.
        floors: which floors have it, if it stands on any.
        inside: the modules to import it from, where the floor's package does not hand it on.
    """

    name: str
    signature: str
    text: str
    module: str
    floors: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The first sentence."""
        return " ".join(self.text.split("\n\n", 1)[0].split())


def read_module(path: Path, module: str) -> Iterator[Entry]:
    """Return the public classes and functions that a file defines, with their docstrings."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("_"):
            continue
        text = ast.get_docstring(node)
        if text:
            yield Entry(node.name, _signature(node), text, module)


def _signature(node: ast.ClassDef | ast.FunctionDef) -> str:
    if isinstance(node, ast.FunctionDef):
        arguments, skipped = node.args, 0
    else:
        maker = next(
            (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
        if maker is None:
            return node.name
        arguments, skipped = maker.args, 1
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        argument.annotation = None
    if arguments.kwarg:
        arguments.kwarg.annotation = None
    arguments.args = arguments.args[skipped:]
    return f"{node.name}({ast.unparse(arguments)})"


def read_exports(package: Path) -> set[str] | None:
    """Return the names that a package hands on, or None if it does not list them."""
    path = package / "__init__.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return set(ast.literal_eval(node.value))
    return None


def read_library(folder: Path, leave_out: tuple[str, ...] = ()) -> dict[str, list[Entry]]:
    """Return the public names of a package by part: one for the floors, one for each other folder.

    Args:
        folder: of the package.
        leave_out: sub-packages that are not shown.
    """
    floors: dict[tuple[str, str], Entry] = {}
    exports = {part: read_exports(folder / part) for part in FLOORS}
    parts: dict[str, list[Entry]] = {"floors": []}
    order = [*FLOORS, *sorted({p.name for p in folder.iterdir() if p.is_dir()} - set(FLOORS))]
    files = [path for name in order for path in sorted((folder / name).rglob("*.py"))]
    for path in [*files, *sorted(folder.glob("*.py"))]:
        relative = path.relative_to(folder)
        if relative.parts[0] in leave_out or path.stem.startswith("_"):
            continue
        part = relative.parts[0] if len(relative.parts) > 1 else ""
        module = ".".join([folder.name, *relative.with_suffix("").parts])
        for entry in read_module(path, module):
            if part not in FLOORS:
                parts.setdefault(part or folder.name, []).append(entry)
                continue
            key = (relative.name, entry.name)
            if key not in floors:
                floors[key] = entry
                parts["floors"].append(entry)
            floors[key].floors.append(FLOORS[part])
            handed_on = exports[part]
            if handed_on is not None and entry.name not in handed_on:
                floors[key].inside.append(module)
    parts["floors"].sort(key=lambda entry: (entry.module.rsplit(".", 1)[1], entry.name))
    return parts


class api_entry(nodes.General, nodes.Element):
    """A name that unfolds to its docstring."""


class api_summary(nodes.General, nodes.TextElement):
    """What is seen while it is folded."""


class ApiDirective(SphinxDirective):
    """Write the list."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a section for each part of the library."""
        folder = ROOT / self.arguments[0]
        if not folder.is_dir():
            raise self.error(f"there is no folder {self.arguments[0]!r}")
        language = self.config.language
        sections = []
        for part, entries in read_library(folder, leave_out=("grading",)).items():
            for path in {ROOT / "lib" / Path(*entry.module.split(".")) for entry in entries}:
                self.env.note_dependency(str(path.with_suffix(".py")))
            own = folder.name if part == folder.name else f"{folder.name}.{part}"
            title = word("floors", language) if part == "floors" else own
            section = nodes.section("", nodes.title("", title), ids=[f"api-{part}"])
            for entry in entries:
                section += self.entry(entry)
            sections.append(section)
        return sections

    @staticmethod
    def entry(entry: Entry) -> nodes.Node:
        """Return one name, folded."""
        summary = api_summary("", "", nodes.literal("", entry.signature))
        summary += nodes.Text(" ")
        for number, piece in enumerate(entry.summary.split("`")):  # `x` is code
            summary += nodes.literal("", piece) if number % 2 else nodes.Text(piece)
        where = " · ".join([*entry.floors, *entry.inside]) or entry.module
        node = api_entry("", summary, nodes.paragraph("", where, classes=["api-where"]))
        node += nodes.literal_block("", entry.text, language="text", classes=["api-text"])
        return node


def visit_entry(self: HTML5Translator, node: nodes.Element) -> None:
    """Docstrings are English on every page; a screen reader has to know."""
    self.body.append('<details class="api-entry" lang="en">')


def depart_entry(self: HTML5Translator, node: nodes.Element) -> None:
    """Close it."""
    self.body.append("</details>\n")


def visit_summary(self: HTML5Translator, node: nodes.Element) -> None:
    """Open what is seen while the entry is folded."""
    self.body.append("<summary>")


def depart_summary(self: HTML5Translator, node: nodes.Element) -> None:
    """Close it."""
    self.body.append("</summary>\n")


def visit_children(self: Any, node: nodes.Element) -> None:
    """Other builders write the pieces in order."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive and its nodes."""
    plain = (visit_children, visit_children)
    app.add_node(api_entry, html=(visit_entry, depart_entry), latex=plain, text=plain)
    app.add_node(api_summary, html=(visit_summary, depart_summary), latex=plain, text=plain)
    app.add_directive("api", ApiDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
