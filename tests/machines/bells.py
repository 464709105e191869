"""Timers in memory: two workers fire what is due, while aggregates are scheduled anew and cancelled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.events.timing import rules as timer_rules

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
aggregates = st.integers(0, 2)
either = st.integers(0, 1)


@dataclass(slots=True)
class Bell:
    """A row of `timers`."""

    aggregate: int
    generation: int
    due_at: datetime
    fire_at: datetime
    attempts: int = 0


@dataclass(slots=True)
class Firing:
    """A worker's transaction: it holds the row and the aggregate's generation. `counts`: the handler ran."""

    number: int
    counts: bool


class Bells(RuleBasedStateMachine):
    """No timer fires twice, early, or when it was superseded; at rest none is forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.generations: Counter[int] = Counter()
        self.bells: dict[int, Bell] = {}
        self.wanted: dict[int, int] = {}
        self.known: list[list[int]] = [[], []]
        self.firings: list[Firing | None] = [None, None]
        self.fired: Counter[int] = Counter()
        self.dead: dict[int, Bell] = {}
        self.last = 0

    def _is_locked(self, aggregate: int) -> bool:
        held = [self.bells[each.number] for each in self.firings if each is not None]
        return any(bell.aggregate == aggregate for bell in held)

    @rule(aggregate=aggregates, seconds=st.integers(0, 5))
    def schedule(self, aggregate: int, seconds: int) -> None:
        if not self._is_locked(aggregate):
            self.last += 1
            self.generations[aggregate] += 1
            due_at = self.now + timedelta(seconds=seconds)
            self.bells[self.last] = Bell(aggregate, self.generations[aggregate], due_at, due_at)
            self.wanted[aggregate] = self.last

    @rule(aggregate=aggregates)
    def cancel(self, aggregate: int) -> None:
        if not self._is_locked(aggregate):
            self.generations[aggregate] += 1
            self.wanted.pop(aggregate, None)

    @rule(seconds=st.integers(1, 400))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(worker=either)
    def look(self, worker: int) -> None:
        """Remember what is due; it may be long past when the worker gets to it."""
        self.known[worker] = [number for number, bell in self.bells.items() if bell.fire_at <= self.now]

    @rule(worker=either)
    def begin(self, worker: int) -> None:
        if not self.known[worker] or self.firings[worker] is not None:
            return
        number = self.known[worker].pop(0)
        bell = self.bells.get(number)
        if bell is None or bell.fire_at > self.now or self._is_locked(bell.aggregate):
            return
        counts = timer_rules.still_counts(bell.generation, self.generations[bell.aggregate])
        self.firings[worker] = Firing(number, counts)

    @precondition(lambda self: any(self.firings))
    @rule(worker=either)
    def commit(self, worker: int) -> None:
        firing, self.firings[worker] = self.firings[worker], None
        if firing is None:
            return
        bell = self.bells.pop(firing.number)
        if firing.counts:
            assert bell.due_at <= self.now, "it fired early"
            assert bell.generation == self.generations[bell.aggregate], "a superseded one fired"
            self.fired[firing.number] += 1

    @precondition(lambda self: any(self.firings))
    @rule(worker=either)
    def crash(self, worker: int) -> None:
        self.firings[worker] = None
        self.known[worker].clear()

    @precondition(lambda self: any(self.firings))
    @rule(worker=either)
    def fail(self, worker: int) -> None:
        """The handler raises: it is put off, or set aside after too many tries."""
        firing, self.firings[worker] = self.firings[worker], None
        if firing is None or not firing.counts:
            return
        bell = self.bells[firing.number]
        bell.attempts += 1
        if bell.attempts >= timer_rules.TRIES:
            self.dead[firing.number] = self.bells.pop(firing.number)
        else:
            bell.fire_at = timer_rules.next_try(self.now, bell.attempts)
            assert self.now < bell.fire_at <= self.now + timedelta(minutes=5)

    @rule(number=either)
    def replay(self, number: int) -> None:
        for each in list(self.dead)[number : number + 1]:
            bell = self.dead.pop(each)
            self.bells[each] = Bell(bell.aggregate, bell.generation, bell.due_at, self.now)

    @invariant()
    def none_fires_twice(self) -> None:
        assert not self.fired or max(self.fired.values()) == 1

    def teardown(self) -> None:
        self.firings = [None, None]
        while self.dead:
            self.replay(0)
        self.now += timedelta(days=1)
        self.look(0)
        while self.known[0]:
            self.begin(0)
            self.commit(0)
        assert not self.bells
        assert all(self.fired[number] == 1 for number in self.wanted.values()), "one was forgotten"
