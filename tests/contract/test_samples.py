"""Every event type has one golden sample, and it is exactly what the code writes and reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.asyncapi import PUBLISHERS
from shared.contracts.catalogue import EVENT_TYPES
from shared.contracts.golden import sample, sampled
from shared.events.streams import PUBLISHED

TYPES = sorted(EVENT_TYPES)


def absent(value: Any, path: str = "") -> list[str]:
    """Where a sample leaves something empty."""
    if value is None or value == []:
        return [path]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in absent(item, f"{path}/{key}")]
    return []


class TestCatalogue:
    def test_each_type_has_a_sample_and_each_sample_a_type(self) -> None:
        assert sampled() == set(TYPES)

    def test_each_topic_has_one_publisher_when_two_lists_name_it(self) -> None:
        listed = {topic: service for service, topics in PUBLISHED.items() for topic in topics}
        assert listed == PUBLISHERS
        assert {event.topic for event in EVENT_TYPES.values()} == set(PUBLISHERS)

    @pytest.mark.parametrize("name", TYPES)
    def test_the_name_tells_topic_and_version(self, name: str) -> None:
        event = EVENT_TYPES[name]
        assert name.startswith(f"{event.topic}.")
        assert name.endswith(f".v{event.version}")


class TestPublisher:
    @pytest.mark.parametrize("name", TYPES)
    def test_writes_the_sample_when_it_holds_the_same_facts(self, name: str) -> None:
        event = EVENT_TYPES[name].model_validate_json(sample(name), extra="forbid")
        assert json.loads(event.model_dump_json()) == json.loads(sample(name))

    @pytest.mark.parametrize("name", TYPES)
    def test_the_sample_is_complete_when_fields_are_optional(self, name: str) -> None:
        value = json.loads(sample(name))
        assert set(value) == set(EVENT_TYPES[name].model_fields)
        assert absent(value) == []


class TestConsumer:
    @pytest.mark.parametrize("name", TYPES)
    def test_reads_the_sample_when_a_newer_publisher_added_a_field(self, name: str) -> None:
        value = json.loads(sample(name)) | {"added_later": {"x": 1}}
        event = EVENT_TYPES[name].model_validate_json(json.dumps(value))
        assert json.loads(event.model_dump_json()) == json.loads(sample(name))

    @pytest.mark.parametrize("name", TYPES)
    def test_reads_the_first_events_when_optional_fields_were_unknown_then(self, name: str) -> None:
        fields = EVENT_TYPES[name].model_fields
        value = {key: item for key, item in json.loads(sample(name)).items() if fields[key].is_required()}
        assert EVENT_TYPES[name].model_validate_json(json.dumps(value)) is not None


class TestEnvelope:
    @pytest.mark.parametrize("name", TYPES)
    def test_what_is_received_is_what_was_recorded(self, name: str) -> None:
        from shared.events.envelope import Received, headers_of

        row = {
            "event_id": uuid4(),
            "type": name,
            "tenant_id": uuid4(),
            "aggregate_type": EVENT_TYPES[name].aggregate_type,
            "aggregate_id": uuid4(),
            "seq": 7,
            "occurred_at": datetime(2026, 3, 1, 4, 5, 6, 789, tzinfo=UTC),
            "causation_id": uuid4(),
            "historic": True,
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        }
        headers = headers_of(row, source=b"/services/leads", epoch=2, replay=True)
        key = str(row["aggregate_id"]).encode()
        topic = EVENT_TYPES[name].topic
        received = Received(topic, 0, 5, 1_780_000_000_000, key, sample(name), headers, stream=topic)
        told = {column: getattr(received, column) for column in row}
        assert told == row
        assert (received.epoch, received.replay) == (2, True)
        assert received.event == EVENT_TYPES[name].model_validate_json(sample(name))
