"""Write the sample class from samples/class.yml, or lay it out as a course to grade.

python samples/make_class.py                       write samples/class (committed)
python samples/make_class.py --into _build/class   a course folder: class and sources
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from runtun.grading.bundle import data_files
from runtun.grading.proof import fill_in, read_proof

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CLASS = HERE / "class"

CONFIG = '''"""The course of the sample class, written by samples/make_class.py."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "sample-class"
c.Runtun.due = {due}
'''


def extra_cells(notebook: NotebookNode) -> str:
    """Add what honest students add: notes, a look at the data, a library that warns."""
    note = nbformat.v4.new_markdown_cell("My notes: the last axis is $H$.", id="note")
    look = nbformat.v4.new_code_cell(
        "import warnings\n\nwarnings.warn('just a warning', stacklevel=1)\n"
        "for t in range(3):\n    print('step', t)",
        id="look",
    )
    notebook.cells[8:8] = [note, look]
    return _text(notebook)


def cut_off(notebook: NotebookNode) -> str:
    """Stop in the middle, as an interrupted upload does."""
    text = _text(notebook)
    return text[: len(text) // 2]


def syntax_error(notebook: NotebookNode) -> str:
    """Forget a bracket in the first function, on which the second leans."""
    cell = _cell(notebook, "rnn_step")
    cell.source = cell.source.replace("+ b)", "+ b")
    return _text(notebook)


def tests_changed(notebook: NotebookNode) -> str:
    """Weaken one test, delete another, and claim more points for a third."""
    _cell(notebook, "step_value").source = "assert True"
    _cell(notebook, "framework_value").metadata.nbgrader["points"] = 100
    deleted = _cell(notebook, "step_edges")
    notebook.cells = [cell for cell in notebook.cells if cell is not deleted]
    return _text(notebook)


def from_colab(notebook: NotebookNode) -> str:
    """Save the way Colab does: nbformat 4.0, ids in the metadata, lines as lists."""
    document = json.loads(_text(notebook))
    document["nbformat_minor"] = 0
    document["metadata"]["colab"] = {"provenance": []}
    document["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    for cell in document["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
    return json.dumps(document, indent=2, ensure_ascii=False)


def _text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def _cell(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    return next(
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )


HANDLING: dict[str, Callable[[NotebookNode], str]] = {
    "as-it-is": _text,
    "extra-cells": extra_cells,
    "cut-off": cut_off,
    "syntax-error": syntax_error,
    "tests-changed": tests_changed,
    "from-colab": from_colab,
}


def class_files() -> dict[str, str]:
    """Return every file of samples/class, by its path there."""
    plan: dict[str, Any] = yaml.safe_load((HERE / "class.yml").read_text(encoding="utf-8"))
    slug = plan["assignment"]
    proof = read_proof(ROOT / "solutions" / slug)
    attempts = {attempt.name: attempt for attempt in (*proof.mistakes, *proof.alternatives)}
    files = {"nbgrader_config.py": CONFIG.format(due=json.dumps({slug: plan["due"].isoformat()}))}
    arrivals = io.StringIO()
    table = csv.writer(arrivals, lineterminator="\n")
    table.writerow(["student", "assignment", "arrived"])
    for student, about in sorted(plan["students"].items()):
        cells = {name: text for name, text in proof.solution.items() if name not in proof.manual}
        for name in about["attempts"]:
            cells |= attempts[name].cells
        for name in about.get("blank", ()):
            del cells[name]
        if "answer" in about:
            cells["open_question"] = about["answer"].rstrip("\n")
        path = ROOT / "exercises" / about["language"] / slug / f"{slug}.ipynb"
        notebook = fill_in(nbformat.read(path, as_version=4), cells)
        text = HANDLING[about.get("file", "as-it-is")](notebook)
        files[f"submitted/{student}/{slug}/{slug}.ipynb"] = text
        table.writerow([student, slug, about["arrived"].isoformat()])
    files["arrivals.csv"] = arrivals.getvalue()
    return files


def write_class(folder: Path) -> None:
    """Make `folder` hold exactly the sample class."""
    files = class_files()
    shutil.rmtree(folder / "submitted", ignore_errors=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def lay_out_course(folder: Path) -> None:
    """Copy the committed class and the sources into a course folder; verdicts there are kept."""
    shutil.rmtree(folder / "submitted", ignore_errors=True)
    shutil.copytree(CLASS, folder, dirs_exist_ok=True)
    for path in sorted((ROOT / "solutions").glob("*/*.ipynb")):
        target = folder / "source" / path.parent.name
        for name, file in {path.name: path, **data_files(path.parent)}.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / name)


def main(words: list[str]) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--into", type=Path, metavar="DIR", help="lay out a course folder there")
    arguments = parser.parse_args(words)
    if arguments.into is None:
        write_class(CLASS)
    else:
        lay_out_course(arguments.into)
    print(f"sample class in {arguments.into or CLASS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
