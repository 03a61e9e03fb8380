"""The `{exercise-card}` directive: from a page to the assignment that belongs to it.

    ```{exercise-card} 03-rnn
    Write the forward pass of a simple RNN and check it against Keras.
    ```

The card names the assignment and its points, both read from the generated notebook, and links the
notebook in the page's language and the data beside it; copies of both travel with the site.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from book._ext.notebooks import colab_url
from book._ext.words import word
from runtun.grading.bundle import data_files


def describe_notebook(path: Path) -> tuple[str, float]:
    """Return the first heading of an assignment, without emphasis, and the sum of its points.

    Raises:
        ValueError: if the notebook has no heading.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    points = sum(
        float(cell["metadata"]["nbgrader"].get("points", 0))
        for cell in cells
        if cell.get("metadata", {}).get("nbgrader", {}).get("grade")
    )
    for cell in cells:
        heading = re.search(r"^#+\s+(.+)$", "".join(cell["source"]), re.MULTILINE)
        if cell["cell_type"] == "markdown" and heading:
            return re.sub(r"\*([^*]+)\*", r"\1", heading[1].strip()), points
    raise ValueError(f"{path}: an assignment starts with a heading")


class exercise_link(nodes.Inline, nodes.TextElement):
    """A link to a copied file; its address depends on the page."""


class ExerciseCard(SphinxDirective):
    """Show one assignment."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict] = {}

    def run(self) -> list[nodes.Node]:
        """Return the card, or an error that says how to make the notebook."""
        slug, language = self.arguments[0], self.config.language
        path = Path(self.config.runtun_exercises) / language / slug / f"{slug}.ipynb"
        if not path.is_file():
            raise self.error(f"the assignment {slug!r} has no notebook; run `make exercises`.")
        self.env.note_dependency(str(path))
        title, points = describe_notebook(path)
        card = nodes.container(classes=["exercise-card"])
        card["ids"].append(nodes.make_id(f"exercise-{slug}"))
        heading = nodes.paragraph(classes=["exercise-title"])
        heading += nodes.strong("", f"{word('exercise', language)}: {title}")
        if points:
            heading += nodes.Text(" ")
            heading += nodes.inline(
                "", f"{points:g} {word('points', language)}", classes=["exercise-points"]
            )
        card += heading
        self.state.nested_parse(self.content, self.content_offset, card)
        links = nodes.paragraph(classes=["exercise-links"])
        links += exercise_link("", word("download", language), source=str(path), name=path.name)
        for name, file in data_files(path.parent).items():
            self.env.note_dependency(str(file))
            links += nodes.Text(" ")
            links += exercise_link("", name, source=str(file), name=f"{slug}/{name}")
        path_in_repository = f"exercises/{language}/{slug}/{slug}.ipynb"
        url = colab_url(
            self.config.runtun_repository, self.config.runtun_branch, path_in_repository
        )
        if url:
            links += [nodes.Text(" "), nodes.reference("", word("colab", language), refuri=url)]
        card += links
        self.set_source_info(card)
        return [card]


def resolve_links(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Point each card at the copies of its files within the site."""
    for node in doctree.findall(exercise_link):
        target = f"exercises/{node['name']}"
        if app.builder.format == "html":
            copy = Path(app.outdir) / target
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(node["source"], copy)
        node["uri"] = relative_uri(app.builder.get_target_uri(page), target)


def visit_link(self: Any, node: exercise_link) -> None:
    """Open a download link."""
    self.body.append(f'<a class="exercise-download" href="{node["uri"]}" download>')


def depart_link(self: Any, node: exercise_link) -> None:
    """Close it."""
    self.body.append("</a>")


def ignore(self: Any, node: nodes.Node) -> None:
    """Other builders write the words alone."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_config_value("runtun_exercises", "", "env")
    app.add_config_value("runtun_branch", "main", "env")
    both = (ignore, ignore)
    app.add_node(exercise_link, html=(visit_link, depart_link), latex=both, text=both)
    app.add_directive("exercise-card", ExerciseCard)
    app.connect("doctree-resolved", resolve_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
