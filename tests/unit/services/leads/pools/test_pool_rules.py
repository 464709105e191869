from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.capture.intake.masking import masked_email, masked_phone
from services.leads.pools.pool.rules import (
    CapInHand,
    Caps,
    Cooling,
    CoolingOff,
    DailyQuota,
    DoNotContact,
    Hands,
    NobodyMayClaim,
    NoClaims,
    Pool,
    check_claim,
    check_gift,
    check_kind,
    check_members,
    cooling_until,
    waits_until,
)
from shared.contracts.base import Credit
from shared.contracts.leads import LeadStatus, PoolKind
from shared.errors import CoxError
from shared.ids import new_id
from shared.worktime.calendar import usual_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
POOL = Pool(
    new_id(), 1, "SaaS", daily_claims=10, caps=Caps(200, {"P1": 60, "P2": 100}), cooling_days=7
)  # fmt: skip


def claim(
    open_leads: int = 0,
    claims_today: int = 0,
    cooling: datetime | None = None,
    *,
    level: str | None = "P2",
    do_not_contact: bool = False,
) -> None:
    hands = Hands(open_leads, level, cooling)
    check_claim(POOL, hands, claims_today, AT, SHANGHAI, do_not_contact=do_not_contact)


class TestCheckClaim:
    def test_passes_when_the_last_of_the_quota_and_of_the_cap_is_taken(self) -> None:
        claim(open_leads=99, claims_today=9)

    def test_tells_when_the_next_day_begins_when_the_quota_is_used_up(self) -> None:
        with pytest.raises(DailyQuota, match=r"10 a day .* 2026-03-03T00:00:00\+08:00"):
            claim(claims_today=10)

    @pytest.mark.parametrize(("level", "cap"), [("P1", 60), ("P2", 100), ("P5", 200), (None, 200)])
    def test_refuses_by_the_level_when_the_hands_are_full(self, level: str | None, cap: int) -> None:
        claim(open_leads=cap - 1, level=level)
        with pytest.raises(CapInHand, match=f"at most {cap}"):
            claim(open_leads=cap, level=level)

    def test_passes_at_the_very_moment_when_the_cooling_ends(self) -> None:
        claim(cooling=AT)
        with pytest.raises(CoolingOff, match=r"2026-03-02T10:00:01\+08:00"):
            claim(cooling=AT.replace(second=1))

    def test_refuses_everybody_when_the_pool_allows_no_claims(self) -> None:
        with pytest.raises(NoClaims):
            check_claim(replace(POOL, daily_claims=0), Hands(0), 0, AT, SHANGHAI, do_not_contact=False)

    def test_names_the_person_s_wish_first_when_everything_is_in_the_way(self) -> None:
        with pytest.raises(DoNotContact):
            claim(300, 30, AT.replace(year=2027), do_not_contact=True)


class TestMembers:
    def test_belongs_when_named_or_when_a_unit_above_is(self) -> None:
        rep, region, team = new_id(), new_id(), new_id()
        credit = Credit(rep_id=rep, team_id=team, team_path=(region, team))
        assert Pool(new_id(), 1, "p", user_ids=(rep,)).has_member(credit)
        assert Pool(new_id(), 1, "p", unit_ids=(region,)).has_member(credit)
        assert not Pool(new_id(), 1, "p", user_ids=(new_id(),), unit_ids=(new_id(),)).has_member(credit)

    def test_does_not_belong_when_no_rep(self) -> None:
        team = new_id()
        assert not Pool(new_id(), 1, "p", unit_ids=(team,)).has_member(
            Credit(team_id=team, team_path=(team,))
        )

    @pytest.mark.parametrize(("claims", "reps", "pointer"), [(10, 0, "/members"), (0, 5, "/daily_claims")])
    def test_is_refused_when_nobody_could_claim_and_nobody_gives(
        self, claims: int, reps: int, pointer: str
    ) -> None:
        pool = replace(POOL, daily_claims=claims)
        with pytest.raises(NobodyMayClaim) as refused:
            check_members(pool, reps, 0)
        assert [error.pointer for error in refused.value.errors] == [pointer]
        check_members(pool, reps, 1)
        check_members(replace(pool, active=False), reps, 0)
        check_members(POOL, 1, 0)


