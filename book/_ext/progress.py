"""Say which page is read, and count the pages that Sphinx executed.

It should execute none: book/execute.py has executed them before. myst-nb does not tell afterwards
whether a page's outputs came from the cache. Here each execution passes through a counter, and the
list of executed pages goes to the builder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jupyter_cache.executors.utils import ExecutionResult
from myst_nb.core.execute import cache as myst_cache
from sphinx.application import Sphinx

_single_nb_execution = myst_cache.single_nb_execution


class Progress:
    """One line a page on the terminal, and what the builder asks for at the end."""

    def __init__(self) -> None:
        self.language = ""
        self.page = ""
        self.executed: list[str] = []

    def say(self, text: str) -> None:
        """Print at once."""
        print(text, flush=True)

    def read(self, app: Sphinx, page: str, source: list[str]) -> None:
        """Remember the page that is being read."""
        self.page, self.language = page, app.config.language

    def execute(self, notebook: Any, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Execute a notebook, and remember that it was Sphinx who did."""
        if any(cell.cell_type == "code" for cell in notebook.cells):
            self.say(f"  {self.language}  {self.page:<28} executing")
            self.executed.append(self.page)
        return _single_nb_execution(notebook, *args, **kwargs)

    def finish_reading(self, app: Sphinx, doctree: Any) -> None:
        """Name a page that needed no execution."""
        data = getattr(app.env, "nb_metadata", {}).get(self.page, {}).get("exec_data")
        if self.page not in self.executed:
            how = "from the cache" if data and data.get("runtime") else "read"
            self.say(f"  {self.language}  {self.page:<28} {how}")

    def report(self, app: Sphinx, exception: Exception | None) -> None:
        """Write the executed pages where the builder reads them."""
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
