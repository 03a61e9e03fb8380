"""Control groups (cgroup v2), where this process may make some.

The kernel then counts memory and processes for a submission's whole tree and stops it at the limit,
between two looks of the watch. It is usable where the group that the grader runs in was handed over
to it with the controllers `memory` and `pids`, for example by

    systemd-run --user --scope -p Delegate=yes runtun grade my-course ps1

Everywhere else the limits of each process and the watch over all of them must do.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path

NEEDED = frozenset({"memory", "pids"})


class Group:
    """A group for one process and all that it starts.

    Args:
        folder: of the group; made here.
        memory: bytes that the group may hold; what was there before it was added does not count.
        processes: processes and threads together.
    """

    def __init__(self, folder: Path, memory: int, processes: int) -> None:
        self.folder = folder
        folder.mkdir()
        self._write("memory.max", str(memory))
        self._write("pids.max", str(processes))
        for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            with contextlib.suppress(OSError):  # not on every kernel
                self._write(name, value)

    def add(self, pid: int) -> None:
        """Move a process here; what it starts from now on stays here."""
        self._write("cgroup.procs", str(pid))

    def exceeded(self) -> str:
        """Name the limit at which the kernel stopped the group: "memory", "processes" or ""."""
        if self._events("memory.events").get("oom_kill", 0):
            return "memory"
        return "processes" if self._events("pids.events").get("max", 0) else ""

    def close(self) -> None:
        """End what is left in the group, and the group."""
        with contextlib.suppress(OSError):
            self._write("cgroup.kill", "1")
        for _ in range(50):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
            if not self.folder.exists():
                return
            time.sleep(0.01)

    def _write(self, name: str, value: str) -> None:
        # Never create: these are the kernel's files.
        descriptor = os.open(self.folder / name, os.O_WRONLY)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)

    def _events(self, name: str) -> dict[str, int]:
        with contextlib.suppress(OSError, ValueError):
            lines = (self.folder / name).read_text().splitlines()
            return {key: int(value) for key, value in (line.split() for line in lines)}
        return {}


class Groups:
    """Makes groups below one folder.

    Args:
        folder: a group whose children are given the controllers.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)

    def make(self, memory: int, processes: int) -> Group:
        """Make a group with limits."""
        name = f"runtun-{os.getpid()}-{next(self._numbers)}"
        return Group(self.folder / name, memory, processes)


def find_groups(
    root: str | Path = "/sys/fs/cgroup", own: str | Path = "/proc/self/cgroup"
) -> Groups | None:
    """Return where groups can be made; None where nobody handed any over.

    Args:
        root: where cgroup v2 is mounted.
        own: the file that says which group this process is in.
    """
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path(own).read_text().splitlines()
        inside = next(line.partition("::")[2] for line in lines if line.startswith("0::"))
        folder = Path(root, inside.lstrip("/"))
        if folder.name == f"runtun-{os.getpid()}":  # moved here by an earlier call
            folder = folder.parent
        if not set((folder / "cgroup.controllers").read_text().split()) >= NEEDED:
            return None
        if not set((folder / "cgroup.subtree_control").read_text().split()) >= NEEDED:
            _hand_on(folder)
        return Groups(folder)
    return None


def _hand_on(folder: Path) -> None:
    """Give a group's children its controllers: only a group without processes may do that.

    Raises:
        OSError: it is not ours to change, or somebody else lives in it.
    """
    inhabitants = {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}
    if inhabitants - {os.getpid()}:
        raise OSError(f"{folder} is not empty")
    leaf = folder / f"runtun-{os.getpid()}"
    leaf.mkdir(exist_ok=True)
    (leaf / "cgroup.procs").write_text(str(os.getpid()))
    (folder / "cgroup.subtree_control").write_text("+memory +pids")
