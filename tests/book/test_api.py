"""The API page: every public name of the library, once, with its docstring."""

from __future__ import annotations

from pathlib import Path

import pytest

from book._ext.api import read_library
from tests.support import ROOT

LIBRARY = ROOT / "lib" / "runtun"


@pytest.fixture(scope="module")
def parts():
    return read_library(LIBRARY, leave_out=("grading",))


def test_a_model_of_several_floors_stands_there_once_with_all_of_them(parts):
    lstm = [entry for entry in parts["floors"] if entry.name == "LSTMCell"]
    assert len(lstm) == 1
    assert {"NumPy", "PyTorch", "Keras"} <= set(lstm[0].floors)
    assert lstm[0].signature.startswith("LSTMCell(input_size, hidden_size, *, forget_bias=1.0")
    assert "c = f * c_prev + i * g" in lstm[0].text


def test_what_a_package_does_not_hand_on_names_its_module(parts):
    entries = {(entry.name, *entry.floors): entry for entry in parts["floors"]}
    assert entries["NGram", "NumPy"].inside == ["runtun.scratch.ngram"]
    assert entries["check_ids", "PyTorch", "Keras"].inside == [
        "runtun.torch.embedding", "runtun.keras.embedding"
    ]  # fmt: skip
    assert sum(not entry.inside for entry in parts["floors"]) > 40
    for entry in parts["floors"]:
        for floor in set(entry.floors) - {"NumPy"} if not entry.inside else ():
            package = {"PyTorch": "torch", "Keras": "keras", "Flax NNX": "nnx"}[floor]
            assert f'"{entry.name}"' in (LIBRARY / package / "__init__.py").read_text(), entry.name


def test_every_sub_package_has_a_part_and_the_grader_has_none(parts):
    folders = {path.parent.name for path in LIBRARY.glob("*/*.py")}
    floors = {"scratch", "keras", "torch", "nnx"}
    empty = {folder for folder in folders if not any(
        "def " in p.read_text() or "class " in p.read_text()
        for p in (LIBRARY / folder).glob("[!_]*.py")
    )}  # fmt: skip
    assert set(parts) == folders - floors - {"grading"} - empty | {"floors", "runtun"}
    assert {entry.module.split(".")[1] for entry in parts["data"]} == {"data"}


def test_private_names_and_names_without_a_docstring_are_left_out(tmp_path: Path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "one.py").write_text(
        'def seen(x: int, *, y: str = "a") -> int:\n    """Count.\n\n    More.\n    """\n'
        'def silent():\n    pass\n\ndef _hidden():\n    """No."""\n'
    )
    (entry,) = read_library(tmp_path)["tools"]
    assert (entry.name, entry.summary) == ("seen", "Count.")
    assert entry.signature == "seen(x, *, y='a')"
