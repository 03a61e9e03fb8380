"""The walls stand, the warm process is reusable, and without walls nothing is graded."""

from __future__ import annotations

import json
import os
import platform
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtun.grading import isolated, sandbox, warm
from runtun.grading.isolated import IsolatedRunner
from runtun.grading.sandbox import Limits, SandboxError
from tests.grading_isolated.support import make_task, states
from tests.support import require

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IsolatedRunner]:
    try:
        made = IsolatedRunner()
        made.check()
    except SandboxError as error:
        require(False, str(error), "apt-get install bubblewrap, and allow user namespaces")
        return
    with made:
        yield made


INSIDE = """
import json, os
status = dict(l.split(":", 1) for l in open("/proc/self/status") if ":" in l)
print(json.dumps({
    "pids": [p for p in os.listdir("/proc") if p.isdigit()],
    "scratch": sorted(os.listdir("/runtun")),
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "uid": os.getuid(),
    "capabilities": status["CapEff"].strip(),
    "filter": status["Seccomp"].strip(),
    "interfaces": [l.split(":")[0].strip() for l in open("/proc/net/dev") if ":" in l],
}))
"""


def look_inside(runner: IsolatedRunner) -> dict[str, object]:
    result = runner.run(make_task(INSIDE, "assert True"))
    return json.loads(result["cells"]["student-0"]["outputs"][0]["text"])


