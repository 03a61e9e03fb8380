"""Grade one class twice, with stock `nbgrader autograde` and with `runtun grade`, and compare.

python benchmarks/grading.py                      sixty submissions, into results/grading.json
python benchmarks/grading.py --submissions 4 --into /tmp/grading.json

The assignment imports Keras (on TensorFlow) and PyTorch in every submission. Both graders run on
the same machine one after the other, from cold. What is measured:

stock, runtun    seconds from the start of the command to its end, and for each submission
times            how many times faster `runtun grade` is
verdicts         points of every test of every student, compared one by one
pure             seconds of the notebooks' own cells, run in plain copies of one Python process
                 that has the frameworks imported: no grader, no sandbox
overhead         core-seconds a submission beyond that, with the start and without it
memory           proportional set size of all processes at the peak, one worker and two
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import psutil
from nbformat import NotebookNode
from tqdm import tqdm

from runtun.experiments.runner import describe_environment

ROOT = Path(__file__).resolve().parents[1]
SLUG = "frameworks"
# The same for both graders: TensorFlow's notes on stderr would cost points in the stock one.
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
CONFIG = f'c = get_config()\nc.CourseDirectory.course_id = "benchmark-{SLUG}"\n'

SETUP = """\
import numpy as np
import keras
import torch

torch.set_num_threads(1)"""

# grade id -> (what the student reads, the right answer, plausible wrong answers)
SOLUTIONS = {
    "keras_states": (
        "def keras_states(x, W, U, b):\n    {}",
        "layer = keras.layers.SimpleRNN(U.shape[0], return_sequences=True)\n"
        "    layer.build(x.shape)\n"
        "    layer.set_weights([W, U, b])\n"
        "    return keras.ops.convert_to_numpy(layer(x))",
        [
            "layer = keras.layers.SimpleRNN(U.shape[0])\n"
            "    layer.build(x.shape)\n"
            "    layer.set_weights([W, U, b])\n"
            "    return keras.ops.convert_to_numpy(layer(x))",
            "layer = keras.layers.SimpleRNN(U.shape[0], return_sequences=True, use_bias=False)\n"
            "    layer.build(x.shape)\n"
            "    layer.set_weights([W, U])\n"
            "    return keras.ops.convert_to_numpy(layer(x))",
        ],
    ),
    "torch_states": (
        "def torch_states(x, W, U, b):\n    {}",
        "layer = torch.nn.RNN(W.shape[0], U.shape[0], batch_first=True)\n"
        "    with torch.no_grad():\n"
        "        layer.weight_ih_l0.copy_(torch.tensor(W.T))\n"
        "        layer.weight_hh_l0.copy_(torch.tensor(U.T))\n"
        "        layer.bias_ih_l0.copy_(torch.tensor(b))\n"
        "        layer.bias_hh_l0.zero_()\n"
        "        return layer(torch.tensor(x))[0].numpy()",
        [
            "layer = torch.nn.RNN(W.shape[0], U.shape[0], batch_first=True)\n"
            "    with torch.no_grad():\n"
            "        return layer(torch.tensor(x))[0].numpy()",
            "raise ValueError('shapes do not match')",
        ],
    ),
    "train": (
        "def train(x, y, steps):\n    {}",
        "model = torch.nn.Linear(x.shape[1], 1)\n"
        "    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "    losses = []\n"
        "    for _ in range(steps):\n"
        "        loss = ((model(torch.tensor(x))[:, 0] - torch.tensor(y)) ** 2).mean()\n"
        "        optimizer.zero_grad()\n"
        "        loss.backward()\n"
        "        optimizer.step()\n"
        "        losses.append(loss.item())\n"
        "    return losses",
        [
            "model = torch.nn.Linear(x.shape[1], 1)\n"
            "    losses = []\n"
            "    for _ in range(steps):\n"
            "        loss = ((model(torch.tensor(x))[:, 0] - torch.tensor(y)) ** 2).mean()\n"
            "        losses.append(loss.item())\n"
            "    return losses",
        ],
    ),
}
NUMBERS = """\
rng = np.random.default_rng({seed})
x = rng.normal(size=({batch}, {time}, 3)).astype("float32")
W, U = rng.normal(size=(3, 4)).astype("float32"), 0.3 * rng.normal(size=(4, 4)).astype("float32")
b = rng.normal(size=4).astype("float32")
h, want = np.zeros(({batch}, 4), "float32"), []
for t in range({time}):
    h = np.tanh(x[:, t] @ W + h @ U + b)
    want.append(h)
