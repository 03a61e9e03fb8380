"""KaTeX's server: it is waited for, and never left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sphinxcontrib.katex as katex

from book._ext.formulas import start_server_process

LATE = """
import socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
time.sleep(0.5)  # the file is there, and nobody listens
server.listen()
time.sleep(60)
"""


def command(monkeypatch: pytest.MonkeyPatch, program: str) -> list[subprocess.Popen]:
    """Let another program stand in for the server; return the processes that get started."""
    started = []
    popen = subprocess.Popen

    def note(*args, **kwargs):
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", note)
    monkeypatch.setattr(
        katex.KaTeXServer, "build_command",
        classmethod(lambda cls, socket: [sys.executable, "-c", program, str(socket)]),
    )  # fmt: skip
    return started


def test_a_server_that_listens_late_is_waited_for(tmp_path: Path, monkeypatch):
    command(monkeypatch, LATE)
    process, connection = start_server_process(tmp_path, 30)
    connection.close()
    process.kill()
    process.wait()


@pytest.mark.parametrize("program", ["raise SystemExit(1)", "import time; time.sleep(60)"])
def test_a_server_that_never_listens_is_stopped(tmp_path: Path, monkeypatch, program: str):
    started = command(monkeypatch, program)
    with pytest.raises(katex.KaTeXError):
        start_server_process(tmp_path, 1)
    assert started[0].wait(timeout=10) != 0
