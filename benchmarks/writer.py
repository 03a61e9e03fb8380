"""How many submissions a second the one writer takes, and how that falls as the gradebook fills.

python benchmarks/writer.py                          into results/grading_writer.json
python benchmarks/writer.py --new 20 --present 0 1000 --into /tmp/writer.json

`runtun grade` runs notebooks in many processes or on many machines, but one process reads what was
handed in, decides, keeps the journal, writes the gradebook, the feedback and the autograded
notebook. Here that process does all of it for an assignment of this course, while the notebooks
themselves cost nothing: the runner answers at once with what a right solution gives. Each
measurement begins with a gradebook that holds so many submissions already. The class's report at
the end is not counted.

seconds      of the driver, for one submission: the middle of the batches
gradebook    the part of it that the gradebook takes
processor    processor seconds of the driver and, for PostgreSQL, of its server
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, text
from tqdm import tqdm

from runtun.experiments.runner import describe_environment
from runtun.grading.course import Course
from runtun.grading.gradebook import GradebookWriter
from runtun.grading.proof import fill_in, read_proof
from runtun.grading.session import Session

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for the server that the tests use

SLUG = "03-rnn"
BATCH = 20


class Instant:
    """A runner that knows the outcome: every cell ran, every test passed."""

    identity = "instant"

    def run(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Answer at once."""
        output = {"output_type": "stream", "name": "stdout", "text": "epoch 1, loss 0.0123\n" * 10}
        record = {"state": "ok", "value": None, "error": None, "outputs": [output], "seconds": 0.1}
        cells = {cell["id"]: record for cell in task["cells"]}
        spent = {"start": 0.1, "cells": 0.1, "total": 0.2}
        return {"schema": 1, "status": "ok", "reason": "", "cells": cells, "seconds": spent}

    def close(self) -> None:
        """Nothing to end."""


def lay_out(root: Path, batch: int) -> Path:
    """A course with one assignment, handed in by `BATCH` students, each in words of their own."""
    import nbformat

    proof = read_proof(ROOT / "solutions" / SLUG)
    released = nbformat.read(ROOT / "exercises" / "en" / SLUG / f"{SLUG}.ipynb", as_version=4)
    (root / "source").mkdir(parents=True)
    shutil.copytree(ROOT / "solutions" / SLUG, root / "source" / SLUG)
    for number in range(BATCH):
        cells = {
            name: source if name in proof.manual else f"{source}\n# {batch}, {number}"
            for name, source in proof.solution.items()
        }
        path = root / "submitted" / f"new{batch:03}-{number:03}" / SLUG / f"{SLUG}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(fill_in(released.copy(), cells), path)
    return root


def fill(url: str, count: int) -> None:
    """Put many submissions of the registered assignment into a gradebook, by plain SQL."""
    engine = create_engine(url)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
    with engine.begin() as db:
        assignment = db.execute(text("SELECT id FROM assignment")).scalar_one()
        notebook = db.execute(text("SELECT id FROM notebook")).scalar_one()
        cells = db.execute(text("SELECT id, type FROM base_cell ORDER BY id")).fetchall()

        def insert(table: str, columns: str, values: str, **more: Any) -> None:
            statement = f"INSERT INTO {table} ({columns}) {numbers} SELECT {values} FROM n"
            db.execute(text(statement), {"count": count, **more})

        insert("student", "id", "'old' || i")
        own = {"assignment": assignment, "notebook": notebook}
        insert(
            "submitted_assignment",
            "id, assignment_id, student_id",
            "'a' || i, :assignment, 'old' || i",
            assignment=assignment,
        )
        insert(
            "submitted_notebook",
            "id, notebook_id, assignment_id",
            "'n' || i, :notebook, 'a' || i",
            notebook=own["notebook"],
        )
        for place, (cell, kind) in enumerate(cells):
            about = {"cell": cell}
            if kind in ("GradeCell", "TaskCell"):
                values = f"'{place}g' || i, :cell, 'n' || i, 1.0, {{}}"
                false = "false" if engine.dialect.name == "postgresql" else "0"
                insert(
                    "grade",
                    "id, cell_id, notebook_id, auto_score, needs_manual_grade",
                    values.format(false),
                    **about,
                )
            if kind in ("SolutionCell", "TaskCell"):
                insert(
                    "comment",
                    "id, cell_id, notebook_id",
                    f"'{place}c' || i, :cell, 'n' || i",
                    **about,
                )
        db.execute(text("ANALYZE"))
    engine.dispose()


