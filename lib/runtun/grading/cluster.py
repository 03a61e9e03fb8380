"""The workers of a Dask cluster as runners: the same grader, on other machines.

A task goes out as data, with the bytes of every file that it needs; what comes back is data too.
Each worker process keeps warm runners of its own, behind a sandbox of its own; journal and
gradebook are written here, by the one process that was started. A machine that is lost costs the
tasks that it was running, which run again elsewhere; whatever else goes wrong is an outcome.

Encryption is Dask's own: scheduler, workers and this process read `distributed.comm.tls` from the
same configuration or environment (DASK_DISTRIBUTED__COMM__TLS__CA_FILE and so on).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import tempfile
import threading
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from distributed import Client, Future, KilledWorker, default_client, get_worker

from runtun.grading import intake
from runtun.grading.bundle import Bundle
from runtun.grading.errors import CourseError
from runtun.grading.isolated import MAX_FILES_BYTES, IsolatedRunner, identity_of
from runtun.grading.pipeline import versions_of
from runtun.grading.sandbox import SandboxError

CONNECT_S = 20
# As many tasks wait at the scheduler as keeps every worker busy while results travel, and enough
# for a cluster that grows with its queue to begin with.
QUEUED_PER_THREAD, QUEUED_AT_LEAST = 2, 32
MAX_REFUSALS = 50


class Cluster:
    """A connection to a Dask scheduler, and what its workers are told about an assignment.

    Args:
        address: of the scheduler, tcp://host:port or tls://host:port; "default" is the client that
            this process has made current, however its cluster was started.
        bundles: the source notebooks; what they import must be of the same version everywhere.
        unsafe: let workers do without a sandbox.
        hide: folders that submissions must not see, on machines that have them.
        tell: called with a line when a worker is left out.

    Raises:
        CourseError: if the scheduler cannot be reached.
    """

    def __init__(
        self,
        address: str,
        bundles: Mapping[str, Bundle],
        *,
        unsafe: bool = False,
        hide: Iterable[str | Path] = (),
        tell: Callable[[str], None] = print,
    ) -> None:
        modules = sorted({"ipykernel"}.union(*(bundle.imports for bundle in bundles.values())))
        self.identity = identity_of(unsafe=unsafe)
        self.address = address
        self._settings = {
            "identity": self.identity,
            "unsafe": unsafe,
            "hide": [str(Path(path).resolve()) for path in hide],
            "modules": modules,
            "versions": versions_of(modules),
        }
        self._tell = tell
        self._lock = threading.Lock()
        self._left_out: set[str] = set()
        self._course: dict[tuple[tuple[str, str], ...], Future] = {}
        warnings.filterwarnings("ignore", message="Sending large graph")  # files beside notebooks
        # What these say of lost connections is said below, once and in one line.
        for name in ("distributed.client", "distributed.comm", "distributed.core"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._own = address != "default"
            if self._own:
                options = {"timeout": CONNECT_S, "set_as_default": False, "name": "runtun"}
                self._client = Client(address, **options)
            else:
                self._client = default_client()
            self._threads = sum(self._client.nthreads().values())
        except Exception as error:  # of many kinds, by the kind of address
            reason = " ".join(str(error).split()) or type(error).__name__
            raise CourseError(f"cannot reach the scheduler at {address}: {reason}") from error

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def described(self) -> str:
        """One line for the start of a run."""
        workers = len(self._client.nthreads())
        at_once = f"{workers} workers, {self._threads} submissions at once"
        return f"cluster {self.address}: {at_once if workers else 'waiting for workers'}"

    @property
    def jobs(self) -> int:
        """How many tasks to hand to the scheduler at once."""
        return max(QUEUED_PER_THREAD * self._threads, QUEUED_AT_LEAST)

    def runner(self) -> ClusterRunner:
        """Return a runner for one task at a time; any number may be at work."""
        return ClusterRunner(self)

    def close(self) -> None:
        """Let the workers end what they kept warm, and leave the cluster."""
        if self._client.status == "running":  # else the scheduler is gone, and asking takes long
            with contextlib.suppress(Exception):
                self._client.run(end_warm_runners, on_error="ignore")
        self._course.clear()
        if self._own:
            with contextlib.suppress(Exception):
                self._client.close(timeout=5)

    def submit(self, task: Mapping[str, Any]) -> Future:
        """Send a task to whichever worker is free."""
        own, course = {}, {}
        for file in task.get("files", ()):
            (course if file["origin"] == "course" else own)[file["name"]] = file["path"]
        order = {
            "settings": self._settings,
            "task": {**task, "files": []},
            "files": {n: intake.read_regular_file(p, MAX_FILES_BYTES) for n, p in own.items()},
        }
        key = f"runtun-{task['key'][:12]}-{uuid.uuid4().hex[:12]}"
        return self._client.submit(run_here, order, self._files(course), key=key, retries=0)

    def _files(self, paths: Mapping[str, str]) -> Future | dict[str, bytes]:
        """Send the course's files once; each worker that needs them fetches and keeps them."""
        if not paths:
            return {}
        place = tuple(sorted(paths.items()))
        with self._lock:
            if place not in self._course:
                files = {name: Path(path).read_bytes() for name, path in place}
                digest = hashlib.sha256()
                for name, content in files.items():
                    digest.update(json.dumps([name, len(content)]).encode() + content)
                key = f"runtun-files-{digest.hexdigest()}"
                # A task, not scattered data: if its worker is lost, the scheduler makes it again.
                self._course[place] = self._client.submit(dict, files, key=key)
            return self._course[place]

    def outcome(self, future: Future) -> dict[str, Any] | None:
        """Wait for the outcome of a task; None if the worker refused and it must go elsewhere.

        Raises:
            CourseError: if the scheduler is lost, or no worker can grade.
        """
        try:
            found = future.result()
        except KilledWorker:
            return _failed("every machine that ran it was lost")
        except Exception as error:
            if future.status == "error":
                return _failed(f"{type(error).__name__}: {error}")
            raise CourseError(
                f"lost the scheduler at {self.address}; what has run is kept: run it again to go on"
            ) from error
        if found["status"] != "refused":
            return found
        self._leave_out(found["worker"], found["reason"])
        return None

    def _leave_out(self, worker: str, reason: str) -> None:
        with self._lock:
            if worker not in self._left_out:
                self._left_out.add(worker)
                self._tell(f"worker {worker} is left out: {reason}")
                with contextlib.suppress(Exception):  # it may be gone by itself
                    self._client.retire_workers([worker], close_workers=True)
            if not set(self._client.nthreads()) - self._left_out:
                raise CourseError(f"no worker of the cluster can grade: {reason}")


