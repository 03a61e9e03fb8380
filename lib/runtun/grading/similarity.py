"""Which submissions are unusually alike: a hint where to read, and no proof of anything.

Each submission's code becomes two bags of features. Structure: short runs of the syntax tree's
nodes, with the student's own names, texts and numbers taken out, so that renaming changes nothing.
Wording: the names, texts and words of comments that structure leaves out. What was given to
everybody does not count, and a feature counts the less the more of the class have it: right answers
to one question are alike, and only what is rare says something about a pair.
"""

from __future__ import annotations

import ast
import io
import itertools
import keyword
import math
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from runtun.grading.bundle import without_magics
from runtun.grading.syntax import parse

RUN = 6  # nodes in one feature of structure
MIN_CLASS = 5  # with fewer submissions nothing is rare
MIN_SHARED = 8  # features that a pair must share, so that one-liners are left alone
THRESHOLD = 0.6
MAX_PAIRS = 30
COMMON = 0.5  # what so much of the class has, counts nothing

Bag = frozenset[Hashable]


@dataclass(frozen=True)
class Pair:
    """Two submissions that are more alike than the class.

    Args:
        first: a student.
        second: another.
        structure: 0 to 1: the share of rare structure that both have.
        wording: 0 to 1: the same for names, texts and comments.
    """

    first: str
    second: str
    structure: float
    wording: float


def structure(source: str) -> Bag:
    """Return the runs of syntax tree nodes in a piece of code; empty if it is no Python.

    >>> a = structure("def f(x):\\n    total = x + 1\\n    return total * 2")
    >>> a == structure("def f(values):\\n  # mine\\n  s = values + 10\\n  return s * 3") != set()
    True
    """
    try:
        nodes = list(_walk(parse(without_magics(source))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(tuple(nodes[i : i + RUN]) for i in range(len(nodes) - RUN + 1))


def wording(source: str) -> Bag:
    """Return the names, words of texts and comments, and numbers in a piece of code.

    >>> sorted(wording("total = x + 10  # add ten"))
    ['10', 'add', 'ten', 'total', 'x']
    """
    found: set[str] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(without_magics(source)).readline):
            if token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.COMMENT):
                found |= set(re.findall(r"\w+", token.string))
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass  # what was read before the mistake counts
    return frozenset(word for word in found if not keyword.iskeyword(word))


def similar_pairs(
    sources: Mapping[str, Iterable[str]],
    given: Iterable[str] = (),
    *,
    threshold: float = THRESHOLD,
) -> list[Pair]:
    """Find the pairs of students whose code is unusually alike, the most alike first.

    Args:
        sources: the texts of each student's cells.
        given: what everybody received.
        threshold: how much rare structure a pair must share to be listed.
    """
    if len(sources) < MIN_CLASS:
        return []
    texts = {name: list(cells) for name, cells in sources.items()}
    scaffold = list(given)
    shapes = _bags(texts, scaffold, structure)
    words = _bags(texts, scaffold, wording)
    shape_weights, word_weights = _weights(shapes), _weights(words)
    found = []
    for first, second in _candidates(shapes, shape_weights):
        shared = shapes[first] & shapes[second]
        if sum(shape_weights[feature] > 0 for feature in shared) < MIN_SHARED:
            continue
        alike = _overlap(shapes[first], shapes[second], shape_weights)
        if alike >= threshold:
            said = _overlap(words[first], words[second], word_weights)
            found.append(Pair(first, second, alike, said))
    found.sort(key=lambda p: (-p.structure, -p.wording, p.first, p.second))
    return found[:MAX_PAIRS]


def _walk(node: ast.AST) -> Iterable[str]:
    """Name the nodes in order, without what a student is free to choose."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring, or a text that does nothing
    if isinstance(node, ast.expr_context):
        return
    name = type(node).__name__
    if isinstance(node, ast.Attribute):
        name = f".{node.attr}"  # a library's name, not the student's
    elif isinstance(node, ast.Constant):
        name = type(node.value).__name__
    yield name
    for child in ast.iter_child_nodes(node):
        yield from _walk(child)


def _bags(
    texts: Mapping[str, Sequence[str]],
    scaffold: Sequence[str],
    features: Callable[[str], Bag],
) -> dict[str, Bag]:
    known: Bag = frozenset().union(*map(features, scaffold))
    return {name: frozenset().union(*map(features, t)) - known for name, t in texts.items()}


def _weights(bags: Mapping[str, Bag]) -> dict[Hashable, float]:
    """Weigh each feature by its rarity; what half the class has weighs nothing."""
    counts = Counter(itertools.chain.from_iterable(bags.values()))
    size = len(bags)
    return {
        feature: max(math.log(COMMON * size / max(count, 2)), 0.0)
        for feature, count in counts.items()
    }


def _candidates(
    bags: Mapping[str, Bag], weights: Mapping[Hashable, float]
) -> list[tuple[str, str]]:
    """Return the pairs that share rare features, so that not each pair must be compared."""
    owners: dict[Hashable, list[str]] = defaultdict(list)
    for name, bag in bags.items():
        for feature in bag:
            if weights[feature] > 0:
                owners[feature].append(name)
    shared: Counter[tuple[str, str]] = Counter()
    for names in owners.values():
        if len(names) <= 30:
            shared.update(itertools.combinations(sorted(names), 2))
    return sorted(pair for pair, amount in shared.items() if amount >= MIN_SHARED)


def _overlap(first: Bag, second: Bag, weights: Mapping[Hashable, float]) -> float:
    # fsum: the same in any order, and sets have a different one in each run.
    total = math.fsum(weights[feature] for feature in first | second)
    return math.fsum(weights[feature] for feature in first & second) / total if total else 0.0