def test_a_submission_sees_itself_and_nothing_else(
    runner: IsolatedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTUN_SECRET_TOKEN", "1")
    seen = look_inside(runner)
    assert seen["pids"] == ["1"]
    assert seen["scratch"] == ["home", "tmp", "work"]
    assert seen["folder"] == sandbox.WORK
    assert seen["uid"] != 0
    assert int(str(seen["capabilities"]), 16) == 0
    assert seen["interfaces"] == ["lo"]
    assert "RUNTUN_SECRET_TOKEN" not in seen["environment"]
    assert seen["environment"]["HOME"] == "/runtun/home"
    if platform.machine() in ("x86_64", "aarch64"):
        assert seen["filter"] == "2"


def test_this_repository_and_the_home_are_not_there(runner: IsolatedRunner) -> None:
    root = Path(__file__).resolve().parents[2]
    home = Path.home()
    student = f"""
    import os
    def names(path): return sorted(os.listdir(path)) if os.path.isdir(path) else []
    def ask(): return names({str(root)!r}), names({str(home)!r})
    """
    test = """
    here, home = ask()
    assert not {"solutions", "tests", "gradebook.db", ".git"} & set(here), here
    assert not {".ssh", ".bashrc", ".profile", ".cache"} & set(home), home
    """
    result = runner.run(make_task(student, test))
    assert states(result) == ["ok"], result["cells"]["test-0"]


def test_a_hidden_folder_inside_a_visible_one_is_empty() -> None:
    folder = Path(isolated.__file__).resolve().parents[1] / "data"
    with IsolatedRunner(hide=[folder]) as hiding:
        student = f"import os\ndef ask(): return os.listdir({str(folder)!r})"
        assert states(hiding.run(make_task(student, "assert ask() == []"))) == ["ok"]


def test_copies_come_from_one_warm_process(runner: IsolatedRunner) -> None:
    before = runner.starts
    for _ in range(3):
        assert states(runner.run(make_task("x = 1", "assert x == 1"))) == ["ok"]
    assert runner.starts == before


def test_an_import_is_learned_without_a_new_start(runner: IsolatedRunner) -> None:
    before = runner.starts
    student = "import sys\nloaded = 'xml.dom.minidom' in sys.modules"
    task = make_task(student, "assert loaded", shared="import numpy as np, xml.dom.minidom")
    assert states(runner.run(task)) == ["ok"]
    task = make_task("import pandas\nimport sys", "import pandas")
    runner.run(task)
    assert "pandas" in runner.modules
    assert runner.starts == before


def test_a_students_odd_import_never_reaches_the_warm_process(runner: IsolatedRunner) -> None:
    runner.run(make_task("import nbval", "assert True"))
    assert "nbval" not in runner.modules


def test_the_warm_process_is_replaced_after_enough_copies(
    runner: IsolatedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "RECYCLE_AFTER", 2)
    before = runner.starts
    for _ in range(3):
        runner.run(make_task("x = 1", "assert x == 1"))
    assert runner.starts >= before + 2


def test_workers_share_the_imports_and_nothing_else(runner: IsolatedRunner) -> None:
    """A second worker costs milliseconds and little memory; what one breaks, only it loses."""
    runner.run(make_task("x = 1", "assert x == 1"))
    before = runner.starts
    with IsolatedRunner(beside=runner) as second:
        assert states(second.run(make_task("x = 1", "import pandas\nassert x == 1"))) == ["ok"]
        assert second._branch is not None
        assert runner._branch is not None
        assert second._branch.pid != runner._branch.pid
        assert sandbox.owned_bytes(second._branch.pid) < 40 << 20
        os.kill(second._branch.pid, signal.SIGKILL)
        assert states(runner.run(make_task("x = 1", "assert x == 1"))) == ["ok"]
        assert states(second.run(make_task("x = 1", "assert x == 1"))) == ["ok"]
    assert states(runner.run(make_task("x = 1", "import pandas\nassert x == 1"))) == ["ok"]
    assert runner.starts == before


def test_the_last_worker_takes_the_warm_process_with_it() -> None:
    first = IsolatedRunner()
    second = IsolatedRunner(beside=first)
    for one in (first, second):
        one.run(make_task("x = 1", "assert x == 1"))
    trunk = first._nursery.trunk
    assert trunk is not None
    first.close()
    assert trunk.process.poll() is None
    assert states(second.run(make_task("x = 1", "assert x == 1"))) == ["ok"]
    second.close()
    assert trunk.process.poll() is not None


def test_a_killed_warm_process_is_replaced(runner: IsolatedRunner) -> None:
    runner.check()
    source = runner._nursery.trunk
    assert source is not None
    os.killpg(source.process.pid, signal.SIGKILL)
    source.process.wait(10)
    assert states(runner.run(make_task("x = 1", "assert x == 1"))) == ["ok"]


@pytest.mark.parametrize("victim", ["student", "judge", "branch", "warm"])
def test_a_process_killed_from_outside_costs_no_points(
    runner: IsolatedRunner, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    """The kernel short of memory, or a person, may kill anything once."""
    killed: list[str] = []
    original = isolated._Session._test

    def kill_once(session: isolated._Session, *arguments: object) -> dict[str, object]:
        if not killed:
            killed.append(victim)
            if victim == "warm":
                assert runner._nursery.trunk is not None
                os.killpg(runner._nursery.trunk.process.pid, signal.SIGKILL)
            elif victim == "branch":
                assert runner._branch is not None
                os.kill(runner._branch.pid, signal.SIGKILL)
            else:
                process = getattr(session, victim)
                os.kill(process.pid, signal.SIGKILL)
        return original(session, *arguments)

    monkeypatch.setattr(isolated._Session, "_test", kill_once)
    tests = ["assert f(1) == 2", "assert f(2) == 3", "assert f(2) == 2"]
    result = runner.run(make_task("def f(x): return x + 1", tests))
    assert killed
    assert states(result) == ["ok", "ok", "error"], result["limits_hit"]


def test_broken_rules_of_the_exchange_are_reported_and_the_warm_process_goes(
    runner: IsolatedRunner,
) -> None:
    student = """
    import os, struct
    def f():
        for fd in range(3, 20):
            try: os.write(fd, struct.pack(">II", 2**32 - 1, 0))
            except OSError: pass
    """
    runner.run(make_task("x = 1", "assert x == 1"))  # a warm process stands, whatever came before
    before = runner.starts
    result = runner.run(make_task(student, "f()"))
    assert states(result) == ["died"]
    assert result["tamper"]
    runner.run(make_task("x = 1", "assert x == 1"))
    assert runner.starts == before + 1


def test_when_the_runner_closes_everything_is_gone() -> None:
    with IsolatedRunner() as short:
        short.check()
        source = short._nursery.trunk
        assert source is not None
        pids = sandbox.tree_of(source.process.pid)
        assert len(pids) >= 2
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{p}") for p in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{p}") for p in pids)


