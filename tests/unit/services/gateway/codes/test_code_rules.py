"""Codes: their days, their targets, their images."""

from __future__ import annotations

import struct
from datetime import date, timedelta
from uuid import UUID

import pytest

from services.gateway.codes.image import LARGEST, SMALLEST, png, svg
from services.gateway.codes.models import CodePatch
from services.gateway.codes.rules import (
    KEY,
    MOST_DAYS,
    BadPeriod,
    UnknownTarget,
    check_target,
    days_between,
)
from services.gateway.codes.use_cases import new_key

TODAY = date(2026, 3, 1)
LINK = "https://www.example.com/c/abcdefghijkl"


class TestDays:
    def test_thirty_days_are_meant_when_nothing_is_said(self) -> None:
        assert days_between(None, None, TODAY) == (date(2026, 1, 31), TODAY)
        assert days_between(date(2026, 2, 1), None, TODAY) == (date(2026, 2, 1), TODAY)

    @pytest.mark.parametrize("days", [-1, MOST_DAYS])
    def test_refused_when_they_are_turned_round_or_too_many(self, days: int) -> None:
        with pytest.raises(BadPeriod) as refused:
            days_between(TODAY - timedelta(days=days), TODAY, TODAY)
        assert [each.pointer for each in refused.value.errors] == ["/query/from"]

    def test_as_many_as_may_be_are_answered_when_they_are_asked_for(self) -> None:
        first = TODAY - timedelta(days=MOST_DAYS - 1)
        assert days_between(first, TODAY, TODAY) == (first, TODAY)


class TestTarget:
    @pytest.mark.parametrize(("form_id", "url"), [(None, None), (UUID(int=1), "https://www.example.com")])
    def test_refused_when_it_is_none_or_two(self, form_id: UUID | None, url: str | None) -> None:
        with pytest.raises(UnknownTarget):
            check_target(form_id, url)

    def test_one_takes_the_place_of_the_other_when_it_is_changed(self) -> None:
        to_url = CodePatch(url="https://www.example.com/autumn")
        assert to_url.changes() == {"form_id": None, "url": "https://www.example.com/autumn"}
        assert CodePatch(form_id=UUID(int=1)).changes() == {"form_id": UUID(int=1), "url": None}
        assert CodePatch(name="Stand").changes() == {"name": "Stand"}


class TestImages:
    @pytest.mark.parametrize("size", [SMALLEST, 333, 600, LARGEST])
    def test_it_is_no_larger_than_asked_when_it_is_made_of_points(self, size: int) -> None:
        image = png(LINK, size)
        assert image[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", image[16:24])
        assert width == height
        assert size / 2 < width <= size

    def test_another_link_is_another_image_when_it_is_drawn(self) -> None:
        assert svg(LINK) != svg(LINK[:-1])
        assert svg(LINK).startswith(b"<?xml")
        assert b"script" not in svg(LINK)

    def test_a_key_is_short_and_no_other_one_when_it_is_made(self) -> None:
        keys = {new_key() for _ in range(1000)}
        assert len(keys) == 1000
        assert all(KEY.fullmatch(key) for key in keys)
