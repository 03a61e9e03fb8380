"""nbgrader's own autograde, under this repository's settings, against its measured failures.

Each test runs the real thing: nbgrader's converter with the settings of `nbgrader_config.py`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import PyFileConfigLoader

from runtun.grading.sandbox import find_bubblewrap
from tests.grading.support import COURSE, cell_of, code_cell, submission
from tests.support import require

ROOT = Path(__file__).resolve().parents[2]
PROTECTION = ("Autograde", "GenerateFeedback", "HTMLExporter")
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """The fixture course, released, under the protecting half of this repository's settings."""
    root = tmp_path_factory.mktemp("prepared") / "course"
    shutil.copytree(COURSE, root)
    protecting = [
        line
        for line in (ROOT / "nbgrader_config.py").read_text().splitlines()
        if line.startswith(tuple(f"c.{name}" for name in PROTECTION))
    ]
    assert len(protecting) == 5
    with (root / "nbgrader_config.py").open("a") as file:
        file.write("\n".join(protecting) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", PATH)  # nbgrader looks for alembic there
        assert api(root).generate_assignment("ps1")["success"]
    return root


@pytest.fixture
def root(prepared: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of one's own; what is tested here holds with a sandbox and without."""
    if find_bubblewrap() is None:
        monkeypatch.setenv("RUNTUN_UNSAFE_NO_SANDBOX", "1")
    shutil.copytree(prepared, tmp_path / "course")
    return tmp_path / "course"


def api(root: Path) -> NbGraderAPI:
    config = PyFileConfigLoader("nbgrader_config.py", str(root)).load_config()
    coursedir = CourseDirectory(config=config)
    coursedir.root = str(root)
    return NbGraderAPI(coursedir, config=config)


def hand_in(root: Path, student: str, notebook: dict[str, Any]) -> Path:
    folder = root / "submitted" / student / "ps1"
    folder.mkdir(parents=True)
    (folder / "p1.ipynb").write_text(json.dumps(notebook))
    return folder


def autograde(root: Path) -> dict[str, Any]:
    return api(root).autograde("ps1", "*")


def scores(root: Path, student: str) -> dict[str, float | None]:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        notebook = book.find_submission_notebook("p1", "ps1", student)
        return {grade.name: grade.auto_score for grade in notebook.grades}


def test_a_silenced_test_earns_nothing(root: Path) -> None:
    """Stock nbgrader gives full marks to a test cell that shows no output."""
    tagged = submission(square="def square(x): return None")
    cell_of(tagged, "test_square")["metadata"]["tags"] = ["skip-execution"]
    hand_in(root, "tagged", tagged)
    hand_in(root, "gone", submission(square="import os\ndef square(x): os._exit(0)"))
    deleted = submission(square="def square(x): return None")
    deleted["cells"].remove(cell_of(deleted, "test_square"))
    hand_in(root, "deleted", deleted)
    assert autograde(root)["success"]
    for student in ("tagged", "gone", "deleted"):
        assert scores(root, student) == {"test_square": 0, "test_total": 3, "why": None}, student


def test_warnings_cost_nothing(root: Path) -> None:
    """Stock nbgrader gives no points to a test cell that wrote to stderr."""
    noisy = (
        "import sys, warnings\n"
        "def square(x):\n"
        "    warnings.warn('careful')\n"
        "    print('E0000 cuda_platform.cc: failed call to cuInit', file=sys.stderr)\n"
        "    return x * x"
    )
    hand_in(root, "noisy", submission(square=noisy))
    assert autograde(root)["success"]
    assert scores(root, "noisy") == {"test_square": 2, "test_total": 3, "why": None}


def test_copied_cells_and_odd_metadata_stop_nobody(root: Path) -> None:
    """Stock nbgrader stops the whole class at the first of these."""
    copied = submission()
    copied["cells"].append(copy.deepcopy(cell_of(copied, "test_square")))
    hand_in(root, "a_copied", copied)
    odd = submission()
    odd["cells"].append(code_cell("1", nbgrader={}))
    odd["cells"].append(code_cell("1", nbgrader={"schema_version": 99, "grade_id": "square"}))
    hand_in(root, "b_odd", odd)
    old = submission()
    for cell in old["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["schema_version"] = 1
    hand_in(root, "c_old", old)
    broken = hand_in(root, "d_broken", submission())
    (broken / "p1.ipynb").write_text("{")
    hand_in(root, "e_honest", submission())
    result = autograde(root)
    assert not result["success"]  # it says that one could not be read
    for student in ("a_copied", "b_odd", "c_old", "e_honest"):
        assert scores(root, student) == {"test_square": 2, "test_total": 3, "why": None}, student
    assert scores(root, "d_broken") == {"test_square": None, "test_total": None, "why": None}


def test_submissions_cannot_see_the_course(root: Path) -> None:
    """Stock nbgrader runs submissions inside the course folder, with the instructor's rights."""
    require(find_bubblewrap(), "bubblewrap is not installed", "apt-get install bubblewrap")
    spy = (
        "import os\n"
        f"SEEN = os.path.exists({str(root / 'gradebook.db')!r})\n"
        "def square(x):\n    return None if SEEN else x * x\n"
    )
    hand_in(root, "spy", submission(square=spy))
    assert autograde(root)["success"]
    assert scores(root, "spy")["test_square"] == 2


def test_the_students_clock_and_links_do_not_count(root: Path) -> None:
    folder = hand_in(root, "ani", submission())
    (folder / "timestamp.txt").write_text("2020-01-01 00:00:00 UTC")
    (folder / "notes.txt").symlink_to(root / "gradebook.db")
    (root / "arrivals.csv").write_text(
        "student,assignment,arrived\nani,ps1,2026-09-15T01:59:00+07:00\n"
    )
    assert autograde(root)["success"]
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        assert book.find_submission("ps1", "ani").total_seconds_late == 2 * 3600
    assert not (root / "autograded" / "ani" / "ps1" / "notes.txt").exists()


def test_the_feedback_shows_no_hidden_test_and_carries_nothing_that_acts(root: Path) -> None:
    """Stock nbgrader shows hidden tests, runs the student's script, and copies their files."""
    script = "<script>alert(1)</script>"
    draws = f"from IPython.display import HTML, display\ndisplay(HTML({script!r}))\n"
    wrong = submission(
        square=draws + "def square(x): return x * x if isinstance(x, int) else 0", answer=script
    )
    folder = hand_in(root, "ani", wrong)
    (folder / "extra.html").write_text(script)
    (folder / "submission_secret.txt").write_text("only-ani-knows")
    hand_in(root, "budi", submission())
    assert autograde(root)["success"]
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        book.find_grade("why", "p1", "ps1", "ani").manual_score = 1.5
        book.db.commit()
    assert api(root).generate_feedback("ps1")["success"]
    pages = root / "feedback" / "ani" / "ps1"
    assert sorted(p.name for p in pages.rglob("*")) == [
        "p1.html",
        "submission_secret.txt",
    ]
    page = (pages / "p1.html").read_text()
    assert "A hidden test found a case that does not work yet." in page
    assert "0.25" not in page  # what the hidden test expects
    assert "isclose" not in page
    assert "1.5 / 2" in page  # a person's mark
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert (root / "feedback" / "budi" / "ps1" / "p1.html").exists()


def test_what_is_not_graded_yet_gets_no_page_and_stops_nobody(root: Path) -> None:
    hand_in(root, "ani", submission())
    hand_in(root, "budi", submission())
    assert autograde(root)["success"]
    (root / "submitted/ani/ps1/p1.ipynb").write_text(json.dumps(submission(square="x = 1")))
    result = api(root).generate_feedback("ps1")
    assert not result["success"]
    assert "ani: p1 as it was handed in last is not graded yet" in result["log"]
    assert not (root / "feedback/ani/ps1/p1.html").exists()
    assert (root / "feedback/budi/ps1/p1.html").exists()


@contextlib.contextmanager
def form_grader(root: Path) -> Iterator[Callable[..., str]]:
    """A Jupyter server with the form grader in a course; yields what asks it something."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = root.parent / "home"
    home.mkdir()
    settings = {"port": port, "root_dir": str(root), "open_browser": False, "allow_root": True}
    settings |= {"jpserver_extensions": {"nbgrader.server_extensions.formgrader": True}}
    command = [sys.executable, "-m", "jupyter_server", "--IdentityProvider.token=secret"]
    command += [f"--ServerApp.{name}={value}" for name, value in settings.items()]
    isolated = {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home), "PATH": PATH}
    log = (root.parent / "server.log").open("w")
    server = subprocess.Popen(
        command, cwd=root, env={**os.environ, **isolated}, stdout=log, stderr=log
    )

    def ask(path: str, method: str = "GET") -> str:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/formgrader/{path}",
            method=method,
            headers={"Authorization": "token secret"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read().decode()

    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                ask("api/assignments")
                break
            except urllib.error.URLError:
                assert server.poll() is None, Path(log.name).read_text()
                assert time.monotonic() < deadline, Path(log.name).read_text()
                time.sleep(0.1)
        yield ask
    finally:
        server.terminate()
        server.wait(30)
        log.close()


@pytest.mark.slow
def test_the_form_graders_buttons_and_pages_are_behind_the_walls(root: Path) -> None:
    """Its page stands in the instructor's browser, beside a server that may run anything."""
    require(find_bubblewrap(), "bubblewrap is not installed", "apt-get install bubblewrap")
    acts = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    spy = (
        "import os\nfrom IPython.display import HTML, SVG, Javascript, Markdown, display\n"
        f"display(HTML({acts!r}), Javascript('alert(3)'), Markdown({acts!r}))\n"
        'display(SVG(\'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(4)"/>\'))\n'
        f"SEEN = os.path.exists({str(root / 'gradebook.db')!r})\n"
        "def square(x):\n    return None if SEEN else x * x\n"
    )
    hand_in(root, "ani", submission(square=spy, answer=f"**Mine.** {acts} [x](javascript:a)"))
    with form_grader(root) as ask:
        answer = json.loads(ask("api/submission/ps1/ani/autograde", "POST"))
        assert answer["success"], answer
        assert scores(root, "ani") == {"test_square": 2, "test_total": 3, "why": None}
        listed = json.loads(ask("api/submitted_notebooks/ps1/p1"))
        page = ask(f"submissions/{listed[0]['id']}")
        assert json.loads(ask("api/assignment/ps1/generate_feedback", "POST"))["success"]
    soup = BeautifulSoup(page, "html.parser")
    assert soup.find("strong", string="Mine.")  # it is the student's notebook
    assert not [tag for tag in soup.find_all("script") if "alert" in tag.get_text()]
    for tag in soup.find_all(True):
        for name, value in tag.attrs.items():
            assert "alert" not in str(value), tag
            assert not (name == "href" and str(value).startswith("javascript:a")), tag
    feedback = (root / "feedback/ani/ps1/p1.html").read_text()
    assert "default-src 'none'" in feedback


@pytest.mark.slow
def test_a_killed_run_is_taken_up_again(root: Path) -> None:
    """Stock nbgrader takes the half-made folder of a killed run for a graded one."""
    hand_in(
        root, "ani", submission(total="import time\ntime.sleep(8)\ndef total(v): return sum(v)")
    )
    half_made = root / "autograded" / "ani" / "ps1" / "p1.ipynb"
    driver = subprocess.Popen(
        [sys.executable, "-m", "nbgrader", "autograde", "ps1"],
        cwd=root,
        env={**os.environ, "PATH": PATH},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while not half_made.exists():
            assert time.monotonic() < deadline
            assert driver.poll() is None
            time.sleep(0.05)
        time.sleep(1)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    assert scores(root, "ani")["test_square"] is None
    again = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", "ps1"],
        cwd=root,
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert scores(root, "ani") == {"test_square": 2, "test_total": 3, "why": None}
