"""What the leader checks before it publishes, beside the log's end: that the log has its beginning.

A log that was wiped begins at offset 0 again, with something else than what was sent first. Who had not read
all of the former one would miss the rest, and who begins anew would miss the past. (A log that begins later
was cut off, by a republish or by a retention: consumers judge that by their own places.)
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from shared.events.envelope import identity
from shared.events.kafka import TopicPartition
from shared.events.relaying.leader import Leadership
from shared.events.relaying.publishing import Publisher, beginnings
from shared.events.relaying.rules import wiped
from shared.events.relaying.tail import READ_TIMEOUT_S

DEPTH = 200
"""So late may what was sent first stand: a late commit comes after its successors."""
FIRST = 2000


async def lost_beginnings(
    leadership: Leadership, publisher: Publisher, bootstrap: str
) -> frozenset[TopicPartition]:
    """The partitions that were wiped. Tells the publisher the ends that all of them have now."""
    async with asyncio.timeout(READ_TIMEOUT_S):
        found = await beginnings(bootstrap, publisher.partitions(), DEPTH)
    publisher.expect({tp: each.end for tp, each in found.items()})
    heads = {
        tp: (each.begin, {identity(r.key, r.value, r.headers) for r in each.records})
        for tp, each in found.items()
    }
    return wiped(await _first_sent(leadership, publisher), heads)


async def _first_sent(leadership: Leadership, publisher: Publisher) -> dict[TopicPartition, UUID]:
    """What was sent first to each partition that is met early in the journal."""
    rows = await leadership.fetch(
        f"""select type, aggregate_id, event_id from events e
        where not exists (select from outbox_pending p where p.id = e.id) order by id limit {FIRST}"""  # noqa: S608
    )
    first: dict[TopicPartition, UUID] = {}
    for row in rows:
        first.setdefault(publisher.place_of(row["type"], row["aggregate_id"]), row["event_id"])
    return first