class TestKind:
    @pytest.mark.parametrize(("kind", "fits"), [("leads", {"open"}), ("customers", {"won"})])
    def test_what_lies_there_is_of_its_kind(self, kind: PoolKind, fits: set[str]) -> None:
        pool = replace(POOL, kind=kind)
        refused: dict[LeadStatus, str] = {}
        for status in get_args(LeadStatus):
            try:
                check_kind(pool, status)
            except CoxError as error:
                refused[status] = error.problem_code
        other = ({"open", "won"} - fits).pop()
        assert refused == {other: "wrong_pool", "lost": "lead_closed"}


class TestWaiting:
    me, colleague, mine = new_id(), new_id(), new_id()

    @given(st.lists(st.tuples(st.sampled_from("mco"), st.booleans(), st.integers(0, 50))))
    def test_the_longest_of_what_is_mine_or_my_team_s_counts(
        self, drawn: list[tuple[str, bool, int]]
    ) -> None:
        users = {"m": self.me, "c": self.colleague, "o": new_id()}
        rows = [
            Cooling(
                POOL.id,
                users[who],
                # The other one's team is another one.
                (self.mine if who != "o" else new_id()) if of_team else None,
                AT + timedelta(hours=hours),
            )
            for who, of_team, hours in drawn
        ]
        counting = [hours for who, of_team, hours in drawn if who == "m" or (who == "c" and of_team)]
        expected = AT + timedelta(hours=max(counting)) if counting else None
        assert waits_until(rows, self.me, self.mine) == expected


class TestCheckGift:
    @given(st.none() | st.integers(1, 5), st.integers(0, 6), st.none() | st.integers(-1, 1), st.booleans())
    def test_is_a_claim_without_the_day_s_claims(
        self, cap: int | None, in_hand: int, cooling: int | None, do_not_contact: bool
    ) -> None:
        pool = replace(POOL, caps=Caps(cap), daily_claims=None)
        until = None if cooling is None else AT + timedelta(seconds=cooling)
        hands = Hands(in_hand, None, until)

        def told(check: Callable[[], None]) -> str:
            try:
                check()
            except CoxError as error:
                return error.problem_code
            return "yes"

        as_gift = told(lambda: check_gift(pool, hands, AT, SHANGHAI, do_not_contact=do_not_contact))
        as_claim = told(lambda: check_claim(pool, hands, 99, AT, SHANGHAI, do_not_contact=do_not_contact))
        assert as_gift == as_claim
        no_more = cap is not None and in_hand >= cap
        free = not do_not_contact and cooling != 1 and not no_more
        assert (as_gift == "yes") == free


class TestCooling:
    def test_ends_at_the_same_time_of_day_when_the_clocks_change(self) -> None:
        berlin = ZoneInfo("Europe/Berlin")
        until = cooling_until(POOL, datetime(2026, 3, 26, 9, tzinfo=UTC), usual_calendar(berlin))
        assert until.astimezone(berlin).isoformat() == "2026-04-02T10:00:00+02:00"


class TestMasking:
    @pytest.mark.parametrize(
        ("phone", "shown"),
        [
            ("+8613800000001", "138****0001"),
            ("+862154321987", "215****1987"),
            ("+14155552671", "415****2671"),
            ("+4930901820", "30****20"),
        ],
    )
    def test_shows_the_ends_of_the_national_number(self, phone: str, shown: str) -> None:
        assert masked_phone(phone) == shown

    def test_shows_the_first_letter_and_the_domain(self) -> None:
        assert masked_email("wang.wei@example.com") == "w****@example.com"
