"""`events tail` on a real Kafka: what was published is shown, whatever is in it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from deploy.cli import running
from deploy.cli.commands import main
from shared.contracts.golden import sample
from shared.events.envelope import headers_of
from shared.events.kafka import Outgoing, Producer, Reader, TopicPartition
from shared.settings import Settings

TYPE = "cox.leads.stage_changed.v1"


@pytest.fixture(autouse=True)
def _running_copy(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(running, "service_settings", lambda: settings)


def event(aggregate_id: UUID, value: bytes) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    row = {
        "event_id": uuid4(),
        "type": TYPE,
        "tenant_id": uuid4(),
        "aggregate_type": "lead",
        "aggregate_id": aggregate_id,
        "seq": 3,
        "occurred_at": datetime(2026, 3, 1, tzinfo=UTC),
        "causation_id": None,
        "historic": True,
        "traceparent": None,
    }
    return (
        str(aggregate_id).encode(),
        value,
        headers_of(row, source=b"/services/leads", epoch=1, replay=False),
    )


def _place(settings: Settings) -> TopicPartition:
    return TopicPartition(f"{settings.topic_prefix}cox.leads", 0)


async def publish(settings: Settings, *records: tuple[bytes, bytes, list[tuple[str, bytes]]]) -> None:
    producer = Producer(settings.kafka_bootstrap, "test-tail")
    await producer.start()
    await producer.send([Outgoing(_place(settings), *record) for record in records], 60)
    await producer.stop()


async def published(settings: Settings) -> int:
    """How many records there are so far."""
    reader = Reader(settings.kafka_bootstrap, "test-tail", group=None)
    await reader.start()
    ((first, end),) = (await reader.bounds([_place(settings)])).values()
    await reader.stop()
    return end - first


async def tail(*words: str) -> int:
    # A command runs an event loop of its own.
    return await asyncio.to_thread(main, ["events", "tail", "--topic", "cox.leads", "--from-start", *words])


class TestTail:
    async def test_shows_all_of_an_event_when_asked_for_json(
        self, settings: Settings, topics: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lead = uuid4()
        await publish(settings, event(lead, sample(TYPE)))
        assert await tail("--json", "--type", "stage_changed", "--count", "1") == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["key"], told["topic"], told["partition"]) == (str(lead), f"{topics}cox.leads", 0)
        assert told["value"] == json.loads(sample(TYPE))
        assert told["headers"]["ce_historic"] == "true"

    async def test_goes_on_when_a_record_is_not_ours_or_no_json(
        self, settings: Settings, topics: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = await published(settings)
        await publish(settings, (b"k", b"\xff", []), event(uuid4(), b"\xffnot json"))
        assert await tail("--count", str(before + 2)) == 0
        strange, unreadable = capsys.readouterr().out.splitlines()[before:]
        assert "do not place" in strange
        assert f"{TYPE} " in unreadable
        assert " #3 [historic] " in unreadable

    async def test_is_refused_when_the_count_is_no_count(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert await tail("--count", "0") == 1
        assert "1 or more" in capsys.readouterr().err


class TestWithoutKafka:
    async def test_says_so_when_nobody_answers(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # A port that the system gives nobody.
        nowhere = settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
        monkeypatch.setattr(running, "service_settings", lambda: nowhere)
        assert await tail("--count", "1") == 1
        assert "Kafka does not answer" in capsys.readouterr().err
