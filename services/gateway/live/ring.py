"""The last minutes of events, for all clients of a process. Bounded by time and by number."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from services.gateway.live.marks import PLACES, Proof
from services.gateway.live.rules import NOBODY, Audience
from shared.contracts.leads import LeadMerged, LeadPooled

K = TypeVar("K")
V = TypeVar("V")

MOST = 50_000
_REMEMBERED = 20_000
_UNOWNED = frozenset({LeadPooled.type_name(), LeadMerged.type_name()})


@dataclass(frozen=True, slots=True)
class Item:
    """One event as clients get it. `data` is its JSON; `audience` None: the lead's owner's."""

    place: int
    offset: int
    at_ms: int
    event_id: UUID
    check: int
    tenant_id: UUID
    aggregate_id: UUID
    type: str
    stream: str
    audience: Audience | None
    data: bytes


class Ring:
    """Items in the order read, numbered for ever upward.

    `floor` is, of each place, the first offset that is wholly covered; `next` the one that will be read next.
    """

    def __init__(self, ends: Sequence[int], keep_ms: int) -> None:
        self.floor = list(ends)
        self.next = list(ends)
        self.proof: Proof | None = None
        self._keep_ms = keep_ms
        self._items: deque[Item] = deque()
        self._first = 0
        self._seen: OrderedDict[UUID, None] = OrderedDict()
        self._checks: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._owners: OrderedDict[UUID, Audience] = OrderedDict()

    @property
    def first(self) -> int:
        """The number of the oldest item kept."""
        return self._first

    @property
    def end(self) -> int:
        """The number that the next item will get."""
        return self._first + len(self._items)

    def passed(self, place: int, offset: int, check: int) -> None:
        """A record was read, whether anybody is told of it or not."""
        self.next[place] = max(self.next[place], offset + 1)
        self.proof = Proof(place, offset, check)
        _keep(self._checks, (place, offset), check, _REMEMBERED)

    def is_new(self, event_id: UUID) -> bool:
        """False for what was read before: delivery is at least once."""
        if event_id in self._seen:
            return False
        _keep(self._seen, event_id, None, MOST)
        return True

    def add(self, item: Item) -> None:
        if item.audience is not None and item.stream == "cox.leads":
            # What happens to a lead in a pool, or to a part of another, is nobody's until somebody has it.
            owner = NOBODY if item.type in _UNOWNED else item.audience
            _keep(self._owners, item.aggregate_id, owner, _REMEMBERED)
        self._items.append(item)
        oldest = item.at_ms - self._keep_ms
        while self._items and (self._items[0].at_ms < oldest or len(self._items) > MOST):
            gone = self._items.popleft()
            self._first += 1
            self.floor[gone.place] = gone.offset + 1

    def owner_of(self, lead_id: UUID) -> Audience | None:
        """Whose a lead is, as far as its events here tell."""
        return self._owners.get(lead_id)

    def items(self, start: int) -> Iterator[tuple[int, Item]]:
        """Items from a number on, with their numbers; as far as they are there now."""
        for number in range(max(start, self._first), self.end):
            # Eviction moves `first` while a client takes its time between two items.
            if number >= self._first:
                yield number, self._items[number - self._first]

    def check_at(self, place: int, offset: int) -> int | None:
        """The check of a record read lately."""
        return self._checks.get((place, offset))

    def covers(self, offsets: Sequence[int]) -> bool:
        """Whether everything from these offsets on is in the ring."""
        return all(offsets[place] >= self.floor[place] for place in range(len(PLACES)))


def _keep(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
