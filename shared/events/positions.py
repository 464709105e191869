"""Positions, and the opaque token (`Cox-Position`) by which a caller waits for them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from shared.errors import Malformed
from shared.events.streams import PARTITIONS, STREAMS, key_of, partition_of

MAX_ENTRIES = 12
_ENTRY = struct.Struct(">B16sQ")
_VERSION = b"\x01"
_MAC_BYTES = 16


class BadPosition(Malformed):
    code = "bad_position"
    title = "The position token is damaged, or is not one of this tenant"


class Position(NamedTuple):
    """The `seq`-th event of an aggregate in a stream."""

    stream: str
    aggregate_id: UUID
    seq: int


def compact(positions: Iterable[Position]) -> list[Position]:
    """At most 12 positions that stand for all of them.

    The last of each aggregate; where those are too many, the last recorded of each partition: a partition is
    read in the order of recording, so whoever applied its last event has met the others.
    """
    newest: dict[tuple[str, UUID], Position] = {}
    last_first = list(positions)[::-1]
    for position in last_first:
        newest.setdefault((position.stream, position.aggregate_id), position)
        if len(newest) > MAX_ENTRIES:
            return _of_partitions(last_first)
    return list(newest.values())[::-1]


def _of_partitions(last_first: Iterable[Position]) -> list[Position]:
    found: dict[tuple[str, int], Position] = {}
    for position in last_first:
        partition = partition_of(key_of(position.aggregate_id), PARTITIONS[position.stream])
        found.setdefault((position.stream, partition), position)
        if len(found) == MAX_ENTRIES:
            break
    return list(found.values())[::-1]


def encode_token(positions: Sequence[Position], tenant_id: UUID, secret: str) -> str:
    """An authenticated token of these positions, good for this tenant only."""
    body = _VERSION + b"".join(
        _ENTRY.pack(STREAMS.index(entry.stream), entry.aggregate_id.bytes, entry.seq)
        for entry in compact(positions)
    )
    return base64.urlsafe_b64encode(_mac(body, tenant_id, secret) + body).rstrip(b"=").decode()


def decode_token(token: str, tenant_id: UUID, secret: str) -> list[Position]:
    """The positions of a token. Raises BadPosition unless it was made for this tenant with this secret."""
    try:
        raw = base64.b64decode(
            token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
        )
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise BadPosition("Cox-Wait-For holds no token as Cox-Position gives it") from None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(body, tenant_id, secret)) or body[:1] != _VERSION:
        raise BadPosition("Cox-Wait-For holds a token that is damaged or belongs to another tenant")
    return [
        Position(STREAMS[stream], UUID(bytes=aggregate), seq)
        for stream, aggregate, seq in _ENTRY.iter_unpack(body[1:])
    ]


def _mac(body: bytes, tenant_id: UUID, secret: str) -> bytes:
    return hmac.new(secret.encode(), b"position" + tenant_id.bytes + body, hashlib.sha256).digest()[
        :_MAC_BYTES
    ]
