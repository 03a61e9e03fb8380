"""Interactive figures without a server.

An ordinary figure with the class ``interactive-NAME`` (``:figclass: interactive-NAME``) is the
static fallback: it stands in print, in a downloaded notebook and where JavaScript is off. On a page
that holds one, and on no other, this extension loads ``book/interactive/NAME.js``, which puts live
SVG and ordinary form controls in the place of the image.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SCRIPTS = Path(__file__).resolve().parents[1] / "interactive"
PREFIX = "interactive-"


def names(doctree: nodes.document) -> list[str]:
    """The interactive figures of a page, each name once, in order of appearance."""
    classes = (name for figure in doctree.findall(nodes.figure) for name in figure["classes"])
    return list(
        dict.fromkeys(name.removeprefix(PREFIX) for name in classes if name.startswith(PREFIX))
    )


def load_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load the scripts that this page's figures need, and nothing on a page without one."""
    wanted = names(doctree) if doctree is not None else []
    for name in wanted:
        if not (SCRIPTS / f"{name}.js").is_file():
            raise ExtensionError(
                f"{page}: no script {name}.js in book/interactive for `{PREFIX}{name}`"
            )
    if wanted:
        app.add_css_file("interactive/kit.css")
        for name in ["kit", *wanted]:
            app.add_js_file(f"interactive/{name}.js", loading_method="defer")


def copy_scripts(app: Sphinx, error: Exception | None) -> None:
    """Copy the scripts beside the site's other static files."""
    if error is None and app.builder.format == "html":
        target = Path(app.outdir) / "_static" / "interactive"
        target.mkdir(parents=True, exist_ok=True)
        for source in [*SCRIPTS.glob("*.js"), *SCRIPTS.glob("*.css")]:
            shutil.copyfile(source, target / source.name)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", load_scripts)
    app.connect("build-finished", copy_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
