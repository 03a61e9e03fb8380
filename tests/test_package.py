"""The package as it is built and installed, away from the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT


def test_a_built_package_brings_the_recorded_results(tmp_path: Path) -> None:
    """Pages read them, and a page's notebook runs where only the package is installed."""
    package = tmp_path / "package"
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(package)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    code = (
        "import json, runtun; from runtun.experiments.runner import read_recorded;"
        "print(json.dumps([runtun.__file__, read_recorded('waves')]))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "RUNTUN_RESULTS"}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(package)},
        check=True,
        capture_output=True,
        text=True,
    )
    place, result = json.loads(answer.stdout)
    assert Path(place).is_relative_to(package)
    assert result == json.loads((ROOT / "results" / "waves.json").read_text(encoding="utf-8"))
