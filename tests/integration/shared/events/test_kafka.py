"""What aiokafka would keep to itself: a connection of a start that was given up, an end of all fetching."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.protocol.metadata import MetadataRequest

from shared.events.kafka import Admin, KafkaError, Producer, Reader
from shared.events.topics import partitions_of
from shared.settings import Settings
from tests.integration.shared.events.conftest import STREAM


async def _producer(settings: Settings) -> None:
    producer = Producer(settings.kafka_bootstrap, "test")
    try:
        await producer.start()
    finally:
        await producer.stop()


async def _reader(settings: Settings) -> None:
    reader = Reader(settings.kafka_bootstrap, "test", group=None)
    try:
        await reader.start()
    finally:
        await reader.stop()


async def _admin(settings: Settings) -> None:
    async with Admin(settings.kafka_bootstrap):
        pass


def _connected() -> set[int]:
    return {
        id(each) for each in gc.get_objects() if isinstance(each, AIOKafkaConnection) and each.connected()
    }


class TestStart:
    @pytest.mark.parametrize("client", [_producer, _reader, _admin])
    async def test_leaves_no_connection_behind_when_it_is_cancelled_while_it_asks_for_metadata(
        self,
        settings: Settings,
        client: Callable[[Settings], Awaitable[None]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        asked, go_on, send = asyncio.Event(), asyncio.Event(), AIOKafkaConnection.send

        async def slowly(
            connection: AIOKafkaConnection, request: object, *args: object, **kw: object
        ) -> object:
            if isinstance(request, MetadataRequest):
                asked.set()
                await go_on.wait()
            return await send(connection, request, *args, **kw)

        monkeypatch.setattr(AIOKafkaConnection, "send", slowly)
        before = _connected()
        starting = asyncio.ensure_future(client(settings))
        await asked.wait()
        starting.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert _connected() <= before


class TestPoll:
    @pytest.fixture
    async def reader(self, settings: Settings) -> AsyncIterator[Reader]:
        reader = Reader(settings.kafka_bootstrap, "test", group=None, max_wait_ms=50)
        await reader.start()
        yield reader
        await reader.stop()

    async def test_fails_when_aiokafka_fetches_no_more(
        self, settings: Settings, topics: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise ValueError("broken")

        monkeypatch.setattr(Fetcher, "_get_actions_per_node", broken)
        reader.assign(partitions_of((STREAM,), topics))
        with pytest.raises(KafkaError, match="fetches no more"):
            while True:
                assert await reader.poll(50, 10) == []
