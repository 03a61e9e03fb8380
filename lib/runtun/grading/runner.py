"""Running a rebuilt notebook: a task goes in, a result comes out, both plain JSON.

Anything with `run`, `close` and `identity` is a runner; the rest of the grader does not know which
one it has. `KernelRunner` executes everything of one submission in one Jupyter kernel, with limits
on time and output, in a scratch folder, with a scrubbed environment.

Task:
    schema      1
    key         names the task in messages
    language    "id" or "en"
    kernel      {name, language}
    cells       code cells in order: {id, role, source, student_source, points}
                role "shared": the instructor's code (a student's edited copy in student_source);
                "student": the student's code; "test": decides points
    files       [{name, path, origin}]: copied into the scratch folder; origin "course" or "student"
    limits      {startup_s, cell_s, notebook_s, cell_output_bytes, output_bytes}, and those of
                `sandbox.Limits` where the course sets them
    seed        for random generators

Result:
    schema      1
    status      "ok", or "failed" when the machinery (not the submission) failed
    reason      of a failure
    cells       {id: {state, value, error, outputs, seconds}}
                state "ok" | "error" | "timeout" | "died" | "flood" | "skipped"
                value: text of the last expression, or None
                error: {name, message, line} or None
    seconds     {start, cells, total}
    limits_hit, tamper, versions
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

DEFAULT_LIMITS: dict[str, float] = {
    "startup_s": 120,
    "cell_s": 60,
    "notebook_s": 600,
    "cell_output_bytes": 2**20,
    "output_bytes": 8 * 2**20,
}
MAX_RESTARTS = 3
_MAX_MESSAGE = 64 * 2**20

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# What a kernel may learn of the grader's environment.
_KEPT_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "SYSTEMROOT",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "KERAS_BACKEND",
)


class Runner(Protocol):
    """What the grader needs from anything that runs notebooks."""

    identity: str
    """Changes when verdicts may: it is part of the key under which results are kept."""

    def run(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Run one task; never raises for what a student's code does."""
        ...

    def close(self) -> None:
        """End every process that was started."""
        ...


class KernelRunner:
    """Run tasks in Jupyter kernels, a fresh one for each task.

    Args:
        reuse: keep the kernel for the next task and wipe its names in between. Imports stay, so
            many notebooks that load a large framework grade quickly. What one notebook patches
            may reach the next: only for notebooks that you wrote yourself.
        folder: run here instead of in a scratch folder; for a student's own machine.
    """

    identity = "kernel-1"

    def __init__(self, *, reuse: bool = False, folder: str | Path | None = None) -> None:
        self.reuse = reuse
        self.folder = Path(folder).resolve() if folder is not None else None
        self._kernel: _Kernel | None = None
        self._clean = True

    def __enter__(self) -> KernelRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the kernel, if one is running."""
        if self._kernel is not None:
            self._kernel.stop()
            self._kernel = None

    def run(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Run one task; see the module's text for its shape and the result's."""
        begin = time.monotonic()
        try:
            return self._run(task, begin)
        except KernelFailed as failure:
            self.close()
            return {
                "schema": 1,
                "status": "failed",
                "reason": str(failure),
                "cells": {},
                "seconds": {"start": 0.0, "cells": 0.0, "total": time.monotonic() - begin},
                "limits_hit": [],
                "tamper": [],
                "versions": {},
            }
        finally:
            if not self.reuse:
                self.close()

    def _run(self, task: Mapping[str, Any], begin: float) -> dict[str, Any]:
        limits = {**DEFAULT_LIMITS, **task.get("limits", {})}
        kernel = self._ready(task, limits)
        started = time.monotonic()
        deadline = started + limits["notebook_s"]
        room = int(limits["output_bytes"])
        cells: dict[str, dict[str, Any]] = {}
        hit: list[str] = []
        replay: list[str] = []  # code that a restarted kernel runs again
        restarts = 0

        for cell in task["cells"]:
            code = cell["student_source"] if cell.get("student_source") else cell["source"]
            left = min(limits["cell_s"], deadline - time.monotonic())
            if not kernel.alive and restarts < MAX_RESTARTS and left > 0:
                restarts += 1
                kernel.restart(limits["startup_s"])
                for earlier in replay:
                    kernel.execute(earlier, left, int(limits["cell_output_bytes"]))
                left = min(limits["cell_s"], deadline - time.monotonic())
            if left <= 0 and "notebook_s" not in hit:
                hit.append("notebook_s")
            if left <= 0 or not kernel.alive:
                cells[cell["id"]] = _empty("skipped")
                continue
            allowed = min(int(limits["cell_output_bytes"]), room)
            record = kernel.execute(code, left, allowed)
            room -= min(record.pop("bytes"), allowed)
            cells[cell["id"]] = record
            if record["state"] in ("timeout", "flood", "died"):
                hit.append(f"{record['state']}: {cell['id']}")
            elif cell["role"] != "test":
                replay.append(code)
        self._clean = kernel.alive and not restarts
        now = time.monotonic()
        return {
            "schema": 1,
            "status": "ok",
            "reason": "",
            "cells": cells,
            "seconds": {
                "start": round(started - begin, 3),
                "cells": round(now - started, 3),
                "total": round(now - begin, 3),
            },
            "limits_hit": hit,
            "tamper": [],
            "versions": {},
        }

    def _ready(self, task: Mapping[str, Any], limits: Mapping[str, Any]) -> _Kernel:
        name = task["kernel"]["name"]
        if self._kernel is not None and (self._kernel.name != name or not self._clean):
            self.close()
        if self._kernel is None:
            self._kernel = _Kernel(name, self.folder)
            self._kernel.start(limits["startup_s"])
        elif task["kernel"].get("language", "python") == "python":
            self._kernel.wipe(limits["startup_s"])
        self._kernel.place(task.get("files", ()))
        return self._kernel


