"""Code cells of the two frameworks become tabs, with their outputs, in one order."""

from __future__ import annotations

from docutils import nodes
from docutils.utils import new_document
from lxml import html

from book._ext.frameworks import group_cells


def cell(*tags: str) -> nodes.container:
    """Return a code cell as myst-nb leaves it."""
    classes = ["cell", *(f"tag_{tag}" for tag in tags)]
    return nodes.container("", nodes.paragraph("", "-".join(tags)), nb_element="cell_code",
                           classes=classes)  # fmt: skip


def grouped(*children: nodes.Node) -> list[list[str] | str]:
    """Return what the children of a section become: a list of tab labels, or a text."""
    document = new_document("page")
    document += nodes.section("", *children)
    group_cells(None, document)
    return [
        [label.astext() for label in child.findall(nodes.rubric)] or child.astext()
        for child in document[0]
    ]


def test_neighbours_become_one_set_in_a_fixed_order():
    assert grouped(cell("torch"), cell("keras")) == [["Keras", "PyTorch"]]


def test_prose_between_them_keeps_them_apart():
    apart = grouped(cell("keras"), nodes.paragraph("", "prose"), cell("torch"))
    assert apart == ["keras", "prose", "torch"]


def test_a_second_cell_of_a_framework_opens_another_set():
    cells = [cell("keras"), cell("torch"), cell("keras"), cell("torch")]
    assert grouped(*cells) == [["Keras", "PyTorch"], ["Keras", "PyTorch"]]


def test_other_cells_stay_as_they_are():
    assert grouped(cell("other"), cell("keras"), cell("plain")) == ["other", "keras", "plain"]


def test_tabs_hold_the_outputs_and_are_in_step(tiny):
    page = html.parse(str(tiny.site / "en" / "lesson.html"))
    (tabs,) = page.xpath("//div[contains(@class, 'framework-tabs')]")
    assert tabs.get("role") == "group"
    assert tabs.xpath("./label/@data-sync-id") == ["keras", "torch"]
    assert set(tabs.xpath("./label/@data-sync-group")) == {"framework"}
    contents = [node.text_content() for node in tabs.xpath("./div")]
    assert "this is keras\n" in contents[0]
    assert "this is torch\n" in contents[1]
