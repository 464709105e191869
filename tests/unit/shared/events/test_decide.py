"""The consumer's decisions, driven without a broker: single rules, and a state machine against a simple
model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.events.consuming.decide import Key, Place, Planner, Policy, Verdict, advanced, judge, keys_of
from shared.events.consuming.handlers import Route

STREAM = "cox.leads"
LEAD = UUID(int=7)
TENANT = UUID(int=1)
KEY: Key = (STREAM, LEAD)
PROJECTION = Policy("projection")
REACTION = Policy("reaction")
LATE_REACTION = Policy("reaction", adopts=True)


@dataclass(frozen=True)
class Event:
    seq: int
    epoch: int = 1
    replay: bool = False
    again: bool = False
    historic: bool = False
    type: str = "cox.leads.lead_created.v1"
    aggregate_id: UUID = LEAD
    tenant_id: UUID = TENANT
    stream: str = STREAM
    variant: int = 0

    @property
    def event_id(self) -> UUID:
        return UUID(int=(self.aggregate_id.int << 64) + (self.epoch << 32) + (self.seq << 8) + self.variant)


def handled(_: str) -> Route:
    return Route.HANDLED


def at(seq: int, epoch: int = 1, **more: Any) -> Place:
    return Place(epoch, seq, Event(seq, epoch).event_id, **more)


class TestJudge:
    @pytest.mark.parametrize(
        ("place", "event", "verdict"),
        [
            (None, Event(1), Verdict.APPLY),
            (None, Event(2), Verdict.PARK),
            (at(3), Event(4), Verdict.APPLY),
            (at(3), Event(3), Verdict.DROP),
            (at(3), Event(2, variant=1), Verdict.DROP),
            (at(3), Event(5), Verdict.PARK),
            (at(3), Event(3, variant=1), Verdict.CONFLICT),
            (at(3, dead_seq=4), Event(4), Verdict.DROP),
            (at(3, dead_seq=4), Event(5), Verdict.PARK),
            (at(3), Event(4, historic=True), Verdict.APPLY),
            (at(3), Event(4, replay=True), Verdict.APPLY),
            (at(3), Event(4, epoch=2), Verdict.REBUILD),
        ],
    )
    def test_a_projection_goes_by_seq_when_the_epoch_is_its_own(
        self, place: Place | None, event: Event, verdict: Verdict
    ) -> None:
        assert judge(PROJECTION, place, event)[0] is verdict

    def test_a_projection_drops_the_past_when_it_is_built_from_a_later_epoch(self) -> None:
        policy = Policy("projection", epochs={STREAM: 2})

        assert judge(policy, None, Event(1, epoch=1))[0] is Verdict.DROP
        assert judge(policy, None, Event(1, epoch=2))[0] is Verdict.APPLY

    @pytest.mark.parametrize(
        ("place", "event", "verdict"),
        [
            (at(3), Event(4), Verdict.APPLY),
            (at(3), Event(4, historic=True), Verdict.SKIP),
            (at(3), Event(3, replay=True), Verdict.DROP),
            (at(3), Event(4, replay=True), Verdict.APPLY),
            (at(3, epoch=2), Event(4, epoch=1), Verdict.DROP),
            (at(3), Event(1, epoch=2, replay=True), Verdict.SKIP),
            (at(1, epoch=2, settling=True), Event(2, epoch=2, replay=True), Verdict.SKIP),
            (at(1, epoch=2, settling=True), Event(2, epoch=2), Verdict.APPLY),
            (None, Event(1, epoch=2), Verdict.APPLY),
            (at(3), Event(4, epoch=2), Verdict.PARK),
        ],
    )
    def test_a_reaction_acts_on_news_only_when_history_or_another_epoch_comes(
        self, place: Place | None, event: Event, verdict: Verdict
    ) -> None:
        assert judge(REACTION, place, event)[0] is verdict

    def test_a_reaction_that_began_late_takes_an_aggregate_up_when_it_meets_it(self) -> None:
        assert judge(LATE_REACTION, None, Event(7)) == (Verdict.APPLY, Place(1, 6))
        assert judge(LATE_REACTION, None, Event(7, replay=True))[0] is Verdict.SKIP
        assert judge(LATE_REACTION, None, Event(7, historic=True))[0] is Verdict.SKIP

    def test_settling_ends_when_a_live_event_comes(self) -> None:
        settling = at(4, epoch=2, settling=True)

        assert advanced(settling, Event(5, epoch=2, replay=True)).settling
        assert not advanced(settling, Event(5, epoch=2)).settling

    def test_a_reaction_acts_once_when_a_restored_database_takes_what_was_sent_for_unsent(self) -> None:
        past = [Event(1, 2, replay=True), *(Event(seq, 2, again=True) for seq in (2, 3, 4, 5))]
        news = [Event(6, 2), Event(7, 2, replay=True)]

        place: Place | None = at(3)
        verdicts = []
        for event in (*past, *news):
            verdict, before = judge(REACTION, place, event)
            verdicts.append(verdict)
            place = advanced(before, event)

        # It had met three of them; of the fourth and fifth it hears for the first time.
        assert verdicts == [Verdict.SKIP] * 3 + [Verdict.APPLY] * 4

    def test_a_reaction_acts_on_news_when_the_lost_epoch_had_another_event_of_that_seq(self) -> None:
        verdict, place = judge(REACTION, at(3), Event(1, 2, replay=True))
        assert verdict is Verdict.SKIP
        assert judge(REACTION, advanced(place, Event(1, 2, replay=True)), Event(2, 2))[0] is Verdict.APPLY

    def test_a_projection_takes_it_in_when_the_epoch_before_had_it_too(self) -> None:
        policy = Policy("projection", epochs={STREAM: 2})
        assert judge(policy, at(1, epoch=2), Event(2, 2, again=True))[0] is Verdict.APPLY


class TestPlanner:
    def test_parked_successors_follow_when_the_gap_closes(self) -> None:
        stored = {(1, 4): Event(4), (1, 6): Event(6)}
        plan: Planner[Event] = Planner(PROJECTION, handled, {KEY: at(2, parked=2)}, {KEY: stored})

        plan.feed(Event(5))
        plan.feed(Event(3))

        assert [event.seq for event in plan.applied] == [3, 4, 5, 6]
        assert not plan.park
        assert sorted(seq for _, _, seq in plan.unpark) == [4, 6]
        assert plan.places[KEY] == at(6)

    def test_an_event_that_was_passed_over_for_good_is_passed_over_again_and_keeps_nobody_waiting(
        self,
    ) -> None:
        bad = Event(2)
        plan: Planner[Event] = Planner(
            PROJECTION, handled, {}, condemned={bad.event_id: ("no good", 3)}, discarded={bad.event_id}
        )
        for event in (Event(1), bad, Event(3)):
            plan.feed(event)

        assert plan.applied == [Event(1), Event(3)]
        assert plan.dead == []
        assert plan.places[KEY] == at(3)

    def test_later_events_wait_when_one_is_set_aside(self) -> None:
        bad = Event(1)
        plan: Planner[Event] = Planner(PROJECTION, handled, {}, condemned={bad.event_id: ("no good", 3)})

        for seq in (1, 2, 3):
            plan.feed(Event(seq))

        assert [dead.mark.seq for dead in plan.dead] == [1]
        assert plan.applied == []
        assert {seq for _, _, seq in plan.park} == {2, 3}
        assert plan.places[KEY] == Place(1, 0, dead_seq=1, parked=2)

    def test_all_that_waited_is_applied_when_the_dead_letter_is_discarded(self) -> None:
        before = {KEY: Place(1, 0, dead_seq=1, parked=1)}
        plan: Planner[Event] = Planner(PROJECTION, handled, before, {KEY: {(1, 2): Event(2)}})

        plan.discard(KEY, Event(1))

        assert [event.seq for event in plan.applied] == [2]
        assert plan.places[KEY] == at(2)

    def test_a_dead_letter_is_applied_when_it_is_tried_again(self) -> None:
        plan: Planner[Event] = Planner(PROJECTION, handled, {KEY: Place(1, 0, dead_seq=1)})

        plan.retry(KEY, Event(1))

        assert [event.seq for event in plan.applied] == [1]
        assert plan.places[KEY] == at(1)

    def test_an_unknown_version_is_set_aside_when_its_type_is_handled(self) -> None:
        plan: Planner[Event] = Planner(PROJECTION, lambda _: Route.UNKNOWN_VERSION, {})

        plan.feed(Event(1))

        assert plan.dead[0].reason.startswith("unknown_version")
        assert plan.places[KEY].seq == 0

    def test_the_position_advances_when_a_type_is_not_handled(self) -> None:
        plan: Planner[Event] = Planner(PROJECTION, lambda _: Route.UNHANDLED, {})

        plan.feed(Event(1))

        assert plan.applied == []
        assert plan.places[KEY] == at(1)

    def test_an_event_with_a_known_seq_is_set_aside_when_its_id_is_another(self) -> None:
        plan: Planner[Event] = Planner(PROJECTION, handled, {KEY: at(1)})

        plan.feed(Event(1, variant=9))
        plan.feed(Event(2))

        assert plan.dead[0].reason.startswith("seq_conflict")
        assert [event.seq for event in plan.applied] == [2]

    def test_what_is_parked_of_an_old_epoch_is_forgotten_when_the_new_one_comes(self) -> None:
        plan: Planner[Event] = Planner(REACTION, handled, {KEY: at(2, parked=1)}, {KEY: {(1, 4): Event(4)}})

        plan.feed(Event(1, epoch=2, replay=True))

        assert plan.unpark == [(KEY, 1, 4)]
        assert plan.places[KEY].parked == 0

    def test_locks_are_taken_in_one_order_when_a_batch_is_mixed(self) -> None:
        events = [Event(1, aggregate_id=UUID(int=n)) for n in (5, 2, 9, 2)]

        assert keys_of(events) == [(STREAM, UUID(int=n)) for n in (2, 5, 9)]


@dataclass
class Database:
    """What a consumer has committed: as the tables would hold it."""

    places: dict[Key, Place] = field(default_factory=dict)
    parked: dict[Key, dict[tuple[int, int], Event]] = field(default_factory=dict)
    dead: dict[UUID, Event] = field(default_factory=dict)
    effects: list[Event] = field(default_factory=list)

    def commit(self, plan: Planner[Event]) -> None:
        self.effects += plan.applied
        self.places |= plan.places
        for key, epoch, seq in plan.unpark:
            del self.parked[key][epoch, seq]
        for (key, epoch, seq), event in plan.park.items():
            self.parked.setdefault(key, {})[epoch, seq] = event
        self.dead |= {dead.mark.event_id: dead.mark for dead in plan.dead}


LEADS = [UUID(int=n) for n in range(1, 4)]


class AtLeastOnce(RuleBasedStateMachine):
    """A log that repeats, reorders and withholds; poison; replays and discards; transactions that roll back.

    Whatever happens, each aggregate's effects are its events in seq order, each at most once, and when all
    was delivered and every dead letter dealt with, each exactly once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.database = Database()
        self.recorded: dict[UUID, int] = dict.fromkeys(LEADS, 0)
        self.poison: set[UUID] = set()
        self.discarded: set[UUID] = set()

    @initialize()
    def begin(self) -> None:
        self.policy = PROJECTION

    @rule(lead=st.sampled_from(LEADS), bad=st.booleans())
    def record(self, lead: UUID, bad: bool) -> None:
        self.recorded[lead] += 1
        if bad and len(self.poison) < 3:
            self.poison.add(Event(self.recorded[lead], aggregate_id=lead).event_id)

    @rule(data=st.data(), rolls_back=st.booleans())
    def deliver(self, data: st.DataObject, rolls_back: bool) -> None:
        log = [
            Event(seq, aggregate_id=lead)
            for lead, last in self.recorded.items()
            for seq in range(1, last + 1)
        ]
        if log:
            batch = data.draw(st.lists(st.sampled_from(log), max_size=12))
            plan = self.plan()
            for event in batch:
                plan.feed(event)
            if not rolls_back:
                self.database.commit(plan)

    @rule(data=st.data())
    def mend(self, data: st.DataObject) -> None:
        if self.database.dead:
            event = self.database.dead[data.draw(st.sampled_from(sorted(self.database.dead)))]
            self.poison.discard(event.event_id)
            self.settle(event, discard=False)

    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        if self.database.dead:
            event = self.database.dead[data.draw(st.sampled_from(sorted(self.database.dead)))]
            self.settle(event, discard=True)

    def plan(self, *, release: bool = True) -> Planner[Event]:
        condemned = dict.fromkeys(self.poison, ("poison", 3))
        database = self.database
        return Planner(
            self.policy, handled, database.places, database.parked, condemned=condemned, release=release
        )

    def settle(self, event: Event, *, discard: bool) -> None:
        key = (event.stream, event.aggregate_id)
        plan = self.plan()
        if discard:
            self.discarded.add(event.event_id)
            self.poison.discard(event.event_id)
            plan.discard(key, event)
        else:
            plan.retry(key, event)
        if event.event_id not in {dead.mark.event_id for dead in plan.dead}:
            del self.database.dead[event.event_id]
        self.database.commit(plan)

    @invariant()
    def effects_are_in_order_and_never_doubled(self) -> None:
        for lead in LEADS:
            seqs = [event.seq for event in self.database.effects if event.aggregate_id == lead]
            assert seqs == sorted(set(seqs))
            place = self.database.places.get((STREAM, lead), Place(1, 0))
            known = {event.seq for event in map(self.event_of, self.discarded) if event.aggregate_id == lead}
            assert set(seqs) | known >= set(range(1, place.seq + 1))

    @invariant()
    def parked_counts_are_true(self) -> None:
        for key, place in self.database.places.items():
            assert place.parked == len(self.database.parked.get(key, {}))

    def event_of(self, event_id: UUID) -> Event:
        number = event_id.int
        return Event((number >> 8) & 0xFFFFFF, aggregate_id=UUID(int=number >> 64))

    def teardown(self) -> None:
        self.poison.clear()
        for event in list(self.database.dead.values()):
            self.settle(event, discard=False)
        plan = self.plan()
        for lead, last in self.recorded.items():
            for seq in range(1, last + 1):
                plan.feed(Event(seq, aggregate_id=lead))
        self.database.commit(plan)
        for lead, last in self.recorded.items():
            seqs = [event.seq for event in self.database.effects if event.aggregate_id == lead]
            skipped = {
                event.seq for event in map(self.event_of, self.discarded) if event.aggregate_id == lead
            }
            assert seqs == [seq for seq in range(1, last + 1) if seq not in skipped]
            assert self.database.places.get((STREAM, lead), Place(1, 0))._replace(event_id=None) == Place(
                1, last
            )


TestAtLeastOnce = AtLeastOnce.TestCase
TestAtLeastOnce.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
