"""Turn neighbouring code cells tagged `keras` and `torch` into one set of tabs.

A code cell inside a `{tab-item}` would not be executed, so the author writes two ordinary cells
and the tabs are made afterwards, from the executed cells and their outputs. sphinx-design keeps
all sets of a page in step, remembers the choice and reads `?framework=torch`; without JavaScript
its tabs are plain radio buttons.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_design.shared import create_component

FRAMEWORKS = {"keras": "Keras", "torch": "PyTorch"}
"""Tag of a cell -> label of its tab, in the order of the tabs."""


def framework_of(node: nodes.Node) -> str | None:
    """Return the framework that a code cell is tagged with, if any."""
    if not isinstance(node, nodes.container) or node.get("nb_element") != "cell_code":
        return None
    return next((name for name in FRAMEWORKS if f"tag_{name}" in node["classes"]), None)


def make_tab_set(cells: list[tuple[str, nodes.container]]) -> nodes.container:
    """Wrap one cell per framework into a sphinx-design tab set."""
    tab_set = create_component("tab-set", classes=["sd-tab-set", "framework-tabs"])
    for framework, cell in sorted(cells, key=lambda pair: list(FRAMEWORKS).index(pair[0])):
        label = nodes.rubric("", FRAMEWORKS[framework], classes=["sd-tab-label"])
        label["sync_id"], label["sync_group"] = framework, "framework"
        content = create_component("tab-content", classes=["sd-tab-content"], children=[cell])
        item = create_component("tab-item", classes=["sd-tab-item"], selected=False)
        item += [label, content]
        tab_set += item
    return tab_set


def group_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Replace each run of neighbouring cells of different frameworks by a tab set."""
    parents = {cell.parent for cell in doctree.findall(nodes.container) if framework_of(cell)}
    for parent in parents:
        children: list[nodes.Node] = []
        run: list[tuple[str, nodes.container]] = []

        def close_run(children: list[nodes.Node] = children, run: list = run) -> None:
            if len(run) > 1:
                children.append(make_tab_set(run))
            else:
                children.extend(cell for _, cell in run)
            run.clear()

        for child in parent.children:
            framework = framework_of(child)
            if framework is None or framework in dict(run):
                close_run()
            if framework is None:
                children.append(child)
            else:
                run.append((framework, child))
        close_run()
        parent.children = []
        parent.extend(children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the grouping; it runs on the tree that Sphinx stores, before its transforms."""
    app.connect("doctree-read", group_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
