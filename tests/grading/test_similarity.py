"""Copies are found through renaming; right answers that are merely alike are left alone."""

from __future__ import annotations

import pytest

from runtun.grading.similarity import MIN_CLASS, similar_pairs, structure, wording

STUB = "def windows(series, length):\n    # YOUR CODE HERE\n    raise NotImplementedError"
# Six ways to cut a series into windows, all right.
OWN = {
    "ani": """
def windows(series, length):
    found = []
    for start in range(len(series) - length + 1):
        found.append(series[start : start + length])
    return np.array(found)
""",
    "budi": """
def windows(series, length):
    starts = np.arange(series.shape[0] - length + 1)
    return series[starts[:, None] + np.arange(length)[None]]
""",
    "citra": """
def windows(series, length):
    from numpy.lib.stride_tricks import sliding_window_view
    return sliding_window_view(series, length).copy()
""",
    "dewi": """
def windows(series, length):
    count = len(series) - length + 1
    result = np.empty((count, length))
    i = 0
    while i < count:
        result[i, :] = series[i : i + length]
        i += 1
    return result
""",
    "eka": """
def windows(series, length):
    if length > len(series):
        raise ValueError(f"a window of {length} does not fit into {len(series)}")
    columns = [series[k : len(series) - length + 1 + k] for k in range(length)]
    return np.stack(columns, axis=1)
""",
    "fajar": """
def windows(series, length):
    total = len(series)
    out = {}
    for end in range(length, total + 1):
        out[end] = series[end - length : end]
    return np.concatenate([w.reshape(1, -1) for w in out.values()], axis=0)
""",
}
# dewi's, with other names, another layout and a comment.
DISGUISED = """
def windows(series, length):
    "My own work."
    # I thought about this for hours
    n = len(series) - length + 1
    matrix = np.empty((n, length))
    row = 0
    while row < n:
        matrix[row, :] = series[row : row + length]
        row += 1
    return matrix
"""


def cells(work: dict[str, str]) -> dict[str, list[str]]:
    return {name: [text] for name, text in work.items()}


def test_six_people_who_worked_alone_are_not_alike() -> None:
    assert similar_pairs(cells(OWN), [STUB]) == []


def test_a_copy_is_found_also_with_other_names() -> None:
    plain = similar_pairs(cells(OWN | {"gita": OWN["dewi"]}), [STUB])
    assert [(p.first, p.second, p.structure, p.wording) for p in plain] == [
        ("dewi", "gita", 1.0, 1.0)
    ]
    disguised = similar_pairs(cells(OWN | {"gita": DISGUISED}), [STUB])
    assert [(p.first, p.second, p.structure) for p in disguised] == [("dewi", "gita", 1.0)]
    assert disguised[0].wording < 0.5


def test_what_everybody_received_is_no_likeness() -> None:
    """Those who handed in the released cells, and nothing else, copied nothing."""
    blank = {f"blank-{i}": STUB for i in range(6)}
    assert similar_pairs(cells(OWN | blank), [STUB]) == []


def test_what_most_of_the_class_wrote_is_no_likeness() -> None:
    obvious = {f"student-{i}": OWN["ani"] for i in range(6)}
    assert similar_pairs(cells(OWN | obvious), [STUB]) == []


def test_a_small_class_and_short_answers_say_nothing() -> None:
    few = dict(list(OWN.items())[: MIN_CLASS - 2])
    assert similar_pairs(cells(few | {"gita": OWN["ani"]}), [STUB]) == []
    short = {f"student {sign}": f"def f(x): return x {sign} 1" for sign in "+-*/%@"}
    assert similar_pairs(cells(short | {"gita": short["student *"]})) == []


@pytest.mark.parametrize(
    "text", ["def f(:", "\0", "((((" * 2000, "x = 'open", "%matplotlib inline"]
)
def test_what_is_no_python_is_no_obstacle(text: str) -> None:
    assert isinstance(structure(text), frozenset)
    assert isinstance(wording(text), frozenset)
    similar_pairs(cells(OWN | {"odd": text}), [STUB])
