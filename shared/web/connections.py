"""A client's connection: a process that leaves cuts nobody off."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from shared.web.guarded import Guarded

KEEP_ALIVE_S = 75
LINGER_S = 20
"""How long a leaving process keeps an idle connection. Whoever lets go of idle ones sooner never sends a
request into a connection that is being closed."""

CLIENT_IDLE_S = 3.0
"""How long our own clients keep an idle connection; less than LINGER_S by what a busy process may be late."""

_LAST_LOOK_S = 0.05


class Ending(ServerState):
    """What the connections of a server share. `leaving`: accepts no more; `hurried`: keeps nobody waiting."""

    leaving = False
    hurried = False


class Connection(Guarded):
    """When the process leaves, the next answer says `Connection: close`; only what idles is closed unsaid."""

    server_state: Ending

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # uvicorn itself waits for ever for the first request.
        self._wait_for_a_request(LINGER_S if self.server_state.leaving else KEEP_ALIVE_S)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.server_state.leaving:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """The process leaves."""
        self.timeout_keep_alive = LINGER_S
        cycle: RequestResponseCycle | None = self.cycle
        if self.server_state.hurried:
            super().shutdown()
        elif cycle is None or cycle.response_complete:
            self._wait_for_a_request(LINGER_S)
        elif not cycle.response_started:
            cycle.keep_alive = False
        # An answer that has begun without saying so leaves a connection that is idle afterwards.

    def timeout_keep_alive_handler(self) -> None:
        # What came while the loop was busy is read first: it takes this timer back.
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(_LAST_LOOK_S, super().timeout_keep_alive_handler)

    def _wait_for_a_request(self, seconds: float) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
