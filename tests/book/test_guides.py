"""The guides say only what is true of the code: its commands, notes, tests and outputs."""

from __future__ import annotations

import ast
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
import yaml

from book._ext.attacks import CASES, read_cases
from book.source_checks import read_page
from runtun.cli import build_parser
from runtun.grading.check import check_notebook
from runtun.grading.course import Course
from runtun.grading.shards import Shard
from runtun.grading.words import WORDS
from samples import make_class
from tests.support import ROOT

LANGUAGES = ("id", "en")
GUIDES = ("for-students", "for-instructors", "clusters", "for-translators", "threat-model")


def guide(name: str, language: str) -> str:
    return (ROOT / "book" / language / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", GUIDES)
def test_every_command_is_one_that_the_program_takes(name: str, language: str) -> None:
    parser = build_parser()
    for line in re.findall(r"^ *\$ runtun (.*)$", guide(name, language), re.MULTILINE):
        parser.parse_args(shlex.split(line))  # leaves the program where it is not


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", GUIDES)
def test_every_file_and_every_test_that_is_named_exists(name: str, language: str) -> None:
    for code in re.findall(r"`([^`\n]+)`", guide(name, language)):
        path, _, test = code.partition("::")
        if not re.match(r"(book|lib|solutions|tests|samples)/", path) or "<" in path:
            continue
        assert (ROOT / path).exists(), code
        if test:
            assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), code


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_file_of_the_corpus_is_left_out(language: str) -> None:
    listed = [
        directive.argument
        for directive in read_page(guide("threat-model", language)).directives
        if directive.name == "attack-cases"
    ]
    assert sorted(listed) == sorted(path.stem for path in CASES.glob("*.yml"))
    assert all(read_cases(CASES / f"{name}.yml") for name in listed)


