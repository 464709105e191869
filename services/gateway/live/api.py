"""The route of live events: `/v1/events/stream`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Annotated, Protocol, cast

from fastapi import Header, Query, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway.live.rules import wanted_types
from services.gateway.live.stream import Caller, Live, Stream
from shared.observability.metrics import LIVE_CLIENTS
from shared.web.context import principal_of
from shared.web.gone import until_gone
from shared.web.routing import Router

router = Router(prefix="/v1/events", tags=["live events"])


class Callers(Protocol):
    """Knows who sent a request, for as long as they listen."""

    def caller(self, scope: Scope) -> Caller: ...

    def until(self, scope: Scope) -> datetime | None: ...


class EventStream(Response):
    """Sends what comes until it ends or the client is gone."""

    media_type = "text/event-stream"

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None]) -> None:
        # Whoever comes back comes to a new process, if this one leaves: not by the connection they had.
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Connection": "close"}
        )
        del self.headers["content-length"]
        self._first = first
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        tasks = [asyncio.create_task(self._sent(send)), asyncio.create_task(until_gone(receive))]
        LIVE_CLIENTS.inc()
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            LIVE_CLIENTS.dec()
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        failure = outcomes[0]
        if isinstance(failure, Exception) and not isinstance(failure, OSError):
            raise failure

    async def _sent(self, send: Send) -> None:
        async with aclosing(self._rest) as rest:
            await send({"type": "http.response.body", "body": self._first, "more_body": True})
            async for chunk in rest:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            with suppress(OSError):
                await send({"type": "http.response.body", "body": b""})


@router.get(
    "/stream",
    status_code=200,
    response_class=EventStream,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def get_stream(
    request: Request,
    types: Annotated[
        str | None,
        Query(max_length=2000, description="Event types, comma-separated; `cox.leads.*` for all of a kind."),
    ] = None,
    last_event_id: Annotated[
        str | None, Header(max_length=2000, description="Where to go on: the `id` of the last event.")
    ] = None,
) -> Response:
    """What happens, as it happens, as far as the caller may see it now (Server-Sent Events).

    `event` is the event's type, `data` its JSON. `event: reset` says that something may be missing: load the
    present state, then go on listening. `event: end` names why the stream ends: sign in or refresh, then
    resume by Last-Event-ID.
    """
    principal_of(request)
    wanted = wanted_types(types)
    live = cast(Live, request.app.state.live)
    callers = cast(Callers, request.app.state.callers)
    stream = Stream(live, callers.caller(request.scope), types=wanted, until=callers.until(request.scope))
    chunks = cast("AsyncGenerator[bytes, None]", stream.chunks(last_event_id))
    # The first chunk is asked for here, so that what fails before it is answered as a problem.
    return EventStream(await _first(chunks), chunks)


async def _first(chunks: AsyncIterator[bytes]) -> bytes:
    return await anext(chunks)
