"""What the figures of a campaign say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from services.leads.capture.campaigns.rules import EndsBeforeItStarts, Results, check_days, noon_of

SPRING = Results(leads=7, qualified=2, open=4, won=2, lost=1, won_value=30_000, cost=10_000, whole=True)


class TestResults:
    def test_costs_are_shared_and_rounded_to_whole_minor_units(self) -> None:
        assert (SPRING.cost_per_lead, SPRING.cost_per_won, SPRING.roi) == (1429, 5000, Decimal(2))

    @pytest.mark.parametrize(
        ("less", "figures"),
        [
            ({"leads": 0, "won": 0}, (None, None, Decimal(2))), ({"won": 0}, (1429, None, Decimal(2))),
            ({"cost": 0}, (0, 0, None)), ({"won_value": 0}, (1429, 5000, Decimal(-1))),
            ({"cost": 90_000}, (12_857, 45_000, Decimal("-0.6667"))),
            ({"whole": False}, (None, None, None)),
        ],
    )  # fmt: skip
    def test_there_is_none_when_there_is_nothing_to_divide_by(
        self, less: dict[str, int], figures: tuple[object, ...]
    ) -> None:
        found = replace(SPRING, **less)  # type: ignore[arg-type]  # names with what they may be
        assert (found.cost_per_lead, found.cost_per_won, found.roi) == figures


class TestDays:
    @pytest.mark.parametrize("ends_on", [date(2026, 3, 1), date(2026, 3, 2), None])
    def test_are_good_when_it_ends_on_the_day_or_later(self, ends_on: date | None) -> None:
        check_days(date(2026, 3, 1), ends_on)
        check_days(None, ends_on)

    def test_are_refused_when_it_ends_before(self) -> None:
        with pytest.raises(EndsBeforeItStarts) as refused:
            check_days(date(2026, 3, 2), date(2026, 3, 1))
        assert [each.pointer for each in refused.value.errors] == ["/ends_on"]

    def test_noon_is_the_tenants(self) -> None:
        assert noon_of(date(2026, 3, 2), "Asia/Shanghai") == datetime(2026, 3, 2, 4, tzinfo=UTC)