def test_a_file_that_lists_no_cases_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "odd.yml"
    path.write_text("- code: print(1)\n")
    with pytest.raises(ValueError, match="each with a `name`"):
        read_cases(path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_settings_that_instructors_are_told_to_use_are_accepted(
    language: str, tmp_path: Path
) -> None:
    settings = re.search(
        r"```python\n(c = get_config\(\).*?)```", guide("for-instructors", language), re.DOTALL
    )
    (tmp_path / "nbgrader_config.py").write_text(settings[1], encoding="utf-8")
    course = Course(tmp_path)
    assert course.language == language
    assert course.due("03-rnn").isoformat() == "2026-09-14T23:59:00+07:00"
    assert course.limits("05-gates")["cell_s"] == 120
    repository = (ROOT / "nbgrader_config.py").read_text()
    walls = re.findall(r"^c\.(?:Autograde|GenerateFeedback)\..*$", settings[1], re.MULTILINE)
    assert len(walls) == 4
    assert all(line in repository for line in walls)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_feedback_is_explained(language: str) -> None:
    rows = re.findall(r"^\| ([^|]+) \|", guide("for-students", language), re.MULTILINE)
    states = ("passed", "partial", "failed", "timeout", "died", "flood", "skipped", "blank")
    assert [WORDS[language][state] for state in (*states, "manual")] == rows[1:]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_verdict_of_the_status_is_explained(language: str) -> None:
    text = guide("for-instructors", language)
    for state in ("graded", "manual", "rejected", "error", "waiting"):
        assert f"\n| {WORDS['en'][f'status.{state}']} |" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notes_that_are_explained_are_the_graders(language: str) -> None:
    rows = guide("for-instructors", language).partition("(instructors-flags)=")[2]
    notes = re.findall(r"^\| ([^|]+) \|", rows, re.MULTILINE)[1:]
    words = WORDS[language]
    assert sorted(notes) == sorted(words[name] for name in words if name.startswith("note."))


@pytest.mark.parametrize("language", LANGUAGES)
def test_recipes_that_were_not_run_say_so_and_are_well_formed(language: str) -> None:
    text = guide("clusters", language)
    mark = {"en": "not run here", "id": "tidak dijalankan di sini"}[language]
    recipes = re.split(r"\n(?=.*\*\*(?:Slurm|Dask Gateway|Kubernetes)\*\*)", text)[1:]
    assert len(recipes) == 4
    assert all(mark in recipe.partition("\n")[0] for recipe in recipes)
    for program in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        compile(program, "recipe", "exec")
        for words in re.findall(r"main\((\[.*\])\)", program):
            build_parser().parse_args(ast.literal_eval(words))
    (manifests,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert [one["kind"] for one in yaml.safe_load_all(manifests)] == [
        "Service", "Deployment", "Deployment"
    ]  # fmt: skip
    job = re.findall(
        r"^(?:sbatch.*--wrap \")?runtun ([^\n\"]*(?:\"[^\"]*\")?[^\n\"]*)", text, re.MULTILINE
    )
    assert len(job) == 2
    for command in job:
        build_parser().parse_args(shlex.split(command.replace("$SLURM_ARRAY_TASK_ID", "3")))


@pytest.mark.cluster
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_dask_is_told_are_options_and_settings_of_dasks(language: str) -> None:
    scheduler = pytest.importorskip("distributed.cli.dask_scheduler")
    from dask import config
    from distributed.cli import dask_worker

    text = guide("clusters", language)
    commands = re.findall(r"^dask (scheduler|worker) (.*)$", text, re.MULTILINE)
    assert [name for name, _ in commands] == ["scheduler", "worker"]
    for name, words in commands:
        program = scheduler.main if name == "scheduler" else dask_worker.main
        program.make_context(name, shlex.split(words))  # raises for an unknown option
    exported = dict(re.findall(r"^export (DASK_\w+)=(.*)$", text, re.MULTILINE))
    assert len(exported) == 8

    def settings(tree: dict, path: str = "") -> list[str]:
        found: list[str] = []
        for name, value in tree.items():
            here = f"{path}.{name}" if path else name
            found += settings(value, here) if isinstance(value, dict) else [here]
        return found

    for name in settings(config.collect_env(exported)):
        assert config.get(name, "unknown") != "unknown", name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shard_that_is_shown_is_that_of_the_sample_class(language: str) -> None:
    students = [one.student for one in make_class.submissions("03-rnn")]
    shown = re.search(r"shard (\d+/\d+): (\d+) of (\d+) submissions", guide("clusters", language))
    assert shown is not None
    shard = Shard.parse(shown[1])
    assert int(shown[2]) == sum(shard.holds(student, "03-rnn") for student in students)
    assert int(shown[3]) == len(students)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_grading_that_is_shown_is_that_of_the_sample_class(language: str) -> None:
    class_ = make_class.submissions("03-rnn")
    counts = Counter(WORDS["en"][f"status.{one.status}"] for one in class_)
    verdicts = ", ".join(f"{count} {status}" for status, count in counts.items())
    run = len({one.text for one in class_ if one.status != "rejected"})
    line = f"\n{len(class_)} submissions ({run} notebooks run): {verdicts}\n"
    assert line in guide("for-instructors", language)
    (broken,) = (one.student for one in class_ if one.status == "rejected")
    assert f"\n{broken}: the file is damaged" in guide("for-instructors", language)


@pytest.mark.slow
@pytest.mark.parametrize(("language", "student"), [("en", "david_okafor"), ("id", "eka_putri")])
def test_students_are_shown_what_check_really_prints(
    language: str, student: str, tmp_path: Path
) -> None:
    """Each page shows the check of a student of the sample class."""
    shown = guide("for-students", language).partition("$ runtun check 03-rnn.ipynb\n")[2]
    notebook = tmp_path / "03-rnn.ipynb"
    notebook.write_text(make_class.submission_of(student, "03-rnn").text, encoding="utf-8")
    assert shown.partition("\n```")[0] == check_notebook(notebook).text()
