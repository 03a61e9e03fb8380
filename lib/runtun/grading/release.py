"""What students get: one source notebook becomes one exercise per language.

A source (`solutions/<slug>/<slug>.ipynb`) holds the prose of every language side by side, in cells
tagged `id` or `en`, around one set of code, solutions and tests. A release keeps one language and
passes through nbgrader's own preprocessors, so that nbgrader's validate button, form grader and
exchange work on it as on any other assignment. Data files beside a source travel with each release.
The same source always gives the same bytes.
"""

from __future__ import annotations

import argparse
import copy
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from runtun.grading.bundle import LANGUAGES, data_files, set_language

# What stands where the student's written answer goes. Code cells are the same in every language, so
# their stub is nbgrader's own.
TEXT_STUBS = {"id": "TULIS JAWABANMU DI SINI", "en": "YOUR ANSWER HERE"}

LANGUAGE_TAG = "language"  # marks the cell with the line `LANGUAGE = "..."`
_REGION_MARK = re.compile(
    r"^[^\n]*\b(?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS|MARK SCHEME)\b[^\n]*\n?", re.MULTILINE
)


def release_notebook(
    source: NotebookNode, language: str, *, slug: str, solutions: bool = False
) -> NotebookNode:
    """Return the exercise that `source` gives in one language; `source` stays as it is.

    Args:
        source: the instructor's notebook, nbgrader schema 3, prose cells tagged by language.
        language: `"id"` or `"en"`.
        slug: the name of the assignment; written into the notebook's metadata.
        solutions: keep solutions, hidden tests and marking schemes, to hand out after the deadline.

    Raises:
        ValueError: if a cell carries the tags of two languages, or a solution cell holds no
            solution region (nbgrader would then delete the function's signature with its body).
    """
    notebook = copy.deepcopy(source)
    notebook.cells = [cell for cell in notebook.cells if _speaks(cell, language)]
    for cell in notebook.cells:
        if LANGUAGE_TAG in cell.metadata.get("tags", ()):
            cell.source = set_language(cell.source, language)
        tags = [tag for tag in cell.metadata.get("tags", ()) if tag not in LANGUAGES]
        if tags:
            cell.metadata["tags"] = tags
        else:
            cell.metadata.pop("tags", None)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
            "runtun": {"language": language, "slug": slug},
        }
    )
    return _through_nbgrader(notebook, language, solutions=solutions)


def generate_exercises(
    source_dir: Path,
    release_dir: Path,
    languages: Iterable[str] = LANGUAGES,
    *,
    solutions: bool = False,
) -> list[Path]:
    """Write `release_dir/<language>/<slug>/<slug>.ipynb` for every source notebook, and its data.

    Args:
        source_dir: holds one folder per assignment, `<slug>/<slug>.ipynb`.
        release_dir: where the languages' folders go; files that are up to date are not touched.
        languages: which languages to write.
        solutions: as in `release_notebook`.

    Returns:
        The notebooks of the release, written or found up to date.

    Raises:
        ValueError: if `source_dir` holds no assignment, or a source cannot be released.
    """
    sources = sorted(p for p in Path(source_dir).glob("*/*.ipynb") if p.stem == p.parent.name)
    if not sources:
        raise ValueError(
            f"No assignment in {source_dir}: expected notebooks named <slug>/<slug>.ipynb."
        )
    written = []
    for path in sources:
        slug = path.stem
        for language in languages:
            try:
                source = nbformat.read(path, as_version=4)
                notebook = release_notebook(source, language, slug=slug, solutions=solutions)
            except (ValueError, RuntimeError) as error:
                first = str(error).partition("\n")[0]
                raise ValueError(f"{path}: {first}") from error
            folder = Path(release_dir) / language / slug
            text = nbformat.writes(notebook).rstrip("\n") + "\n"
            _write_changed(folder / path.name, text.encode())
            for name, file in data_files(path.parent).items():
                _write_changed(folder / name, file.read_bytes())
            written.append(folder / path.name)
    return written


def stale_exercises(source_dir: Path, release_dir: Path) -> list[str]:
    """Return the paths, relative to `release_dir`, that differ from what the sources give now.

    Counts what is missing, what is different, and notebooks and data that no source stands behind.
    """
    import tempfile

    release_dir = Path(release_dir)
    with tempfile.TemporaryDirectory() as scratch:
        generate_exercises(source_dir, Path(scratch))
        fresh = _contents(Path(scratch))
    present = _contents(release_dir)
    return sorted(p for p in fresh.keys() | present.keys() if fresh.get(p) != present.get(p))


