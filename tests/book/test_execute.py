"""Pages are executed several at once, each stored where Sphinx finds it, and faults are shown."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from jupyter_cache import get_cache

from book.execute import SETTINGS, environment, execute_pages, find_stale

HEAD = """---
jupytext:
  text_representation: {format_name: myst}
kernelspec: {name: python3, display_name: Python 3 (ipykernel)}
---
# A page
"""
CONFIG = {"parse": {"myst_enable_extensions": ["colon_fence"]}}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder for pages."""
    folder = tmp_path / "book"
    folder.mkdir()
    return folder


def write(source: Path, **pages: str) -> dict:
    """Write a page for each code; return their table of contents."""
    for name, code in pages.items():
        (source / f"{name}.md").write_text(f"{HEAD}\n```{{code-cell}} python\n{code}\n```\n")
    return {"root": "index", "chapters": [{"file": name} for name in pages]}


def run(pages, store: Path, **options) -> tuple[list[str], str]:
    """Execute pages; return the failed ones and everything that was said."""
    lines: list[str] = []
    failed = execute_pages(pages, store, timeout=60, say=lines.append, **options)
    return failed, "\n".join(lines)


def output(store: Path, page) -> str:
    """Return what the only cell of a page printed, from the store."""
    _, notebook = get_cache(store).merge_match_into_notebook(page.notebook)
    return notebook.cells[-1].outputs[0].text


def test_pages_with_most_code_come_first_and_others_not_at_all(source: Path, tmp_path: Path):
    toc = write(source, short="1", long="1 + 1", longest="1 + 1 + 1")
    (source / "prose.md").write_text("# No code\n")
    (source / "nested.md").write_text(
        f"{HEAD}\n:::{{note}}\n```{{code-cell}} python\n1\n```\n:::\n"  # shown, not executed
    )
    toc["chapters"] += [{"file": name} for name in ("prose", "nested", "missing")]
    stale = find_stale(source, CONFIG, toc, tmp_path / "store")
    assert [page.name for page in stale] == ["longest", "long", "short"]


def test_an_executed_page_is_stored_with_its_time_and_stays_so(source: Path, tmp_path: Path):
    store = tmp_path / "store"
    toc = write(source, one="print(6 * 7)", two="import time; time.sleep(0.5)")
    pages = find_stale(source, CONFIG, toc, store)
    failed, said = run(pages, store)
    assert failed == []
    assert "1/2" in said
    assert "2/2" in said
    assert find_stale(source, CONFIG, toc, store) == []
    one = next(page for page in pages if page.name == "one")
    assert output(store, one) == "42\n"
    times = {
        Path(record.uri).stem: record.data["execution_seconds"]
        for record in get_cache(store).list_cache_records()
    }
    assert times["two"] > 0.5 > 0

    write(source, one="print(6 * 8)")
    assert [page.name for page in find_stale(source, CONFIG, toc, store)] == ["one"]


def test_two_pages_run_at_once(source: Path, tmp_path: Path):
    """Each waits for the other: one after the other neither would end."""
    meet = "import os, time\nopen({own!r}, 'w').close()\nwhile not os.path.exists({other!r}):\n    time.sleep(0.01)"  # noqa: E501
    names = [str(tmp_path / name) for name in "ab"]
    toc = write(
        source,
        a=meet.format(own=names[0], other=names[1]),
        b=meet.format(own=names[1], other=names[0]),
    )
    store = tmp_path / "store"
    pages = find_stale(source, CONFIG, toc, store)
    failed, _ = run(pages, store, workers=2)
    assert failed == []


def test_a_failing_page_is_named_with_its_cell_and_no_other_begins(source: Path, tmp_path: Path):
    store = tmp_path / "store"
    toc = write(source, good="1", bad="x = 'a longer page'\nraise RuntimeError('from a cell')")
    pages = find_stale(source, CONFIG, toc, store)
    failed, said = run(pages, store, workers=1)
    assert failed == ["bad"]
    assert "raise RuntimeError('from a cell')" in said
    assert "RuntimeError: from a cell" in said
    assert [page.name for page in find_stale(source, CONFIG, toc, store)] == ["bad", "good"]


def test_a_kernel_that_dies_leaves_its_last_words(source: Path, tmp_path: Path):
    toc = write(source, dies="import os\nos.write(2, b'out of luck')\nos._exit(3)")
    store = tmp_path / "store"
    failed, said = run(find_stale(source, CONFIG, toc, store), store)
    assert failed == ["dies"]
    assert "DeadKernelError" in said
    assert "out of luck" in said


def test_a_page_finds_one_thread_and_an_empty_folder(source: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "3")
    names = ("OMP_NUM_THREADS", "TF_NUM_INTEROP_THREADS")
    toc = write(source, a=f"import os\nprint(os.listdir(), *[os.environ[n] for n in {names}])")
    store = tmp_path / "store"
    pages = find_stale(source, CONFIG, toc, store)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    run(pages, store)
    assert output(store, pages[0]) == "[] 1 3\n"
    assert environment()["TF_NUM_INTEROP_THREADS"] == "3"
    assert environment()["OMP_NUM_THREADS"] == SETTINGS["OMP_NUM_THREADS"]


def test_who_interrupts_the_build_does_not_wait(source: Path, tmp_path: Path):
    begun = tmp_path / "begun"
    toc = write(
        source,
        slow=f"open({str(begun)!r}, 'w').close()\nimport time\ntime.sleep(200)",
        quick=f"import os\nwhile not os.path.exists({str(begun)!r}): pass",
    )
    pages = find_stale(source, CONFIG, toc, tmp_path / "store")

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        execute_pages(pages, tmp_path / "store", timeout=300, say=interrupt, workers=2)
    assert time.perf_counter() - started < 100
