"""Loaders: one function a data set, returning it ready to use.

`runtun.data.catalogue` says whose each data set is and under which terms it may be used.
"""

from __future__ import annotations

import csv
import io
import re
import tarfile
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from runtun.data.catalogue import (
    DataNotFoundError,
    find_file,
    folders,
    get_data_set,
    read_bytes,
    read_text,
)

LabelPart = Literal["train", "validation", "test"]

SENTIMENTS = ("negative", "neutral", "positive")
"""Class names of NusaX and SmSA; labels are indices into them."""


class LabelledTexts(NamedTuple):
    """Texts and what is to be told about each.

    Args:
        texts: N strings.
        labels: (N,), class numbers (int64) or scores (float64).
    """

    texts: list[str]
    labels: np.ndarray


class TextPairs(NamedTuple):
    """Sentences and their translations, N each.

    Args:
        indonesian: N strings.
        english: N strings.
        attributions: N strings, the licence and the authors of each pair.
    """

    indonesian: list[str]
    english: list[str]
    attributions: list[str]


# ---------------------------------------------------------------------------------- time series


def load_taylor() -> pd.Series:
    """Load the electricity demand of England and Wales in 2000, every half hour.

    Returns:
        4,032 values in MW, without gaps; index half-hourly times.

    >>> demand = load_taylor()
    >>> len(demand), str(demand.index[0]), str(demand.index[-1])
    (4032, '2000-06-05 00:00:00', '2000-08-27 23:30:00')
    """
    table = pd.read_csv(
        io.StringIO(read_text("taylor", "taylor.csv")), index_col="timestamp", parse_dates=True
    )
    return table["demand_mw"].astype("float64").asfreq("30min")


def load_stocks(ticker: str | None = None) -> pd.DataFrame:
    """Load daily prices of five companies, 2000 to 2013.

    Raw prices jump when a share is split; `adjusted_close` is corrected for splits and dividends.

    Args:
        ticker: "AAPL", "FB", "GOOG", "IBM" or "MSFT"; None for all of them.

    Returns:
        Columns open, high, low, close (USD), volume (shares), adjusted_close (USD); index the
        trading day, or ticker and trading day if no ticker is given.

    Raises:
        ValueError: if there is no such ticker.

    >>> load_stocks("IBM").shape
    (3270, 6)
    """
    table = pd.read_csv(io.StringIO(read_text("stocks", "stocks.csv")), parse_dates=["Date"])
    table.columns = [name.lower().replace("adj ", "adjusted_") for name in table.columns]
    table = table.set_index(["ticker", "date"]).sort_index()
    if ticker is None:
        return table
    known = list(table.index.unique("ticker"))
    if ticker not in known:
        raise ValueError(f"`ticker` must be one of {', '.join(known)}; received {ticker!r}.")
    return table.loc[ticker]


def load_household_power() -> pd.DataFrame:
    """Load the electricity of one household near Paris, hourly means, 2006 to 2010.

    Returns:
        34,589 hours × 7 columns: active and reactive power (kW, kVAr), voltage (V), intensity (A)
        and three sub-meters (Wh a minute); index the hour. Hours without a measurement have no
        row: mind the gaps before cutting windows.

    Raises:
        DataNotFoundError: if the file is not on this machine; see `runtun data list`.
    """
    text = read_text("household_power_hourly", "household_power_hourly.csv")
    table = pd.read_csv(io.StringIO(text), index_col="Datetime", parse_dates=True)
    table.index.name = "time"
    table.columns = [name.lower() for name in table.columns]
    return table.astype("float64")


def load_ridership() -> pd.DataFrame:
    """Load the daily boardings of Chicago's buses and trains, 2001 to 2021.

    Returns:
        Columns bus, rail (boardings) and day_type (W weekday, A Saturday, U Sunday or holiday);
        index the day. Days that the file lists twice appear once.

    Raises:
        DataNotFoundError: if the file is not on this machine; see `runtun data list`.
    """
    (file,) = get_data_set("cta_ridership").files
    table = pd.read_csv(
        io.StringIO(read_text("cta_ridership", file.name)), parse_dates=["service_date"]
    )
    table = table.drop_duplicates().sort_values("service_date").set_index("service_date")
    table.index.name = "day"
    return table.rename(columns={"rail_boardings": "rail"})[["bus", "rail", "day_type"]]


