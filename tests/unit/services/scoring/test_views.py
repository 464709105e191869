"""Which roll-up answers which question, and what a notice says."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from services.scoring.kpis.catalogue import Measure
from services.scoring.kpis.notices import MOST_DAYS, change_of
from services.scoring.kpis.views import VIEWS, Dimension, view_for


class TestViewFor:
    @pytest.mark.parametrize(
        ("asked", "number"),
        [((), 0), (("team",), 2), (("rep",), 1), (("rep", "team"), 1), (("region",), 3), (("channel",), 5)],
    )
    def test_smallest_view_is_taken_when_several_would_do(
        self, asked: tuple[Dimension, ...], number: int
    ) -> None:
        view = view_for(asked)
        assert view is not None
        assert view.number == number

    @pytest.mark.parametrize("asked", [("rep", "region"), ("product", "channel"), ("team", "product")])
    def test_there_is_none_when_dimensions_are_kept_together_nowhere(
        self, asked: tuple[Dimension, ...]
    ) -> None:
        assert view_for(asked) is None

    def test_numbers_are_given_once(self) -> None:
        assert [view.number for view in VIEWS] == list(range(len(VIEWS)))


class TestChangeOf:
    def test_every_metric_that_a_measure_feeds_is_named(self) -> None:
        change = change_of(UUID(int=1), 1 << Measure.WON | 1 << Measure.CALL, [date(2026, 3, 2)])
        assert change.metrics == (
            "average_deal", "calls", "deals_won", "sales_cycle_days", "win_rate", "won_revenue",
        )  # fmt: skip

    def test_newest_days_are_told_when_there_are_too_many(self) -> None:
        days = [date(2026, 1, 1) + timedelta(days=number % 40) for number in range(80)]
        told = change_of(None, 1 << Measure.CREATED, days).days
        assert len(told) == MOST_DAYS
        assert told[-1] == date(2026, 2, 9)
        assert list(told) == sorted(set(told))
