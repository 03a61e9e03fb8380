"""Noticing what a submission reached for: evidence for a person, and no wall.

The walls stand elsewhere, and this changes nothing about them. An audit hook in the student's own
process writes down attempts to open files outside the scratch folder, to reach the network, to
start programs that have no business in a notebook, and to signal processes. Whoever writes machine
code can do all that unnoticed; whoever forges an entry accuses only themselves.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

MAX_ATTEMPTS = 20
# A notebook may run programs: `!ls`, `!pip install`. These have no business in one.
_COMMAND = re.compile(
    r"\b(sudo|su|curl|wget|nc|ssh|unshare|nsenter|mount|gdb|strace|kill|pkill)\b|\.\./|/(proc|root|home)/"
)
_QUIET = ("/usr/", "/lib/", "/lib64/", "/bin/", "/dev/", "/etc/", "/sys/", "/proc/")
_TELLING = re.compile(r"/etc/(passwd|shadow)|/proc/(\d+\b|self/(mem|root|environ))|/dev/k?m(em|sg)")


def outside(path: str, folder: str, visible: Iterable[str]) -> bool:
    """Say whether a path leads to where an honest notebook has no business.

    Args:
        path: as it was given, relative or absolute.
        folder: the scratch folder, in which the process works.
        visible: folders of the interpreter and its libraries.

    >>> outside("data.csv", "/runtun/work", []), outside("../../gradebook.db", "/runtun/work", [])
    (False, True)
    >>> outside("/proc/cpuinfo", "/runtun/work", []), outside("/proc/1/mem", "/runtun/work", [])
    (False, True)
    """
    full = os.path.normpath(os.path.join(folder, path))
    if _TELLING.match(full):
        return True
    near = (os.path.dirname(folder), *visible)
    return not any(full == p or full.startswith(p.rstrip("/") + "/") for p in (*near, *_QUIET))


def note_attempts(found: dict[str, bool]) -> None:
    """From now on and for good, write attempts into `found`, at most `MAX_ATTEMPTS`."""
    folder = os.getcwd()
    visible = [p for p in {*sys.path, sys.prefix, sys.base_prefix, folder} if p]
    visible += [os.path.realpath(p) for p in visible]

    def path_of(args: tuple[Any, ...]) -> str:
        path = os.fsdecode(args[0]) if isinstance(args[0], str | bytes) else ""
        return path if path and outside(path, folder, visible) else ""

    def address_of(args: tuple[Any, ...]) -> str:
        return str(args[1]) if isinstance(args[1], tuple | str | bytes) else ""

    def program_of(args: tuple[Any, ...]) -> str:
        command = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else [args[0]]
        text = " ".join(os.fsdecode(w) for w in command if isinstance(w, str | bytes))
        return text if _COMMAND.search(text) else ""

    def everybody_of(args: tuple[Any, ...]) -> str:
        return str(args[0]) if args[0] <= 1 else ""  # a notebook may end its own children

    kinds: dict[str, tuple[str, Callable[[tuple[Any, ...]], str]]] = {
        "open": ("open", path_of),
        "os.listdir": ("open", path_of),
        "os.scandir": ("open", path_of),
        "sqlite3.connect": ("open", path_of),
        "socket.connect": ("connect", address_of),
        "socket.getaddrinfo": ("connect", lambda args: str(args[0])),
        "subprocess.Popen": ("run", program_of),
        "os.posix_spawn": ("run", program_of),
        "os.exec": ("run", program_of),
        "os.system": ("run", program_of),
        "os.kill": ("kill", everybody_of),
    }

    def hook(event: str, args: tuple[Any, ...]) -> None:
        kind = kinds.get(event)
        if kind is None or len(found) >= MAX_ATTEMPTS:
            return
        with contextlib.suppress(Exception):  # nothing here may disturb honest work
            what = kind[1](args)
            if what:
                found[f"{kind[0]} {what}"[:200]] = True

    sys.addaudithook(hook)
