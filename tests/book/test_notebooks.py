"""The notebook beside each page: plain Markdown, filled in, in the page's language, and it runs."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from book._ext.notebooks import Context, colab_url, make_notebook, source_of, to_plain


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """What a small page refers to."""
    return Context(
        language="en",
        folder=tmp_path,
        glue={"loss": "0.123456", "name": "'adam'"},
        equations={"step": "3"},
        titles={"02-other": "Other"},
        terms={"hidden-state": "hidden state"},
        citations={"elman": ("Elman", "1990")},
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("A {term}`hidden-state`, a {term}`state <hidden-state>`.", "A *hidden state*, a *state*."),
        ("By {cite:t}`elman`, known {cite:p}`elman`.", "By Elman (1990), known (Elman, 1990)."),
        ("Loss {glue:text}`loss:.2f` with {glue:text}`name`.", "Loss 0.12 with adam."),
        ("See {eq}`step` and {doc}`02-other`.", "See (3) and Other."),
        ("(label)=\n## Heading", "## Heading"),
        ("$$\nx\n$$ (step)", "$$\nx\n\\tag{3}\n$$"),
        ("[a page](02-other.md#there) and [the web](https://a.example)",
         "a page and [the web](https://a.example)"),
        ("```{note}\nMind $x$.\n```", "> **Note**\n>\n> Mind $x$."),
        (":::{admonition} Look here\n:class: tip\nText.\n:::", "> **Look here**\n>\n> Text."),
        ("```{code-block} bash\nls {x}`y`\n```", "```bash\nls {x}`y`\n```"),
        ("```python\n{term}`kept`\n```", "```python\n{term}`kept`\n```"),
        ("```{glue:figure} curve\n:alt: rises\nIt rises.\n```", "> **Figure.** It rises."),
        ("```{bibliography}\n```", ""),
        ("- item\n\n  ```{note}\n  Deep.\n  ```", "- item\n\n  > **Note**\n  >\n  > Deep."),
    ],
)  # fmt: skip
def test_directives_and_roles_become_plain(context: Context, source: str, expected: str):
    assert to_plain(source, context) == expected


def test_links_between_pages_are_absolute_where_the_address_is_known(context: Context):
    context.site = "https://course.example/en/"
    assert to_plain("[x](02-other.md)", context) == "[x](https://course.example/en/02-other.html)"


def test_a_quiz_folds_its_answers(context: Context):
    text = to_plain(
        "```{quiz} q\nquestion: Why?\noptions:\n  - text: A\n    answer: true\n    explain: Yes.\n"
        "  - text: B\n    explain: No.\n```",
        context,
    )
    assert text.startswith("> **Quiz.** Why?")
    assert "> <details><summary>Answers and explanations</summary>" in text
    assert "> - **(the right answer)** Yes." in text


def test_pictures_travel_with_the_notebook(context: Context):
    (context.folder / "a.svg").write_text("<svg/>")
    text = to_plain("```{figure} a.svg\n:alt: a line\nCaption.\n```", context)
    assert text == "![a line](attachment:a.svg)\n\n> *Figure: Caption.*"
    assert context.attachments == {"a.svg": {"image/svg+xml": "PHN2Zy8+"}}


def test_source_of_one_method(tmp_path: Path):
    path = tmp_path / "code.py"
    path.write_text("class A:\n    @property\n    def b(self):\n        return 1\n\n    c = 2\n")
    assert source_of(path, "A.b") == "    @property\n    def b(self):\n        return 1"
    with pytest.raises(ValueError, match=r"has no 'A\.d'"):
        source_of(path, "A.d")


def test_colab_has_no_button_without_a_repository():
    assert colab_url("", "gh-pages", "x") == ""
    assert colab_url("https://elsewhere.example/a/b", "gh-pages", "x") == ""


def source_notebook() -> nbformat.NotebookNode:
    """Return a page's cells."""
    v4 = nbformat.v4
    twins = [v4.new_code_cell("x = 1", metadata={"tags": ["remove-input"]}) for _ in range(2)]
    return v4.new_notebook(cells=[v4.new_markdown_cell("# T\n\nWords."), *twins])


def test_cell_ids_depend_on_the_cells_alone(context: Context):
    one = make_notebook(source_notebook(), context, "")
    two = make_notebook(source_notebook(), context, "")
    assert [cell.id for cell in one.cells] == [cell.id for cell in two.cells]
    assert len({cell.id for cell in one.cells}) == len(one.cells)


def test_set_up_installs_from_the_repository_and_nowhere_else(context: Context):
    with_address = make_notebook(source_notebook(), context, "https://github.com/some/course")
    assert "git+https://github.com/some/course" in with_address.cells[1].source
    without = make_notebook(source_notebook(), context, "")
    assert "pip" not in without.cells[1].source
    assert "http" not in without.cells[1].source


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_built_notebook_is_clean_and_runs(tiny, tmp_path: Path, language: str):
    path = tiny.site / language / "notebooks" / "lesson.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "{" not in prose.replace("{aligned}", "").replace("{t-1}", "").replace(
        "_{1", ""
    ).replace("\\tag{1}", "")
    assert {"id": "Jumlahnya 3,0.", "en": "The sum is 3.0."}[language] in prose
    assert r"\tag{1}" in prose
    assert {"id": "seperti pada Gambar 1.", "en": "as in Figure 1."}[language] in prose
    assert not any(cell.get("outputs") for cell in notebook.cells)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    # The first cell would install the library; the rest runs as it stands.
    program = code[0][code[0].index("# The book places") :] + "\n" + "\n".join(code[1:])
    names: dict = {}
    exec(compile(program.replace("plt.close(figure)", ""), str(path), "exec"), names)
    assert names["total"] == 3.0


def test_both_languages_have_the_same_code(tiny):
    code = [
        [
            cell["source"]
            for cell in json.loads((tiny.site / language / "notebooks/lesson.ipynb").read_text())[
                "cells"
            ]
            if cell["cell_type"] == "code"
        ]
        for language in ("id", "en")
    ]
    assert code[0] == code[1]
