"""The audit of the site keeps the middle of a noisy score and every fault, and names misses."""

from __future__ import annotations

import gzip
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from book.browser import serving
from tools import site_audit
from tools.site_audit import METRICS, TARGETS, CompressingHandler, main, misses, summarise

WEIGHTS = {"image-alt": "accessibility", "document-title": "seo"}


def report(performance: float, *, failing: str = "", paint: float = 1000.0) -> dict[str, Any]:
    """Return a report as Lighthouse writes it, with one audit a category at most."""
    audits = {name: {"numericValue": paint} for name in METRICS}
    audits |= {
        name: {"score": 0 if name == failing else 1, "scoreDisplayMode": "binary"}
        for name in WEIGHTS
    }
    categories = {
        category: {
            "score": 0.9 if WEIGHTS.get(failing) == category else 1,
            "auditRefs": [{"id": i, "weight": 7} for i, c in WEIGHTS.items() if c == category],
        }
        for category in TARGETS
    }
    categories["performance"] = {"score": performance, "auditRefs": []}
    return {"categories": categories, "audits": audits}


def test_performance_is_the_run_in_the_middle_and_faults_are_those_of_any_run():
    row = summarise(
        [report(0.6, paint=3), report(0.9, failing="image-alt", paint=1), report(0.8, paint=2)]
    )
    assert (row["performance"], row["largest_paint_ms"]) == (0.8, 2)
    assert (row["accessibility"], row["seo"], row["faults"]) == (0.9, 1, ["image-alt"])


def test_each_score_below_its_target_is_named_with_what_failed():
    good, bad = summarise([report(0.8)]), summarise([report(0.79, failing="document-title")])
    assert misses({"a.html": good}) == []
    assert misses({"a.html": good, "b.html": bad}) == [
        "b.html: performance 0.79, to be 0.8",
        "b.html: seo 0.90, to be 1.0 (document-title)",
    ]


def test_text_is_served_compressed_as_hosts_do_and_pictures_as_they_are(tmp_path: Path):
    (tmp_path / "a.html").write_text("<p>" + "word " * 1000)
    (tmp_path / "a.png").write_bytes(b"picture")
    with serving(tmp_path, CompressingHandler) as address:
        with urllib.request.urlopen(f"{address}a.html?choose") as answer:
            body = answer.read()
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert gzip.decompress(body) == (tmp_path / "a.html").read_bytes()
        assert len(body) < 500
        with urllib.request.urlopen(f"{address}a.png") as answer:
            assert answer.read() == b"picture"


@pytest.mark.parametrize(("performance", "status"), [(0.95, 0), (0.5, 1)])
def test_every_page_is_recorded_and_a_miss_is_an_error(
    tmp_path: Path, monkeypatch, capsys, performance: float, status: int
):
    site, record = tmp_path / "site", tmp_path / "site.json"
    (site / "en").mkdir(parents=True)
    for name in ("index.html", "en/a.html"):
        (site / name).write_text("<p>")
    asked: list[str] = []
    monkeypatch.setattr(site_audit, "install_lighthouse", lambda folder: [])
    monkeypatch.setattr(site_audit, "find_chromium", lambda: "chromium")
    monkeypatch.setattr(site_audit, "version_of", lambda chromium: "1.2.3")

    def audit(command: list[str], address: str, chromium: str) -> dict[str, Any]:
        asked.append(address.split("/", 3)[3])
        return report(performance)

    monkeypatch.setattr(site_audit, "audit", audit)
    options = ["--site", str(site), "--record", str(record)]
    assert main([*options, "--runs", "2"]) == status
    assert asked == ["en/a.html"] * 2 + ["index.html?choose"] * 2  # it stays where it is
    written = json.loads(record.read_text())
    assert set(written["pages"]) == {"index.html", "en/a.html"}
    assert written["environment"]["versions"]["chromium"] == "1.2.3"
    assert {row["runs"] for row in written["pages"].values()} == {2}
    assert ("performance 0.50" in capsys.readouterr().out) is (status == 1)

    main([*options, "--only", "en/*", "--runs", "3"])
    again = json.loads(record.read_text())
    assert {name: row["runs"] for name, row in again["pages"].items()} == {
        "index.html": 2, "en/a.html": 3,
    }  # fmt: skip
    assert again["environment"] == written["environment"]

    monkeypatch.setattr(site_audit, "version_of", lambda chromium: "1.2.4")
    capsys.readouterr()
    main([*options, "--only", "index.html"])
    assert json.loads(record.read_text()) == again
    assert "left as it is" in capsys.readouterr().out

    record.unlink()
    main([*options, "--only", "en/*"])
    assert not record.exists()
