"""The status page: what the book was made with."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from lxml import html

from book._ext.status import last_change, results_of


def test_the_page_shows_versions_times_and_freshness(tiny):
    page = html.parse(str(tiny.site / "en" / "status.html"))
    tables = [
        {
            row[0].text_content().strip(): [cell.text_content().strip() for cell in row[1:]]
            for row in table.xpath(".//tr")
        }
        for table in page.xpath("//article//table")
    ]
    executions, machine, versions, changes = tables
    assert float(executions["A short lesson"][0]) > 0
    assert executions["Glossary"][0] == "no code"
    assert int(machine["Processor cores"][0]) >= 1
    assert versions["numpy"] == [importlib.metadata.version("numpy")]
    assert set(changes) == {"Page", "A short lesson", "A sample book", "All quizzes", "Glossary",
                            "References", "State of the book"}  # fmt: skip


def test_results_are_listed_with_their_day(tmp_path: Path):
    (tmp_path / "rnn").mkdir()
    (tmp_path / "rnn" / "waves.json").write_text('{"recorded": "2026-03-04T05:06:07Z"}')
    (tmp_path / "bare.json").write_text("{}")
    (tmp_path / "energy.json").write_text('{"environment": {"date": "2026-05-06"}}')
    assert results_of(tmp_path) == [
        ("bare.json", "?"),
        ("energy.json", "2026-05-06"),
        ("rnn/waves.json", "2026-03-04"),
    ]


def test_a_file_outside_a_repository_has_no_date(tmp_path: Path):
    (tmp_path / "a.md").write_text("a")
    assert last_change(tmp_path / "a.md") is None
