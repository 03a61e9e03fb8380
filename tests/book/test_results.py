"""Recorded results on the pages: in the page's language, and each with its place."""

from __future__ import annotations

import json
import re

import pytest
from docutils import nodes

from book._ext.results import PIECES, number, reaches, say, scale_of, table_of
from book.source_checks import read_page
from runtun.experiments.catalogue import EXPERIMENTS
from tests.support import ROOT

RECORDED = sorted(
    path.stem for path in (ROOT / "results").glob("*.json") if path.stem in EXPERIMENTS
)
NAMES = re.compile(
    r"(?:Simple)?(?:RNN|LSTM|GRU|WaveNet|TCN|Transformer|Conv1D|Dense|Naive Bayes|MAE|RMSE|MSE)\b"
)


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_recorded_experiment_is_on_the_page(language: str) -> None:
    page = read_page((ROOT / "book" / language / "results.md").read_text(encoding="utf-8"))
    shown = [d.argument for d in page.directives if d.name == "results"]
    assert sorted(shown) == RECORDED


@pytest.mark.parametrize("name", RECORDED)
def test_every_name_has_words_in_indonesian(name: str) -> None:
    rows = json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    texts = {row[key] for row in rows for key in ("model", "metric", "unit")}
    # A source begins with its authors' names.
    texts |= {row["source"].partition(", ")[2] for row in rows if row["source"]}
    for text in texts:
        for piece in text.split(", "):
            known = piece in PIECES or say(piece, "id") != piece or NAMES.match(piece)
            assert known or not re.search(r"[a-z]{3}", piece), piece


def test_names_and_numbers_follow_the_language() -> None:
    assert say("LSTM, forget bias 1, hard", "id") == "LSTM, bias forget 1, sulit"
    assert say("MAE, hour 3", "id") == "MAE, jam 3"
    assert number(0.0011506, "id") == "0,001151"
    assert number(31390.0, "id") == "31.390"


@pytest.mark.parametrize(
    ("unit", "mean", "published", "good"),
    [
        ("MSE", 0.002, 0.003, True),
        ("MSE", 0.004, 0.003, False),
        ("MSE", 0.0030004, 0.003, True),
        ("MAE", 42143.4, 42143.0, True),
        ("%", 99.0, 98.0, True),
        ("%", 97.0, 98.0, False),
        ("MSE", 0.002, None, None),
        ("weights", 5, 6, None),
    ],
)
def test_what_counts_as_reached(unit: str, mean: float, published: float | None, good) -> None:
    assert reaches({"unit": unit, "mean": mean, "published": published}) is good


def test_a_table_is_no_wider_than_its_rows_need() -> None:
    row = {"model": "LSTM", "framework": "keras", "mean": 0.5, "spread": 0.2, "unit": "MSE",
           "values": [0.3, 0.7], "published": None}  # fmt: skip
    baseline = row | {"model": "naive", "framework": "numpy", "spread": None, "values": [0.5]}

    def texts(rows: list) -> list[list[str]]:
        table = table_of(rows, "en")
        for strip in list(table.findall(nodes.raw)):
            strip.parent.remove(strip)
        lines = table.findall(nodes.row)
        cells = ([entry.astext() for entry in line.findall(nodes.entry)] for line in lines)
        return [[text.replace("\N{NO-BREAK SPACE}", " ") for text in line] for line in cells]

    assert texts([baseline, row]) == [["Model", "Mean"], ["naive", "0.5"], ["LSTM", "0.5 ± 0.2"]]
    twin = row | {"framework": "torch", "published": 0.49, "values": [0.3, 0.5, 0.7]}
    assert texts([row, twin]) == [
        ["Model", "Mean", "Seeds", "Published"],
        ["LSTM (Keras)", "0.5 ± 0.2", "2", "–"],
        ["LSTM (PyTorch)", "0.5 ± 0.2", "3", "0.49 (missed)"],
    ]


def test_strips_share_the_scale_of_their_table() -> None:
    row = {"model": "LSTM", "framework": "keras", "mean": 4.0, "spread": 1.0, "unit": "MSE",
           "values": [3.0, 5.0], "published": 10.0}  # fmt: skip
    other = row | {"model": "GRU", "values": [0.0, 2.0], "mean": 1.0, "published": None}
    first, second = (raw.astext() for raw in table_of([row, other], "en").findall(nodes.raw))
    assert re.findall(r'cx="([^"]+)%"', first) == ["31.2", "50.0"]
    assert re.findall(r'x="([^"]+)%"><path', first) == ["97.0"]
    assert re.findall(r'x1="([^"]+)%"', first) == ["40.6"]
    assert re.findall(r'cx="([^"]+)%"', second) == ["3.0", "21.8"]
    assert "path" not in second


def test_a_strip_needs_something_to_compare() -> None:
    row = {"values": [1.0, 2.0], "published": None}
    assert scale_of([row]) is None
    assert scale_of([{"values": [1.0], "published": None}] * 2) is None


@pytest.mark.parametrize(
    ("values", "middle"),
    [([1.0, 100.0], 10.0), ([1.0, 9.0], 4.5), ([8.0, 9.0], 8.5), ([-3.0, 1.0], -1.0)],
)
def test_the_scale_suits_the_figures(values: list[float], middle: float) -> None:
    place = scale_of([{"values": [value], "published": None} for value in values])
    assert place is not None
    assert (place(middle), place(values[1])) == (50.0, 97.0)
