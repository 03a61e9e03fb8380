"""Grading one notebook, from bytes to a result."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runtun.grading import intake
from runtun.grading.bundle import SCHEMA, Bundle
from runtun.grading.rebuild import Rebuilt, RebuiltCell, rebuild
from runtun.grading.runner import DEFAULT_LIMITS, KernelRunner, Runner
from runtun.grading.verdict import Result, judge, nothing_earned

# Marks an instructor's demonstration, such as a long training run, that no test builds on.
SKIP_TAG = "skip-grading"
_ROLES = {"shared": "shared", "solution": "student", "extra": "student", "test": "test"}


def make_task(
    rebuilt: Rebuilt,
    *,
    key: str = "",
    limits: Mapping[str, float] | None = None,
    files: Iterable[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Describe a rebuilt notebook to a runner, as JSON.

    Args:
        rebuilt: the notebook.
        key: a name for messages.
        limits: overrides of `DEFAULT_LIMITS`.
        files: the student's own files, as {name, path, origin}; the course's win over them.
    """
    own = [{"name": n, "path": str(p), "origin": "course"} for n, p in rebuilt.bundle.files.items()]
    cells = [
        {
            "id": cell.id,
            "role": _ROLES.get(cell.role, "student"),
            "source": cell.source,
            "student_source": cell.edited,
            # Which names the cell should define; never shown to the student's code.
            "solution": cell.origin.solution if cell.origin else None,
            "points": cell.origin.points if cell.origin else None,
        }
        for cell in rebuilt.cells
        if cell.cell_type == "code" and not _is_skipped(cell)
    ]
    return {
        "schema": SCHEMA,
        "key": key,
        "language": rebuilt.language,
        "kernel": {"name": rebuilt.bundle.kernel, "language": rebuilt.bundle.kernel_language},
        "cells": cells,
        "files": [*(dict(file) for file in files), *own],
        "limits": {**DEFAULT_LIMITS, **(limits or {})},
        "seed": 0,
    }


def _is_skipped(cell: RebuiltCell) -> bool:
    return cell.role == "shared" and cell.origin is not None and SKIP_TAG in cell.origin.tags


def environment_of(bundle: Bundle) -> str:
    """Name what verdicts may depend on besides the notebooks: Python and what the course imports.

    The versions are those of this interpreter, which the kernel "python3" shares.
    """
    return versions_of(bundle.imports | {"ipykernel"})


def versions_of(modules: Iterable[str]) -> str:
    """Name the versions of Python and of the packages that are called as their modules are."""
    versions = {}
    for module in sorted(modules):
        try:
            versions[module] = importlib.metadata.version(module)
        except importlib.metadata.PackageNotFoundError:
            continue
    return json.dumps([platform.python_version(), versions])


def key_of(
    bundle: Bundle,
    submission: intake.Submission | None,
    *,
    runner: str,
    limits: Mapping[str, float],
    files: Mapping[str, bytes],
    language: str | None = None,
) -> str:
    """Hash everything a verdict depends on: equal keys mean that nothing needs to run again."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    handed_in = submission.sha256 if submission is not None else None
    body = [SCHEMA, bundle.sha256, handed_in, environment_of(bundle), runner]
    body += [sorted(limits.items()), sums, language]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def grade_notebook(
    source: str | Path | Bundle,
    submission: str | Path | Mapping[str, Any] | bytes,
    *,
    runner: Runner | None = None,
    language: str | None = None,
    limits: Mapping[str, float] | None = None,
    files: Iterable[Mapping[str, str]] = (),
) -> Result:
    """Grade one notebook against its source.

    Args:
        source: the instructor's notebook (with solutions), or a bundle made from it before.
        submission: what the student handed in: a path, the bytes, or the parsed notebook.
        runner: what executes it; a fresh kernel if not given.
        language: for a submission that does not say in which language it was released.
        limits: see `runner`; overrides of `DEFAULT_LIMITS`.
        files: the student's own files, see `runner`.

    Returns:
        The result. What is wrong with the submission never raises: it becomes `status="rejected"`.

    Raises:
        CourseError: if the source cannot be used.
    """
    bundle = source if isinstance(source, Bundle) else Bundle.load(source)
    try:
        rebuilt = rebuild(bundle, _parsed(submission), language=language)
    except intake.Rejected as rejected:
        return nothing_earned(bundle, "rejected", str(rejected), language=language or "en")
    task = make_task(rebuilt, limits=limits, files=files)
    if runner is not None:
        return judge(rebuilt, runner.run(task))
    with KernelRunner() as fresh:
        return judge(rebuilt, fresh.run(task))


def _parsed(submission: str | Path | Mapping[str, Any] | bytes) -> intake.Submission:
    if isinstance(submission, Mapping):
        return intake.parse_document(submission)
    if not isinstance(submission, bytes):
        submission = intake.read_regular_file(submission, intake.MAX_NOTEBOOK_BYTES)
    return intake.parse_notebook(submission)
