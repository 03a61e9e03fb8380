"""The sample class: thirty invented students, all assignments, and what the grader must say.

python samples/make_class.py --into DIR [ASSIGNMENT ...]     lay out a course folder
python samples/make_class.py --list [ASSIGNMENT ...]         show who hands in what, and its points
python samples/make_class.py --compare DIR [ASSIGNMENT ...]  compare a graded course with the list

Without a name it is 03-rnn; `all` stands for every assignment.
Submissions are drawn from the seed in samples/class.yml and made from the sources in solutions/;
nothing is stored, so nothing grows stale.
"""

from __future__ import annotations

import argparse
import ast
import csv
import io
import json
import random
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from runtun.grading.bundle import data_files
from runtun.grading.proof import Attempt, Proof, fill_in, read_proof
from runtun.grading.release import release_notebook

ROOT = Path(__file__).resolve().parents[1]
PLAN: dict[str, Any] = yaml.safe_load((ROOT / "samples" / "class.yml").read_text(encoding="utf-8"))
ASSIGNMENTS: list[str] = list(PLAN["due"])
DEFAULT = "03-rnn"

CONFIG = '''"""The course of the sample class, written by samples/make_class.py."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "sample-class"
c.Runtun.due = {due}
'''


@dataclass(frozen=True)
class Submission:
    """What one student hands in for one assignment, and what the grader must say about it.

    Args:
        student: the name of the folder.
        assignment: the slug.
        language: of the notebook.
        attempts: names of mistakes and alternatives, over the model solution.
        cells: the text of the cells that were answered, by nbgrader id.
        blank: the code cells that were left as they were.
        file: how the file was treated on its way; a name in `HANDLING`.
        arrived: by the collector's clock.
        late: whether that is after the due date.
        status: "graded", "manual" (open answers wait for a person) or "rejected".
        points: what is decided without a person.
    """

    student: str
    assignment: str
    language: str
    attempts: tuple[str, ...]
    cells: Mapping[str, str]
    blank: tuple[str, ...]
    file: str
    arrived: datetime
    late: bool
    status: str
    points: float

    @property
    def text(self) -> str:
        """The file itself."""
        return HANDLING[self.file](fill_in(_released(self.assignment, self.language), self.cells))


def extra_cells(notebook: NotebookNode) -> str:
    """Add what honest students add: notes, a look at the data, a library that warns."""
    note = nbformat.v4.new_markdown_cell("My notes: the last axis is $H$.", id="note")
    look = nbformat.v4.new_code_cell(
        "import warnings\n\nwarnings.warn('just a warning', stacklevel=1)\n"
        "for t in range(3):\n    print('step', t)",
        id="look",
    )
    notebook.cells[8:8] = [note, look]
    return _text(notebook)


