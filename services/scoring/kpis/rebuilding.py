"""Every number again from the event log, beside the live ones, then swapped in while events go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from services.scoring.kpis.comparing import Comparison, compare
from services.scoring.kpis.tables import CONSUMER
from shared.database.engine import connect_raw
from shared.database.transactions import Database
from shared.events.backbone import Backbone
from shared.events.consuming.consumer import ConsumerRunner
from shared.events.consuming.handlers import Projection
from shared.events.consuming.registry import forget, key_of, lock_offsets, move_pointer, registered
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.database.connections import Raw

CLOSE_EVENTS = 2_000
"""So near must the new generation be before the live one is held up to compare them."""
LOOK_EVERY_S = 0.1
STUCK_AFTER_S = 120.0

_LOCK = 0x6B7069
_CHUNK = 100_000
_TABLES = ("facts", "cells", "states")
_PLACES = "select stream, partition, next, log_end from offsets where consumer = $1"
_LEADS_SEEN = "select count(*) from positions where consumer = $1 and stream = 'cox.leads'"

Places = dict[tuple[str, int], int]
Told = Callable[[int, int], None]
"""Called with the events read so far and those to read."""


class RebuildError(Exception):
    """The rebuild cannot go on; nothing was changed. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it. `comparison` is None where the live tables had been emptied: nothing to compare."""

    generation: int
    events: int
    facts: int
    comparison: Comparison | None


async def rebuild(
    backbone: Backbone, projection: Projection, told: Told = lambda done, total: None
) -> Rebuilt:
    """Rebuild, compare, swap. Raises RebuildError where it cannot be done; the live numbers stay then."""
    database = backbone.worker
    async with _alone(backbone.settings):
        old, new = await _begin(database)
        emptied = await _was_emptied(database, old)
        runner = ConsumerRunner(backbone, projection, generation=new)
        filling = asyncio.create_task(runner.run(), name="rebuild")
        try:
            events, comparison = await _follow(database, runner, filling, old, new, told, emptied=emptied)
        finally:
            filling.cancel()
            await asyncio.gather(filling, return_exceptions=True)
        facts = await _discard_others(database, keep=new)
        return Rebuilt(new, events, facts, comparison)


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[None]:
    """One rebuild at a time; the lock ends with its connection, however this process ends."""
    connection = await connect_raw(settings, "scoring", "worker")
    try:
        if not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
            raise RebuildError("another rebuild of scoring is under way; wait for it, or end it")
        yield
    finally:
        await connection.close(timeout=5)


async def _begin(database: Database) -> tuple[int, int]:
    """The live generation and the next one, which has nothing yet: what an ended rebuild left is removed."""
    async with database.transaction() as tx:
        live = await registered(tx.connection, CONSUMER)
    if live is None:
        raise RebuildError("scoring has never consumed anything here: start its worker first")
    await _discard_others(database, keep=live.generation)
    new = live.generation + 1
    async with database.transaction() as tx:
        await forget(tx, CONSUMER, new)
    return live.generation, new


async def _discard_others(database: Database, *, keep: int) -> int:
    """Remove rows of every other generation, in bites that hold nobody up; the number of facts that stay."""
    for table in _TABLES:
        removed = _CHUNK
        while removed == _CHUNK:
            async with database.transaction() as tx:
                tag = await tx.connection.execute(
                    f"delete from {table} where ctid = any(array("  # noqa: S608 - our own tables' names
                    f"select ctid from {table} where generation <> $1 limit {_CHUNK}))",
                    keep,
                )
                removed = int(tag.split()[-1])
    async with database.transaction() as tx:
        return int(await tx.connection.fetchval("select count(*) from facts where generation = $1", keep))


async def _was_emptied(database: Database, live: int) -> bool:
    """Whether somebody emptied the live tables: far fewer leads have a state than the consumer has met."""
    async with database.transaction() as tx:
        raw = tx.connection
        seen = await raw.fetchval(_LEADS_SEEN, key_of(CONSUMER, live))
        states = await raw.fetchval("select count(*) from states where generation = $1", live)
        facts = await raw.fetchval("select exists (select from facts where generation = $1)", live)
    return not facts or states * 2 < seen


async def _follow(
    database: Database,
    runner: ConsumerRunner,
    filling: asyncio.Task[None],
    old: int,
    new: int,
    told: Told,
    *,
    emptied: bool,
) -> tuple[int, Comparison | None]:
    """Until both stand at the same place and are swapped: the events read, and the comparison."""
    done_before, since = -1, monotonic()
    while True:
        if filling.done():
            filling.result()
        if runner.problem:
            raise RebuildError(runner.problem)
        async with database.transaction() as tx:
            live, rebuilt = await _places(tx.connection, old), await _places(tx.connection, new)
        done, total = sum(rebuilt.values()), sum(live.values())
        told(min(done, total), total)
        if total - done <= CLOSE_EVENTS and live.keys() == rebuilt.keys():
            swapped = await _swap(database, old, new, emptied=emptied)
            if swapped is not None:
                return swapped
        if done != done_before:
            done_before, since = done, monotonic()
        elif monotonic() - since > STUCK_AFTER_S:
            raise RebuildError(_stuck(live, rebuilt))
        await asyncio.sleep(LOOK_EVERY_S)


def _stuck(live: Places, rebuilt: Places) -> str:
    behind = [place for place, offset in rebuilt.items() if offset > live.get(place, 0)]
    if behind:
        return (
            "the live numbers do not follow the log: is scoring's worker running? (./cox status, ./cox logs)"
        )
    return f"the log has not been read further for {STUCK_AFTER_S:.0f} s; see the log above"


async def _places(raw: Raw, generation: int) -> Places:
    rows = await raw.fetch(_PLACES, key_of(CONSUMER, generation))
    return {(row["stream"], row["partition"]): row["next"] for row in rows}


async def _swap(
    database: Database, old: int, new: int, *, emptied: bool
) -> tuple[int, Comparison | None] | None:
    """If both stand at the same offsets: compare, and make the new generation the live one."""
    async with database.transaction() as tx:
        await tx.connection.execute("set local statement_timeout = 0")
        offsets = await lock_offsets(tx, CONSUMER, [old, new])
        if offsets[old] != offsets[new]:
            return None
        comparison = None if emptied else await compare(tx.connection, old, new)
        await move_pointer(tx, CONSUMER, old, new)
        return sum(offsets[new].values()), comparison
