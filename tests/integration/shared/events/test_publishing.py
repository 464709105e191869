"""Sending: what becomes of the producer when it failed."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.gateway import ImportStarted
from shared.events.kafka import KafkaError
from shared.events.relaying.publishing import COLUMNS, Publisher, last_records
from shared.events.topics import ensure_topics
from tests.integration.shared.events.conftest import SERVICE, House


async def rows_of(house: House, count: int) -> list[Any]:
    """So many journal rows, each of an aggregate of its own."""
    for _ in range(count):
        await house.created(ImportStarted(kind="leads", rows_total=1))
    return list(await house.admin.fetch(f"select {COLUMNS} from events e order by id"))  # noqa: S608


class TestSending:
    async def test_a_new_producer_sends_when_the_one_before_is_of_no_use_any_more(self, house: House) -> None:
        settings = house.settings
        publisher = Publisher(settings.kafka_bootstrap, settings.topic_prefix, SERVICE)
        await ensure_topics(settings.kafka_bootstrap, settings.topic_prefix, publisher.streams)
        rows = await rows_of(house, 3)
        try:
            await publisher.send(rows[:1], epoch=1)
            failing = publisher._producer
            assert failing is not None
            await failing.stop()
            with pytest.raises(KafkaError):
                await publisher.send(rows[1:2], epoch=1)
            await publisher.send(rows[2:], epoch=1)
        finally:
            await publisher.close()
        log = await last_records(settings.kafka_bootstrap, publisher.partitions(), 10)
        keys = {record.key for records in log.values() for record in records}
        assert keys == {str(row["aggregate_id"]).encode() for row in (rows[0], rows[2])}
