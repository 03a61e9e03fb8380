"""Say what the build is doing, and count which pages were executed.

myst-nb executes a page without a word and does not tell afterwards whether its outputs came from
the cache. Here each execution passes through a counter: it prints the page and its time, and the
list of executed pages goes to the builder, which insists on none for the second language.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_cache.executors.utils import ExecutionResult
from jupyter_client import AsyncKernelManager
from myst_nb.core.execute import cache as myst_cache
from sphinx.application import Sphinx

_single_nb_execution = myst_cache.single_nb_execution


class QuietKernelManager(AsyncKernelManager):
    """A kernel whose own stderr goes to a file.

    Frameworks greet there while they load, which would tear the lines of the build apart. What a
    cell writes to stderr takes another way and is not lost.
    """

    stderr_file = Path(tempfile.gettempdir()) / f"runtun-kernel-{os.getpid()}.log"

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: Any) -> None:
        with self.stderr_file.open("ab") as file:
            await super()._async_launch_kernel(kernel_cmd, **kw, stderr=file)


class Progress:
    """One line a page on the terminal, and what the builder asks for at the end."""

    def __init__(self) -> None:
        self.language = ""
        self.page = ""
        self.started = 0.0
        self.executed: dict[str, float] = {}

    def say(self, text: str, end: str = "\n") -> None:
        """Print at once, so that a long execution is visible while it runs."""
        print(text, end=end, flush=True)

    def read(self, app: Sphinx, page: str, source: list[str]) -> None:
        """Remember the page that is being read."""
        self.page, self.language = page, app.config.language

    def execute(self, notebook: Any, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Execute a notebook, with its page and time on the terminal."""
        cells = sum(cell.cell_type == "code" for cell in notebook.cells)
        if not cells:
            return _single_nb_execution(notebook, *args, **kwargs)
        self.say(f"  {self.language}  {self.page:<28} executing {cells} cells ... ", end="")
        started = time.perf_counter()
        kwargs["kernel_manager_class"] = QuietKernelManager
        result = _single_nb_execution(notebook, *args, **kwargs)
        seconds = time.perf_counter() - started
        self.executed[self.page] = seconds
        self.say(f"{seconds:.1f} s" if result.err is None else "failed")
        if result.err is not None:
            self.say(result.exc_string or str(result.err))
            if QuietKernelManager.stderr_file.is_file():  # a kernel that died says why only here
                self.say(QuietKernelManager.stderr_file.read_text(errors="replace")[-2000:])
        return result

    def finish_reading(self, app: Sphinx, doctree: Any) -> None:
        """Name a page that needed no execution."""
        data = getattr(app.env, "nb_metadata", {}).get(self.page, {}).get("exec_data")
        if self.page not in self.executed:
            how = "from the cache" if data and data.get("runtime") else "read"
            self.say(f"  {self.language}  {self.page:<28} {how}")

    def report(self, app: Sphinx, exception: Exception | None) -> None:
        """Write the executed pages where the builder reads them."""
        QuietKernelManager.stderr_file.unlink(missing_ok=True)
        path = app.config.runtun_report
        if path:
            Path(path).write_text(json.dumps({"executed": self.executed}), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the counter."""
    progress = Progress()
    myst_cache.single_nb_execution = progress.execute
    app.add_config_value("runtun_report", "", "")
    app.connect("source-read", progress.read)
    app.connect("doctree-read", progress.finish_reading)
    app.connect("build-finished", progress.report)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
