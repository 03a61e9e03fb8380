"""Every attack has the outcome it must have, through the real grader with the sandbox on."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bs4 import BeautifulSoup

from runtun.grading import Bundle
from runtun.grading.feedback import feedback_page
from runtun.grading.intake import parse_document
from runtun.grading.isolated import IsolatedRunner
from runtun.grading.pipeline import make_task
from runtun.grading.rebuild import rebuild
from runtun.grading.sandbox import Limits, SandboxError, tree_of
from runtun.grading.session import Graded, Verdict
from runtun.grading.verdict import judge
from tests.attacks.support import (
    FULL,
    HERE,
    SECOND,
    SECRET,
    cell_of,
    fingerprint,
    make_course,
    released,
    submission,
)
from tests.support import require

pytestmark = pytest.mark.sandbox
SMALL = Limits(
    memory_mb=400, processes=64, open_files=128, file_mb=32, scratch_mb=64, scratch_files=2000
)


def catalogue(*names: str) -> list[Any]:
    """The attacks of some classes, as parameters."""
    found = []
    for name in names:
        for attack in yaml.safe_load((HERE / f"{name}.yml").read_text()):
            found.append(pytest.param(attack, id=f"{name}: {attack['name']}"))
    return found


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def runner(course: Path) -> Iterator[IsolatedRunner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNTUN_SECRET", SECRET)
        try:
            runner = IsolatedRunner(limits=SMALL, hide=[course])
            runner.check()
        except SandboxError as error:
            require(False, str(error), "apt-get install bubblewrap, and allow user namespaces")
            return
        with runner:
            yield runner


@pytest.fixture(scope="module")
def bundle(course: Path) -> Bundle:
    return Bundle.load(course / "source" / "attack" / "attack.ipynb")


def grade(
    runner: IsolatedRunner, bundle: Bundle, notebook: dict[str, Any], **limits: float
) -> tuple[Verdict, dict[str, Any]]:
    """Grade a notebook; return the verdict and what the runner said."""
    rebuilt = rebuild(bundle, parse_document(notebook))
    task = make_task(rebuilt, limits={"cell_s": 8, "notebook_s": 60} | limits)
    outcome = runner.run(task)
    assert outcome["status"] == "ok", outcome["reason"]
    result = judge(rebuilt, outcome)
    found = {"attack": Graded(result, rebuilt, outcome)}
    return Verdict("mallory", "attack", found, Path()), outcome


def points_of(verdict: Verdict) -> float:
    return verdict.notebooks["attack"].result.points


def seen_by_student(verdict: Verdict, outcome: dict[str, Any]) -> str:
    """All that can reach the student's eyes."""
    shown = [outcome["cells"][i]["outputs"] for i in ("work", "second_work")]
    page = feedback_page(verdict, "attack", verdict.notebooks["attack"])
    return json.dumps(shown) + page


def assert_nothing_is_left(runner: IsolatedRunner) -> None:
    """No process of the submission lives on."""
    trunk = runner._nursery.trunk
    if trunk is None:
        return
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        names = [_command(pid) for pid in tree_of(trunk.process.pid)]
        # The warm process and its branch for this runner.
        if len([n for n in names if "python" in n]) <= 2 and "sleep" not in names:
            return
        time.sleep(0.05)
    raise AssertionError(f"processes are left: {names}")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


ATTACKS = ("silence", "lies", "reading", "resources", "escape", "course")


