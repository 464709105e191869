"""The streams (topics without their prefix), who publishes each, and the partition of an aggregate."""

from __future__ import annotations

from uuid import UUID
from zlib import crc32

PARTITIONS = {"cox.org": 3, "cox.leads": 12, "cox.activities": 12, "cox.scoring": 12, "cox.gateway": 3}
"""Partitions per stream. Their number is part of what consumers rely on: it never changes for a stream."""

STREAMS = tuple(PARTITIONS)

PUBLISHED = {
    "gateway": ("cox.org", "cox.gateway"),
    "leads": ("cox.leads",),
    "activities": ("cox.activities",),
    "scoring": ("cox.scoring",),
}
"""The streams that each service publishes."""


def key_of(aggregate_id: UUID) -> bytes:
    """Kafka's key of an aggregate: its id as text."""
    return str(aggregate_id).encode()


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: CRC32, as librdkafka's clients do (murmur2 costs Python 30 times as much)."""
    return crc32(key) % partitions


def stream_of_type(event_type: str) -> str:
    """`cox.leads.lead_created.v1` -> `cox.leads`."""
    return event_type.rsplit(".", 2)[0]
