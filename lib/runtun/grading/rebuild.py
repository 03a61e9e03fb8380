"""The notebook that runs: the instructor's, with the student's texts put in.

Order, points, tests, metadata and the instructor's code come from the bundle. Of the submission,
only the text of the cells that the student was asked to write is used, and cells that the student
added. Deleted, copied, moved or edited test cells therefore make no difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from runtun.grading.bundle import Bundle, SourceCell, set_language
from runtun.grading.intake import CLAIMS, Rejected, Submission, SubmittedCell

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class RebuiltCell:
    """One cell of the rebuilt notebook.

    Args:
        id: unique; the source cell's id, or "extra-N" for cells that the student added.
        role: as in the bundle, or "extra".
        cell_type: "code", "markdown" or "raw".
        source: what stands in the notebook: the student's text where it is theirs to write.
        origin: the cell of the bundle, if there is one.
        edited: the student's version of an unlocked cell of the instructor, if it differs.
        blank: True where the student wrote nothing in a cell that they were asked to write.
        deleted: True where the student removed a cell that they were asked to write.
    """

    id: str
    role: str
    cell_type: str
    source: str
    origin: SourceCell | None = None
    edited: str | None = None
    blank: bool = False
    deleted: bool = False


@dataclass(frozen=True)
class Rebuilt:
    """A notebook ready to run, and what was noticed while putting it together."""

    bundle: Bundle
    cells: tuple[RebuiltCell, ...]
    language: str
    notes: tuple[str, ...] = ()


def rebuild(
    bundle: Bundle, submission: Submission | None, *, language: str | None = None
) -> Rebuilt:
    """Put a student's texts into the instructor's notebook.

    Args:
        bundle: the assignment.
        submission: what was handed in; None gives the notebook of a student who wrote nothing.
        language: the language to speak where the submission does not say.

    Raises:
        Rejected: with code "other_assignment" if the submission shares no named cell with the
            bundle, though the bundle has some that students write.
    """
    given = submission.cells if submission is not None else ()
    slots, extras, notes = _match(bundle, given)
    writable = [cell for cell in bundle.cells if cell.role in ("solution", "answer")]
    known = {cell.grade_id for cell in given} & bundle.by_grade_id.keys()
    if submission is not None and writable and not slots and not known:
        raise Rejected("other_assignment", bundle.name)
    spoken = (submission.language if submission else None) or language or DEFAULT_LANGUAGE

    rebuilt: list[RebuiltCell] = []
    number = 0

    def add_extras(anchor: str | None) -> None:
        nonlocal number
        for cell in extras.get(anchor, ()):
            number += 1
            rebuilt.append(RebuiltCell(f"extra-{number}", "extra", cell.cell_type, cell.source))

    add_extras(None)
    for origin in bundle.cells:
        if not (origin.language and origin.language != spoken):
            rebuilt.append(_filled(origin, slots.get(origin.id), spoken, submission is None))
        add_extras(origin.id)
    return Rebuilt(bundle, tuple(rebuilt), spoken, tuple(notes))


def _filled(
    origin: SourceCell, given: SubmittedCell | None, language: str, nothing: bool
) -> RebuiltCell:
    source = origin.source
    if "language" in origin.tags and origin.cell_type == "code":
        source = set_language(source, language)
    if origin.role in ("solution", "answer"):
        text = given.source if given is not None else ""
        deleted = given is None and not nothing
        blank = given is None or _is_blank(origin, given)
        return RebuiltCell(
            origin.id, origin.role, origin.cell_type, text, origin, None, blank, deleted
        )
    edited = None
    if given is not None and _squeezed(given.source) != _squeezed(origin.source):
        edited = given.source
    return RebuiltCell(origin.id, origin.role, origin.cell_type, source, origin, edited)


def _match(
    bundle: Bundle, given: Iterable[SubmittedCell]
) -> tuple[dict[str, SubmittedCell], dict[str | None, list[SubmittedCell]], list[str]]:
    """Decide which of the student's cells fills which slot, and where the others stand.

    Returns:
        The cell for each slot by source id; extra cells by the source id that they follow; notes
        for the instructor.
    """
    by_cell_id = {cell.cell_id: cell for cell in bundle.cells if cell.cell_id}
    by_text = {
        _squeezed(cell.source): cell for cell in bundle.cells if cell.role in ("shared", "prose")
    }
    slots: dict[str, SubmittedCell] = {}
    extras: dict[str | None, list[SubmittedCell]] = {}
    notes: list[str] = []
    anchor: str | None = None
    for cell in given:
        origin = bundle.by_grade_id.get(cell.grade_id or "")
        if origin is None and cell.grade_id is None:
            origin = by_cell_id.get(cell.id or "") or by_text.get(_squeezed(cell.source))
        if origin is None:
            if cell.source.strip():
                extras.setdefault(anchor, []).append(cell)
            continue
        anchor = origin.id
        if origin.role in ("solution", "answer"):
            earlier = slots.get(origin.id)
            if earlier is None:
                slots[origin.id] = cell
            else:
                notes.append(f"twice: {origin.id}")
                keep, other = cell, earlier
                if _is_blank(origin, cell) and not _is_blank(origin, earlier):
                    keep, other = earlier, cell
                slots[origin.id] = keep
                # What the other copy defines may be used later, as it was on the student's screen;
                # it runs before the slot, where it cannot undo the copy that counts.
                if other.cell_type == "code" and not _is_blank(origin, other):
                    extras.setdefault(_before(bundle, origin), []).append(other)
        elif origin.role == "shared" and origin.grade_id is None:
            if origin.cell_type == cell.cell_type:
                slots.setdefault(origin.id, cell)
        elif origin.role == "prose" and _squeezed(cell.source) != _squeezed(origin.source):
            if cell.source.strip():  # an answer typed into the question stays for a person to read
                extras.setdefault(anchor, []).append(cell)
        elif _is_edited(origin, cell):
            code = "released" if _is_as_released(cell) else "edited"
            notes.append(f"{code}: {origin.id}{_first_change(origin, cell)}")
        claims = _differing_claims(origin, cell)
        if claims:
            notes.append(f"metadata: {origin.id}, {claims}")
    return slots, extras, list(dict.fromkeys(notes))


def _before(bundle: Bundle, origin: SourceCell) -> str | None:
    previous: str | None = None
    for cell in bundle.cells:
        if cell.id == origin.id:
            return previous
        previous = cell.id
    return previous


def _squeezed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines() if line.strip())


def _is_edited(origin: SourceCell, given: SubmittedCell) -> bool:
    if origin.role not in ("test", "shared") or "language" in origin.tags:
        return False
    return _squeezed(given.source) != _squeezed(origin.visible_source(""))


def _first_change(origin: SourceCell, given: SubmittedCell) -> str:
    """Show the first line that is the student's own, as evidence."""
    known = {line.strip() for line in origin.visible_source("").splitlines()}
    for line in given.source.splitlines():
        if line.strip() and line.strip() not in known:
            return f", {line.strip()[:80]}"
    return ""


