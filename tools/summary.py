"""Say in a few lines what `make course` built, and how to look at it."""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"


def pages(language: str) -> int:
    """Count the pages of the site in one language."""
    toc_pages = (ROOT / "book" / language).glob("*.md")
    return sum((BUILD / "html" / language / f"{page.stem}.html").is_file() for page in toc_pages)


def grades(report: Path) -> tuple[int, str]:
    """Count the submissions in a grade table, and how many have each status."""
    with report.open(newline="", encoding="utf-8") as file:
        statuses = Counter(row["status"] for row in csv.DictReader(file))
    said = {
        "graded": "decided",
        "manual": "with an open answer to mark by hand",
        "rejected": "that could not be read",
        "error": "to be graded again",
    }
    parts = [f"{count} {said.get(status, status)}" for status, count in statuses.most_common()]
    return statuses.total(), ", ".join(parts)


def main() -> None:
    """Print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, required=True, help="how long the build took")
    seconds = parser.parse_args().seconds

    counts = {language: pages(language) for language in ("id", "en")}
    exercises = sorted(p.name for p in (ROOT / "exercises" / "en").iterdir() if p.is_dir())
    print(f"\nThe course is built ({seconds // 60} min {seconds % 60} s).")
    print(f"  site       _build/html       {counts['id']} pages in Indonesian, "
          f"{counts['en']} in English")  # fmt: skip
    print(f"  exercises  exercises/{{id,en}}  {', '.join(exercises)}")
    for report in sorted((BUILD / "class" / "reports").glob("*/grades.csv")):
        total, statuses = grades(report)
        print(
            f"  class      _build/class      {report.parent.name}: {total} submissions, {statuses}"
        )
        print(f"             report            {report.with_name('report.html').relative_to(ROOT)}")
    print("Look at it: make serve\n")


if __name__ == "__main__":
    main()
