"""The whole way of an event, from the transaction that records it to the KPIs; everything goes wrong."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.scoring.kpis import fold
from shared.events.consuming.decide import Policy
from tests.machines.carrier import Carrier, Outbox
from tests.machines.consumer import Reader, Tables
from tests.machines.events import LEADS, PARTITIONS, WORDS, Event, of_activity, of_lead
from tests.machines.journal import Journal
from tests.machines.log import Log

few = st.integers(0, 3)
either = st.integers(0, 1)
seldom = st.sampled_from([False, False, False, True])
partitions = st.integers(0, PARTITIONS - 1)
FIRST_ACTIVITY = 100
FAULTS = ("kill relay", "stop leader", "kill reader", "roll back", "lose end", "wipe", "cut off")


class Pipeline(RuleBasedStateMachine):
    """Two relays, two readers of one consumer, and faults at every step between them.

    Nothing is applied twice or out of order at any time. When all comes to rest, nothing is lost, and every
    number equals a fold from scratch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.journal, self.log = Journal(), Log()
        self.outbox = Outbox(self.journal, self.log)
        self.carriers = [Carrier(0, self.outbox), Carrier(1, self.outbox)]
        self.tables = Tables()
        self.poison: set[UUID] = set()
        self.discarded: set[int] = set()
        self.readers: list[Reader] = []
        self.now = 0.0
        self.activities = 0

    @initialize(reaction=st.booleans())
    def begin(self, reaction: bool) -> None:
        self.policy = Policy("reaction" if reaction else "projection")
        self.readers = [Reader(self.tables, self.log, self.policy, self.poison) for _ in range(2)]
        self.carriers[0].lead()

    # What users do.

    @rule(
        lead=st.integers(0, 2), words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=2),
        hour=few, rep=few, slow=st.booleans(), historic=seldom, bad=seldom,
    )  # fmt: skip
    def write(
        self, lead: int, words: list[str], hour: int, rep: int, slow: bool, historic: bool, bad: bool
    ) -> None:
        aggregate = LEADS[lead]
        if self.journal.is_locked(aggregate):
            return
        seq = self.journal.next_seq(aggregate)
        happenings = [of_lead(aggregate, seq + n, word, hour, rep) for n, word in enumerate(words)]
        events = self.journal.begin(aggregate, happenings, historic=historic)
        if bad:
            self.poison.add(events[0].event_id)
        if not slow:
            self.journal.commit(-1)

    @rule(lead=st.integers(0, 2), hour=few, rep=few, slow=st.booleans())
    def act(self, lead: int, hour: int, rep: int, slow: bool) -> None:
        self.activities += 1
        activity = UUID(int=FIRST_ACTIVITY + self.activities)
        self.journal.begin(activity, [of_activity(activity, LEADS[lead], hour, rep)])
        if not slow:
            self.journal.commit(-1)

    @precondition(lambda self: self.journal.open)
    @rule(number=few, commits=st.sampled_from([True, True, False]))
    def end_transaction(self, number: int, commits: bool) -> None:
        number %= len(self.journal.open)
        if commits:
            self.journal.commit(number)
        else:
            self.journal.roll_back(number)

    # What relays do, and what happens to them.

    @rule(steps=st.lists(st.tuples(either, st.sampled_from([0, 0, 0, 1, 2])), min_size=3, max_size=12))
    def carry(self, steps: list[tuple[int, int]]) -> None:
        for which, portion in steps:
            self.now += 0.1
            self.carriers[which].step(self.now, portion)

    # Faults share one rule, lest they be half of what happens.

    @rule(what=st.sampled_from(FAULTS), which=either, count=st.integers(1, 3))
    def fault(self, what: str, which: int, count: int) -> None:
        match what:
            case "kill relay":
                self.carriers[which].die()
                self.carriers[1 - which].lead()
            case "stop leader":
                # Its session ends while it stands still: it goes on later with what it holds.
                self.carriers[1 - (self.outbox.leader or 0)].lead()
            case "kill reader":
                self.readers[which].forget()
            case "roll back":
                self.readers[which].roll_back()
            case "lose end" if not self.outbox.to_republish:
                # A republish over which the broker lost something is ordered again by people.
                self.log.lose_end(which, count)
                self._everybody_reconnects()
            case "wipe" | "cut off":
                self._publish_again(wiped=what == "wipe")

    def _publish_again(self, *, wiped: bool) -> None:
        if wiped:
            self.log.wipe()
        else:
            self.log.cut_off()
        self.outbox.to_republish = sorted(self.journal.rows)
        self._everybody_reconnects()

    def _everybody_reconnects(self) -> None:
        for reader in self.readers:
            reader.disconnect()
        self.carriers[self.outbox.leader or 0].lead()

    # What readers do, and what happens to them.

    @rule(which=either, partition=partitions, count=st.integers(1, 5))
    def fetch(self, which: int, partition: int, count: int) -> None:
        self.readers[which].begin(partition, count)

    @rule(which=either)
    def commit(self, which: int) -> None:
        self.readers[which].commit()

    @rule(which=either, count=st.integers(1, 5))
    def consume(self, which: int, count: int) -> None:
        for partition in range(PARTITIONS):
            self.readers[which].begin(partition, count)
            self.readers[which].commit()

    # What people do about events that cannot be applied.

    @precondition(lambda self: self.tables.dead)
    @rule(which=either, number=few, mended=st.booleans(), discard=st.booleans(), at_once=st.booleans())
    def resolve(self, which: int, number: int, mended: bool, discard: bool, at_once: bool) -> None:
        letters = sorted(self.tables.dead)
        letter = letters[number % len(letters)]
        if discard:
            self.discarded.add(letter.int)
        if mended:
            self.poison.discard(letter)
        self.readers[which].resolve(letter, discard=discard)
        if at_once:
            self.readers[which].commit()

    @rule(which=either)
    def release(self, which: int) -> None:
        self.readers[which].release()

    # What must hold.

    @invariant()
    def nothing_is_applied_twice_or_out_of_order(self) -> None:
        newest: Counter[UUID] = Counter()
        for event in self.tables.effects:
            assert event.seq > newest[event.aggregate_id], f"{event} after {newest[event.aggregate_id]}"
            newest[event.aggregate_id] = event.seq

    @invariant()
    def parked_counts_are_true(self) -> None:
        for key, place in self.tables.places.items():
            assert place.parked == len(self.tables.parked.get(key, {})), key

    def teardown(self) -> None:
        if self.readers:
            self._come_to_rest()
            self._nothing_is_lost()
            self._numbers_are_right()

    def _come_to_rest(self) -> None:
        while self.journal.open:
            self.journal.commit(0)
        self.poison.clear()
        for reader in self.readers:
            reader.forget()
        self._publish_all()
        if not self._read_all():
            # It stands before a hole and asks for a republish, by which it must come to the end.
            self._publish_again(wiped=False)
            self._publish_all()
            assert self._read_all(), "a reader stands still although all was published again"
        self._settle_letters(self.readers[0])

    def _publish_all(self) -> None:
        """Give the leader, who goes on as it is, more time than it can need."""
        leader = self.carriers[self.outbox.leader or 0]
        if not leader.leads:
            leader.lead()
        for _ in range(30 + 4 * len(self.journal.rows)):
            self.now += 0.3
            leader.step(self.now, 0)

    def _read_all(self) -> bool:
        """Read to the end of every partition; False where the reader cannot go on."""
        reader, offsets = self.readers[0], self.tables.offsets
        for partition in range(PARTITIONS):
            before = None
            while offsets[partition] != before:
                before = offsets[partition]
                reader.begin(partition, 5)
                reader.commit()
        return all(offsets[partition].next == self.log.end(partition) for partition in range(PARTITIONS))

    def _settle_letters(self, reader: Reader) -> None:
        while self.tables.dead:
            reader.resolve(min(self.tables.dead), discard=False)
            reader.commit()
        reader.find_ready()
        while reader.to_release:
            reader.release()
            reader.commit()

    def _nothing_is_lost(self) -> None:
        applied = {event.id for event in self.tables.effects}
        wanted = {
            event.id
            for event in self.journal.rows.values()
            if not (event.historic and self.policy.kind == "reaction")
        }
        assert applied | self.discarded >= wanted, f"lost: {sorted(wanted - applied - self.discarded)}"
        assert applied <= wanted
        assert not any(self.tables.parked.values())

    def _numbers_are_right(self) -> None:
        held = Counter({fact: count for fact, count in self.tables.net.items() if count})
        assert held == recomputed(self.tables.effects), "the numbers differ from a fold from scratch"


def recomputed(events: list[Event]) -> Counter[fold.Contribution]:
    """Every fact that holds after these events, each lead folded anew in the order of event time."""
    happenings = sorted((event.happening for event in events), key=lambda each: each.source)
    states: dict[str, fold.LeadState] = {}
    facts: list[fold.Contribution] = []
    for happening in happenings:
        facts += fold.occurrences(happening, UTC)
        if happening.decides and happening.lead is not None:
            states[happening.lead] = fold.advance(states.get(happening.lead, fold.LeadState()), happening)
    return Counter(facts + [fact for state in states.values() for fact in fold.standing(state, UTC)])