def _differing_claims(origin: SourceCell, given: SubmittedCell) -> str:
    """List what a cell's metadata claims beyond the source, as evidence; "" if nothing."""
    if not given.claims or _is_as_released(given):
        return ""
    mark = origin.metadata.get("nbgrader", {})
    expected: list[object] = [bool(mark.get(name)) for name in CLAIMS[:3]]
    expected.append(origin.points)
    # Points of other cells than tests may stem from an earlier release.
    claims = list(zip(CLAIMS, given.claims, expected, strict=True))
    claims = claims if origin.role == "test" else claims[:3]
    return ", ".join(f"{name}={has}" for name, has, wanted in claims if (has or False) != wanted)


def _is_as_released(given: SubmittedCell) -> bool:
    """Say whether text and metadata fit the checksum that nbgrader wrote at the release.

    Then it was the assignment that changed, not the cell. Who forges the checksum gains a kinder
    note, and nothing else: the instructor's text counts.
    """
    if given.checksum is None or len(given.claims) != len(CLAIMS):
        return False
    grade, solution, locked, points = given.claims
    parts = [given.source, given.cell_type, str(grade), str(solution), str(locked)]
    parts.append(given.grade_id or "")
    if grade is True:
        parts.append(str(points))
    return given.checksum == _md5(parts)


def _is_blank(origin: SourceCell, given: SubmittedCell) -> bool:
    """Say whether the student left a cell as it was released."""
    text = given.source.strip()
    if not text or _squeezed(text) == _squeezed(origin.source):
        return True
    # The release may have had other words (another language); its checksum is in the metadata.
    # A student who forges it only empties their own answer.
    return given.checksum is not None and given.checksum == _checksum(origin, given.source)


def _checksum(origin: SourceCell, text: str) -> str:
    """Compute nbgrader's checksum of a cell that students write."""
    graded = origin.role == "answer"
    parts = [text, origin.cell_type, str(graded), "True", "False", origin.grade_id or ""]
    if graded:
        parts.append(str(float(origin.points or 0.0)))
    return _md5(parts)


def _md5(parts: Iterable[str]) -> str:
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()
