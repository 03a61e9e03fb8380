"""Every data set of the course: what it is, whose it is, and how its files are recognised.

Small ones ship with the package, with their licence and a PROVENANCE note beside them. The others
are looked for in the folder that RUNTUN_DATA_DIR names, then in the cache that
`runtun data fetch` fills. A file that does not have the expected checksum is never read: a
changed file would change results without a word.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parent / "files"
"""Folder of the data that come with the package."""


class DataNotFoundError(FileNotFoundError):
    """A data file is not on this machine; the message says how to get it."""


class ChecksumError(ValueError):
    """A data file is not the one that the course was measured with."""


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Args:
        name: file name, also that of the cached copy.
        sha256: checksum of the file; for a copy that was compressed to NAME.gz, of its content.
        url: public address of exactly this content, if there is one.
    """

    name: str
    sha256: str
    url: str | None = None


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Args:
        name: folder name, under the shipped files, RUNTUN_DATA_DIR and the cache.
        title: what it holds, in one line.
        licence: under which terms it may be used.
        citation: whom to name when using it.
        source: where it comes from; for a set without addresses, where a person can get it.
        files: its files.
        shipped: whether it comes with the package.
        package: a Python package that holds the file, as (module, path inside it), if any.
    """

    name: str
    title: str
    licence: str
    citation: str
    source: str
    files: tuple[DataFile, ...]
    shipped: bool = False
    package: tuple[str, str] | None = None


_NUSAX = (
    "https://raw.githubusercontent.com/IndoNLP/nusax/"
    "159e7b2b8f27ddc37ab0e40db3c1480d779f7712/datasets/sentiment"
)
_SMSA = "https://raw.githubusercontent.com/IndoNLP/indonlu/master/dataset/smsa_doc-sentiment-prosa"
_RIDERSHIP = "CTA_-_Ridership_-_Daily_Boarding_Totals.csv"

CATALOGUE: dict[str, DataSet] = {
    data.name: data
    for data in (
        DataSet(
            name="taylor",
            title="Electricity demand of England and Wales, half-hourly, 5 June to 27 August 2000",
            licence="MIT",
            citation=(
                "Taylor, J. W. (2003). Short-term electricity demand forecasting using double "
                "seasonal exponential smoothing. Journal of the Operational Research Society 54."
            ),
            source="load_taylor of the Python package pmdarima 2.1.1",
            files=(
                DataFile(
                    "taylor.csv",
                    "64da8f28a507b4884ca693ae02be31c9f8425c10007fcf3b2900ec5d48091376",
                ),
            ),
            shipped=True,
        ),
        DataSet(
            name="stocks",
            title="Daily prices of AAPL, FB, GOOG, IBM and MSFT, 2000 to 2013",
            licence="public domain",
            citation="Quandl WIKI Prices, archived copy supplied by marketneutral on Kaggle.",
            source="https://data.nasdaq.com/databases/WIKIP",
            files=(
                DataFile(
                    "stocks.csv",
                    "e73fe05d106b7da1abe8f947264c514afd02cef5c9db4864b9437c84d6bd6069",
                ),
            ),
            shipped=True,
        ),
        DataSet(
            name="movie_snippets",
            title="10,605 English movie review sentences with a mean human score from -4 to 4",
            licence="MIT; sentences by Pang & Lee, CC BY 4.0",
            citation=(
                "Hutto, C. J. & Gilbert, E. (2014). VADER: a parsimonious rule-based model for "
                "sentiment analysis of social media text. ICWSM. Sentences: Pang, B. & Lee, L. "
                "(2005). Seeing stars. ACL."
            ),
            source="the source distribution of the Python package vaderSentiment 3.3.2",
            files=(
                DataFile(
                    "movieReviewSnippets_GroundTruth.txt",
                    "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
                ),
            ),
            shipped=True,
        ),
        DataSet(
            name="pride_and_prejudice",
            title="Jane Austen, Pride and Prejudice (1813), plain text",
            licence="text in the public domain; packaging MIT",
            citation="Austen, J. (1813). Pride and Prejudice.",
            source="the R package janeaustenr, as packaged by Debian",
            files=(
                DataFile(
                    "pride_and_prejudice.txt",
                    "dfc684d4f857fa938268f9ab9c5567b64bd0691251eca959644adeabe6287a4d",
                ),
            ),
            shipped=True,
        ),
        DataSet(
            name="root_words",
            title="29,932 Indonesian root words",
            licence="CC BY-NC-SA 3.0 (the list, from Kateglo); the package that holds it is MIT",
            citation="Kateglo, root word list of Sastrawi 1.0.1.",
            source="the Python package Sastrawi 1.0.1: pip install Sastrawi",
            files=(
                DataFile(
                    "kata-dasar.txt",
                    "4dcef937328702073de33361127626399ddc7da8e45a03cde6e3b609a1e11076",
                ),
            ),
            package=("Sastrawi", "Stemmer/data/kata-dasar.txt"),
        ),
        DataSet(
            name="mysterious_island",
            title="Jules Verne, The Mysterious Island, plain text with the Gutenberg header",
            licence="public domain in the USA (Project Gutenberg, book 1268)",
            citation="Verne, J. (1874). The Mysterious Island. Project Gutenberg, book 1268.",
            source="https://www.gutenberg.org/ebooks/1268",
            files=(
                DataFile(
                    "1268-0.txt",
                    "355bfdc3f9b5e384b1918e817dd086ce0df97f4d294c69f032fb70b95c1e737c",
                    "https://www.gutenberg.org/files/1268/1268-0.txt",
                ),
            ),
        ),
        DataSet(
            name="household_power_hourly",
            title="Electricity of one French household, hourly means, December 2006 to 2010",
            licence="CC BY 4.0",
            citation=(
                "Hébrail, G. & Bérard, A. (2006). Individual household electric power consumption. "
                "UCI Machine Learning Repository, doi 10.24432/C58K54."
            ),
            source=(
                "https://archive.ics.uci.edu/dataset/235 (minutes, to be averaged by hour and "
                "rounded to three digits)"
            ),
            files=(
                DataFile(
                    "household_power_hourly.csv",
                    "be4f38e5516873ac5da14cc5d41d1edded2e94ab1842f2d64ad3f10d86e44d40",
                ),
            ),
        ),
        DataSet(
            name="nusax_senti_id_en",
            title="The same 1,000 sentences in Indonesian and English, three classes of sentiment",
            licence="CC BY-SA 4.0",
            citation=(
                "Winata, G. I. et al. (2023). NusaX: multilingual parallel sentiment dataset for "
                "10 Indonesian local languages. EACL."
            ),
            source="https://github.com/IndoNLP/nusax",
            files=tuple(
                DataFile(f"{language}_{part}.csv", sha256, f"{_NUSAX}/{language}/{part}.csv")
                for language, part, sha256 in (
                    (
                        "english",
                        "train",
                        "d11297019c1f39c6a9bc855cf8bebd54aebd6c9c3e0e945cb8cb6a7999350e94",
                    ),
                    (
                        "english",
                        "valid",
                        "76ca81930332a857ee8c1a5d05a1523f4d91783d313a80bccb39836d80ad2655",
                    ),
                    (
                        "english",
                        "test",
                        "63b49ae7c8fa9c72013dbc29477c9ca6b9f82e510f65df88a05635e36f4a979e",
                    ),
                    (
                        "indonesian",
                        "train",
                        "698c4802111085c14fbe35122957e1145338d307bcc295764026a23095a32984",
                    ),
                    (
                        "indonesian",
                        "valid",
                        "4049c4a53017e08db72c72e1907345bfdfc19385481c58f54fe4637073d813f9",
                    ),
                    (
                        "indonesian",
                        "test",
                        "43b612ed6fde972c752ab9fa8b2ce290d9ffa06b176b732fcef2a947cb94a161",
                    ),
                )
            ),
        ),
        DataSet(
            name="smsa_indonlu",
            title="12,760 Indonesian sentences, three classes of sentiment",
            licence="Apache-2.0 (licence file of the repository; its badge says MIT)",
            citation=(
                "Purwarianti, A. & Crisdayanti, I. A. P. A. (2019). Improving bi-LSTM performance "
                "for Indonesian sentiment analysis using paragraph vector. ICAICTA. Wilie, B. et "
                "al. (2020). IndoNLU. AACL-IJCNLP."
            ),
            source="https://github.com/IndoNLP/indonlu",
            files=(
                DataFile(
                    "smsa_train.tsv",
                    "50f38ceed9b31521bf1581e126620532cc9b790712938159a2cdcf6906977a9b",
                    f"{_SMSA}/train_preprocess.tsv",
                ),
                DataFile(
                    "smsa_valid.tsv",
                    "6ab41ddc9d58a35086f05ebd2e209c74cb03d87d4f51d6abdfba674eafbefa74",
                    f"{_SMSA}/valid_preprocess.tsv",
                ),
                DataFile(
                    "smsa_test.tsv",
                    "4e8016daa8e4e1b193f2a28a79d3a7804dd4e3f926a3ab7e8a64264f5f416a6f",
                    f"{_SMSA}/test_preprocess.tsv",
                ),
            ),
        ),
        DataSet(
            name="tatoeba_ind_eng",
            title="7,151 pairs of Indonesian and English sentences, each with its authors",
            licence="CC BY 2.0 FR",
            citation="Tatoeba Project (tatoeba.org), selection of manythings.org/anki, 2020-06-28.",
            source="https://www.manythings.org/anki/ (ind-eng.zip; newer versions differ)",
            files=(
                DataFile(
                    "ind.txt",
                    "c95e3c641ea544806d0b7eeef9a5415a28ba46c87fa9cce2c018cbdda5b5ced5",
                ),
            ),
        ),
        DataSet(
            name="cta_ridership",
            title="Daily boardings of Chicago's buses and trains, 2001 to 2021",
            licence="terms of the City of Chicago data portal",
            citation="Chicago Transit Authority, Ridership, Daily Boarding Totals.",
            source="https://data.cityofchicago.org",
            files=(
                DataFile(
                    _RIDERSHIP,
                    "34faaba085ca21434b7dd3e0abcbaf8cde5be3a4f170dda1c8caef72c5c4bd06",
                    "https://raw.githubusercontent.com/ageron/data/"
                    f"d3caa456a6abc23c3090887c0c27172046f17a90/ridership/{_RIDERSHIP}",
                ),
            ),
        ),
        DataSet(
            name="imdb",
            title="50,000 English movie reviews, positive or negative",
            licence="for research; see the page of its authors",
            citation=(
                "Maas, A. L. et al. (2011). Learning word vectors for sentiment analysis. ACL."
            ),
            source="https://ai.stanford.edu/~amaas/data/sentiment/",
            files=(
                DataFile(
                    "aclImdb_v1.tar.gz",
                    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
                    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
                ),
                DataFile(
                    "imdb.npz",
                    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
                    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/imdb.npz",
                ),
            ),
        ),
    )
}
"""The data sets by name."""


def get_data_set(name: str) -> DataSet:
    """Return the data set of this name.

    Raises:
        ValueError: if there is none.

    >>> get_data_set("taylor").licence
    'MIT'
    """
    if name not in CATALOGUE:
        raise ValueError(f"There is no data set {name!r}. There are: {', '.join(CATALOGUE)}.")
    return CATALOGUE[name]


def cache_folder() -> Path:
    """Return the folder that `runtun data fetch` fills.

    RUNTUN_CACHE_DIR if set, else `runtun` in XDG_CACHE_HOME, else ~/.cache/runtun.
    """
    if own := os.environ.get("RUNTUN_CACHE_DIR"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "runtun"


def folders(data: DataSet) -> list[Path]:
    """Return the folders in which a data set is looked for, in this order."""
    if data.shipped:
        return [SHIPPED / data.name]
    own = os.environ.get("RUNTUN_DATA_DIR")
    return [Path(p).expanduser() / data.name for p in (own, str(cache_folder())) if p]


def find_file(name: str, file: str) -> Path | None:
    """Return where a file of a data set lies on this machine, or None; nothing is read.

    Raises:
        ValueError: if there is no such data set or file.

    >>> find_file("taylor", "taylor.csv").name
    'taylor.csv'
    """
    data = get_data_set(name)
    if file not in {f.name for f in data.files}:
        raise ValueError(
            f"The data set {name!r} has no file {file!r}. It has: "
            f"{', '.join(f.name for f in data.files)}."
        )
    for folder in folders(data):
        for candidate in (folder / file, folder / f"{file}.gz"):
            if candidate.is_file():
                return candidate
    if data.package:
        module, inside = data.package
        spec = importlib.util.find_spec(module)
        if spec and spec.submodule_search_locations:
            candidate = Path(next(iter(spec.submodule_search_locations))) / inside
            if candidate.is_file():
                return candidate
    return None


def read_bytes(name: str, file: str) -> bytes:
    """Return the content of a file of a data set, checked against its checksum.

    Raises:
        DataNotFoundError: if it is not on this machine.
        ChecksumError: if it is another file than the one the course was measured with.
    """
    data, path = get_data_set(name), find_file(name, file)
    if path is None:
        raise DataNotFoundError(_how_to_get(data, file))
    content = path.read_bytes()
    if path.name == f"{file}.gz":
        content = gzip.decompress(content)
    expected = next(f.sha256 for f in data.files if f.name == file)
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ChecksumError(
            f"{path} is not the expected file: sha256 {found[:12]}… instead of {expected[:12]}…. "
            "Remove it and get it again."
        )
    return content


def read_text(name: str, file: str) -> str:
    """Return the content of a text file in UTF-8, with line ends as \\n and no byte order mark."""
    return read_bytes(name, file).decode("utf-8-sig").replace("\r\n", "\n")


def _how_to_get(data: DataSet, file: str) -> str:
    expected = next(f for f in data.files if f.name == file)
    if data.package:
        return f"{file} of {data.name!r} is not on this machine. Get it from {data.source}."
    own = os.environ.get("RUNTUN_DATA_DIR")
    place = f"{own or '$RUNTUN_DATA_DIR'}/{data.name}/{file}"
    if expected.url:
        return (
            f"{file} of {data.name!r} is not on this machine. Run `runtun data fetch {data.name}`, "
            f"or put the file at {place}."
        )
    return (
        f"{file} of {data.name!r} is not on this machine and has no fixed address to fetch it "
        f"from. Get it from {data.source} and put it at {place} (sha256 {expected.sha256})."
    )
