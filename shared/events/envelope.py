"""The envelope: CloudEvents 1.0 in binary mode, as Kafka headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import orjson
from asyncpg.pgproto.pgproto import UUID as FastUUID  # noqa: N811
from pydantic import ValidationError

from shared.contracts.base import EVENT_TYPES, Event
from shared.ids import derived_id

Headers = Sequence[tuple[str, bytes]]
P = TypeVar("P")

SOURCE = "/services/"
_STATIC = [("ce_specversion", b"1.0"), ("content-type", b"application/json")]


class Undecodable(Exception):
    """The bytes of an event cannot be read as what its type says. Trying again cannot help."""

    def __init__(self, event_id: UUID, reason: str) -> None:
        super().__init__(reason)
        self.event_id = event_id
        self.reason = reason


class Unplaceable(Exception):
    """The headers do not say which event of which aggregate this is."""


def headers_of(
    row: Any, *, source: bytes, epoch: int, replay: bool, again: bool = False
) -> list[tuple[str, bytes]]:
    """The headers of a journal row (a mapping with the columns of `events`)."""
    event_type: str = row["type"]
    # The first of a chain names itself: the header is always there, as the contract lists it.
    cause = row["causation_id"] or row["event_id"]
    headers = [
        *_STATIC,
        ("ce_id", str(row["event_id"]).encode()),
        ("ce_type", event_type.encode()),
        ("ce_source", source),
        ("ce_subject", f"{row['aggregate_type']}/{row['aggregate_id']}".encode()),
        ("ce_time", timestamp(row["occurred_at"]).encode()),
        ("ce_dataschema", f"/schemas/{event_type}.json".encode()),
        ("ce_tenantid", str(row["tenant_id"]).encode()),
        ("ce_aggregatetype", row["aggregate_type"].encode()),
        ("ce_sequence", str(row["seq"]).encode()),
        ("ce_epoch", str(epoch).encode()),
        ("ce_causationid", str(cause).encode()),
    ]
    if row["historic"]:
        headers.append(("ce_historic", b"true"))
    if replay:
        headers.append(("ce_replay", b"true"))
    if again:
        headers.append(("ce_again", b"true"))
    if row["traceparent"] is not None:
        headers.append(("traceparent", row["traceparent"].encode()))
    return headers


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1024)
def _type_of(header: bytes) -> str:
    return header.decode()


@lru_cache(maxsize=1024)
def _tenant_of(header: bytes) -> UUID:
    return FastUUID(header.decode())


class Received:
    """One event as consumed. What decides its place is read at once, everything else when asked for.

    Raises Unplaceable when the headers that give it its place are missing or malformed.
    """

    __slots__ = (
        "_data", "_event", "_headers", "_prepared", "again", "aggregate_id", "epoch", "event_id", "historic",
        "key", "offset", "partition", "replay", "seq", "stream", "tenant_id", "timestamp_ms", "topic", "type",
        "value",
    )  # fmt: skip

    def __init__(
        self, topic: str, partition: int, offset: int, timestamp_ms: int, key: bytes | None,
        value: bytes | None, headers: Headers, *, stream: str,
    ) -> None:  # fmt: skip
        found = dict(headers)
        try:
            self.event_id: UUID = FastUUID(found["ce_id"].decode())
            self.type: str = _type_of(found["ce_type"])
            self.tenant_id: UUID = _tenant_of(found["ce_tenantid"])
            self.seq: int = int(found["ce_sequence"])
            self.epoch: int = int(found["ce_epoch"])
            self.aggregate_id: UUID = FastUUID((key or b"").decode())
        except (KeyError, ValueError, UnicodeDecodeError) as error:
            raise Unplaceable(f"the headers do not place the event: {error!r}") from None
        if not (0 < self.seq < 2**63 and 0 < self.epoch < 2**31):
            raise Unplaceable(f"seq {self.seq} or epoch {self.epoch} is out of range")
        self.topic = topic
        self.stream = stream
        self.partition = partition
        self.offset = offset
        self.timestamp_ms = timestamp_ms
        self.key = key
        self.value: bytes = value or b""
        self.historic = found.get("ce_historic") == b"true"
        self.replay = found.get("ce_replay") == b"true"
        self.again = found.get("ce_again") == b"true"
        self._headers = found
        self._data: dict[str, Any] | None = None
        self._event: Event | None = None
        self._prepared: Any = None

    def __repr__(self) -> str:
        return (
            f"<{self.type} {self.aggregate_id} seq {self.seq} {self.topic}[{self.partition}]@{self.offset}>"
        )

    @property
    def published_at(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)

    @property
    def occurred_at(self) -> datetime:
        """Event time. Raises Undecodable when the header is missing or no time."""
        try:
            at = datetime.fromisoformat(self._headers["ce_time"].decode())
            return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        except (KeyError, ValueError) as error:
            raise Undecodable(self.event_id, f"ce_time: {error!r}") from None

    @property
    def aggregate_type(self) -> str:
        return self._headers.get("ce_aggregatetype", b"").decode(errors="replace")

    @property
    def causation_id(self) -> UUID | None:
        """The event that this one follows from; None for the first of a chain, which names itself."""
        raw = self._headers.get("ce_causationid")
        try:
            cause = None if raw is None else UUID(raw.decode())
        except ValueError:
            raise Undecodable(self.event_id, "ce_causationid is no UUID") from None
        return None if cause == self.event_id else cause

    @property
    def traceparent(self) -> str | None:
        raw = self._headers.get("traceparent")
        return None if raw is None else raw.decode(errors="replace")

    @property
    def version(self) -> int:
        """The major version in the type's name; 0 when it has none."""
        suffix = self.type.rsplit(".v", 1)[-1]
        return int(suffix) if suffix.isdigit() else 0

    @property
    def headers(self) -> dict[str, bytes]:
        return self._headers

    @property
    def data(self) -> dict[str, Any]:
        """The payload as plain JSON, for hot paths. Raises Undecodable unless it is a JSON object."""
        if self._data is None:
            try:
                data = orjson.loads(self.value)
            except orjson.JSONDecodeError as error:
                raise Undecodable(self.event_id, f"the value is no JSON: {error}") from None
            if not isinstance(data, dict):
                raise Undecodable(self.event_id, "the value is no JSON object")
            self._data = data
        return self._data

    def prepared(self, preparation: Callable[[Received], P]) -> P:
        """What this preparation makes of the event; made once. (There is one preparation for each type.)"""
        if self._prepared is None:
            self._prepared = preparation(self)
        return self._prepared  # type: ignore[no-any-return]

    @property
    def event(self) -> Event:
        """The payload as its contract's model. Raises Undecodable when it is not of that shape."""
        if self._event is None:
            model = EVENT_TYPES.get(self.type)
            if model is None:
                raise Undecodable(self.event_id, f"no contract knows the type {self.type}")
            try:
                self._event = model.model_validate_json(self.value)
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                where = "/".join(str(part) for part in first["loc"])
                raise Undecodable(self.event_id, f"{where}: {first['msg']}") from None
        return self._event


def identity(key: bytes | None, value: bytes | None, headers: Headers) -> UUID:
    """An id of any record, ours or not: `ce_id`, else one made from its content."""
    try:
        return FastUUID(dict(headers)["ce_id"].decode())
    except (KeyError, ValueError, UnicodeDecodeError):
        return derived_id("record", (key or b"").hex(), (value or b"").hex())


def pack_headers(headers: Headers | dict[str, bytes]) -> str:
    """Headers as JSON text that survives any bytes; `unpack_headers` is its inverse."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    return orjson.dumps([[name, value.decode("latin-1")] for name, value in pairs]).decode()


def unpack_headers(packed: str) -> list[tuple[str, bytes]]:
    return [(name, value.encode("latin-1")) for name, value in orjson.loads(packed)]
