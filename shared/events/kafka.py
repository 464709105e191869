"""The one place that touches aiokafka: typed, every await bounded, its C codec asserted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import (
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition as _TopicPartition

from shared.events.envelope import Headers
from shared.events.tasks import finish

STOP_TIMEOUT_S = 5.0
CALL_TIMEOUT_S = 15.0
MAX_BATCH_BYTES = 262_144
MAX_REQUEST_BYTES = 1_048_576
SESSION_TIMEOUT_MS = 30_000
REBALANCE_TIMEOUT_MS = 60_000

__all__ = ["KafkaError"]


class SlowCodec(RuntimeError):
    """aiokafka runs on its Python codec, 75 times slower than its C one."""


class Lost(Exception):
    """The stored place of some partitions is not in the log; `partitions` says which."""

    def __init__(self, partitions: Iterable[TopicPartition]) -> None:
        self.partitions = frozenset(partitions)
        super().__init__(", ".join(map(str, sorted(self.partitions))))


class TopicPartition(NamedTuple):
    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


class Record(NamedTuple):
    """A record as read; times in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to write, to a partition of its own choice."""

    tp: TopicPartition
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


def assert_codec() -> None:
    """Raises SlowCodec unless aiokafka's extension is in use."""
    if "_crecords" not in DefaultRecordBatchBuilder.__module__:
        raise SlowCodec("aiokafka runs without its C extension: install its wheel for this platform")


async def _begun(start: Coroutine[Any, Any, None]) -> None:
    """Run a client's start, within CALL_TIMEOUT_S.

    aiokafka forgets the connection that a start has open when it is cancelled; so whoever is cancelled
    meanwhile lets it come to its end first, and stops the client then.
    """
    task = asyncio.create_task(start)
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            await asyncio.shield(task)
    except BaseException:
        await finish(_over(task), STOP_TIMEOUT_S)
        raise


async def _over(task: asyncio.Task[None]) -> None:
    """Return when it ended, however it did; being cancelled cancels it too."""
    with suppress(Exception):
        await task