class ClusterRunner:
    """A runner whose tasks run on the workers of a cluster; see `runtun.grading.runner`.

    Args:
        cluster: the connection.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.identity = cluster.identity
        self._cluster = cluster
        self._future: Future | None = None
        self._withdrawn = False

    def run(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Run one task somewhere."""
        for _ in range(MAX_REFUSALS):
            self._future = self._cluster.submit(task)
            try:
                outcome = self._cluster.outcome(self._future)
            except CourseError:
                if self._withdrawn:
                    return _failed("interrupted")
                raise
            finally:
                self._future = None
            if outcome is not None:
                return outcome
        return _failed("too many workers refused")

    def close(self) -> None:
        """Withdraw the task that is under way."""
        self._withdrawn = True
        future = self._future
        if future is not None:
            with contextlib.suppress(Exception):
                future.cancel(force=True)


def _failed(reason: str) -> dict[str, Any]:
    return {"status": "failed", "reason": reason}


# On the workers


class _Machine:
    """What one worker process keeps from task to task: runners, kept warm."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: dict[str, Any] = {}
        self._idle: list[IsolatedRunner] = []

    def take(self, settings: dict[str, Any]) -> IsolatedRunner:
        """Return a runner that nobody else has.

        Raises:
            SandboxError: if this machine must not grade, and why.
        """
        with self._lock:
            if settings != self._settings:
                self._close_idle()
                self._settings = settings
            if self._idle:
                return self._idle.pop()
        _compare(settings)
        hide = [*settings["hide"], get_worker().local_directory]
        runner = IsolatedRunner(unsafe_no_sandbox=settings["unsafe"], hide=hide)
        try:
            runner.check()
        except SandboxError:
            runner.close()
            raise
        return runner

    def give_back(self, runner: IsolatedRunner, settings: dict[str, Any]) -> None:
        """Keep a runner for the next task."""
        with self._lock:
            if settings == self._settings:
                self._idle.append(runner)
                return
        runner.close()

    def close_idle(self) -> None:
        """End the runners that nobody uses."""
        with self._lock:
            self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


_MACHINE = _Machine()


def _compare(settings: Mapping[str, Any]) -> None:
    """Make sure that verdicts from here are those that the driver would reach itself."""
    own = identity_of(unsafe=settings["unsafe"])
    if own != settings["identity"]:
        raise SandboxError(f"its grader is {own!r}, the driver's is {settings['identity']!r}")
    here, there = (json.loads(v) for v in (versions_of(settings["modules"]), settings["versions"]))
    if here != there:
        mine = {"python": here[0], **here[1]}
        wanted = {"python": there[0], **there[1]}
        differ = [
            f"{name} {mine.get(name, 'missing')} instead of {wanted.get(name, 'none')}"
            for name in sorted(mine.keys() | wanted.keys())
            if mine.get(name) != wanted.get(name)
        ]
        raise SandboxError(f"it has {', '.join(differ)}")


def run_here(order: Mapping[str, Any], course: Mapping[str, bytes]) -> dict[str, Any]:
    """Run one task in this worker process.

    Args:
        order: `settings` as in `Cluster`, the `task`, and the student's own `files`.
        course: the course's files, by name.

    Returns:
        The outcome; its status is "refused" if this machine must not grade.
    """
    settings, worker = dict(order["settings"]), get_worker()
    try:
        runner = _MACHINE.take(settings)
    except SandboxError as error:
        return {"status": "refused", "reason": str(error), "worker": worker.address}
    try:
        with tempfile.TemporaryDirectory(prefix="task-", dir=worker.local_directory) as scratch:
            files = []
            for origin, contents in (("student", order["files"]), ("course", course)):
                for name, content in contents.items():
                    path = Path(scratch, origin, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                    files.append({"name": name, "path": str(path), "origin": origin})
            outcome = runner.run({**order["task"], "files": files})
    except BaseException:
        runner.close()
        raise
    _MACHINE.give_back(runner, settings)
    return outcome


def end_warm_runners() -> None:
    """End what this worker process keeps warm."""
    _MACHINE.close_idle()
