"""Batches read ahead: nothing is missing, nothing comes twice, and nothing out of date is handed out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.events.consuming.ahead import BITE, Ahead
from shared.events.consuming.applying import Item, read
from shared.events.kafka import Lost, Outgoing, Producer, Reader, TopicPartition
from shared.events.topics import topic_of
from shared.settings import Settings
from tests.integration.shared.events.conftest import STREAM
from tests.integration.shared.events.working import TIMEOUT_S

MOST = 4 * BITE
RECORDS = 10 * BITE + 7


@pytest.fixture
async def written(settings: Settings, topics: str) -> range:
    """Offsets of the newest records of a partition; the one after it has none."""
    producer = Producer(settings.kafka_bootstrap, "test")
    await producer.start()
    records = [Outgoing(partition(topics), b"key", b"{}", []) for _ in range(RECORDS)]
    try:
        begin = min(offset for _, offset in await producer.send(records, TIMEOUT_S))
    finally:
        await producer.stop()
    return range(begin, begin + RECORDS)


@pytest.fixture
async def reader(settings: Settings, topics: str, written: range) -> AsyncIterator[Reader]:
    reader = Reader(settings.kafka_bootstrap, "test", group=None, max_wait_ms=50)
    await reader.start()
    reader.assign([partition(topics), partition(topics, 1)])
    reader.go_on(partition(topics), written[0])
    yield reader
    await reader.stop()


@pytest.fixture
async def ahead(reader: Reader) -> AsyncIterator[Ahead]:
    ahead = Ahead(reader, lambda record: read(record, STREAM), MOST)
    yield ahead
    await ahead.stop()


def partition(prefix: str, number: int = 0) -> TopicPartition:
    return TopicPartition(topic_of(STREAM, prefix), number)


async def some(ahead: Ahead) -> list[int]:
    """Offsets of the next batch that is not empty."""
    while True:
        items = await ahead.next(50)
        if items:
            return offsets(items)


async def read_on(ahead: Ahead) -> None:
    """Until a batch is there, and nobody took it."""
    ahead.begin()
    assert ahead._reading is not None
    await ahead._reading


def offsets(items: list[Item]) -> list[int]:
    return [item.record.offset for item in items]


class TestAhead:
    async def test_each_record_comes_once_and_in_order_when_batches_are_read_ahead(
        self, ahead: Ahead, written: range
    ) -> None:
        found: list[int] = []
        while len(found) < RECORDS:
            batch = await some(ahead)
            ahead.begin()
            assert len(batch) <= MOST
            found += batch
        assert found == list(written)

    async def test_what_was_read_before_a_partition_was_placed_anew_is_read_again(
        self, ahead: Ahead, reader: Reader, topics: str, written: range
    ) -> None:
        await some(ahead)
        await read_on(ahead)
        reader.hold([partition(topics)])
        reader.go_on(partition(topics), written[3])
        assert await ahead.next(50) == []
        assert (await some(ahead))[0] == written[3]

    async def test_what_is_held_is_not_handed_out_although_it_was_read(
        self, ahead: Ahead, reader: Reader, topics: str
    ) -> None:
        await some(ahead)
        await read_on(ahead)
        reader.hold([partition(topics)])
        assert await ahead.next(50) == []

    async def test_a_place_that_is_lost_is_told_once_and_takes_nothing_of_the_others(
        self, ahead: Ahead, reader: Reader, topics: str, written: range
    ) -> None:
        lost = partition(topics, 1)
        found = await some(ahead)
        reader.go_on(lost, 5)
        with pytest.raises(Lost) as told:
            while True:
                ahead.begin()
                found += offsets(await ahead.next(50))
        reader.hold([lost])
        while len(found) < RECORDS:
            found += await some(ahead)
        assert told.value.partitions == {lost}
        assert found == list(written)
