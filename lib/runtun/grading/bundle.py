"""The instructor's side of an assignment, as data: what may run, what is tested, for how much.

A bundle is made once from a source notebook, before any submission is opened. It holds the text of
each cell with the solutions cleared; the model answers stand apart, for the judge's eyes only, and
go into no notebook. Everything about a rebuilt notebook except the student's own code comes from
here.

Roles of cells:

    prose     text for the reader
    shared    the instructor's code: imports, helpers, examples
    solution  code that the student writes, tested by test cells
    test      code that decides points
    answer    text or code that the student writes and a person marks
    task      a description whose work, anywhere below it, a person marks
"""

from __future__ import annotations

import ast
import hashlib
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

from runtun.grading.errors import CourseError
from runtun.grading.syntax import parse

LANGUAGES = ("id", "en")
SCHEMA = 1
# Beside a source notebook, but no data for students: mistakes.yml holds answers.
IGNORED = ("*.ipynb", ".*", "__pycache__", "*.pyc", "mistakes.yml")

_BEGIN_HIDDEN = "BEGIN HIDDEN TESTS"
_END_HIDDEN = "END HIDDEN TESTS"
_AUTOTEST = re.compile(r"^\s*#+\s*(?:HASHED\s+)?AUTOTEST\b", flags=re.MULTILINE)
_POINTS = re.compile(r"^[\d.]+ points?:\s*")
_LANGUAGE_LINE = re.compile(r"^LANGUAGE\s*=.*$", flags=re.MULTILINE)


def set_language(text: str, language: str) -> str:
    """Point the line `LANGUAGE = ...` of a cell tagged `language` at one language.

    >>> set_language('LANGUAGE = "en"  # id or en', "id")
    'LANGUAGE = "id"'
    """
    if language not in LANGUAGES:
        raise ValueError(f"`language` must be one of {LANGUAGES}; received {language!r}.")
    return _LANGUAGE_LINE.sub(f'LANGUAGE = "{language}"', text)