def add_commands(subparsers: argparse._SubParsersAction) -> None:
    """Add `runtun release` to the command line."""
    parser = subparsers.add_parser(
        "release",
        help="write the exercises in every language from the source notebooks",
        description="Write exercises/<language>/<slug>/<slug>.ipynb from solutions/<slug>/.",
        epilog="examples:\n"
        "  runtun release                        write what changed\n"
        "  runtun release --check                change nothing; fail if anything is out of date\n"
        "  runtun release --with-solutions DIR   the version to hand out after the deadline\n"
        "  runtun release --try                  grade each solution first; name tests that fail\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", type=Path, default=Path("solutions"), metavar="DIR")
    parser.add_argument("--release", type=Path, default=Path("exercises"), metavar="DIR")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if anything is out of date"
    )
    parser.add_argument(
        "--with-solutions", type=Path, metavar="DIR", help="write notebooks with solutions to DIR"
    )
    parser.add_argument(
        "--try",
        dest="rehearse",
        action="store_true",
        help="grade the solutions in the sandbox and name the tests that cannot work there",
    )
    parser.set_defaults(run=run_release)


def run_release(arguments: argparse.Namespace) -> int:
    """Run `runtun release`; return the exit code (0 done, 1 out of date, 2 cannot be done)."""
    try:
        if arguments.rehearse and not _rehearsed(arguments.source):
            return 1
        if arguments.check:
            stale = stale_exercises(arguments.source, arguments.release)
            for path in stale:
                print(f"out of date: {arguments.release / path}  (run: runtun release)")
            return 1 if stale else 0
        target = arguments.with_solutions or arguments.release
        paths = generate_exercises(
            arguments.source, target, solutions=arguments.with_solutions is not None
        )
    except (ValueError, OSError) as error:
        print(f"runtun release: {error}", file=sys.stderr)
        return 2
    print(f"{len(paths)} notebooks in {target}")
    return 0


def _rehearsed(source_dir: Path) -> bool:
    """Grade every solution as a student's; say which tests it fails."""
    from runtun.grading.commands import make_runner
    from runtun.grading.reach import unreached_tests

    good = True
    runner = make_runner(hide=[source_dir])
    try:
        for path in sorted(source_dir.glob("*/*.ipynb")):
            for one in unreached_tests(path, runner):
                good = False
                place = f" line {one.line}" if one.line else ""
                print(f"{path}: {one.grade_id}{place}: the solution fails: {one.reason}")
    finally:
        runner.close()
    return good


def _write_changed(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _contents(release_dir: Path) -> dict[str, bytes]:
    """Return the notebooks and data files of a release, by path."""
    found: dict[str, bytes] = {}
    for folder in filter(Path.is_dir, release_dir.glob("*/*")):
        for path in (*folder.glob("*.ipynb"), *data_files(folder).values()):
            found[str(path.relative_to(release_dir))] = path.read_bytes()
    return found


def _speaks(cell: NotebookNode, language: str) -> bool:
    """Say whether `cell` belongs to the release in `language`."""
    spoken = [tag for tag in cell.metadata.get("tags", ()) if tag in LANGUAGES]
    if len(spoken) > 1:
        raise ValueError(f"cell {cell.id!r} is tagged {spoken}: expected one language, or none.")
    return not spoken or spoken == [language]


def _through_nbgrader(notebook: NotebookNode, language: str, *, solutions: bool) -> NotebookNode:
    """Apply what `nbgrader generate_assignment` applies, without its database."""
    from nbgrader import preprocessors as nbgrader

    steps = [nbgrader.LockCells()]
    if solutions:
        for cell in notebook.cells:
            cell.source = _REGION_MARK.sub("", cell.source).rstrip("\n")
    else:
        for cell in notebook.cells:
            if _is_solution(cell) and "BEGIN SOLUTION" not in cell.source:
                raise ValueError(
                    f"cell {cell.metadata.nbgrader.grade_id!r} is a solution without "
                    "### BEGIN SOLUTION and ### END SOLUTION. Put them around what students write."
                )
        steps += [
            nbgrader.ClearSolutions(text_stub=TEXT_STUBS[language]),
            nbgrader.ClearHiddenTests(),
            nbgrader.ClearMarkScheme(),
        ]
    steps += [nbgrader.ClearOutput(), nbgrader.CheckCellMetadata(), nbgrader.ComputeChecksums()]
    resources: dict[str, object] = {}
    for step in steps:
        notebook, resources = step.preprocess(notebook, resources)
    return notebook


def _is_solution(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))
