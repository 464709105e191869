"""Where to read: what is held is placed by the stored offset, once the log proves to be the one that was
read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import monotonic

from shared.database.connections import Raw
from shared.events.backbone import Backbone
from shared.events.consuming import store
from shared.events.consuming.applying import Applier, Item
from shared.events.consuming.registry import key_of, registered
from shared.events.consuming.starting import (
    AcrossHole,
    CheckBefore,
    FromBeginning,
    GoOn,
    Start,
    Stored,
    hole_message,
    is_the_record,
    other_log,
    where_to_start,
)
from shared.events.cuts import was_cut
from shared.events.envelope import identity
from shared.events.kafka import Reader, Record, TopicPartition
from shared.observability.logs import get_logger

log = get_logger(__name__)

LOOK_AGAIN_S = 2.0


class Moved(Exception):
    """Another generation is live now."""


class Seeker:
    """Places the held partitions of a reader. `problem` says what it waits for, if for something."""

    def __init__(
        self, backbone: Backbone, reader: Reader, applier: Applier, name: str, key: str, *, live: bool
    ) -> None:
        self._backbone = backbone
        self._reader = reader
        self._applier = applier
        self._name = name
        self._key = key
        self._live = live
        self._not_before: dict[TopicPartition, float] = {}
        self._checking: dict[TopicPartition, Stored] = {}
        self._probing: dict[TopicPartition, tuple[Stored, int]] = {}
        self._holes: dict[TopicPartition, str] = {}

    @property
    def problem(self) -> str | None:
        return next(iter(self._holes.values()), None)

    def hold(self, partitions: Iterable[TopicPartition], pause_s: float = 0.0) -> None:
        """Stop reading these, and place them anew from what is stored, after a pause."""
        for tp in partitions:
            self._reader.hold([tp])
            self._not_before[tp] = monotonic() + pause_s

    def reading(self) -> dict[TopicPartition, int]:
        """The partitions that are being read, and where each is."""
        assigned = self._reader.assignment() - self._reader.held
        return {
            tp: self._applier.next[place]
            for tp in assigned
            if (place := self._place(tp)) in self._applier.next
        }

    async def strayed(self, raw: Raw) -> list[TopicPartition]:
        """Partitions that are read from elsewhere than is stored: the database was restored, or another one
        has them by now. An idle reader would not notice.
        """
        stored = await store.stored_next(raw, self._key)
        unsettled = self._checking.keys() | self._probing.keys()
        return [
            tp
            for tp, offset in self.reading().items()
            if tp not in unsettled and stored.get(self._place(tp)) != offset
        ]

    async def bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        return await self._reader.bounds(partitions)

    def _place(self, tp: TopicPartition) -> tuple[str, int]:
        return tp.topic.removeprefix(self._backbone.prefix), tp.partition

    async def place_held(self) -> None:
        """Place what was assigned or held. Raises Moved, errors of the database, KafkaError, TimeoutError."""
        now = monotonic()
        held = sorted(tp for tp in self._reader.held if self._not_before.get(tp, 0.0) <= now)
        assigned = self._reader.assignment()
        self._holes = {tp: why for tp, why in self._holes.items() if tp in assigned}
        held = [tp for tp in held if tp in assigned]
        if not held:
            return
        stored = await self._stored(held)
        bounds = await self._reader.bounds(held)
        for tp in held:
            self._checking.pop(tp, None)
            self._probing.pop(tp, None)
            await self._follow(
                tp, stored[self._place(tp)], where_to_start(stored[self._place(tp)], *bounds[tp]), bounds
            )

    async def _stored(self, held: Sequence[TopicPartition]) -> dict[tuple[str, int], Stored]:
        async with self._backbone.worker.transaction() as tx:
            if self._live:
                # Held until the offsets are there: a swap cannot come in between and see rows made anew.
                row = await registered(tx.connection, self._name, hold=True)
                if row is None or key_of(self._name, row.generation) != self._key:
                    raise Moved(f"{self._key} is not live any more")
            return await store.load_offsets(tx.connection, self._key, [self._place(tp) for tp in held])

    async def _follow(
        self,
        tp: TopicPartition,
        stored: Stored,
        start: Start,
        bounds: Mapping[TopicPartition, tuple[int, int]],
    ) -> None:
        match start:
            case GoOn(offset):
                self._read(tp, offset)
            case CheckBefore(offset):
                self._checking[tp] = stored
                self._reader.go_on(tp, offset)
            case FromBeginning():
                log.warning("another_log", consumer=self._name, partition=str(tp), stored=stored.next)
                await self._rewind(tp, stored, 0)
            case AcrossHole(begin):
                if await was_cut(self._backbone.bootstrap, self._backbone.prefix, tp, begin):
                    await self._rewind(tp, stored, begin)
                elif begin < bounds[tp][1]:
                    # No problem yet: after a republish the log begins again, and the probe will see that.
                    self._probing[tp] = (stored, begin)
                    self._reader.go_on(tp, begin)
                else:
                    self._halt(tp, stored, begin)

    def _read(self, tp: TopicPartition, offset: int) -> None:
        self._holes.pop(tp, None)
        self._applier.next[self._place(tp)] = offset
        self._reader.go_on(tp, offset)

    async def _rewind(self, tp: TopicPartition, stored: Stored, offset: int) -> bool:
        stream, partition = self._place(tp)
        async with self._backbone.worker.transaction() as tx:
            moved = await store.move_offset(tx.connection, self._key, stream, partition, stored.next, offset)
        if moved:
            self._read(tp, offset)
        else:
            self.hold([tp], 0.1)
        return moved

    async def checked(self, items: Sequence[Item]) -> list[Item]:
        """The items to apply: without those that were read only to see whether the log is the right one."""
        if not self._checking and not self._probing:
            return self._expected(items)
        firsts: dict[TopicPartition, Record] = {}
        for item in items:
            firsts.setdefault(TopicPartition(item.record.topic, item.record.partition), item.record)
        moved = set()
        for tp, first in firsts.items():
            if tp in self._checking and not await self._is_known(tp, self._checking.pop(tp), first):
                moved.add(tp)
            elif tp in self._probing:
                await self._probe(tp, *self._probing.pop(tp), first)
                moved.add(tp)
        # What was read of a partition that is placed anew comes again, from its new place.
        return self._expected(
            [each for each in items if TopicPartition(each.record.topic, each.record.partition) not in moved]
        )

    def _expected(self, items: Sequence[Item]) -> list[Item]:
        reading = self.reading()
        # A named tuple is equal to, and hashes as, the plain one, which is made several times faster.
        return [
            item
            for item in items
            if item.record.offset >= reading.get((item.record.topic, item.record.partition), 2**63)  # type: ignore[call-overload]
        ]

    async def _is_known(self, tp: TopicPartition, stored: Stored, first: Record) -> bool:
        if is_the_record(stored, first.offset, identity(first.key, first.value, first.headers)):
            self._holes.pop(tp, None)
            self._applier.next[self._place(tp)] = stored.next
            return True
        bounds = await self._reader.bounds([tp])
        self.hold([tp])
        await self._follow(tp, stored, other_log(bounds[tp][0]), bounds)
        return False

    async def _probe(self, tp: TopicPartition, stored: Stored, begin: int, first: Record) -> None:
        """Across a hole only where the log begins with a republish: that holds everything from the start."""
        if dict(first.headers).get("ce_replay") == b"true" and await self._rewind(tp, stored, begin):
            return
        self._halt(tp, stored, begin)

    def _halt(self, tp: TopicPartition, stored: Stored, begin: int) -> None:
        self._holes[tp] = hole_message(self._name, str(tp), stored.next, begin)
        self.hold([tp], LOOK_AGAIN_S)
