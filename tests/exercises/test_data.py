"""Numbers and texts that a notebook carries within itself are those of the course's data."""

from __future__ import annotations

from typing import Any

import nbformat
import numpy as np

from runtun.data.loaders import load_novel, load_stocks, load_taylor
from tests.exercises.support import source_path
from tests.support import ROOT


def names_of(slug: str, cell_id: str = "data") -> dict[str, Any]:
    """Run one locked cell of a source by itself and return the names it defines."""
    notebook = nbformat.read(source_path(slug), as_version=4)
    cell = next(cell for cell in notebook.cells if cell.id == cell_id)
    names: dict[str, Any] = {"np": np}
    exec(compile(cell.source, cell_id, "exec"), names)
    return names


def test_stocks_are_the_adjusted_closes_to_four_digits() -> None:
    closes = load_stocks("AAPL")["adjusted_close"]
    assert str(closes.index[0].date()) == "2000-03-01"
    assert str(closes.index[-1].date()) == "2013-03-01"
    prices = names_of("06-stocks")["prices"]
    assert prices.shape == closes.shape
    np.testing.assert_allclose(prices, closes, rtol=5e-4)


def test_demand_is_the_hourly_mean_of_the_half_hours() -> None:
    half_hours = load_taylor()
    assert str(half_hours.index[0]) == "2000-06-05 00:00:00"
    assert half_hours.index[0].day_name() == "Monday"
    names = names_of("15-energy")
    np.testing.assert_allclose(names["demand"], half_hours.resample("h").mean(), atol=0.5)
    licence = (ROOT / "lib/runtun/data/files/taylor/LICENSE.txt").read_text()
    assert names["LICENCE"].split() == licence.replace('"', "'").split()


def test_text_is_the_beginning_of_the_novel() -> None:
    novel = " ".join(load_novel().split())
    names = names_of("14-text-generation")
    assert names["NOVEL"].startswith("It is a truth universally acknowledged")
    assert names["NOVEL"] == novel[novel.index("It is a truth") :][:50_000]
    assert names["text"] == names["NOVEL"].lower()
