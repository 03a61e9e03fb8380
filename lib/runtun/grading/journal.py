"""What has run already, so that nothing runs twice and nothing is lost.

One JSON file for each outcome, named by the hash of everything the outcome depends on. A file is
written beside its place and renamed, so it is whole or absent, whenever the power fails.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runtun.grading.errors import CourseError


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file by new content, or leave it as it was."""
    data = content.encode() if isinstance(content, str) else content
    # Always the same name: what a killed run left is overwritten by the next.
    temporary = path.parent / f".{path.name}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CourseError(
                f"no room left on the disk of {path.parent}; make some and run this again: what "
                "was graded is kept"
            ) from None
        raise


class Journal:
    """Outcomes by key, in a folder.

    Args:
        folder: made when the first outcome is kept.
        others: read as well; what is found there is kept in `folder` too.

    >>> import tempfile
    >>> journal = Journal(Path(tempfile.mkdtemp()))
    >>> journal.put("ab12", {"status": "ok"})
    >>> journal.get("ab12"), journal.get("other")
    ({'status': 'ok'}, None)
    """

    def __init__(self, folder: Path, *others: Path) -> None:
        self.folder = folder
        self.others = others

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was kept under a key; None if nothing whole is there."""
        try:
            kept = json.loads(self._path(key).read_bytes())
        except (OSError, ValueError):
            kept = None
        if isinstance(kept, dict):
            return kept
        for other in self.others:
            found = Journal(other).get(key)
            if found is not None:
                self.put(key, found)
                return found
        return None

    def put(self, key: str, outcome: Mapping[str, Any]) -> None:
        """Keep an outcome."""
        write_atomically(self._path(key), json.dumps(outcome))


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two drivers never write to one course folder.

    The system lets go of the lock when the process ends, however it ends.

    Raises:
        CourseError: if another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CourseError(
                f"another `runtun grade` is at work in {path.parent.parent}; wait until it ends"
            ) from None
        yield
