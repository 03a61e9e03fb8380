"""The notebooks run where students open them: in a kernel, and under nbgrader's validate button."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest

from runtun.grading.bundle import LANGUAGES, data_files
from runtun.grading.proof import fill_in, read_proof
from tests.exercises.support import SLUGS, SOURCES, exercise_path, source_path

EVERY = [(slug, language) for slug in SLUGS for language in LANGUAGES]


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_solution_gives_its_stored_outputs(slug: str) -> None:
    options = ["--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(source_path(slug))],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def validate(notebook: nbformat.NotebookNode, folder: Path) -> Mapping[str, list[dict[str, str]]]:
    """Press nbgrader's validate button; return what it shows, nothing if all is well."""
    from nbgrader.validator import Validator

    path = folder / "notebook.ipynb"
    nbformat.write(notebook, path)
    for name, file in data_files(SOURCES / notebook.metadata.runtun.slug).items():
        shutil.copyfile(file, folder / name)
    return Validator().validate(str(path))


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "language"), EVERY)
def test_validate_button_accepts_the_solution_and_not_the_release(
    slug: str, language: str, tmp_path: Path
) -> None:
    released = nbformat.read(exercise_path(slug, language), as_version=4)
    solved = fill_in(released, read_proof(SOURCES / slug).solution)
    assert validate(solved, tmp_path) == {}

    shown = validate(released, tmp_path)
    assert set(shown) == {"failed"}, "a changed or re-typed cell would be a fault of the release"
    to_do = [
        cell.source
        for cell in released.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
        and (cell.cell_type == "markdown" or len(cell.source.splitlines()) > 1)
    ]
    assert [cell["source"] for cell in shown["failed"]] == to_do


@pytest.mark.slow
def test_validate_button_accepts_a_framework_that_talks_while_it_loads(tmp_path: Path) -> None:
    """nbgrader counts whatever TensorFlow prints in a test cell as a failure.

    That is why students are asked to import above their function.
    """
    known = read_proof(SOURCES / "03-rnn")
    keras = next(answer for answer in known.alternatives if answer.name == "keras-model")
    assert keras.cells["framework_states"].startswith("import keras")
    released = nbformat.read(exercise_path("03-rnn", "id"), as_version=4)
    solved = fill_in(released, {**known.solution, **keras.cells})
    assert validate(solved, tmp_path) == {}


def test_validate_button_notices_a_changed_test(tmp_path: Path) -> None:
    released = nbformat.read(exercise_path(SLUGS[0], "id"), as_version=4)
    test = next(c for c in released.cells if c.metadata.get("nbgrader", {}).get("grade"))
    test.source = "pass"
    assert set(validate(released, tmp_path)) == {"changed"}


def test_notebook_runs_without_runtun(tmp_path: Path) -> None:
    """In Colab there is no `runtun`: run every code cell of a solved exercise without it."""
    slug = "03-rnn"
    solved = fill_in(
        nbformat.read(exercise_path(slug, "en"), as_version=4), read_proof(SOURCES / slug).solution
    )
    code = "\n\n".join(cell.source for cell in solved.cells if cell.cell_type == "code")
    (tmp_path / "solved.py").write_text(code)
    guard = "import sys; sys.modules['runtun'] = None; import runpy; runpy.run_path('solved.py')"
    done = subprocess.run(
        [sys.executable, "-c", guard], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("OK.")
