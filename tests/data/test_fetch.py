"""Fetching, against a real server on this machine that behaves well and badly."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from runtun import cli
from runtun.data import catalogue
from runtun.data.catalogue import ChecksumError, DataFile, DataNotFoundError, DataSet
from runtun.data.fetch import FetchError, download, fetch

CONTENT = b"line\n" * 50_000
SHA = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
            return
        body = b"other" if self.path == "/other" else CONTENT
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:1000] if self.path == "/short" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("RUNTUN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("RUNTUN_DATA_DIR", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    Handler.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def served(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data set of one good file."""
    files = (DataFile("good.txt", SHA, f"{server}/good"),)
    data = DataSet("served", "t", "l", "c", "s", files)
    monkeypatch.setitem(catalogue.CATALOGUE, "served", data)
    return "served"


def test_a_file_is_fetched_once_and_then_read_from_the_cache(served: str, tmp_path: Path) -> None:
    (path,) = fetch(served, progress=False)
    assert path == tmp_path / "cache" / "served" / "good.txt"
    assert path.read_bytes() == CONTENT
    assert fetch(served, progress=False) == [path]
    assert Handler.asked == ["/good"]
    assert catalogue.read_bytes(served, "good.txt") == CONTENT


def test_the_progress_bar_reaches_the_end(served: str, capsys: pytest.CaptureFixture[str]) -> None:
    fetch(served)
    shown = capsys.readouterr().err
    assert "good.txt" in shown
    assert "100%" in shown


def test_a_server_that_does_not_say_the_size_is_served_too(server: str, tmp_path: Path) -> None:
    download(DataFile("f", SHA, f"{server}/unsized"), tmp_path / "f", progress=False)
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/other", ChecksumError, "another file than the expected one"),
        ("/missing", FetchError, "Not Found"),
        ("/short", FetchError, "1000 of 250000 bytes|IncompleteRead"),
    ],
)
def test_what_is_not_whole_and_right_leaves_nothing_behind(
    server: str, tmp_path: Path, path: str, error: type[Exception], message: str
) -> None:
    target = tmp_path / "into" / "f"
    with pytest.raises(error, match=message):
        download(DataFile("f", SHA, server + path), target, progress=False)
    assert list(target.parent.iterdir()) == []


def test_a_failed_refresh_keeps_the_file_that_was_there(server: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    with pytest.raises(ChecksumError):
        download(DataFile("f", SHA, f"{server}/other"), tmp_path / "f", progress=False)
    assert (tmp_path / "f").read_text() == "old"


def test_a_dead_server_is_one_clear_error(tmp_path: Path) -> None:
    file = DataFile("f", SHA, "http://127.0.0.1:9/f")  # the discard port: nobody listens
    with pytest.raises(FetchError, match=r"Could not fetch http://127\.0\.0\.1:9/f"):
        download(file, tmp_path / "f", progress=False, timeout=5)


def test_only_web_addresses_are_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="http"):
        download(DataFile("f", SHA, "file:///etc/passwd"), tmp_path / "f")


def test_a_set_without_address_says_where_a_person_gets_it(server: str) -> None:
    with pytest.raises(DataNotFoundError, match=r"manythings\.org"):
        fetch("tatoeba_ind_eng", progress=False)


# --------------------------------------------------------------------------------- the commands


def test_the_command_fetches_and_prints_the_path(
    served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "fetch", "--quiet", served]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "cache" / "served" / "good.txt")
    assert cli.main(["data", "path", served]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "cache" / "served" / "good.txt")


def test_the_list_names_every_set_and_its_state(
    served: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "list", "--json"]) == 0
    state = {row["name"]: row["state"] for row in json.loads(capsys.readouterr().out)}
    assert state.keys() == catalogue.CATALOGUE.keys()
    assert state["taylor"] == "shipped"
    assert state["served"] == "to fetch"
    assert state["tatoeba_ind_eng"] == "by hand"
    fetch(served, progress=False)
    assert cli.main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:2] == ["served", "here"] for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "fetch", "tailor"], "There is no data set 'tailor'"),
        (["data", "path", "tatoeba_ind_eng"], "not on this machine: ind.txt"),
        (["data", "fetch", "tatoeba_ind_eng"], "manythings.org"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    server: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli.main(arguments) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert len(shown.splitlines()) == 1


def test_a_wrong_name_is_said_before_anything_is_fetched(served: str) -> None:
    assert cli.main(["data", "fetch", served, "tailor"]) == 2
    assert Handler.asked == []
