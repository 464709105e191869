"""To whom leads may go, and for how long somebody can come back to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.gateway.departures.rules import (
    RETURN_PERIOD,
    BadHandover,
    Departure,
    HandoverRule,
    check_handover,
    leads_return,
)

LEAVER, ANN, BEN, TEAM, ADMIN = (UUID(int=number) for number in range(1, 6))
LEFT = datetime(2026, 3, 31, 10, tzinfo=UTC)


class TestHandover:
    def test_it_is_fit_when_all_are_there(self) -> None:
        check_handover(HandoverRule((ANN, BEN), None, None), LEAVER, {ANN, BEN}, is_unit_open=False)
        check_handover(HandoverRule((), TEAM, 100), LEAVER, set(), is_unit_open=True)

    def test_every_place_is_named_when_several_are_wrong(self) -> None:
        with pytest.raises(BadHandover) as caught:
            check_handover(
                HandoverRule((LEAVER, ANN, BEN), None, 1), LEAVER, {LEAVER, ANN}, is_unit_open=False
            )
        assert [(error.pointer, error.code) for error in caught.value.errors] == [
            ("/handover/candidates/user_ids/0", "leaver"),
            ("/handover/candidates/user_ids/2", "unknown_user"),
        ]


class TestReturn:
    @pytest.mark.parametrize(
        ("after", "back"),
        [(timedelta(0), True), (RETURN_PERIOD, True), (RETURN_PERIOD + timedelta(microseconds=1), False)],
    )
    def test_leads_come_back_when_the_week_is_not_over(self, after: timedelta, *, back: bool) -> None:
        assert leads_return(LEFT, LEFT + after) is back


class TestSeen:
    def test_nobody_else_is_named_when_the_caller_does_not_see_them(self) -> None:
        rule = HandoverRule((ANN, BEN), None, 100)
        departure = Departure(LEAVER, LEAVER, LEFT, "done", None, rule, ADMIN, LEFT)
        shown = departure.seen_by({LEAVER, BEN})
        assert (shown.recorded_by, shown.heirs) == (None, (BEN,))
        assert departure.seen_by({ADMIN, ANN, BEN}) == departure