def cut_off(notebook: NotebookNode) -> str:
    """Stop in the middle, as an interrupted upload does."""
    text = _text(notebook)
    return text[: len(text) // 2]


def syntax_error(notebook: NotebookNode) -> str:
    """Forget to close a bracket at the end of the first answer."""
    cell = next(c for c in notebook.cells if c.cell_type == "code" and _mark(c).get("solution"))
    cell.source += " + ("
    return _text(notebook)


def tests_changed(notebook: NotebookNode) -> str:
    """Weaken one test, delete another, and claim more points for a third."""
    tests = [c for c in notebook.cells if _mark(c).get("grade") and not _mark(c).get("solution")]
    tests[0].source = "assert True"
    tests[-1].metadata.nbgrader["points"] = 100
    notebook.cells = [cell for cell in notebook.cells if cell is not tests[1]]
    return _text(notebook)


def from_colab(notebook: NotebookNode) -> str:
    """Save the way Colab does: nbformat 4.0, ids in the metadata, lines as lists."""
    document = json.loads(_text(notebook))
    document["nbformat_minor"] = 0
    document["metadata"]["colab"] = {"provenance": []}
    document["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    for cell in document["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
    return json.dumps(document, indent=2, ensure_ascii=False)


def _text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def _mark(cell: NotebookNode) -> Mapping[str, Any]:
    return cell.metadata.get("nbgrader", {})


HANDLING: dict[str, Callable[[NotebookNode], str]] = {
    "as-it-is": _text,
    "extra-cells": extra_cells,
    "cut-off": cut_off,
    "syntax-error": syntax_error,
    "tests-changed": tests_changed,
    "from-colab": from_colab,
}


@cache
def _proof(slug: str) -> Proof:
    return read_proof(ROOT / "solutions" / slug)


@cache
def _released(slug: str, language: str) -> NotebookNode:
    return release_notebook(_proof(slug).source, language, slug=slug)


def submissions(slug: str) -> list[Submission]:
    """Return what the class hands in for one assignment, by the students' names."""
    return [s for name in sorted(PLAN["students"]) if (s := submission_of(name, slug)) is not None]


def submission_of(student: str, slug: str) -> Submission | None:
    """Return what one student hands in for one assignment, told or drawn; None for nothing."""
    about, proof, due = PLAN["students"][student], _proof(slug), PLAN["due"][slug]
    entry = PLAN.get("told", {}).get(slug, {}).get(student) or draw(student, slug)
    if entry == "missing":
        return None
    known = {a.name: a for a in (*proof.mistakes, *proof.alternatives)}
    attempts = [known[name] for name in entry.get("attempts", ())]
    cells = dict(proof.solution)
    for attempt in attempts:
        cells |= attempt.cells
    answers = entry.get("answers") or {"open_question": entry.get("answer", "")}
    cells |= {name: text.rstrip("\n") for name, text in answers.items() if name in proof.manual}
    blank = {*entry.get("blank", ()), *(name for name in proof.manual if not cells[name])}
    cells = {name: text for name, text in cells.items() if name not in blank}

    file = entry.get("file", "as-it-is")
    broken = [next(name for name in proof.solution if name not in proof.manual)]
    unheard = {*blank, *(broken if file == "syntax-error" else ())}
    lost = lost_tests(proof, Reach(proof, cells), attempts, unheard)
    lost |= set(entry.get("also_fails", ()))
    points = sum(worth for test, worth in proof.points.items() if test not in lost)
    status = "manual" if proof.manual.keys() & cells.keys() else "graded"
    return Submission(
        student=student,
        assignment=slug,
        language=about["language"],
        attempts=tuple(a.name for a in attempts),
        cells=cells,
        blank=tuple(name for name in proof.solution if name in blank),
        file=file,
        arrived=entry["arrived"],
        late=entry["arrived"] > due,
        status="rejected" if file == "cut-off" else status,
        points=0.0 if file == "cut-off" else points,
    )


def draw(student: str, slug: str) -> dict[str, Any] | str:
    """Draw what a student hands in: the same for the same seed, whoever else is in the class."""
    about, proof = PLAN["students"][student], _proof(slug)
    rng = random.Random(f"{PLAN['seed']}/{slug}/{student}")
    slips = 1 - about["care"]
    if rng.random() < 0.03 + 0.15 * slips:
        return "missing"
    if rng.random() < 0.03 + 0.1 * slips:
        arrived = PLAN["due"][slug] + timedelta(seconds=int(rng.expovariate(1 / 40_000)) + 1)
    else:
        arrived = PLAN["due"][slug] - timedelta(seconds=int(rng.expovariate(1 / 60_000)))

    own = {about["framework"]}
    bases = [(), *((a,) for a in proof.alternatives)]
    bases = [base for base in bases if _frameworks(proof, base) <= own]
    attempts: list[Attempt] = list(rng.choice(bases))
    possible = [a for a in proof.mistakes if _imports(a.cells) <= own]
    for mistake in rng.sample(possible, k=min(4, len(possible))):
        if rng.random() < slips and _fits(proof, attempts, mistake):
            attempts.append(mistake)

    code = [name for name in proof.solution if name not in proof.manual]
    blank: list[str] = []
    if rng.random() < 0.1 * slips:
        blank = code  # the notebook as it was handed out
    elif rng.random() < 0.4 * slips:
        blank = code[-rng.randint(1, 2) :]  # time ran out
    effort = 0 if blank == code else min(2, int(3 * rng.random() + about["care"] - 0.3))
    answers = {name: _answer(proof, name, about["language"], effort) for name in proof.manual}
    return {
        "attempts": [a.name for a in attempts if not a.cells.keys() <= set(blank)],
        "blank": blank,
        "answers": answers,
        "file": rng.choices(list(HANDLING), weights=[84, 5, 1, 2, 3, 5])[0],
        "arrived": arrived,
    }


class Reach:
    """Which cells a test reaches: those whose names it uses, and those whose names these use.

    Args:
        proof: of the assignment.
        cells: the text of the answered cells.
    """

    def __init__(self, proof: Proof, cells: Mapping[str, str]) -> None:
        texts, makers = {}, {}
        for cell in proof.source.cells:
            name = _mark(cell).get("grade_id")
            if cell.cell_type == "code" and name is not None:  # the grader runs no other cells
                texts[name] = cells.get(name, proof.solution.get(name, cell.source))
                if name not in proof.points and name not in proof.manual:
                    makers |= dict.fromkeys(_names(texts[name], defined=True), name)
        self._next = {
            name: {makers[n] for n in _names(t) if n in makers} for name, t in texts.items()
        }

    def __call__(self, test: str) -> set[str]:
        """Return the ids of the cells that `test` reaches."""
        seen: set[str] = set()
        waiting = [test]
        while waiting:
            fresh = self._next[waiting.pop()] - seen
            seen |= fresh
            waiting += fresh
        return seen


def lost_tests(
    proof: Proof, reach: Reach, attempts: Collection[Attempt], unheard: Collection[str] = ()
) -> set[str]:
    """Work out which tests a submission fails.

    It fails those that reach a cell which defines nothing, or a cell of a mistake that must fail
    them.

    Args:
        proof: of the assignment.
        reach: of the submission's cells.
        attempts: the mistakes and alternatives that were made.
        unheard: solution cells that are blank or do not compile.
    """
    return {
        test
        for test in proof.points
        if (places := reach(test)) & set(unheard)
        or any(test in a.fails and places & a.cells.keys() for a in attempts)
    }


def _fits(proof: Proof, attempts: Collection[Attempt], mistake: Attempt) -> bool:
    """Say whether what `mistake` costs is known beside other attempts.

    It is not where both change one cell, or where a test that passes holds one changed cell against
    another: two answers may be wrong in the same way.
    """
    chosen = [*attempts, mistake]
    cells = dict(proof.solution)
    for attempt in chosen:
        cells |= attempt.cells
    reach = Reach(proof, cells)
    passed = [reach(test) for test in proof.points.keys() - lost_tests(proof, reach, chosen)]
    for wrong in (a for a in chosen if a.fails):
        for other in (a for a in chosen if a is not wrong):
            if other.fails and wrong.cells.keys() & other.cells.keys():
                return False
            changed = other.cells.keys() - wrong.cells.keys()
            if any(places & wrong.cells.keys() and places & changed for places in passed):
                return False
    return True


@cache
def _names(code: str, *, defined: bool = False) -> frozenset[str]:
    """Return the names that code uses, or those that it defines at its top."""
    tree = ast.parse(code)
    if not defined:
        return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return frozenset(found)


def _imports(cells: Mapping[str, str]) -> set[str]:
    """Return the frameworks that answers import."""
    return set(re.findall(r"^\s*(?:import|from) (keras|torch)\b", "\n".join(cells.values()), re.M))


def _frameworks(proof: Proof, attempts: Iterable[Attempt]) -> set[str]:
    """Return the frameworks of the model solution under some attempts."""
    cells = dict(proof.solution)
    for attempt in attempts:
        cells |= attempt.cells
    return _imports(cells)


def _answer(proof: Proof, name: str, language: str, effort: int) -> str:
    """Return nothing, a first sentence, or all of the model answer, in one language."""
    text = proof.solution[name]
    if effort == 0:
        return ""
    heads = {"id": r"\*\*Contoh jawaban\.\*\*", "en": r"\*\*Model answer\.\*\*"}
    answer = re.search(rf"{heads[language]}(.*?)(?=\*\*(?:Pedoman|Marking)|\Z)", text, re.DOTALL)
    if answer is None:  # code that a person marks, such as a plot
        return text
    return answer[1].strip() if effort == 2 else re.split(r"(?<=\.)\s", answer[1].strip())[0]


def course_files(slugs: Iterable[str]) -> dict[str, str]:
    """Return the files of the class for some assignments, by their path in the course folder."""
    due = {slug: moment.isoformat() for slug, moment in PLAN["due"].items()}
    files = {"nbgrader_config.py": CONFIG.format(due=json.dumps(due, indent=4))}
    arrivals = io.StringIO()
    table = csv.writer(arrivals, lineterminator="\n")
    table.writerow(["student", "assignment", "arrived"])
    for slug in ASSIGNMENTS:
        for one in submissions(slug):
            table.writerow([one.student, slug, one.arrived.isoformat()])
            if slug in slugs:
                files[f"submitted/{one.student}/{slug}/{slug}.ipynb"] = one.text
    files["arrivals.csv"] = arrivals.getvalue()
    return files


def lay_out_course(folder: Path, slugs: Collection[str] = (DEFAULT,)) -> None:
    """Write the class and the sources into a course folder; verdicts there are kept."""
    for slug in slugs:
        for stray in folder.glob(f"submitted/*/{slug}"):
            shutil.rmtree(stray)
    for empty in folder.glob("submitted/*"):
        if not any(empty.iterdir()):
            empty.rmdir()
    for name, text in course_files(slugs).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for slug in ASSIGNMENTS:
        source = ROOT / "solutions" / slug
        target = folder / "source" / slug
        for name, file in {f"{slug}.ipynb": source / f"{slug}.ipynb", **data_files(source)}.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / name)


def differences(folder: Path, slug: str) -> Iterator[str]:
    """Say where the grade table of a graded course is not what the list expects."""
    path = folder / "reports" / slug / "grades.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    wanted = {one.student: one for one in submissions(slug)}
    for student in sorted(rows.keys() | wanted.keys()):
        row, one = rows.get(student), wanted.get(student)
        if row is None or one is None:
            yield f"{slug} {student}: {'not graded' if row is None else 'not in the list'}"
            continue
        found = (row["status"], float(row["points"]), float(row["late_seconds"] or 0) > 0)
        if found != (one.status, one.points, one.late):
            yield (
                f"{slug} {student}: found {found}, expected {(one.status, one.points, one.late)}; "
                f"{', '.join(one.attempts) or 'solution'}; blank {one.blank}; {one.file}"
            )


def main(words: list[str]) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Make the sample class from samples/class.yml and solutions/."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--into", type=Path, metavar="DIR", help="lay out a course folder there")
    what.add_argument("--list", action="store_true", help="show who hands in what, and its points")
    what.add_argument("--compare", type=Path, metavar="DIR", help="compare a graded course")
    parser.add_argument("assignments", nargs="*", default=[DEFAULT], metavar="ASSIGNMENT",
                        help="for example 03-rnn, or all")  # fmt: skip
    arguments = parser.parse_args(words)
    slugs = ASSIGNMENTS if "all" in arguments.assignments else arguments.assignments
    if unknown := sorted(set(slugs) - set(ASSIGNMENTS)):
        parser.error(f"no assignment {', '.join(unknown)}; there are {', '.join(ASSIGNMENTS)}")
    if arguments.into is not None:
        lay_out_course(arguments.into, slugs)
        total = sum(len(submissions(slug)) for slug in slugs)
        print(f"sample class in {arguments.into}: {total} submissions of {', '.join(slugs)}")
    elif arguments.list:
        for one in (one for slug in slugs for one in submissions(slug)):
            print(f"{one.assignment}  {one.student:16} {one.points:4g} {one.status:8} "
                  f"{'late ' if one.late else ''}{', '.join(one.attempts) or 'solution'}"
                  f"{'; blank: ' + ', '.join(one.blank) if one.blank else ''}"
                  f"{'' if one.file == 'as-it-is' else '; ' + one.file}")  # fmt: skip
    else:
        found = [line for slug in slugs for line in differences(arguments.compare, slug)]
        print("\n".join(found) or f"every verdict is the expected one: {', '.join(slugs)}")
        return 1 if found else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
