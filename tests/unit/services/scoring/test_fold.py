"""The fold: what holds of a lead, whatever order its events came in."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from random import Random
from zoneinfo import ZoneInfo

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from services.scoring.kpis.catalogue import Measure
from services.scoring.kpis.fold import (
    EARLIEST,
    Contribution,
    LeadState,
    advance,
    fold,
    local_day,
    local_time,
    microseconds,
    occurrences,
    standing,
    withheld,
)
from services.scoring.kpis.happenings import Happening, Place, Source
from tests.unit.services.scoring.histories import LEAD, PARTS, History, chunks, histories

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
ANN, BOB = Place(rep=1, team=7), Place(rep=2, team=7)

Net = Counter[Contribution]


def source(at: str, seq: int = 1, aggregate: str = LEAD) -> Source:
    moment = datetime.fromisoformat(at)
    return Source(
        microseconds(moment.replace(tzinfo=moment.tzinfo or UTC)), aggregate, seq, f"{aggregate}:{seq}"
    )


def created(at: str, *, known: bool = True) -> Happening:
    return Happening("created", source(at, 1), ANN, LEAD, start_known=known)


def assigned(at: str, seq: int, to: Place = ANN) -> Happening:
    return Happening("assigned", source(at, seq), to, LEAD)


def pooled(at: str, seq: int, whose: Place = ANN) -> Happening:
    return Happening("pooled", source(at, seq), whose, LEAD)


def responded(at: str, seq: int, worked_s: int | None) -> Happening:
    return Happening("responded", source(at, seq), ANN, LEAD, worked_s=worked_s)


def moved(at: str, seq: int, status: str | None, minor: int | None = None) -> Happening:
    return Happening("moved", source(at, seq), ANN, LEAD, outcome=status, minor=minor)


def valued(at: str, seq: int, minor: int | None) -> Happening:
    return Happening("updated", source(at, seq), ANN, LEAD, values=True, minor=minor)


def acted(at: str, number: int, by: Place = ANN, *, kind: str = "call", effective: bool = True) -> Happening:
    return Happening("acted", source(at, 1, f"act-{number}"), by, LEAD, activity=kind, effective=effective)


def folded(events: list[Happening], zone: ZoneInfo = SHANGHAI) -> tuple[Net, LeadState]:
    """All of the events one after the other: the sum of the facts appended, and the state."""
    net: Net = Counter()
    state = LeadState()
    for event in events:
        result = fold([event], {LEAD: state}, zone)
        state = result.changed.get(LEAD, state)
        for fact, sign in result.facts:
            net[fact] += sign
    return net, state


def held(net: Net) -> Net:
    return Counter({fact: n for fact, n in net.items() if n})


def of(net: Net, measure: Measure) -> list[tuple[date, int, int]]:
    """Day, count and amount of what is left of a measure."""
    return sorted((fact.day, n, fact.amount) for fact, n in net.items() if n and fact.measure is measure)


def recomputed(events: list[Happening], zone: ZoneInfo) -> Net:
    """What must hold, from the whole history at once: each event's own facts and those of the final state."""
    state = LeadState()
    for event in events:
        if LEAD in event.concerned:
            state = advance(state, event, LEAD)
    once = Counter(fact for event in events for fact in occurrences(event, zone))
    once.subtract(withheld(state, zone))
    once.update(standing(state, zone))
    return held(once)


class TestDays:
    @given(
        st.integers(
            microseconds(datetime(1950, 1, 1, tzinfo=UTC)), microseconds(datetime(2050, 1, 1, tzinfo=UTC))
        ),
        st.sampled_from(("UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe")),
    )
    # Until 2011 clocks in Newfoundland went back at one minute past midnight: a day began twice.
    @example(microseconds(datetime(2010, 11, 7, 2, 30, 30, tzinfo=UTC)), "America/St_Johns")
    @example(microseconds(datetime(2010, 11, 7, 2, 31, 30, tzinfo=UTC)), "America/St_Johns")
    def test_are_those_of_the_wall_clock_whatever_is_remembered(self, at_us: int, zone: str) -> None:
        assert local_day(at_us, ZoneInfo(zone)) == local_time(at_us, ZoneInfo(zone)).date()


