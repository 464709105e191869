from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.rules import Candidate, choose
from services.leads.assigning.handover.rules import least_loaded
from services.leads.assigning.reassignment.rules import (
    EXAMPLES,
    Bar,
    Goal,
    Outcome,
    Sharing,
    Taker,
    Tally,
    Way,
    bar_of,
    could_have,
    has_moved,
    has_moved_since,
    pool_of,
    takers,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POOL = UUID(int=999)


LEAD = UUID(int=1000)


@dataclass(frozen=True)
class Lead:
    """What is looked at of one."""

    id: UUID = LEAD
    status: str = "open"
    owner_id: UUID | None = None
    pool_id: UUID | None = None
    pooled_at: datetime | None = None
    do_not_contact: bool = False
    merged_into: UUID | None = None
    erased_at: datetime | None = None


def user(number: int) -> UUID:
    return UUID(int=number)


def people(*loads: int, most: int | None = None) -> list[Taker]:
    return [Taker(user(at), load, most) for at, load in enumerate(loads, 1)]


def shared(way: Way, found: list[Taker], count: int) -> list[Outcome]:
    sharing = Sharing(way, found)
    return [sharing.choose(Lead(UUID(int=1000 + at)), lambda _: None) for at in range(count)]


def owners(outcomes: list[Outcome]) -> list[int | None]:
    return [None if one.owner_id is None else one.owner_id.int for one in outcomes]


class TestBars:
    @pytest.mark.parametrize(
        ("lead", "bar"),
        [
            (Lead(), None),
            (Lead(status="won"), "lead_closed"),
            (Lead(status="lost", do_not_contact=True), "lead_closed"),
            (Lead(do_not_contact=True), "do_not_contact"),
            (Lead(merged_into=UUID(int=1)), "lead_merged"),
            (Lead(erased_at=NOON, merged_into=UUID(int=1)), "lead_erased"),
        ],
    )
    def test_a_lead_stays_when_it_is_not_to_be_worked(self, lead: Lead, bar: Bar | None) -> None:
        assert bar_of(lead) == bar

    def test_it_lies_in_the_pool_that_it_came_from_no_more_when_somebody_has_it(self) -> None:
        assert pool_of(Lead(pool_id=POOL, pooled_at=NOON)) == POOL
        assert pool_of(Lead(pool_id=POOL, owner_id=user(1))) is None

    def test_it_has_moved_when_it_is_in_other_hands_or_another_pool(self) -> None:
        lead = Lead(owner_id=user(1))
        assert not has_moved(lead, lead)
        assert has_moved(lead, replace(lead, owner_id=user(2)))
        lying = Lead(pool_id=POOL, pooled_at=NOON)
        assert has_moved(lying, replace(lying, pooled_at=NOON + timedelta(hours=1)))
        assert has_moved(lying, replace(lying, pool_id=UUID(int=998)))

    @pytest.mark.parametrize(
        ("lead", "owned_since", "moved"),
        [
            (Lead(owner_id=user(1)), NOON, False),
            (Lead(owner_id=user(1)), NOON + timedelta(seconds=1), True),
            # An import gave it: nobody knows since when.
            (Lead(owner_id=user(1)), None, False),
            (Lead(pool_id=POOL, pooled_at=NOON + timedelta(seconds=1)), NOON, True),
            # Whoever had it before no longer counts.
            (Lead(pool_id=POOL, pooled_at=NOON), NOON + timedelta(seconds=1), False),
        ],
    )
    def test_it_has_moved_since_then_when_it_came_there_later(
        self, lead: Lead, owned_since: datetime | None, *, moved: bool
    ) -> None:
        assert has_moved_since(lead, owned_since, NOON) is moved


class TestSharing:
    @given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(0, 40), st.integers(1, 12))
    def test_nobody_is_filled_beyond_the_cap_nor_while_another_has_fewer(
        self, loads: list[int], count: int, cap: int
    ) -> None:
        found = people(*loads, most=cap)
        outcomes = shared("least_loaded", found, count)
        got = Counter(one.owner_id for one in outcomes if one.owner_id)
        assert got.total() == min(count, sum(max(0, cap - load) for load in loads))
        assert got == {one.user_id: one.given for one in found if one.given}
        highest = max((one.open_leads for one in found if one.given), default=0)
        assert highest <= cap
        assert all(one.open_leads >= highest - 1 for one in found)

    @given(st.integers(1, 6), st.integers(0, 40))
    def test_nobody_is_more_than_one_ahead_when_by_turns(self, size: int, count: int) -> None:
        found = owners(shared("turns", people(*range(9, 9 + size)), count))
        assert found == [1 + at % size for at in range(count)]

    def test_turns_go_on_where_they_were_when_some_are_given_already(self) -> None:
        first, second = people(0, 0)
        first.given = 1
        assert owners(shared("turns", [first, second], 3)) == [2, 1, 2]

    def test_who_is_full_is_passed_over_when_by_turns(self) -> None:
        first, second = people(0, 0)
        first.most_open = 1
        assert owners(shared("turns", [first, second], 4)) == [1, 2, 2, 2]

    def test_a_lead_stays_when_one_of_them_has_it(self) -> None:
        sharing = Sharing("turns", people(0, 0))
        outcome = sharing.choose(Lead(owner_id=user(2)), lambda _: None)
        assert (outcome.owner_id, outcome.bar) == (None, "same_owner")
        assert sharing.takers[user(2)].given == 0

    def test_the_next_one_gets_it_when_the_pool_refuses_the_first(self) -> None:
        sharing = Sharing("least_loaded", people(0, 5, 9))
        refused: dict[UUID, Bar] = {user(1): "cooling_off", user(2): "cap_in_hand"}
        outcome = sharing.choose(Lead(pool_id=POOL, pooled_at=NOON), refused.get)
        assert outcome.owner_id == user(3)
        # Who was refused one is the first again for the next.
        assert sharing.choose(Lead(), lambda _: None).owner_id == user(1)

    def test_it_says_what_the_first_was_refused_for_when_all_were(self) -> None:
        sharing = Sharing("turns", people(0, 0))
        refused: dict[UUID, Bar] = {user(1): "cooling_off", user(2): "cap_in_hand"}
        outcome = sharing.choose(Lead(pool_id=POOL, pooled_at=NOON), refused.get)
        assert (outcome.owner_id, outcome.bar) == (None, "cooling_off")

    @pytest.mark.parametrize(
        ("bars", "bar"),
        [
            (["absent"], "absent"),
            (["absent", "absent"], "absent"),
            (["absent", "inactive"], "nobody_eligible"),
            ([], "nobody_eligible"),
        ],
    )
    def test_it_says_why_when_nobody_may_have_any(self, bars: list[Bar], bar: Bar) -> None:
        found = [Taker(user(at), 0, bar=each) for at, each in enumerate(bars)]
        [outcome] = shared("least_loaded", found, 1)
        assert (outcome.owner_id, outcome.bar) == (None, bar)

    def test_it_says_that_all_are_full_when_they_have_become_so(self) -> None:
        outcomes = shared("one", people(3, most=4), 2)
        assert [(one.owner_id, one.bar) for one in outcomes] == [(user(1), None), (None, "full")]