# ----------------------------------------------------------------------------------------- texts


def load_novel() -> str:
    """Load Jane Austen's Pride and Prejudice.

    Returns:
        684,767 characters, 75 different ones.

    >>> len(load_novel()), load_novel()[:19]
    (684767, 'PRIDE AND PREJUDICE')
    """
    return read_text("pride_and_prejudice", "pride_and_prejudice.txt").removesuffix("\n")


def load_mysterious_island() -> str:
    """Load Jules Verne's The Mysterious Island without the header and footer of the edition.

    Returns:
        1,112,262 characters, 79 different ones.

    Raises:
        DataNotFoundError: if the file is not on this machine; see `runtun data list`.
    """
    text = read_text("mysterious_island", "1268-0.txt")
    start = text.index("THE MYSTERIOUS ISLAND\n\nby")
    return text[start : text.index("End of the Project Gutenberg")].strip() + "\n"


def load_root_words() -> list[str]:
    """Load the Indonesian root words, sorted, each once.

    The list is under CC BY-NC-SA 3.0, so it does not ship with this package; it is read from the
    Python package Sastrawi where that is installed.

    Returns:
        29,931 words of the letters a to z and the hyphen; one entry of the list is damaged and
        left out.

    Raises:
        DataNotFoundError: if neither the package nor the file is on this machine.
    """
    lines = read_text("root_words", "kata-dasar.txt").splitlines()
    return sorted({line for line in lines if re.fullmatch("[a-z-]+", line)})


def load_movie_snippets() -> LabelledTexts:
    """Load sentences of English movie reviews with the mean score human raters gave them.

    Returns:
        10,605 sentences; labels float64 from -4 (most negative) to 4.

    >>> texts, scores = load_movie_snippets()
    >>> len(texts), texts[2], round(float(scores[2]), 1)
    (10605, 'Effective but too tepid biopic', -0.6)
    """
    name = "movieReviewSnippets_GroundTruth.txt"
    rows = [line.split("\t", 2) for line in read_text("movie_snippets", name).splitlines() if line]
    return LabelledTexts([row[2] for row in rows], np.array([float(row[1]) for row in rows]))


