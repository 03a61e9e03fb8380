"""Execute the pages of a book before Sphinx reads them, as many at once as there are cores.

Sphinx executes one page after the other and leaves all cores but one idle. Here the pages whose
outputs are not stored yet are executed first and stored as myst-nb would store them, so that Sphinx
then finds every one. Nothing of what a page shows changes: a kernel of its own, an empty folder,
one thread.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jupyter_client import AsyncKernelManager
from nbformat import NotebookNode

SETTINGS = {
    # Several processes with several threads each would wait for one another, and the last digits
    # of a sum depend on the number of threads.
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    # Their start-up notes are for their developers.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
}
"""What the processes of a build find in their environment, unless it says otherwise."""


def environment() -> dict[str, str]:
    """Return the environment for a build's processes: this one's, with `SETTINGS`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**SETTINGS, **os.environ, "PATH": path}


_alive: set[AsyncKernelManager] = set()


def make_kernel_manager(log: IO[bytes]) -> type[AsyncKernelManager]:
    """Return a class of kernels whose own stderr goes to a file.

    Frameworks greet there while they load, which would tear the lines of the build apart. What a
    cell writes to stderr takes another way and is not lost.
    """

    class QuietKernelManager(AsyncKernelManager):
        async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: Any) -> None:
            kw["env"] = {**SETTINGS, **kw.get("env", os.environ)}
            await super()._async_launch_kernel(kernel_cmd, **kw, stderr=log)
            _alive.add(self)

        async def _async_cleanup_resources(self, restart: bool = False) -> None:
            _alive.discard(self)
            await super()._async_cleanup_resources(restart=restart)

    return QuietKernelManager


def kill_kernels() -> None:
    """End every kernel at once; who waits for one is told that it died."""
    for manager in list(_alive):
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.kill(manager.provisioner.pid, signal.SIGKILL)


@dataclass(frozen=True)
class Page:
    """A page with code.

    Attributes:
        name: what the table of contents calls it.
        path: its source.
        notebook: its cells, not executed.
    """

    name: str
    path: Path
    notebook: NotebookNode

    @property
    def cells(self) -> list[str]:
        """The code of its cells."""
        return [cell.source for cell in self.notebook.cells if cell.cell_type == "code"]


def names_in(toc: Any) -> Iterator[str]:
    """Yield the pages that a table of contents lists, however deep.

    >>> list(names_in({"root": "index", "parts": [{"chapters": [{"file": "a"}, {"file": "b"}]}]}))
    ['index', 'a', 'b']
    """
    if isinstance(toc, dict):
        for key, value in toc.items():
            if key in ("root", "file"):
                yield value
            else:
                yield from names_in(value)
    elif isinstance(toc, list):
        for item in toc:
            yield from names_in(item)


@functools.lru_cache(maxsize=256)
def read_notebook(path: Path, changed_ns: int, extensions: frozenset[str]) -> NotebookNode | None:
    """Read a page's source as Sphinx does; None if it is no notebook.

    Args:
        path: the source.
        changed_ns: when it was changed; a page that was not is read once (`--serve`).
        extensions: of MyST; they decide what counts as a cell.
    """
    from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
    from myst_parser.config.main import MdParserConfig

    text = path.read_text(encoding="utf-8")
    if not is_myst_markdown_notebook(text):
        return None
    config = MdParserConfig(enable_extensions=set(extensions))
    return read_myst_markdown_notebook(text, config, add_source_map=True, path=path)


def find_stale(source: Path, config: dict[str, Any], toc: Any, store: Path) -> list[Page]:
    """Return the pages whose outputs are not stored, those with most code first.

    A long page that began last would keep one core busy and the others idle.

    Args:
        source: the folder of one language.
        config: its configuration, in Jupyter Book's format.
        toc: its table of contents.
        store: the folder of executed notebooks.
    """
    from jupyter_cache import get_cache

    cache = get_cache(store)
    extensions = frozenset(config.get("parse", {}).get("myst_enable_extensions", ()))
    stale = []
    for name in dict.fromkeys(names_in(toc)):
        path = source / f"{name}.md"
        if not path.is_file():
            continue  # Sphinx says so
        notebook = read_notebook(path, path.stat().st_mtime_ns, extensions)
        if notebook is None or not (page := Page(name, path, notebook)).cells:
            continue
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            stale.append(page)
    return sorted(stale, key=lambda page: -sum(len(code) for code in page.cells))


def execute(page: Page, timeout: int) -> tuple[NotebookNode, float, str]:
    """Execute a page in an empty folder.

    Args:
        page: its notebook stays as it is.
        timeout: seconds a cell may take.

    Returns:
        The executed notebook, its seconds, and what went wrong ("" if nothing did).
    """
    import nbformat
    from jupyter_cache.executors.utils import single_nb_execution

    notebook = nbformat.from_dict(page.notebook)  # a copy
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        try:
            result = single_nb_execution(
                notebook,
                cwd=folder,
                timeout=timeout,
                allow_errors=False,
                kernel_manager_class=make_kernel_manager(log),
            )
        except Exception as error:  # the kernel died or never lived: it says why on stderr
            log.seek(0)
            words = log.read().decode(errors="replace")[-2000:]
            return notebook, time.perf_counter() - started, f"{error!r}\n{words}"
    error = str(result.err) if result.err else ""
    return notebook, result.time, re.sub(r"\x1b\[[\d;]*m", "", error)  # without colours: logs


def execute_pages(
    pages: list[Page],
    store: Path,
    *,
    timeout: int,
    say: Callable[[str], None],
    workers: int | None = None,
) -> list[str]:
    """Execute pages and store their outputs; a line for each says what it took.

    After a failure no other page begins; those under way are finished and stored.

    Args:
        pages: in the order in which they begin.
        store: the folder of executed notebooks.
        timeout: seconds a cell may take.
        say: prints a line.
        workers: how many at once; as many as there are cores by default.

    Returns:
        The names of the pages that failed; their errors were printed.
    """
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    cache = get_cache(store)
    failed: list[str] = []
    stop = threading.Event()

    def run(page: Page) -> tuple[NotebookNode, float, str] | None:
        if stop.is_set():
            return None
        outcome = execute(page, timeout)
        if outcome[-1]:
            stop.set()
        return outcome

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        futures = {pool.submit(run, page): page for page in pages}
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                page, outcome = futures[future], future.result()
                if outcome is None:
                    continue
                notebook, seconds, error = outcome
                line = f"  {number:>2}/{len(pages)}  {page.name:<28} {len(page.cells):>2} cells"
                if error:
                    failed.append(page.name)
                    say(f"{line}  failed\n{error}")
                    continue
                bundle = CacheBundleIn(
                    notebook, str(page.path), data={"execution_seconds": seconds}
                )
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
                say(f"{line}  {seconds:5.1f} s")
        except BaseException:  # Ctrl+C: nobody waits for the pages under way
            stop.set()
            kill_kernels()
            raise
    return failed
