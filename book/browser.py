"""Opening the site on this machine: the browser, and a server of its files."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def find_chromium() -> str | None:
    """Return the path of the system's Chromium, or of Google Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line for each."""

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(
    folder: Path, handler: type[QuietHandler] = QuietHandler, port: int = 0
) -> Iterator[str]:
    """Serve a folder to this machine only, and yield its address.

    Args:
        folder: what is served.
        handler: how its files are answered with.
        port: a free one if 0.
    """
    answer = functools.partial(handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:  # before the socket is closed, also when somebody presses Ctrl+C
            server.shutdown()
