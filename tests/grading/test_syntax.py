"""Sources are read right, whatever other threads read."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtun.grading import syntax


def test_a_disturbed_reading_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    trees = [SystemError("recursion depth mismatch"), SystemError("again"), ast.parse("x = 1")]

    def read(source: str) -> ast.Module:
        tree = trees.pop(0)
        if isinstance(tree, Exception):
            raise tree
        return tree

    monkeypatch.setattr(ast, "parse", read)
    assert ast.unparse(syntax.parse("x = 1")) == "x = 1"
    assert not trees


def test_an_error_that_stays_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(source: str) -> ast.Module:
        raise SystemError("always")

    monkeypatch.setattr(ast, "parse", read)
    with pytest.raises(SystemError, match="always"):
        syntax.parse("x = 1")


def test_no_python_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        syntax.parse("x =")


def test_many_threads_read_at_once() -> None:
    source = "\n".join(f"x{i} = [f(a, {i}) for a in (b, (c, d))]" for i in range(300))
    expected = ast.dump(ast.parse(source))
    with ThreadPoolExecutor(4) as pool:
        for tree in pool.map(syntax.parse, [source] * 40):
            assert ast.dump(tree) == expected
