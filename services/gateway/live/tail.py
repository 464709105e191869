"""Reads the topics as they grow, while somebody listens, into the ring that all clients share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from operator import itemgetter

import orjson

from services.gateway.live.marks import INDEX, PLACES, check_of
from services.gateway.live.ring import Item, Ring
from services.gateway.live.rules import audience_of
from shared.errors import Unavailable
from shared.events.envelope import Received, Undecodable, Unplaceable, timestamp
from shared.events.kafka import KafkaError, Lost, Reader, Record, TopicPartition
from shared.observability.logs import get_logger
from shared.settings import Settings

log = get_logger(__name__)

Bounds = Mapping[TopicPartition, tuple[int, int]]

IDLE_S = 600.0
START_S = 10.0
POLL_MS = 1000
REACH_BACK_S = 60.0
REACH_BACK_MOST = 20_000
"""A new ring begins so far back: who listened to the process before this one resumes from it."""

_PACE_S = 0.0002
"""Between two rounds of waking, for each listener: however many there are, half a core is left to others."""

_RETRY_S = 1.0
_AT_ONCE = 200


class LiveUnavailable(Unavailable):
    code = "live_unavailable"
    title = "Live events cannot be read right now"


def places(prefix: str) -> dict[TopicPartition, int]:
    """Every partition on Kafka with its index."""
    return {
        TopicPartition(prefix + stream, partition): INDEX[stream, partition] for stream, partition in PLACES
    }


def event_of(record: Record, stream: str) -> Received | None:
    """The record as an event; None for what is none."""
    try:
        return Received(
            record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value,
            record.headers, stream=stream,
        )  # fmt: skip
    except Unplaceable:
        return None


def item_of(event: Received, place: int) -> Item | None:
    """What clients are told of an event: nothing of what is past, repeated or unreadable."""
    if event.historic or event.replay:
        return None
    try:
        data = event.data
        told = {
            "id": str(event.event_id),
            "type": event.type,
            "aggregate_type": event.aggregate_type,
            "aggregate_id": str(event.aggregate_id),
            "seq": event.seq,
            "time": timestamp(event.occurred_at),
            "data": data,
        }
        audience = audience_of(event.type, data)
    except (Undecodable, ValueError):
        return None
    return Item(
        place, event.offset, event.timestamp_ms, event.event_id, check_of(event.event_id), event.tenant_id,
        event.aggregate_id, event.type, event.stream, audience, orjson.dumps(told),
    )  # fmt: skip


class Tail:
    """One per process. `ring` is there while it reads; `grown` is set and replaced at every step."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = places(settings.topic_prefix)
        self._task: asyncio.Task[None] | None = None
        self._listeners = 0
        self._left_at = 0.0
        self._started = asyncio.Event()
        self._round: asyncio.TimerHandle | None = None
        self._woken_at = 0.0
        self.reach_back_s = REACH_BACK_S
        self.ring: Ring | None = None
        self.grown = asyncio.Event()
        self.closing = False

    async def __aenter__(self) -> Tail:
        """A client comes: read if nobody did. Raises LiveUnavailable."""
        self._listeners += 1
        if self._task is None or self._task.done():
            self._started.clear()
            self._task = asyncio.create_task(self._run(), name="live tail")
        try:
            async with asyncio.timeout(START_S):
                await self._started.wait()
        except TimeoutError:
            self._leave()
            raise LiveUnavailable("Live events cannot be read right now; try again") from None
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        self._listeners -= 1
        self._left_at = time.monotonic()

    def close(self) -> None:
        """The process is about to end: let every client go, to come back elsewhere."""
        self.closing = True
        self.wake()

    async def forget(self) -> None:
        """As after a start: the next client makes a new ring."""
        await self.stop()
        self._task = self.ring = None

    async def stop(self) -> None:
        """End the reading, whoever listens."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while not self._is_idle():
            reader = Reader(self._settings.kafka_bootstrap, "cox-live", group=None, max_wait_ms=POLL_MS)
            try:
                await reader.start()
                await self._read(reader)
            except Lost:
                # Another log, or one that was cut: what was told so far leads nowhere.
                self.ring = None
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("live_waits", error=repr(error))
                await asyncio.sleep(_RETRY_S)
            finally:
                await reader.stop()
        self.ring = None

    def _is_idle(self) -> bool:
        return self._listeners == 0 and time.monotonic() - self._left_at > IDLE_S

    async def _read(self, reader: Reader) -> None:
        reader.assign(self._places)
        bounds = await reader.bounds(self._places)
        kept = self._kept(bounds)
        ring = kept or Ring(await self._beginnings(reader, bounds), self._keep_ms())
        for tp, place in self._places.items():
            # The record before is read too: it is the proof of which log this is.
            reader.go_on(tp, max(bounds[tp][0], ring.next[place] - 1))
        if kept is None:
            await self._fill(reader, ring, bounds)
        self.ring = ring
        self._started.set()
        self._wake_soon()
        while not self._is_idle():
            records = await reader.poll(POLL_MS, 2000)
            if records:
                self._take(ring, records)
                self._wake_soon()

    def _kept(self, bounds: Bounds) -> Ring | None:
        """The ring of before, if the log still holds what comes after it."""
        if self.ring is None:
            return None
        nexts = ((bounds[tp], self.ring.next[place]) for tp, place in self._places.items())
        return self.ring if all(begin <= at <= end for (begin, end), at in nexts) else None

    async def _beginnings(self, reader: Reader, bounds: Bounds) -> list[int]:
        """Of each place, where a new ring begins."""
        since = await reader.since(self._places, int((time.time() - self.reach_back_s) * 1000))
        found = [max(bounds[tp][0], since.get(tp, bounds[tp][1])) for tp in self._places]
        ends = [bounds[tp][1] for tp in self._places]
        if sum(ends) - sum(found) > REACH_BACK_MOST:
            share = REACH_BACK_MOST // len(ends)
            found = [max(begin, end - share) for begin, end in zip(found, ends, strict=True)]
        return found

    async def _fill(self, reader: Reader, ring: Ring, bounds: Bounds) -> None:
        """Read to the log's end as it was; partitions come one by one, the ring is in the order of time."""
        missing = {tp: end for tp, (_, end) in bounds.items() if ring.next[self._places[tp]] < end}
        found: list[tuple[int, Record]] = []
        latest: dict[TopicPartition, int] = {}
        while missing:
            for record in await reader.poll(POLL_MS, 2000):
                tp = TopicPartition(record.topic, record.partition)
                # A clock may have gone back; a partition's own order stays.
                latest[tp] = max(latest.get(tp, 0), record.timestamp_ms)
                found.append((latest[tp], record))
                if record.offset + 1 >= missing.get(tp, 0):
                    missing.pop(tp, None)
        found.sort(key=itemgetter(0))
        for first in range(0, len(found), _AT_ONCE):
            self._take(ring, [record for _, record in found[first : first + _AT_ONCE]])
            await asyncio.sleep(0)

    def _keep_ms(self) -> int:
        return int(getattr(self._settings, "live_ring_s", 600)) * 1000

    def _take(self, ring: Ring, records: Iterable[Record]) -> None:
        for record in records:
            place = self._places[TopicPartition(record.topic, record.partition)]
            event = event_of(record, PLACES[place][0])
            if event is None:
                ring.next[place] = max(ring.next[place], record.offset + 1)
                continue
            known = record.offset < ring.next[place]
            ring.passed(place, record.offset, check_of(event.event_id))
            if known or not ring.is_new(event.event_id):
                continue
            item = item_of(event, place)
            if item is not None:
                ring.add(item)

    def _wake_soon(self) -> None:
        if self._round is None:
            loop = asyncio.get_running_loop()
            due = self._woken_at + _PACE_S * self._listeners
            self._round = loop.call_at(due, self.wake)

    def wake(self) -> None:
        """Let every client look again: at the ring, and at their own rights."""
        if self._round is not None:
            self._round.cancel()
            self._round = None
        self._woken_at = asyncio.get_running_loop().time()
        # Whoever waits holds the old event; who comes now gets the new one.
        self.grown.set()
        self.grown = asyncio.Event()
