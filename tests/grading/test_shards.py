"""A class graded in parts: the parts put together are the whole, or it is said what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from runtun.cli import main
from runtun.grading import commands
from runtun.grading.shards import Shard
from tests.grading.support import COURSE, ScriptedRunner, released, submission
from tests.grading.test_session import hand_in, rows

STUDENTS = ("ani", "budi", "citra", "dewi")
EVERYBODY = (*STUDENTS, "broken", "idle")


class Deciding(ScriptedRunner):
    """A runner for whom the state of a test follows from the student's text."""

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        wrong = "x + x" in json.dumps(task)
        self.states = {"test_square": "error" if wrong else "ok"}
        return super().run(task)


@pytest.fixture
def runners(monkeypatch) -> list[ScriptedRunner]:
    """Every runner that a command makes."""
    made: list[ScriptedRunner] = []

    def make(**_: Any) -> ScriptedRunner:
        made.append(Deciding())
        return made[-1]

    monkeypatch.setattr(commands, "make_runner", make)
    return made


def lay_out(root: Path) -> Path:
    """A course with work of every kind, each student's different."""
    shutil.copytree(COURSE, root)
    for number, student in enumerate(STUDENTS):
        body = "x + x" if number % 3 == 1 else "x * x"
        hand_in(root, student, submission(square=f"def square(x):\n    return {body}  # {student}"))
    hand_in(root, "broken", "{")
    hand_in(root, "idle", released())
    (root / "arrivals.csv").write_text(
        "student,assignment,arrived\nani,ps1,2026-09-15T01:59:00+07:00\n"
    )
    return root


@pytest.fixture
def root(tmp_path: Path, runners: list[ScriptedRunner]) -> Path:
    """A course of which nothing is graded."""
    return lay_out(tmp_path / "course")


@pytest.fixture(scope="module")
def both_halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course of which two shards have run; look, don't touch."""
    root = lay_out(tmp_path_factory.mktemp("halves") / "course")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "make_runner", lambda **_: Deciding())
        for shard in ("1/2", "2/2"):
            assert main(["grade", str(root), "ps1", "--shard", shard]) == 0
    return root


@pytest.fixture
def halved(both_halves: Path, tmp_path: Path, runners: list[ScriptedRunner]) -> Path:
    """The same, of one's own."""
    shutil.copytree(both_halves, tmp_path / "course")
    return tmp_path / "course"


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def grade_shards(capsys, root: Path, count: int, *numbers: int) -> None:
    for number in numbers or range(1, count + 1):
        code, _, err = run(capsys, "grade", root, "ps1", "--shard", f"{number}/{count}")
        assert code == 0, err


def ran(runners: list[ScriptedRunner]) -> int:
    return sum(len(runner.tasks) for runner in runners)


def part(root: Path, name: str) -> Path:
    return root / ".runtun" / "shards" / "ps1" / name


def grades(root: Path) -> str:
    return (root / "reports" / "ps1" / "grades.csv").read_text()