def test_memory_is_bounded_for_the_whole_submission() -> None:
    student = """
    import os, time
    for _ in range(6):
        if os.fork() == 0:
            hog = bytearray(b"x") * (60 << 20)
            time.sleep(100)
    time.sleep(100)
    """
    with IsolatedRunner(limits=Limits(memory_mb=200)) as small:
        result = small.run(make_task([student, "x = 1"], "assert x == 1", cell_s=60))
    assert result["cells"]["student-0"]["state"] == "died"
    assert "memory" in result["cells"]["student-0"]["error"]["message"]
    assert states(result) == ["ok"]


def test_an_assignment_may_set_the_limits_of_its_sandbox(runner: IsolatedRunner) -> None:
    student = """
    import resource
    def ask(): return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    hog = bytearray(b"x") * (300 << 20)
    """
    free = runner.run(make_task(student, "assert ask() == 256"))
    assert states(free) == ["ok"]
    tight = runner.run(make_task([student, "y = 1"], "assert ask() == 99", memory_mb=200))
    assert states(tight) == ["error"]
    assert tight["cells"]["student-0"]["state"] != "ok"
    few = runner.run(make_task(student, "assert ask() == 99", open_files=99))
    assert states(few) == ["ok"]


def test_without_namespaces_inside_each_process_gets_a_sandbox_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = WarmFailing.real = warm.WarmProcess
    monkeypatch.setattr(isolated, "WarmProcess", WarmFailing)
    assert real is not WarmFailing
    runner = IsolatedRunner()
    with pytest.warns(RuntimeWarning, match="cold") as caught:
        runner.check()
    with runner:
        assert "cold" in runner.protections
        for _ in range(2):
            seen = look_inside(runner)
            assert int(str(seen["capabilities"]), 16) == 0
            assert seen["interfaces"] == ["lo"]
        student = ["import os\ndef f(): os._exit(0)", "def g(): return 1"]
        result = runner.run(make_task(student, ["f()", "assert g() == 1"]))
        assert states(result) == ["died", "ok"]
    assert len(caught) == 1


class WarmFailing:
    """A warm process on a system that refuses namespaces within namespaces."""

    real: type[warm.WarmProcess]

    def __new__(cls, *args: object, walls: str = "full", **more: object) -> object:
        if walls == "full":
            raise SandboxError("Operation not permitted")
        return cls.real(*args, walls=walls, **more)  # type: ignore[arg-type]


def test_without_bubblewrap_the_grader_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "find_bubblewrap", lambda: None)
    with pytest.raises(SandboxError, match="unsafe-no-sandbox"):
        IsolatedRunner()
    assert "NO SANDBOX" in IsolatedRunner(unsafe_no_sandbox=True).protections


def test_the_walls_are_part_of_the_runners_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "find_bubblewrap", lambda: "/usr/bin/bwrap")
    names = {IsolatedRunner(unsafe_no_sandbox=unsafe).identity for unsafe in (True, False)}
    assert len(names) == 2
    assert IsolatedRunner(warm=False).identity in names  # as safe as a warm one


def test_a_sandbox_that_does_not_start_is_an_error_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(warm.sandbox, "find_bubblewrap", lambda: str(broken))
    with pytest.raises(SandboxError, match="user namespaces"):
        IsolatedRunner().check()
    result = IsolatedRunner().run(make_task("x = 1", "assert x == 1"))
    assert result["status"] == "failed"
    assert result["cells"] == {}