def load_nusax(language: Literal["id", "en"], part: LabelPart) -> LabelledTexts:
    """Load NusaX: the same sentences in Indonesian and English, in the same order.

    Args:
        language: "id" or "en".
        part: "train" (500 sentences), "validation" (100) or "test" (400).

    Returns:
        Texts and labels, int64 indices into SENTIMENTS.

    Raises:
        DataNotFoundError: if the files are not on this machine; see `runtun data list`.
    """
    names = {"id": "indonesian", "en": "english"}
    if language not in names:
        raise ValueError(f'`language` must be "id" or "en"; received {language!r}.')
    text = read_text("nusax_senti_id_en", f"{names[language]}_{_short(part)}.csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    return LabelledTexts([row["text"] for row in rows], _classes(row["label"] for row in rows))


def load_smsa(part: LabelPart) -> LabelledTexts:
    """Load SmSA: Indonesian sentences of reviews and social media.

    Args:
        part: "train" (11,000 sentences), "validation" (1,260) or "test" (500).

    Returns:
        Texts and labels, int64 indices into SENTIMENTS.

    Raises:
        DataNotFoundError: if the files are not on this machine; see `runtun data list`.
    """
    lines = read_text("smsa_indonlu", f"smsa_{_short(part)}.tsv").split("\n")
    rows = [line.rsplit("\t", 1) for line in lines if line]
    return LabelledTexts([row[0] for row in rows], _classes(row[1] for row in rows))


# Violence, suicide and nakedness: true sentences, but not ones to print in a lesson.
_SENSITIVE = re.compile(
    r"\b(murder\w*|suicide|kill|kills|killed|killing|naked|sexy?|rape[sd]?|shot|corpse|"
    r"bunuh|membunuh\w*|dibunuh|pembunuh\w*|terbunuh|menewaskan|telanjang|seksi|mayat)\b",
    re.IGNORECASE,
)


def load_tatoeba(*, sensitive: bool = False) -> TextPairs:
    """Load pairs of Indonesian and English sentences written by volunteers.

    Args:
        sensitive: whether to keep sentences about violence, suicide and nakedness.

    Returns:
        7,151 pairs with `sensitive`, a few dozen fewer without.

    Raises:
        DataNotFoundError: if the file is not on this machine; see `runtun data list`.
    """
    rows = [
        line.split("\t") for line in read_text("tatoeba_ind_eng", "ind.txt").split("\n") if line
    ]
    if not sensitive:
        rows = [row for row in rows if not _SENSITIVE.search(f"{row[0]}\n{row[1]}")]
    english, indonesian, attributions = zip(*rows, strict=True)
    return TextPairs(list(indonesian), list(english), list(attributions))


def load_imdb(part: Literal["train", "test"]) -> LabelledTexts:
    """Load the IMDb reviews as text, from the public archive or from the folder it unpacks to.

    The folder is looked for as imdb/aclImdb under RUNTUN_DATA_DIR and the cache, before the
    archive aclImdb_v1.tar.gz, which is read without being unpacked.

    Args:
        part: "train" or "test", 25,000 reviews each.

    Returns:
        Texts and labels, int64: 0 negative, 1 positive. Positive and negative reviews alternate in
        blocks in the archive: shuffle before training.

    Raises:
        DataNotFoundError: if neither is on this machine; see `runtun data list`.
    """
    if part not in ("train", "test"):
        raise ValueError(f'`part` must be "train" or "test"; received {part!r}.')
    for folder in folders(get_data_set("imdb")):
        root = folder / "aclImdb" / part
        if root.is_dir():
            return _imdb_from_folder(root)
    archive = find_file("imdb", "aclImdb_v1.tar.gz")
    if archive is None:
        read_bytes("imdb", "aclImdb_v1.tar.gz")  # raises, and says how to get it
        raise AssertionError
    read = re.compile(rf"aclImdb/{part}/(neg|pos)/(\d+)_\d+\.txt")
    found: list[tuple[int, int, str]] = []
    with tarfile.open(fileobj=io.BytesIO(read_bytes("imdb", archive.name)), mode="r:gz") as tar:
        for member in tar:
            match = read.fullmatch(member.name)
            if match and (file := tar.extractfile(member)):
                found.append((match[1] == "pos", int(match[2]), file.read().decode("utf-8")))
    found.sort(key=lambda row: row[:2])
    return LabelledTexts([row[2] for row in found], np.array([row[0] for row in found], np.int64))


def _imdb_from_folder(root: Path) -> LabelledTexts:
    texts, labels = [], []
    for label, name in enumerate(("neg", "pos")):
        files = sorted((root / name).glob("*.txt"), key=lambda file: int(file.stem.split("_")[0]))
        texts += [file.read_text(encoding="utf-8") for file in files]
        labels += [label] * len(files)
    if not texts:
        raise DataNotFoundError(f"{root} holds no reviews: expected neg/*.txt and pos/*.txt.")
    return LabelledTexts(texts, np.array(labels, dtype=np.int64))


def load_imdb_ids(part: Literal["train", "test"]) -> tuple[list[list[int]], np.ndarray]:
    """Load the IMDb reviews as word numbers, from the file that Keras publishes.

    Args:
        part: "train" or "test", 25,000 reviews each.

    Returns:
        (reviews, labels): lists of word numbers, most frequent word 1; labels int64, 0 negative,
        1 positive.

    Raises:
        DataNotFoundError: if imdb.npz is not on this machine; see `runtun data list`.
    """
    if part not in ("train", "test"):
        raise ValueError(f'`part` must be "train" or "test"; received {part!r}.')
    content = io.BytesIO(read_bytes("imdb", "imdb.npz"))
    # The file holds Python lists, so it must be unpickled: safe, because its checksum was right.
    with np.load(content, allow_pickle=True) as arrays:
        reviews = [list(map(int, review)) for review in arrays[f"x_{part}"]]
        return reviews, arrays[f"y_{part}"].astype(np.int64)


def _short(part: str) -> str:
    if part not in ("train", "validation", "test"):
        raise ValueError(f'`part` must be "train", "validation" or "test"; received {part!r}.')
    return "valid" if part == "validation" else part


def _classes(names: object) -> np.ndarray:
    return np.array([SENTIMENTS.index(name) for name in names], dtype=np.int64)  # type: ignore[attr-defined]