@pytest.mark.parametrize("count", [1, 3, 20])
def test_the_parts_put_together_are_the_whole(
    root: Path, tmp_path: Path, runners: list[ScriptedRunner], capsys, count: int
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(root, whole)
    assert run(capsys, "grade", whole, "ps1")[0] == 1
    runners.clear()
    grade_shards(capsys, root, count)
    assert ran(runners) == len(STUDENTS) + 1
    for made_by_merge in ("gradebook.db", "feedback", "autograded", "reports"):
        assert not (root / made_by_merge).exists()
    runners.clear()
    code, out, _ = run(capsys, "merge", root, "ps1")
    assert (code, runners) == (1, [])
    assert f"{len(EVERYBODY)} submissions (0 notebooks run)" in out
    assert rows(root) == rows(whole)
    assert grades(root) == grades(whole)
    pages = sorted(p.relative_to(root) for p in (root / "feedback").rglob("*.html"))
    assert len(pages) == len(EVERYBODY)
    assert all((root / page).read_text() == (whole / page).read_text() for page in pages)


def test_every_student_is_in_one_shard_whoever_else_hands_in() -> None:
    for count in (1, 2, 7, 100):
        shards = [Shard(number, count) for number in range(1, count + 1)]
        for student in (*STUDENTS, "ünïcode", "a b"):
            assert sum(shard.holds(student, "ps1") for shard in shards) == 1


def test_an_empty_shard_is_a_shard(root: Path, runners: list[ScriptedRunner], capsys) -> None:
    shards = [Shard(number, 50) for number in range(1, 51)]
    empty = next(s.number for s in shards if not any(s.holds(name, "ps1") for name in EVERYBODY))
    code, out, _ = run(capsys, "grade", root, "ps1", "--shard", f"{empty}/50")
    assert (code, ran(runners)) == (0, 0)
    assert f"shard {empty}/50: 0 of {len(EVERYBODY)} submissions" in out
    assert (
        json.loads((part(root, f"{empty}-of-50") / "shard.json").read_text())["submissions"] == {}
    )


@pytest.mark.parametrize("text", ["4/3", "0/3", "1/0", "-1/3", "3", "1/3/5", "a/b", "1 / 3"])
def test_what_is_no_shard_is_refused(root: Path, capsys, text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["grade", str(root), "ps1", f"--shard={text}"])
    assert ended.value.code == 2
    assert "expected K/N with 1 <= K <= N, for example 3/16" in capsys.readouterr().err


def test_a_shard_takes_neither_gradebook_nor_cluster(root: Path, capsys) -> None:
    code, _, err = run(capsys, "grade", root, "ps1", "--shard", "1/2", "--db", "sqlite:///x.db")
    assert (code, "give --db to `runtun merge`" in err) == (2, True)
    with pytest.raises(SystemExit):
        main(["grade", str(root), "ps1", "--shard", "1/2", "--scheduler", "tcp://127.0.0.1:1"])


def test_a_missing_shard_is_named(root: Path, capsys) -> None:
    grade_shards(capsys, root, 4, 1, 3)
    code, _, err = run(capsys, "merge", root, "ps1")
    assert code == 2
    assert "missing of 4 shards: 2, 4; run each with `runtun grade ... --shard 2/4`" in err
    assert not (root / "gradebook.db").exists()
    grade_shards(capsys, root, 4, 2, 4)
    assert run(capsys, "merge", root, "ps1")[0] == 1


def test_nothing_to_merge_is_one_clear_line(root: Path, tmp_path: Path, capsys) -> None:
    code, _, err = run(capsys, "merge", root, "ps1")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "no finished shard of 'ps1'" in err
    code, _, err = run(capsys, "merge", root, "ps1", tmp_path / "nowhere")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "holds no finished shard" in err


def test_merging_again_changes_nothing(halved: Path, capsys) -> None:
    run(capsys, "merge", halved, "ps1")
    journal = sorted((halved / ".runtun" / "journal").rglob("*.json"))
    before = rows(halved), grades(halved), [path.stat().st_mtime_ns for path in journal]
    code, out, _ = run(capsys, "merge", halved, "ps1")
    assert (code, "(0 notebooks run)" in out) == (1, True)
    assert (rows(halved), grades(halved), [path.stat().st_mtime_ns for path in journal]) == before


def test_a_shard_run_again_runs_nothing(
    halved: Path, runners: list[ScriptedRunner], capsys
) -> None:
    runners.clear()
    grade_shards(capsys, halved, 2)
    assert ran(runners) == 0


def test_a_shard_knows_what_the_course_has_graded_before(
    root: Path, runners: list[ScriptedRunner], capsys
) -> None:
    run(capsys, "grade", root, "ps1")
    runners.clear()
    grade_shards(capsys, root, 2)
    assert ran(runners) == 0
    shutil.rmtree(root / ".runtun" / "journal")  # the parts are whole without it
    assert "(0 notebooks run)" in run(capsys, "merge", root, "ps1")[1]


def test_shards_that_ran_elsewhere_are_named_by_folder(root: Path, tmp_path: Path, capsys) -> None:
    away = tmp_path / "away"
    shutil.copytree(root, away)
    grade_shards(capsys, root, 3, 1)
    grade_shards(capsys, away, 3, 2, 3)
    code, _, err = run(capsys, "merge", root, "ps1")
    assert (code, "missing of 3 shards: 2, 3" in err) == (2, True)
    shards = [part(root, "1-of-3"), away / ".runtun" / "shards" / "ps1"]
    assert run(capsys, "merge", root, "ps1", *shards)[0] == 1
    assert len({student for student, _ in rows(root)}) == len(EVERYBODY)


def test_the_same_shard_twice_is_fine_if_it_says_the_same(
    halved: Path, tmp_path: Path, capsys
) -> None:
    shutil.copytree(part(halved, "1-of-2"), tmp_path / "copy")
    shards = part(halved, "1-of-2").parent
    assert run(capsys, "merge", halved, "ps1", shards, tmp_path / "copy")[0] == 1
    assert len({student for student, _ in rows(halved)}) == len(EVERYBODY)


def test_the_same_shard_twice_with_other_verdicts_is_refused(
    halved: Path, tmp_path: Path, capsys
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(part(halved, "1-of-2"), copy)
    keys = json.loads((copy / "shard.json").read_text())["submissions"]
    student, key = next((s, k["p1"]) for s, k in keys.items() if s in STUDENTS)
    path = copy / "journal" / key[:2] / f"{key}.json"
    outcome = json.loads(path.read_text())
    outcome["seconds"]["total"] = 99.0  # how long it took is no verdict
    path.write_text(json.dumps(outcome))
    shards = part(halved, "1-of-2").parent
    assert run(capsys, "merge", halved, "ps1", shards, copy)[0] == 1
    outcome["cells"]["test_total"]["state"] = "timeout"
    path.write_text(json.dumps(outcome))
    code, _, err = run(capsys, "merge", halved, "ps1", shards, copy)
    assert code == 2
    assert "shard 1/2 is there twice" in err
    assert f"they differ about {student};" in err


def test_shards_of_different_divisions_are_not_mixed(halved: Path, capsys) -> None:
    grade_shards(capsys, halved, 3, 1)
    code, _, err = run(capsys, "merge", halved, "ps1")
    assert (code, "different divisions: of 2 and of 3" in err) == (2, True)
    halves = [part(halved, "1-of-2"), part(halved, "2-of-2")]
    assert run(capsys, "merge", halved, "ps1", *halves)[0] == 1


def set_limit(root: Path) -> None:
    config = root / "nbgrader_config.py"
    config.write_text(config.read_text() + '\nc.Runtun.limits = {"cell_s": 7}\n')


def set_language(root: Path) -> None:
    config = root / "nbgrader_config.py"
    config.write_text(config.read_text() + '\nc.Runtun.language = "id"\n')


def change_test(root: Path) -> None:
    source = root / "source" / "ps1" / "p1.ipynb"
    source.write_text(source.read_text().replace("square(3) == 9", "square(5) == 25"))


def change_manifest(**values: Any) -> Any:
    def change(root: Path) -> None:
        path = part(root, "2-of-2") / "shard.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def lose_a_result(root: Path) -> None:
    next((part(root, "2-of-2") / "journal").rglob("*.json")).unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_test, "source notebooks have changed since; run it again"),
        (set_limit, "c.Runtun.limits has changed since"),
        (set_language, "c.Runtun.language has changed since"),
        (change_manifest(environment={"p1": "older"}), "merge where the same versions"),
        (change_manifest(assignment="ps2"), "is of 'ps2'"),
        (change_manifest(runner="another"), "ran as 'another', shard 1/2 as 'scripted'"),
        (change_manifest(unsafe=True), "ran without a sandbox; add --unsafe-no-sandbox"),
        (change_manifest(schema=99), "has schema 99"),
        (change_manifest(shard=[3, 2]), "expected K/N"),
        (change_manifest(shard="2/2"), "cannot read"),
        (change_manifest(submissions=None), "cannot read"),
        (lose_a_result, "1 of its results are missing; copy it again"),
        (lambda root: (part(root, "2-of-2") / "shard.json").write_text("{"), "cannot read"),
        (lambda root: shutil.rmtree(root / "source"), "unknown assignment"),
    ],
)
def test_what_does_not_belong_together_is_refused_before_anything_is_written(
    halved: Path, capsys, change: Any, message: str
) -> None:
    change(halved)
    code, out, err = run(capsys, "merge", halved, "ps1")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err
    assert not (halved / "gradebook.db").exists()
    assert not (halved / ".runtun" / "journal").exists()


