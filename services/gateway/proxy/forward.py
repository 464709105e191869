"""The pass-through: ASGI on one side, aiohttp's client on the other, nothing buffered but what is small."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NoReturn, TypeAlias

import aiohttp
from multidict import CIMultiDict
from starlette.types import Message, Receive, Scope, Send
from yarl import URL

from services.gateway.proxy.rules import Service, body_limit, request_headers, response_headers
from shared.errors import NotYet, TooLarge, Unavailable
from shared.observability.logs import get_logger
from shared.observability.traces import current_traceparent
from shared.web.bodies import ClientGone
from shared.web.connections import CLIENT_IDLE_S
from shared.web.disclosures import CLIENT_ADDRESS
from shared.web.gone import unless_gone
from shared.web.waits import WAIT_FOR, WAIT_MS

log = get_logger(__name__)

_SMALL_BYTES = 64 * 1024
_CONNECT_S = 3.0
_WAITS = (WAIT_FOR, WAIT_MS)

_Body: TypeAlias = "bytes | _Upload | None"


class ServiceUnavailable(Unavailable):
    code = "service_unavailable"
    title = "The service behind this path does not answer right now"


class ServiceSilent(NotYet):
    code = "service_timeout"
    title = "The service behind this path did not answer in time"


class RightsJustChanged(Unavailable):
    code = "rights_just_changed"
    title = "What you may do has just changed; try again"


class BodyTooLarge(TooLarge):
    code = "body_too_large"
    title = "The body is too large"


class Proxy:
    """One per process: it keeps the connections. `origins` are the services' addresses."""

    def __init__(self, origins: Mapping[Service, str], *, timeout_s: float) -> None:
        self._origins = dict(origins)
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            # Shorter than even a leaving service keeps an idle connection: it is we who let go first.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=CLIENT_IDLE_S),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=self._timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def forward(self, service: Service, token: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as `token`'s principal, and its answer back.

        Raises ServiceUnavailable, ServiceSilent, RightsJustChanged, BodyTooLarge, ClientGone; each before the
        answer has begun.
        """
        headers = _outgoing(scope, token)
        body = await _body(scope, receive, headers)
        asking = self._asked(service, scope, headers, body)
        # Where the service may wait, nobody waits for it longer than the client does.
        waits = not isinstance(body, _Upload) and any(name in headers for name in _WAITS)
        answer = await (unless_gone(asking, receive) if waits else asking)
        try:
            if answer.status == 401:
                # The token was ours: the service knows of a later change of rights.
                raise RightsJustChanged
            await _pass_back(answer, scope["method"], send)
        finally:
            answer.release()

    async def document(self, service: Service) -> bytes:
        """A service's own OpenAPI document. Raises ServiceUnavailable."""
        scope: Scope = {"method": "GET", "raw_path": b"/openapi.json", "query_string": b"", "headers": []}
        answer = await self._asked(service, scope, CIMultiDict(), None)
        try:
            if answer.status != 200:
                raise ServiceUnavailable(f"{service} has no document right now")
            return await answer.read()
        finally:
            answer.release()

    async def _asked(
        self, service: Service, scope: Scope, headers: CIMultiDict[str], body: _Body
    ) -> aiohttp.ClientResponse:
        """The answer's beginning. aiohttp asks once more where the connection broke, never with a POST."""
        assert self._session is not None  # noqa: S101 - the app starts it before it serves
        url = _address(self._origins[service], scope)
        try:
            return await self._session.request(
                scope["method"], url, headers=headers, data=body, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if isinstance(body, _Upload) and body.error is not None:
                raise body.error from None
            if isinstance(error, aiohttp.SocketTimeoutError):
                raise ServiceSilent(f"{service} did not answer in time") from None
            log.warning("service_unavailable", service=service, method=scope["method"], error=repr(error))
            raise ServiceUnavailable(f"{service} does not answer right now; try again") from error


def _address(origin: str, scope: Scope) -> URL:
    """As the client wrote it: escaping is part of the address."""
    raw = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return URL(origin + raw.decode("ascii") + (f"?{query.decode('ascii')}" if query else ""), encoded=True)


def _outgoing(scope: Scope, token: str) -> CIMultiDict[str]:
    headers = CIMultiDict(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request_headers(scope["headers"])
    )
    headers["Authorization"] = f"Bearer {token}"
    if scope.get("client"):
        headers[CLIENT_ADDRESS] = scope["client"][0]
    traceparent = current_traceparent()
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return headers


async def _body(scope: Scope, receive: Receive, headers: CIMultiDict[str]) -> _Body:
    """None where there is none, bytes where it came at once, else a stream."""
    limit = body_limit(scope["path"])
    declared = headers.get("Content-Length")
    if declared is not None and (not declared.isdigit() or int(declared[:20]) > limit):
        raise _too_large(limit)
    if declared is None and not any(name == b"transfer-encoding" for name, _ in scope["headers"]):
        return None
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    first: bytes = message.get("body", b"")
    if message.get("more_body", False):
        return _Upload(first, receive, limit)
    if len(first) > limit:
        raise _too_large(limit)
    return first


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"A body has at most {limit} bytes here")


class _Upload:
    """The rest of a body, as it comes; `error` says why it ended early."""

    def __init__(self, first: bytes, receive: Receive, limit: int) -> None:
        self._first = first
        self._receive = receive
        self._limit = limit
        self.error: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        passed = len(self._first)
        yield self._first
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._give_up(ClientGone())
            chunk: bytes = message.get("body", b"")
            passed += len(chunk)
            if passed > self._limit:
                self._give_up(_too_large(self._limit))
            more = message.get("more_body", False)
            yield chunk

    def _give_up(self, error: Exception) -> NoReturn:
        # aiohttp wraps what is raised here; whoever asked looks here for the reason.
        self.error = error
        raise error


async def _pass_back(answer: aiohttp.ClientResponse, method: str, send: Send) -> None:
    start: Message = {
        "type": "http.response.start",
        "status": answer.status,
        "headers": response_headers(answer.raw_headers),
    }
    length = answer.content_length
    if method == "HEAD" or (length is not None and length <= _SMALL_BYTES):
        try:
            whole = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceUnavailable("The service broke off its answer; try again") from error
        await send(start)
        await send({"type": "http.response.body", "body": whole})
        return
    await send(start)
    async for chunk in answer.content.iter_any():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
