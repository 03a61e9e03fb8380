"""The `{results}` directive: a recorded experiment as tables, read from `results/NAME.json`.

    ```{results} waves
    :metrics: validation MSE, one step; validation MSE, ten steps
    ```

One table a metric (all of them without the option): mean, spread and number of seeds, and the
published figure where there is one, with whether ours reaches it. Under each mean a strip shows
where the seeds and the published figure lie among all rows. No number stands in the page's source.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book._ext.status import Cell, make_table
from book._ext.words import spell_number, word

HIGHER_IS_BETTER = {"%", "share of seeds"}
NEITHER = {"weights", "powers of ten"}

PIECES: dict[str, str] = {
    # metrics
    "validation MSE": "MSE validasi",
    "MSE": "MSE",
    "one step": "satu langkah",
    "ten steps": "sepuluh langkah",
    "recursive": "rekursif",
    "shifted step": "langkah bergeser",
    "fixed step": "langkah tetap",
    "solved": "berhasil",
    "sequences until solved": "runtun sampai berhasil",
    "held-out accuracy": "akurasi pada data yang disisihkan",
    "training step": "langkah pelatihan",
    "beside the simple RNN": "dibanding RNN sederhana",
    "parameters": "parameter",
    "next 24 hours": "24 jam ke depan",
    "next day": "hari berikutnya",
    "rail": "kereta",
    "March to May 2019": "Maret sampai Mei 2019",
    "beside tomorrow = today": "dibanding besok = hari ini",
    "direction right": "arah benar",
    "adding: solved": "penjumlahan: berhasil",
    "adding: sequences until solved": "penjumlahan: runtun sampai berhasil",
    "adding: held-out MSE": "penjumlahan: MSE pada data yang disisihkan",
    "copying: symbols said again rightly": "penyalinan: simbol yang diulang dengan benar",
    "accuracy": "akurasi",
    "snippets": "cuplikan ulasan",
    "bits per character": "bit per karakter",
    "novel": "novel",
    "Mysterious Island": "Mysterious Island",
    "root words": "kata dasar",
    "number words": "kata bilangan",
    "dates": "tanggal",
    "exact match": "tepat seluruhnya",
    "fields aligned rightly": "bagian yang disejajarkan dengan benar",
    "dot-product attention": "attention hasil kali titik",
    "additive attention": "attention aditif",
    "NusaX id": "NusaX Indonesia",
    "NusaX en": "NusaX Inggris",
    "lag-1000": "lag 1.000",
    "lag-5000": "lag 5.000",
    # sources
    "printed outputs of the notebook": "keluaran yang tercetak di notebook",
    "mean of 20 runs": "rata-rata 20 percobaan",
    # units
    "share of seeds": "bagian benih",
    "sequences": "runtun",
    "ratio": "rasio",
    "bits": "bit",
    "weights": "bobot",
    "boardings": "penumpang naik",
    "powers of ten": "pangkat sepuluh",
    # models
    "naive": "naif",
    "5-gram": "5-gram",
    "Witten-Bell": "Witten-Bell",
    "least squares": "kuadrat terkecil",
    "linear": "linear",
    "every step": "setiap langkah",
    "one cycle": "satu siklus",
    "simplified": "disederhanakan",
    "layer-norm RNN 20-20": "RNN layer norm 20-20",
    "forget bias 1": "bias forget 1",
    "same as last week": "sama dengan pekan lalu",
    "same as yesterday": "sama dengan kemarin",
    "mean of the training part": "rata-rata bagian latih",
    "two days of power": "daya dua hari",
    "inputs of the networks": "masukan yang sama dengan jaringan",
    "same day last week": "hari yang sama pekan lalu",
    "ridge": "ridge",
    "one week of demand": "beban listrik sepekan",
    "corrects last week": "mengoreksi pekan lalu",
    "corrects last week from one day": "mengoreksi pekan lalu dari sehari",
    "corrects last week from one week": "mengoreksi pekan lalu dari sepekan",
    "mean of both ridges that correct": "rata-rata kedua ridge yang mengoreksi",
    "least squares on 56 days": "kuadrat terkecil dari 56 hari",
    "multivariate": "multivariat",
    "today and the mean return": "hari ini dan imbal hasil rata-rata",
    "LSTM on returns": "LSTM pada imbal hasil",
    "LSTM on prices": "LSTM pada harga",
    "as PyTorch draws it": "bobot awal PyTorch",
    "as Keras draws it": "bobot awal Keras",
    "before training": "sebelum dilatih",
    "after training": "sesudah dilatih",
    "no mask": "tanpa mask",
    "two ways": "dua arah",
    "chrono": "chrono",
    "easy": "mudah",
    "normal": "normal",
    "moderate": "sedang",
    "hard": "sulit",
    "nightmare": "mimpi buruk",
}
"""What names of models, metrics and units are made of, in Indonesian; the rest are names."""


def say(text: str, language: str) -> str:
    """Return the name of a model, metric or unit in the page's language.

    >>> say("LSTM 20-20, every step", "id")
    'LSTM 20-20, setiap langkah'
    """
    if language == "en":
        return text
    return ", ".join(_say_piece(piece) for piece in text.split(", "))


def _say_piece(piece: str) -> str:
    for english, indonesian in (
        ("MAE, hour ", "MAE, jam "),
        ("hour ", "jam "),
        ("chapter ", "bab "),
        ("experiment ", "eksperimen "),
    ):
        if piece.startswith(english):
            return indonesian + piece[len(english) :]
    if piece.startswith("Jacobian over "):
        return f"Jacobian sejauh {piece.split()[2]} langkah"
    for english, indonesian in ((" digits", " angka"), (" epochs", " epoch")):
        if piece.endswith(english):
            return piece.removesuffix(english) + indonesian
    return PIECES.get(piece, piece)


def number(value: float, language: str) -> str:
    """Write a measured number with four digits, in the page's notation.

    >>> number(0.0011506, "en"), number(5408.0, "en"), number(0.25, "id")
    ('0.001151', '5,408', '0,25')
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return spell_number(text, language)


