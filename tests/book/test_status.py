"""The status page: what the book was made with."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from lxml import html

from book._ext.status import last_change, quality_of, results_of


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


def test_scores_are_those_of_the_pages_in_the_readers_language(tmp_path: Path):
    assert quality_of(tmp_path, "en") == ("", {})
    scores = {"performance": 0.834, "accessibility": 1, "seo": 0.5}
    record = {
        "environment": {
            "versions": {"lighthouse": "9.8.7", "chromium": "1.2"},
            "date": "2026-05-06",
        },
        "targets": {"performance": 0.8, "accessibility": 1.0, "seo": 1.0},
        "pages": {"index.html": scores, "en/a.html": scores, "id/a.html": {**scores, "seo": 1.0}},
    }
    (tmp_path / "site.json").write_text(json.dumps(record))
    how, rows = quality_of(tmp_path, "en")
    assert "Lighthouse 9.8.7 in Chromium 1.2" in how
    assert "2026-05-06" in how
    assert rows == {"a": ["83", "100", "50"]}
    assert quality_of(tmp_path, "id")[1] == {"a": ["83", "100", "100"]}


def test_a_file_outside_a_repository_has_no_date(tmp_path: Path):
    (tmp_path / "a.md").write_text("a")
    assert last_change(tmp_path / "a.md") is None
