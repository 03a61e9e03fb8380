"""Keeps what the benchmarks measure: `make benchmarks` writes results/library_benchmarks.json."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtun.experiments.runner import describe_environment

PATH = Path(__file__).resolve().parents[1] / "results" / "library_benchmarks.json"
TITLE = "How fast the library is beside plain loops, and how much memory a step takes"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes the result."""
    parser.addoption("--record", action="store_true", help=f"write what is measured into {PATH}")


@pytest.fixture(scope="session")
def rows(request: pytest.FixtureRequest) -> Any:
    """The rows of this session; rows of others with the same name are replaced at its end."""
    found: list[dict[str, Any]] = []
    yield found
    if not request.config.getoption("--record") or not found:
        return
    names = ("model", "framework", "metric")
    old: dict[str, Any] = {"rows": [], "environment": {"versions": {}}}
    if PATH.exists():
        old = json.loads(PATH.read_text(encoding="utf-8"))
    merged = {tuple(row[name] for name in names): row for row in [*old["rows"], *found]}
    environment = describe_environment()
    # Each backend of Keras is measured by a process of its own.
    environment["versions"] = old["environment"]["versions"] | environment["versions"]
    result = {
        "experiment": PATH.stem,
        "title": TITLE,
        "environment": environment,
        "rows": [merged[key] for key in sorted(merged)],
    }
    part = PATH.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, PATH)


@pytest.fixture
def record(rows: list[dict[str, Any]]) -> Callable[..., None]:
    """`record(model, framework, metric, unit, values)` keeps one row; its mean is the median."""

    def add(model: str, framework: str, metric: str, unit: str, values: Any) -> None:
        values = np.atleast_1d(np.asarray(values, dtype=float))
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        rows.append(
            {
                "model": model,
                "framework": framework,
                "metric": metric,
                "unit": unit,
                "mean": float(middle),
                "spread": float(high - low) if len(values) > 1 else None,
                "count": len(values),
                "published": None,
                "source": None,
            }
        )

    return add
