"""Grading a class in parts that know nothing of one another, and putting the parts together.

A part, a shard, is a share of the students that follows from their names alone: K/N is the same
students on every machine, whoever else has handed in. A shard runs notebooks and keeps what came
of them in a folder of its own:

    COURSE/.runtun/shards/<assignment>/<K>-of-<N>/
        journal/      outcomes by key, as the course's own journal has them
        shard.json    who is in it and what it was graded with; written last

It writes no gradebook, no feedback and no report. `merge` does, alone, once all shards are there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runtun.grading.course import Handed
from runtun.grading.errors import CourseError
from runtun.grading.journal import Journal, write_atomically
from runtun.grading.pipeline import environment_of
from runtun.grading.runner import Runner
from runtun.grading.session import Session, Verdict

SCHEMA = 1
MANIFEST = "shard.json"
# What a shard and the merge must have in common, and what to do where they have not.
_SAME = {
    "sources": "the source notebooks have changed since",
    "limits": "c.Runtun.limits has changed since",
    "language": "c.Runtun.language has changed since",
    "environment": "it ran with other versions of Python or of the libraries than are here",
}


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of a class.

    Args:
        number: which, from 1.
        count: of how many.

    >>> Shard.parse("3/16")
    Shard(number=3, count=16)
    >>> Shard.parse("17/16")
    Traceback (most recent call last):
    ...
    ValueError: expected K/N with 1 <= K <= N, for example 3/16; received '17/16'
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "K/N"."""
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError(f"expected K/N with 1 <= K <= N, for example 3/16; received {text!r}")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def folder_name(self) -> str:
        """What its folder is called."""
        return f"{self.number}-of-{self.count}"

    def holds(self, student: str, assignment: str) -> bool:
        """Say whether a student's submission belongs here; every one belongs to one shard of N.

        >>> [sum(Shard(k, 3).holds(f"s{i}", "ps1") for i in range(99)) for k in (1, 2, 3)]
        [28, 41, 30]
        """
        digest = hashlib.sha256(json.dumps([student, assignment]).encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


def folder_of(session: Session, shard: Shard) -> Path:
    """Locate the folder of a shard in the course folder."""
    return session.course.state / "shards" / session.assignment / shard.folder_name


def members(session: Session, shard: Shard) -> list[Handed]:
    """List the submissions of a shard.

    Raises:
        CourseError: if nobody at all has handed in.
    """
    return [one for one in session.handed_in() if shard.holds(one.student, session.assignment)]


def grade_shard(
    session: Session,
    shard: Shard,
    make_runner: Callable[[], Runner],
    *,
    unsafe: bool = False,
    jobs: int = 1,
    progress: Callable[[Verdict, int, int], None] | None = None,
) -> list[Verdict]:
    """Run the notebooks of one shard and keep what came of them in its folder.

    Args:
        session: the assignment.
        shard: which part of the class.
        make_runner: called once for each worker.
        unsafe: True if the runners have no sandbox; the merge wants to know.
        jobs: how many workers.
        progress: as in `Session.grade`.

    Returns:
        The verdicts, without what the gradebook would add, sorted by student.
    """
    folder = folder_of(session, shard)
    session.journal = Journal(folder / "journal", session.journal.folder)
    handed = members(session, shard)
    verdicts: list[Verdict] = []
    for verdict in session.examine_all(handed, make_runner, jobs):
        for graded in verdict.notebooks.values():
            graded.outcome = {}  # it is in the journal, and much for the memory
        verdicts.append(verdict)
        if progress is not None:
            progress(verdict, len(verdicts), len(handed))
    verdicts.sort(key=lambda verdict: verdict.student)
    manifest = {
        "schema": SCHEMA,
        "assignment": session.assignment,
        "shard": [shard.number, shard.count],
        "runner": session.runner_identity,
        "unsafe": unsafe,
        **_graded_with(session),
        "submissions": {
            verdict.student: {name: graded.key for name, graded in verdict.notebooks.items()}
            for verdict in verdicts
            if verdict.status != "error"
        },
        "failed": {
            verdict.student: verdict.reason for verdict in verdicts if verdict.status == "error"
        },
    }
    write_atomically(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
    return verdicts


def _graded_with(session: Session) -> dict[str, Any]:
    """Name what the verdicts depend on besides the submissions, as JSON gives it back."""
    found = {
        "sources": {name: bundle.sha256 for name, bundle in session.bundles.items()},
        "limits": session.course.limits(session.assignment),
        "language": session.course.language,
        "environment": {name: environment_of(b) for name, b in session.bundles.items()},
    }
    return json.loads(json.dumps(found))


@dataclass(frozen=True)
class Part:
    """The folder of a shard that has run.

    Args:
        folder: where it is.
        shard: which part of the class it says it is.
        manifest: what else it says.
    """

    folder: Path
    shard: Shard
    manifest: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Part:
        """Read a shard's folder.

        Raises:
            CourseError: if it is not one, or is not whole.
        """
        path = folder / MANIFEST
        try:
            manifest = json.loads(path.read_bytes())
            if manifest["schema"] != SCHEMA:
                raise CourseError(
                    f"{path} has schema {manifest['schema']}; this version of runtun reads {SCHEMA}"
                )
            shard = Shard.parse("/".join(str(int(n)) for n in manifest["shard"]))
            part = cls(folder, shard, manifest)
            lost = [key for key in part.keys if part.journal.get(key) is None]
        except FileNotFoundError:
            raise CourseError(
                f"{folder} holds no finished shard: there is no {MANIFEST} in it. Run "
                "`runtun grade ... --shard K/N` until it ends"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CourseError(f"cannot read {path}: {type(error).__name__}: {error}") from error
        if lost:
            raise CourseError(
                f"shard {shard} in {folder} is not whole: {len(lost)} of its results are missing; "
                "copy it again, or run it again"
            )
        return part

    @property
    def journal(self) -> Journal:
        """Its outcomes."""
        return Journal(self.folder / "journal")

    @cached_property
    def keys(self) -> list[str]:
        """Name its outcomes; a submission that was refused has none."""
        found = [key for keys in self.manifest["submissions"].values() for key in keys.values()]
        return sorted({key for key in found if key})


def find_parts(session: Session, folders: Sequence[Path]) -> list[Part]:
    """Read shards' folders, and folders of such; without any, those of the course folder.

    Raises:
        CourseError: if there are none, or one is not whole.
    """
    own = session.course.state / "shards" / session.assignment
    found: list[Part] = []
    for folder in folders or [own]:
        within = sorted(p.parent for p in folder.glob(f"*/{MANIFEST}"))
        if (folder / MANIFEST).exists() or not within:
            if not folders and not within:
                raise CourseError(
                    f"no finished shard of {session.assignment!r} in {own}; run "
                    "`runtun grade COURSE ASSIGNMENT --shard K/N` first, or name their folders"
                )
            within = [folder]
        found += [Part.read(path) for path in within]
    return sorted(found, key=lambda part: (part.shard.number, str(part.folder)))


def merge(session: Session, parts: Sequence[Part], *, unsafe: bool = False) -> int:
    """Take the outcomes of all shards over into the course's journal.

    What the journal has already stays as it is, so a second merge changes nothing. Work that is
    equal to the byte has one outcome: that of the lowest shard that holds it.

    Args:
        session: the assignment; its runner identity becomes that of the shards.
        parts: what `find_parts` returned.
        unsafe: take also what ran without a sandbox.

    Returns:
        How many outcomes were new.

    Raises:
        CourseError: if shards are missing, contradict one another, or were graded with something
            else than is here. Nothing is taken over then.
    """
    _check_together(session, parts, unsafe)
    _check_contradictions(parts)
    session.runner_identity = parts[0].manifest["runner"]
    new = 0
    for part in parts:
        for key in part.keys:
            outcome = part.journal.get(key)
            if outcome is not None and session.journal.get(key) is None:
                session.journal.put(key, outcome)
                new += 1
    return new


def _check_together(session: Session, parts: Sequence[Part], unsafe: bool) -> None:
    """Make sure that these are all shards of one division of this assignment."""
    counts = sorted({part.shard.count for part in parts})
    if len(counts) > 1:
        raise CourseError(
            f"these are shards of different divisions: of {' and of '.join(map(str, counts))}; "
            "name the folders of one, or remove the other"
        )
    here = _graded_with(session)
    for part in parts:
        manifest, named = part.manifest, f"shard {part.shard} in {part.folder}"
        if manifest.get("assignment") != session.assignment:
            raise CourseError(f"{named} is of {manifest.get('assignment')!r}")
        for name, why in _SAME.items():
            if manifest.get(name) != here[name]:
                raise CourseError(f"{named} cannot be used: {why}; {_remedy(name)}")
        if manifest["runner"] != parts[0].manifest["runner"]:
            raise CourseError(
                f"{named} ran as {manifest['runner']!r}, shard {parts[0].shard} as "
                f"{parts[0].manifest['runner']!r}; run one of them again"
            )
        if manifest.get("unsafe") is not False and not unsafe:
            raise CourseError(
                f"{named} ran without a sandbox; add --unsafe-no-sandbox to take its results"
            )
    numbers = {part.shard.number for part in parts}
    missing = [str(k) for k in range(1, counts[0] + 1) if k not in numbers]
    if missing:
        listed = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
        raise CourseError(
            f"missing of {counts[0]} shards: {listed}; run each with `runtun grade ... --shard "
            f"{missing[0]}/{counts[0]}`, or name its folder"
        )


def _remedy(name: str) -> str:
    if name == "environment":
        return "merge where the same versions are installed, or run it again"
    return "run it again"


def _check_contradictions(parts: Sequence[Part]) -> None:
    """Make sure that a shard that is there twice says the same both times."""
    first: dict[int, list[Part]] = {}
    for part in parts:
        for other in first.setdefault(part.shard.number, []):
            for key in sorted(set(part.keys) & set(other.keys)):
                if _essence(part.journal.get(key)) != _essence(other.journal.get(key)):
                    raise CourseError(
                        f"shard {part.shard} is there twice, in {other.folder} and in "
                        f"{part.folder}, and they differ about {', '.join(_whose(part, key))}; "
                        "name or keep one of them"
                    )
        first[part.shard.number].append(part)


def _essence(outcome: Mapping[str, Any] | None) -> list[Any]:
    """Return what decides the points in an outcome: not how long it took, nor what it printed."""
    cells = (outcome or {}).get("cells", {})
    return sorted([name, cell.get("state"), cell.get("value")] for name, cell in cells.items())


def _whose(part: Part, key: str) -> list[str]:
    entries = part.manifest["submissions"].items()
    return sorted(student for student, keys in entries if key in keys.values())


class NothingRuns:
    """The runner of a merge: what no shard has run, nobody runs now.

    Args:
        identity: of the runner that the shards had.
    """

    def __init__(self, identity: str) -> None:
        self.identity = identity

    def run(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Say that there is no outcome."""
        return {
            "status": "failed",
            "reason": "in no shard as it is now (handed in later, or the grader failed there); "
            "`runtun grade` runs what is missing",
        }

    def close(self) -> None:
        """Nothing to end."""
