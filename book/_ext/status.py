"""The `{status}` directive: what this copy of the book was made with, and how fresh it is."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book._ext.words import other, word

PACKAGES = ("numpy", "pandas", "matplotlib", "keras", "tensorflow", "torch", "jax", "flax",
            "jupyter-book", "sphinx", "myst-nb", "nbgrader")  # fmt: skip
"""The packages whose versions a reader may need to reproduce a page."""


class status_page(nodes.General, nodes.Element):
    """Replaced by tables once every page has been read."""


class StatusDirective(SphinxDirective):
    """Reserve the place of the tables."""

    def run(self) -> list[nodes.Node]:
        """Return the placeholder."""
        return [status_page()]


def processor() -> str:
    """Return the name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> list[tuple[str, str]]:
    """Return the versions of Python and of the packages that are installed."""
    rows = [("Python", platform.python_version())]
    for package in PACKAGES:
        try:
            rows.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return rows


def last_change(path: Path) -> datetime | None:
    """Return when a file was last committed, or None outside a repository."""
    try:
        output = subprocess.run(
            ["git", "log", "-1", "--format=%ct", "--", path.name],
            cwd=path.parent, capture_output=True, text=True, timeout=30, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return datetime.fromtimestamp(int(output), UTC) if output else None


def freshness(own: datetime | None, twin: datetime | None, language: str) -> str:
    """Say whether a page is behind its twin in the other language.

    >>> day = datetime(2026, 1, 1, tzinfo=UTC)
    >>> freshness(day, day.replace(day=4), "en")
    'behind by 3 days'
    >>> freshness(day, day, "id")
    'selaras'
    """
    if own is None or twin is None:
        return word("unknown", language)
    days = (twin - own).days
    return word("behind", language).format(days=days) if days > 0 else word("in_step", language)


def results_of(folder: Path) -> list[tuple[str, str]]:
    """Return each recorded result with the day it was recorded."""
    rows = []
    for path in sorted(folder.glob("**/*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        data = data if isinstance(data, dict) else {}
        when = data.get("recorded") or data.get("environment", {}).get("date")
        committed = last_change(path)
        day = str(when)[:10] if when else committed.date().isoformat() if committed else "?"
        rows.append((path.relative_to(folder).as_posix(), day))
    return rows


def quality_of(folder: Path, language: str) -> tuple[str, dict[str, list[str]]]:
    """Return how the pages were measured, and the scores of each, as Lighthouse writes them.

    The file is written by `make site-audit`; without one there are no scores.
    """
    path = folder / "site.json"
    if not path.is_file():
        return "", {}
    data = json.loads(path.read_text(encoding="utf-8"))
    environment = data["environment"]
    how = word("quality_measured", language).format(
        **environment["versions"], day=environment["date"]
    )
    scores = {
        name.removeprefix(f"{language}/").removesuffix(".html"): [
            str(round(100 * row[category])) for category in data["targets"]
        ]
        for name, row in data["pages"].items()
        if name.startswith(f"{language}/")
    }
    return how, scores


Cell = str | nodes.Node


def make_table(header: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> nodes.table:
    """Return a table of texts or inline nodes."""
    group = nodes.tgroup(cols=len(header))
    group += [nodes.colspec(colwidth=1) for _ in header]

    def make_row(cells: Sequence[Cell]) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            content = nodes.Text(cell) if isinstance(cell, str) else cell
            row += nodes.entry("", nodes.paragraph("", "", content))
        return row

    group += nodes.thead("", make_row(header))
    group += nodes.tbody("", *(make_row(row) for row in rows))
    return nodes.table("", group)


def make_status(app: Sphinx, status: str) -> list[nodes.Node]:
    """Return the tables of the page `status`."""
    language = app.config.language
    t = functools.partial(word, language=language)
    pages = sorted(app.env.found_docs)

    def link(page: str) -> nodes.reference:
        uri = app.builder.get_relative_uri(status, page)
        return nodes.reference("", app.env.titles[page].astext(), refuri=uri, internal=True)

    data: dict[str, Any] = getattr(app.env, "nb_metadata", {})
    executions = []
    for page in pages:
        run = data.get(page, {}).get("exec_data") or {}
        if run.get("runtime"):
            day = datetime.fromtimestamp(run["mtime"], UTC).strftime("%Y-%m-%d %H:%M")
            executions.append((link(page), f"{run['runtime']:.1f}", day))
        else:
            executions.append((link(page), t("no_code"), ""))
    book = Path(app.srcdir).parent
    changes = []
    for page in pages:
        source = Path(app.env.doc2path(page))
        own = last_change(source)
        twin = last_change(book / other(language) / source.relative_to(app.srcdir))
        day = own.date().isoformat() if own else "?"
        changes.append((link(page), day, freshness(own, twin, language)))
    results = results_of(Path(app.config.runtun_results)) if app.config.runtun_results else []
    machine = [
        (t("processor"), processor()),
        (t("cores"), str(os.cpu_count())),
        (t("system"), f"{platform.system()} {platform.machine()}"),
    ]
    found: list[nodes.Node] = [
        nodes.rubric("", t("executions")),
        make_table((t("page"), t("seconds"), t("executed")), executions),
        nodes.rubric("", t("machine")),
        make_table((t("property"), t("value")), machine),
        nodes.rubric("", t("versions")),
        make_table((t("package"), t("version")), versions()),
        nodes.rubric("", t("results")),
    ]
    if results:
        found.append(make_table((t("file"), t("recorded")), results))
    else:
        found.append(nodes.paragraph("", t("no_results").replace("`", "")))
    how, scores = quality_of(Path(app.config.runtun_results), language)
    if scores:
        found.append(nodes.rubric("", t("quality")))
        found.append(nodes.paragraph("", how))
        header = [t(n) for n in ("page", "performance", "accessibility", "best-practices", "seo")]
        rows = [(link(page), *scores[page]) for page in pages if page in scores]
        found.append(make_table(header, rows))
    found.append(nodes.rubric("", t("translation")))
    found.append(make_table((t("page"), t("last_change"), t("state")), changes))
    return found


def pages_to_rewrite(app: Sphinx, env: Any) -> list[str]:
    """Rewrite the status page at every build: other pages change what it says."""
    return [page for page in env.found_docs if page == "status"]


def fill_in(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Replace each placeholder."""
    for node in list(doctree.findall(status_page)):
        node.replace_self(make_status(app, page))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_config_value("runtun_results", "", "")
    app.add_node(status_page)
    app.add_directive("status", StatusDirective)
    app.connect("env-updated", pages_to_rewrite)
    app.connect("doctree-resolved", fill_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
