"""What counts as a word left of somebody."""

from __future__ import annotations

import re

import pytest

from tests.chaos.hostile.remains import Words

WORDS = Words("zqabc", "1584321")


class TestWords:
    @pytest.mark.parametrize(
        "text",
        [
            "15843210001",
            "+8615843210001",
            "008615843210001",
            "a 15843210001;ext=8",
            "ZQABC Ltd",
            "7a716162632e",
        ],
    )
    def test_it_is_found_when_it_is_theirs_in_any_spelling(self, text: str) -> None:
        assert re.search(WORDS.pattern, text, re.IGNORECASE)

    @pytest.mark.parametrize("text", ["{4611158432100012345}", "1584321", "15843220001"])
    def test_it_is_not_found_when_the_digits_are_some_of_a_long_number_or_too_few(self, text: str) -> None:
        assert not re.search(WORDS.pattern, text, re.IGNORECASE)
