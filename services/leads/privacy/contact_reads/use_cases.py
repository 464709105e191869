"""Writing down who was shown contact data, and telling it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.leads.capture.intake.use_cases import get_lead
from services.leads.privacy.contact_reads.rules import months_ahead
from services.leads.privacy.contact_reads.tables import ENSURE_PARTITION, IN_SIGHT, OF_LEAD, insertion
from shared.database.transactions import Tx
from shared.events.backbone import Backbone
from shared.events.tasks import every
from shared.web.context import Disclosure

PREPARE_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class ContactRead:
    """One answer: who was shown contact data of so many `leads`, by which route, where to.

    `lead_ids` are those of them that were asked about. `principal_id` is the API key's, where it was one;
    `user_id` the person's who owns it.
    """

    at: datetime
    id: UUID
    user_id: UUID | None
    principal_id: UUID
    kind: Literal["user", "api_key", "service"]
    route: str
    address: str | None
    trace_id: str | None
    leads: int
    lead_ids: tuple[UUID, ...] = ()


def witness(tx: Tx, disclosure: Disclosure) -> None:
    """Write it down with the transaction's commit."""
    tx.closing.append(insertion(disclosure))


async def contact_reads_of(
    tx: Tx, tenant_id: UUID, lead_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[ContactRead]:
    """Who was shown a lead's contact data, the latest first. Raises UnknownLead."""
    await get_lead(tx, tenant_id, lead_id)
    rows = await tx.connection.fetch(OF_LEAD, tenant_id, lead_id, *(after or (None, None)), limit)
    return [ContactRead(**dict(row.items()), lead_ids=(lead_id,)) for row in rows]


async def contact_reads_in_sight(
    tx: Tx,
    tenant_id: UUID,
    lead_id: UUID | None,
    user_id: UUID | None,
    from_at: datetime | None,
    before_at: datetime | None,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[ContactRead]:
    """The latest first, as far as they showed leads that the caller sees: one lead, or all; to one user; from
    a moment on, before another. Raises UnknownLead.
    """
    if lead_id is not None:
        return await _of_lead(tx, tenant_id, lead_id, user_id, from_at, before_at, after=after, limit=limit)
    asked = (user_id, from_at, before_at, *(after or (None, None)), limit)
    rows = await tx.connection.fetch(IN_SIGHT, tenant_id, *asked)
    return [ContactRead(**dict(row.items()) | {"lead_ids": tuple(row["lead_ids"])}) for row in rows]


async def _of_lead(
    tx: Tx,
    tenant_id: UUID,
    lead_id: UUID,
    user_id: UUID | None,
    from_at: datetime | None,
    before_at: datetime | None,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[ContactRead]:
    """A lead is shown a few hundred times at most: those asked for are sought page by page."""
    found: list[ContactRead] = []
    if before_at is not None and (after is None or before_at <= after[0]):
        after = (before_at, UUID(int=0))
    while True:
        page = await contact_reads_of(tx, tenant_id, lead_id, after=after, limit=limit)
        found += [read for read in page if user_id in (None, read.user_id)]
        if len(page) < limit or len(found) >= limit or (from_at is not None and page[-1].at < from_at):
            break
        after = (page[-1].at, page[-1].id)
    return [read for read in found if from_at is None or read.at >= from_at][:limit]


async def ensure_months(backbone: Backbone, today: date) -> None:
    """Partitions for the months that rows may come in soon."""
    for month in months_ahead(today):
        async with backbone.worker.transaction() as tx:
            await tx.connection.execute(ENSURE_PARTITION, month)


async def _prepare(backbone: Backbone) -> None:
    await ensure_months(backbone, backbone.clock.now().date())


keep_months_ahead = every(PREPARE_EVERY_S, _prepare)
"""In each worker: rows of this month and of the next have a place."""
