"""Ordinary tests work although the student's code lives in another process.

These run without walls, which are tested elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtun.grading.isolated import IsolatedRunner
from runtun.grading.judge import defined_names
from tests.grading_isolated.support import cell, make_task, states


@pytest.fixture(scope="module")
def runner() -> Iterator[IsolatedRunner]:
    with IsolatedRunner(unsafe_no_sandbox=True, preload=["torch", "pandas"]) as runner:
        yield runner


# Each case: what the student wrote, and a test that honest code passes.
HONEST = {
    "numbers, text, containers": (
        "def f(x): return {'n': x + 1, 't': (x, [str(x)], {x}), 'z': None}",
        "assert f(1) == {'n': 2, 't': (1, ['1'], {1}), 'z': None}",
    ),
    "arrays": (
        "import numpy as np\ndef f(x): return np.tanh(x) @ x.T",
        """
        x = np.random.default_rng(0).normal(size=(3, 4))
        y = f(x)
        assert isinstance(y, np.ndarray)
        assert y.dtype == np.float64
        np.testing.assert_allclose(y, np.tanh(x) @ x.T)
        """,
    ),
    "global values": ("answer = [1, 2, 3]", "assert answer == [1, 2, 3]\nassert len(answer) == 3"),
    "a class with state": (
        """
        class Counter:
            def __init__(self, start=0):
                self.n = start
            def up(self, by=1):
                self.n += by
                return self
        """,
        """
        c = Counter(start=2)
        assert c.up().up(by=3) is c
        assert c.n == 6
        c.n = 10
        assert c.up().n == 11
        assert isinstance(c, Counter)
        assert not isinstance(3, Counter)
        assert hasattr(c, "n") and not hasattr(c, "m")
        """,
    ),
    "parameters changed in place by the test": (
        """
        import numpy as np
        class Layer:
            def __init__(self):
                self.params = {"W": np.zeros((2, 2)), "b": np.zeros(2)}
            def forward(self, x):
                return x @ self.params["W"] + self.params["b"]
        """,
        """
        layer = Layer()
        layer.params["W"][...] = np.eye(2)
        layer.params["b"] = np.array([1.0, 2.0])
        np.testing.assert_allclose(layer.forward(np.ones((1, 2))), [[2, 3]])
        """,
    ),
    "arguments filled in place": (
        "def fill(x, log):\n    x[...] = 7\n    log.append('done')",
        """
        x, log = np.zeros((2, 2)), []
        assert fill(x, log) is None
        assert (x == 7).all()
        assert log == ["done"]
        """,
    ),
    "arguments left alone": (
        "def f(x): return x * 2",
        "x = np.ones(3)\nbefore = x.copy()\nf(x)\nnp.testing.assert_array_equal(x, before)",
    ),
    "an argument that comes back": (
        "def same(x): return x",
        "x = np.ones(3)\nassert same(x) is x\nassert not np.shares_memory(same(x.copy()), x)",
    ),
    "exceptions with type and message": (
        "def f(x):\n    if x < 0: raise ValueError(f'negative: {x}')\n    return {}['missing']",
        """
        import pytest
        with pytest.raises(ValueError, match="negative: -1"):
            f(-1)
        try:
            f(1)
        except KeyError as error:
            assert error.args == ("missing",)
        else:
            raise AssertionError("no exception")
        """,
    ),
    "the student's own exception": (
        "class Empty(LookupError): pass\ndef f(): raise Empty('nothing')",
        """
        try:
            f()
        except Empty as error:
            assert str(error) == "nothing"
            assert isinstance(error, LookupError)
        else:
            raise AssertionError
        """,
    ),
    "a library's exception": (
        "import numpy as np\ndef f(x): return np.linalg.inv(x)",
        """
        try:
            f(np.zeros((2, 2)))
        except np.linalg.LinAlgError as error:
            assert "Singular" in str(error)
        """,
    ),
    "generators": (
        "def count():\n    n = 0\n    while True:\n        yield n\n        n += 1",
        """
        import itertools, types
        assert list(itertools.islice(count(), 4)) == [0, 1, 2, 3]
        g = count()
        assert next(g) == 0 and next(g) == 1
        assert isinstance(g, types.GeneratorType)
        """,
    ),
    "a finite generator of arrays": (
        "import numpy as np\ndef batches(x):\n    for i in range(0, len(x), 2): yield x[i:i+2], i",
        """
        got = list(batches(np.arange(5)))
        assert [i for _, i in got] == [0, 2, 4]
        np.testing.assert_array_equal(np.concatenate([b for b, _ in got]), np.arange(5))
        """,
    ),
    "functions as arguments": (
        "def apply(f, xs): return [f(x) for x in xs]",
        """
        seen = []
        def note(x):
            seen.append(x)
            return x + 1
        assert apply(note, [1, 2]) == [2, 3]
        assert seen == [1, 2]
        assert apply(np.sqrt, [4.0]) == [2.0]
        """,
    ),
    "functions that return functions": (
        "def adder(n): return lambda x: x + n",
        "add = adder(3)\nassert add(4) == 7\nassert callable(add)",
    ),
    "the student's function handed back to the student": (
        "def twice(f, x): return f(f(x))\ndef inc(x): return x + 1",
        "assert twice(inc, 1) == 3\nassert [inc(v) for v in map(inc, [1, 2])] == [3, 4]",
    ),
    "global seeds": (
        "import numpy as np, random\ndef draw(): return np.random.rand(3), random.random()",
        """
        import random
        np.random.seed(3); random.seed(3)
        expected = np.random.rand(3), random.random()
        np.random.seed(3); random.seed(3)
        a, b = draw()
        np.testing.assert_array_equal(a, expected[0])
        assert b == expected[1]
        """,
    ),
    "a generator of random numbers as an argument": (
        "def noise(rng): return rng.normal(size=2)",
        """
        rng, twin = np.random.default_rng(1), np.random.default_rng(1)
        np.testing.assert_array_equal(noise(rng), twin.normal(size=2))
        np.testing.assert_array_equal(rng.normal(size=2), twin.normal(size=2))
        """,
    ),
    "PyTorch": (
        """
        import torch
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(3, 2)
            def forward(self, x):
                return self.layer(x)
        def train_step(net, x, y):
            opt = torch.optim.SGD(net.parameters(), lr=0.1)
            loss = ((net(x) - y) ** 2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
            return loss.item()
        """,
        """
        import torch
        torch.manual_seed(0)
        net = Net()
        assert isinstance(net, torch.nn.Module)
        assert sum(p.numel() for p in net.parameters()) == 8
        with torch.no_grad():
            for p in net.parameters():
                p.fill_(0.5)
        x = torch.ones(4, 3)
        out = net(x)
        assert out.shape == (4, 2)
        assert torch.allclose(out, torch.full((4, 2), 2.0))
        assert out.detach().numpy().dtype == np.float32
        losses = [train_step(net, x, torch.zeros(4, 2)) for _ in range(5)]
        assert losses[-1] < losses[0]
        assert net.layer.weight.shape == (2, 3)
        """,
    ),
    "pandas": (
        "def add(df):\n    df = df.copy()\n    df['s'] = df.a + df.b\n    return df",
        """
        import pandas as pd
        df = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=pd.date_range("2026-01-01", periods=2))
        out = add(df)
        assert out["s"].tolist() == [4, 6]
        assert (out.index == df.index).all()
        assert "s" not in df
        """,
    ),
    "named tuples": (
        "from typing import NamedTuple\nclass State(NamedTuple):\n    h: float\n    c: float\n"
        "def step(s): return State(s.h + 1, type(s).__name__ == 'State' and isinstance(s, State))",
        "s = step(State(h=1.0, c=0.0))\nassert s.h == 2.0\nassert s.c is True\nh, c = s",
    ),
    "printing": (
        "def greet(name): print('hello', name)",
        """
        import contextlib, io
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            greet("you")
        assert out.getvalue() == "hello you\\n"
        """,
    ),
    "docstrings and signatures": (
        "def f(a, b=2, *, c): 'Adds.'",
        """
        import inspect
        assert f.__doc__ == "Adds."
        assert f.__name__ == "f"
        assert list(inspect.signature(f).parameters) == ["a", "b", "c"]
        """,
    ),
    "items and length of the student's container": (
        """
        class Stack:
            def __init__(self): self.items = []
            def __len__(self): return len(self.items)
            def __getitem__(self, i): return self.items[i]
            def __setitem__(self, i, v): self.items[i] = v
            def __repr__(self): return f"Stack({self.items})"
            def __bool__(self): return bool(self.items)
            def push(self, x): self.items.append(x)
        """,
        """
        s = Stack()
        assert not s
        s.push(1); s.push("b")
        s[0] = 5
        assert len(s) == 2 and s[0] == 5 and list(s) == [5, "b"]
        assert "b" in s and str(s) == "Stack([5, 'b'])"
        """,
    ),
    "a context manager": (
        """
        class Timer:
            def __enter__(self):
                self.open = True
                return self
            def __exit__(self, *_):
                self.open = False
        """,
        "with Timer() as t:\n    assert t.open\nassert not t.open",
    ),
    "names that exist": ("def f(): pass", "assert 'f' in globals()\nassert 'g' not in globals()"),
    "names that are missing": (
        "x = 1",
        "try:\n    undefined_name\nexcept NameError:\n    pass\nelse:\n    raise AssertionError",
    ),
    "the student's name for a builtin": (
        "def sum(xs):\n    total = 0\n    for x in xs: total += x\n    return total * 1.0",
        "assert isinstance(sum([1, 2]), float)",
        "def sum(xs): ...",
    ),
    "imports of the solution": (
        "import numpy\ndef f(x): return x",
        "assert math.isclose(f(1.0), 1.0)\nassert dt.date(2026, 1, 1).year == 2026",
        "import math, datetime as dt\ndef f(x): ...",
    ),
    "scalars of NumPy": (
        "import numpy as np\ndef mean(x): return np.mean(x)",
        "m = mean(np.ones(3, np.float32))\nassert isinstance(m, np.floating)\nassert m == 1",
    ),
    "read-only and strided arguments": (
        "def layout(x): return (x.flags.writeable, x.flags.c_contiguous)",
        """
        x = np.ones((4, 4))
        assert layout(x) == (True, True)
        assert layout(x[:, ::2]) == (True, False)
        x.flags.writeable = False
        assert layout(x) == (False, True)
        """,
    ),
    "top-level classes from the instructor's cell": (
        "def area(s): return s.w * s.h\ndef isshape(s): return isinstance(s, Shape)",
        "assert area(Shape(2, 3)) == 6\nassert isshape(Shape(1, 1))",
        "",
        "import numpy as np\nfrom dataclasses import dataclass\n@dataclass\nclass Shape:\n"
        "    w: float\n    h: float\n",
    ),
    "magics in the instructor's cell": (
        "def f(): return 1",
        "assert f() == 1 and np.pi > 3",
        "",
        "%matplotlib inline\nimport numpy as np",
    ),
    "copies of a model": (
        "class M:\n    def __init__(self): self.w = [1]",
        "import copy\na = M()\nb = copy.deepcopy(a)\nb.w = [2]\nassert a.w == [1] and b.w == [2]",
    ),
    "a comparison that the student was to write": (
        """
        class Point:
            def __init__(self, x): self.x = x
            def equals(self, other): return self.x == other.x
        """,
        "assert Point(1).equals(Point(1)) and not Point(1).equals(Point(2))",
        "class Point:\n    def equals(self, other): ...",
    ),
    "unittest's assertions": (
        "def f(x): return [x, 1.0000001]",
        "import unittest\nt = unittest.TestCase()\nt.assertEqual(f(1)[0], 1)\n"
        "t.assertAlmostEqual(f(1)[1], 1, places=5)\n"
        "with t.assertRaises(TypeError):\n    f()",
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_code_passes_an_ordinary_test(runner: IsolatedRunner, name: str) -> None:
    student, test, *rest = HONEST[name]
    more = dict(zip(("solution", "shared"), rest, strict=False))
    result = runner.run(make_task(student, test, **{k: v for k, v in more.items() if v}))
    assert states(result) == ["ok"], result["cells"]["test-0"]


WRONG = {
    "a wrong value": ("def f(x): return x", "assert f(1) == 2", "AssertionError"),
    "a missing function": ("", "f(1)", "NameError"),
    "a function that raises": ("def f(x): return 1 / 0", "f(1)", "ZeroDivisionError"),
    "a change of an argument": (
        "def f(x):\n    x += 1\n    return x",
        "x = np.ones(3)\nf(x)\nassert (x == 1).all()",
        "AssertionError",
    ),
    "a builtin instead of the student's": ("", "assert sum([1]) == 1", "NameError"),
    "nothing instead of an array": (
        "import numpy as np\ndef f(x): return np.zeros((0, 3))",
        "assert np.allclose(f(1), np.ones(3))",
        "AssertionError",
    ),
    "an object that would compare itself": (
        "class R:\n    def equals(self, other): return True\ndef f(x): return R()",
        "assert f(1).equals(2)",
        "AttributeError",
    ),
    "an object that claims to be a table": (
        """
        import pandas as pd
        class T(pd.DataFrame):
            __class__ = pd.DataFrame
            def __getattribute__(self, name): return True
        class R:
            __iter__ = lambda s: iter(())
            __len__ = lambda s: 0
        R.__module__, R.__qualname__ = "pandas.core.frame", "DataFrame"
        def f(x): return R()
        """,
        "import pandas as pd\nassert pd.DataFrame({'a': [1]}).equals(f(1))",
        "AssertionError",
    ),
    "an object that the test made and that cannot cross": (
        "def f(x): return True",
        "assert f(object())",
        "CannotCross",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_code_fails_with_the_reason(runner: IsolatedRunner, name: str) -> None:
    student, test, error = WRONG[name]
    solution = "def sum(x): ..." if "builtin" in name else ""
    result = runner.run(make_task(student, test, solution=solution))
    assert states(result) == ["error"]
    assert result["cells"]["test-0"]["error"]["name"] == error


def test_the_reason_names_the_line_of_the_test(runner: IsolatedRunner) -> None:
    result = runner.run(make_task("def f(): return 1", "x = 1\nassert f() == 2, 'look here'\n"))
    error = result["cells"]["test-0"]["error"]
    assert error == {"name": "AssertionError", "message": "look here", "line": 2}


def test_the_last_expression_is_the_value(runner: IsolatedRunner) -> None:
    tests = ["f() / 4", "np.float64(f())", "f() == 2", "f;", "None", "f"]
    result = runner.run(make_task("def f(): return 2", tests))
    values = [result["cells"][f"test-{i}"]["value"] for i in range(6)]
    assert values[:5] == ["0.5", "2.0", "True", None, None]
    assert "object of the student" in values[5]


def test_cells_run_in_the_notebooks_order(runner: IsolatedRunner) -> None:
    task = make_task(["model = 'first'"], [])
    task["cells"] += [
        cell("test-0", "test", "assert model == 'first'"),
        cell("next", "student", "model = 'second'", solution="model = None"),
        cell("test-1", "test", "assert model == 'second'"),
        cell("locked", "shared", "model = 'locked'"),
        cell("test-2", "test", "assert model == 'locked'"),
    ]
    assert states(runner.run(task)) == ["ok", "ok", "ok"]


def test_a_names_owner_is_whose_cell_defines_it_in_the_source(runner: IsolatedRunner) -> None:
    """A student who defines the instructor's helper does not change the judge's."""
    task = make_task(
        "def check(x): return True\nresult = 1",
        ["assert check(result)", "result = 5\nassert check(result)", "assert check(result)"],
        solution="result = 5",
        shared="def check(x): return x == 5",
    )
    assert states(runner.run(task)) == ["error", "ok", "ok"]


def test_names_that_a_test_makes_serve_the_next_test(runner: IsolatedRunner) -> None:
    tests = ["x = f(1)\nm = M()", "assert x == 2\nassert m.n == 3"]
    student = "def f(x): return x + 1\nclass M: n = 3"
    assert states(runner.run(make_task(student, tests))) == ["ok", "ok"]


def test_outputs_of_the_student_are_shown_as_jupyter_shows_them(runner: IsolatedRunner) -> None:
    source = """
    import matplotlib.pyplot as plt, sys, warnings
    print("a"); print("b", file=sys.stderr)
    plt.plot([1, 2]);
    {"x": 1}
    """
    result = runner.run(make_task([source, "1/0"], "assert True"))
    outputs = result["cells"]["student-0"]["outputs"]
    kinds = [o["output_type"] for o in outputs]
    assert kinds[:2] == ["stream", "stream"]
    assert "execute_result" in kinds
    assert any("image/png" in o.get("data", {}) for o in outputs)
    failed = result["cells"]["student-1"]
    assert failed["state"] == "error"
    assert failed["error"]["name"] == "ZeroDivisionError"
    assert failed["error"]["line"] == 1


def test_what_a_test_makes_the_student_print_is_not_shown(runner: IsolatedRunner) -> None:
    task = make_task("def f(x): print('secret input', x); return x", "assert f(41) == 41")
    result = runner.run(task)
    assert states(result) == ["ok"]
    assert "41" not in str(result["cells"]["test-0"]["outputs"])


def test_a_crash_costs_the_test_that_caused_it(runner: IsolatedRunner) -> None:
    student = ["import os\nlog = []\ndef f(x):\n    if x == 3: os._exit(0)\n    return x"]
    tests = ["keep = f(1)\nassert keep == 1", "assert f(3) == 3", "assert f(2) == 2 and keep == 1"]
    result = runner.run(make_task(student, tests))
    assert states(result) == ["ok", "died", "ok"]


def test_a_hang_costs_the_test_that_caused_it(runner: IsolatedRunner) -> None:
    student = """
    def f(x):
        while x == 3:
            try:
                while True: pass
            except BaseException: pass
        return x
    """
    result = runner.run(make_task(student, ["f(3)", "assert f(2) == 2"], cell_s=1))
    assert states(result) == ["timeout", "ok"]


def test_a_test_that_catches_everything_does_not_survive_its_student(
    runner: IsolatedRunner,
) -> None:
    test = "try:\n    f()\nexcept Exception:\n    pass"
    result = runner.run(make_task("import os\ndef f(): os._exit(0)", test))
    assert states(result) == ["died"]
    bare = "try:\n    f()\nexcept BaseException:\n    pass"
    result = runner.run(make_task("import os\ndef f(): os._exit(0)", bare))
    assert states(result) == ["died"]


def test_a_hanging_cell_is_skipped_and_the_rest_is_graded(runner: IsolatedRunner) -> None:
    student = ["def f(): return 1", "while True: pass", "def g(): return f() + 1"]
    result = runner.run(make_task(student, ["assert f() == 1", "assert g() == 2"], cell_s=1))
    assert result["cells"]["student-1"]["state"] == "timeout"
    assert states(result) == ["ok", "ok"]


def test_the_notebooks_time_is_bounded(runner: IsolatedRunner) -> None:
    student = ["import time"] + ["time.sleep(0.4)"] * 6
    result = runner.run(make_task(student, "assert True", cell_s=5, notebook_s=1))
    assert states(result) == ["skipped"]
    assert "notebook_s" in result["limits_hit"]


def test_files_of_the_course_win_and_a_students_module_stays_with_the_student(
    runner: IsolatedRunner, tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text("def check(x): return x == 1")
    (tmp_path / "data.csv").write_text("1,2")
    (tmp_path / "evil.py").write_text("def check(x): return True")
    task = make_task(
        "import helper, colorsys\ndef f(): return 2\n"
        "def g(): return open('data.csv').read(), colorsys.X",
        ["assert helper.check(f())", "assert g() == ('1,2', 3)", "import colorsys\ncolorsys.X"],
        shared="import helper",
        files=[
            {"name": "helper.py", "path": str(tmp_path / "evil.py"), "origin": "student"},
            {"name": "helper.py", "path": str(tmp_path / "helper.py"), "origin": "course"},
            {"name": "data.csv", "path": str(tmp_path / "data.csv"), "origin": "student"},
            {"name": "colorsys.py", "path": str(tmp_path / "shadow.py"), "origin": "student"},
        ],
    )
    (tmp_path / "shadow.py").write_text("X = 3")
    assert states(runner.run(task)) == ["error", "ok", "error"]


def test_changed_arguments_in_a_passed_test_are_reported(runner: IsolatedRunner) -> None:
    task = make_task(
        "def f(x):\n    x[:] = 0\n    return 0.0", "x = np.ones(3)\nassert f(x) == x.sum()"
    )
    result = runner.run(task)
    assert states(result) == ["ok"]
    assert result["changed"] == ["test-0"]


def test_what_a_submission_reached_for_is_reported(runner: IsolatedRunner) -> None:
    student = """
    import os, pathlib, socket, subprocess
    def attempt(f, *args):
        try: f(*args)
        except Exception: pass
    attempt(open, "/home/teacher/gradebook.db")
    attempt(os.listdir, "/srv/course")
    attempt(open, "/proc/1/environ")
    attempt(subprocess.run, ["curl", "http://example.org"])
    attempt(socket.create_connection, ("127.0.0.1", 9), 0.1)
    def later(): attempt(open, "/home/teacher/solutions.ipynb")
    """
    found = runner.run(make_task(student, "later()"))["reached"]
    assert found[:4] == [
        "open /home/teacher/gradebook.db",
        "open /srv/course",
        "open /proc/1/environ",
        "run curl http://example.org",
    ]
    assert "connect ('127.0.0.1', 9)" in found
    assert found[-1] == "open /home/teacher/solutions.ipynb"


def test_ordinary_files_and_imports_are_nothing_to_report(runner: IsolatedRunner) -> None:
    student = """
    import tempfile, xml.dom.minidom, pandas as pd
    pd.DataFrame({"x": [1]}).to_csv("mine.csv")
    seen = len(pd.read_csv("mine.csv")) + len(open("/proc/cpuinfo").read()) * 0
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    """
    result = runner.run(make_task(student, "assert seen == 1"))
    assert states(result) == ["ok"]
    assert result["reached"] == []


def test_one_runner_grades_many(runner: IsolatedRunner) -> None:
    """Nothing of one submission reaches the next."""
    first = make_task("import builtins, numpy\nbuiltins.leak = 1\nnumpy.pi = 3", "assert True")
    runner.run(first)
    second = make_task("def f():\n    import numpy\n    return numpy.pi", "assert f() > 3.1\nleak")
    assert runner.run(second)["cells"]["test-0"]["error"]["name"] == "NameError"


def test_defined_names_reads_without_running() -> None:
    names, imports = defined_names(
        "if True:\n    a: int = 1\nfor i in x: pass\nfrom os import path"
    )
    assert names == {"a", "i"}
    assert len(imports) == 1
    assert defined_names("def broken(") == (set(), [])
