"""The outermost layer of every app: trace, authentication, the last net for errors, metrics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Forbidden, Malformed
from shared.observability.metrics import HTTP_IN_FLIGHT, HTTP_REQUESTS, HTTP_SECONDS
from shared.observability.traces import span
from shared.web.bodies import ClientGone
from shared.web.context import PRINCIPAL, Authenticate
from shared.web.problems import answer

MAX_TARGET_BYTES = 16 * 1024
INTERNAL = "/internal/"


class BadTarget(Malformed):
    code = "bad_address"
    title = "The address cannot be read"


class ServicesOnly(Forbidden):
    code = "services_only"
    title = "For other services only"


class Edge:
    """Pure ASGI. Whatever is raised inside becomes a problem, unless the answer had already begun.

    `public`: paths open to all; one that ends in a slash stands for all below it.
    """

    def __init__(self, app: ASGIApp, service: str, authenticate: Authenticate, public: Sequence[str]) -> None:
        self._app = app
        self._service = service
        self._authenticate = authenticate
        self._public = frozenset(path for path in public if not path.endswith("/"))
        self._public_below = tuple(path for path in public if path.endswith("/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = _Sent(send)
        began = time.perf_counter()
        in_flight = HTTP_IN_FLIGHT.labels(self._service)
        in_flight.inc()
        traceparent = Headers(scope=scope).get("traceparent")
        try:
            with span(scope["method"], traceparent=traceparent, kind=SpanKind.SERVER) as current:
                await self._answered(scope, receive, sent)
                current.update_name(f"{scope['method']} {route_of(scope)}")
                current.set_attribute("http.response.status_code", sent.status)
        finally:
            in_flight.dec()
            self._measure(scope, sent.status, time.perf_counter() - began)

    async def _answered(self, scope: Scope, receive: Receive, sent: _Sent) -> None:
        try:
            check_target(scope)
            await self._identify(scope)
            await self._app(scope, receive, sent)
        except ClientGone:
            return
        except Exception as error:
            if sent.status:
                raise
            await answer(error, scope)(scope, receive, sent)

    async def _identify(self, scope: Scope) -> None:
        path: str = scope["path"]
        if path in self._public or path.startswith(self._public_below):
            return
        principal = await self._authenticate(scope)
        if path.startswith(INTERNAL) and principal.kind != "service":
            raise ServicesOnly("Only other services may ask this")
        scope[PRINCIPAL] = principal

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        HTTP_REQUESTS.labels(self._service, scope["method"], route, status or 499).inc()
        HTTP_SECONDS.labels(self._service, scope["method"], route).observe(seconds)


class _Sent:
    """Passes on what is sent, and keeps the status; 0 until the answer begins."""

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def route_of(scope: Scope) -> str:
    """The matched route's template, so that metrics have few labels; `unmatched` where there is none."""
    path: str = getattr(scope.get("route"), "path", "unmatched")
    return path


def check_target(scope: Scope) -> None:
    """Refuses an address that is no UTF-8, holds NUL, or is longer than any of ours could be."""
    path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
    query: bytes = scope["query_string"]
    if len(path) + len(query) > MAX_TARGET_BYTES:
        raise BadTarget("The address is too long")
    for part in (path, query):
        if b"%" in part or not part.isascii():
            _check_text(unquote_to_bytes(part))


def _check_text(raw: bytes) -> None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadTarget("The address is not UTF-8") from None
    if "\0" in text:
        raise BadTarget("The address holds a NUL character")