class TestAnyOrder:
    @given(histories, st.randoms(use_true_random=False))
    def test_state_and_facts_are_the_same_when_aggregates_interleave_differently(
        self, history: History, random: Random
    ) -> None:
        one, two = history.interleaved(random), history.interleaved(random)
        (net_one, state_one), (net_two, state_two) = folded(one), folded(two)
        assert state_one == state_two
        assert held(net_one) == held(net_two) == recomputed(one, SHANGHAI)

    @given(histories, st.randoms(use_true_random=False))
    def test_facts_add_up_to_the_same_when_events_come_in_batches_of_any_size(
        self, history: History, random: Random
    ) -> None:
        net: Net = Counter()
        state = LeadState()
        order = history.interleaved(random)
        for batch in chunks(order, random):
            result = fold(batch, {LEAD: state}, NEW_YORK)
            state = result.changed.get(LEAD, state)
            for fact, sign in result.facts:
                net[fact] += sign
        assert held(net) == recomputed(order, NEW_YORK)

    @given(histories, st.randoms(use_true_random=False))
    def test_state_is_the_same_when_a_late_event_comes_last(self, history: History, random: Random) -> None:
        """Also for the lead's own events: what decides is event time, then seq, not arrival."""
        events = [event for event in history.own[1:] if event.decides]
        shuffled = random.sample(events, len(events))
        states = []
        for order in (events, shuffled):
            state = LeadState()
            for event in order:
                state = advance(state, event)
            states.append(state)
        assert states[0] == states[1]

    @given(histories, st.randoms(use_true_random=False))
    def test_state_survives_storage_when_written_as_json(self, history: History, random: Random) -> None:
        _, state = folded(history.interleaved(random))
        assert LeadState.from_json(orjson.loads(orjson.dumps(state.to_json()))) == state

    @given(histories, st.randoms(use_true_random=False))
    def test_never_more_than_one_outcome_holds_when_a_lead_goes_back_and_forth(
        self, history: History, random: Random
    ) -> None:
        net, _ = folded(history.interleaved(random))
        outcomes = [n for fact, n in held(net).items() if fact.measure in (Measure.WON, Measure.LOST)]
        assert outcomes in ([], [1])


class TestOutcomes:
    def test_won_counts_once_on_its_local_day_when_a_lead_is_won(self) -> None:
        net, _ = folded([created("2026-03-02T04:00"), moved("2026-03-27T17:30", 2, "won", 12_000_000)])
        assert of(net, Measure.WON) == [(date(2026, 3, 28), 1, 0)]
        assert of(net, Measure.REVENUE) == [(date(2026, 3, 28), 1, 12_000_000)]

    def test_everything_is_as_before_when_a_won_lead_is_reopened(self) -> None:
        before, _ = folded([created("2026-03-02T04:00")])
        after, _ = folded(
            [
                created("2026-03-02T04:00"),
                moved("2026-03-27T04:00", 2, "won", 5),
                moved("2026-04-01T04:00", 3, "open"),
            ]
        )
        after = held(after)
        assert {fact for fact in after if fact.measure is not Measure.MOVED} == set(held(before))
        assert len(of(after, Measure.MOVED)) == 2

    def test_outcome_moves_to_its_new_day_when_reopened_and_lost(self) -> None:
        net, _ = folded(
            [
                created("2026-03-02T04:00"),
                moved("2026-03-10T04:00", 2, "won", 5),
                moved("2026-03-11T04:00", 3, "open"),
                moved("2026-04-01T04:00", 4, "lost"),
            ]
        )
        assert of(net, Measure.WON) == of(net, Measure.REVENUE) == of(net, Measure.CYCLE) == []
        assert of(net, Measure.LOST) == [(date(2026, 4, 1), 1, 0)]

    def test_no_revenue_is_stated_when_a_won_lead_has_no_value(self) -> None:
        net, _ = folded([created("2026-03-02T04:00"), moved("2026-03-10T04:00", 2, "won")])
        assert of(net, Measure.WON) != []
        assert of(net, Measure.REVENUE) == []

    def test_revenue_is_corrected_on_the_day_of_the_outcome_when_the_value_changes_later(self) -> None:
        net, _ = folded(
            [
                created("2026-03-02T04:00"),
                moved("2026-03-10T04:00", 2, "won", 500),
                valued("2026-05-01T04:00", 3, 700),
            ]
        )
        assert of(net, Measure.REVENUE) == [(date(2026, 3, 10), 1, 700)]

    def test_revenue_is_that_of_the_outcome_when_the_value_changed_before(self) -> None:
        net, _ = folded(
            [
                created("2026-03-02T04:00"),
                valued("2026-03-03T04:00", 2, 700),
                moved("2026-03-10T04:00", 3, "won", 900),
            ]
        )
        assert of(net, Measure.REVENUE) == [(date(2026, 3, 10), 1, 900)]

    def test_nothing_holds_when_a_move_stays_open(self) -> None:
        net, _ = folded([created("2026-03-02T04:00"), moved("2026-03-10T04:00", 2, None)])
        assert {fact.measure for fact in held(net)} == {Measure.CREATED, Measure.MOVED}


