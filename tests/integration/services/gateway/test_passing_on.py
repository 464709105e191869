"""The pass-through, against a service that behaves and one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from services.gateway.bootstrap import build_app, settings_of
from services.gateway.proxy.forward import Proxy
from services.gateway.proxy.rules import BODY_LIMIT
from shared.access.keys import FixedKeys, SigningKey
from shared.access.tokens import TokenVerifier
from shared.errors import CoxError
from shared.settings import Settings
from shared.web.bodies import ClientGone
from shared.web.problems import answer as problem
from tests.integration.services.gateway.conftest import Client, Tenant
from tests.integration.services.gateway.upstream import Request, Script, Upstream, answer, running
from tests.support.asgi import Answer, ask


class Gate:
    """The proxy as an ASGI app, its errors as problems."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._proxy.forward("leads", "service-token", scope, receive, send)
        except CoxError as error:
            await problem(error, scope)(scope, receive, send)


@asynccontextmanager
async def gate(script: Script, timeout_s: float = 60) -> AsyncIterator[tuple[Upstream, Gate]]:
    async with running(script) as upstream:
        proxy = Proxy({"leads": upstream.origin}, timeout_s=timeout_s)
        await proxy.start()
        try:
            yield upstream, Gate(proxy)
        finally:
            await proxy.stop()


async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(201, request.body, content_type="text/plain", cox_position="p", server="secret"))


