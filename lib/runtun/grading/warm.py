"""A warm process: it has imported what the course needs, and forks a copy whenever one is wanted.

Importing TensorFlow and PyTorch takes ten seconds, forking takes twenty milliseconds. The warm
process lives in the sandbox and runs nobody's code; each copy walls itself off from it and from
the others before it runs anything. It may load libraries but must not use them: no TensorFlow
operation, no thread, no event loop before a fork.

This module is both ends: `WarmProcess` on the grader's side, `main` inside.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from runtun.grading import sandbox
from runtun.grading.cgroups import Group
from runtun.grading.codec import Channel
from runtun.grading.sandbox import Limits, SandboxError

ALWAYS = (
    "numpy",
    "IPython.core.interactiveshell",
    "IPython.core.inputtransformer2",
    "runtun.grading.judge",
    "runtun.grading.student",
)
# Slow to import, so only for notebooks that draw; the second looks for fonts.
DRAWING = ("matplotlib.pyplot", "matplotlib.font_manager", "matplotlib_inline.backend_inline")
_CREDENTIALS = struct.Struct("iii")


class Process:
    """A copy of the warm process, from the grader's side.

    Args:
        control: the channel for orders.
        pid: its number as the grader sees it.
        group: True if its whole process group must be killed (no pid namespace around it).
    """

    def __init__(self, control: Channel, pid: int, group: bool) -> None:
        self.control = control
        self.pid = pid
        self.group = group
        self.handle = -1
        with contextlib.suppress(OSError, AttributeError):
            self.handle = os.pidfd_open(pid)
        self.base_bytes = sandbox.private_bytes(pid)
        self.owner: WarmProcess | None = None
        self.bounds: Group | None = None

    def alive(self) -> bool:
        """Whether the process still runs."""
        if self.handle >= 0:
            return not select.select([self.handle], [], [], 0)[0]
        with contextlib.suppress(OSError):
            os.kill(self.pid, 0)
            return True
        return False

    def usage(self) -> tuple[int, int]:
        """Return bytes of memory beyond the warm process's, and the number of processes."""
        pids = sandbox.tree_of(self.pid)
        grown = [max(0, sandbox.private_bytes(pid) - self.base_bytes) for pid in pids]
        return sum(grown), len(pids)

    def send_kill(self) -> None:
        """Begin to end it, without waiting."""
        if self.group:
            return  # what it started must be found first
        with contextlib.suppress(OSError):
            if self.handle >= 0:
                # In a namespace of its own: everything in it dies with its first process.
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End it and everything it started."""
        others = sandbox.tree_of(self.pid)[1:] if self.group else []
        self.send_kill()
        if self.group:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
            for pid in others:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        if self.handle >= 0:
            select.select([self.handle], [], [], 5)
            os.close(self.handle)
            self.handle = -1
        self.control.close()
        if self.bounds is not None:
            self.bounds.close()
        if self.owner is not None:
            self.owner.close()


class Source:
    """Something that forks copies on request: the warm process, or a branch of it.

    Args:
        ours: the socket for requests.
        limits: of each copy.
        walls: see `WarmProcess`.
    """

    def __init__(self, ours: socket.socket, limits: Limits, walls: str) -> None:
        self.socket = ours
        self.limits = limits
        self.walls = walls
        self.forks = 0
        self.folders: list[str] = []

    def spawn(
        self, role: str, task: dict[str, Any], calls: socket.socket, limits: Limits | None = None
    ) -> Process:
        """Return a new copy, walled off and ready for orders.

        Args:
            role: "judge" or "student".
            task: {"seed", "cell_output_bytes"}.
            calls: the copy's end of the channel between judge and student.
            limits: of this copy, if not those of all.

        Raises:
            SandboxError: no copy came.
        """
        ours, theirs = socket.socketpair()
        request: dict[str, Any] = {"role": role, "limits": sandbox.as_json(limits or self.limits)}
        if self.walls == "none":
            self.folders.append(tempfile.mkdtemp(prefix="runtun-"))
            request["folder"] = self.folders[-1]
        try:
            pid = self._request(request, ours, [theirs, calls])
        except (OSError, SandboxError) as error:
            ours.close()
            raise SandboxError(str(error)) from None
        finally:
            theirs.close()
        self.forks += 1
        process = Process(Channel(ours), pid, group=self.walls != "full")
        try:
            process.control.send(task, timeout=10)
            process.control.receive(timeout=60)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            process.kill()
            raise SandboxError(f"a copy of the warm process did not start: {error}") from None
        return process

    def _request(
        self, request: dict[str, Any], ours: socket.socket, theirs: list[socket.socket]
    ) -> int:
        """Ask for a new process that holds `theirs`; return its number as seen from here."""
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        data = json.dumps(request).encode()
        socket.send_fds(self.socket, [data], [one.fileno() for one in theirs])
        theirs[0].close()
        if not select.select([ours], [], [], 60)[0]:
            raise SandboxError("no copy of the warm process came")
        # The kernel, not the copy, says which process wrote.
        answer, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
        if answer != b"+" or not ancillary:
            raise SandboxError("a copy of the warm process did not wall itself off")
        pid, _, _ = _CREDENTIALS.unpack(ancillary[0][2][: _CREDENTIALS.size])
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        return pid

    def close(self) -> None:
        """Ask for no more copies."""
        self.socket.close()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.folders.clear()


class WarmProcess(Source):
    """Starts the warm process and asks it for copies, or for branches that make copies.

    Args:
        preload: modules to import; those that are not installed are skipped.
        hide: folders that must not be visible inside.
        limits: of each copy.
        walls: "full", "none", or "outer": no namespaces of its own for the copy, which then must
            be the only one.
        timeout: seconds to wait for the imports.

    Raises:
        SandboxError: it did not start, or the walls could not be put up.
    """

    def __init__(
        self,
        preload: Iterable[str],
        *,
        hide: Iterable[str | Path] = (),
        limits: Limits | None = None,
        walls: str = "full",
        timeout: float = 180,
    ) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__(ours, limits or Limits(), walls)
        self.asked = dict.fromkeys(preload)
        self.staging: str | None = None
        self.branches = 0
        self.retired = False
        self._lock = threading.RLock()
        plan = {
            "socket": theirs.fileno(),
            "preload": list(self.asked),
            "limits": sandbox.as_json(self.limits),
            "walls": walls,
        }
        boot = (
            f"import sys; sys.path.append({str(Path(__file__).resolve().parents[2])!r}); "
            "from runtun.grading.warm import main; main(sys.argv[1])"
        )
        command = [sys.executable, "-I", "-c", boot, json.dumps(plan)]
        environment = sandbox.environment()
        if walls != "none":
            bwrap = sandbox.find_bubblewrap()
            if bwrap is None:
                raise SandboxError("bubblewrap (bwrap) is not installed")
            command, self.staging = sandbox.bubblewrap_command(
                bwrap, command, hide=hide, scratch_mb=self.limits.scratch_mb
            )
        else:
            self.folders.append(tempfile.mkdtemp(prefix="runtun-"))
            environment["HOME"] = self.folders[0]
            environment["MPLCONFIGDIR"] = self.folders[0]
        with tempfile.TemporaryFile() as complaints:
            self.process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
            theirs.close()
            try:
                self.report = self._receive(timeout)
            except (TimeoutError, EOFError, OSError, ValueError):
                self.close()
                complaints.seek(0)
                lines = complaints.read(1 << 20).decode("utf-8", "replace").strip().splitlines()
                last = lines[-1] if lines else "no answer"
                raise SandboxError(f"the warm process did not start: {last}") from None
        if not self.report.get("ready"):
            self.close()
            raise SandboxError(self.report.get("reason", "the warm process did not start"))

    def _receive(self, timeout: float) -> dict[str, Any]:
        if not select.select([self.socket], [], [], timeout)[0]:
            raise TimeoutError("the warm process does not answer")
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("the warm process ended")
        return json.loads(data)

    def load(self, modules: Iterable[str], timeout: float = 180) -> None:
        """Import what is not imported yet, for copies to come.

        Raises:
            SandboxError: no answer came.
        """
        with self._lock:
            self._load(modules, timeout)

    def _load(self, modules: Iterable[str], timeout: float) -> None:
        missing = [name for name in dict.fromkeys(modules) if name not in self.asked]
        if not missing:
            return
        self.asked.update(dict.fromkeys(missing))
        try:
            self.socket.send(json.dumps({"load": missing}).encode())
            self._receive(timeout)
        except (TimeoutError, EOFError, OSError, ValueError) as error:
            raise SandboxError(f"the warm process did not import: {error}") from None

    def branch(self) -> Branch:
        """Return a new branch: a process that shares this one's memory and makes copies alone.

        Raises:
            SandboxError: none came.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with self._lock:
            try:
                pid = self._request({"branch": True}, ours, [theirs])
            except (OSError, SandboxError) as error:
                ours.close()
                theirs.close()
                raise SandboxError(str(error)) from None
            self.branches += 1
            return Branch(ours, self, pid)

    def leave(self) -> None:
        """Note the end of a branch."""
        with self._lock:
            self.branches -= 1
            if self.retired and not self.branches:
                self.close()

    def retire(self) -> None:
        """End when the last branch has ended."""
        with self._lock:
            self.retired = True
            if not self.branches:
                self.close()

    def close(self) -> None:
        """End the warm process and all its copies."""
        super().close()
        with contextlib.suppress(OSError):
            self.process.kill()
        with contextlib.suppress(Exception):
            self.process.wait(10)
        if self.staging is not None:
            with contextlib.suppress(OSError):
                os.rmdir(self.staging)