@dataclass(frozen=True)
class SourceCell:
    """One cell of the source notebook.

    Args:
        id: unique in the notebook: the grade id where there is one, else the cell's own id.
        role: see the module's text.
        cell_type: "code", "markdown" or "raw".
        source: the text; for `solution` and `answer` the untouched stub that students receive.
        grade_id: nbgrader's name of the cell, if it has one.
        cell_id: the notebook format's own id of the cell, if it has one.
        points: what the cell is worth; None where it is worth nothing by itself.
        checksum: nbgrader's checksum of the released cell.
        tags: the instructor's cell tags.
        metadata: the rest of the cell's metadata, as it goes into the autograded notebook.
        solution: what the instructor wrote in a cell of the student's; for the judge's eyes only.
    """

    id: str
    role: str
    cell_type: str
    source: str
    grade_id: str | None = None
    cell_id: str | None = None
    points: float | None = None
    checksum: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    attachments: Mapping[str, Any] = field(default_factory=dict)
    solution: str | None = None

    @property
    def hidden_lines(self) -> frozenset[int]:
        """The line numbers, from 1, that stand inside hidden tests."""
        hidden, inside = set(), False
        for number, line in enumerate(self.source.splitlines(), start=1):
            if _BEGIN_HIDDEN in line:
                inside = True
            if inside:
                hidden.add(number)
            if _END_HIDDEN in line:
                inside = False
        return frozenset(hidden)

    def visible_source(self, replacement: str) -> str:
        """The text with each hidden region replaced by one line."""
        lines, inside = [], False
        for line in self.source.splitlines():
            if _BEGIN_HIDDEN in line:
                inside = True
                lines.append(line[: len(line) - len(line.lstrip())] + replacement)
            elif _END_HIDDEN in line:
                inside = False
            elif not inside:
                lines.append(line)
        return "\n".join(lines)

    @property
    def title(self) -> str:
        """What a test is about: its first line, if that is a comment that students may read.

        >>> SourceCell("t", "test", "code", "# 1 point: negative numbers\\nassert f(-1)").title
        'negative numbers'
        """
        first = self.source.partition("\n")[0].strip()
        if not first.startswith("#") or 1 in self.hidden_lines:
            return ""
        return _POINTS.sub("", first.lstrip("# "))

    @property
    def language(self) -> str | None:
        """The language of a prose cell that exists in several, from its tags."""
        found = [tag for tag in self.tags if tag in LANGUAGES]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Bundle:
    """One notebook of an assignment, ready to grade submissions against.

    Args:
        name: the notebook's name, without suffix.
        cells: in the order in which they run.
        kernel: the kernel's name, for example "python3".
        kernel_language: the language of the code, for example "python".
        metadata: the notebook's metadata for the autograded copy.
        files: the data that lies beside the source and that cells may open, by relative name.
    """

    name: str
    cells: tuple[SourceCell, ...]
    kernel: str = "python3"
    kernel_language: str = "python"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def load(
        cls, path: str | Path, *, config: Any = None, ignore: Iterable[str] = IGNORED
    ) -> Bundle:
        """Read a source notebook (with solutions) as nbgrader would release it.

        Args:
            path: the instructor's notebook.
            config: a traitlets `Config`, so that a course's own stubs and delimiters count.
            ignore: patterns of file names beside the notebook that are not data.

        Raises:
            CourseError: if the notebook cannot be read or nbgrader would refuse to release it.
        """
        path = Path(path)
        written = _read_trusted(path)
        marks = [(cell["metadata"].get("nbgrader") or {}, cell) for cell in written["cells"]]
        solutions = {
            mark.get("grade_id"): _joined(cell["source"])
            for mark, cell in marks
            if mark.get("solution") and cell["cell_type"] == "code"
        }
        bundle = cls.from_released(_released(path, written, config), path.stem)
        cells = tuple(replace(cell, solution=solutions.get(cell.grade_id)) for cell in bundle.cells)
        files = data_files(path.parent, (*IGNORED, *ignore))
        return replace(bundle, cells=cells, files=files)

    @classmethod
    def from_released(cls, notebook: Mapping[str, Any], name: str) -> Bundle:
        """Take a notebook whose solutions are already cleared, for example a student's copy."""
        kernelspec = notebook["metadata"].get("kernelspec", {})
        cells = []
        for position, cell in enumerate(notebook["cells"]):
            mark = cell["metadata"].get("nbgrader") or {}
            role = _role(cell["cell_type"], mark)
            marked = role not in ("prose", "shared") or mark.get("locked", False)
            grade_id = mark.get("grade_id") if marked else None
            pointed = role in ("test", "answer", "task")
            cells.append(
                SourceCell(
                    id=grade_id or f"+{cell.get('id', position)}",
                    role=role,
                    cell_type=cell["cell_type"],
                    source=_joined(cell["source"]),
                    grade_id=grade_id,
                    cell_id=cell.get("id"),
                    points=float(mark.get("points", 0)) if pointed else None,
                    checksum=mark.get("checksum"),
                    tags=tuple(cell["metadata"].get("tags", ())),
                    metadata=dict(cell["metadata"]),
                    attachments=dict(cell.get("attachments", {})),
                )
            )
        return cls(
            name=name,
            cells=tuple(cells),
            kernel=kernelspec.get("name", "python3"),
            kernel_language=kernelspec.get("language", "python"),
            metadata=dict(notebook["metadata"]),
        )

    @cached_property
    def sha256(self) -> str:
        """Changes whenever a verdict could change: cells, points, order or kernel."""
        body = [
            SCHEMA,
            self.kernel,
            [
                [c.id, c.role, c.cell_type, c.source, c.points, c.tags, c.solution]
                for c in self.cells
            ],
            {name: _sha256(path) for name, path in sorted(self.files.items())},
        ]
        return hashlib.sha256(json.dumps(body).encode()).hexdigest()

    @cached_property
    def max_points(self) -> float:
        """The sum over all cells, marked by tests or by a person."""
        return sum(cell.points or 0.0 for cell in self.cells)

    @cached_property
    def by_grade_id(self) -> dict[str, SourceCell]:
        """The cells that nbgrader knows, by their name there."""
        return {cell.grade_id: cell for cell in self.cells if cell.grade_id}

    @cached_property
    def literals(self) -> frozenset[str]:
        """Texts that the instructor wrote in code: what a hint to a student may be made of."""
        found: set[str] = set()
        for cell in self.cells:
            if cell.role in ("shared", "test") and cell.cell_type == "code":
                found.update(_string_literals(cell.source))
        return frozenset(text for text in found if len(text) >= 8)

    @cached_property
    def imports(self) -> frozenset[str]:
        """The top-level modules that the instructor's code imports."""
        return frozenset().union(
            *(_imports(cell.source) for cell in self.cells if cell.cell_type == "code")
        )