def mean_and_spread(row: Mapping[str, Any], language: str) -> str:
    """Write a mean and its standard deviation to the same place, the larger with four digits.

    >>> mean_and_spread({"mean": 0.0026718, "spread": 0.00021387}, "en")
    '0.002672\xa0± 0.000214'
    >>> mean_and_spread({"mean": 50.504, "spread": 0.0211}, "en")
    '50.50\xa0± 0.02'
    >>> mean_and_spread({"mean": 6123.2, "spread": 1728.4}, "id")
    '6.123\xa0± 1.728'
    >>> mean_and_spread({"mean": 0.00052753, "spread": 0.2343733}, "en")
    '0.0005\xa0± 0.2344'
    >>> mean_and_spread({"mean": 0.020211, "spread": None}, "en")
    '0.02021'
    """
    mean, spread = row["mean"], row["spread"]
    if spread is None or row.get("unit") == "weights":
        return number(mean, language)
    largest = max(abs(mean), spread)
    digits = f"{largest:.4g}"
    if "e" in digits and largest < 1:
        texts = [number(value, language) for value in (mean, spread)]
    else:
        places = 0 if largest >= 1000 else len(digits.partition(".")[2])
        if 0 < spread < 1:
            places = max(places, -math.floor(math.log10(spread)))
        texts = [spell_number(f"{value:,.{places}f}", language) for value in (mean, spread)]
    return "\N{NO-BREAK SPACE}± ".join(texts)


def reaches(row: Mapping[str, Any]) -> bool | None:
    """Say whether our mean is as good as the published figure, to the digits that were published.

    None without a published figure.
    """
    published = row.get("published")
    if published is None or row["unit"] in NEITHER:
        return None
    digits = repr(published).removesuffix(".0")
    mean = round(row["mean"], len(digits.partition(".")[2]))
    return mean >= published if row["unit"] in HIGHER_IS_BETTER else mean <= published