class Producer:
    """An idempotent producer of explicit batches. After any error it is unusable: make a new one."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        assert_codec()
        self._client = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            compression_type="zstd",
            request_timeout_ms=int(CALL_TIMEOUT_S * 1000),
            metadata_max_age_ms=60_000,
        )

    async def start(self) -> None:
        await _begun(self._client.start())

    async def stop(self) -> None:
        """Never raises and never hangs: what was not acknowledged stays pending."""
        await finish(self._client.stop(), STOP_TIMEOUT_S)

    async def partitions(self, topic: str) -> int:
        found = await asyncio.wait_for(self._client.partitions_for(topic), CALL_TIMEOUT_S)
        return len(found)

    async def send(self, records: Sequence[Outgoing], timeout_s: float) -> list[tuple[TopicPartition, int]]:
        """Write all, in order within each partition, and wait for every acknowledgement.

        The offset of each batch's first record, in the order of sending.
        """
        acks, places = [], []
        async with asyncio.timeout(timeout_s):
            for tp, batch in self._batches(records):
                acks.append(await self._client.send_batch(batch, tp.topic, partition=tp.partition))
                places.append(tp)
            # All are awaited before the first failure is raised: none may be left without a reader.
            outcomes = await asyncio.gather(*acks, return_exceptions=True)
        offsets = []
        for tp, outcome in zip(places, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            offsets.append((tp, outcome.offset))
        return offsets

    def _batches(self, records: Sequence[Outgoing]) -> Iterable[tuple[TopicPartition, Any]]:
        by_partition: dict[TopicPartition, list[Outgoing]] = {}
        for record in records:
            by_partition.setdefault(record.tp, []).append(record)
        for tp, group in by_partition.items():
            batch = self._client.create_batch()
            for record in group:
                if not _appended(batch, record):
                    batch.close()
                    yield tp, batch
                    batch = self._client.create_batch()
                    # An empty batch takes a record of any size.
                    _appended(batch, record)
            batch.close()
            yield tp, batch


def _appended(batch: Any, record: Outgoing) -> bool:
    done = batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
    return done is not None


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Holds new partitions still until the runner verified where to go on.

    aiokafka swallows what a listener raises, so nothing here may fail or await.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, _revoked: Any) -> None:
        pass

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self._reader.hold(assigned)


class Reader:
    """A consumer that never chooses an offset by itself: partitions are held until they are sought."""

    def __init__(self, bootstrap: str, client_id: str, *, group: str | None, max_wait_ms: int = 500) -> None:
        assert_codec()
        self._client = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=300_000,
            fetch_max_wait_ms=max_wait_ms,
            request_timeout_ms=int(CALL_TIMEOUT_S * 1000),
            metadata_max_age_ms=30_000,
            max_partition_fetch_bytes=4 * MAX_REQUEST_BYTES,
        )
        self.held: set[TopicPartition] = set()
        """Assigned, but nobody has said yet where to read."""
        self._placings: Counter[TopicPartition] = Counter()

    async def start(self) -> None:
        await _begun(self._client.start())

    async def stop(self) -> None:
        """Never raises and never hangs."""
        await finish(self._stopped(), STOP_TIMEOUT_S)

    async def _stopped(self) -> None:
        try:
            await self._client.stop()
        finally:
            # A fetching that failed keeps aiokafka from closing its connections.
            await self._client._client.close()

    def subscribe(self, topics: Sequence[str]) -> None:
        self._client.subscribe(topics=list(topics), listener=_Listener(self))

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        wanted = [_TopicPartition(*tp) for tp in partitions]
        self._client.assign(wanted)
        self.hold(wanted)

    def hold(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Fetch nothing from these until `go_on`."""
        for topic, partition in partitions:
            tp = _TopicPartition(topic, partition)
            if tp in self._client.assignment():
                # A valid offset, or aiokafka would look for one by itself; being paused it is not read from.
                self._client.seek(tp, 0)
                self._client.pause(tp)
                self.held.add(TopicPartition(topic, partition))
                self._placings[tp] += 1

    def go_on(self, tp: TopicPartition, offset: int) -> None:
        """Read this partition from `offset`. Without effect if it was taken away meanwhile."""
        real = _TopicPartition(*tp)
        self.held.discard(tp)
        self._placings[tp] += 1
        if real in self._client.assignment():
            self._client.seek(real, offset)
            self._client.resume(real)

    def placings(self, tp: TopicPartition) -> int:
        """How often this partition was held or told where to go on: what was read before is out of date."""
        return self._placings[tp]

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(TopicPartition(*tp) for tp in self._client.assignment())

    async def poll(self, timeout_ms: int, max_records: int) -> list[Record]:
        """What has arrived, partition by partition, each in order. Raises Lost, KafkaError."""
        try:
            found = await self._client.getmany(timeout_ms=timeout_ms, max_records=max_records)
        except OffsetOutOfRangeError as error:
            raise Lost(TopicPartition(*tp) for tp in error.args[0]) from None
        except NoOffsetForPartitionError as error:
            raise Lost([TopicPartition(*error.args[0])]) from None
        if not found and self._client._fetcher.error_future.done():
            # getmany would find nothing, for ever, and say nothing.
            raise KafkaError("aiokafka fetches no more")
        return [
            Record(topic, partition, m.offset, m.timestamp, m.key, m.value, m.headers)
            for (topic, partition), messages in found.items()
            for m in messages
        ]

    async def bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """The first offset kept and the offset after the last, of each partition."""
        wanted = [_TopicPartition(*tp) for tp in partitions]
        if not wanted:
            return {}
        async with asyncio.timeout(CALL_TIMEOUT_S):
            begins = await self._client.beginning_offsets(wanted)
            ends = await self._client.end_offsets(wanted)
        return {TopicPartition(*tp): (begins[tp], ends[tp]) for tp in wanted}

    async def since(self, partitions: Iterable[TopicPartition], at_ms: int) -> dict[TopicPartition, int]:
        """The first record published at `at_ms` (ms since 1970) or later, of each partition that has one."""
        asked = {_TopicPartition(*tp): at_ms for tp in partitions}
        async with asyncio.timeout(CALL_TIMEOUT_S):
            found = await self._client.offsets_for_times(asked)
        return {TopicPartition(*tp): at.offset for tp, at in found.items() if at is not None}

    def log_end(self, tp: TopicPartition) -> int | None:
        """The log's end as of the last fetch."""
        real = _TopicPartition(*tp)
        return self._client.highwater(real) if real in self._client.assignment() else None

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """For those who look at the group; bounded. No consumer's place rests on it."""
        mine = self._client.assignment()
        wanted = {_TopicPartition(*tp): offset for tp, offset in offsets.items() if tp in mine}
        if wanted:
            await asyncio.wait_for(self._client.commit(wanted), STOP_TIMEOUT_S)