def data_files(folder: Path, ignore: Iterable[str] = IGNORED) -> dict[str, Path]:
    """Return the plain files that lie beside a notebook for its cells to open, by relative name."""
    patterns = tuple(ignore)
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(fnmatch(part, p) for part in parts for p in patterns):
            found["/".join(parts)] = path
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _joined(source: str | Iterable[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _role(cell_type: str, mark: Mapping[str, Any]) -> str:
    if mark.get("task"):
        return "task"
    if mark.get("grade"):
        return "answer" if mark.get("solution") else ("test" if cell_type == "code" else "answer")
    if mark.get("solution"):
        return "solution"
    return "shared" if cell_type == "code" else "prose"


def _read_trusted(path: Path) -> Any:
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise CourseError(f"the source notebook {path} does not exist") from None
    except OSError as error:
        raise CourseError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # nbformat raises many kinds for what is not quite a notebook
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CourseError(f"{path} is not a notebook: {first}") from error


def _released(path: Path, notebook: Any, config: Any) -> Any:
    """Run the part of nbgrader's own generator that decides what a source notebook means."""
    from nbgrader import preprocessors
    from nbgrader.nbgraderformat import (
        MetadataValidator,
        SchemaTooNewError,
        SchemaTooOldError,
        ValidationError,
    )

    if any(_AUTOTEST.search(_joined(cell.source)) for cell in notebook.cells):
        # Without the step that writes them, these tests would be empty and give points to all.
        raise CourseError(
            f"{path} uses nbgrader's AUTOTEST lines, which are not supported; write the tests out"
        )
    steps = (
        preprocessors.IncludeHeaderFooter,
        preprocessors.LockCells,
        preprocessors.ClearSolutions,
        preprocessors.ClearOutput,
    )
    quiet = logging.getLogger("runtun.grading.bundle")  # what is wrong is said once, below
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    resources: dict[str, Any] = {}
    try:
        for step in steps:
            notebook, resources = step(config=config, log=quiet).preprocess(notebook, resources)
        MetadataValidator().validate_nb(notebook)
        checksums = preprocessors.ComputeChecksums(config=config, log=quiet)
        return checksums.preprocess(notebook, resources)[0]
    except (SchemaTooOldError, SchemaTooNewError) as error:
        raise CourseError(f"{path}: {error}; run `nbgrader update` on it") from error
    except (RuntimeError, ValueError, KeyError, ValidationError) as error:
        raise CourseError(f"{path}: {str(error).splitlines()[0]}") from error


def without_magics(source: str) -> str:
    """Return a cell's text with IPython's own lines taken out.

    >>> without_magics("%matplotlib inline")
    'pass'
    """
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + "pass"
        if line.lstrip().startswith(("%", "!"))
        else line
        for line in source.splitlines()
    )


def _tree(source: str) -> ast.AST | None:
    try:
        return parse(without_magics(source))
    except (SyntaxError, ValueError):
        return None


def _string_literals(source: str) -> set[str]:
    tree = _tree(source)
    if tree is None:
        return set()
    return {
        line.strip()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for line in node.value.splitlines()
    }


def _imports(source: str) -> set[str]:
    tree = _tree(source)
    found: set[str] = set()
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