def seeds_of(rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the numbers of seeds of the methods that chance has a part in."""
    return {len(row["values"]) for row in rows if row["spread"] is not None}


def scale_of(rows: Sequence[Mapping[str, Any]]) -> Callable[[float], float] | None:
    """Return the common scale of the strips of one table, from a figure to percent of the width.

    It is logarithmic where the largest figure is more than twenty times the smallest, begins at
    zero where the smallest is less than a third of the largest, and otherwise spans the figures.
    None where there is nothing to compare.

    >>> place = scale_of([{"values": [v], "published": None} for v in (0.0, 5.0, 10.0)])
    >>> place(0.0), place(5.0), place(10.0)
    (3.0, 50.0, 97.0)
    """
    figures = [value for row in rows for value in row["values"]]
    figures += [row["published"] for row in rows if row["published"] is not None]
    low, high = min(figures), max(figures)
    if len(rows) < 2 or low == high:
        return None
    change: Callable[[float], float] = float
    if low > 0 and high > 20 * low:
        change = math.log
    elif 0 < low < high / 3:
        low = 0.0
    first, last = change(low), change(high)
    return lambda value: round(3 + 94 * (change(value) - first) / (last - first), 1)


def strip_of(row: Mapping[str, Any], place: Callable[[float], float]) -> nodes.raw:
    """Draw one row: a dot for each seed, an upright line at the mean, a diamond as published.

    The numbers stand in the table, so that a screen reader need not hear of it.
    """
    parts = [f'<circle cx="{place(value)}%" cy="6" r="3"/>' for value in row["values"]]
    if len(row["values"]) > 1:
        mean = place(row["mean"])
        parts.append(f'<line x1="{mean}%" x2="{mean}%" y1="0" y2="12"/>')
    if row["published"] is not None:
        parts.append(f'<svg x="{place(row["published"])}%"><path d="M0 2 4 6 0 10-4 6z"/></svg>')
    svg = f'<svg class="result-strip" aria-hidden="true">{"".join(parts)}</svg>'
    return nodes.raw("", svg, format="html")


def table_of(rows: Sequence[Mapping[str, Any]], language: str) -> nodes.table:
    """Return the table of one metric, no wider than its rows need.

    A model that two frameworks ran stands there with each framework's name. Numbers of seeds have a
    column where they differ, published figures where there are any.
    """
    published = any(row["published"] is not None for row in rows)
    differ = len(seeds_of(rows)) > 1
    runs = Counter(row["model"] for row in rows)
    header = [word("model", language), word("mean", language)]
    header += [word("seeds", language)] if differ else []
    header += [word("published", language)] if published else []
    place = scale_of(rows)
    lines: list[list[Cell]] = []
    for row in rows:
        twice = runs[row["model"]] > 1
        name = say(row["model"], language)
        line: list[Cell] = [f"{name} ({_NAMES[row['framework']]})" if twice else name]
        mean = mean_and_spread(row, language)
        line.append(nodes.inline("", mean, strip_of(row, place)) if place else mean)
        if differ:
            line.append(str(len(row["values"])))
        if published:
            has = row["published"] is not None
            text = number(row["published"], language) if has else "–"
            if (good := reaches(row)) is not None:
                text += f" ({word('reached' if good else 'missed', language)})"
            line.append(text)
        lines.append(line)
    return make_table(header, lines)


_NAMES = {"keras": "Keras", "torch": "PyTorch", "nnx": "Flax NNX", "scratch": "NumPy",
          "numpy": "NumPy"}  # fmt: skip


class ResultsDirective(SphinxDirective):
    """Write the tables of one experiment."""

    required_arguments = 1
    option_spec: ClassVar[dict] = {"metrics": str}

    def run(self) -> list[nodes.Node]:
        """Return a table for each metric, and where and when it was measured."""
        folder, name = Path(self.config.runtun_results), self.arguments[0]
        path = folder / f"{name}.json"
        if not path.is_file():
            raise self.error(f"{path.name} is not recorded; run `runtun experiment {name}`")
        self.env.note_dependency(str(path))
        result = json.loads(path.read_text(encoding="utf-8"))
        language = self.config.language
        names = list(dict.fromkeys(row["metric"] for row in result["rows"]))
        if "metrics" in self.options:
            wanted = [part.strip() for part in self.options["metrics"].split(";")]
            if unknown := [part for part in wanted if part not in names]:
                raise self.error(f"{path.name} has no metric {unknown[0]!r}; it has {names}")
            names = wanted
        found: list[nodes.Node] = []
        sources: list[str] = []
        for metric in names:
            rows = [row for row in result["rows"] if row["metric"] == metric]
            sources += [row["source"] for row in rows if row["source"]]
            unit = rows[0]["unit"]
            shown = say(metric, language)
            title = shown if unit in metric else f"{shown} ({say(unit, language)})"
            found += [nodes.rubric("", title), table_of(rows, language)]
        lead = word("strips", language)
        if any(row["published"] is not None for row in result["rows"] if row["metric"] in names):
            lead += " " + word("diamonds", language)
        environment = result["environment"]
        versions = environment["versions"]
        used = ", ".join(f"{package} {version}" for package, version in versions.items())
        measured = word("measured_on", language).format(
            day=environment["date"], processor=environment["processor"], versions=used
        )
        if len(counts := seeds_of([row for row in result["rows"] if row["metric"] in names])) == 1:
            over = word("over_seeds", language).format(count=counts.pop())
            measured = f"{over} {measured}"
        measured = f"{lead} {measured}"
        found.append(nodes.paragraph("", measured, classes=["result-note"]))
        if sources:
            lead = word("published_in", language)
            listed = "; ".join(say(source, language) for source in dict.fromkeys(sources))
            found.append(nodes.paragraph("", f"{lead} {listed}.", classes=["result-note"]))
        return found


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive; `book._ext.status` holds the folder's setting."""
    app.add_directive("results", ResultsDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