class Admin:
    """Administration of topics; an async context manager."""

    def __init__(self, bootstrap: str) -> None:
        self._client = AIOKafkaAdminClient(
            bootstrap_servers=bootstrap, client_id="cox-admin", request_timeout_ms=int(CALL_TIMEOUT_S * 1000)
        )

    async def __aenter__(self) -> Admin:
        try:
            await _begun(self._client.start())
        except BaseException:
            await finish(self._client.close(), STOP_TIMEOUT_S)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await finish(self._client.close(), STOP_TIMEOUT_S)

    async def topics(self) -> dict[str, int]:
        """The topics and how many partitions each has."""
        async with asyncio.timeout(CALL_TIMEOUT_S):
            described = await self._client.describe_topics()
        return {entry["topic"]: len(entry["partitions"]) for entry in described}

    async def expel(self, group: str, client_id: str) -> int:
        """Let the members of a group that have this client id leave it: they ended without doing so.

        The group would wait for them until their session is over. How many it were.
        """
        async with asyncio.timeout(CALL_TIMEOUT_S):
            coordinator = await self._client.find_coordinator(group)
            (told,) = await self._client.describe_consumer_groups([group], coordinator)
            members = [member for described in told.groups for member in described[5]]
            gone = [member[0] for member in members if member[1] == client_id]
            for member_id in gone:
                # aiokafka has the request, and no public way to send it.
                await self._client._send_request(LeaveGroupRequest(group, member_id), coordinator)
        return len(gone)

    async def committed(self, group: str, tp: TopicPartition) -> int | None:
        """The offset that a group has committed for a partition; None: none."""
        real = _TopicPartition(*tp)
        async with asyncio.timeout(CALL_TIMEOUT_S):
            found = await self._client.list_consumer_group_offsets(group, partitions=[real])
        return found[real].offset if real in found and found[real].offset >= 0 else None

    async def create(self, topics: Mapping[str, int], config: Mapping[str, str]) -> None:
        """Create topics with the broker's default replication; one that is there already is left alone."""
        # An empty assignment beside -1 asks the broker for its own default.
        wanted = [NewTopic(name, count, -1, {}, dict(config)) for name, count in topics.items()]
        async with asyncio.timeout(CALL_TIMEOUT_S):
            response = await self._client.create_topics(wanted)
        for _name, code, *_ in response.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error()

    async def delete(self, topics: Sequence[str]) -> None:
        """Delete topics with all they hold."""
        if topics:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._client.delete_topics(list(topics))

    async def delete_before(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Let the log of each partition begin at this offset."""
        wanted = {_TopicPartition(*tp): RecordsToDelete(before_offset=o) for tp, o in offsets.items()}
        async with asyncio.timeout(CALL_TIMEOUT_S):
            await self._client.delete_records(wanted)


async def wait_until(condition: Callable[[], bool], timeout_s: float, interval_s: float = 0.05) -> bool:
    """Whether a condition of ours came true in time."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(interval_s)
    return True
