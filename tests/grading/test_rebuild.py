"""The notebook that runs is the instructor's, whatever the student did to theirs."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import nbformat
import pytest

from runtun.grading import Bundle, CourseError, intake
from runtun.grading.bundle import set_language
from runtun.grading.pipeline import SKIP_TAG, make_task
from runtun.grading.rebuild import Rebuilt, rebuild
from tests.grading.support import RIGHT, SOURCE, bundle, cell_of, code_cell, released, submission


@pytest.fixture(scope="module")
def source() -> Bundle:
    return bundle()


def rebuilt(source: Bundle, notebook: dict[str, Any]) -> Rebuilt:
    return rebuild(source, intake.parse_document(notebook))


def texts(found: Rebuilt) -> dict[str, str]:
    return {cell.id: cell.source for cell in found.cells}


def test_bundle_has_no_solution_and_all_tests(source: Bundle) -> None:
    everything = "\n".join(cell.source for cell in source.cells)
    assert "return x * x" not in everything
    assert "math.isclose(square(0.5), 0.25)" in everything
    assert source.max_points == 7
    assert [cell.role for cell in source.cells] == [
        "prose",
        "shared",
        "shared",
        "solution",
        "test",
        "solution",
        "test",
        "answer",
    ]
    assert set(source.files) == {"numbers.csv"}


def test_bundle_hash_follows_tests_and_solutions_but_not_outputs(tmp_path, source: Bundle) -> None:
    text = SOURCE.read_text()
    (tmp_path / "numbers.csv").write_bytes((SOURCE.parent / "numbers.csv").read_bytes())
    path = tmp_path / "p1.ipynb"
    path.write_text(text.replace('"execution_count": null', '"execution_count": 7'))
    assert Bundle.load(path).sha256 == source.sha256
    path.write_text(text.replace("return x * x", "return x ** 2"))  # the judge reads its names
    assert Bundle.load(path).sha256 != source.sha256
    path.write_text(text.replace("square(3) == 9", "square(5) == 25"))
    assert Bundle.load(path).sha256 != source.sha256


def test_only_the_instructors_demonstrations_are_skipped(source: Bundle) -> None:
    tag = {"tags": [SKIP_TAG]}
    cells = [replace(cell, tags=(SKIP_TAG,)) for cell in source.cells]
    tagged = replace(source, cells=tuple(cells))
    notebook = released()
    for cell in notebook["cells"]:
        cell["metadata"] |= tag
    notebook["cells"].append({**code_cell("x = 1"), "metadata": tag})

    def tasks(bundle: Bundle) -> list[tuple[str, str]]:
        task = make_task(rebuilt(bundle, notebook))
        return [(cell["id"], cell["role"]) for cell in task["cells"]]

    everything = tasks(source)
    assert {role for _, role in everything} == {"shared", "student", "test"}
    assert tasks(tagged) == [(name, role) for name, role in everything if role != "shared"]


def test_hidden_lines_are_known(source: Bundle) -> None:
    assert source.by_grade_id["test_square"].hidden_lines == {2, 3, 4, 5}
    assert "0.25" not in source.by_grade_id["test_square"].visible_source("# hidden")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"nbformat": 4}'])
def test_an_unreadable_source_is_one_clear_error(tmp_path, content: str) -> None:
    path = tmp_path / "p1.ipynb"
    path.write_text(content)
    with pytest.raises(CourseError, match=r"p1\.ipynb"):
        Bundle.load(path)


def test_students_text_goes_into_its_slot_only(source: Bundle) -> None:
    found = rebuilt(source, submission())
    assert texts(found)["square"] == RIGHT
    assert texts(found)["test_square"] == source.by_grade_id["test_square"].source
    assert found.notes == ()


def test_deleted_edited_and_copied_tests_do_not_matter(source: Bundle) -> None:
    honest = rebuilt(source, submission())
    notebook = submission()
    cell_of(notebook, "test_square")["source"] = "pass"
    notebook["cells"].append(copy.deepcopy(cell_of(notebook, "test_total")))
    notebook["cells"].remove(cell_of(notebook, "test_total"))
    changed = rebuilt(source, notebook)
    assert texts(changed) == texts(honest)
    assert changed.notes == ("edited: test_square, pass",)


def test_points_roles_and_locks_in_metadata_do_not_matter(source: Bundle) -> None:
    notebook = submission()
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] |= {"points": 1000, "solution": True, "schema_version": 1}
            cell["metadata"]["tags"] = ["skip-execution"]
    found = rebuilt(source, notebook)
    assert [c.role for c in found.cells] == [c.role for c in source.cells]
    assert texts(found)["test_square"] == source.by_grade_id["test_square"].source


def test_changed_metadata_are_shown_and_nothing_else(source: Bundle) -> None:
    notebook = submission()
    cell_of(notebook, "test_square")["metadata"]["nbgrader"] |= {"points": 1000, "locked": False}
    cell_of(notebook, "why")["metadata"]["nbgrader"]["points"] = 3  # of an earlier release, maybe
    found = rebuilt(source, notebook)
    assert found.notes == ("metadata: test_square, locked=False, points=1000.0",)


def test_a_test_that_was_released_otherwise_is_not_the_students_doing(source: Bundle) -> None:
    """The checksum from the release still fits: the source was changed afterwards."""
    from nbgrader.utils import compute_checksum

    notebook = nbformat.from_dict(submission())
    cell = next(c for c in notebook.cells if c.get("id") == "test-square")
    cell.source = "assert square(4) == 16"
    cell.metadata.nbgrader.points = 5.0
    edited = rebuilt(source, json.loads(nbformat.writes(notebook)))
    assert edited.notes == (
        "edited: test_square, assert square(4) == 16",
        "metadata: test_square, points=5.0",
    )
    cell.metadata.nbgrader.checksum = compute_checksum(cell)
    released_so = rebuilt(source, json.loads(nbformat.writes(notebook)))
    assert released_so.notes == ("released: test_square, assert square(4) == 16",)
    assert texts(released_so) == texts(rebuilt(source, submission()))


def test_a_deleted_solution_is_empty_and_never_the_instructors(source: Bundle) -> None:
    notebook = submission()
    notebook["cells"].remove(cell_of(notebook, "square"))
    found = {cell.id: cell for cell in rebuilt(source, notebook).cells}
    assert found["square"].source == ""
    assert found["square"].deleted
    assert found["square"].blank


def test_cells_that_lost_their_metadata_are_found_by_their_id(source: Bundle) -> None:
    notebook = submission()
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    found = rebuilt(source, notebook)
    assert texts(found)["square"] == RIGHT
    assert not [cell for cell in found.cells if cell.role == "extra"]


def test_extra_cells_stay_where_they_were_outside_the_tests(source: Bundle) -> None:
    notebook = submission()
    place = notebook["cells"].index(cell_of(notebook, "square"))
    notebook["cells"].insert(place, code_cell("helper = 1"))
    notebook["cells"].insert(0, code_cell("import os"))
    order = [cell.id for cell in rebuilt(source, notebook).cells]
    assert order[0] == "extra-1"
    assert order.index("extra-2") == order.index("square") - 1


def test_an_edited_import_cell_is_kept_beside_the_instructors(source: Bundle) -> None:
    notebook = submission()
    cell = next(c for c in notebook["cells"] if c["id"] == "read")
    cell["source"] += "\nfrom collections import deque"
    found = next(c for c in rebuilt(source, notebook).cells if c.id == "+read")
    assert "deque" not in found.source
    assert "deque" in str(found.edited)


def test_of_two_copies_of_a_solution_the_written_one_counts(source: Bundle) -> None:
    notebook = submission()
    stub = copy.deepcopy(cell_of(released(), "square"))
    notebook["cells"].append(stub)
    found = rebuilt(source, notebook)
    assert texts(found)["square"] == RIGHT
    assert found.notes == ("twice: square",)


def test_untouched_answers_are_blank_in_any_language(source: Bundle) -> None:
    other = released()
    cell = cell_of(other, "why")
    cell["source"] = "TULIS JAWABANMU DI SINI"
    from nbformat import from_dict
    from nbgrader.utils import compute_checksum

    cell["metadata"]["nbgrader"]["checksum"] = compute_checksum(from_dict(cell))
    for notebook in (released(), other):
        found = {c.id: c for c in rebuilt(source, notebook).cells}
        assert found["why"].blank
    assert not {c.id: c for c in rebuilt(source, submission()).cells}["why"].blank


def test_another_assignments_notebook_is_refused(source: Bundle) -> None:
    with pytest.raises(intake.Rejected, match="other_assignment"):
        rebuilt(source, {"cells": [code_cell("print('hello')")], "metadata": {}})


def test_the_language_cell_speaks_the_students_language() -> None:
    cells = [
        code_cell('LANGUAGE = "en"', tags=["language"]),
        {"cell_type": "markdown", "metadata": {"tags": ["id"]}, "source": "Halo"},
        {"cell_type": "markdown", "metadata": {"tags": ["en"]}, "source": "Hello"},
    ]
    two = Bundle.from_released({"cells": cells, "metadata": {}}, "p")
    given = {"cells": [], "metadata": {"runtun": {"language": "id"}}}
    found = rebuilt(two, given)
    assert [cell.source for cell in found.cells] == ['LANGUAGE = "id"', "Halo"]


def test_set_language_refuses_what_could_be_code() -> None:
    with pytest.raises(ValueError, match="must be one of"):
        set_language('LANGUAGE = "en"', 'en"; import os')


def test_prose_that_a_student_adds_or_changes_is_kept_for_the_reader(source: Bundle) -> None:
    notebook = submission()
    intro = next(c for c in notebook["cells"] if c["id"] == "intro")
    intro["source"] += "\n\nMy answer to the task."
    notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": "More."})
    found = [c for c in rebuilt(source, notebook).cells if c.role == "extra"]
    assert [(c.cell_type, c.source[-6:]) for c in found] == [
        ("markdown", " task."),
        ("markdown", "More."),
    ]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("### END SOLUTION", "", "no end solution statement found"),
        ('"grade_id": "total"', '"grade_id": "square"', "Duplicate grade id"),
        ('"schema_version": 3', '"schema_version": 1', "nbgrader update"),
        ("assert square(3) == 9", "### AUTOTEST square(3)\\nassert True", "AUTOTEST"),
    ],
)
def test_a_source_that_nbgrader_would_refuse_is_one_clear_error(
    tmp_path, before: str, after: str, message: str
) -> None:
    text = SOURCE.read_text()
    assert before in text
    path = tmp_path / "p1.ipynb"
    path.write_text(text.replace(before, after))
    with pytest.raises(CourseError, match=message) as caught:
        Bundle.load(path)
    assert "\n" not in str(caught.value)
