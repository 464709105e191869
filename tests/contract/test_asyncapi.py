"""The AsyncAPI document: valid by a validator of others, every reference kept, every example true."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from shared.contracts.asyncapi import document, key
from shared.contracts.catalogue import EVENT_TYPES

DOCUMENT = document("0.1.0")


def validate(candidate: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        # The validator's own classes shadow names of pydantic's, which is of no concern here.
        warnings.simplefilter("ignore")
        from asyncapi3 import AsyncAPI3  # type: ignore[import-untyped]

        AsyncAPI3.model_validate(candidate)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def resolve(pointer: str) -> Any:
    found: Any = DOCUMENT
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part]
    return found


def inlined(value: Any) -> Any:
    """The same with every reference replaced by what it names: a schema that stands alone."""
    if isinstance(value, dict):
        if "$ref" in value:
            return inlined(resolve(value["$ref"]))
        return {key: inlined(item) for key, item in value.items()}
    return [inlined(item) for item in value] if isinstance(value, list) else value


class TestDocument:
    def test_is_accepted_when_validated(self) -> None:
        validate(DOCUMENT)

    def test_is_refused_when_a_needed_part_is_missing(self) -> None:
        with pytest.raises(ValueError, match="info"):
            validate({part: value for part, value in DOCUMENT.items() if part != "info"})

    def test_is_refused_when_an_operation_does_what_there_is_not(self) -> None:
        broken = json.loads(json.dumps(DOCUMENT))
        broken["operations"]["publish_cox_leads"]["action"] = "emit"
        with pytest.raises(ValueError, match="action"):
            validate(broken)

    def test_every_reference_leads_somewhere(self) -> None:
        found = sorted(set(references(DOCUMENT)))
        assert len(found) > len(EVENT_TYPES)
        assert [pointer for pointer in found if resolve(pointer) is None] == []

    def test_every_event_is_on_its_channel_and_nothing_else(self) -> None:
        listed = {
            (channel["address"], name)
            for channel in DOCUMENT["channels"].values()
            for name in channel["messages"]
        }
        assert listed == {(event.topic, key(name)) for name, event in EVENT_TYPES.items()}

    @pytest.mark.parametrize("name", sorted(EVENT_TYPES))
    def test_the_example_is_of_the_payloads_schema(self, name: str) -> None:
        message = DOCUMENT["components"]["messages"][key(name)]
        schema = inlined(message["payload"])
        jsonschema.Draft202012Validator.check_schema(schema)
        checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        checker.validate(message["examples"][0]["payload"])


class TestEnvelope:
    def test_the_described_headers_are_those_that_are_written(self) -> None:
        from datetime import UTC, datetime
        from uuid import uuid4

        from shared.events.envelope import headers_of

        row = {
            "event_id": uuid4(),
            "type": "cox.leads.lead_created.v1",
            "tenant_id": uuid4(),
            "aggregate_type": "lead",
            "aggregate_id": uuid4(),
            "seq": 1,
            "occurred_at": datetime(2026, 3, 1, tzinfo=UTC),
            "causation_id": uuid4(),
            "historic": True,
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        }
        described = DOCUMENT["components"]["messageTraits"]["envelope"]["headers"]
        checker = jsonschema.Draft202012Validator(described, format_checker=jsonschema.FormatChecker())
        full = {
            name: raw.decode()
            for name, raw in headers_of(row, source=b"/services/leads", epoch=1, replay=True, again=True)
        }
        assert set(full) == set(described["properties"])
        checker.validate(full)
        rare = {"causation_id": None, "historic": False}
        plain = headers_of(row | rare, source=b"/services/leads", epoch=1, replay=False)
        assert {name for name, _ in plain} == set(described["required"])
