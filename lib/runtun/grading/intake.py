"""Looking at what was handed in, without running any of it.

A submission is a folder that a stranger filled. Nothing here follows a link, opens a device, or
believes metadata: a notebook becomes a list of (type, text, name) and the rest is forgotten. What
cannot be accepted becomes a reason in words, never an exception that stops the class.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtun.grading.bundle import LANGUAGES

MAX_NOTEBOOK_BYTES = 32 * 2**20  # Colab stores pictures inside
MAX_CELLS = 2000
MAX_SOURCE_CHARS = 2 * 2**20
MAX_FILES = 200
MAX_FILE_BYTES = 10 * 2**20
MAX_FOLDER_BYTES = 50 * 2**20
CLAIMS = ("grade", "solution", "locked", "points")


class Rejected(Exception):
    """A submission that cannot be graded; the text says why, for student and instructor.

    Args:
        code: a short name of the reason, looked up in each language by the feedback.
        detail: what was found.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}" if detail else code)


@dataclass(frozen=True)
class SubmittedCell:
    """All that is kept of a student's cell.

    Args:
        cell_type: "code", "markdown" or "raw".
        source: the text, always valid Unicode without NUL.
        grade_id: nbgrader's name of the cell, if the metadata has a usable one.
        id: the notebook format's own id of the cell, if there is one.
        checksum: nbgrader's checksum of the cell as released, if there is one.
        claims: what nbgrader's metadata says of the cell (see `CLAIMS`). Never believed, and no
            part of the hash; what differs from the source is shown to the instructor.
    """

    cell_type: str
    source: str
    grade_id: str | None = None
    id: str | None = None
    checksum: str | None = None
    claims: tuple[object, ...] = ()


@dataclass(frozen=True)
class Submission:
    """A student's notebook after intake.

    Args:
        cells: in the student's order.
        language: what the notebook says it was released in, if that is one of ours.
        sha256: of what counts for the verdict: cells and language, no outputs and no timestamps.
    """

    cells: tuple[SubmittedCell, ...]
    language: str | None = None

    @property
    def sha256(self) -> str:
        body = [[c.cell_type, c.source, c.grade_id, c.id, c.checksum] for c in self.cells]
        return hashlib.sha256(json.dumps([self.language, body]).encode()).hexdigest()


def read_regular_file(path: str | Path, limit: int) -> bytes:
    """Read a plain file of at most `limit` bytes, following no link on the last step.

    Raises:
        Rejected: if it is a link, a device, a folder, too large or unreadable.
    """
    name = Path(path).name
    # O_NONBLOCK: opening a FIFO must not wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise Rejected("link", name)
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise Rejected("missing", name) from None
    except OSError as error:
        raise Rejected("unreadable", f"{name}: {error.strerror}") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise Rejected("not_a_file", name)
    with open(descriptor, "rb") as file:
        if about.st_size > limit:
            raise Rejected("too_large", f"{name}: {about.st_size / 2**20:.0f} MB")
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise Rejected("unreadable", f"{name}: {error.strerror}") from None
    if len(content) > limit:
        raise Rejected("too_large", name)
    return content


def parse_notebook(content: bytes) -> Submission:
    """Turn the bytes of a notebook into the little of it that is used.

    Accepts notebook formats 3 and 4, a byte order mark, and any metadata at all.

    Raises:
        Rejected: with codes "empty", "not_utf8", "nul", "not_json", "too_deep", "not_a_notebook"
            or "too_large".
    """
    if not content.strip():
        raise Rejected("empty")
    if b"\0" in content:
        raise Rejected("nul")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected("not_utf8", f"byte {error.start}") from None
    try:
        document = json.loads(text)
    except RecursionError:
        raise Rejected("too_deep") from None
    except ValueError as error:
        raise Rejected("not_json", str(error)[:120]) from None
    return parse_document(document)


def parse_document(document: Any) -> Submission:
    """Do the same for a notebook that is already parsed from JSON."""
    if not isinstance(document, Mapping):
        raise Rejected("not_a_notebook", "expected an object")
    version = document.get("nbformat", 4)
    if version not in (3, 4):
        raise Rejected("not_a_notebook", f"notebook format {str(version)[:20]}")
    cells = document.get("cells")
    if cells is None and isinstance(document.get("worksheets"), list):  # format 3
        sheets = [s for s in document["worksheets"] if isinstance(s, Mapping)]
        cells = [c for s in sheets if isinstance(s.get("cells"), list) for c in s["cells"]]
    if not isinstance(cells, list):
        raise Rejected("not_a_notebook", "it has no list of cells")
    if len(cells) > MAX_CELLS:
        raise Rejected("too_large", f"{len(cells)} cells")
    kept = tuple(_cell(cell) for cell in cells if isinstance(cell, Mapping))
    if sum(len(cell.source) for cell in kept) > MAX_SOURCE_CHARS:
        raise Rejected("too_large", "the text of the cells")
    return Submission(cells=kept, language=_language(document.get("metadata")))


def extra_files(folder: str | Path) -> tuple[dict[str, bytes], list[str]]:
    """Collect the plain files beside the notebooks.

    Returns:
        The files by relative path, and notes on what was left out and why (links, devices, too
        many or too large files).
    """
    kept: dict[str, bytes] = {}
    notes: list[str] = []
    total = 0
    for parent, folders, names in os.walk(folder, followlinks=False):
        for name in sorted(folders):
            if os.path.islink(os.path.join(parent, name)):
                notes.append(f"file: {_shown(name)}, link")
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not os.path.islink(os.path.join(parent, name))
        )
        for name in sorted(names):
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, folder)
            if name == "timestamp.txt" or name.startswith(".") or name.endswith(".pyc"):
                continue
            if name.endswith(".ipynb"):
                if os.path.islink(path):
                    notes.append(f"file: {_shown(relative)}, link")
                continue
            try:
                relative.encode()
                content = read_regular_file(path, MAX_FILE_BYTES)
            except Rejected as rejected:
                notes.append(f"file: {_shown(relative)}, {rejected.code}")
                continue
            except UnicodeEncodeError:
                notes.append(f"file: {_shown(relative)}, odd_name")
                continue
            total += len(content)
            if len(kept) >= MAX_FILES or total > MAX_FOLDER_BYTES:
                notes.append(f"file: {_shown(relative)}, too_many")
                return kept, notes
            kept[relative] = content
    return kept, notes


def _shown(name: str) -> str:
    return ascii(name)[1:-1][:80]


def clean_text(text: str) -> str:
    """Make any JSON text storable: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _cell(cell: Mapping[str, Any]) -> SubmittedCell:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        source = ""
    metadata = cell.get("metadata")
    mark = metadata.get("nbgrader") if isinstance(metadata, Mapping) else None
    mark = mark if isinstance(mark, Mapping) else {}
    kind = cell.get("cell_type")
    return SubmittedCell(
        cell_type=kind if kind in ("code", "markdown", "raw") else "raw",
        source=clean_text(source),
        grade_id=_name(mark.get("grade_id")),
        id=_name(cell.get("id")),
        checksum=_name(mark.get("checksum")),
        claims=tuple(_claim(mark.get(name)) for name in CLAIMS) if mark.get("grade_id") else (),
    )


def _claim(value: Any) -> object:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value)
    return clean_text(str(value))[:20]


def _name(value: Any) -> str | None:
    return clean_text(value) if isinstance(value, str) and 0 < len(value) <= 200 else None


def _language(metadata: Any) -> str | None:
    about = metadata.get("runtun") if isinstance(metadata, Mapping) else None
    language = about.get("language") if isinstance(about, Mapping) else None
    return language if language in LANGUAGES else None
