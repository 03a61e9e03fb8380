"""The `{grading-scale}` directive: how long a class takes on so many cores, from what was measured.

    ```{grading-scale}
    ```

Reads `results/grading.json` (`benchmarks/grading.py`: what a submission costs a core) and
`results/grading_writer.json` (`benchmarks/writer.py`: what it costs the one process that writes),
and calculates a table from the two. Cores share the first; the second is never shared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book._ext.status import make_table
from book._ext.words import spell_number
from runtun.grading.words import span

RESULTS = Path(__file__).resolve().parents[2] / "results"
FILES = ("grading.json", "grading_writer.json")
SIZES = (10_000, 100_000)
CORES = (2, 16, 160)
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

_WORDS = {
    "not_yet": {
        "id": "Belum diukur di mesin ini: jalankan",
        "en": "Not measured yet: run",
    },
    "costs": {
        "id": "Satu kiriman untuk tugas yang mengimpor Keras dan PyTorch memakan {core} detik di "
        "satu inti prosesor. Proses penulis memerlukan {sqlite} milidetik waktu prosesor "
        "untuknya bila buku nilainya SQLite, dan {postgresql} milidetik bila PostgreSQL, "
        "saat {present} kiriman sudah ada di dalamnya; waktu menunggu disk tidak dihitung. "
        "Maka penulislah yang menjadi batas mulai sekitar {limit_sqlite} inti dengan SQLite "
        "dan {limit_postgresql} inti dengan PostgreSQL.",
        "en": "A submission of an assignment that imports Keras and PyTorch takes a core {core} "
        "seconds. The writer needs {sqlite} milliseconds of processor time for it into "
        "SQLite and {postgresql} into PostgreSQL, with {present} submissions already there; "
        "waiting for the disk is not counted. So the writer becomes the limit from about "
        "{limit_sqlite} cores on with SQLite, and from {limit_postgresql} with PostgreSQL.",
    },
    "cores": {"id": "Inti prosesor", "en": "Cores"},
    "submissions": {"id": "{count} kiriman, {database}", "en": "{count} submissions, {database}"},
    "note": {
        "id": "* Di sini penulislah batasnya: inti tambahan tidak mempercepat apa pun. Tabel ini "
        "dihitung dari pengukuran pada {day} dengan {jobs} inti ({processor}; beban mesin saat "
        "penulis diukur: {load}), bukan diukur pada 160 inti.",
        "en": "* Here the writer is the limit: more cores make nothing faster. The table is "
        "calculated from measurements on {day} with {jobs} cores ({processor}; load of the machine "
        "while the writer was measured: {load}); nothing was run on 160.",
    },
}


@dataclass(frozen=True)
class Scale:
    """What was measured, in seconds.

    Args:
        core: of one core for one more submission.
        start: until the first worker is warm.
        writer: of processor time of the writer (and its database server) for one submission, by
            database and by how many are there. The wait for a disk says little of another machine.
    """

    core: float
    start: float
    writer: Mapping[tuple[str, int], float]

    @classmethod
    def read(cls, grading: Mapping[str, Any], writer: Mapping[str, Any]) -> Scale:
        """Read the two files' contents."""
        core = grading["pure"]["mean"] + grading["overhead"]["steady"]
        rows = {(row["database"], row["present"]): row["processor"] for row in writer["rows"]}
        return cls(core, max(grading["runtun"]["first_from_cold"] - core, 0.0), rows)

    def seconds(self, submissions: int, cores: int, database: str) -> tuple[float, bool]:
        """Calculate how long a class takes, and say whether the writer is what it waits for.

        >>> scale = Scale(1.0, 10.0, {("sqlite", 10_000): 0.1})
        >>> scale.seconds(10_000, 2, "sqlite"), scale.seconds(10_000, 160, "sqlite")
        ((5010.0, False), (1010.0, True))
        """
        shared = submissions * self.core / cores
        alone = submissions * self.writer[database, submissions]
        return self.start + max(shared, alone), alone > shared

    def limit(self, database: str) -> int:
        """Calculate from how many cores on the writer is the limit.

        >>> Scale(1.0, 10.0, {("sqlite", 0): 0.05, ("sqlite", 10): 0.1}).limit("sqlite")
        10
        """
        fullest = max(present for name, present in self.writer if name == database)
        return math.ceil(self.core / self.writer[database, fullest])


def number(value: float, language: str) -> str:
    """Write a number with two digits at least, as the page's language does.

    >>> number(0.4312, "id"), number(100_000, "en"), number(42.4, "en")
    ('0,43', '100,000', '42')
    """
    text = f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
    return spell_number(text, language)


class GradingScale(SphinxDirective):
    """Show the sentence and the table."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Return them, or what to run first."""
        language = self.config.language
        for name in FILES:
            self.env.note_dependency(str(RESULTS / name))
        if not all((RESULTS / name).is_file() for name in FILES):
            commands = [
                nodes.literal("", f"python benchmarks/{name}.py") for name in ("grading", "writer")
            ]
            text = nodes.Text(_WORDS["not_yet"][language] + " ")
            return [nodes.paragraph("", "", text, commands[0], nodes.Text(", "), commands[1])]
        contents = [json.loads((RESULTS / name).read_text(encoding="utf-8")) for name in FILES]
        return make_scale(contents[0], contents[1], language)


def make_scale(
    grading: Mapping[str, Any], writer: Mapping[str, Any], language: str
) -> list[nodes.Node]:
    """Build the nodes from the contents of the two files."""
    scale = Scale.read(grading, writer)
    most = max(SIZES)
    costs = _WORDS["costs"][language].format(
        core=number(scale.core, language),
        present=number(most, language),
        **{name: number(1000 * scale.writer[name, most], language) for name in DATABASES},
        **{f"limit_{name}": number(scale.limit(name), language) for name in DATABASES},
    )
    heads = [_WORDS["cores"][language]]
    heads += [
        _WORDS["submissions"][language].format(count=number(size, language), database=database)
        for size in SIZES
        for database in DATABASES.values()
    ]
    rows = []
    for cores in CORES:
        row = [str(cores)]
        for size in SIZES:
            for database in DATABASES:
                seconds, bound = scale.seconds(size, cores, database)
                row.append(span(language, seconds) + (" *" if bound else ""))
        rows.append(row)
    note = _WORDS["note"][language].format(
        day=writer["environment"]["date"],
        jobs=grading["jobs"],
        processor=grading["environment"]["processor"],
        load=number(writer["load"], language),
    )
    return [nodes.paragraph("", costs), make_table(heads, rows), nodes.paragraph("", note)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("grading-scale", GradingScale)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
