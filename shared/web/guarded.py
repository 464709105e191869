"""Bounds on what a client may leave half-said: the size of a request's head, and how long it may take.

httptools collects a head however long it grows, and uvicorn waits for the rest of a request for ever.
"""

from __future__ import annotations

import asyncio

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from shared.errors import CoxError, Malformed
from shared.web import problems

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
HEAD_S = 20.0
"""How long a request's head may take from its first byte."""
BODY_PAUSE_S = 30.0
"""How long a body may pause before it is complete."""


class BadHttp(Malformed):
    code = "bad_http"
    title = "That is no HTTP request"


class HeadTooLarge(CoxError):
    code = "head_too_large"
    title = "Address and headers are too large"


class RequestTooSlow(CoxError):
    code = "request_too_slow"
    title = "The rest of the request did not come"


class Guarded(HttpToolsProtocol):
    """What is refused here never reaches the app; it is answered as every other error is, and hung up on."""

    _in_head = False
    _came_bytes = 0
    _kept_bytes = 0
    _headers = 0
    _too_large = False
    _timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Of a head that is not complete nothing is told yet, so what came is counted.
        self._came_bytes = self._came_bytes + len(data) if self._in_head else 0
        if self._came_bytes > MAX_HEAD_BYTES:
            self._refuse_size()
        if not self.transport.is_closing():
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._came_bytes, self._kept_bytes, self._headers = True, 0, 0, 0
        # A head has its time as a whole; a body, from one piece to the next.
        self._unwatch()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers come here too, behind the body.
        self._headers += 1
        self._kept_bytes += len(name) + len(value)
        if self._headers > MAX_HEADERS or self._kept_bytes > MAX_HEAD_BYTES:
            self._too_large = True
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser cannot read, or what it was stopped at."""
        if self._too_large:
            self._refuse_size()
        else:
            self._hang_up(400, BadHttp(msg))

    def _refuse_size(self) -> None:
        detail = f"At most {MAX_HEADERS} headers and {MAX_HEAD_BYTES} bytes, the address among them"
        self._hang_up(431, HeadTooLarge(detail))

    def _watch(self) -> None:
        """Have a timer while a request is incomplete, and none else."""
        cycle = self._request()
        if self._in_head or cycle is None:
            if self._timer is None and self.timeout_keep_alive_task is None:
                self._timer = self.loop.call_later(HEAD_S, self._late)
            return
        self._unwatch()
        if cycle.more_body:
            self._timer = self.loop.call_later(BODY_PAUSE_S, self._late)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self.flow.read_paused:
            # It is we who do not read on.
            self._watch()
        elif self._is_owed_an_answer():
            self._hang_up(408, RequestTooSlow("Send a request in one go"))
        else:
            self.transport.close()

    def _is_owed_an_answer(self) -> bool:
        """Whether an answer here would be taken for that of the incomplete request."""
        cycle = self._request()
        if cycle is None:
            return self._in_head
        return not (self._in_head or cycle.response_started)

    def _request(self) -> RequestResponseCycle | None:
        """The request under way; None between two."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def _hang_up(self, status: int, error: CoxError) -> None:
        if self.transport.is_closing():
            return
        body = orjson.dumps(problems.document(error, "") | {"status": status})
        head = [
            STATUS_LINE[status],
            f"content-type: {problems.MEDIA_TYPE}\r\n".encode(),
            f"content-length: {len(body)}\r\n".encode(),
            b"connection: close\r\n\r\n",
        ]
        self.transport.write(b"".join(head) + body)
        self.transport.close()
