"""The consumer's decisions, without database or broker: drop, apply, skip, park, set aside.

What is known of an aggregate is its `Place`; a `Mark` is what an event says of itself. A `Planner` takes the
events of a batch one by one and holds what follows for the database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from shared.events.consuming.handlers import Kind, Route

Key = tuple[str, UUID]
"""(stream, aggregate id)"""


class Mark(Protocol):
    """What decides over an event; `Received` is one."""

    @property
    def event_id(self) -> UUID: ...
    @property
    def type(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def aggregate_id(self) -> UUID: ...
    @property
    def tenant_id(self) -> UUID: ...
    @property
    def epoch(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def historic(self) -> bool: ...
    @property
    def replay(self) -> bool: ...
    @property
    def again(self) -> bool: ...


M = TypeVar("M", bound=Mark)


class Place(NamedTuple):
    """How far a consumer is with an aggregate; see the table `positions` for the words.

    A tuple, because one is made per event.
    """

    epoch: int
    seq: int
    event_id: UUID | None = None
    dead_seq: int | None = None
    parked: int = 0
    settling: bool = False
    met: int | None = None


class Verdict(Enum):
    DROP = "drop"  # known, of a lower epoch, or already a dead letter
    APPLY = "apply"
    SKIP = "skip"  # advance without acting
    PARK = "park"  # its predecessor is missing
    CONFLICT = "conflict"  # another event with a known seq
    REBUILD = "rebuild"  # a projection meets a higher epoch


@dataclass(frozen=True, slots=True)
class Policy:
    """What kind of consumer decides. `adopts`: it began at the log's end. `epochs`: a projection's, per
    stream.
    """

    kind: Kind
    adopts: bool = False
    epochs: Mapping[str, int] = field(default_factory=dict)


def judge(policy: Policy, place: Place | None, mark: Mark) -> tuple[Verdict, Place]:
    """What to do with an event, and the place it was compared with (a new one where there was none)."""
    if policy.kind == "projection":
        current = policy.epochs.get(mark.stream, 1)
        if mark.epoch != current:
            verdict = Verdict.DROP if mark.epoch < current else Verdict.REBUILD
            return verdict, place or Place(current, 0)
        return _by_seq(policy, place or Place(current, 0), mark)
    if place is None:
        if policy.adopts:
            # It never saw what came before: the first event met is where it begins.
            verdict = Verdict.SKIP if mark.replay or mark.historic else Verdict.APPLY
            return verdict, Place(mark.epoch, mark.seq - 1)
        place = Place(1, 0)
    if mark.epoch < place.epoch:
        return Verdict.DROP, place
    if mark.epoch > place.epoch:
        # What is parked is of the old epoch; the rows go when their successors come.
        place = Place(mark.epoch, 0, parked=place.parked, settling=True, met=place.seq or None)
    return _by_seq(policy, place, mark)


def _by_seq(policy: Policy, place: Place, mark: Mark) -> tuple[Verdict, Place]:
    if mark.seq <= place.seq:
        other = mark.seq == place.seq and place.event_id is not None and mark.event_id != place.event_id
        return (Verdict.CONFLICT if other else Verdict.DROP), place
    if mark.seq > place.seq + 1:
        return Verdict.PARK, place
    if place.dead_seq == mark.seq:
        return Verdict.DROP, place
    if policy.kind == "reaction" and (mark.historic or _was_met(place, mark)):
        return Verdict.SKIP, place
    return Verdict.APPLY, place


def _was_met(place: Place, mark: Mark) -> bool:
    """Whether a new epoch tells once more what this reaction acted on in the one before."""
    if mark.again:
        # A backup holds as unsent what was sent a moment later. Up to there both epochs are the same.
        return place.met is not None and mark.seq <= place.met
    return place.settling and mark.replay


def advanced(place: Place, mark: Mark) -> Place:
    """The place after this event was applied or skipped. A live event ends a new epoch's settling."""
    settling = place.settling and mark.replay
    met = None if place.met is None or mark.seq >= place.met else place.met
    # Without the call of Python that the name of a named tuple is: one is made per event.
    return tuple.__new__(Place, (mark.epoch, mark.seq, mark.event_id, None, place.parked, settling, met))


@dataclass(frozen=True, slots=True)
class Dead(Generic[M]):
    """An event to set aside, with its reason. `attempts`: how often it was tried."""

    mark: M
    reason: str
    attempts: int = 0


