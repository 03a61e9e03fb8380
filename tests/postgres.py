"""A PostgreSQL server for tests: its own folder, a Unix socket, no password, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support import require


def find_server() -> Path:
    """Return the folder of PostgreSQL's programs, or skip."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=str)
    path = shutil.which("postgres")
    binary = Path(path) if path else found[-1] if found else None
    require(binary, "PostgreSQL is not installed", "apt-get install postgresql")
    assert binary is not None
    return binary.parent


class PostgresServer:
    """A running server.

    Args:
        durable: write to the disk as a real server would; tests need not.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.programs = find_server()
        # Short, because the path of a socket must be, and open to the user below.
        self.folder = Path(tempfile.mkdtemp(prefix="runtun-pg-", dir="/tmp"))
        self.settings = [] if durable else ["-c", "fsync=off", "-c", "synchronous_commit=off"]
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._as_user: dict[str, Any] = {}
        if os.getuid() == 0:  # which PostgreSQL refuses to run as
            names = [entry.pw_name for entry in pwd.getpwall()]
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._run("initdb", "-D", "data", "-U", "grader", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        subprocess.run(
            command, cwd=self.folder, check=True, capture_output=True, timeout=120, **self._as_user
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(self.programs / "postgres"), "-D", "data", "-k", str(self.folder)]
        command += ["-c", "listen_addresses=", *self.settings]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, **self._as_user
            )
        for _ in range(600):
            try:
                self.execute("SELECT 1")
                return
            except Exception:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it at once, as if the power had failed: every connection breaks."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=60)
            self._process = None

    def close(self) -> None:
        """End it and remove everything."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, query: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement; return its rows."""
        import psycopg

        where = {"host": str(self.folder), "user": "grader", "dbname": database}
        with psycopg.connect(**where, autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """Make an empty database; return the address that `--db` takes."""
        self._databases += 1
        name = f"course{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://grader@/{name}?host={self.folder}"
