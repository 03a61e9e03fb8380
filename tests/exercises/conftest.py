"""Fixtures of the assignments' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtun.grading import KernelRunner, Runner
from runtun.grading.isolated import IsolatedRunner
from runtun.grading.sandbox import SandboxError


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """The runner that grades a class; without a sandbox, one kernel for all notebooks."""
    chosen: Runner
    try:
        chosen = isolated = IsolatedRunner()
        isolated.check()
    except SandboxError:
        chosen = KernelRunner(reuse=True)
    yield chosen
    chosen.close()
