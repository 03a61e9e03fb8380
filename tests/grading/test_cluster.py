"""Grading on the machines of a Dask cluster: the same grades, whatever becomes of a machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runtun.cli import main
from runtun.grading import commands
from runtun.grading.isolated import IsolatedRunner
from runtun.grading.pipeline import versions_of
from runtun.grading.sandbox import SandboxError
from tests.grading.support import COURSE, ScriptedRunner, submission
from tests.grading.test_session import hand_in, rows
from tests.support import require

distributed = pytest.importorskip("distributed", reason="pip install -e '.[cluster]'")
grading_cluster = pytest.importorskip("runtun.grading.cluster")
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course folder of one's own."""
    shutil.copytree(COURSE, tmp_path / "course")
    return tmp_path / "course"


def graded(capsys, root: Path, *arguments: object) -> dict[str, Any]:
    """Grade with the command; return what it says of each student, without times."""
    code = main(["grade", str(root), "ps1", "--json", *map(str, arguments)])
    captured = capsys.readouterr()
    assert code in (0, 1), captured.err
    return by_student(captured.out)


def by_student(out: str) -> dict[str, Any]:
    found = {one["student"]: one for one in json.loads(out)["submissions"]}
    for one in found.values():
        one.pop("seconds")
    return found


# Within this process: workers that are threads and runners that run nothing


class Scripted(ScriptedRunner):
    """A stand-in for the sandboxed runner on a worker."""

    made: list[Scripted]
    closed: list[Scripted]
    broken: Callable[[], bool]
    go_on: threading.Event

    @classmethod
    def reset(cls) -> None:
        cls.made, cls.closed, cls.broken, cls.go_on = [], [], lambda: False, threading.Event()

    def __init__(self, *, unsafe_no_sandbox: bool, hide: list[str]) -> None:
        super().__init__()
        self.files: list[dict[str, str]] = []
        Scripted.made.append(self)

    def check(self) -> None:
        if Scripted.broken():
            raise SandboxError("bubblewrap is not installed")

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(task)
        if "boom" in text:
            raise OSError("disk full")
        if "wait" in text:
            Scripted.go_on.wait(timeout=60)
        for file in task["files"]:
            self.files.append({**file, "content": Path(file["path"]).read_text()})
        return super().run(task)

    def close(self) -> None:
        Scripted.closed.append(self)


@pytest.fixture
def threads(monkeypatch) -> Iterator[str]:
    """The address of a scheduler whose two workers are threads here."""
    Scripted.reset()
    monkeypatch.setattr(grading_cluster, "IsolatedRunner", Scripted)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as local:
        yield local.scheduler_address
        Scripted.go_on.set()


def test_the_same_verdicts_as_here(root: Path, threads: str, monkeypatch, capsys) -> None:
    hand_in(root, "ani", submission())
    hand_in(root, "budi", "{")
    hand_in(root, "citra", submission(answer=None))
    there = graded(capsys, root, "--scheduler", threads)
    assert len(Scripted.made) in (1, 2), "one runner a worker that was used"
    assert sorted(map(id, Scripted.closed)) == sorted(map(id, Scripted.made))
    shutil.rmtree(root / ".runtun")
    monkeypatch.setattr(commands, "make_runner", lambda **_: ScriptedRunner())
    assert graded(capsys, root) == there


def test_any_cluster_that_a_program_has_made_will_do(root: Path, threads: str, capsys) -> None:
    """As a script does with SLURMCluster or Gateway in place of this one."""
    hand_in(root, "ani", submission())
    with distributed.Client(threads) as client:
        assert graded(capsys, root, "--scheduler", "default")["ani"]["points"] == 5
        assert client.submit(sum, [1, 2]).result() == 3, "the client is still the program's"
    assert main(["grade", str(root), "ps1", "--scheduler", "default"]) == 2
    assert "cannot reach the scheduler at default" in capsys.readouterr().err


