"""Arrays as text."""

from __future__ import annotations

from services.leads.bulk import array_text


class TestArrayText:
    def test_elements_are_quoted_when_they_hold_what_arrays_are_made_of(self) -> None:
        assert array_text(['a"b', "c\\d", "{}", ""]) == '{"a\\"b","c\\\\d","{}",""}'