class TestCycle:
    def test_cycle_is_whole_days_when_noon_to_noon_crosses_a_clock_change(self) -> None:
        start, won = (datetime(2026, month, 1, 12, tzinfo=NEW_YORK).isoformat() for month in (3, 4))
        net, _ = folded([created(start), moved(won, 2, "won")], NEW_YORK)
        assert of(net, Measure.CYCLE) == [(date(2026, 4, 1), 1, 31 * 86_400)]

    def test_no_cycle_is_stated_when_the_start_is_not_known(self) -> None:
        net, _ = folded([created("2026-03-02T04:00", known=False), moved("2026-03-10T04:00", 2, "won", 5)])
        assert of(net, Measure.CYCLE) == []
        assert of(net, Measure.REVENUE) == [(date(2026, 3, 10), 1, 5)]


class TestFirstResponse:
    def test_seconds_run_from_the_first_assignment_when_the_owner_calls(self) -> None:
        net, _ = folded(
            [created("2026-03-02T01:00"), assigned("2026-03-02T01:05", 2), acted("2026-03-02T01:19", 1)]
        )
        assert of(net, Measure.RESPONSE) == [(date(2026, 3, 2), 1, 14 * 60)]

    def test_response_is_the_same_when_the_activity_arrives_before_the_assignment(self) -> None:
        events = [created("2026-03-02T01:00"), assigned("2026-03-02T01:05", 2), acted("2026-03-02T01:19", 1)]
        assert folded(events)[0] == folded([events[2], events[0], events[1]])[0]

    def test_somebody_elses_activity_is_no_response_when_she_does_not_own_the_lead(self) -> None:
        net, _ = folded([assigned("2026-03-02T01:05", 2, ANN), acted("2026-03-02T01:19", 1, BOB)])
        assert of(net, Measure.RESPONSE) == []

    def test_the_new_owner_responds_when_the_lead_was_reassigned(self) -> None:
        net, _ = folded(
            [
                assigned("2026-03-02T01:00", 2, ANN),
                assigned("2026-03-02T02:00", 3, BOB),
                acted("2026-03-02T02:30", 1, ANN),
                acted("2026-03-02T03:00", 2, BOB),
            ]
        )
        assert of(net, Measure.RESPONSE) == [(date(2026, 3, 2), 1, 7_200)]
        assert {fact.place for fact in held(net) if fact.measure is Measure.RESPONSE} == {BOB}

    def test_the_owner_before_does_not_respond_when_the_lead_lies_in_a_pool(self) -> None:
        net, _ = folded(
            [
                assigned("2026-03-02T01:00", 2, ANN),
                pooled("2026-03-02T02:00", 3, ANN),
                acted("2026-03-02T02:30", 1, ANN),
            ]
        )
        assert of(net, Measure.RESPONSE) == []

    def test_seconds_run_from_the_first_assignment_when_the_lead_lay_in_a_pool_before_and_between(
        self,
    ) -> None:
        net, _ = folded(
            [
                pooled("2026-03-02T00:00", 2, Place()),
                assigned("2026-03-02T01:00", 3, ANN),
                pooled("2026-03-02T02:00", 4, ANN),
                assigned("2026-03-02T03:00", 5, BOB),
                acted("2026-03-02T03:30", 1, BOB),
            ]
        )
        assert of(net, Measure.RESPONSE) == [(date(2026, 3, 2), 1, 9_000)]

    def test_working_time_is_what_leads_say_when_a_response_rule_watched(self) -> None:
        net, _ = folded([responded("2026-02-24T01:04", 5, 840), responded("2026-02-25T01:00", 6, None)])
        assert of(net, Measure.WORKED_RESPONSE) == [(date(2026, 2, 24), 1, 840)]

    def test_nothing_is_a_response_when_it_is_not_effective_or_was_before_the_assignment(self) -> None:
        net, _ = folded(
            [
                acted("2026-03-02T00:59", 1),
                assigned("2026-03-02T01:00", 2),
                acted("2026-03-02T01:10", 2, effective=False),
            ]
        )
        assert of(net, Measure.RESPONSE) == []

    def test_response_is_zero_when_activity_and_assignment_are_at_the_same_time(self) -> None:
        net, _ = folded([acted("2026-03-02T01:00", 1), assigned("2026-03-02T01:00", 2)])
        assert of(net, Measure.RESPONSE) == [(date(2026, 3, 2), 1, 0)]

    def test_state_stays_small_and_right_when_a_lead_is_very_busy(self) -> None:
        calls = [
            acted(f"2026-03-{day:02}T{hour:02}:00", day * 100 + hour)
            for day in range(3, 9)
            for hour in range(24)
        ]
        Random(7).shuffle(calls)
        net, state = folded([assigned("2026-03-02T01:00", 2), *calls])
        assert len(state.active) == EARLIEST
        assert of(net, Measure.RESPONSE) == [(date(2026, 3, 3), 1, 23 * 3_600)]
        assert len([fact for fact in held(net) if fact.measure is Measure.CALL]) == len(calls)


