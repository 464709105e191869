"""How long there is for the first response, on the owner's clock: scenario 3 is one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.assigning.assignment.conditions import Conditions, Facts
from services.leads.follow_up.first_response.rules import (
    BAND,
    LADDER,
    Deed,
    Escalation,
    Handled,
    Hours,
    ResponseRule,
    ResponseRuleImpossible,
    Terms,
    check_rule,
    first_applying,
    handled,
    plan,
    stand_ins,
    steps_of,
)
from shared.ids import new_id
from shared.worktime.calendar import OFFICE, Calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
SPRING = Calendar(
    SHANGHAI, (*[OFFICE] * 5, (), ()), frozenset(date(2026, 2, day) for day in range(15, 24)),
    {date(2026, 2, 14): OFFICE, date(2026, 2, 28): OFFICE},
)  # fmt: skip
FORM = Terms(15, 12, (Escalation(15, "supervisor"), Escalation(240, "manager")), 75)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 2, day, hour, minute, tzinfo=SHANGHAI)


def rule(terms: Terms = FORM, **more: object) -> ResponseRule:
    return replace(ResponseRule(new_id(), 1, "form", 10, terms), **more)  # type: ignore[arg-type]


def deed(moment: datetime, kind: str = "call", *, effective: bool = False) -> Deed:
    return Deed(kind, moment, effective)


class TestPlan:
    def test_it_goes_on_after_the_spring_festival_when_the_lead_comes_at_the_eve(self) -> None:
        made = plan(FORM, at(14, 17, 50), at(14, 17, 50), Hours(SPRING))
        assert [(each.step.what, each.at) for each in made] == [
            ("warn", at(24, 9, 2)),
            ("due", at(24, 9, 5)),
            ("escalate", at(24, 9, 5)),
            ("reassign", at(24, 10, 5)),
            ("escalate", at(24, 12, 50)),
        ]

    def test_absences_do_not_count(self) -> None:
        away = [(at(24, 8), at(24, 12)), (at(24, 12, 3), at(25, 18))]
        made = plan(FORM, at(14, 17, 50), at(14, 17, 50), Hours(SPRING, away))
        assert [each.at for each in made][:2] == [at(24, 12, 2), at(26, 9, 2)]

    def test_what_is_later_than_the_reassignment_counts_from_the_first_owner(self) -> None:
        made = plan(FORM, at(24, 10, 5), at(14, 17, 50), Hours(SPRING))
        assert [each.at for each in made][1:] == [
            at(24, 10, 20),
            at(24, 10, 20),
            at(24, 11, 20),
            at(24, 12, 50),
        ]

    def test_nothing_is_dated_when_the_owner_never_works_again(self) -> None:
        for_ever = [(at(1, 0), datetime(2200, 1, 1, tzinfo=UTC))]
        made = plan(FORM, at(14, 17, 50), at(14, 17, 50), Hours(SPRING, for_ever))
        assert {each.at for each in made} == {None}

    @given(st.integers(1, 5000), st.integers(0, 60 * 24 * 30))
    def test_so_many_business_minutes_lie_between_start_and_due(self, due: int, later: int) -> None:
        start, hours = at(10, 9) + timedelta(minutes=later), Hours(SPRING)
        due_at = next(each.at for each in plan(Terms(due), start, start, hours) if each.step.what == "due")
        assert due_at is not None
        assert hours.between(start, due_at) == timedelta(minutes=due)


class TestHandled:
    def test_840_business_seconds_when_the_call_is_at_0904(self) -> None:
        found = handled(at(14, 17, 50), [deed(at(24, 9, 4), effective=True)])
        assert found is not None
        assert found == Handled(at(24, 9, 4), "follow_up")
        assert Hours(SPRING).between(at(14, 17, 50), found.at) == timedelta(seconds=840)

    def test_what_was_before_the_assignment_is_none(self) -> None:
        assert handled(at(14, 17, 50), [deed(at(14, 17, 49), effective=True)]) is None

    def test_three_attempts_are_one_when_they_are_on_three_days(self) -> None:
        start = at(24, 9)
        days = [deed(start + day * BAND, kind) for day, kind in enumerate(("call", "message", "email"))]
        assert handled(start, days) == Handled(start + 2 * BAND, "attempts")
        # The third comes a second too early: it is in the band of the second.
        early = replace(days[2], at=days[2].at - timedelta(seconds=1))
        assert handled(start, [*days[:2], early]) is None
        assert handled(start, [*days[:2], replace(days[2], kind="task")]) is None

    def test_the_earlier_one_counts_when_there_is_a_follow_up_too(self) -> None:
        start = at(24, 9)
        tries = [deed(start + day * BAND) for day in range(3)]
        before = deed(start + BAND, "visit", effective=True)
        after = deed(start + 3 * BAND, "visit", effective=True)
        assert handled(start, [*tries, before]) == Handled(start + BAND, "follow_up")
        assert handled(start, [after, *tries]) == Handled(start + 2 * BAND, "attempts")


class TestChoosing:
    def test_the_first_that_applies_counts(self) -> None:
        hotline = rule(conditions=Conditions(source=("hotline",)))
        everything = rule()
        assert first_applying([hotline, everything], Facts(source="hotline")) is hotline
        assert first_applying([hotline, everything], Facts(source="fair")) is everything
        assert first_applying([hotline], Facts(source="fair")) is None
        # Nobody is hurried to contact whoever wishes not to be.
        assert first_applying([everything], Facts(do_not_contact=True)) is None

    def test_who_is_next_up_is_asked_for_when_nobody_has_the_role(self) -> None:
        assert [stand_ins(role) for role in LADDER] == [LADDER, LADDER[1:], LADDER[2:]]

    def test_steps_come_in_order_when_some_share_a_minute(self) -> None:
        terms = Terms(15, 12, (Escalation(15, "supervisor"),), 15)
        assert [step.what for step in steps_of(terms)] == ["warn", "due", "escalate", "reassign"]


class TestCheckRule:
    @pytest.mark.parametrize(
        ("terms", "codes"),
        [
            (Terms(15), {"/escalate": "silent"}),
            (Terms(15, 15), {"/warn_minutes": "warning_too_late"}),
            (Terms(15, None, (), 14), {"/reassign_after_minutes": "reassigned_too_early"}),
            (
                Terms(15, None, (Escalation(14, "manager"),)),
                {"/escalate/0/after_minutes": "escalated_too_early"},
            ),
            (Terms(15, None, (Escalation(15, "director"),)), {"/escalate/0/to": "escalation_to_nobody"}),
            (
                Terms(15, None, (Escalation(15, "manager"), Escalation(15, "manager"))),
                {"/escalate/1": "out_of_order"},
            ),
            (
                Terms(15, 20, (Escalation(60, "manager"), Escalation(30, "manager")), 10),
                {
                    "/warn_minutes": "warning_too_late",
                    "/reassign_after_minutes": "reassigned_too_early",
                    "/escalate/1": "out_of_order",
                },
            ),
        ],
    )
    def test_names_what_cannot_work(self, terms: Terms, codes: dict[str, str]) -> None:
        with pytest.raises(ResponseRuleImpossible) as refused:
            check_rule(rule(terms), ["director"])
        assert {error.pointer: error.code for error in refused.value.errors} == codes

    def test_is_refused_when_no_lead_can_ever_meet_its_conditions(self) -> None:
        with pytest.raises(ResponseRuleImpossible) as refused:
            check_rule(rule(conditions=Conditions(value_from=2, value_to=1)), [])
        assert [error.code for error in refused.value.errors] == ["contradiction"]

    def test_passes_when_it_is_the_preset(self) -> None:
        check_rule(rule(), ["director"])
        check_rule(rule(Terms(15, None, (), 15)), LADDER)
