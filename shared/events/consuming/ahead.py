"""Reading ahead: while a full batch is applied and the database works, the next one is read and prepared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from shared.events.consuming.applying import Item
from shared.events.kafka import KafkaError, Lost, Reader, Record, TopicPartition
from shared.events.tasks import end

BITE = 64
"""So many records are read at a time: whoever applies waits for less than a millisecond when it can go on."""


class _Bite(NamedTuple):
    """Items, and how often the reader had placed each of their partitions when they were read."""

    items: list[Item]
    placings: dict[TopicPartition, int]

    def still(self, reader: Reader) -> Sequence[Item]:
        """Without those of partitions that were held or placed anew since: these are read again."""
        moved = {tp for tp, placings in self.placings.items() if reader.placings(tp) != placings}
        if not moved:
            return self.items
        return [each for each in self.items if (each.record.topic, each.record.partition) not in moved]


class Ahead:
    """The batches of a reader, at most `most` items each. `take` makes an item of a record."""

    def __init__(self, reader: Reader, take: Callable[[Record], Item], most: int) -> None:
        self._reader = reader
        self._take = take
        self._most = most
        self._reading: asyncio.Task[list[_Bite]] | None = None
        self._error: Lost | KafkaError | None = None

    def begin(self) -> None:
        """Read on beside whatever is done until `next` is asked for."""
        self._reading = asyncio.create_task(self._read([]), name="reading ahead")

    async def next(self, timeout_ms: int) -> list[Item]:
        """What has arrived, each partition in order; waits so long if nothing has. Raises Lost,
        KafkaError.
        """
        bites = await self._taken()
        if not bites and self._error is None:
            records = await self._reader.poll(timeout_ms, BITE)
            bites.append(self._bite(records))
            if len(records) < BITE:
                return bites[0].items
        if self._error is None:
            bites = await self._read(bites)
        items = [item for bite in bites for item in bite.still(self._reader)]
        error, self._error = (None, self._error) if items else (self._error, None)
        if error is not None:
            raise error
        return items

    async def stop(self) -> None:
        """Forget what was read ahead."""
        if self._reading is not None:
            await end([self._reading])
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _taken(self) -> list[_Bite]:
        if self._reading is None:
            return []
        reading, self._reading = self._reading, None
        return await reading

    async def _read(self, bites: list[_Bite]) -> list[_Bite]:
        """Until there is no more, or enough; what goes wrong is told once what came before is taken."""
        count = sum(len(bite.items) for bite in bites)
        while count < self._most:
            await asyncio.sleep(0)
            try:
                records = await self._reader.poll(0, min(BITE, self._most - count))
            except (Lost, KafkaError) as error:
                self._error = error
                break
            if not records:
                break
            bites.append(self._bite(records))
            count += len(records)
        return bites

    def _bite(self, records: Sequence[Record]) -> _Bite:
        partitions = {TopicPartition(record.topic, record.partition) for record in records}
        return _Bite(
            [self._take(record) for record in records],
            {tp: self._reader.placings(tp) for tp in partitions},
        )
