"""Reads the topics as they grow, while somebody listens, into the ring that all clients share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

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

IDLE_S = 600.0
START_S = 10.0
POLL_MS = 1000
_RETRY_S = 1.0


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
        """As after a start: the next client's ring begins at the log's end."""
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
        ring = self._ring_for([bounds[tp][1] for tp in self._places], [bounds[tp][0] for tp in self._places])
        for tp, place in self._places.items():
            # The record before is read too: it is the proof of which log this is.
            reader.go_on(tp, max(bounds[tp][0], ring.next[place] - 1))
        self.ring = ring
        self._started.set()
        while not self._is_idle():
            records = await reader.poll(POLL_MS, 2000)
            if records:
                self._take(ring, records)

    def _ring_for(self, ends: list[int], begins: list[int]) -> Ring:
        """The ring of before, if the log still holds what comes after it; else a new one."""
        kept = self.ring
        if kept is not None and all(b <= n <= e for b, n, e in zip(begins, kept.next, ends, strict=True)):
            return kept
        return Ring(ends, self._keep_ms())

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
        self.wake()

    def wake(self) -> None:
        """Let every client look again: at the ring, and at their own rights."""
        # Whoever waits holds the old event; who comes now gets the new one.
        self.grown.set()
        self.grown = asyncio.Event()
