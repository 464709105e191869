"""What the live reader takes from the log into the ring."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.gateway.live.marks import INDEX, PLACES
from services.gateway.live.ring import Ring
from services.gateway.live.tail import Tail
from shared.contracts.gateway import ImportStarted
from shared.events.envelope import headers_of
from shared.events.kafka import Record
from shared.events.streams import key_of
from shared.settings import Settings

STREAM = "cox.gateway"
PLACE = INDEX[STREAM, 0]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(
    offset: int, event_id: UUID, *, replay: bool = False, headers: list[tuple[str, bytes]] | None = None
) -> Record:
    event = ImportStarted(kind="leads", rows_total=1)
    row: dict[str, Any] = {
        "event_id": event_id, "tenant_id": UUID(int=1), "aggregate_id": UUID(int=2),
        "aggregate_type": "import", "type": event.type_name(), "seq": 1, "occurred_at": NOON,
        "causation_id": None, "traceparent": None, "historic": False,
    }  # fmt: skip
    found = headers_of(row, source=b"/services/gateway", epoch=1, replay=replay)
    value = event.model_dump_json().encode()
    at_ms = int(NOON.timestamp() * 1000)
    return Record(f"p.{STREAM}", 0, offset, at_ms, key_of(UUID(int=2)), value, headers or found)


@pytest.fixture
def tail() -> Tail:
    return Tail(Settings(topic_prefix="p."))


@pytest.fixture
def ring() -> Ring:
    return Ring([10] * len(PLACES), keep_ms=1000)


def told(ring: Ring) -> list[int]:
    return [item.offset for _, item in ring.items(0)]


class TestTaking:
    def test_an_event_is_told_once_when_the_log_repeats_it(self, tail: Tail, ring: Ring) -> None:
        event_id = uuid4()
        tail._take(ring, [record(10, event_id), record(11, event_id)])
        tail._take(ring, [record(12, uuid4()), record(13, event_id)])
        assert told(ring) == [10, 12]

    def test_nothing_is_told_again_when_a_record_is_read_again(self, tail: Tail, ring: Ring) -> None:
        """A ring forgets ids long before a client forgets where it was: the offset tells."""
        before = record(9, uuid4())
        tail._take(ring, [before, record(10, uuid4())])
        assert told(ring) == [10]
        assert ring.proof is not None

    def test_a_replay_is_passed_over_when_the_journal_is_published_again(
        self, tail: Tail, ring: Ring
    ) -> None:
        tail._take(ring, [record(10, uuid4(), replay=True), record(11, uuid4())])
        assert told(ring) == [11]

    def test_what_is_no_event_is_passed_over(self, tail: Tail, ring: Ring) -> None:
        tail._take(ring, [record(10, uuid4(), headers=[("ce_id", b"x")]), record(11, uuid4())])
        assert told(ring) == [11]
        assert ring.next[PLACE] == 12
