"""Headers there and back, and what cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.gateway import ImportStarted
from shared.events.envelope import (
    Headers,
    Received,
    Undecodable,
    Unplaceable,
    headers_of,
    identity,
    pack_headers,
    unpack_headers,
)

ROW = {
    "event_id": UUID(int=1), "tenant_id": UUID(int=2), "aggregate_id": UUID(int=3),
    "aggregate_type": "import", "type": "cox.gateway.import_started.v1", "seq": 4,
    "occurred_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
    "causation_id": None, "traceparent": None, "historic": False,
}  # fmt: skip
VALUE = b'{"kind": "leads", "rows_total": 5}'


def received(value: bytes | None = VALUE, key: bytes | None = None, **changes: Any) -> Received:
    headers = dict(headers_of({**ROW, **changes}, source=b"/services/gateway", epoch=2, replay=False))
    return from_headers(list(headers.items()), value, key)


def from_headers(headers: Headers, value: bytes | None = VALUE, key: bytes | None = None) -> Received:
    at = int(datetime(2026, 3, 1, 13, tzinfo=UTC).timestamp() * 1000)
    return Received(
        "x.cox.gateway", 1, 9, at, key or str(UUID(int=3)).encode(), value, headers, stream="cox.gateway"
    )


class TestHeaders:
    def test_they_are_those_of_the_contract_when_all_is_set(self) -> None:
        row = {**ROW, "causation_id": UUID(int=9), "traceparent": "00-1-2-01", "historic": True}

        assert dict(headers_of(row, source=b"/services/gateway", epoch=2, replay=True)) == {
            "ce_specversion": b"1.0",
            "ce_id": str(UUID(int=1)).encode(),
            "ce_type": b"cox.gateway.import_started.v1",
            "ce_source": b"/services/gateway",
            "ce_subject": f"import/{UUID(int=3)}".encode(),
            "ce_time": b"2026-03-01T12:00:00.000000Z",
            "ce_dataschema": b"/schemas/cox.gateway.import_started.v1.json",
            "content-type": b"application/json",
            "ce_tenantid": str(UUID(int=2)).encode(),
            "ce_aggregatetype": b"import",
            "ce_sequence": b"4",
            "ce_epoch": b"2",
            "ce_causationid": str(UUID(int=9)).encode(),
            "ce_historic": b"true",
            "ce_replay": b"true",
            "traceparent": b"00-1-2-01",
        }

    def test_history_and_replay_are_absent_when_they_are_not_true(self) -> None:
        assert {"ce_historic", "ce_replay"}.isdisjoint(received().headers)

    def test_the_first_of_a_chain_names_itself_when_nothing_caused_it(self) -> None:
        first = received(causation_id=None)

        assert first.headers["ce_causationid"] == first.headers["ce_id"]
        assert first.causation_id is None

    def test_they_survive_packing_when_they_hold_any_bytes(self) -> None:
        headers = [("ce_id", b"\x00\xff"), ("x", "华".encode())]
        assert unpack_headers(pack_headers(headers)) == headers


class TestReceived:
    def test_an_event_is_read_as_its_contract_when_it_is_whole(self) -> None:
        event = received()

        assert event.event == ImportStarted(kind="leads", rows_total=5)
        assert (event.seq, event.epoch, event.version, event.aggregate_type) == (4, 2, 1, "import")
        assert event.occurred_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
        assert event.published_at == datetime(2026, 3, 1, 13, tzinfo=UTC)

    @pytest.mark.parametrize("missing", ["ce_id", "ce_type", "ce_tenantid", "ce_sequence", "ce_epoch"])
    def test_it_has_no_place_when_a_header_that_orders_it_is_missing(self, missing: str) -> None:
        headers = [pair for pair in received().headers.items() if pair[0] != missing]
        with pytest.raises(Unplaceable):
            from_headers(headers)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("ce_sequence", b"0"), ("ce_sequence", b"1" * 30), ("ce_epoch", b"x"), ("ce_id", b"\xff")],
    )
    def test_it_has_no_place_when_a_header_is_malformed(self, name: str, value: bytes) -> None:
        with pytest.raises(Unplaceable):
            from_headers(list({**received().headers, name: value}.items()))

    def test_it_has_no_place_when_the_key_is_no_aggregate(self) -> None:
        with pytest.raises(Unplaceable):
            received(key=b"nobody")

    @pytest.mark.parametrize(
        "value", [None, b"", b"\xff", b"[]", b'{"kind": "leads"}', b'{"kind": 5, "rows_total": 5}']
    )
    def test_it_keeps_its_place_when_the_value_cannot_be_read(self, value: bytes | None) -> None:
        event = received(value)

        assert event.seq == 4
        with pytest.raises(Undecodable):
            event.event  # noqa: B018 - reading is the test

    def test_unknown_fields_are_ignored_when_the_publisher_is_newer(self) -> None:
        assert received(b'{"kind": "leads", "rows_total": 5, "new": 1}').event == ImportStarted(
            kind="leads", rows_total=5
        )


class TestIdentity:
    def test_a_record_of_others_is_known_again_by_its_content_when_it_has_no_id(self) -> None:
        assert identity(b"k", b"v", []) == identity(b"k", b"v", [("ce_id", b"junk")])
        assert identity(b"k", b"v", []) != identity(b"k", b"w", [])
