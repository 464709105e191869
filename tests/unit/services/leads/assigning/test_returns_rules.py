from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.leads.assigning.returns.rules import (
    FILING_PERIOD,
    DecisionNotAllowed,
    FiledTooLate,
    Filing,
    FilingOutdated,
    NotOpen,
    NotTheOwner,
    check_decision,
    check_filing,
    check_in_hand,
)

ME, OTHER = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FILED = Filing(
    UUID(int=9), UUID(int=8), ME, NOON, NOON, "peer", None, "filed", None, None, None, turn_returned=False
)


class TestFiling:
    def test_it_may_be_filed_until_the_period_ends(self) -> None:
        assert check_filing(ME, ME, "open", NOON, NOON + FILING_PERIOD) == NOON
        with pytest.raises(FiledTooLate):
            check_filing(ME, ME, "open", NOON, NOON + FILING_PERIOD + timedelta(seconds=1))

    def test_it_is_refused_when_it_is_not_ones_own_or_closed(self) -> None:
        for owner in (OTHER, None):
            with pytest.raises(NotTheOwner):
                check_filing(owner, ME, "open", NOON, NOON)
        with pytest.raises(NotTheOwner):
            check_filing(None, None, "open", None, NOON)
        with pytest.raises(NotOpen):
            check_filing(ME, ME, "won", NOON, NOON)


class TestDecision:
    def test_somebody_who_sees_the_team_decides_when_they_have_not_filed_it(self) -> None:
        check_decision(FILED, "team", OTHER)
        for visibility, user in (("own", OTHER), ("tenant", ME)):
            with pytest.raises(DecisionNotAllowed):
                check_decision(FILED, visibility, user)

    def test_it_is_outdated_when_the_lead_is_in_other_hands_or_closed(self) -> None:
        check_in_hand(FILED, ME, NOON, "open")
        for owner, since, status in (
            (OTHER, NOON, "open"),
            (ME, NOON + timedelta(1), "open"),
            (ME, NOON, "won"),
        ):
            with pytest.raises(FilingOutdated):
                check_in_hand(FILED, owner, since, status)
