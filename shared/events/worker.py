"""A service's worker process: relay, consumers, timers, and an internal port for health and metrics."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial

from shared.clock import Clock, SystemClock
from shared.database.engine import Role, make_engine
from shared.database.transactions import Database, Ledger
from shared.events.backbone import Backbone
from shared.events.consuming.consumer import ConsumerRunner
from shared.events.consuming.handlers import HandlerSet
from shared.events.consuming.registry import register
from shared.events.faults import reason_of
from shared.events.hints import APPLIED, RECORDED, Hints, connector
from shared.events.internal_http import serve_internal
from shared.events.kafka import KafkaError, assert_codec
from shared.events.relaying.relay import Relay
from shared.events.streams import PUBLISHED
from shared.events.tasks import end, kept_alive
from shared.events.timing.timers import Timers
from shared.events.topics import ensure_topics
from shared.observability.logs import get_logger
from shared.settings import Settings

log = get_logger(__name__)

RETRY_MOST_S = 5.0

Extra = Callable[[Backbone], Awaitable[None]]
"""A further loop of a service: runs until cancelled, is started again when it fails."""


class Worker:
    """`await run(sock)` until SIGTERM, SIGINT or `stop()`; `ready()` says whether all of it works."""

    def __init__(
        self,
        settings: Settings,
        service: str,
        *,
        consumers: Sequence[HandlerSet] = (),
        timers: Timers | None = None,
        clock: Clock | None = None,
        extra: Sequence[Extra] = (),
        ledger: Ledger | None = None,
    ) -> None:
        assert_codec()
        self.settings = settings
        self.service = service
        self._sets = tuple(consumers)
        self._timers = timers
        self._clock = clock or SystemClock()
        self._extra = tuple(extra)
        self._ledger = ledger
        self._stopping = asyncio.Event()
        self._registered = False
        self.relay = Relay(settings, service)
        self.runners: list[ConsumerRunner] = []

    async def stop(self) -> None:
        """End `run` cleanly; what was not committed is rolled back and comes again."""
        self._stopping.set()

    def problems(self) -> list[str]:
        """Why it is not ready; empty when it is."""
        if not self._registered:
            return ["starting: topics and registrations wait for the broker and the database"]
        found = [self.relay.problem] if self.relay.problem else []
        found += [runner.problem for runner in self.runners if runner.problem]
        found += [f"{runner.name} has not joined yet" for runner in self.runners if not runner.ready.is_set()]
        return found

    def ready(self) -> bool:
        return not self.problems()

    async def run(self, sock: socket.socket | None = None) -> None:
        """All of it, until told to stop. `sock` is the internal port's listening socket."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, self._stopping.set)
        async with AsyncExitStack() as stack:
            if sock is not None:
                await stack.enter_async_context(serve_internal(sock, self))
            backbone = await self._backbone(stack, seat_of(sock))
            tasks = [asyncio.create_task(self._prepare(backbone), name="prepare")]
            stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
            try:
                await asyncio.wait({tasks[0], stopping}, return_when=asyncio.FIRST_COMPLETED)
                if tasks[0].done():
                    tasks += self._start(backbone)
                await stopping
            finally:
                await end([stopping, *tasks])

    async def _backbone(self, stack: AsyncExitStack, seat: str) -> Backbone:
        recorded = Hints(connector(self.settings, self.service), RECORDED)
        applied = Hints(connector(self.settings, self.service), APPLIED)
        backbone = Backbone(
            self.settings,
            self.service,
            self._database("worker", recorded),
            self._database("app", recorded),
            hint_applied=applied.poke,
            clock=self._clock,
            seat=seat,
        )
        stack.push_async_callback(backbone.worker.dispose)
        stack.push_async_callback(backbone.app.dispose)
        for hints in (recorded, applied):
            await hints.start()
            stack.push_async_callback(hints.stop)
        return backbone

    def _database(self, role: Role, recorded: Hints) -> Database:
        return Database(
            make_engine(self.settings, self.service, role),
            hint=recorded.poke,
            ledger=self._ledger,
            master_key=self.settings.master_key,
        )

    def _start(self, backbone: Backbone) -> list[asyncio.Task[None]]:
        """Every loop in a task of its own; none takes the others down."""
        self.runners = [ConsumerRunner(backbone, handlers) for handlers in self._sets]
        self._registered = True
        loops: list[tuple[str, Callable[[], Awaitable[None]]]] = [("relay", self.relay.run)]
        loops += [(f"runner {runner.name}", runner.run) for runner in self.runners]
        if self._timers is not None:
            loops.append(("timers", partial(self._timers.run, backbone)))
        loops += [(f"extra {number}", partial(extra, backbone)) for number, extra in enumerate(self._extra)]
        return [asyncio.create_task(kept_alive(name, loop), name=name) for name, loop in loops]

    async def _prepare(self, backbone: Backbone) -> None:
        """Topics and registrations; waits for broker and database as long as it takes."""
        streams = {*PUBLISHED[self.service], *(s for handlers in self._sets for s in handlers.streams)}
        pause = 0.1
        while True:
            try:
                await ensure_topics(backbone.bootstrap, backbone.prefix, sorted(streams))
                await register(backbone.worker, backbone.bootstrap, backbone.prefix, self._sets)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("waiting_for_broker", service=self.service, error=repr(error))
            except Exception as error:  # noqa: BLE001 - a database that starts, or is being migrated
                log.warning("waiting_for_database", service=self.service, error=reason_of(error))
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_MOST_S)


def seat_of(sock: socket.socket | None) -> str:
    """A name for the process's place on its machine: only one process at a time serves an internal port."""
    return f"{socket.gethostname()}:{sock.getsockname()[1]}" if sock is not None else ""
