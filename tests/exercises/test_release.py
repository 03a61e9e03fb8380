"""The committed exercises are what the sources give, without what students must not see."""

from __future__ import annotations

import argparse
import copy
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from runtun.grading import release
from runtun.grading.bundle import LANGUAGES
from tests.exercises.support import EXERCISES, SLUGS, SOURCES, exercise_path, source_path
from tests.support import ROOT

EVERY = [(slug, language) for slug in SLUGS for language in LANGUAGES]


def source(slug: str = SLUGS[0]) -> nbformat.NotebookNode:
    return nbformat.read(source_path(slug), as_version=4)


def exercise(slug: str, language: str) -> nbformat.NotebookNode:
    return nbformat.read(exercise_path(slug, language), as_version=4)


def solution_lines(slug: str) -> set[str]:
    """Return the lines that stand between the marks of solutions and hidden tests."""
    lines: set[str] = set()
    for cell in source(slug).cells:
        regions = re.findall(
            r"BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)\n[^\n]*END (?:SOLUTION|HIDDEN TESTS)",
            cell.source,
            flags=re.DOTALL,
        )
        lines |= {line.strip() for region in regions for line in region.split("\n")}
    return {line for line in lines if len(line) > 25}


def visible_lines(text: str) -> list[str]:
    """Return the lines outside the marks; some stand in visible and in hidden tests alike."""
    region = r"BEGIN (?:SOLUTION|HIDDEN TESTS)\n.*?END (?:SOLUTION|HIDDEN TESTS)"
    return re.sub(region, "", text, flags=re.DOTALL).split("\n")


def test_committed_exercises_are_fresh() -> None:
    stale = release.stale_exercises(SOURCES, EXERCISES)
    assert not stale, f"run `make exercises`: {stale}"


def test_a_changed_source_makes_the_exercise_stale(tmp_path: Path) -> None:
    shutil.copytree(SOURCES / SLUGS[0], tmp_path / "solutions" / SLUGS[0])
    written = release.generate_exercises(tmp_path / "solutions", tmp_path / "exercises")
    assert release.stale_exercises(tmp_path / "solutions", tmp_path / "exercises") == []

    path = tmp_path / "solutions" / SLUGS[0] / f"{SLUGS[0]}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    only_english = next(c for c in notebook.cells if c.metadata.get("tags") == ["en"])
    only_english.source += "\n\nOne more sentence."
    nbformat.write(notebook, path)
    (tmp_path / "exercises" / "id" / "old").mkdir()
    (tmp_path / "exercises" / "id" / "old" / "old.ipynb").write_text("{}")
    stale = release.stale_exercises(tmp_path / "solutions", tmp_path / "exercises")
    assert stale == [f"en/{SLUGS[0]}/{SLUGS[0]}.ipynb", "id/old/old.ipynb"]
    assert {p.relative_to(tmp_path / "exercises").parts[0] for p in written} == {"id", "en"}


def test_data_beside_the_source_travels_with_every_release(tmp_path: Path) -> None:
    solutions, exercises = tmp_path / "solutions", tmp_path / "exercises"
    shutil.copytree(SOURCES / SLUGS[0], solutions / SLUGS[0])
    (solutions / SLUGS[0] / "texts").mkdir()
    data = solutions / SLUGS[0] / "texts" / "words.bin"
    data.write_bytes(b"satu\r\n\x00dua")
    release.generate_exercises(solutions, exercises)
    copies = [exercises / language / SLUGS[0] / "texts" / "words.bin" for language in LANGUAGES]
    assert [copy.read_bytes() for copy in copies] == [data.read_bytes()] * 2
    assert not list(exercises.rglob("mistakes.yml")), "answers are no data"
    assert release.stale_exercises(solutions, exercises) == []

    data.write_bytes(b"tiga")
    stale = release.stale_exercises(solutions, exercises)
    assert stale == [f"{language}/{SLUGS[0]}/texts/words.bin" for language in ("en", "id")]
    data.unlink()
    assert release.stale_exercises(solutions, exercises) == stale, "no source stands behind them"


def test_releasing_changes_neither_the_source_nor_its_own_result() -> None:
    before = source()
    given = copy.deepcopy(before)
    first = release.release_notebook(given, "id", slug=SLUGS[0])
    assert given == before
    assert first == release.release_notebook(given, "id", slug=SLUGS[0])


def test_stored_outputs_and_versions_do_not_reach_the_exercise() -> None:
    given = source()
    given.metadata["language_info"] = {"name": "python", "version": "3.0.1"}
    for cell in given.cells:
        if cell.cell_type == "code":
            cell.execution_count = 7
            cell.outputs = [nbformat.v4.new_output("stream", text="secret")]
    assert release.release_notebook(given, "en", slug=SLUGS[0]) == exercise(SLUGS[0], "en")


@pytest.mark.parametrize(("slug", "language"), EVERY)
def test_exercise_is_a_valid_notebook_of_its_language(slug: str, language: str) -> None:
    notebook = exercise(slug, language)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert dict(notebook.metadata.runtun) == {"language": language, "slug": slug}
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert f'LANGUAGE = "{language}"' in first.source.splitlines()
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize(("slug", "language"), EVERY)
def test_exercise_holds_no_solution_and_no_hidden_test(slug: str, language: str) -> None:
    seen = {line.strip() for cell in source(slug).cells for line in visible_lines(cell.source)}
    secrets = solution_lines(slug) - seen
    assert len(secrets) > 20
    given = {
        line.strip() for cell in exercise(slug, language).cells for line in cell.source.split("\n")
    }
    assert not secrets & given
    marks = r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)"
    assert not re.search(marks, exercise_path(slug, language).read_text())


