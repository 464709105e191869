"""Arrays as text."""

from __future__ import annotations

import pytest

from services.leads.bulk import array_text, numbers_text


class TestArrayText:
    def test_elements_are_quoted_when_they_hold_what_arrays_are_made_of(self) -> None:
        assert array_text(['a"b', "c\\d", "{}", ""]) == '{"a\\"b","c\\\\d","{}",""}'

    @pytest.mark.parametrize("numbers", [[], [7], [-1, 2**63 - 1]])
    def test_numbers_are_as_postgresql_reads_them_when_there_are_any_or_none(
        self, numbers: list[int]
    ) -> None:
        text = numbers_text(numbers)
        assert (text[0], text[-1]) == ("{", "}")
        assert [int(each) for each in text[1:-1].split(",") if each] == numbers
