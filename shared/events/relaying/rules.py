"""The relay's decisions, without database or broker: where to scan from, when to pause, what to publish
again.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

BATCH = 4000
LOOK_BACK = 1000
"""So far below the last id sent each scan begins: an id drawn just before often commits just after."""
BOTTOM_EVERY_S = 1.0
POLL_S = 0.05
REPUBLISH_WINDOW_S = 60.0


@dataclass(slots=True)
class Scan:
    """Which pending ids to read next.

    The fast scan begins a little below the last id sent, where nearly everything is. An id drawn long before
    may commit later: a scan from the bottom, once a second, finds it.
    """

    last_id: int = 0
    bottom_due_at: float = 0.0

    def above(self, now: float) -> int:
        """Read pending ids greater than this."""
        if now >= self.bottom_due_at:
            self.bottom_due_at = now + BOTTOM_EVERY_S
            return 0
        return max(0, self.last_id - LOOK_BACK)

    def sent(self, ids: Iterable[int]) -> None:
        self.last_id = max(self.last_id, *ids)

    def failed(self) -> None:
        """Nothing is known to be sent: begin from the bottom at once."""
        self.last_id = 0
        self.bottom_due_at = 0.0


P = TypeVar("P", bound=Hashable)
E = TypeVar("E", bound=Hashable)


def behind(sent: Mapping[P, Collection[E]], in_log: Mapping[P, Collection[E]]) -> frozenset[P]:
    """The partitions whose log's end lacks something of what was sent last.

    All of it is compared, not the newest only: an earlier id can be sent later, and be what is lost. A log
    that holds it further back has lost nothing; its window is sent again all the same: positions drop what
    is known.
    """
    return frozenset(
        partition for partition, events in sent.items() if not set(events) <= set(in_log.get(partition, ()))
    )


def wiped(first: Mapping[P, E], heads: Mapping[P, tuple[int, Collection[E]]]) -> frozenset[P]:
    """The partitions whose log begins at offset 0, but not with what was sent there first.

    `heads`: a partition's first offset and the events that its log begins with.
    """
    found = {partition: heads.get(partition, (0, ())) for partition in first}
    return frozenset(
        partition
        for partition, (begin, events) in found.items()
        if begin == 0 and first[partition] not in events
    )