class TestTakers:
    FOUND = (
        Candidate(user(1), open_leads=3, capacity=5),
        Candidate(user(2), open_leads=9, capacity=5),
        Candidate(user(3), absent_until=NOON),
        Candidate(user(4), is_rep=False),
        Candidate(user(5), active=False),
        Candidate(user(6), known=False),
    )

    def found(self, way: Way) -> list[tuple[Bar | None, int | None]]:
        rule = least_loaded([one.user_id for one in self.FOUND], None, 4)
        verdicts = choose(rule, Facts(), self.FOUND)
        return [(one.barred, one.most_open) for one in takers(Goal(way), verdicts, {user(1): 2})]

    def test_who_is_away_or_no_rep_gets_none_when_several_share(self) -> None:
        bars: list[Bar | None] = [None, "full", "absent", "not_a_rep", "inactive", "unknown_user"]
        assert self.found("turns") == [(bar, 4) for bar in bars]

    def test_only_who_could_own_nothing_gets_none_when_named_alone(self) -> None:
        bars: list[Bar | None] = [None, "full", None, None, "inactive", "unknown_user"]
        assert self.found("one") == [(bar, 4) for bar in bars]

    def test_somebody_could_have_a_lead_when_only_their_turn_is_another(self) -> None:
        rule = replace(least_loaded([], None, 9), strategy="round_robin")
        first, second, third = self.FOUND[:3]
        verdicts = choose(rule, Facts(), [first, replace(second, open_leads=8, capacity=None), third])
        could = [could_have(verdicts, user(number)) for number in (1, 2, 3, 7)]
        assert could == [True, True, False, False]


class TestTally:
    GIVEN = Outcome(UUID(int=1000), user(1), user(2), None)
    KEPT = Outcome(UUID(int=1001), None, None, "full")
    OPEN = Outcome(UUID(int=1002), user(1), None, None)

    def test_everything_is_counted_by_whom_it_concerns(self) -> None:
        tally = Tally()
        tally.add([self.GIVEN, self.KEPT, self.OPEN])
        assert (tally.leads, tally.undecided) == (3, 1)
        assert (tally.matching, tally.given, tally.taken, tally.kept) == (
            {user(1): 2, None: 1}, {user(2): 1}, {user(1): 1}, {"full": 1},
        )  # fmt: skip

    def test_the_first_ones_are_examples(self) -> None:
        tally = Tally()
        tally.add([self.KEPT] * (EXAMPLES - 1))
        tally.add([self.GIVEN, self.OPEN])
        assert (len(tally.examples), tally.examples[-1]) == (EXAMPLES, self.GIVEN)

    def test_the_digest_is_the_same_when_the_same_comes_out(self) -> None:
        whole, parts = Tally(), Tally()
        whole.add([self.GIVEN, self.KEPT])
        parts.add([self.GIVEN])
        parts.add([self.KEPT])
        assert whole.digest == parts.digest

    @pytest.mark.parametrize(
        "other",
        [
            GIVEN._replace(owner_id=user(3)),
            GIVEN._replace(before=user(3)),
            GIVEN._replace(owner_id=None, bar="full"),
            GIVEN._replace(lead_id=UUID(int=1009)),
        ],
    )
    def test_the_digest_is_another_when_anything_else_comes_out(self, other: Outcome) -> None:
        one, another = Tally(), Tally()
        one.add([self.GIVEN])
        another.add([other])
        assert one.digest != another.digest
