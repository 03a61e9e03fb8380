"""Every assignment proves itself through the grader that grades a class.

The solution earns everything, the untouched release nothing, each mistake exactly what
`mistakes.yml` says, and right answers written differently earn everything, in both languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import nbformat
import pytest

from runtun.grading import Bundle, Result, Runner, grade_notebook
from runtun.grading.bundle import LANGUAGES
from runtun.grading.proof import Attempt, Proof, fill_in, read_proof
from tests.exercises.support import SLUGS, SOURCES, exercise_path, source_path

bundle = cache(lambda slug: Bundle.load(source_path(slug)))
proof = cache(lambda slug: read_proof(SOURCES / slug))
released = cache(lambda slug, language: nbformat.read(exercise_path(slug, language), 4))

WRONG = [(slug, mistake) for slug in SLUGS for mistake in proof(slug).mistakes]
RIGHT = [(slug, answer) for slug in SLUGS for answer in proof(slug).alternatives]


def named(cases: list[tuple[str, Attempt]]) -> list[str]:
    """Give each case the name under which pytest shows it."""
    return [f"{slug}-{attempt.name}" for slug, attempt in cases]


def earned(result: Result, of: Mapping[str, float]) -> dict[str, float | None]:
    """Return the points of the cells named in `of`."""
    return {name: result.scores[name].points for name in of}


def grade(slug: str, language: str, cells: Mapping[str, str], runner: Runner) -> Result:
    # What is proved here are verdicts; a busy machine must not turn them into timeouts.
    limits = {"cell_s": 240, "notebook_s": 280}
    submission = fill_in(released(slug, language), cells)
    return grade_notebook(bundle(slug), submission, runner=runner, limits=limits)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("slug", SLUGS)
def test_solution_earns_everything(slug: str, language: str, runner: Runner) -> None:
    result = grade(slug, language, proof(slug).solution, runner)
    assert earned(result, proof(slug).points) == proof(slug).points, result
    waiting = earned(result, proof(slug).manual)
    assert waiting == dict.fromkeys(waiting), "a person decides about the open question"
    assert result.max_points == sum([*proof(slug).points.values(), *proof(slug).manual.values()])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("slug", SLUGS)
def test_untouched_release_earns_nothing(slug: str, language: str, runner: Runner) -> None:
    result = grade(slug, language, {}, runner)
    every = {**proof(slug).points, **proof(slug).manual}
    assert earned(result, every) == dict.fromkeys(every, 0.0), result


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("slug", "mistake"), WRONG, ids=named(WRONG))
def test_mistake_loses_exactly_what_it_should(
    slug: str, mistake: Attempt, language: str, runner: Runner
) -> None:
    known: Proof = proof(slug)
    result = grade(slug, language, {**known.solution, **mistake.cells}, runner)
    assert earned(result, known.points) == known.expected(mistake), result
    for test in mistake.fails:
        assert result.scores[test].message, f"{test} fails without telling the student anything"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("slug", "answer"), RIGHT, ids=named(RIGHT))
def test_right_answer_written_differently_earns_everything(
    slug: str, answer: Attempt, language: str, runner: Runner
) -> None:
    known: Proof = proof(slug)
    result = grade(slug, language, {**known.solution, **answer.cells}, runner)
    assert earned(result, known.points) == known.points, result


@pytest.mark.parametrize("slug", SLUGS)
def test_hints_speak_the_language_of_the_notebook(slug: str, runner: Runner) -> None:
    known: Proof = proof(slug)
    mistake = known.mistakes[0]
    indonesian, english = (
        grade(slug, language, {**known.solution, **mistake.cells}, runner).scores
        for language in ("id", "en")
    )
    for test in mistake.fails:
        assert indonesian[test].message != english[test].message


@pytest.mark.parametrize("slug", SLUGS)
def test_assignment_lists_enough_ways_to_be_wrong_and_right(slug: str) -> None:
    known: Proof = proof(slug)
    assert len(known.mistakes) >= 6
    noticed = set().union(*(mistake.fails for mistake in known.mistakes))
    assert noticed == set(known.points), "no listed mistake fails these tests: do they test at all?"
    frameworks = {
        framework
        for answer in known.alternatives
        for framework in ("keras", "torch")
        if f"import {framework}" in "\n".join(answer.cells.values())
    }
    uses_framework = any("torch" in text or "keras" in text for text in known.solution.values())
    assert len(known.alternatives) >= 2
    assert frameworks == ({"keras", "torch"} if uses_framework else set())
