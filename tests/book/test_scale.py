"""The table of grading times is calculated from what was measured, and from nothing else."""

from __future__ import annotations

import json

import pytest

from book._ext.scale import CORES, DATABASES, FILES, RESULTS, SIZES, Scale, make_scale

GRADING = {
    "jobs": 2,
    "pure": {"mean": 1.5},
    "overhead": {"steady": 0.5},
    "runtun": {"first_from_cold": 20.0},
    "environment": {"processor": "a processor"},
}
WRITER = {
    "rows": [
        {"database": "sqlite", "present": 10_000, "processor": 0.03},
        {"database": "sqlite", "present": 100_000, "processor": 0.04},
        {"database": "postgresql", "present": 10_000, "processor": 0.05},
        {"database": "postgresql", "present": 100_000, "processor": 0.05},
    ],
    "load": 0.4,
    "environment": {"date": "2026-11-22"},
}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["2 seconds", "40 milliseconds", "50 into", "about 50 cores", "from 40 with"]),
        ("id", ["2 detik", "40 milidetik", "50 milidetik", "sekitar 50 inti", "40 inti dengan"]),
    ],
)
def test_the_sentence_and_the_table_follow_from_the_files(language: str, words: list[str]) -> None:
    costs, table, note = make_scale(GRADING, WRITER, language)
    assert all(word in costs.astext() for word in words), costs.astext()
    cells = [
        [entry.astext() for entry in row] for row in table.findall(lambda n: n.tagname == "row")
    ]
    assert [len(row) for row in cells] == [1 + len(SIZES) * len(DATABASES)] * (1 + len(CORES))
    hours = {"en": "2 h 46 min", "id": "2 jam 46 menit"}[language]
    assert cells[1] == ["2", hours, hours, *[{"en": "1 d 3 h", "id": "1 hari 3 jam"}[language]] * 2]
    # 160 cores would be through with 100,000 in 21 minutes; the writer is not.
    assert [cell.endswith(" *") for cell in cells[3]] == [False, True, True, True, True]
    assert cells[3][3] == {"en": "1 h 6 min *", "id": "1 jam 6 menit *"}[language]
    assert "2026-11-22" in note.astext()
    assert {"en": "0.4", "id": "0,4"}[language] in note.astext()


def test_what_is_recorded_can_be_read() -> None:
    for name in FILES:
        if not (RESULTS / name).is_file():
            pytest.skip(f"results/{name} is not recorded: python benchmarks/grading.py, writer.py")
    grading, writer = (json.loads((RESULTS / name).read_text()) for name in FILES)
    scale = Scale.read(grading, writer)
    assert {(name, size) for name in DATABASES for size in SIZES} <= set(scale.writer)
    for name in DATABASES:
        times = [scale.seconds(SIZES[0], cores, name)[0] for cores in CORES]
        assert times == sorted(times, reverse=True)
