"""A consumer in memory: its tables, and readers that fetch, decide, commit, crash and come back.

The product decides where to start, what becomes of each event, and what it adds to the KPIs. The tables keep
the three locks of the real ones: the offset's compare-and-set, rows of positions, and the insert of new ones.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC
from uuid import UUID

from services.scoring.kpis import fold
from shared.events.consuming import decide, starting
from shared.events.consuming.decide import Key, Place, Planner, Policy
from shared.events.consuming.handlers import Route
from shared.events.consuming.starting import AcrossHole, CheckBefore, FromBeginning, GoOn, Stored
from tests.machines.events import PARTITIONS, Event
from tests.machines.log import Log


@dataclass
class Tables:
    """What a consumer has committed, and which of it is locked by whom."""

    offsets: list[Stored] = field(default_factory=lambda: [Stored(0, None)] * PARTITIONS)
    places: dict[Key, Place] = field(default_factory=dict)
    parked: dict[Key, dict[tuple[int, int], Event]] = field(default_factory=dict)
    dead: dict[UUID, Event] = field(default_factory=dict)
    effects: list[Event] = field(default_factory=list)
    states: dict[str, fold.LeadState] = field(default_factory=dict)
    net: Counter[fold.Contribution] = field(default_factory=Counter)
    locks: dict[object, Reader] = field(default_factory=dict)

    def apply(self, events: list[Event]) -> None:
        self.effects += events
        for event in events:
            if event.happening.lead is not None:
                self.states.setdefault(event.happening.lead, fold.LeadState())
        folded = fold.fold([event.happening for event in events], self.states, UTC)
        self.states |= folded.changed
        for fact, sign in folded.facts:
            self.net[fact] += sign

    def store(self, plan: Planner[Event]) -> None:
        self.places |= plan.places
        for key, epoch, seq in plan.unpark:
            del self.parked[key][epoch, seq]
        for (key, epoch, seq), event in plan.park.items():
            self.parked.setdefault(key, {})[epoch, seq] = event
        self.dead |= {dead.mark.event_id: dead.mark for dead in plan.dead}


@dataclass
class Transaction:
    """What a reader has decided and not committed. `letter`: the dead letter that it resolves."""

    plan: Planner[Event]
    known: frozenset[Key]
    partition: int | None = None
    end: Stored | None = None
    letter: UUID | None = None


class Reader:
    """One process's client of one consumer. Two of them may hold the same partition at the same time."""

    def __init__(self, tables: Tables, log: Log, policy: Policy, poison: set[UUID]) -> None:
        self.tables = tables
        self.log = log
        self.policy = policy
        self.poison = poison
        self.next: dict[int, int] = {}
        self.transaction: Transaction | None = None
        self.to_release: list[Key] = []
        self._is_disconnected = False

    def forget(self) -> None:
        """A new process or client: nothing is believed any more."""
        self.roll_back()
        self.next.clear()
        self.to_release.clear()

    def disconnect(self) -> None:
        """The broker was away: partitions are placed anew, after what is under way."""
        self.next.clear()
        self._is_disconnected = self.transaction is not None

    def roll_back(self) -> None:
        self.transaction = None
        self._is_disconnected = False
        for lock, owner in list(self.tables.locks.items()):
            if owner is self:
                del self.tables.locks[lock]

    def _take(self, *wanted: object) -> bool:
        """Lock rows; False where another one holds any: then it would wait."""
        if any(self.tables.locks.get(lock, self) is not self for lock in wanted):
            return False
        self.tables.locks.update(dict.fromkeys(wanted, self))
        return True

    def begin(self, partition: int, count: int) -> None:
        """Fetch, fence, decide; stay before the commit."""
        if partition not in self.next:
            self._find_place(partition)
        start = self.next.get(partition)
        if start is None or self.transaction is not None or start > self.log.end(partition):
            self.next.pop(partition, None)
            return
        records = self.log.records[partition][start : start + count]
        if not records or ("offset", partition) in self.tables.locks:
            return
        if self.tables.offsets[partition].next != start:
            self.next.pop(partition)
            return
        keys = decide.keys_of(records)
        if self._take(*(key for key in keys if key in self.tables.places)):
            self._take(("offset", partition))
            plan = self._plan(keys)
            for record in records:
                plan.feed(record)
            end = Stored(start + len(records), records[-1].event_id)
            self.transaction = Transaction(plan, frozenset(self.tables.places), partition, end)

    def _plan(self, keys: list[Key], *, release: bool = True) -> Planner[Event]:
        tables = self.tables
        return Planner(
            self.policy,
            lambda _: Route.HANDLED,
            {key: tables.places[key] for key in keys if key in tables.places},
            {key: tables.parked[key] for key in keys if key in tables.parked},
            condemned=dict.fromkeys(self.poison, ("poison", 3)),
            release=release,
        )

    def resolve(self, letter: UUID, *, discard: bool) -> None:
        """Take up a dead letter again; any process of the consumer may, whoever reads the partition."""
        event = self.tables.dead.get(letter)
        if event is None or self.transaction is not None:
            return
        key = (event.stream, event.aggregate_id)
        if self._take(("letter", letter), key):
            plan = self._plan([key], release=False)
            if discard:
                plan.discard(key, event)
            else:
                plan.retry(key, event)
            self.transaction = Transaction(plan, frozenset(self.tables.places), letter=letter)
            self.to_release.append(key)

    def release(self) -> None:
        """Apply the next event that waits behind what was resolved, in a transaction of its own."""
        if self.transaction is not None or not self.to_release:
            return
        key = self.to_release[0]
        if self._take(key):
            plan = self._plan([key])
            plan.feed_parked(key, limit=1)
            if not plan.places:
                self.to_release.pop(0)
                self.roll_back()
                return
            self.transaction = Transaction(plan, frozenset(self.tables.places))

    def find_ready(self) -> None:
        """Once a second: aggregates whose next event waits although nothing is in its way."""
        tables = self.tables
        self.to_release += [
            key
            for key, place in tables.places.items()
            if place.dead_seq is None and (place.epoch, place.seq + 1) in tables.parked.get(key, {})
        ]

    def commit(self) -> None:
        """All or nothing."""
        transaction = self.transaction
        if transaction is None:
            return
        plan, tables = transaction.plan, self.tables
        if any(key in tables.places for key in plan.places if key not in transaction.known):
            self.forget()
            return
        tables.apply(plan.applied)
        tables.store(plan)
        if transaction.letter is not None and transaction.letter not in {d.mark.event_id for d in plan.dead}:
            del tables.dead[transaction.letter]
        if transaction.partition is not None and transaction.end is not None:
            tables.offsets[transaction.partition] = transaction.end
            if not self._is_disconnected:
                self.next[transaction.partition] = transaction.end.next
        self.roll_back()

    def _find_place(self, partition: int) -> None:
        """As the seeker does it, by the product's rules."""
        stored = self.tables.offsets[partition]
        begin, end = self.log.begins[partition], self.log.end(partition)
        start = starting.where_to_start(stored, begin, end)
        if isinstance(start, CheckBefore):
            first = self.log.records[partition][start.offset]
            if starting.is_the_record(stored, start.offset, first.event_id):
                self.next[partition] = stored.next
                return
            start = starting.other_log(begin)
        match start:
            case GoOn(offset):
                self.next[partition] = offset
            case FromBeginning():
                self._rewind(partition, 0)
            case AcrossHole(offset) if offset < end and self.log.records[partition][offset].replay:
                self._rewind(partition, offset)
            case _:
                pass

    def _rewind(self, partition: int, offset: int) -> None:
        if ("offset", partition) not in self.tables.locks:
            self.tables.offsets[partition] = Stored(offset, None)
            self.next[partition] = offset