class Branch(Source):
    """A worker's own warm process: forked from the first in milliseconds, sharing its memory.

    Args:
        ours: the socket for requests.
        trunk: where it was forked from.
        pid: its number as the grader sees it.
    """

    def __init__(self, ours: socket.socket, trunk: WarmProcess, pid: int) -> None:
        super().__init__(ours, trunk.limits, trunk.walls)
        self.trunk = trunk
        self.knows = len(trunk.asked)
        self.pid = pid

    @property
    def fresh(self) -> bool:
        """Whether the first process has imported nothing more since."""
        return self.knows == len(self.trunk.asked)

    def spawn(
        self, role: str, task: dict[str, Any], calls: socket.socket, limits: Limits | None = None
    ) -> Process:
        """Return a new copy; see `Source`."""
        process = super().spawn(role, task, calls, limits)
        self.trunk.forks += 1
        return process

    def close(self) -> None:
        """End the branch; its copies are ended by whoever asked for them."""
        self.trunk.folders += self.folders  # a copy may still work in one
        self.folders.clear()
        super().close()
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        self.trunk.leave()


# Inside


def main(plan_text: str) -> None:
    """Import, report, and fork a copy for every request."""
    plan = json.loads(plan_text)
    sock = socket.socket(fileno=plan["socket"])
    limits = Limits(**plan["limits"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's to handle
    loaded = preload(plan["preload"])
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    gc.collect()
    gc.freeze()
    report: dict[str, Any] = {"ready": True, "loaded": loaded, "threads": threads}
    if plan["walls"] == "full":
        reason = _rehearse(limits)
        if reason is not None:
            report = {"ready": False, "reason": reason}
    sock.send(json.dumps(report).encode())
    if report["ready"]:
        _serve(sock, plan["walls"])


def _serve(sock: socket.socket, walls: str) -> None:
    """Fork for every request, until the grader closes the socket."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(sock, 1 << 16, 2)
        if not data:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # branches that have ended
                pass
        request = json.loads(data)
        if "load" in request:
            gc.unfreeze()
            loaded = preload(request["load"])
            if "runtun.grading.student" in loaded:
                sys.modules["runtun.grading.student"].prepare_shell()
            gc.collect()
            gc.freeze()
            sock.send(json.dumps({"loaded": loaded}).encode())
            continue
        pid = os.fork()
        if pid == 0:
            try:
                if "branch" in request:
                    _grow(sock, socket.socket(fileno=descriptors[0]), walls)
                else:
                    _become(request, descriptors, Limits(**request["limits"]), walls)
            finally:
                os._exit(1)
        for descriptor in descriptors:
            os.close(descriptor)
        if walls == "full" and "branch" not in request:
            os.waitpid(pid, 0)  # the go-between; the copy itself is its child


def _grow(old: socket.socket, new: socket.socket, walls: str) -> None:
    """Be a branch: serve on a socket of one's own, and end with the process it came from."""
    old.close()
    sandbox.die_with_parent()
    new.send(b"+")
    _serve(new, walls)


def preload(names: Sequence[str]) -> list[str]:
    """Import modules, skipping what is not there; return what was loaded.

    >>> preload(["json", "no_such_module_at_all"])
    ['json']
    """
    loaded = []
    for name in names:
        # A library that cannot be imported is a matter of the notebook that wants it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
            loaded.append(name)
    return loaded


def _rehearse(limits: Limits) -> str | None:
    """Put the walls up once in a copy; return why that fails, if it does."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            sandbox.unshare_namespaces()
            inner = os.fork()
            if inner == 0:
                try:
                    sandbox.mount_private(limits)
                    sandbox.set_limits(limits)
                    sandbox.drop_privileges()
                    os.write(write, b"+")
                except BaseException as error:
                    os.write(write, str(error).encode()[:500])
                os._exit(0)
            os.waitpid(inner, 0)
        except BaseException as error:
            os.write(write, str(error).encode()[:500])
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    said = os.read(read, 1000).decode()
    os.close(read)
    return None if said == "+" else f"namespaces inside the sandbox: {said or 'no answer'}"


def _become(request: dict[str, Any], fds: list[int], limits: Limits, walls: str) -> None:
    """Turn this fork into a walled-off judge or student process; never returns."""
    os.setsid()
    sandbox.close_descriptors(fds)
    if walls == "full":
        sandbox.unshare_namespaces()
        if os.fork() != 0:
            os._exit(0)
        sandbox.mount_private(limits)
    folder = request.get("folder", sandbox.WORK)
    os.chdir(folder)
    if walls == "none":
        os.environ["HOME"] = os.environ["TMPDIR"] = folder
    sandbox.set_limits(limits)
    if walls != "none":
        sandbox.drop_privileges()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    control, calls = (socket.socket(fileno=fd) for fd in fds)
    control.sendall(b"+")
    role = importlib.import_module(f"runtun.grading.{request['role']}")
    try:
        role.main(Channel(control), Channel(calls))
    except BaseException:
        os._exit(1)
    os._exit(0)
