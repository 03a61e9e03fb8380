"""The catalogue: what ships is what it says, and a changed file is never read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from runtun.data import catalogue
from runtun.data.catalogue import (
    CATALOGUE,
    SHIPPED,
    ChecksumError,
    DataFile,
    DataNotFoundError,
    DataSet,
    cache_folder,
    find_file,
    get_data_set,
    read_bytes,
    read_text,
)

SMALL = DataSet(
    name="small",
    title="A line",
    licence="ours",
    citation="nobody",
    source="a friend",
    # sha256 of "one\n"
    files=(DataFile("a.txt", "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"),),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty RUNTUN_DATA_DIR, an empty cache, and the small data set in the catalogue."""
    monkeypatch.setenv("RUNTUN_DATA_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("RUNTUN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setitem(catalogue.CATALOGUE, "small", SMALL)
    (tmp_path / "own" / "small").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("name", [data.name for data in CATALOGUE.values() if data.shipped])
def test_what_ships_is_whole_and_says_where_it_comes_from(name: str) -> None:
    for file in CATALOGUE[name].files:
        assert read_bytes(name, file.name)
    notes = (SHIPPED / name / "PROVENANCE.txt").read_text()
    assert CATALOGUE[name].files[0].name in notes
    if CATALOGUE[name].licence.startswith("MIT"):
        assert "Permission is hereby granted" in (SHIPPED / name / "LICENSE.txt").read_text()


def test_nothing_ships_that_the_catalogue_does_not_know() -> None:
    shipped = {data.name for data in CATALOGUE.values() if data.shipped}
    assert {path.name for path in SHIPPED.iterdir()} == shipped
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    assert size < 3_500_000


def test_every_data_set_names_its_licence_and_its_authors() -> None:
    for name, data in CATALOGUE.items():
        assert name == data.name
        assert data.licence
        assert data.citation
        assert data.source
        for file in data.files:
            assert len(file.sha256) == 64
            assert file.url is None or file.url.startswith("https://")


def test_share_alike_and_unfree_data_do_not_ship() -> None:
    for data in CATALOGUE.values():
        if "SA" in data.licence or "NC" in data.licence:
            assert not data.shipped


def test_the_own_folder_comes_before_the_cache(folder: Path) -> None:
    cached = folder / "cache" / "small" / "a.txt"
    cached.parent.mkdir(parents=True)
    cached.write_text("one\n")
    assert find_file("small", "a.txt") == cached
    own = folder / "own" / "small" / "a.txt"
    own.write_text("one\n")
    assert find_file("small", "a.txt") == own


def test_a_compressed_copy_counts_by_its_content(folder: Path) -> None:
    (folder / "own" / "small" / "a.txt.gz").write_bytes(gzip.compress(b"one\n", mtime=3))
    assert read_text("small", "a.txt") == "one\n"


def test_a_changed_file_is_refused(folder: Path) -> None:
    (folder / "own" / "small" / "a.txt").write_text("two\n")
    with pytest.raises(ChecksumError, match="not the expected file"):
        read_text("small", "a.txt")


def test_a_missing_file_says_how_to_get_it(folder: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"Get it from a friend and put it at .*own/small"):
        read_text("small", "a.txt")
    with pytest.raises(DataNotFoundError, match="runtun data fetch cta_ridership"):
        read_bytes("cta_ridership", CATALOGUE["cta_ridership"].files[0].name)


def test_unknown_names_list_the_known_ones(folder: Path) -> None:
    with pytest.raises(ValueError, match="There are: taylor, stocks"):
        get_data_set("tailor")
    with pytest.raises(ValueError, match=r"It has: taylor\.csv"):
        find_file("taylor", "taylor.txt")


def test_windows_line_ends_and_byte_order_marks_do_not_reach_the_reader() -> None:
    assert "\r" not in read_text("movie_snippets", "movieReviewSnippets_GroundTruth.txt")


def test_the_cache_follows_the_desktop_s_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTUN_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/runtun")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "runtun"