@pytest.mark.parametrize("attack", catalogue(*ATTACKS))
def test_an_attack_gains_nothing_reads_nothing_and_leaves_nothing(
    attack: dict[str, Any],
    runner: IsolatedRunner,
    bundle: Bundle,
    course: Path,
) -> None:
    before = fingerprint(course)
    code = attack["code"].replace("{course!r}", repr(str(course)))
    notebook = submission(code, attack.get("then", SECOND))
    seconds = 2 if attack.get("slow") else 8
    verdict, outcome = grade(runner, bundle, notebook, cell_s=seconds)

    points = points_of(verdict)
    if "at_most" in attack:
        assert points <= attack["at_most"], outcome["cells"]
    else:
        assert points == attack.get("points", 1), outcome["cells"]
    seen = seen_by_student(verdict, outcome)
    assert SECRET not in seen
    assert "ESCAPED" not in json.dumps(outcome["cells"]["work"]["outputs"])
    assert attack.get("shows", "") in json.dumps(outcome["cells"]["work"]["outputs"])
    assert len(json.dumps(outcome)) < 24 << 20
    assert fingerprint(course) == before
    assert_nothing_is_left(runner)
    if attack.get("leaves"):
        check = "\n\nassert not [n for n in ('left',) if n in dir(__builtins__)], 'left'\n"
        check += "import os, numpy\nassert numpy.pi > 3.1 and 'LEFT' not in os.environ\n"
        places = ["/tmp", "/runtun", "/runtun/home", "/dev/shm", "/dev", "/", ".", "/var/tmp"]
        check += f"for folder in {places}:\n"
        check += "    names = os.listdir(folder) if os.path.isdir(folder) else []\n"
        check += "    assert 'left' not in names and 'sitecustomize.py' not in names, folder\n"
        verdict, outcome = grade(runner, bundle, submission(second=SECOND + check))
        assert points_of(verdict) == FULL, outcome["cells"]
        assert outcome["cells"]["second_work"]["state"] == "ok", outcome["cells"]["second_work"]


@pytest.mark.parametrize("attack", catalogue("html"))
def test_nothing_on_the_feedback_page_can_act(
    attack: dict[str, Any], runner: IsolatedRunner, bundle: Bundle
) -> None:
    verdict, _ = grade(runner, bundle, submission(attack["code"]))
    assert points_of(verdict) == 1
    page = feedback_page(verdict, "attack", verdict.notebooks["attack"])
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.find(["script", "iframe", "object", "embed", "form", "base", "link"])
    for tag in soup.find_all(True):
        for name, value in tag.attrs.items():
            assert not name.startswith("on"), tag
            assert "javascript:" not in str(value).lower(), tag
    assert "\x1b" not in page
    policy = soup.find("meta", attrs={"http-equiv": re.compile("content-security-policy", re.I)})
    assert "default-src 'none'" in policy["content"]


@pytest.mark.parametrize("case", catalogue("honest"))
def test_honest_work_keeps_its_points(
    case: dict[str, Any], runner: IsolatedRunner, bundle: Bundle
) -> None:
    notebook = submission(case["code"], case.get("then", SECOND))
    for position, source in enumerate(case.get("extra", [])):
        extra = dict(cell_of(notebook, "work"), source=source, metadata={}, id=f"extra-{position}")
        notebook["cells"].insert(1 + position, extra)
    verdict, outcome = grade(runner, bundle, notebook, cell_s=30)
    assert points_of(verdict) == FULL, outcome["cells"]
    assert outcome["tamper"] + outcome["reached"] == []  # nothing that would accuse anybody
    shown = json.dumps(outcome["cells"]["work"]["outputs"])
    assert case.get("shows", "") in shown


def _colab(notebook: dict[str, Any]) -> None:
    notebook["metadata"] = {
        "colab": {"name": "attack.ipynb", "provenance": []},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
    }
    for i, cell in enumerate(notebook["cells"]):
        cell["metadata"]["id"] = f"aB3dE{i}"
        cell["metadata"]["colab"] = {"base_uri": "https://localhost:8080/"}
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["old\n"]}]
        cell["execution_count"] = 17 - i


def _vscode(notebook: dict[str, Any]) -> None:
    notebook["metadata"]["kernelspec"]["name"] = "venv-2026"
    notebook["metadata"]["vscode"] = {"interpreter": {"hash": "0" * 64}}
    for cell in notebook["cells"]:
        cell["metadata"]["vscode"] = {"languageId": "python"}
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)


def _older(notebook: dict[str, Any]) -> None:
    notebook["nbformat_minor"] = 2
    for cell in notebook["cells"]:
        cell.pop("id")


def _moved(notebook: dict[str, Any]) -> None:
    notebook["cells"].insert(0, notebook["cells"].pop(6))