class KernelFailed(Exception):
    """The kernel could not do its work, through no fault of the notebook."""


class _Kernel:
    """One Jupyter kernel with a scratch folder of its own."""

    def __init__(self, name: str, folder: Path | None) -> None:
        self.name = name
        # Short, because the paths of Unix sockets must be under 108 bytes.
        self._root = Path(tempfile.mkdtemp(prefix="rg-"))
        self._home = self._root / "home"
        self._home.mkdir()
        self.work = folder or self._root / "work"
        self.work.mkdir(exist_ok=True)
        self._manager: Any = None
        self._client: Any = None
        self._context: Any = None
        self._pid = 0
        self._starts = 0

    @property
    def alive(self) -> bool:
        return self._manager is not None and self._manager.is_alive()

    def start(self, timeout: float) -> None:
        import zmq
        from jupyter_client.kernelspec import NoSuchKernel
        from jupyter_client.manager import KernelManager

        self._context = zmq.Context()
        self._context.setsockopt(zmq.MAXMSGSIZE, _MAX_MESSAGE)  # or a flood fills our memory
        manager = KernelManager(kernel_name=self.name, context=self._context)
        self._starts += 1
        sockets = self._root / f"k{self._starts}"
        if os.name == "posix" and len(str(sockets)) < 90:
            # No open port, and a path that is never relative to another folder.
            manager.transport, manager.ip = "ipc", str(sockets)
        try:
            manager.start_kernel(
                cwd=str(self.work),
                env=scrubbed_environment(self._home),
                extra_arguments=["--HistoryManager.hist_file=:memory:"],
                # What bypasses the notebook must neither reach the terminal nor fill a disk.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except NoSuchKernel:
            raise KernelFailed(
                f"the notebook needs the Jupyter kernel {self.name!r}, which is not installed"
            ) from None
        except OSError as error:
            raise KernelFailed(f"the kernel {self.name!r} did not start: {error}") from error
        self._manager = manager
        self._pid = getattr(manager.provisioner, "pid", None) or 0
        self._client = manager.client()
        self._client.start_channels()
        try:
            self._client.wait_for_ready(timeout=timeout)
        except RuntimeError as error:
            self.stop(keep_folder=True)
            raise KernelFailed(f"the kernel {self.name!r} did not start: {error}") from error

    def restart(self, timeout: float) -> None:
        self.stop(keep_folder=True)
        self.start(timeout)

    def stop(self, *, keep_folder: bool = False) -> None:
        if self._client is not None:
            self._client.stop_channels()
            self._client = None
        if self._manager is not None:
            with contextlib.suppress(Exception):  # it may be dead already
                self._manager.shutdown_kernel(now=True)
            self._manager = None
        if self._pid and hasattr(os, "killpg"):
            with contextlib.suppress(OSError):  # children of the kernel that outlived it
                os.killpg(self._pid, signal.SIGKILL)
        self._pid = 0
        if self._context is not None:
            self._context.destroy(linger=0)
            self._context = None
        if not keep_folder:
            shutil.rmtree(self._root, ignore_errors=True)

    def place(self, files: Sequence[Mapping[str, str]]) -> None:
        for file in files:
            target = (self.work / file["name"]).resolve()
            if not target.is_relative_to(self.work.resolve()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file["path"], target)

    def wipe(self, timeout: float) -> None:
        """Forget the names of the last notebook and move to an empty folder."""
        self.work = Path(tempfile.mkdtemp(prefix="w", dir=self._root))
        record = self.execute(_WIPE.format(folder=str(self.work)), timeout, 2**16)
        if record["state"] != "ok":
            self.restart(timeout)

    def execute(self, code: str, seconds: float, output_bytes: int) -> dict[str, Any]:
        """Run one cell and collect what it shows, for at most so long and so many bytes."""
        begin = time.monotonic()
        message_id = self._client.execute(code, allow_stdin=False, stop_on_error=False)
        collected = _Outputs(output_bytes)
        state: str | None = None
        for message in self._messages(message_id, begin + seconds):
            if message is None:
                state = "timeout" if self.alive else "died"
                break
            if not collected.add(message):
                state = "flood"
                break
        content = self._reply(message_id) if state is None else {}
        if state in ("timeout", "flood") and not self._interrupted(message_id):
            self._manager.shutdown_kernel(now=True)
        if state is None:
            state = {"ok": "ok", "error": "error"}.get(content.get("status", ""), "died")
        error = None
        if state == "error":
            error = {
                "name": str(content.get("ename", ""))[:200],
                "message": _ANSI.sub("", str(content.get("evalue", "")))[:4000],
                "line": failing_line(content.get("traceback", []), content.get("execution_count")),
            }
        return {
            "state": state,
            "value": collected.value,
            "error": error,
            "outputs": collected.outputs,
            "seconds": round(time.monotonic() - begin, 3),
            "bytes": collected.size,
        }

    def _messages(self, message_id: str, deadline: float) -> Iterator[dict[str, Any] | None]:
        """Yield the outputs of one request until it is done; None when that will not happen."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                yield None
                return
            try:
                message = self._client.get_iopub_msg(timeout=min(left, 1.0))
            except queue.Empty:
                if not self.alive:
                    yield None
                    return
                continue
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if message["msg_type"] == "status":
                if message["content"]["execution_state"] == "idle":
                    return
                continue
            yield message

    def _reply(self, message_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                message = self._client.get_shell_msg(timeout=1)
            except queue.Empty:
                if not self.alive:
                    break
                continue
            if message["parent_header"].get("msg_id") == message_id:
                return message["content"]
        return {}

    def _interrupted(self, message_id: str) -> bool:
        """Interrupt the cell; say whether the kernel is ready for the next one."""
        with contextlib.suppress(Exception):  # a dead kernel cannot be interrupted
            self._manager.interrupt_kernel()
        if any(message is None for message in self._messages(message_id, time.monotonic() + 3)):
            return False
        return bool(self._reply(message_id))


class _Outputs:
    """Notebook outputs, merged and capped."""

    def __init__(self, limit: int) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.value: str | None = None
        self.size = 0
        self._limit = limit

    def add(self, message: Mapping[str, Any]) -> bool:
        """Keep one message; False when there is too much."""
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            self.outputs.clear()
            return True
        if kind not in ("stream", "display_data", "execute_result", "error"):
            return True
        self.size += sum(len(str(value)) for value in _texts(content))
        if self.size > self._limit:
            return False
        if kind == "stream":
            last = self.outputs[-1] if self.outputs else None
            if last and last["output_type"] == "stream" and last["name"] == content["name"]:
                last["text"] += content["text"]
            else:
                self.outputs.append(
                    {"output_type": kind, "name": content["name"], "text": content["text"]}
                )
            return True
        if kind == "error":
            self.outputs.append(
                {
                    "output_type": kind,
                    "ename": str(content.get("ename", "")),
                    "evalue": str(content.get("evalue", "")),
                    "traceback": [str(line) for line in content.get("traceback", ())],
                }
            )
            return True
        output = {"output_type": kind, "data": content["data"], "metadata": content["metadata"]}
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
            if self.value is None:
                self.value = str(content["data"].get("text/plain", ""))[:200]
        self.outputs.append(output)
        return True


def _texts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    else:
        yield value


def _empty(state: str) -> dict[str, Any]:
    return {"state": state, "value": None, "error": None, "outputs": [], "seconds": 0.0}


def failing_line(traceback: Sequence[str], execution_count: int | None) -> int | None:
    """Find the line of the cell itself at which an error arose, in IPython's traceback.

    >>> failing_line(["Cell In[3], line 12\\n   10 x = 1"], 3)
    12
    """
    text = _ANSI.sub("", "\n".join(str(line) for line in traceback))
    found = re.search(rf"Cell In\s?\[{execution_count}\], line (\d+)", text)
    return int(found.group(1)) if found else None


def scrubbed_environment(home: Path) -> dict[str, str]:
    """Build the environment of a kernel: no secrets, no settings of the grader's user."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    drawing = home / "matplotlib"
    drawing.mkdir(exist_ok=True)
    for fonts in _font_lists():  # or each kernel would spend seconds on finding the fonts again
        with contextlib.suppress(OSError):
            shutil.copy(fonts, drawing)
    return kept | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLCONFIGDIR": str(drawing),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
    }


def _font_lists() -> list[Path]:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "matplotlib"
    return sorted(cache.glob("fontlist-*.json"))


_WIPE = """
import os as _os, random as _random, sys as _sys
_os.chdir({folder!r})
if "matplotlib.pyplot" in _sys.modules:
    _sys.modules["matplotlib.pyplot"].close("all")
get_ipython().run_line_magic("reset", "-f")
import random as _random
_random.seed(0)
"""
