from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.activities.recording.rules import (
    Done,
    InTheFuture,
    NotYourRep,
    check_time,
    credited_person,
    digest_of_done,
    is_effective,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)


class TestIsEffective:
    @pytest.mark.parametrize(
        ("kind", "outcome", "duration_s", "counts"),
        [
            ("call", "connected", 30, True),
            ("call", "connected", 29, False),
            ("call", "connected", None, False),
            ("call", "no_answer", 90, False),
            ("call", None, 90, False),
            ("message", "replied", None, True),
            ("message", "sent", None, False),
            ("email", "replied", None, True),
            ("email", None, None, False),
            ("visit", None, None, True),
            ("visit", "interested", 600, True),
            ("visit", "false", 600, False),
            ("meeting", "done", None, True),
            ("meeting", "cancelled", None, False),
            ("demo", None, None, True),
            ("demo", "no_show", None, False),
            ("task", "done", 600, False),
        ],
    )
    def test_is_so_when_the_customer_was_reached(
        self, kind: str, outcome: str | None, duration_s: int | None, counts: bool
    ) -> None:
        assert is_effective(kind, outcome, duration_s) is counts


class TestCheckTime:
    def test_is_refused_when_it_has_not_happened(self) -> None:
        check_time(NOW + timedelta(minutes=4), NOW)
        with pytest.raises(InTheFuture):
            check_time(NOW + timedelta(minutes=6), NOW)


class TestCreditedPerson:
    def test_is_who_records_when_nobody_is_named(self) -> None:
        assert credited_person(None, ANN, acts_for_others=False) == ANN
        assert credited_person(None, None, acts_for_others=True) is None

    def test_is_the_named_rep_when_the_recorder_leads(self) -> None:
        assert credited_person(BOB, ANN, acts_for_others=True) == BOB

    def test_is_refused_when_a_rep_names_another(self) -> None:
        assert credited_person(ANN, ANN, acts_for_others=False) == ANN
        with pytest.raises(NotYourRep):
            credited_person(BOB, ANN, acts_for_others=False)


class TestDigestOfDone:
    def test_is_the_same_when_only_the_time_that_we_filled_in_differs(self) -> None:
        first, second = Done("call", NOW), Done("call", NOW + timedelta(seconds=1))
        assert digest_of_done(first, said_when=False) == digest_of_done(second, said_when=False)
        assert digest_of_done(first, said_when=True) != digest_of_done(second, said_when=True)

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "task"},
            {"outcome": "x"},
            {"duration_s": 1},
            {"note": "n"},
            {"lead_id": ANN},
            {"rep_id": BOB},
        ],
    )
    def test_differs_when_any_content_differs(self, change: dict[str, object]) -> None:
        plain = {"kind": "call", "started_at": NOW}
        assert digest_of_done(Done(**plain), said_when=True) != digest_of_done(  # type: ignore[arg-type]
            Done(**{**plain, **change}),  # type: ignore[arg-type]
            said_when=True,
        )
