"""Loaders: the counts of the catalogue, and the traps of each file."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtun.data import catalogue
from runtun.data.catalogue import CATALOGUE, DataFile, DataNotFoundError, find_file
from runtun.data.loaders import (
    SENTIMENTS,
    load_household_power,
    load_imdb,
    load_imdb_ids,
    load_movie_snippets,
    load_mysterious_island,
    load_novel,
    load_nusax,
    load_ridership,
    load_root_words,
    load_smsa,
    load_stocks,
    load_tatoeba,
    load_taylor,
)
from tests.support import require


def need(name: str) -> None:
    """Skip unless the data set is on this machine.

    These data are never committed, so a machine that does not promise them (RUNTUN_DATA_DIR) may
    go without, even where everything else is required.
    """
    here = all(find_file(name, file.name) for file in CATALOGUE[name].files)
    reason = f"The data set {name} is not on this machine"
    enable = f"export RUNTUN_DATA_DIR=<folder that holds it>, or runtun data fetch {name}"
    if not here and "RUNTUN_DATA_DIR" not in os.environ:
        pytest.skip(f"{reason}. To enable: {enable}")
    require(here, reason, enable)


def test_taylor_has_no_gap_and_a_weekly_season() -> None:
    demand = load_taylor()
    assert demand.index.freqstr == "30min"
    values = demand.to_numpy()
    assert np.isfinite(values).all()
    test = values[round(0.85 * len(values)) :]
    start = len(values) - len(test)

    def error(lag: int) -> float:
        return float(np.mean(np.abs(test - values[start - lag : len(values) - lag])))

    # Measured on the last 15 %: copying last week is much better than copying yesterday.
    assert error(48) == pytest.approx(1640, abs=15)
    assert error(336) == pytest.approx(467, abs=5)


def test_stocks_have_the_published_number_of_days_in_order() -> None:
    sizes = load_stocks().groupby("ticker").size().to_dict()
    assert sizes == {"AAPL": 3270, "FB": 196, "GOOG": 2148, "IBM": 3270, "MSFT": 3270}
    apple = load_stocks("AAPL")
    assert list(apple.columns) == ["open", "high", "low", "close", "volume", "adjusted_close"]
    assert apple.index.is_monotonic_increasing
    assert apple.index.is_unique


def test_raw_prices_jump_at_a_split_and_adjusted_ones_do_not() -> None:
    ratio = load_stocks("AAPL")[["close", "adjusted_close"]].pct_change().loc["2005-02-28"]
    assert ratio["close"] < -0.45
    assert abs(ratio["adjusted_close"]) < 0.05


def test_an_unknown_ticker_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="AAPL, FB, GOOG, IBM, MSFT"):
        load_stocks("TLKM")


def test_novel_counts() -> None:
    text = load_novel()
    assert len(set(text)) == 75
    assert text.endswith("means of uniting them.")


def test_snippets_lie_on_their_scale_and_are_whole_sentences() -> None:
    texts, scores = load_movie_snippets()
    assert len(texts) == len(scores) == 10_605
    assert np.abs(scores).max() <= 4
    assert all(text.strip() for text in texts)
    assert 0.4 < np.mean(scores > 0) < 0.6


def test_root_words_are_clean_and_sorted() -> None:
    require(
        find_file("root_words", "kata-dasar.txt"),
        "The Indonesian root words are not on this machine",
        "pip install Sastrawi",
    )
    words = load_root_words()
    assert words == sorted(set(words))
    assert len(words) == 29_931
    assert set("".join(words)) == set("abcdefghijklmnopqrstuvwxyz-")
    assert {"ajar", "urut", "runtun"} <= set(words)


@pytest.mark.reference_data
def test_mysterious_island_has_the_true_number_of_characters() -> None:
    need("mysterious_island")
    text = load_mysterious_island()
    assert (len(text), len(set(text))) == (1_112_262, 79)
    assert text.startswith("THE MYSTERIOUS ISLAND\n\nby Jules Verne")
    assert "Gutenberg" not in text


@pytest.mark.reference_data
def test_household_hours_are_in_order() -> None:
    need("household_power_hourly")
    table = load_household_power()
    assert table.shape == (34_589, 7)
    assert table.index.is_monotonic_increasing
    assert table.index.is_unique
    assert table.notna().all().all()


@pytest.mark.reference_data
def test_nusax_is_parallel() -> None:
    need("nusax_senti_id_en")
    for part, size in (("train", 500), ("validation", 100), ("test", 400)):
        indonesian, english = load_nusax("id", part), load_nusax("en", part)
        assert len(indonesian.texts) == len(english.texts) == size
        np.testing.assert_array_equal(indonesian.labels, english.labels)
    with pytest.raises(ValueError, match='"id" or "en"'):
        load_nusax("jv", "train")  # type: ignore[arg-type]


@pytest.mark.reference_data
def test_smsa_has_its_published_sizes() -> None:
    need("smsa_indonlu")
    sizes = {part: len(load_smsa(part).texts) for part in ("train", "validation", "test")}
    assert sizes == {"train": 11_000, "validation": 1_260, "test": 500}
    texts, labels = load_smsa("test")
    assert SENTIMENTS[labels[0]] == "negative"
    assert texts[0].startswith("kemarin gue datang")
    with pytest.raises(ValueError, match='"train", "validation" or "test"'):
        load_smsa("valid")  # type: ignore[arg-type]


@pytest.mark.reference_data
def test_tatoeba_leaves_out_what_no_lesson_should_print() -> None:
    need("tatoeba_ind_eng")
    everything, kept = load_tatoeba(sensitive=True), load_tatoeba()
    assert len(everything.english) == 7_151
    dropped = set(everything.english) - set(kept.english)
    assert 20 <= 7_151 - len(kept.english) <= 40
    assert "I'm naked." in dropped
    assert "We killed time by playing cards." in dropped  # the price of a simple rule
    assert "Tom needs to change his lifestyle." in kept.english
    assert all("tatoeba.org" in line for line in kept.attributions)


@pytest.mark.reference_data
def test_ridership_lists_each_day_once() -> None:
    need("cta_ridership")
    table = load_ridership()
    assert len(table) == 7_639
    assert table.index.is_unique
    assert table.index.is_monotonic_increasing
    assert set(table["day_type"]) == {"W", "A", "U"}
    spring = table.loc["2019-03":"2019-05", "rail"]
    naive = (table["rail"] - table["rail"].shift(7)).loc[spring.index].abs().mean()
    assert naive == pytest.approx(42_143, abs=1)  # the published figure


# ------------------------------------------------------------------------------------------ IMDb

REVIEWS = {
    "train/neg/0_2.txt": "dull",
    "train/neg/10_1.txt": "worse",
    "train/neg/2_3.txt": "bad",
    "train/pos/0_9.txt": "fine é",
    "train/unsup/0_0.txt": "unknown",
    "test/pos/0_10.txt": "other part",
}


def use_imdb(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    """Put a small file in the place of the large one, with its own checksum."""
    monkeypatch.setenv("RUNTUN_DATA_DIR", str(folder))
    monkeypatch.setenv("RUNTUN_CACHE_DIR", str(folder / "cache"))
    (folder / "imdb").mkdir(exist_ok=True)
    (folder / "imdb" / name).write_bytes(content)
    files = (DataFile(name, hashlib.sha256(content).hexdigest()),)
    monkeypatch.setitem(catalogue.CATALOGUE, "imdb", replace(CATALOGUE["imdb"], files=files))


def test_imdb_reads_the_archive_and_the_folder_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in REVIEWS.items():
            info = tarfile.TarInfo(f"aclImdb/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    use_imdb(tmp_path, monkeypatch, "aclImdb_v1.tar.gz", archive.getvalue())
    from_archive = load_imdb("train")
    assert from_archive.texts == ["dull", "bad", "worse", "fine é"]
    assert from_archive.labels.tolist() == [0, 0, 0, 1]

    for name, text in REVIEWS.items():
        path = tmp_path / "imdb" / "aclImdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "imdb" / "aclImdb_v1.tar.gz").unlink()
    from_folder = load_imdb("train")
    assert from_folder.texts == from_archive.texts
    np.testing.assert_array_equal(from_folder.labels, from_archive.labels)


def test_imdb_reads_the_file_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    ragged = np.empty(2, dtype=object)
    ragged[:] = [[1, 2, 3], [4]]
    np.savez(
        content, x_train=ragged, y_train=np.array([1, 0]), x_test=ragged, y_test=np.array([0, 1])
    )
    use_imdb(tmp_path, monkeypatch, "imdb.npz", content.getvalue())
    reviews, labels = load_imdb_ids("train")
    assert reviews == [[1, 2, 3], [4]]
    assert labels.tolist() == [1, 0]


def test_imdb_that_is_not_here_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTUN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("RUNTUN_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(DataNotFoundError, match="runtun data fetch imdb"):
        load_imdb("train")
    with pytest.raises(DataNotFoundError, match="runtun data fetch imdb"):
        load_imdb_ids("test")
    with pytest.raises(ValueError, match='"train" or "test"'):
        load_imdb("valid")  # type: ignore[arg-type]
    (tmp_path / "imdb" / "aclImdb" / "train").mkdir(parents=True)
    with pytest.raises(DataNotFoundError, match="holds no reviews"):
        load_imdb("train")