def test_files_travel_with_the_task_and_the_courses_win(root: Path, threads: str, capsys) -> None:
    folder = hand_in(root, "ani", submission())
    (folder / "deep").mkdir()
    (folder / "deep" / "mine.txt").write_text("mine")
    (folder / "numbers.csv").write_text("0")
    graded(capsys, root, "--scheduler", threads)
    files = [file for runner in Scripted.made for file in runner.files]
    assert [(f["name"], f["origin"], f["content"]) for f in files] == [
        ("numbers.csv", "student", "0"),
        ("deep/mine.txt", "student", "mine"),
        ("numbers.csv", "course", (COURSE / "source/ps1/numbers.csv").read_text()),
    ]
    assert not any(Path(file["path"]).exists() for file in files), "nothing stays on the worker"
    assert not any(str(root) in file["path"] for file in files)


def test_what_one_machine_graded_no_other_runs_again(
    root: Path, threads: str, monkeypatch, capsys
) -> None:
    hand_in(root, "ani", submission())
    graded(capsys, root, "--scheduler", threads)
    assert main(["grade", str(root), "ps1", "--scheduler", threads]) == 1
    assert "(0 notebooks run)" in capsys.readouterr().out
    assert sum(len(runner.tasks) for runner in Scripted.made) == 1


def test_a_task_that_fails_on_its_worker_costs_one_verdict(
    root: Path, threads: str, capsys
) -> None:
    hand_in(root, "ani", submission(square="boom"))
    hand_in(root, "budi", submission())
    found = graded(capsys, root, "--scheduler", threads)
    assert found["ani"]["status"] == "error"
    assert "disk full" in found["ani"]["reason"]
    assert found["budi"]["points"] == 5


def test_a_machine_that_cannot_grade_is_left_out(root: Path, threads: str, capsys) -> None:
    for number in range(6):
        hand_in(root, f"s{number}", submission(square=f"def square(x): return x * x  # {number}"))
    asked: list[str] = []

    def first_asked() -> bool:
        asked.append(distributed.get_worker().address)
        return asked[-1] == asked[0]

    Scripted.broken = first_asked
    code = main(["grade", str(root), "ps1", "--scheduler", threads])
    captured = capsys.readouterr()
    assert code == 1
    assert f"worker {asked[0]} is left out: bubblewrap is not installed" in captured.err
    assert captured.err.count("is left out") == 1
    assert "6 to be marked" in captured.out


def test_a_cluster_that_cannot_grade_at_all_says_why(root: Path, threads: str, capsys) -> None:
    hand_in(root, "ani", submission())
    Scripted.broken = lambda: True
    code = main(["grade", str(root), "ps1", "--scheduler", threads])
    lines = capsys.readouterr().err.splitlines()
    assert code == 2
    assert lines[-1].endswith("no worker of the cluster can grade: bubblewrap is not installed")


def test_a_submission_that_takes_every_machine_along_costs_one_verdict(threads: str) -> None:
    class Lost:
        status = "error"

        def result(self) -> None:
            raise distributed.KilledWorker("task", None, 3)

    with grading_cluster.Cluster(threads, {}) as cluster:
        assert cluster.outcome(Lost()) == {
            "status": "failed",
            "reason": "every machine that ran it was lost",
        }


def test_a_task_that_is_withdrawn_is_no_verdict(threads: str) -> None:
    """As Ctrl-C does with all that are under way."""
    with grading_cluster.Cluster(threads, {}) as cluster:
        runner = cluster.runner()
        found: list[dict[str, Any]] = []
        task = {"key": "k", "cells": [{"id": "a", "source": "wait"}], "files": []}
        thread = threading.Thread(target=lambda: found.append(runner.run(task)))
        thread.start()
        while runner._future is None:
            time.sleep(0.01)
        runner.close()
        thread.join(timeout=10)
        assert found == [{"status": "failed", "reason": "interrupted"}]


