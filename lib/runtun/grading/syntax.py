"""Reading Python source while other threads read theirs."""

from __future__ import annotations

import ast

ATTEMPTS = 50


def parse(source: str) -> ast.Module:
    """Return the syntax tree of a source, as `ast.parse` does.

    CPython 3.11 counts how deep it is in a tree for all threads together, and raises SystemError
    where another thread began a tree of its own in between. Then the source is read again.

    Raises:
        SyntaxError: if it is no Python.

    >>> ast.unparse(parse("x=1"))
    'x = 1'
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return ast.parse(source)
        except SystemError:
            continue
    return ast.parse(source)
