"""Terms on the calendar's clock: scenario 2 is one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.leads.pools.pool.keeping import Keeping, KeepingImpossible, Kept, Special, Terms, check_keeping
from services.leads.pools.recycling.rules import Held, plan
from shared.ids import new_id
from shared.worktime.calendar import OFFICE, Calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
SPRING = Calendar(
    SHANGHAI, (*[OFFICE] * 5, (), ()), frozenset(date(2026, 2, day) for day in range(15, 24)),
    {date(2026, 2, 14): OFFICE, date(2026, 2, 28): OFFICE},
)  # fmt: skip
STANDARD = Keeping(Terms(follow_up_days=7), warn_days=(3, 1))


def at(month: int, day: int, hour: int = 10) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=SHANGHAI)


def held(since: datetime, followed: datetime | None = None, *tags: str, product: str | None = None) -> Held:
    return Held(since, followed, Kept(product, tags))


class TestPlan:
    def test_holidays_do_not_count_when_the_term_spans_the_spring_festival(self) -> None:
        made = plan(STANDARD, held(at(2, 10), at(2, 10)), SPRING)
        assert made is not None
        assert (made.ends_at, made.why) == (at(2, 26), "no_follow_up")
        assert made.warnings == (at(2, 14), at(2, 25))

    def test_it_begins_again_when_followed_up_and_ends_sooner_under_a_shorter_rule(self) -> None:
        later = plan(STANDARD, held(at(2, 10), at(2, 25)), SPRING)
        shorter = plan(Keeping(Terms(follow_up_days=5)), held(at(2, 10), at(2, 10)), SPRING)
        assert later is not None
        assert shorter is not None
        assert (later.ends_at, shorter.ends_at) == (at(3, 4), at(2, 24))

    def test_the_term_that_ends_first_counts(self) -> None:
        keeping = Keeping(Terms(1, 7, 60), warn_days=(3, 1))
        fresh = plan(keeping, held(at(3, 2)), SPRING)
        followed = plan(keeping, held(at(3, 2), at(3, 3)), SPRING)
        old = plan(keeping, held(at(1, 2), at(3, 9)), SPRING)
        assert fresh is not None
        assert followed is not None
        assert old is not None
        # A term of one day has no room for a warning.
        assert (fresh.ends_at, fresh.why, fresh.warnings) == (at(3, 3), "no_first_follow_up", ())
        assert (followed.ends_at, followed.why) == (at(3, 10), "no_follow_up")
        assert (old.ends_at, old.why) == (at(3, 12), "no_deal")

    def test_terms_stand_still_while_they_are_paused(self) -> None:
        """Two days of a contract's, over before the festival; then one that is still open."""
        keeping = Keeping(Terms(follow_up_days=7, deal_days=60), warn_days=(3,))
        paused = replace(held(at(2, 2)), pauses=((at(2, 4), at(2, 6)),))
        made = plan(keeping, paused, SPRING)
        assert made is not None
        assert (made.ends_at, made.warnings) == (at(2, 11), (at(2, 8),))
        assert plan(keeping, replace(paused, pauses=(*paused.pauses, (at(2, 8), None))), SPRING) is None

    def test_special_terms_come_first_when_the_lead_is_of_their_kind(self) -> None:
        keeping = Keeping(
            Terms(follow_up_days=7),
            (
                Special(Terms(follow_up_days=14), tags=("重点",)),
                Special(Terms(deal_days=90), products=("dealer",)),
            ),
        )
        key = plan(keeping, held(at(3, 2), None, "重点", product="dealer"), SPRING)
        dealer = plan(keeping, held(at(3, 2), None, product="dealer"), SPRING)
        other = plan(keeping, held(at(3, 2)), SPRING)
        assert [each and each.ends_at for each in (key, dealer, other)] == [at(3, 16), at(5, 31), at(3, 9)]

    def test_it_ends_later_when_extended_and_never_before_protection(self) -> None:
        keeping = Keeping(Terms(follow_up_days=7), (), (1,), protection_days=30, extension_days=15)
        cases = {
            (False, False): at(3, 9),
            (False, True): at(3, 24),
            (True, False): at(4, 1),
            (True, True): at(4, 1),
        }
        for (mine, longer), ends_at in cases.items():
            made = plan(keeping, Held(at(3, 2), None, Kept(), mine, longer), SPRING)
            assert made is not None
            assert (made.ends_at, made.warnings) == (ends_at, (ends_at - timedelta(days=1),))

    def test_nothing_is_planned_when_no_term_applies_any_more(self) -> None:
        assert plan(Keeping(Terms(first_follow_up_days=1)), held(at(3, 2), at(3, 2)), SPRING) is None

    def test_the_next_date_is_the_first_warning_not_given_and_the_end_after_all(self) -> None:
        made = plan(STANDARD, held(at(2, 10)), SPRING)
        assert made is not None
        given = (None, at(1, 9), at(2, 14), at(2, 25))
        assert [made.next_date(warned_of) for warned_of in given] == [
            at(2, 14), at(2, 14), at(2, 25), at(2, 26),
        ]  # fmt: skip

    def test_a_warning_is_given_once_and_of_several_missed_the_last(self) -> None:
        made = plan(STANDARD, held(at(2, 10)), SPRING)
        assert made is not None
        second = timedelta(seconds=1)
        assert made.warning_at(at(2, 14) - second, None) is None
        assert made.warning_at(at(2, 14), None) == at(2, 14)
        assert made.warning_at(at(2, 20), at(2, 14)) is None
        assert made.warning_at(at(2, 25), None) == at(2, 25)


class TestCheckKeeping:
    @pytest.mark.parametrize(
        ("keeping", "pointers"),
        [
            (Keeping(Terms()), ["/keeping"]),
            (Keeping(Terms(deal_days=9), (Special(Terms()),)), ["/keeping/special/0"]),
            (
                Keeping(Terms(follow_up_days=3), warn_days=(7, 3, 1)),
                ["/keeping/warn_days/0", "/keeping/warn_days/1"],
            ),
            (Keeping(Terms(follow_up_days=3), dormant_pool_id=new_id()), ["/keeping/dormant_after"]),
        ],
    )  # fmt: skip
    def test_names_what_cannot_work(self, keeping: Keeping, pointers: list[str]) -> None:
        with pytest.raises(KeepingImpossible) as refused:
            check_keeping(keeping)
        assert [error.pointer for error in refused.value.errors] == pointers

    def test_passes_when_a_special_term_is_long_enough_for_the_warning(self) -> None:
        check_keeping(Keeping(Terms(follow_up_days=3), (Special(Terms(deal_days=30)),), (15, 1)))
