"""What tests share: skipping with the command that would enable a test, or failing instead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from book.browser import find_chromium

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"


def require(condition: object, reason: str, enable: str) -> None:
    """Skip the running test unless `condition` holds.

    With `RUNTUN_REQUIRE=all`, as in CI, a missing requirement is a failure: a check that never
    runs cannot protect anything.

    Args:
        condition: what must be true.
        reason: what is missing, for example "Chromium is not installed".
        enable: the one command that would enable the test.
    """
    if condition:
        return
    message = f"{reason}. To enable: {enable}"
    if os.environ.get("RUNTUN_REQUIRE") == "all":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def chromium() -> str:
    """Return the path of the system's Chromium, or skip."""
    path = find_chromium()
    require(path, "Chromium is not installed", "apt-get install chromium")
    return str(path)


def built_site() -> Path:
    """Return the folder of the built site, or skip."""
    require((SITE / "index.html").is_file(), "The site is not built", "make course")
    return SITE