def merged(at: str, seq: int, start: Happening | None = None) -> Happening:
    told = start.source if start else None
    return Happening("merged", source(at, seq), ANN, LEAD, start=told)


def unmerged(at: str, seq: int, start: Happening) -> Happening:
    return Happening("unmerged", source(at, seq), ANN, LEAD, start=start.source)


def parted(kind: str, at: str, seq: int) -> Happening:
    return Happening(kind, source(at, seq), ANN, LEAD, leads=(PARTS[0],))


def acted_for_part(at: str, number: int) -> Happening:
    return acted(at, number)._replace(lead=PARTS[0], leads=(LEAD,))


class TestMerges:
    def test_it_counts_as_no_lead_and_lost_nothing_while_it_is_a_part(self) -> None:
        start = created("2026-03-02T04:00")
        events = [start, moved("2026-03-10T04:00", 2, "lost"), merged("2026-03-11T04:00", 3, start)]
        net, _ = folded(events)
        assert of(net, Measure.CREATED) == of(net, Measure.LOST) == []
        assert len(of(net, Measure.MOVED)) == 1
        again, _ = folded([*events, unmerged("2026-03-12T04:00", 4, start)])
        assert held(again) == held(folded(events[:2])[0])

    def test_what_was_done_before_is_its_own_and_later_the_others_while_it_is_a_part(self) -> None:
        events = [
            assigned("2026-03-02T01:00", 2), merged("2026-03-02T02:00", 3), acted("2026-03-02T02:30", 1),
        ]  # fmt: skip
        assert of(folded(events)[0], Measure.RESPONSE) == []
        earlier = acted("2026-03-02T01:30", 2)
        assert of(folded([*events, earlier])[0], Measure.RESPONSE) == [(date(2026, 3, 2), 1, 1_800)]

    def test_what_is_done_for_a_part_answers_until_it_is_undone(self) -> None:
        events = [
            assigned("2026-03-02T01:00", 2), parted("absorbed", "2026-03-02T02:00", 3),
            acted_for_part("2026-03-02T02:30", 1),
        ]  # fmt: skip
        assert of(folded(events)[0], Measure.RESPONSE) == [(date(2026, 3, 2), 1, 5_400)]
        undone = parted("separated", "2026-03-02T03:00", 4)
        assert of(folded([*events, undone])[0], Measure.RESPONSE) == []
        again = parted("absorbed", "2026-03-02T04:00", 5)
        assert of(folded([*events, undone, again])[0], Measure.RESPONSE) != []


class TestActivities:
    def test_each_kind_counts_for_itself_when_recorded(self) -> None:
        net, _ = folded(
            [acted("2026-03-02T01:00", n, kind=kind) for n, kind in enumerate(["visit", "call", "task"])]
        )
        assert [of(net, each) for each in (Measure.VISIT, Measure.CALL, Measure.TASK)] == [
            [(date(2026, 3, 2), 1, 0)]
        ] * 3

    def test_nothing_is_counted_when_no_metric_asks_for_the_kind(self) -> None:
        net, _ = folded([acted("2026-03-02T01:00", 1, kind="email")])
        assert held(net) == Counter()
