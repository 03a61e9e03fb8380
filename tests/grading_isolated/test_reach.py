"""Tests that cannot work in the isolated grader are named before the release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtun.grading.isolated import IsolatedRunner
from runtun.grading.reach import unreached_tests
from tests.attacks.support import cell_of, source_notebook


@pytest.fixture(scope="module")
def runner():
    with IsolatedRunner(unsafe_no_sandbox=True) as runner:
        yield runner


def save(notebook: dict, folder: Path) -> Path:
    path = folder / "attack.ipynb"
    path.write_text(json.dumps(notebook))
    return path


def test_an_ordinary_assignment_is_within_reach(runner: IsolatedRunner, tmp_path: Path) -> None:
    assert unreached_tests(save(source_notebook(), tmp_path), runner) == []


def test_a_gradient_through_the_students_function_is_named(
    runner: IsolatedRunner, tmp_path: Path
) -> None:
    notebook = source_notebook()
    cell_of(notebook, "second")["source"] = (
        "import torch\nx = torch.ones(2, requires_grad=True)\ndouble(x).sum().backward()\n"
        "assert torch.equal(x.grad, torch.full((2,), 2.0))"
    )
    cell_of(notebook, "visible")["source"] = "import inspect\nassert inspect.getsource(total)"
    found = unreached_tests(save(notebook, tmp_path), runner)
    assert [one.grade_id for one in found] == ["visible", "second"]
    assert found[0].line == 2
    assert found[1].line == 4