def _windows(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")


def _notes(notebook: dict[str, Any]) -> None:
    note = {"cell_type": "markdown", "metadata": {}, "source": "# Catatan saya ✏️", "id": "n"}
    notebook["cells"].insert(2, note)


@pytest.mark.parametrize(
    "change", [_colab, _vscode, _older, _moved, _windows, _notes], ids=lambda f: f.__name__[1:]
)
def test_a_notebook_saved_by_another_program_keeps_its_points(
    change: Any, runner: IsolatedRunner, bundle: Bundle
) -> None:
    notebook = submission()
    change(notebook)
    verdict, outcome = grade(runner, bundle, notebook)
    assert points_of(verdict) == FULL, outcome["cells"]


def _points(notebook: dict[str, Any]) -> None:
    for name in ("visible", "hidden", "second"):
        cell_of(notebook, name)["metadata"]["nbgrader"]["points"] = 1000


def _passing_tests(notebook: dict[str, Any]) -> None:
    for name in ("visible", "hidden", "all", "partial"):
        cell_of(notebook, name)["source"] = "pass"


def _deleted(notebook: dict[str, Any]) -> None:
    for name in ("visible", "hidden", "all", "partial"):
        notebook["cells"].remove(cell_of(notebook, name))


def _doubled(notebook: dict[str, Any]) -> None:
    passing = dict(cell_of(notebook, "second"), id="twice")
    notebook["cells"] += [passing] * 20


def _unlocked(notebook: dict[str, Any]) -> None:
    for name in ("visible", "hidden"):
        mark = cell_of(notebook, name)["metadata"]["nbgrader"]
        mark |= {"solution": True, "locked": False, "grade": False}
        cell_of(notebook, name)["source"] = "pass"


def _kernel(notebook: dict[str, Any]) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "bash", "display_name": "x", "language": "bash"}


def _schema(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["metadata"].setdefault("nbgrader", {})["schema_version"] = 99


def _empty_mark(notebook: dict[str, Any]) -> None:
    cell_of(notebook, "hidden")["metadata"]["nbgrader"] = {}


def _skipped(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "remove-cell"]


def _taken_name(notebook: dict[str, Any]) -> None:
    mark = dict(cell_of(notebook, "hidden")["metadata"]["nbgrader"])
    cell = dict(cell_of(notebook, "work"), source="3", metadata={"nbgrader": mark}, id="mine")
    notebook["cells"].insert(0, cell)


def _turned_around(notebook: dict[str, Any]) -> None:
    notebook["cells"].reverse()


def _odd_values(notebook: dict[str, Any]) -> None:
    mark = cell_of(notebook, "visible")["metadata"]["nbgrader"]
    mark |= {"points": "nan", "grade_id": ["x"], "cell_type": {"a": 1}, "checksum": 0}


def _helper_as_test(notebook: dict[str, Any]) -> None:
    cell_of(notebook, "setup")["source"] = (
        "class np:\n    isclose = staticmethod(lambda *a: True)\n    class random: pass"
    )


METADATA = [
    *(_points, _passing_tests, _deleted, _doubled, _unlocked, _kernel, _schema, _empty_mark),
    *(_skipped, _taken_name, _turned_around, _odd_values, _helper_as_test),
]


@pytest.mark.parametrize("change", METADATA, ids=lambda f: f.__name__.strip("_"))
@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_metadata_neither_wins_nor_loses_points(
    change: Any, right: bool, runner: IsolatedRunner, bundle: Bundle
) -> None:
    notebook = submission() if right else submission("def total(x): return None")
    change(notebook)
    verdict, outcome = grade(runner, bundle, notebook)
    assert points_of(verdict) == (FULL if right else 1), outcome["cells"]


def test_a_blank_submission_earns_nothing(runner: IsolatedRunner, bundle: Bundle) -> None:
    verdict, _ = grade(runner, bundle, released())
    assert points_of(verdict) == 0


def test_the_corpus_is_large_enough() -> None:
    assert len(catalogue(*ATTACKS, "html")) + len(METADATA) >= 50
    assert len(catalogue("honest")) >= 20
