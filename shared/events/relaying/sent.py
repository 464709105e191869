"""What a restored journal takes for unsent and the log holds: it was sent a moment after the backup."""

from __future__ import annotations

from datetime import timedelta

from shared.events.envelope import identity
from shared.events.relaying.leader import Leadership
from shared.events.relaying.publishing import Publisher, records_since

CLOCKS = timedelta(minutes=10)
"""How far the clocks of the database and of whoever published may be apart."""


async def mark_sent(leadership: Leadership, publisher: Publisher, bootstrap: str) -> None:
    """Note at each pending event that the log holds that it is there, before the log is cut off.

    A reaction that met it acts on it no more; one that did not yet must.
    """
    rows = await leadership.fetch(
        "select e.id, e.event_id, e.recorded_at from outbox_pending p join events e using (id)"
    )
    if not rows:
        return
    pending = {row["event_id"]: row["id"] for row in rows}
    oldest = min(row["recorded_at"] for row in rows)
    sent = {
        pending[known]
        async for record in records_since(bootstrap, publisher.partitions(), oldest - CLOCKS)
        if (known := identity(record.key, record.value, record.headers)) in pending
    }
    await leadership.fetch("update outbox_pending set again = true where id = any($1::bigint[])", [*sent])
