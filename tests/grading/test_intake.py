"""Intake: nothing is run, nothing is followed, and every refusal has a reason."""

from __future__ import annotations

import json
import os

import pytest

from runtun.grading import intake
from tests.grading.support import code_cell


def refusal(content: bytes) -> str:
    with pytest.raises(intake.Rejected) as caught:
        intake.parse_notebook(content)
    return caught.value.code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b'{"cells": []}\0', "nul"),
        ('{"cells": "\xe9"}'.encode("latin-1"), "not_utf8"),
        (b'{"cells": [', "not_json"),
        (b"[" * 200_000 + b"]" * 200_000, "too_deep"),
        (b"[1, 2]", "not_a_notebook"),
        (b'{"cells": 3}', "not_a_notebook"),
        (b'{"cells": [], "nbformat": 7}', "not_a_notebook"),
        (b'{"cells": [], "nbformat": ["4"]}', "not_a_notebook"),
        (b'{"worksheets": "none", "nbformat": 3}', "not_a_notebook"),
        (json.dumps({"cells": [{}] * 2001}).encode(), "too_large"),
        (json.dumps({"cells": [code_cell("x" * 3_000_000)]}).encode(), "too_large"),
    ],
)
def test_what_is_no_notebook_is_refused_with_its_reason(content: bytes, code: str) -> None:
    assert refusal(content) == code


def test_a_notebook_keeps_only_text_type_and_names() -> None:
    cell = code_cell("x = 1", nbgrader={"grade_id": "a", "points": 900, "checksum": "c"})
    cell["id"] = "one"
    document = {"cells": [cell], "metadata": {"runtun": {"language": "id"}, "kernelspec": "evil"}}
    found = intake.parse_notebook(json.dumps(document).encode())
    assert found == intake.Submission(
        (intake.SubmittedCell("code", "x = 1", "a", "one", "c", (None, None, None, 900)),), "id"
    )


def test_byte_order_mark_and_lists_of_lines_are_read() -> None:
    text = json.dumps({"cells": [{"cell_type": "code", "source": ["a = 1\n", "b = 2"]}]})
    found = intake.parse_notebook(b"\xef\xbb\xbf" + text.encode())
    assert found.cells[0].source == "a = 1\nb = 2"


def test_the_old_notebook_format_is_read() -> None:
    sheet = {"cells": [{"cell_type": "code", "input": ["y = 2"], "outputs": []}]}
    found = intake.parse_document({"nbformat": 3, "worksheets": [sheet]})
    assert [cell.source for cell in found.cells] == ["y = 2"]


@pytest.mark.parametrize(
    "metadata", [None, [], "x", 3, {"nbgrader": []}, {"nbgrader": {"grade_id": 7}}]
)
def test_odd_metadata_is_only_ignored(metadata: object) -> None:
    document = {
        "cells": [{"cell_type": "code", "source": "x", "metadata": metadata}],
        "metadata": metadata,
    }
    assert intake.parse_document(document).cells[0].grade_id is None


def test_text_that_no_database_can_store_is_mended() -> None:
    found = intake.parse_notebook(
        b'{"cells": [{"cell_type": "code", "source": "a\\u0000\\ud800b"}]}'
    )
    assert found.cells[0].source.encode() == "a\ufffd?b".encode()


def test_unknown_language_is_no_language() -> None:
    assert (
        intake.parse_document({"cells": [], "metadata": {"runtun": {"language": "xx"}}}).language
        is None
    )


def test_outputs_do_not_change_the_hash_but_the_text_does() -> None:
    first, second = code_cell("x"), code_cell("x")
    second["outputs"] = [{"output_type": "stream", "text": "9"}]
    hashes = [intake.parse_document({"cells": [c]}).sha256 for c in (first, second, code_cell("y"))]
    assert hashes[0] == hashes[1] != hashes[2]


def test_links_folders_and_pipes_are_not_read(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("42")
    (tmp_path / "link").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe")
    codes = {}
    for name in ("link", "pipe", "absent", "."):
        with pytest.raises(intake.Rejected) as caught:
            intake.read_regular_file(tmp_path / name, 100)
        codes[name] = caught.value.code
    assert codes == {"link": "link", "pipe": "not_a_file", "absent": "missing", ".": "not_a_file"}


def test_a_file_over_the_limit_is_refused(tmp_path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 101)
    assert intake.read_regular_file(tmp_path / "big", 101) == b"x" * 101
    with pytest.raises(intake.Rejected, match="too_large"):
        intake.read_regular_file(tmp_path / "big", 100)


def test_extra_files_leave_out_links_and_say_so(tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "gradebook.db").write_text("secret")
    folder = tmp_path / "submission"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "mine.csv").write_text("1")
    (folder / "p1.ipynb").write_text("{}")
    (folder / "timestamp.txt").write_text("yesterday")
    (folder / "grades.db").symlink_to(outside / "gradebook.db")
    (folder / "all").symlink_to(outside, target_is_directory=True)
    kept, notes = intake.extra_files(folder)
    assert kept == {"data/mine.csv": b"1"}
    assert sorted(notes) == ["file: all, link", "file: grades.db, link"]


def test_too_many_extra_files_stop_the_collection(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(intake, "MAX_FILES", 3)
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("x")
    kept, notes = intake.extra_files(tmp_path)
    assert len(kept) == 3
    assert notes == ["file: 3.txt, too_many"]
