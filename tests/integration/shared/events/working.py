"""Workers in tests: started, awaited by what they did, stopped."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from shared.contracts.gateway import ImportFinished, ImportStarted
from shared.database.transactions import Tx
from shared.events.consuming.consumer import Projection, Reaction, Received
from shared.events.consuming.handlers import HandlerSet
from shared.events.timing.timers import Timers
from shared.events.worker import Worker
from tests.support.backbone import SERVICE, STREAM, House

TIMEOUT_S = 240
"""A hang guard: less than what a whole test may take, more than any machine needs."""

WAITS_FOR_A_LOCK = """select exists (select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock')"""


class Notes:
    """A handler set that notes in its database what it applied; what is in memory alone would not show a
    rollback.
    """

    def __init__(self, name: str, kind: type[Projection] | type[Reaction] = Projection) -> None:
        self.handlers: HandlerSet = kind(name)
        self.name = name
        self.poison: set[int] = set()
        """Values of `rows_total` on which the handler fails."""
        self.handlers.on(ImportStarted, ImportFinished)(self._note)

    async def _note(self, tx: Tx, received: Received) -> None:
        event: Any = received.event
        rows = getattr(event, "rows_total", None)
        await tx.connection.execute(
            "insert into notes (consumer, aggregate_id, seq, event_id) values ($1, $2, $3, $4)",
            self.name, received.aggregate_id, received.seq, received.event_id,
        )  # fmt: skip
        if rows in self.poison:
            raise ValueError(f"cannot take {rows}")

    async def of(self, house: House, thing: UUID) -> list[int]:
        """The seqs noted of a thing, in the order of noting."""
        rows = await house.rows(
            "select seq from notes where consumer = $1 and aggregate_id = $2 order by id", self.name, thing
        )
        return [seq for (seq,) in rows]

    async def reaches(self, house: House, thing: UUID, seq: int) -> None:
        """Wait until the consumer's position of the thing is at `seq`."""
        await until(house, f"seq >= {seq}", self.name, thing)


async def until(house: House, condition: str, consumer: str, thing: UUID) -> None:
    """Wait until a condition on the position row holds."""
    await eventually(
        house,
        f"""select exists (select from positions
        where consumer = $1 and stream = $2 and aggregate_id = $3 and {condition})""",  # noqa: S608
        consumer, STREAM, thing,
    )  # fmt: skip


async def comes_true(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until a condition holds; polled, since what it looks at tells nobody when it changes."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


async def eventually(house: House, query: str, *arguments: Any) -> Any:
    """Wait until a query gives something true, and return it."""
    async with asyncio.timeout(TIMEOUT_S):
        while not (found := await house.value(query, *arguments)):  # noqa: ASYNC110 - another process's row
            await asyncio.sleep(0.02)
    return found


@asynccontextmanager
async def working(
    house: House,
    *sets: HandlerSet,
    timers: Timers | None = None,
    sock: socket.socket | None = None,
    ready: bool = True,
    leading: bool = True,
) -> AsyncIterator[Worker]:
    """A worker that is ready and leads, stopped at the end of the block; what is off is not waited for."""
    worker = Worker(house.settings, SERVICE, consumers=sets, timers=timers)
    task = asyncio.create_task(worker.run(sock))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while ready and not (worker.ready() and (worker.relay.leading or not leading)):
                assert not task.done(), task.result()
                await asyncio.sleep(0.02)
        yield worker
    finally:
        await worker.stop()
        await task
