"""Which path belongs to whom, and which headers pass."""

from __future__ import annotations

import pytest

from services.gateway.proxy.rules import (
    BATCH_LIMIT,
    BODY_LIMIT,
    body_limit,
    request_headers,
    response_headers,
    service_for,
)


class TestServiceFor:
    @pytest.mark.parametrize(
        ("path", "service"),
        [
            ("/v1/leads", "leads"),
            ("/v1/leads/1/move", "leads"),
            ("/v1/pipelines", "leads"),
            ("/v1/assignment-rules/explain", "leads"),
            ("/v1/activities", "activities"),
            ("/v1/kpis/evidence", "scoring"),
            ("/v1/leaderboards/deals_won", "scoring"),
            ("/v1/org/units", None),
            ("/v1/leadsx", None),
            ("/v2/leads", None),
            ("/internal/leads/import", None),
            ("//v1/leads", None),
            ("v1/leads", None),
            ("/v1", None),
        ],
    )
    def test_service_behind_the_path_when_asked(self, path: str, service: str | None) -> None:
        assert service_for(path) == service


class TestHeaders:
    def test_only_harmless_ones_pass_when_sent_by_a_client(self) -> None:
        sent = [
            (b"content-type", b"application/json"), (b"cox-wait-for", b"t"), (b"cox-wait-ms", b"1"),
            (b"idempotency-key", b"k"), (b"authorization", b"x"),
            (b"x-cox-user", b"x"), (b"cox-tenant", b"x"),
            (b"x-forwarded-for", b"x"), (b"x-real-ip", b"x"),
            (b"host", b"x"), (b"connection", b"close, X-Hop"),
            (b"x-hop", b"x"), (b"transfer-encoding", b"chunked"), (b"cookie", b"x"), (b"upgrade", b"h2c"),
        ]  # fmt: skip
        assert [name for name, _ in request_headers(sent)] == [
            b"content-type", b"cox-wait-for", b"cox-wait-ms", b"idempotency-key"
        ]  # fmt: skip

    def test_only_the_answers_own_pass_when_sent_by_a_service(self) -> None:
        sent = [
            (b"Content-Type", b"application/json"), (b"ETag", b'"1"'), (b"Connection", b"keep-alive"),
            (b"Server", b"x"), (b"Date", b"x"), (b"Set-Cookie", b"x"), (b"Transfer-Encoding", b"chunked"),
        ]  # fmt: skip
        assert [name for name, _ in response_headers(sent)] == [b"content-type", b"etag"]


class TestBodyLimit:
    def test_larger_when_path_takes_batches(self) -> None:
        assert body_limit("/v1/leads/batch") == BATCH_LIMIT
        assert body_limit("/v1/leads") == BODY_LIMIT
