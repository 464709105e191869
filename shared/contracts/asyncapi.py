"""The AsyncAPI 3 document: what is on Kafka, made from the event classes and their golden samples."""

from __future__ import annotations

import inspect
import json
from typing import Any

from shared.contracts.base import Event
from shared.contracts.catalogue import EVENT_TYPES
from shared.contracts.golden import sample

Json = dict[str, Any]

PUBLISHERS = {
    "cox.org": "gateway",
    "cox.gateway": "gateway",
    "cox.leads": "leads",
    "cox.activities": "activities",
    "cox.scoring": "scoring",
}
"""The service that publishes each topic."""

_TOPICS = {
    "cox.org": "People, units, exchange rates and revoked access; the only topic with names (of users).",
    "cox.gateway": "What happens at the door: imports and API keys.",
    "cox.leads": "What happens to a lead, and the definitions that decide it.",
    "cox.activities": "What was done, as recorded.",
    "cox.scoring": "Notices that numbers changed; nothing is rebuilt from them.",
}
_UUID = {"type": "string", "format": "uuid"}
_COUNT = {"type": "string", "pattern": "^[1-9][0-9]*$"}
_HEADERS: Json = {
    "type": "object",
    "description": "CloudEvents 1.0 in binary mode; every header's value is text.",
    "required": [
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_subject",
        "ce_time",
        "ce_dataschema",
        "content-type",
        "ce_tenantid",
        "ce_aggregatetype",
        "ce_sequence",
        "ce_epoch",
        "ce_causationid",
        "traceparent",
    ],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {**_UUID, "description": "The event's own id: the same however often it is delivered."},
        "ce_type": {"type": "string", "description": "The name of one of the messages here."},
        "ce_source": {"type": "string", "description": "The publishing service."},
        "ce_subject": {"type": "string", "description": "The aggregate's type and id."},
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "description": "When the fact happened; the record's timestamp says when it was published.",
        },
        "ce_dataschema": {"type": "string", "description": "The value's schema, by type and version."},
        "content-type": {"type": "string", "const": "application/json"},
        "ce_tenantid": _UUID,
        "ce_aggregatetype": {"type": "string"},
        "ce_sequence": {**_COUNT, "description": "1, 2, 3 … within the aggregate, without holes."},
        "ce_epoch": {**_COUNT, "description": "Raised when a publisher was restored from a backup."},
        "ce_causationid": {
            **_UUID,
            "description": "The event that this one follows from; the first of a chain names itself.",
        },
        "ce_historic": {
            "type": "string",
            "const": "true",
            "description": "Imported past: show it, do not act on it.",
        },
        "ce_replay": {"type": "string", "const": "true", "description": "Published again from the journal."},
        "ce_again": {
            "type": "string",
            "const": "true",
            "description": "News to its restored publisher alone: the epoch before had it as well.",
        },
        "traceparent": {"type": "string", "description": "W3C trace context of what caused it."},
    },
}


def document(version: str) -> Json:
    """The whole document; `version` is the product's."""
    schemas: Json = {}
    messages = {key(name): _message(event, schemas) for name, event in sorted(EVENT_TYPES.items())}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Coxswain's events",
            "version": version,
            "description": "Facts of the sales process on Kafka. Delivery is at least once, in order "
            "per key; drop what you have seen by `ce_id`. Within a version there are only additions.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {key(topic): _channel(topic) for topic in _TOPICS},
        "operations": {f"publish_{key(topic)}": _operation(topic) for topic in _TOPICS},
        "components": {
            "messages": messages,
            "schemas": schemas,
            "messageTraits": {"envelope": {"headers": _HEADERS}},
        },
    }


def key(name: str) -> str:
    """A topic's or event's name as the document's maps allow it: `cox_leads_lead_created_v1`."""
    return name.replace(".", "_")


def _types_of(topic: str) -> list[str]:
    return sorted(name for name, event in EVENT_TYPES.items() if event.topic == topic)


def _channel(topic: str) -> Json:
    return {
        "address": topic,
        "description": f"{_TOPICS[topic]} An installation may put a prefix before the name.",
        "messages": {key(name): {"$ref": f"#/components/messages/{key(name)}"} for name in _types_of(topic)},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    }


def _operation(topic: str) -> Json:
    return {
        "action": "send",
        "summary": f"{PUBLISHERS[topic]} publishes",
        "channel": {"$ref": f"#/channels/{key(topic)}"},
        "messages": [{"$ref": f"#/channels/{key(topic)}/messages/{key(name)}"} for name in _types_of(topic)],
    }


def _message(event: type[Event], schemas: Json) -> Json:
    name = event.type_name()
    schema = event.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas.update(schema.pop("$defs", {}))
    schemas[key(name)] = schema
    text = inspect.getdoc(event) if event.__doc__ else None
    return {
        "name": name,
        "title": event.__name__,
        "summary": f"About one {event.aggregate_type.replace('_', ' ')}.",
        **({"description": text} if text else {}),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{key(name)}"},
        "traits": [{"$ref": "#/components/messageTraits/envelope"}],
        "bindings": {
            "kafka": {"key": {**_UUID, "description": "The aggregate's id."}, "bindingVersion": "0.5.0"}
        },
        "examples": [{"name": "complete", "payload": json.loads(sample(name))}],
    }
