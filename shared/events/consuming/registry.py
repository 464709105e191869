"""Who consumes in this service, which generation of each is live, and where a new one begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.database.connections import Raw
from shared.database.transactions import Database, Tx
from shared.events.consuming.handlers import HandlerSet
from shared.events.kafka import Reader
from shared.events.topics import partitions_of

_LOCK = 0x636F7865


@dataclass(frozen=True, slots=True)
class Registered:
    """A consumer as registered; see the table `consumers`."""

    name: str
    generation: int
    adopts: bool

    @property
    def key(self) -> str:
        return key_of(self.name, self.generation)


def key_of(name: str, generation: int) -> str:
    """The name under which a generation keeps its offsets and positions."""
    return name if generation == 1 else f"{name}#{generation}"


async def register(database: Database, bootstrap: str, prefix: str, sets: Iterable[HandlerSet]) -> None:
    """Register the consumers that are new.

    A projection begins at the log's beginning. So does a reaction of a service that never consumed before
    (there is no past that somebody else acted on); one added later begins at the log's end.
    """
    wanted = {handlers.name: handlers for handlers in sets}
    async with database.transaction() as tx:
        raw = tx.connection
        await raw.execute("select pg_advisory_xact_lock($1)", _LOCK)
        known = {row["name"] for row in await raw.fetch("select name from consumers")}
        new = [handlers for name, handlers in wanted.items() if name not in known]
        late = [handlers for handlers in new if known and handlers.kind == "reaction"]
        for handlers in late:
            await _begin_at_end(raw, bootstrap, prefix, handlers)
        await raw.executemany(
            "insert into consumers (name, kind, adopts) values ($1, $2, $3)",
            [(handlers.name, handlers.kind, handlers in late) for handlers in new],
        )


async def _begin_at_end(raw: Raw, bootstrap: str, prefix: str, handlers: HandlerSet) -> None:
    reader = Reader(bootstrap, "cox-register", group=None)
    try:
        await reader.start()
        ends = await reader.bounds(partitions_of(handlers.streams, prefix))
    finally:
        await reader.stop()
    await raw.executemany(
        "insert into offsets (consumer, stream, partition, next, log_end) values ($1, $2, $3, $4, $4)",
        [
            (handlers.name, tp.topic.removeprefix(prefix), tp.partition, end)
            for tp, (_, end) in sorted(ends.items())
        ],
    )


async def registered(raw: Raw, name: str, *, hold: bool = False) -> Registered | None:
    """The consumer's row; with `hold`, its generation cannot change until the transaction ends."""
    row = await raw.fetchrow(
        f"select name, generation, adopts from consumers where name = $1 {'for share' if hold else ''}",  # noqa: S608
        name,
    )
    return None if row is None else Registered(row["name"], row["generation"], row["adopts"])


def generation_of(key: str) -> int:
    """The inverse of `key_of`: which generation keeps its offsets under this name."""
    return int(key.partition("#")[2] or 1)


@dataclass(frozen=True, slots=True)
class Progress:
    """`as_of`: publish time of the newest event applied, None before the first; `lag_events`: known and not
    applied.
    """

    as_of: datetime | None
    lag_events: int


async def progress(tx: Tx, name: str) -> Progress:
    """How far the live generation of a consumer is."""
    row = await tx.connection.fetchrow(
        """select max(o.published_at) as as_of, coalesce(sum(greatest(o.log_end - o.next, 0)), 0)::bigint as
        lag from consumers c join offsets o
            on o.consumer = c.name || case when c.generation = 1 then '' else '#' || c.generation end
        where c.name = $1""",
        name,
    )
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    return Progress(row["as_of"], row["lag"])


async def lock_offsets(
    tx: Tx, name: str, generations: Sequence[int]
) -> dict[int, dict[tuple[str, int], int]]:
    """The next offsets of these generations by (stream, partition), locked: nothing is applied until the end.

    For a rebuild: the new generation may take over when both stand at the same offsets.
    """
    await tx.connection.execute("select 1 from consumers where name = $1 for update", name)
    found: dict[int, dict[tuple[str, int], int]] = {}
    for generation in generations:
        rows = await tx.connection.fetch(
            "select stream, partition, next from offsets where consumer = $1"
            " order by stream, partition for update",
            key_of(name, generation),
        )
        found[generation] = {(row["stream"], row["partition"]): row["next"] for row in rows}
    return found


async def move_pointer(tx: Tx, name: str, old: int, new: int) -> None:
    """Make `new` the live generation and forget the old one's bookkeeping; after `lock_offsets`, same
    transaction.

    Whoever still applies for the old generation is fenced off: its offset rows are gone.
    """
    await tx.connection.execute("update consumers set generation = $2 where name = $1", name, new)
    await forget(tx, name, old)


async def forget(tx: Tx, name: str, generation: int) -> None:
    """Remove what a generation that is not live kept: offsets, positions, parked events, dead letters,
    epochs.
    """
    key = key_of(name, generation)
    for table in ("offsets", "positions", "parked", "epochs"):
        await tx.connection.execute(f"delete from {table} where consumer = $1", key)  # noqa: S608
    await forget_letters(tx.connection, key)


async def forget_letters(raw: Raw, key: str) -> None:
    """Remove a generation's dead letters, but those passed over for good: that holds for the next one too."""
    await raw.execute("delete from dead_letters where consumer = $1 and state <> 'discarded'", key)
