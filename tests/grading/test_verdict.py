"""Points come from a positive record and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from runtun.grading import Bundle, grade_notebook
from runtun.grading.verdict import partial_credit
from tests.grading.support import ScriptedRunner, bundle, released, submission


@pytest.fixture(scope="module")
def source() -> Bundle:
    return bundle()


def graded(source: Bundle, states: dict[str, Any], notebook: dict[str, Any] | None = None):
    runner = ScriptedRunner(states)
    return grade_notebook(source, notebook or submission(), runner=runner)


def test_tests_that_ran_to_their_end_earn_their_points(source: Bundle) -> None:
    result = graded(source, {})
    assert (result.status, result.points, result.max_points, result.waiting) == ("manual", 5, 7, 2)
    assert result.scores["why"].points is None


@pytest.mark.parametrize(
    "state", ["error", "timeout", "died", "flood", "skipped", "OK", None, 1, True]
)
def test_any_other_state_earns_nothing(source: Bundle, state: object) -> None:
    result = graded(source, {"test_square": {"state": state}})
    assert result.scores["test_square"].points == 0
    assert result.scores["test_total"].points == 3


def test_a_missing_record_earns_nothing(source: Bundle) -> None:
    class Silent(ScriptedRunner):
        def run(self, task: dict[str, Any]) -> dict[str, Any]:
            return {**super().run(task), "cells": {}}

    result = grade_notebook(source, submission(), runner=Silent())
    assert result.points == 0
    assert {score.state for score in result.scores.values()} == {"skipped", "manual"}


def test_a_failure_of_the_machinery_is_no_verdict(source: Bundle) -> None:
    result = grade_notebook(source, submission(), runner=ScriptedRunner(status="failed"))
    assert (result.status, result.reason, result.scores) == ("error", "no room", {})


@pytest.mark.parametrize(
    ("value", "points", "state"),
    [
        (None, 3, "passed"),
        ("3", 3, "passed"),
        ("1.5", 1.5, "partial"),
        ("np.float64(2.0)", 2, "partial"),
        ("1e9", 3, "passed"),
        ("-4", 0, "failed"),
        ("0", 0, "failed"),
        ("nan", 0, "failed"),
        ("inf", 0, "failed"),
        ("-inf", 0, "failed"),
        ("True", 0, "failed"),
        ("'3'", 0, "failed"),
        ("", 0, "failed"),
        ("[3]", 0, "failed"),
        ("np.float64(nan)", 0, "failed"),
    ],
)
def test_the_last_value_is_points_only_if_it_is_a_finite_number(
    source: Bundle, value: str | None, points: float, state: str
) -> None:
    score = graded(source, {"test_total": {"state": "ok", "value": value}}).scores["test_total"]
    assert (score.points, score.state) == (points, state)


def test_partial_credit_stays_within_the_points() -> None:
    assert partial_credit("7", 2) == 2
    assert partial_credit("-7", 2) == 0


def test_blank_answers_are_decided_and_written_ones_wait(source: Bundle) -> None:
    untouched = graded(source, {"test_square": "error", "test_total": "error"}, released())
    assert (untouched.status, untouched.points) == ("graded", 0)
    assert untouched.scores["why"].state == "blank"
    assert set(untouched.blank) == {"square", "total", "why"}


def failure(line: int | None, message: str, name: str = "AssertionError") -> dict[str, Any]:
    return {"state": "error", "error": {"name": name, "message": message, "line": line}}


def test_a_visible_failure_shows_its_message(source: Bundle) -> None:
    score = graded(source, {"test_square": failure(1, "anything 1 2 3")}).scores["test_square"]
    assert (score.message, score.hidden) == ("anything 1 2 3", False)


def test_a_hidden_failure_shows_only_the_instructors_words(source: Bundle) -> None:
    message = "Arrays differ\nnegative numbers have positive squares\nexpected: 16"
    score = graded(source, {"test_square": failure(3, message)}).scores["test_square"]
    assert (score.message, score.hidden) == ("negative numbers have positive squares", True)


@pytest.mark.parametrize("line", [4, None])
def test_a_hidden_failure_without_a_hint_shows_nothing(source: Bundle, line: int | None) -> None:
    score = graded(source, {"test_square": failure(line, "x = 0.25")}).scores["test_square"]
    assert (score.message, score.error, score.hidden) == ("", "AssertionError", True)


def test_an_exception_cannot_carry_hidden_tests_out(source: Bundle) -> None:
    stolen = failure(3, "negative numbers have positive squares == 16", "ValueError")
    score = graded(source, {"test_square": stolen}).scores["test_square"]
    assert (score.message, score.error) == ("", "ValueError")


def test_what_cannot_be_read_is_rejected_with_zero_points(source: Bundle) -> None:
    result = grade_notebook(source, b"{broken", runner=ScriptedRunner())
    assert result.status == "rejected"
    assert result.reason.startswith("not_json")
    assert (result.points, result.max_points) == (0, 7)