@pytest.mark.parametrize("slug", SLUGS)
def test_languages_differ_in_prose_only(slug: str) -> None:
    indonesian, english = (exercise(slug, language).cells for language in LANGUAGES)
    assert [c.cell_type for c in indonesian] == [c.cell_type for c in english]
    for one, other in zip(indonesian, english, strict=True):
        if one.cell_type == "code":
            assert one.id == other.id
            assert one.source.replace('LANGUAGE = "id"', 'LANGUAGE = "en"') == other.source
        else:
            assert one.source != other.source
            formulas = [re.findall(r"\$\$(.+?)\$\$", c.source, re.DOTALL) for c in (one, other)]
            headings = [re.findall(r"^(#+) ", c.source, re.MULTILINE) for c in (one, other)]
            assert formulas[0] == formulas[1]
            assert headings[0] == headings[1]


@pytest.mark.parametrize("slug", SLUGS)
def test_points_named_in_the_prose_are_the_points_of_the_tests(slug: str) -> None:
    points = sum(
        cell.metadata.nbgrader.points
        for cell in source(slug).cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    )
    for language, word in (("id", "poin"), ("en", "points?")):
        prose = "\n".join(
            c.source for c in exercise(slug, language).cells if c.cell_type == "markdown"
        )
        table = re.search(r"^\|[^\n]*\|\n\|[-|]+\|\n((?:\|[^\n]*\|\n)+)", prose, re.MULTILINE)
        assert table is not None
        rows = [int(row.rstrip("| ").rsplit("|", 1)[1]) for row in table[1].strip().split("\n")]
        assert sum(rows) == points
        in_headings = re.findall(rf"^## .*\((\d+) {word}\b", prose, re.MULTILINE)
        assert [int(number) for number in in_headings] == rows


@pytest.mark.parametrize(("slug", "language"), EVERY)
def test_links_of_the_exercise_lead_somewhere(slug: str, language: str) -> None:
    path = exercise_path(slug, language)
    prose = "\n".join(c.source for c in exercise(slug, language).cells if c.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#\s]+)\)", prose)
    assert any(f"/book/{language}/" in link for link in links), "no link to the chapter"
    missing = [link for link in links if not (path.parent / link).resolve().is_file()]
    assert not missing


@pytest.mark.parametrize(("slug", "language"), EVERY)
def test_first_code_cell_needs_nothing_and_says_ok(
    slug: str, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = next(c for c in exercise(slug, language).cells if c.cell_type == "code")
    exec(compile(cell.source, "setup", "exec"), {})
    assert capsys.readouterr().out.startswith("OK.")


def test_first_code_cell_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = next(c for c in exercise("03-rnn", "id").cells if c.cell_type == "code")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "numpy" or None)
    exec(compile(cell.source, "setup", "exec"), {})
    assert "%pip install torch" in capsys.readouterr().out
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(compile(cell.source, "setup", "exec"), {})
    assert "%pip install numpy" in capsys.readouterr().out


def test_with_solutions_keeps_answers_and_tests_and_drops_the_marks() -> None:
    for language in LANGUAGES:
        notebook = release.release_notebook(source(), language, slug=SLUGS[0], solutions=True)
        text = "\n".join(cell.source for cell in notebook.cells)
        assert all(line in text for line in solution_lines(SLUGS[0]))
        assert "BEGIN " not in text
        assert "END " not in text
        assert [c.id for c in notebook.cells] == [c.id for c in exercise(SLUGS[0], language).cells]


def test_a_solution_without_its_marks_is_refused() -> None:
    given = source()
    cell = next(c for c in given.cells if c.metadata.get("nbgrader", {}).get("solution"))
    cell.source = cell.source.replace("### BEGIN SOLUTION", "").replace("### END SOLUTION", "")
    with pytest.raises(ValueError, match=r"is a solution without ### BEGIN SOLUTION"):
        release.release_notebook(given, "id", slug=SLUGS[0])


def test_a_cell_of_two_languages_is_refused() -> None:
    given = source()
    given.cells[0].metadata["tags"] = ["id", "en"]
    with pytest.raises(ValueError, match=r"is tagged \['id', 'en'\]"):
        release.release_notebook(given, "id", slug=SLUGS[0])


def run_release(*words: str) -> int:
    parser = argparse.ArgumentParser()
    release.add_commands(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["release", *words])
    return arguments.run(arguments)


def test_command_checks_writes_and_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--source", str(SOURCES), "--release", str(tmp_path / "out")]
    assert run_release(*where, "--check") == 1
    assert "out of date" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert run_release(*where) == 0
    assert run_release(*where, "--check") == 0
    assert run_release(*where, "--with-solutions", str(tmp_path / "answers")) == 0
    assert "np.tanh" in (tmp_path / "answers" / "id" / "03-rnn" / "03-rnn.ipynb").read_text()
    assert run_release(*where, "--check") == 0
    capsys.readouterr()
    assert run_release("--source", str(tmp_path / "nowhere")) == 2
    assert "No assignment in" in capsys.readouterr().err


def test_command_refuses_a_source_that_is_no_notebook(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s" / "a").mkdir(parents=True)
    (tmp_path / "s" / "a" / "a.ipynb").write_text("{")
    assert run_release("--source", str(tmp_path / "s"), "--release", str(tmp_path / "r")) == 2
    assert "a.ipynb" in capsys.readouterr().err


@pytest.mark.parametrize("slug", SLUGS)
def test_source_stores_no_trace_of_the_machine_it_ran_on(slug: str) -> None:
    text = source_path(slug).read_text()
    assert str(ROOT.parent) not in text
    notebook = json.loads(text)
    assert "version" not in notebook["metadata"]["language_info"]
    assert not any("execution" in cell["metadata"] for cell in notebook["cells"])
