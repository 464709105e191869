"""What conditions on custom fields ask the index for, and what they hold each lead against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.leads.capture.custom_fields.finding import terms_of
from services.leads.capture.custom_fields.models import CustomFieldIn
from services.leads.capture.custom_fields.rules import Schema
from services.leads.capture.custom_fields.values import FieldType
from services.leads.finding.filtering.custom import BadCustomFilter, Wanted
from services.leads.finding.search.use_cases import CustomTerms
from shared.ids import new_id

TENANT = new_id()
FIELDS = {
    key: replace(made, type=made.wanted, wanted=None, state="ready")
    for key, kind in (("count", "integer"), ("area", "number"), ("day", "date"), ("note", "text"))
    for made in [
        CustomFieldIn.model_validate({"key": key, "labels": {"en": key}, "type": kind}).field(new_id())
    ]
}
FIRST_DAY = date(1995, 1, 1)
# Beginnings of codes end where these stand: powers of ten, the digits that count, none at all.
BORDERS = sorted({sign * 10**power + more for sign in (1, -1) for power in range(8) for more in (-1, 0, 1)})
NUMBERS = st.one_of(st.sampled_from(BORDERS), st.integers(-(10**7), 10**7))
DAYS = st.integers(0, 4000).map(lambda days: (FIRST_DAY + timedelta(days=days)).isoformat())


def asked(*texts: str) -> CustomTerms:
    return Wanted(texts, "/query/custom", Schema(1, False, FIELDS), TENANT, "UTC").terms()


def knows(terms: CustomTerms, key: str, kind: FieldType, value: Any) -> bool:
    """Whether the index would find a lead with this value."""
    has = set(terms_of(TENANT, key, kind, value, searchable=False))
    return set(terms.terms) <= has and all(has.intersection(several) for several in terms.any_terms)


def pointers(*texts: str) -> Sequence[str]:
    with pytest.raises(BadCustomFilter) as raised:
        asked(*texts)
    return [error.pointer for error in raised.value.errors]


class TestRanges:
    @given(NUMBERS, NUMBERS, NUMBERS)
    @example(1000, 999, 1001)
    @example(-1, -10, 0)
    def test_numbers_between_both_ends_are_known_and_both_ends_are_held(
        self, value: int, low: int, high: int
    ) -> None:
        kinds: tuple[tuple[str, FieldType], ...] = ("count", "integer"), ("area", "number")
        for key, kind in kinds:
            terms = asked(f"{key}>={low}", f"{key}<={high}")
            assert len(terms.any_terms) == 1
            assert terms.paths == (f'$."{key}" ? (@ >= {low})', f'$."{key}" ? (@ <= {high})')
            if low <= value <= high:
                assert knows(terms, key, kind, value)

    @given(DAYS, DAYS, DAYS)
    def test_exactly_the_days_between_both_ends_are_known(self, value: str, low: str, high: str) -> None:
        terms = asked(f"day<={high}", f"day>={low}")
        assert knows(terms, "day", "date", value) == (low <= value <= high)

    def test_the_narrowest_range_is_asked_for_when_several_hold(self) -> None:
        several = asked("day>=1999-01-01", "day>=1999-03-01", "day<=1999-03-03", "day<=2020-01-01")
        assert several.any_terms == asked("day>=1999-03-01", "day<=1999-03-03").any_terms
        assert len(several.paths) == 4

    def test_nothing_is_known_when_a_range_ends_before_it_begins(self) -> None:
        assert asked("day>=1999-03-03", "day<=1999-03-01").any_terms == ((),)

    def test_ranges_of_two_fields_stay_apart(self) -> None:
        assert len(asked("day>=1999-01-01", "count<=5").any_terms) == 2


class TestWrongConditions:
    def test_each_is_named_when_others_of_its_field_are_right(self) -> None:
        assert pointers("count>=many", "count<=5") == ["/query/custom/0"]
        assert pointers("count=1", "count=one", "count=2") == ["/query/custom/1"]
        assert pointers("count>=1", "note>=a") == ["/query/custom/1"]
