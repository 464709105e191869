"""How far the numbers are: against the log itself, so that a worker that stands still is seen too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic

from services.scoring.kpis.tables import CONSUMER
from shared.database.transactions import Tx
from shared.events.consuming.registry import Progress
from shared.events.kafka import KafkaError, Reader
from shared.events.topics import partitions_of
from shared.observability.logs import get_logger

log = get_logger(__name__)

GOOD_FOR_S = 1.0
WAIT_MOST_S = 0.25

Place = tuple[str, int]

_PLACES = """select o.stream, o.partition, o.next, o.log_end, o.published_at from consumers c
join offsets o on o.consumer = c.name || case when c.generation = 1 then '' else '#' || c.generation end
where c.name = $1"""


class LogEnds:
    """The log's end per partition, asked for at most once a second and only while somebody wants to know.

    Kafka may be away: then the ends last seen stand.
    """

    def __init__(self, bootstrap: str, prefix: str, streams: Sequence[str]) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._streams = tuple(streams)
        self._reader: Reader | None = None
        self._known: dict[Place, int] = {}
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def ends(self) -> Mapping[Place, int]:
        """By (stream, partition), at most a second old where Kafka answers within a quarter of one."""
        if self._asking is None and monotonic() - self._asked_at > GOOD_FOR_S:
            self._asking = asyncio.create_task(self._ask(), name="log ends")
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=WAIT_MOST_S)
        return self._known

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """For the app's lifespan: what was opened is closed at its end."""
        try:
            yield
        finally:
            if self._asking is not None:
                self._asking.cancel()
                with suppress(asyncio.CancelledError):
                    await self._asking
            await self._close()

    async def _ask(self) -> None:
        try:
            if self._reader is None:
                self._reader = Reader(self._bootstrap, "cox-log-ends", group=None)
                await self._reader.start()
            bounds = await self._reader.bounds(partitions_of(self._streams, self._prefix))
            self._known = {
                (tp.topic.removeprefix(self._prefix), tp.partition): end for tp, (_, end) in bounds.items()
            }
        except (KafkaError, TimeoutError, OSError) as error:
            log.info("log_ends_unknown", error=repr(error))
            await self._close()
        finally:
            self._asked_at = monotonic()
            self._asking = None

    async def _close(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            await reader.stop()


async def progress_of(tx: Tx, ends: Mapping[Place, int]) -> Progress:
    """How far the live generation is. A partition's end is the farther of what its consumer and `ends`
    say.
    """
    rows = await tx.connection.fetch(_PLACES, CONSUMER)
    known = {(row["stream"], row["partition"]): row for row in rows}
    lag = sum(max(max(row["log_end"], ends.get(place, 0)) - row["next"], 0) for place, row in known.items())
    return Progress(max((row["published_at"] for row in rows if row["published_at"]), default=None), lag)