class Planner(Generic[M]):
    """What becomes of a batch. Feed it the events in order; then read its lists.

    `condemned` maps ids of events that were tried in vain to (reason, attempts); `discarded` are those that
    somebody passed over for good. With `release` off, parked successors stay where they are.
    """

    def __init__(
        self,
        policy: Policy,
        route: Callable[[str], Route],
        places: Mapping[Key, Place],
        parked: Mapping[Key, Mapping[tuple[int, int], M]] | None = None,
        *,
        condemned: Mapping[UUID, tuple[str, int]] | None = None,
        discarded: Collection[UUID] = (),
        release: bool = True,
    ) -> None:
        self._policy = policy
        self._route = route
        self._before = places
        self._stored: dict[Key, dict[tuple[int, int], M]] = {
            key: dict(found) for key, found in (parked or {}).items()
        }
        self._condemned = condemned or {}
        self._discarded = discarded
        self._release = release
        self.places: dict[Key, Place] = {}
        """Places that changed."""
        self.tenants: dict[Key, UUID] = {}
        self.applied: list[M] = []
        """Events for handlers, in order; unhandled types only advance."""
        self.dead: list[Dead[M]] = []
        self.park: dict[tuple[Key, int, int], M] = {}
        """Events to park, by aggregate, epoch and seq."""
        self.unpark: list[tuple[Key, int, int]] = []
        self.rebuild: dict[str, int] = {}
        """Streams whose higher epoch this projection met."""
        self.counts = {"applied": 0, "dropped": 0, "parked": 0, "dead": 0, "skipped": 0}

    def place(self, key: Key) -> Place | None:
        return self.places.get(key) or self._before.get(key)

    def feed(self, mark: M) -> None:
        """Decide over the next event."""
        key = (mark.stream, mark.aggregate_id)
        verdict, place = judge(self._policy, self.place(key), mark)
        if verdict is Verdict.APPLY or verdict is Verdict.SKIP:
            went_on = self._go_on(key, mark, place, act=verdict is Verdict.APPLY)
            # Most aggregates have nobody waiting behind them; looking costs as much as deciding.
            if went_on and self._release and place.parked:
                self._release_from(key)
        elif verdict is Verdict.PARK:
            self._wait(key, mark, place)
        elif verdict is Verdict.CONFLICT:
            self._set_aside(Dead(mark, f"seq_conflict: seq {mark.seq} was {place.event_id}"))
        elif verdict is Verdict.REBUILD:
            self.rebuild[mark.stream] = max(mark.epoch, self.rebuild.get(mark.stream, 1))
        else:
            self.counts["dropped"] += 1

    def feed_parked(self, key: Key, limit: int | None = None) -> None:
        """Apply what waits behind this aggregate's place, at most `limit` events."""
        self._release_from(key, limit)

    def retry(self, key: Key, mark: M) -> None:
        """Try a dead letter again."""
        place = self.place(key)
        if place is not None and place.dead_seq == mark.seq and place.epoch == mark.epoch:
            self._settle(key, mark, place._replace(dead_seq=None))
        self.feed(mark)

    def discard(self, key: Key, mark: M) -> None:
        """Pass over a dead letter: advance without acting, then apply what waited behind it."""
        place = self.place(key)
        if place is not None and place.dead_seq == mark.seq and place.epoch == mark.epoch:
            self._settle(key, mark, advanced(place, mark))
            if self._release:
                self._release_from(key)

    def _go_on(self, key: Key, mark: M, place: Place, *, act: bool) -> bool:
        """Apply or skip; False when the event is set aside instead."""
        act = act and mark.event_id not in self._discarded
        route = self._route(mark.type)
        reason: tuple[str, int] | None = self._condemned.get(mark.event_id)
        if reason is None and act and route is Route.UNKNOWN_VERSION:
            reason = (f"unknown_version: {mark.type}", 1)
        if reason is not None and act:
            self._set_aside(Dead(mark, *reason))
            self._settle(key, mark, place._replace(dead_seq=mark.seq))
            return False
        if act and route is Route.HANDLED:
            self.applied.append(mark)
            self.counts["applied"] += 1
        else:
            self.counts["skipped"] += 1
        self._settle(key, mark, advanced(place, mark))
        return True

    def _settle(self, key: Key, mark: M, place: Place) -> None:
        self.places[key] = place
        self.tenants[key] = mark.tenant_id

    def _set_aside(self, dead: Dead[M]) -> None:
        self.dead.append(dead)
        self.counts["dead"] += 1

    def _wait(self, key: Key, mark: M, place: Place) -> None:
        spot = (key, mark.epoch, mark.seq)
        if spot in self.park or (mark.epoch, mark.seq) in self._stored.get(key, {}):
            self.counts["dropped"] += 1
            return
        self.park[spot] = mark
        self.counts["parked"] += 1
        self._settle(key, mark, place._replace(parked=place.parked + 1))

    def _release_from(self, key: Key, limit: int | None = None) -> None:
        self._forget_stale(key)
        place = self.place(key)
        while place is not None and place.parked > 0 and limit != 0:
            waiting = self._take(key, place.epoch, place.seq + 1)
            if waiting is None:
                return
            verdict, place = judge(self._policy, place._replace(parked=place.parked - 1), waiting)
            if not self._go_on(key, waiting, place, act=verdict is Verdict.APPLY):
                return
            place = self.places[key]
            limit = None if limit is None else limit - 1

    def _forget_stale(self, key: Key) -> None:
        """Drop what is parked although it is known by now, or of an epoch that is over."""
        place = self.place(key)
        if place is None:
            return
        stale = [spot for spot in self._stored.get(key, {}) if spot <= (place.epoch, place.seq)]
        for epoch, seq in stale:
            mark = self._stored[key].pop((epoch, seq))
            self.unpark.append((key, epoch, seq))
            place = place._replace(parked=place.parked - 1)
            self._settle(key, mark, place)

    def _take(self, key: Key, epoch: int, seq: int) -> M | None:
        fresh = self.park.pop((key, epoch, seq), None)
        if fresh is not None:
            self.counts["parked"] -= 1
            return fresh
        stored = self._stored.get(key, {}).pop((epoch, seq), None)
        if stored is not None:
            self.unpark.append((key, epoch, seq))
        return stored


def keys_of(marks: Collection[M]) -> list[Key]:
    """The aggregates of a batch, in the one order of locks."""
    return sorted({(mark.stream, mark.aggregate_id) for mark in marks})
