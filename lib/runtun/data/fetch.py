"""Fetching data sets: once, on demand, with a progress bar, and never without a checksum."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from runtun import __version__
from runtun.data.catalogue import (
    ChecksumError,
    DataFile,
    DataNotFoundError,
    cache_folder,
    find_file,
    get_data_set,
)

_CHUNK = 1 << 16


class FetchError(ConnectionError):
    """A file could not be fetched; the message says which and why."""


def fetch(name: str, *, progress: bool = True, timeout: float = 30.0) -> list[Path]:
    """Bring the files of a data set to this machine, unless they are there already.

    A file is written under another name first and moved into place when its checksum is right: an
    interrupted download leaves nothing behind that could be mistaken for data.

    Args:
        name: name of the data set.
        progress: whether to draw a progress bar.
        timeout: seconds without any answer after which to give up.

    Returns:
        Where each of its files lies.

    Raises:
        ValueError: if there is no such data set.
        DataNotFoundError: if a missing file has no public address.
        FetchError: if the network or the server refuses.
        ChecksumError: if the server sends another file than the expected one.
    """
    data = get_data_set(name)
    paths = []
    for file in data.files:
        path = find_file(name, file.name)
        if path is None:
            if file.url is None:
                raise DataNotFoundError(
                    f"{file.name} of {name!r} has no fixed address. Get it from {data.source}"
                    + ("." if data.package else f" and put it into {cache_folder() / name}.")
                )
            path = cache_folder() / name / file.name
            download(file, path, progress=progress, timeout=timeout)
        paths.append(path)
    return paths


def download(file: DataFile, path: Path, *, progress: bool = True, timeout: float = 30.0) -> None:
    """Download one file to `path`, which appears only when it is whole and right.

    Args:
        file: what to fetch; it must have a `url`.
        path: where to put it; folders are made as needed.
        progress: whether to draw a progress bar.
        timeout: seconds without any answer after which to give up.

    Raises:
        FetchError, ChecksumError: see `fetch`.
    """
    if not file.url or not file.url.startswith(("https://", "http://")):
        raise ValueError(f"`file.url` must be an http(s) address; received {file.url!r}.")
    request = urllib.request.Request(file.url, headers={"User-Agent": f"runtun/{__version__}"})
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as out:
            try:
                with urllib.request.urlopen(request, timeout=timeout) as answer:
                    size = answer.headers.get("Content-Length")
                    total = int(size) if size and size.isdigit() else None
                    received = 0
                    with tqdm(
                        total=total,
                        unit="B",
                        unit_scale=True,
                        desc=file.name,
                        disable=not progress,
                    ) as bar:
                        while block := answer.read(_CHUNK):
                            out.write(block)
                            digest.update(block)
                            received += len(block)
                            bar.update(len(block))
                    if total is not None and received < total:
                        raise FetchError(
                            f"{file.url} ended after {received} of {total} bytes. Try again."
                        )
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                if isinstance(error, FetchError):
                    raise
                reason = getattr(error, "reason", None) or error
                raise FetchError(f"Could not fetch {file.url}: {reason}.") from error
        if digest.hexdigest() != file.sha256:
            raise ChecksumError(
                f"{file.url} sent another file than the expected one (sha256 "
                f"{digest.hexdigest()[:12]}… instead of {file.sha256[:12]}…). It was not kept. "
                "The source may have published a new version."
            )
        os.chmod(part, 0o644)  # mkstemp makes it readable by its owner only
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