def test_results_without_a_sandbox_are_taken_if_one_says_so(root: Path, capsys) -> None:
    for number in (1, 2):
        shard = f"{number}/2"
        run(capsys, "grade", root, "ps1", "--shard", shard, "--unsafe-no-sandbox")
    assert run(capsys, "merge", root, "ps1")[0] == 2
    assert run(capsys, "merge", root, "ps1", "--unsafe-no-sandbox")[0] == 1


def test_what_came_after_the_shards_is_named_and_graded_by_the_next_run(
    root: Path, runners: list[ScriptedRunner], capsys
) -> None:
    grade_shards(capsys, root, 3)
    hand_in(root, "late", submission(square="def square(x): return x ** 2"))
    hand_in(root, "ani", submission(square="def square(x): return x * x  # better"))
    code, out, err = run(capsys, "merge", root, "ps1")
    assert code == 1
    assert "2 grader failed" in out
    for student in ("late", "ani"):
        assert f"{student}: in no shard as it is now" in err
    assert {student for student, _ in rows(root)}.isdisjoint({"late", "ani"})
    runners.clear()
    run(capsys, "grade", root, "ps1")
    assert ran(runners) == 2
    assert len({student for student, _ in rows(root)}) == len(EVERYBODY) + 1


def test_a_failure_of_the_machinery_in_a_shard_is_said_twice(
    root: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(commands, "make_runner", lambda **_: ScriptedRunner(status="failed"))
    code, out, err = run(capsys, "grade", root, "ps1", "--shard", "1/1", "--json")
    assert (code, err) == (1, "")
    assert set(json.loads(out)["failed"]) == {*STUDENTS, "idle"}
    code, out, _ = run(capsys, "merge", root, "ps1", "--json")
    found = {one["student"]: one["status"] for one in json.loads(out)["submissions"]}
    assert code == 1
    assert found == dict.fromkeys([*STUDENTS, "idle"], "error") | {"broken": "rejected"}


def test_equal_work_in_two_shards_has_one_verdict(root: Path, monkeypatch, capsys) -> None:
    twins = [s for s in STUDENTS if Shard(1, 2).holds(s, "ps1")][:1]
    twins += [s for s in STUDENTS if Shard(2, 2).holds(s, "ps1")][:1]
    for student in twins:
        hand_in(root, student, submission(square="import random"))
    for number, state in ((2, "error"), (1, "ok")):  # a test that is decided by chance
        runner = ScriptedRunner({"test_square": state})
        monkeypatch.setattr(commands, "make_runner", lambda runner=runner, **_: runner)
        run(capsys, "grade", root, "ps1", "--shard", f"{number}/2")
    run(capsys, "merge", root, "ps1")
    assert {rows(root)[student, "test_square"][0] for student in twins} == {2}


def test_two_drivers_of_one_shard_are_refused_and_of_two_shards_are_not(root: Path, capsys) -> None:
    from runtun.grading.journal import one_at_a_time

    with one_at_a_time(root / ".runtun" / "ps1.1-of-2.lock"):
        code, _, err = run(capsys, "grade", root, "ps1", "--shard", "1/2")
        assert (code, "another `runtun grade` is at work" in err) == (2, True)
        grade_shards(capsys, root, 2, 2)
