"""Rebuild Kafka's topics from the journal: asked for by anybody, done by the relay's leader.

`request` and `status` are for the command line; the rest is the leader's. The log is cut off first, so that
afterwards it holds each event once and begins with the republish: consumers across a hole know by that that
nothing is missing. A new epoch tells them that the past itself may be another one (after a restore).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.database.connections import Raw
from shared.events.cuts import remember_cuts
from shared.events.kafka import Admin, Reader
from shared.events.relaying.leader import Leadership
from shared.events.relaying.publishing import COLUMNS, Publisher
from shared.events.relaying.sent import mark_sent
from shared.events.relaying.tail import newest_epoch
from shared.ids import new_id
from shared.observability.logs import get_logger
from shared.settings import Settings

log = get_logger(__name__)

CHUNK = 4000

_ORDER = """insert into relay_state (republish_id, republish_state, republish_new_epoch)
    values ($1, 'requested', $2)
    on conflict (singleton) do update set republish_id = excluded.republish_id,
        republish_state = 'requested', republish_new_epoch = excluded.republish_new_epoch,
        republish_at_id = null, republish_until_id = null"""


@dataclass(frozen=True, slots=True)
class Status:
    """`state` is requested, running or done (None: never asked for); `refusal` why the leader does not
    publish.
    """

    id: UUID | None
    state: str | None
    at_id: int
    until_id: int
    epoch: int
    refusal: str | None


async def request(connection: Raw, *, new_epoch: bool) -> UUID:
    """Ask the leader for a republish of everything; its id. One that is under way is asked for anew."""
    asked = new_id()
    await connection.execute(_ORDER, asked, new_epoch)
    return asked


async def status(connection: Raw) -> Status:
    """How far the newest republish is."""
    row = await connection.fetchrow("select * from relay_state")
    if row is None:
        return Status(None, None, 0, 0, 1, None)
    return Status(
        row["republish_id"], row["republish_state"], row["republish_at_id"] or 0,
        row["republish_until_id"] or 0, row["epoch"], row["refusal"],
    )  # fmt: skip


async def epoch_of(leadership: Leadership) -> int:
    """The epoch under which this journal is published."""
    return await leadership.value("select epoch from relay_state") or 1


async def set_refusal(leadership: Leadership, why: str | None) -> None:
    await leadership.fetch(
        "insert into relay_state (refusal) values ($1)"
        " on conflict (singleton) do update set refusal = excluded.refusal",
        why,
    )


async def order(leadership: Leadership) -> None:
    """Ask oneself for it: the log was wiped, the past is the same. What somebody asked for a moment ago, of a
    new epoch perhaps, stays and does it.
    """
    await leadership.fetch(
        f"{_ORDER} where relay_state.republish_state is distinct from 'requested'", new_id(), False
    )


async def is_wanted(leadership: Leadership) -> bool:
    """Whether a republish was asked for and is not finished."""
    state = await leadership.value("select republish_state from relay_state")
    return state in ("requested", "running")


async def continue_republish(leadership: Leadership, publisher: Publisher, settings: Settings) -> None:
    """Do what was asked for, or go on where an earlier leader broke off. Raises errors of broker and
    database.
    """
    (state,) = await leadership.fetch("select * from relay_state")
    # More than once where somebody asks for a new epoch just then.
    while state["republish_state"] == "requested":
        await _begin(leadership, publisher, settings)
        (state,) = await leadership.fetch("select * from relay_state")
    epoch, until = state["epoch"], state["republish_until_id"]
    above = state["republish_at_id"]
    while rows := await _chunk(leadership, above, until):
        await _send(leadership, publisher, rows, epoch)
        above = rows[-1]["id"]
        await leadership.fetch("update relay_state set republish_at_id = $1", above)
    await leadership.fetch(
        "update relay_state set republish_state = 'done' where republish_state = 'running'"
    )
    log.info("republished", until=until, epoch=epoch)


async def _begin(leadership: Leadership, publisher: Publisher, settings: Settings) -> None:
    await _choose_epoch(leadership, publisher, settings)
    await mark_sent(leadership, publisher, settings.kafka_bootstrap)
    await _cut_off(publisher, settings)
    await leadership.fetch(
        """update relay_state set republish_state = 'running', republish_at_id = 0,
            republish_until_id = (select coalesce(max(id), 0) from events), refusal = null
        where republish_new_epoch is not true"""
    )


async def _choose_epoch(leadership: Leadership, publisher: Publisher, settings: Settings) -> None:
    """A new epoch is above every one that consumers may know: a restored database can have forgotten some.

    Kept before the log, which knows them, is cut off; whoever goes on from here has it already.
    """
    in_log = await newest_epoch(publisher, settings.kafka_bootstrap)
    await leadership.fetch(
        """update relay_state set republish_new_epoch = false, epoch = case
            when republish_new_epoch or epoch < $1 then greatest(epoch, $1) + 1 else epoch end""",
        in_log,
    )


async def _cut_off(publisher: Publisher, settings: Settings) -> None:
    """Let each partition begin at its end: all of it comes again."""
    reader = Reader(settings.kafka_bootstrap, "cox-republish", group=None)
    try:
        await reader.start()
        bounds = await reader.bounds(publisher.partitions())
    finally:
        await reader.stop()
    # A partition may be left empty, or begin with news: that nothing is missing there must be known anyway.
    await remember_cuts(settings.kafka_bootstrap, settings.topic_prefix, {tp: bounds[tp][1] for tp in bounds})
    full = {tp: end for tp, (begin, end) in bounds.items() if end > begin}
    if full:
        async with Admin(settings.kafka_bootstrap) as admin:
            await admin.delete_before(full)


async def _chunk(leadership: Leadership, above: int, until: int) -> list[Any]:
    return await leadership.fetch(
        f"""select {COLUMNS}, p.again from events e left join outbox_pending p on p.id = e.id
        where e.id > $1 and e.id <= $2 order by e.id limit {CHUNK}""",  # noqa: S608
        above, until,
    )  # fmt: skip


async def _send(leadership: Leadership, publisher: Publisher, rows: list[Any], epoch: int) -> None:
    """What was never sent, as far as the journal knows, goes out as news; all else is marked as a replay."""
    pending = [row["id"] for row in rows if row["again"] is not None]
    known = {row["id"] for row in rows} - set(pending)
    await publisher.send(rows, epoch=epoch, replay=known, again=[row["id"] for row in rows if row["again"]])
    if pending:
        await leadership.fetch("delete from outbox_pending where id = any($1::bigint[])", pending)
