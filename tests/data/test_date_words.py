"""Dates against Babel, with the place of each field."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from babel.dates import format_date

from runtun.data.date_words import FIELDS, generate_date_pairs, score_alignment, write_date

PATTERNS = {
    "id": ("EEEE, d MMMM y", "id"),
    "en": ("EEEE, MMMM d, y", "en_US"),
    "iso": ("yyyy-MM-dd", "en_US"),
}
DAYS = [datetime.date(2000, 1, 1) + datetime.timedelta(days=d) for d in range(0, 800)]


@pytest.mark.parametrize("form", PATTERNS)
def test_dates_are_those_of_babel(form: str) -> None:
    pattern, locale = PATTERNS[form]
    for day in DAYS:
        assert write_date(day, form).text == format_date(day, pattern, locale=locale)


def test_every_field_stands_where_its_span_says() -> None:
    for day in DAYS:
        for form in PATTERNS:
            text, spans = write_date(day, form)
            fields = {name: text[start:end] for name, (start, end) in spans.items()}
            assert set(fields) == set(FIELDS) - ({"weekday"} if form == "iso" else set())
            assert int(fields["day"]) == day.day
            assert int(fields["year"]) == day.year
            assert fields["month"].isdigit() == (form == "iso")
            covered = sum(end - start for start, end in spans.values())
            assert covered == sum(c.isalnum() for c in text)


def test_pairs_are_the_same_day_and_parts_share_none() -> None:
    rng = np.random.default_rng
    train = generate_date_pairs(4000, rng(0), years=(2000, 2003), part="train")
    test = generate_date_pairs(1000, rng(0), years=(2000, 2003), part="test")
    assert not set(train.dates) & set(test.dates)
    assert len(set(train.dates) | set(test.dates)) > 1400  # of 1,461 days
    for day, source, target in zip(*train, strict=True):
        assert source == write_date(day, "id")
        assert target == write_date(day, "en")
    assert {day.year for day in train.dates} == {2000, 2001, 2002, 2003}


def test_alignment_is_scored_field_by_field() -> None:
    day = datetime.date(1945, 8, 17)
    source, target = write_date(day, "id"), write_date(day, "en")
    right = np.zeros((len(target.text), len(source.text)))
    for field, (start, end) in target.spans.items():
        right[start:end, slice(*source.spans[field])] = 1
    assert score_alignment(right, source, target) == dict.fromkeys(FIELDS, 1.0)

    diagonal = np.eye(*right.shape)  # reading straight on: day and month have changed places
    score = score_alignment(diagonal, source, target)
    assert score["weekday"] > 0.7
    assert score["day"] == 0
    # No preference is no alignment.
    assert score_alignment(np.ones(right.shape) * 0, source, target) == dict.fromkeys(FIELDS, 0.0)

    half = right.copy()
    start, end = target.spans["year"]
    half[start : start + 2] = right[slice(*target.spans["day"])][:1]
    assert score_alignment(half, source, target)["year"] == 0.5
    iso = write_date(day, "iso")
    assert set(score_alignment(np.ones((10, len(source.text))), source, iso)) == {
        "day",
        "month",
        "year",
    }
    with pytest.raises(ValueError, match=r"\(T, S\)"):
        score_alignment(right.T, source, target)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match='"id", "en" or "iso"'):
        write_date(datetime.date(2000, 1, 1), "de")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`years` must be"):
        generate_date_pairs(1, np.random.default_rng(0), years=(2001, 2000))
    with pytest.raises(TypeError, match="default_rng"):
        generate_date_pairs(1, 0)  # type: ignore[arg-type]