def test_a_machine_that_fails_once_costs_nobody_points(monkeypatch: pytest.MonkeyPatch) -> None:
    spawn, refused = IsolatedRunner.spawn, []

    def refuse_first(self: IsolatedRunner, *order: object) -> object:
        if not refused:
            refused.append(order)
            raise OSError("Resource temporarily unavailable")
        return spawn(self, *order)

    monkeypatch.setattr(IsolatedRunner, "spawn", refuse_first)
    with IsolatedRunner() as fresh:
        result = fresh.run(make_task("x = 1", "assert x == 1"))
    assert refused
    assert result["status"] == "ok"
    assert {cell["state"] for cell in result["cells"].values()} == {"ok"}


def test_a_machine_that_keeps_failing_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> object:
        raise OSError("Resource temporarily unavailable")

    monkeypatch.setattr(IsolatedRunner, "spawn", refuse)
    with IsolatedRunner() as fresh:
        result = fresh.run(make_task("x = 1", "assert x == 1"))
    assert result["status"] == "failed"
    assert result["reason"] == "Resource temporarily unavailable"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_denies_what_it_lists_and_allows_the_rest(machine: str) -> None:
    program = sandbox.filter_program(machine)
    assert program is not None
    steps = list(struct.iter_unpack("<HBBI", program))
    column, audit, clone, clone3 = sandbox._MACHINES[machine]
    for name, numbers in sandbox._FORBIDDEN.items():
        if numbers[column] is not None:
            assert run_filter(steps, audit, numbers[column], 0) == 0x50001, name
    assert run_filter(steps, audit, clone3, 0) == 0x50026
    assert run_filter(steps, audit, clone, 0x10000000) == 0x50001
    assert run_filter(steps, audit, clone, 0x3D0F00) == 0x7FFF0000
    assert run_filter(steps, audit, 1, 0) == 0x7FFF0000
    assert run_filter(steps, 0x40000003, 1, 0) == 0x80000000


def run_filter(steps: list[tuple[int, ...]], audit: int, number: int, argument: int) -> int:
    """Run a system call filter as the kernel does."""
    memory = {0: number, 4: audit, 16: argument}
    position = value = 0
    while True:
        code, yes, no, k = steps[position]
        position += 1
        if code == 0x20:
            value = memory[k]
        elif code == 0x06:
            return k
        else:
            holds = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code]
            position += yes if holds else no


def test_a_machine_without_a_table_has_no_filter() -> None:
    assert sandbox.filter_program("riscv64") is None


def test_a_kill_from_outside_costs_nothing_even_where_the_submission_ends_itself(
    runner: IsolatedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kill comes in the second session, whose verdict alone would have stood."""
    sessions = []
    run_cell = isolated._Session._run_cell

    def kill_once(session, cell):
        if session not in sessions:
            sessions.append(session)
        if len(sessions) == 2 and cell["id"] == "test-1" and not killed:
            killed.append(session.student.pid)
            os.kill(session.student.pid, signal.SIGKILL)
        return run_cell(session, cell)

    killed: list[int] = []
    monkeypatch.setattr(isolated._Session, "_run_cell", kill_once)
    student = ["import os\ndef f(): os._exit(0)", "def g(): return 1"]
    result = runner.run(make_task(student, ["assert f() is None", "assert g() == 1"]))
    assert states(result) == ["died", "ok"]
    assert len(killed) == 1
    assert len(sessions) == 3
    sessions.clear()
    result = runner.run(make_task(student[1], "assert g() == 1"))
    assert states(result) == ["ok"]
    assert len(sessions) == 1


def test_a_submission_that_ends_itself_each_time_elsewhere_comes_to_an_end(
    runner: IsolatedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = []
    run_cell = isolated._Session._run_cell

    def kill_often(session, cell):
        if session not in sessions:
            sessions.append(session)
        if cell["id"] == f"test-{len(sessions) - 1}":
            os.kill(session.student.pid, signal.SIGKILL)
        return run_cell(session, cell)

    monkeypatch.setattr(isolated._Session, "_run_cell", kill_often)
    tests = [f"assert g() == 1, {i}" for i in range(8)]
    result = runner.run(make_task("def g(): return 1", tests))
    assert len(sessions) == isolated.SESSIONS + 1
    assert states(result).count("died") == 1
