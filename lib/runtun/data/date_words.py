"""Dates in words: a translation task whose right alignment is known.

"Jumat, 17 Agustus 1945", "Friday, August 17, 1945" and "1945-08-17" say the same in another order.
Because the place of day, month and year is known in each, what a model attends to can be scored.
"""

from __future__ import annotations

import datetime
from typing import Literal, NamedTuple

import numpy as np

from runtun.checks import finite, generator, positive_int
from runtun.data.parts import PartName, draw_in_part

Form = Literal["id", "en", "iso"]

FIELDS = ("weekday", "day", "month", "year")
"""The parts of a written date; "iso" has no weekday."""

_WEEKDAYS = {
    "id": ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "id": (
        *("Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus"),
        *("September", "Oktober", "November", "Desember"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June", "July", "August"),
        *("September", "October", "November", "December"),
    ),
}
_PATTERNS = {
    "id": ("weekday", ", ", "day", " ", "month", " ", "year"),
    "en": ("weekday", ", ", "month", " ", "day", ", ", "year"),
    "iso": ("year", "-", "month", "-", "day"),
}


class WrittenDate(NamedTuple):
    """A date as text, and where its parts stand.

    Args:
        text: the date in words or digits.
        spans: field -> (start, end), so that text[start:end] is that field.
    """

    text: str
    spans: dict[str, tuple[int, int]]


def write_date(date: datetime.date, form: Form) -> WrittenDate:
    """Write a date.

    Args:
        date: the date, from the year 1 to 9999.
        form: "id" (Jumat, 17 Agustus 1945), "en" (Friday, August 17, 1945) or "iso" (1945-08-17).

    Raises:
        ValueError: if there is no such form.

    >>> written = write_date(datetime.date(1945, 8, 17), "id")
    >>> written.text
    'Jumat, 17 Agustus 1945'
    >>> start, end = written.spans["month"]
    >>> written.text[start:end]
    'Agustus'
    """
    if form not in _PATTERNS:
        raise ValueError(f'`form` must be "id", "en" or "iso"; received {form!r}.')
    if form == "iso":
        words = {"year": f"{date.year:04d}", "month": f"{date.month:02d}", "day": f"{date.day:02d}"}
    else:
        words = {
            "weekday": _WEEKDAYS[form][date.weekday()],
            "day": str(date.day),
            "month": _MONTHS[form][date.month - 1],
            "year": str(date.year),
        }
    text, spans = "", {}
    for piece in _PATTERNS[form]:
        if piece in words:
            spans[piece] = (len(text), len(text) + len(words[piece]))
        text += words.get(piece, piece)
    return WrittenDate(text, spans)


class DatePairs(NamedTuple):
    """Dates and two ways of writing them.

    Args:
        dates: B dates.
        source: B written dates to read.
        target: B written dates to produce.
    """

    dates: list[datetime.date]
    source: list[WrittenDate]
    target: list[WrittenDate]


def generate_date_pairs(
    count: int,
    rng: np.random.Generator,
    *,
    source: Form = "id",
    target: Form = "en",
    years: tuple[int, int] = (1900, 2099),
    part: PartName | None = None,
) -> DatePairs:
    """Generate dates written in two ways; every day is equally likely.

    Args:
        count: how many; positive. The same date may appear more than once.
        rng: source of randomness.
        source: the form to read.
        target: the form to produce.
        years: first and last year, both included.
        part: "train" or "test" for streams that share no date; None for any.

    Returns:
        DatePairs(dates, source, target).

    Raises:
        ValueError: if a form has no such name or the years are out of order.

    >>> pairs = generate_date_pairs(1, np.random.default_rng(0), target="iso")
    >>> pairs.source[0].text, pairs.target[0].text
    ('Sabtu, 15 Februari 2070', '2070-02-15')
    """
    count = positive_int(count, "count")
    rng = generator(rng)
    first, last = years
    if not 1 <= first <= last <= 9999:
        raise ValueError(f"`years` must be (first, last) from 1 to 9999; received {years}.")
    low = datetime.date(first, 1, 1).toordinal()
    high = datetime.date(last, 12, 31).toordinal()
    (days,) = draw_in_part(
        lambda n: (rng.integers(low, high, size=(n, 1), endpoint=True),), count, part
    )
    dates = [datetime.date.fromordinal(day) for day in days[:, 0].tolist()]
    return DatePairs(
        dates,
        [write_date(date, source) for date in dates],
        [write_date(date, target) for date in dates],
    )


def score_alignment(
    weights: np.ndarray, source: WrittenDate, target: WrittenDate
) -> dict[str, float]:
    """Score attention weights against the right alignment, field by field.

    A character of the target is aligned rightly when more of its attention lies on the same field
    of the source than on any other field. The score of a field is the share of its characters
    that are.

    Args:
        weights: (T, S), row t the attention of target character t over the source characters.
        source: the date that was read.
        target: the date that was written.

    Returns:
        Field -> share of its characters from 0 to 1, for the fields that both have.

    Raises:
        ValueError: if the shape does not fit the texts.

    >>> written = write_date(datetime.date(1945, 8, 17), "iso")
    >>> score_alignment(np.eye(10), written, written)
    {'year': 1.0, 'month': 1.0, 'day': 1.0}
    """
    weights = finite(weights, "weights")
    if weights.shape != (len(target.text), len(source.text)):
        raise ValueError(
            f"`weights` must have shape (T, S) = {(len(target.text), len(source.text))}; received "
            f"{weights.shape}."
        )
    names = list(source.spans)
    per_field = np.stack(
        [weights[:, start:end].sum(axis=1) for start, end in source.spans.values()], axis=1
    )  # (T, fields)
    scores = {}
    for name, (start, end) in target.spans.items():
        if name in names:
            rows = per_field[start:end]
            others = np.delete(rows, names.index(name), axis=1)
            right = rows[:, names.index(name)] > others.max(axis=1)
            scores[name] = float(right.mean())
    return scores