def test_without_its_scheduler_a_run_ends_and_can_go_on_here(
    root: Path, monkeypatch, capsys
) -> None:
    hand_in(root, "ani", submission())
    hand_in(root, "budi", submission(square="# wait"))
    Scripted.reset()
    monkeypatch.setattr(grading_cluster, "IsolatedRunner", Scripted)
    monkeypatch.setattr(grading_cluster, "CONNECT_S", 2)
    local = distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    )

    def end_once_one_is_kept() -> None:
        while not list((root / ".runtun").rglob("*.json")):
            time.sleep(0.05)
        local.sync(local.scheduler.close)
        Scripted.go_on.set()

    ending = threading.Thread(target=end_once_one_is_kept)
    ending.start()
    code = main(["grade", str(root), "ps1", "--scheduler", local.scheduler_address])
    ending.join()
    with suppress(Exception):  # nothing is left of it that could answer
        local.close(timeout=1)
    lines = capsys.readouterr().err.splitlines()
    assert code == 2
    assert "lost the scheduler" in lines[-1]
    assert lines[-1].endswith("what has run is kept: run it again to go on")
    identity = grading_cluster.identity_of(unsafe=False)
    rest = ScriptedRunner()
    rest.identity = identity
    monkeypatch.setattr(commands, "make_runner", lambda **_: rest)
    assert set(graded(capsys, root)) == {"ani", "budi"}
    assert len(rest.tasks) == 1


@pytest.mark.parametrize(
    ("address", "message"),
    [("tcp://127.0.0.1:1", "cannot reach the scheduler"), ("nonsense://x", "cannot reach")],
)
def test_a_scheduler_out_of_reach_is_one_clear_line(
    root: Path, monkeypatch, capsys, address: str, message: str
) -> None:
    monkeypatch.setattr(grading_cluster, "CONNECT_S", 1)
    hand_in(root, "ani", submission())
    code = main(["grade", str(root), "ps1", "--scheduler", address])
    errors = capsys.readouterr().err
    assert (code, len(errors.splitlines())) == (2, 1)
    assert message in errors


def test_a_machine_with_other_versions_is_told_apart() -> None:
    here = versions_of({"numpy", "ipykernel"})
    settings = {"unsafe": False, "identity": grading_cluster.identity_of(unsafe=False)}
    settings |= {"modules": ["numpy", "ipykernel"], "versions": here}
    grading_cluster._compare(settings)
    python, packages = json.loads(here)
    there = json.dumps([python, packages | {"numpy": "1.0"}])
    with pytest.raises(SandboxError, match=rf"numpy {packages['numpy']} instead of 1\.0"):
        grading_cluster._compare(settings | {"versions": there})
    with pytest.raises(SandboxError, match="its grader is"):
        grading_cluster._compare(settings | {"identity": "isolated-0"})


def test_without_dask_it_says_what_to_install(root: Path, monkeypatch, capsys) -> None:
    hand_in(root, "ani", submission())
    monkeypatch.delitem(sys.modules, "runtun.grading.cluster")
    monkeypatch.setitem(sys.modules, "distributed", None)
    code = main(["grade", str(root), "ps1", "--scheduler", "tcp://127.0.0.1:1"])
    assert (code, "pip install 'runtun[cluster]'" in capsys.readouterr().err) == (2, True)


# Real processes, each machine with an address of its own