want = np.stack(want, axis=1)
"""
# grade id -> (the solution it looks at, points, its text)
TESTS = {
    "keras_shape": (
        "keras_states",
        1,
        NUMBERS.format(seed=0, batch=2, time=5)
        + "assert np.shape(keras_states(x, W, U, b)) == (2, 5, 4)",
    ),
    "keras_values": (
        "keras_states",
        2,
        "### BEGIN HIDDEN TESTS\n"
        + NUMBERS.format(seed=1, batch=3, time=7)
        + "np.testing.assert_allclose(keras_states(x, W, U, b), want, atol=1e-5)\n"
        "### END HIDDEN TESTS",
    ),
    "torch_shape": (
        "torch_states",
        1,
        NUMBERS.format(seed=2, batch=2, time=5)
        + "assert np.shape(torch_states(x, W, U, b)) == (2, 5, 4)",
    ),
    "torch_values": (
        "torch_states",
        2,
        "### BEGIN HIDDEN TESTS\n"
        + NUMBERS.format(seed=3, batch=1, time=9)
        + "np.testing.assert_allclose(torch_states(x, W, U, b), want, atol=1e-5)\n"
        "### END HIDDEN TESTS",
    ),
    "train_falls": (
        "train",
        2,
        "rng = np.random.default_rng(4)\n"
        'x = rng.normal(size=(64, 3)).astype("float32")\n'
        'y = x @ np.array([1, -2, 3], dtype="float32")\n'
        "losses = train(x, y, 30)\n"
        "assert len(losses) == 30\n"
        "assert losses[-1] < 0.1 * losses[0]",
    ),
}


def source_notebook() -> NotebookNode:
    """Return the instructor's notebook."""
    cells = [_cell(SETUP, "setup", locked=True)]
    for name, (frame, right, _) in SOLUTIONS.items():
        answer = f"### BEGIN SOLUTION\n    {right}\n    ### END SOLUTION"
        cells.append(_cell(frame.format(answer), name, solution=True))
        cells += [
            _cell(text, test, locked=True, grade=True, points=points)
            for test, (about, points, text) in TESTS.items()
            if about == name
        ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _cell(
    source: str,
    grade_id: str,
    *,
    locked: bool = False,
    solution: bool = False,
    grade: bool = False,
    points: int | None = None,
) -> NotebookNode:
    about = {
        "schema_version": 3,
        "grade_id": grade_id,
        "locked": locked,
        "solution": solution,
        "grade": grade,
        "task": False,
    }
    if points is not None:
        about["points"] = points
    return nbformat.v4.new_code_cell(
        source, id=grade_id.replace("_", "-"), metadata={"nbgrader": about}
    )


def submissions(released: NotebookNode, count: int, rng: np.random.Generator) -> Iterator[str]:
    """Fill in the released notebook: most answers right, some wrong, some left blank."""
    for _ in range(count):
        notebook = nbformat.from_dict(json.loads(json.dumps(released)))
        for cell in notebook.cells:
            name = cell.metadata.nbgrader.grade_id
            if name not in SOLUTIONS:
                continue
            frame, right, wrong = SOLUTIONS[name]
            luck = rng.random()
            if luck < 0.75:
                cell.source = frame.format(right)
            elif luck < 0.95:
                cell.source = frame.format(wrong[rng.integers(len(wrong))])
        yield nbformat.writes(notebook)


def make_courses(folder: Path, count: int, seed: int) -> tuple[Path, Path]:
    """Lay out two equal courses, one for each grader."""
    stock, ours = folder / "stock", folder / "runtun"
    notebook = f"{SLUG}/{SLUG}.ipynb"
    (stock / "source" / SLUG).mkdir(parents=True)
    (stock / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    nbformat.write(source_notebook(), stock / "source" / notebook)
    _run(["nbgrader", "generate_assignment", SLUG], stock)
    released = nbformat.read(stock / "release" / notebook, as_version=4)
    texts = submissions(released, count, np.random.default_rng(seed))
    for number, text in enumerate(texts, start=1):
        path = stock / "submitted" / f"student{number:03}" / notebook
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    shutil.copytree(stock, ours, ignore=shutil.ignore_patterns("gradebook.db", "release"))
    return stock, ours


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _environment() -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    return os.environ | ENVIRONMENT | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def _run(command: list[str], folder: Path, *, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        [_program(command[0]), *command[1:]],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def time_stock(course: Path, count: int) -> float:
    """Return the seconds that `nbgrader autograde` takes for the class."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [_program("nbgrader"), "autograde", SLUG],
        cwd=course,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        log = []
        with tqdm(total=count, desc="nbgrader autograde", unit="submission") as bar:
            for line in process.stdout:
                log.append(line)
                bar.update("Overwriting files with master versions" in line)
            bar.update(count - bar.n)
    if process.returncode:
        raise SystemExit("nbgrader autograde failed:\n" + "".join(log[-40:]))
    return time.perf_counter() - begin


def time_ours(course: Path, jobs: int) -> tuple[float, list[dict[str, Any]]]:
    """Return the seconds that `runtun grade` takes for the class, and its verdicts."""
    begin = time.perf_counter()
    text = _run(["runtun", "grade", ".", SLUG, "--jobs", str(jobs), "--json"], course, codes=(0, 1))
    return time.perf_counter() - begin, json.loads(text)["submissions"]


def stock_points(course: Path) -> dict[tuple[str, str], float | None]:
    """Read the points that nbgrader wrote: (student, test) -> points."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return {
            (submission.student.id, grade.name): grade.auto_score
            for submission in gradebook.assignment_submissions(SLUG)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def pure_seconds(course: Path) -> list[float]:
    """Run each notebook's cells in a plain copy of a process with the frameworks imported."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    paths = sorted(course.glob(f"submitted/*/{SLUG}/{SLUG}.ipynb"))
    process = context.Process(target=_run_plainly, args=(paths, queue))
    os.environ.update(ENVIRONMENT)
    process.start()
    seconds = [queue.get(timeout=300) for _ in tqdm(paths, desc="cells alone", unit="notebook")]
    process.join()
    return seconds


def _run_plainly(paths: list[Path], queue: Any) -> None:
    import keras  # noqa: F401 (what the notebooks import is imported once, before the copies)
    import torch  # noqa: F401

    hidden = {name: text for name, (_, _, text) in TESTS.items()}
    for path in paths:
        reader, writer = os.pipe()
        if os.fork() == 0:
            names: dict[str, Any] = {"__name__": "__main__"}
            notebook = nbformat.read(path, as_version=4)
            begin = time.perf_counter()
            for cell in notebook.cells:
                text = hidden.get(cell.metadata.nbgrader.grade_id, cell.source)
                try:
                    exec(compile(text, "<cell>", "exec"), names)
                except Exception:
                    continue
            os.write(writer, repr(time.perf_counter() - begin).encode())
            os._exit(0)
        os.close(writer)
        queue.put(float(os.read(reader, 100)))
        os.close(reader)
        os.wait()


def peak_memory(course: Path, jobs: int) -> int:
    """Return the bytes that grading a class takes at its peak, shared pages counted once."""
    shutil.rmtree(course / ".runtun", ignore_errors=True)
    with subprocess.Popen(
        [_program("runtun"), "grade", ".", SLUG, "--jobs", str(jobs), "--json"],
        cwd=course,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        peak = 0
        watcher = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _proportional(watcher))
            time.sleep(0.2)
    return peak


def _proportional(process: psutil.Process) -> int:
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for one in family:
        try:
            total += one.memory_full_info().pss
        except (psutil.Error, OSError):
            continue
    return total


def small_course(course: Path, folder: Path, count: int) -> Path:
    """Copy a course with its first `count` submissions, ungraded."""
    target = folder / "small"
    for name in ("source", "nbgrader_config.py"):
        if (course / name).is_dir():
            shutil.copytree(course / name, target / name)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(course / name, target / name)
    for student in sorted((course / "submitted").iterdir())[:count]:
        shutil.copytree(student, target / "submitted" / student.name)
    return target


def main() -> int:
    """Run the command line; return 1 if the two graders disagree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--submissions", type=int, default=60, metavar="N")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", type=Path, default=ROOT / "results" / "grading.json")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="grading-") as name:
        folder = Path(name)
        stock, ours = make_courses(folder, words.submissions, words.seed)
        pure = pure_seconds(ours)
        our_seconds, verdicts = time_ours(ours, words.jobs)
        first = small_course(ours, folder, 1)
        cold, _ = time_ours(first, 1)
        shutil.rmtree(first)
        few = small_course(ours, folder, min(6, words.submissions))
        one, two = peak_memory(few, 1), peak_memory(few, 2)
        stock_seconds = time_stock(stock, words.submissions)
        theirs = stock_points(stock)
        given = {
            (verdict["student"], score["grade_id"]): score["points"]
            for verdict in verdicts
            for score in verdict["scores"]
        }
    different = sorted(key for key in theirs | given if theirs.get(key) != given.get(key))
    count, jobs = words.submissions, min(words.jobs, words.submissions)
    mean_pure = float(np.mean(pure))
    steady = (our_seconds - cold) * jobs / max(count - jobs, 1)
    result = {
        "submissions": count,
        "jobs": jobs,
        "seed": words.seed,
        "stock": {"seconds": stock_seconds, "each": stock_seconds / count},
        "runtun": {"seconds": our_seconds, "each": our_seconds / count, "first_from_cold": cold},
        "times": stock_seconds / our_seconds,
        "verdicts": {
            "compared": len(theirs),
            "equal": len(theirs | given) - len(different),
            "different": [list(key) for key in different],
            "points": sum(points or 0 for points in given.values()),
        },
        "pure": {"mean": mean_pure, "highest": max(pure)},
        "overhead": {
            "with_start": our_seconds * jobs / count - mean_pure,
            "steady": steady - mean_pure,
        },
        "memory": {"one_worker": one, "two_workers": two, "second_worker": two - one},
        "environment": describe_environment(),
    }
    words.into.parent.mkdir(parents=True, exist_ok=True)
    words.into.write_text(json.dumps(_rounded(result), indent=1) + "\n", encoding="utf-8")
    print(
        f"stock {stock_seconds:.1f} s, runtun {our_seconds:.1f} s: {result['times']:.1f} times; "
        f"overhead {result['overhead']['steady']:.2f} s a submission and core "
        f"({result['overhead']['with_start']:.2f} s with the start); second worker "
        f"{(two - one) / 2**20:.0f} MiB; {len(different)} of {len(theirs)} verdicts differ"
    )
    return 1 if different else 0


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return value


if __name__ == "__main__":
    sys.exit(main())
