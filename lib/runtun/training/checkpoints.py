"""Writing down a training after each epoch, so that it can go on exactly where it was.

A checkpoint is one NumPy archive: named arrays, and a record of numbers and words as JSON. Nothing
in it is pickled, so reading one from somebody else runs no code. It is written beside its place and
moved there, so a training that is stopped while writing leaves the last checkpoint whole.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

VERSION = 1
_RECORD = "record"


def save(path: Path, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> None:
    """Write a checkpoint in one move.

    Args:
        path: where.
        arrays: weights and states by name; none may be called "record".
        record: JSON values.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    text = json.dumps({"version": VERSION, **record}).encode()
    with part.open("wb") as file:
        np.savez(file, **{_RECORD: np.frombuffer(text, np.uint8)}, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a checkpoint.

    Returns:
        (the arrays, the record).

    Raises:
        ValueError: if the file is none.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        record = json.loads(bytes(arrays.pop(_RECORD)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a checkpoint of this library ({error}). Name another file, or delete "
            f"it to start anew."
        ) from None
    if record.get("version") != VERSION:
        raise ValueError(
            f"{path} was written by another version of this library. Delete it to start anew."
        )
    return arrays, record


def fingerprint(arrays: Iterable[np.ndarray | None]) -> str:
    """Return a short sum of arrays, which differs where shapes, types or numbers differ.

    Example:
        >>> fingerprint([np.zeros(3)]) == fingerprint([np.zeros(4)])
        False
    """
    total = 0
    for array in arrays:
        if array is None:
            total = zlib.crc32(b"none", total)
        else:
            total = zlib.crc32(f"{array.dtype}{array.shape}".encode(), total)
            total = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data, total)
    return f"{total:08x}"


def prefixed(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays with a prefix before each name."""
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def of_prefix(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose names have the prefix, without it."""
    start = f"{prefix}/"
    return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}


def pack_json(value: Any) -> np.ndarray:
    """Return a JSON value as an array of bytes, to lie among arrays."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def unpack_json(array: np.ndarray) -> Any:
    """Return what `pack_json` packed."""
    return json.loads(bytes(array))
