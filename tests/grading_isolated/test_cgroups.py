"""Control groups are made where they were handed over, and nothing is touched where not.

The kernel's folder is modelled by ordinary files; where this machine hands groups over, the last
test uses real ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtun.grading.cgroups import Group, Groups, find_groups
from runtun.grading.isolated import IsolatedRunner
from tests.grading_isolated.support import make_task, states

FILES = ("memory.max", "memory.swap.max", "pids.max", "cgroup.procs", "memory.oom.group")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model: each new folder gets the kernel's files, which vanish with it."""
    original, remove = Path.mkdir, Path.rmdir

    def mkdir(self: Path, *arguments: object, **more: object) -> None:
        original(self, *arguments, **more)  # type: ignore[arg-type]
        for name in FILES:
            (self / name).touch()

    def rmdir(self: Path) -> None:
        for name in (*FILES, "memory.events", "pids.events"):
            (self / name).unlink(missing_ok=True)
        remove(self)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "rmdir", rmdir)
    scope = tmp_path / "user.slice" / "runtun.scope"
    scope.mkdir(parents=True)
    (tmp_path / "own").write_text("3:cpu:/elsewhere\n0::/user.slice/runtun.scope\n")
    (scope / "cgroup.controllers").write_text("cpu memory pids\n")
    (scope / "cgroup.subtree_control").write_text("\n")
    (scope / "cgroup.procs").write_text(f"{os.getpid()}\n")
    return tmp_path


def find(kernel: Path) -> Groups | None:
    return find_groups(kernel, kernel / "own")


def test_a_group_that_is_ours_hands_its_controllers_on(kernel: Path) -> None:
    scope = kernel / "user.slice" / "runtun.scope"
    groups = find(kernel)
    assert groups is not None
    assert groups.folder == scope
    assert (scope / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert (scope / f"runtun-{os.getpid()}" / "cgroup.procs").read_text() == str(os.getpid())
    (kernel / "own").write_text(f"0::/user.slice/runtun.scope/runtun-{os.getpid()}\n")
    (scope / "cgroup.subtree_control").write_text("memory pids")
    again = find(kernel)
    assert again is not None
    assert again.folder == scope


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cgroup.controllers", "cpu"),
        ("cgroup.procs", f"{os.getpid()}\n1\n"),
    ],
    ids=["memory is not ours to limit", "somebody else lives there"],
)
def test_what_was_not_handed_over_stays_as_it_is(kernel: Path, name: str, text: str) -> None:
    scope = kernel / "user.slice" / "runtun.scope"
    (scope / name).write_text(text)
    assert find(kernel) is None
    assert (scope / "cgroup.subtree_control").read_text() == "\n"
    assert not [path for path in scope.iterdir() if path.is_dir()]


def test_without_a_version_two_there_are_no_groups(kernel: Path) -> None:
    (kernel / "own").write_text("4:memory:/user.slice\n")
    assert find(kernel) is None
    assert find_groups(kernel / "nowhere", kernel / "own") is None


def test_a_group_has_its_limits_and_says_which_was_reached(kernel: Path) -> None:
    groups = find(kernel)
    assert groups is not None
    group = groups.make(100 << 20, 64)
    group.add(4711)
    found = {name: (group.folder / name).read_text() for name in FILES}
    assert found == {
        "memory.max": str(100 << 20),
        "memory.swap.max": "0",
        "pids.max": "64",
        "cgroup.procs": "4711",
        "memory.oom.group": "1",
    }
    assert group.exceeded() == ""
    (group.folder / "pids.events").write_text("max 3\n")
    assert group.exceeded() == "processes"
    (group.folder / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    assert group.exceeded() == "memory"
    folder = group.folder
    group.close()
    assert not folder.exists()
    assert groups.make(1, 1).folder != folder


def test_a_submission_gets_a_group_of_its_own_and_it_goes_with_it(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = find(kernel)
    made: list[tuple[Path, str]] = []
    closed = Group.close

    def close(self: Group) -> None:
        made.append((self.folder, (self.folder / "cgroup.procs").read_text()))
        closed(self)

    monkeypatch.setattr(Group, "close", close)
    with IsolatedRunner(unsafe_no_sandbox=True) as runner:
        runner.groups = groups
        assert states(runner.run(make_task("x = 1", "assert x == 1"))) == ["ok"]
    assert len(made) == 2  # the student's process and the judge's
    assert all(pid.isdigit() and not folder.exists() for folder, pid in made)


_REAL = """
from tests.grading_isolated.support import make_task
from runtun.grading.isolated import IsolatedRunner
from runtun.grading.sandbox import Limits
with IsolatedRunner(limits=Limits(memory_mb=200)) as runner:
    assert runner.groups is not None
    result = runner.run(make_task("hog = [bytearray(b'x' * 2**20) for _ in range(1000)]", "pass"))
    print(result["cells"]["student-0"]["error"]["message"])
"""


@pytest.mark.sandbox
def test_the_kernel_stops_a_group_at_its_limit() -> None:
    scope = ["systemd-run", "--user", "--scope", "-q", "-p", "Delegate=yes"]
    try:
        possible = subprocess.run([*scope, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no systemd here to hand groups over")
    if possible.returncode != 0:
        pytest.skip("systemd hands no groups over here")
    command = [*scope, sys.executable, "-c", _REAL]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "memory" in done.stdout