class Machines:
    """A scheduler and workers as on a cluster: processes that share nothing but the network.

    Args:
        folder: for their files.
        settings: of Dask, as environment variables.
    """

    def __init__(self, folder: Path, protocol: str = "tcp", **settings: str) -> None:
        self.folder = folder
        self.environment = {**os.environ, **settings, "OMP_NUM_THREADS": "1"}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.file = folder / "scheduler.json"
        command = ["scheduler", "--host", f"{protocol}://127.0.0.1", "--port", "0"]
        self._start("scheduler", *command, "--scheduler-file", str(self.file))
        self.address = self._wait(lambda: json.loads(self.file.read_text())["address"])

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "dask", *command, "--no-dashboard"],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip

    def add_worker(self, host: str, protocol: str = "tcp") -> None:
        """Start a machine that runs one submission at a time."""
        own = self.folder / host
        options = ["--host", f"{protocol}://{host}", "--nthreads", "1", "--no-nanny"]
        options += ["--scheduler-file", str(self.file), "--local-directory", str(own)]
        self._start(host, "worker", *options)

    def _wait(self, ask: Callable[[], Any]) -> Any:
        for _ in range(1200):
            for name, process in self.processes.items():
                assert process.poll() is None, (self.folder / f"{name}.log").read_text()
            try:
                found = ask()
            except (OSError, ValueError):
                found = None
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError({p.name: p.read_text() for p in self.folder.glob("*.log")})

    def wait_until_at_work(self, host: str) -> None:
        """Wait until a submission runs on a machine."""
        self._wait(lambda: list((self.folder / host).rglob("task-*")))

    def kill(self, name: str) -> None:
        """Lose a machine, as when its power fails."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """End all."""
        for name in list(self.processes):
            self.kill(name)


@pytest.fixture
def sandbox() -> None:
    """Skip where no sandbox can be built."""
    try:
        with IsolatedRunner() as probe:
            probe.check()
    except SandboxError as error:
        require(False, str(error), "apt-get install bubblewrap, and allow user namespaces")


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.usefixtures("sandbox")
def test_a_machine_that_is_lost_in_the_middle_costs_nothing(
    root: Path, tmp_path: Path, capsys
) -> None:
    slow = "import time\ntime.sleep(0.4)\nmine = open('mine.txt').read()\n"
    for number in range(8):
        body = "x + x" if number % 3 == 0 else f"x * x if mine == '{number}' else 0"
        work = submission(square=f"{slow}def square(x):\n    return {body}")
        (hand_in(root, f"s{number}", work) / "mine.txt").write_text(str(number))
    hand_in(root, "broken", "{")
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(root, undisturbed)
    machines = Machines(tmp_path)
    try:
        for host in ("127.0.0.2", "127.0.0.3"):
            machines.add_worker(host)
        command = [sys.executable, "-m", "runtun.cli", "grade", str(root), "ps1", "--json"]
        command += ["--scheduler", machines.address]
        pipe = subprocess.PIPE
        driver = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path)
        for host in ("127.0.0.3", "127.0.0.2"):
            machines.wait_until_at_work(host)
        machines.kill("127.0.0.2")
        out, errors = driver.communicate(timeout=300)
        assert (driver.returncode, errors) == (1, "")
    finally:
        machines.close()
    found = by_student(out)
    assert [found[f"s{number}"]["points"] for number in range(8)] == [3, 5, 5, 3, 5, 5, 3, 5]
    assert found == graded(capsys, undisturbed, "--jobs", "1")
    assert rows(root) == rows(undisturbed)
    assert len(rows(root)) == 3 * 9
    assert len(list((root / ".runtun").rglob("*.json"))) == 8
    assert len(list((root / "feedback").rglob("*.html"))) == 9


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.usefixtures("sandbox")
def test_dasks_own_settings_encrypt_and_keep_strangers_out(
    root: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    import trustme
    from dask import config

    hand_in(root, "ani", submission())
    settings = {}
    for name in ("ours", "theirs"):
        folder = tmp_path / name
        folder.mkdir()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        certificate = authority.issue_cert("127.0.0.1", "127.0.0.2", "localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "own.pem")
        settings[name] = {
            "distributed.comm.require-encryption": "true",
            "distributed.comm.tls.ca-file": str(folder / "ca.pem"),
        } | {
            f"distributed.comm.tls.{role}.{part}": str(folder / "own.pem")
            for role in ("scheduler", "worker", "client")
            for part in ("cert", "key")
        }
    variables = {
        "DASK_" + name.upper().replace(".", "__").replace("-", "_"): value
        for name, value in settings["ours"].items()
    }
    machines = Machines(tmp_path, "tls", **variables)
    try:
        machines.add_worker("127.0.0.2", "tls")
        assert machines.address.startswith("tls://")
        monkeypatch.setattr(grading_cluster, "CONNECT_S", 2)
        for stranger in (settings["theirs"], {}):
            with config.set(stranger):
                code = main(["grade", str(root), "ps1", "--scheduler", machines.address])
            errors = capsys.readouterr().err
            assert (code, len(errors.splitlines())) == (2, 1), errors
            assert "cannot reach the scheduler at tls://" in errors
        monkeypatch.setattr(grading_cluster, "CONNECT_S", 20)
        with config.set(settings["ours"]):
            assert graded(capsys, root, "--scheduler", machines.address)["ani"]["points"] == 5
    finally:
        machines.close()
