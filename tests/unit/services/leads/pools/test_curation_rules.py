"""Suggestions: who can have a lead comes first, and of them whom it fits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.leads.assigning.assignment.conditions import Conditions, Facts
from services.leads.assigning.assignment.rules import Candidate, Rule
from services.leads.pools.curation.rules import demands_of, suggest
from shared.ids import new_id

LATER = datetime(2026, 3, 9, tzinfo=UTC)
FACTS = Facts(region="north", product="saas", channel="ads")
PLAIN = demands_of((), FACTS)


def rule(position: int, *skills: str, channel: str = "ads") -> Rule:
    return Rule(
        new_id(), 1, "r", position, "round_robin", Conditions(channel=(channel,)), skills=skills,
        languages=("de",),
    )  # fmt: skip


class TestDemands:
    def test_the_first_rule_that_is_for_the_lead_says_what_it_demands(self) -> None:
        found = demands_of([rule(1, "fmcg", channel="fair"), rule(2, "saas"), rule(3, "crm")], FACTS)
        assert (found.skills, found.languages) == (("saas",), ("de",))

    def test_nothing_is_demanded_when_no_rule_is_for_it(self) -> None:
        found = demands_of([rule(1, "fmcg", channel="fair")], FACTS)
        assert (found.skills, found.languages) == ((), ())


class TestSuggesting:
    def test_each_way_in_which_a_candidate_fits_is_named(self) -> None:
        demands = demands_of([rule(1, "demo")], FACTS)
        all_of_it = Candidate(
            new_id(), territories=frozenset({"north"}), skills=frozenset({"demo", "saas"}),
            languages=frozenset({"de", "zh"}),
        )  # fmt: skip
        near = replace(all_of_it, user_id=new_id(), territories=frozenset(), region="north")
        without = replace(all_of_it, user_id=new_id(), languages=frozenset({"zh"}))
        found = suggest(demands, FACTS, [without, near, all_of_it], {})
        assert [one.fits for one in found[:2]] == [("territory", "product", "skills", "languages")] * 2
        assert [(one.user_id, one.bar) for one in found] == [
            (near.user_id, None), (all_of_it.user_id, None), (without.user_id, "lacks_language"),
        ]  # fmt: skip

    def test_whoever_waits_for_the_lead_cannot_have_it(self) -> None:
        one, other = Candidate(new_id(), open_leads=0), Candidate(new_id(), open_leads=9)
        found = suggest(PLAIN, FACTS, [one, other], {one.user_id: LATER})
        assert [(each.user_id, each.bar, each.cooling_until) for each in found] == [
            (other.user_id, None, None), (one.user_id, "cooling_off", LATER),
        ]  # fmt: skip

    @given(
        st.lists(
            st.builds(
                Candidate,
                st.uuids(),
                region=st.sampled_from([None, "north", "south"]),
                skills=st.frozensets(st.sampled_from(["saas", "fmcg"])),
                capacity=st.none() | st.integers(0, 3),
                open_leads=st.integers(0, 3),
                absent_until=st.none() | st.just(LATER),
                active=st.booleans(),
            ),
            unique_by=lambda one: one.user_id,
        ),
        st.sets(st.integers(0, 5)),
    )
    def test_nobody_is_left_out_and_the_better_one_never_comes_later(
        self, candidates: list[Candidate], cooling: set[int]
    ) -> None:
        waiting = {one.user_id: LATER for at, one in enumerate(candidates) if at in cooling}
        found = suggest(PLAIN, FACTS, candidates, waiting)
        assert {one.user_id for one in found} == {one.user_id for one in candidates}
        assert len(found) == len(candidates)
        for one in found:
            who = one.candidate
            full = who.capacity is not None and who.open_leads >= who.capacity
            can = who.active and who.absent_until is None and not full and who.user_id not in waiting
            assert (one.bar is None) == can
        for better, worse in pairwise(found):
            assert (better.bar is None) >= (worse.bar is None)
            if (better.bar is None) == (worse.bar is None):
                fits = len(better.fits), len(worse.fits)
                assert fits[0] >= fits[1]
                assert fits[0] > fits[1] or better.candidate.open_leads <= worse.candidate.open_leads
