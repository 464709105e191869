"""What happened before the ring begins, for a client that comes back: read from Kafka, a bounded amount."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from services.gateway.live.marks import PLACES, Mark, check_of
from services.gateway.live.ring import Item, Ring
from services.gateway.live.tail import LiveUnavailable, event_of, item_of, places
from shared.events.kafka import KafkaError, Lost, Reader, Record, TopicPartition
from shared.settings import Settings

MOST_READERS = 4
MOST_RECORDS = 20_000
_READ_S = 30.0


class Older:
    """At most four readers at once; who comes fifth waits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = places(settings.topic_prefix)
        self._turn = asyncio.Semaphore(MOST_READERS)

    async def between(self, mark: Mark, ring: Ring) -> list[Item] | None:
        """What is between a mark and the ring's floor, oldest first.

        None where the mark is of another log, or of one that no longer goes back so far, or more than
        MOST_RECORDS away. Raises LiveUnavailable.
        """
        async with self._turn:
            reader = Reader(self._settings.kafka_bootstrap, "cox-live-older", group=None, max_wait_ms=200)
            try:
                async with asyncio.timeout(_READ_S):
                    await reader.start()
                    return await self._read(reader, mark, list(ring.floor))
            except Lost:
                return None
            except (KafkaError, OSError, TimeoutError) as error:
                raise LiveUnavailable("Older events cannot be read right now; try again") from error
            finally:
                await reader.stop()

    async def _read(self, reader: Reader, mark: Mark, floor: Sequence[int]) -> list[Item] | None:
        by_place = {place: tp for tp, place in self._places.items()}
        bounds = await reader.bounds(self._places)
        starts: dict[int, int] = {}
        for place, offset in enumerate(mark.offsets):
            begin, end = bounds[by_place[place]]
            if not begin <= offset <= end:
                return None
            if offset < floor[place]:
                starts[place] = offset
        if sum(floor[place] - start for place, start in starts.items()) > MOST_RECORDS:
            return None
        proof = mark.proof
        if proof is not None:
            if not bounds[by_place[proof.place]][0] <= proof.offset < bounds[by_place[proof.place]][1]:
                return None
            starts[proof.place] = min(proof.offset, starts.get(proof.place, proof.offset))
        records = await self._records(reader, {by_place[p]: s for p, s in starts.items()}, floor, mark)
        return self._told(records, mark)

    async def _records(
        self, reader: Reader, starts: Mapping[TopicPartition, int], floor: Sequence[int], mark: Mark
    ) -> list[Record]:
        """Everything from the starts up to the floor, and the proof wherever it is."""
        until = {tp: floor[self._places[tp]] for tp in starts}
        if mark.proof is not None:
            for tp, end in until.items():
                if self._places[tp] == mark.proof.place:
                    until[tp] = max(end, mark.proof.offset + 1)
        reader.assign(starts)
        for tp, offset in starts.items():
            reader.go_on(tp, offset)
        found: list[Record] = []
        missing = {tp for tp, offset in starts.items() if offset < until[tp]}
        while missing:
            for record in await reader.poll(1000, 2000):
                tp = TopicPartition(record.topic, record.partition)
                if record.offset < until[tp]:
                    found.append(record)
                if record.offset >= until[tp] - 1:
                    missing.discard(tp)
        return found

    def _told(self, records: list[Record], mark: Mark) -> list[Item] | None:
        proven = mark.proof is None
        items: dict[UUID, Item] = {}
        for record in records:
            place = self._places[TopicPartition(record.topic, record.partition)]
            event = event_of(record, PLACES[place][0])
            if event is None:
                continue
            if mark.proof is not None and (place, record.offset) == (mark.proof.place, mark.proof.offset):
                proven = check_of(event.event_id) == mark.proof.check
            if record.offset >= mark.offsets[place]:
                item = item_of(event, place)
                if item is not None:
                    items.setdefault(item.event_id, item)
        # Partitions were read one after another; within each the order stays as it was.
        return sorted(items.values(), key=lambda item: item.at_ms) if proven else None
