from __future__ import annotations

import pytest

from shared.errors import PreconditionFailed
from shared.web.etags import BadEntityTag, etag, parse_condition


class TestCondition:
    @pytest.mark.parametrize(
        ("value", "allows", "names"),
        [
            ('"7"', True, True),
            ('W/"7"', False, True),
            ("*", True, True),
            ('"6", W/"7" ,"8"', False, True),
            ('"6","7"', True, True),
            ('"6"', False, False),
            ('""', False, False),
            ('"07"', False, False),
        ],
    )
    def test_strong_tags_allow_and_any_tag_names(self, value: str, allows: bool, names: bool) -> None:
        condition = parse_condition(value, "If-Match")
        assert (condition.allows(7), condition.names(7)) == (allows, names)

    @pytest.mark.parametrize(
        "value", ["", " ", "7", '"7', '7"', '"a" "b"', '"a",', ',"a"', "W/7", 'w/"7"', '"a"' + ',"a"' * 60]
    )
    def test_refused_when_malformed(self, value: str) -> None:
        with pytest.raises(BadEntityTag):
            parse_condition(value, "If-Match")

    def test_check_raises_when_the_version_is_another(self) -> None:
        condition = parse_condition(etag(3), "If-Match")
        condition.check(3)
        with pytest.raises(PreconditionFailed):
            condition.check(4)

    @pytest.mark.parametrize(
        ("value", "newest"), [('"3","11"', 11), ('"x"', None), ('"' + "9" * 400 + '"', None)]
    )
    def test_newest_version_is_known_when_a_tag_is_one(self, value: str, newest: int | None) -> None:
        assert parse_condition(value, "If-None-Match").known_version() == newest