async def refuse(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.close()


class TestRequest:
    async def test_path_query_and_body_arrive_as_sent_when_passed_on(self) -> None:
        async with gate(echo) as (upstream, app):
            sent = {"content-type": "application/json", "cox-wait-for": "t", "if-match": '"1"'}
            told = await ask(app, "POST", "/v1/leads/%E5%8D%8E?q=a%2Bb&x=%00", body=b"{}", headers=sent)
        [request] = upstream.requests
        assert request.target == "/v1/leads/%E5%8D%8E?q=a%2Bb&x=%00"
        assert request.body == b"{}"
        assert {name: request.headers[name] for name in sent} == sent
        assert (told.status, told.body, told.headers["cox-position"]) == (201, b"{}", "p")
        assert "server" not in told.headers

    async def test_claims_of_identity_do_not_arrive_when_a_client_sends_them(self) -> None:
        claims = {
            "authorization": "Bearer mine", "cookie": "a=b", "x-forwarded-for": "10.0.0.1",
            "forwarded": "for=x",
            "x-user-id": "1", "x-tenant-id": "1", "cox-principal": "{}", "x-cox-roles": "admin",
            "cox-client-address": "10.0.0.1", "x-secret": "1", "connection": "keep-alive, x-secret",
            "te": "trailers",
        }  # fmt: skip
        async with gate(echo) as (upstream, app):
            await ask(app, "GET", "/v1/leads", headers=claims)
        arrived = upstream.requests[0].headers
        assert arrived.pop("authorization") == "Bearer service-token"
        assert arrived.pop("cox-client-address") == "127.0.0.1"
        assert set(arrived) & set(claims) == set()

    async def test_streamed_body_arrives_whole_when_sent_in_parts(self) -> None:
        parts = [b"x" * 70_000, b"y" * 70_000, b""]
        async with gate(echo) as (upstream, app):
            told = await ask(app, "POST", "/v1/leads", body=parts)
        assert upstream.requests[0].headers["transfer-encoding"] == "chunked"
        assert told.body == b"".join(parts)

    @pytest.mark.parametrize("body", [b"x" * (BODY_LIMIT + 1), [b"x" * 2**20] * 3])
    async def test_refused_when_body_is_too_large(self, body: bytes | Iterable[bytes]) -> None:
        async with gate(echo) as (_, app):
            told = await ask(app, "POST", "/v1/leads", body=body)
        assert (told.status, told.code) == (413, "body_too_large")

    async def test_refusal_of_the_service_arrives_when_it_reads_no_body(self) -> None:
        async def impatient(_: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(422, b"no"))

        async with gate(impatient) as (_, app):
            told = await ask(app, "POST", "/v1/leads", body=[b"x" * 1000, b"y" * 1000])
        assert (told.status, told.body) == (422, b"no")


class TestAnswer:
    async def test_large_answer_is_streamed_when_passed_back(self) -> None:
        async def large(_: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for _part in range(50):
                writer.write(b"2710\r\n" + b"z" * 10_000 + b"\r\n")
            writer.write(b"0\r\n\r\n")

        async with gate(large) as (_, app):
            told = await ask(app, "GET", "/v1/leads")
        assert told.body == b"z" * 500_000
        assert "transfer-encoding" not in told.headers

    async def test_compressed_answer_stays_as_it_is_when_passed_back(self) -> None:
        async def packed(_: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(200, b"\x1f\x8b packed", content_encoding="gzip"))

        async with gate(packed) as (_, app):
            told = await ask(app, "GET", "/v1/leads", headers={"accept-encoding": "gzip"})
        assert (told.body, told.headers["content-encoding"]) == (b"\x1f\x8b packed", "gzip")

    async def test_connection_is_used_again_when_requests_follow(self) -> None:
        async with gate(echo) as (upstream, app):
            for _ in range(3):
                await ask(app, "POST", "/v1/leads", body=b"1")
        assert (upstream.connections, len(upstream.requests)) == (1, 3)


class TestBrokenService:
    async def test_unavailable_when_nobody_listens(self) -> None:
        async with gate(echo) as (upstream, _):
            pass
        proxy = Proxy({"leads": upstream.origin}, timeout_s=5)
        await proxy.start()
        told = await ask(Gate(proxy), "GET", "/v1/leads")
        await proxy.stop()
        assert (told.status, told.code) == (503, "service_unavailable")
        assert told.headers["retry-after"]

    async def test_post_is_sent_once_when_the_service_breaks_off(self) -> None:
        async with gate(refuse) as (upstream, app):
            told = await ask(app, "POST", "/v1/leads", body=b"1")
        assert (told.status, len(upstream.requests)) == (503, 1)

    async def test_get_is_sent_again_once_when_the_connection_breaks(self) -> None:
        async def second_time(request: Request, writer: asyncio.StreamWriter) -> None:
            await (refuse if len(upstream.requests) == 1 else echo)(request, writer)

        async with gate(second_time) as (upstream, app):
            told = await ask(app, "GET", "/v1/leads")
        assert (told.status, len(upstream.requests)) == (201, 2)

    async def test_get_is_given_up_when_the_connection_keeps_breaking(self) -> None:
        async with gate(refuse) as (upstream, app):
            told = await ask(app, "GET", "/v1/leads")
        assert told.status == 503
        assert len(upstream.requests) == 2

    async def test_gateway_timeout_when_the_service_is_silent(self) -> None:
        async def silent(_: Request, writer: asyncio.StreamWriter) -> None:
            await writer.drain()

        async with gate(silent, timeout_s=2) as (upstream, app):
            told = await ask(app, "POST", "/v1/leads", body=b"1")
        assert (told.status, told.code, len(upstream.requests)) == (504, "service_timeout", 1)

    async def test_service_is_let_go_when_the_client_leaves_while_it_waits(self) -> None:
        asked = asyncio.Event()

        async def silent(_: Request, writer: asyncio.StreamWriter) -> None:
            asked.set()

        async with gate(silent) as (upstream, app):
            waits = {"cox-wait-for": "token"}
            with pytest.raises(ClientGone):
                await ask(app, "POST", "/v1/leads", body=b"1", headers=waits, leaves=asked)
            async with asyncio.timeout(240):
                await asyncio.gather(*upstream.serving)
        assert len(upstream.requests) == 1


class TestWholeGateway:
    async def test_service_learns_who_asks_when_a_signed_in_client_does(
        self, settings: Settings, tenant: Tenant, signing_key: SigningKey
    ) -> None:
        me = (await tenant.admin("GET", "/v1/me")).json()
        async with _gateway(settings, signing_key, echo) as (upstream, app):
            client = Client(app, tenant.admin.token)
            for _ in range(2):
                assert (await client("POST", "/v1/leads", {"name": "x"}, x_user_id="7")).status == 201
        tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in upstream.requests]
        assert tokens[0] == tokens[1]
        principal = await TokenVerifier("leads", FixedKeys(signing_key)).verify(tokens[0])
        assert (str(principal.id), principal.visibility) == (me["id"], "tenant")
        assert principal.org_version == me["org_version"]

    async def test_service_gets_a_new_token_when_rights_change(
        self, settings: Settings, tenant: Tenant, signing_key: SigningKey
    ) -> None:
        user = await tenant.user("lin", await tenant.root(), "rep")
        token = (await tenant.client("lin")).token
        async with _gateway(settings, signing_key, echo) as (upstream, app):
            client = Client(app, token)
            await client("POST", "/v1/leads", {})
            await Client(app, tenant.admin.token)(
                "PATCH", f"/v1/org/users/{user['id']}", {"roles": ["director"]}
            )
            await client("POST", "/v1/leads", {})
        seen = []
        for request in upstream.requests:
            token = request.headers["authorization"].removeprefix("Bearer ")
            seen.append((await TokenVerifier("leads", FixedKeys(signing_key)).verify(token)).visibility)
        assert seen == ["own", "tenant"]

    async def test_read_is_asked_again_when_the_service_knew_of_a_change_first(
        self, settings: Settings, tenant: Tenant, signing_key: SigningKey
    ) -> None:
        async def outdated_once(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(401 if len(upstream.requests) == 1 else 200))

        async with _gateway(settings, signing_key, outdated_once) as (upstream, app):
            read: Answer = await Client(app, tenant.admin.token)("GET", "/v1/leads")
            assert (read.status, len(upstream.requests)) == (200, 2)
            upstream.requests.clear()
            written = await Client(app, tenant.admin.token)("POST", "/v1/leads", {})
            assert (written.status, written.code) == (503, "rights_just_changed")
            assert len(upstream.requests) == 1

    async def test_refused_when_more_is_asked_than_the_limit(
        self, settings: Settings, tenant: Tenant, signing_key: SigningKey, still_window: None
    ) -> None:
        few = settings.model_copy(update={"rate_limit_per_s": 1, "rate_limit_burst": 200})
        async with _gateway(few, signing_key, echo) as (_, app):
            client = Client(app, tenant.admin.token)
            statuses = [(await client("GET", "/v1/me")).status for _ in range(201)]
            last = await client("GET", "/v1/leads")
        assert statuses[:200] == [200] * 200
        assert statuses[-1] == 429
        assert (last.status, last.code) == (429, "rate_limited")
        assert last.headers["ratelimit-policy"] == "200;w=200"
        assert int(last.headers["retry-after"]) > 0


@asynccontextmanager
async def _gateway(
    settings: Settings, key: SigningKey, script: Script
) -> AsyncIterator[tuple[Upstream, Any]]:
    async with running(script) as upstream:
        app = build_app(
            settings_of(settings.model_copy(update={"service_leads_url": upstream.origin})), key=key
        )
        async with app.router.lifespan_context(app):
            yield upstream, app