@contextmanager
def timed(spent: dict[str, float]) -> Iterator[None]:
    """Add up the time that the gradebook takes."""
    kept = {name: getattr(GradebookWriter, name) for name in ("write", "standing")}

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **more: Any) -> Any:
            begin = time.perf_counter()
            try:
                return method(*values, **more)
            finally:
                spent["gradebook"] = spent.get("gradebook", 0.0) + time.perf_counter() - begin

        return call

    for name, method in kept.items():
        setattr(GradebookWriter, name, watched(method))
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(GradebookWriter, name, method)


def processor_seconds(server: Any) -> float:
    """Processor time so far of this process, and of a database server with all it has started."""
    own = sum(os.times()[:2])
    if server is None:
        return own
    process = psutil.Process(server.pid)
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            spent = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return own + total


def measure(url: str, new: int, server: Any) -> dict[str, float]:
    """Grade `new` submissions, in batches, into the gradebook as it is."""
    wall, book, processor = [], [], []
    for batch in range(-1, new // BATCH):
        with tempfile.TemporaryDirectory(prefix="writer-") as name:
            root = lay_out(Path(name) / "course", batch)
            session = Session(Course(root, db_url=url), SLUG, Instant.identity)
            spent: dict[str, float] = {}
            begin, used = time.perf_counter(), processor_seconds(server)
            with timed(spent):
                session.grade(Instant)
            if batch >= 0:  # the first only warms everything up
                wall.append((time.perf_counter() - begin) / BATCH)
                processor.append((processor_seconds(server) - used) / BATCH)
                book.append(spent["gradebook"] / BATCH)
    return {
        "seconds": statistics.median(wall),
        "fastest": min(wall),
        "gradebook": statistics.median(book),
        "processor": statistics.median(processor),
    }


def main() -> int:
    """Run the command line."""
    from tests.postgres import PostgresServer

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--new", type=int, default=200, metavar="N", help="submissions to write")
    parser.add_argument("--present", type=int, nargs="+", default=[0, 10_000, 100_000])
    parser.add_argument("--into", type=Path, default=ROOT / "results" / "grading_writer.json")
    words = parser.parse_args()
    server = PostgresServer(durable=True)
    rows = []
    try:
        with tempfile.TemporaryDirectory(prefix="writer-") as name:
            for kind in ("sqlite", "postgresql"):
                for present in tqdm(words.present, desc=kind):
                    here = Path(name) / f"{present}.db"
                    url = f"sqlite:///{here}" if kind == "sqlite" else server.new_database()
                    warm = lay_out(Path(name) / f"{kind}-{present}", 0)
                    Session(Course(warm, db_url=url), SLUG, Instant.identity).grade(Instant)
                    if present:
                        fill(url, present)
                    found = measure(url, words.new, server if kind == "postgresql" else None)
                    rows.append({"database": kind, "present": present, **found})
    finally:
        server.close()
    result = {
        "assignment": SLUG,
        "new": words.new,
        "rows": [
            {k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()} for row in rows
        ],
        "load": round(os.getloadavg()[0], 1),
        "environment": describe_environment(),
    }
    words.into.parent.mkdir(parents=True, exist_ok=True)
    words.into.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print(
            f"{row['database']:10} {row['present']:7} present: {row['seconds'] * 1000:.1f} ms a "
            f"submission, {row['gradebook'] * 1000:.1f} of them in the gradebook; "
            f"{row['processor'] * 1000:.1f} ms of processor time"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
