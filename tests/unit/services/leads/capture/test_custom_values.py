from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.capture.custom_fields.finding import covering, range_terms, terms_of
from services.leads.capture.custom_fields.values import (
    TYPES,
    FieldType,
    Misfit,
    Option,
    converted,
    read,
    taken,
)
from shared.ids import new_id

STEEL = Option("steel", {"zh": "钢铁", "en": "Steel"})
GLASS = Option("glass", {"zh": "玻璃", "en": "Glass"})
OLD = Option("coal", {"en": "Coal"}, active=False)
OPTIONS = (STEEL, GLASS, OLD)
TENANT = new_id()
DATES = st.dates(date(1900, 1, 1), date(2199, 12, 31))
NUMBERS = st.floats(-1e20, 1e20) | st.integers(-(2**62), 2**62)


def misfit(kind: FieldType, value: object) -> str:
    with pytest.raises(Misfit) as refused:
        taken(kind, OPTIONS, value)
    return refused.value.code


class TestTaken:
    @pytest.mark.parametrize(
        ("kind", "value", "kept"),
        [
            ("text", "  steel ", "steel"),
            ("long_text", "one\ntwo", "one\ntwo"),
            ("integer", -(2**63), -(2**63)),
            ("number", 12.0, 12),
            ("number", 12.5, 12.5),
            ("boolean", False, False),
            ("date", "2026-02-28", "2026-02-28"),
            ("datetime", "2026-03-01T09:30:00+08:00", "2026-03-01T01:30:00.000000Z"),
            ("choice", "steel", "steel"),
            ("choice", " 钢铁 ", "steel"),
            ("choice", "ＳＴＥＥＬ", "steel"),
            ("choices", "玻璃；steel;glass", "steel;glass"),
            ("url", "https://例子.中国/x?y=1", "https://例子.中国/x?y=1"),
        ],
    )
    def test_a_value_is_stored_in_one_form_when_it_fits(
        self, kind: FieldType, value: object, kept: object
    ) -> None:
        found = taken(kind, OPTIONS, value)
        assert found == kept
        assert type(found) is type(kept)
        assert taken(kind, OPTIONS, found) == found

    @pytest.mark.parametrize(
        ("kind", "value", "code"),
        [
            ("text", 5, "not_a_text"),
            ("text", "a\nb", "several_lines"),
            ("text", "x" * 501, "too_long"),
            ("integer", True, "not_an_integer"),
            ("integer", 1.0, "not_an_integer"),
            ("integer", 2**63, "not_an_integer"),
            ("integer", "12", "not_an_integer"),
            ("number", float("nan"), "not_a_number"),
            ("number", False, "not_a_number"),
            ("boolean", 1, "not_a_boolean"),
            ("date", "2025-02-30", "no_such_date"),
            ("date", "1899-12-31", "no_such_date"),
            ("date", "01/02/2025", "not_a_date"),
            ("datetime", "2026-03-01T09:30:00", "not_a_time"),
            ("choice", "copper", "not_an_option"),
            ("choice", "coal", "retired_option"),
            ("choices", ";", "not_an_option"),
            ("url", "javascript:alert(1)", "not_a_url"),
            ("url", "http://a b", "not_a_url"),
        ],
    )
    def test_it_is_named_when_it_does_not_fit(self, kind: FieldType, value: object, code: str) -> None:
        assert misfit(kind, value) == code


class TestReadingCells:
    @pytest.mark.parametrize(
        ("kind", "text", "kept"),
        [
            ("integer", "１，２００", 1200),
            ("integer", " 7 ", 7),
            ("number", "1,234.50", 1234.5),
            ("number", "-0.5", -0.5),
            ("boolean", "是", True),
            ("boolean", "NO", False),
            ("date", "2026年3月1日", "2026-03-01"),
            ("date", "2026/3/1", "2026-03-01"),
            ("datetime", "2026-03-01 09:30", "2026-03-01T01:30:00.000000Z"),
            ("datetime", "2026-03-01T09:30:00Z", "2026-03-01T09:30:00.000000Z"),
        ],
    )
    def test_it_says_what_people_mean_when_written_as_they_do(
        self, kind: FieldType, text: str, kept: object
    ) -> None:
        assert read(kind, OPTIONS, text, "Asia/Shanghai") == kept

    @pytest.mark.parametrize(
        ("kind", "text"),
        [("integer", "1,2"), ("integer", "12.5"), ("number", "1.2万"), ("date", "2025-02-30"),
         ("date", "3/1"), ("boolean", "maybe"), ("datetime", "2026-03-01 25:00"), ("integer", "9" * 400)],
    )  # fmt: skip
    def test_nothing_is_guessed_when_it_could_mean_something_else(self, kind: FieldType, text: str) -> None:
        with pytest.raises(Misfit):
            read(kind, OPTIONS, text, "UTC")


class TestConverting:
    @pytest.mark.parametrize(
        ("kind", "value", "kept"),
        [("integer", "12", 12), ("text", 12, "12"), ("text", True, "true"), ("boolean", "true", True),
         ("choice", "钢铁", "steel"), ("choices", "steel", "steel"), ("integer", 12.0, 12), ("number", 3, 3)],
    )  # fmt: skip
    def test_a_value_says_the_same_when_another_type_can_say_it(
        self, kind: FieldType, value: object, kept: object
    ) -> None:
        assert converted(kind, OPTIONS, value) == kept

    @pytest.mark.parametrize(
        ("kind", "value"),
        [("integer", 12.5), ("integer", "twelve"), ("date", "2026-03-01T00:00:00.000000Z"),
         ("datetime", "2026-03-01"), ("choice", "copper"), ("boolean", 12), ("number", float("inf"))],
    )  # fmt: skip
    def test_it_is_a_misfit_when_something_would_be_lost_or_made_up(
        self, kind: FieldType, value: object
    ) -> None:
        with pytest.raises(Misfit):
            converted(kind, OPTIONS, value)


class TestRanges:
    @given(NUMBERS, NUMBERS, NUMBERS)
    def test_a_number_shares_a_term_with_each_range_it_lies_in(self, a: Any, b: Any, c: Any) -> None:
        low, value, high = sorted([a, b, c])
        found = set(range_terms(TENANT, "k", "number", low, high))
        assert found & set(terms_of(TENANT, "k", "number", value, searchable=False))
        assert len(found) <= 120

    @given(DATES, DATES, DATES)
    def test_so_does_a_date(self, a: Any, b: Any, c: Any) -> None:
        low, value, high = (day.isoformat() for day in sorted([a, b, c]))
        found = set(range_terms(TENANT, "k", "date", low, high))
        assert found & set(terms_of(TENANT, "k", "date", value, searchable=False))
        assert len(found) <= 120

    @given(st.integers(0, 999_999), st.integers(0, 999_999))
    def test_what_lies_outside_shares_none_when_digits_say_all(self, a: int, b: int) -> None:
        first, last = sorted([a, b])
        lengths = (1, 2, 3, 4, 5, 6)
        begun = list(covering(f"{first:06}", f"{last:06}", lengths))
        for outside in (first - 1, last + 1):
            assert not any(f"{outside:06}".startswith(each) for each in begun) or not 0 <= outside <= 999_999

    @pytest.mark.parametrize("kind", TYPES)
    @pytest.mark.parametrize("value", ["many", 12, True, "2026-13-01", 1.5, ""])
    def test_whatever_was_stored_before_has_terms_of_whole_values(self, kind: FieldType, value: Any) -> None:
        assert set(terms_of(TENANT, "k", kind, value, searchable=False))
