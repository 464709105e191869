"""Leads come into a pool, whatever the reason: nobody owns them, and the owner before waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.leads.assigning.workload.use_cases import shift_loads
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import store_pooled
from services.leads.pools.pool.rules import Pool, Why, cooling_until
from services.leads.pools.pool.tables import COOL, ENTRIES_OF_LEAD, FORGET_ENTRIES, INSERT_ENTRIES
from shared.access.directory import credits_of
from shared.access.working import calendars_of_users
from shared.contracts.base import Credit
from shared.contracts.leads import LeadPooled
from shared.database.transactions import Tx
from shared.events.journal import NewEvent
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """A lead came into a pool: whose it was, who gave it back, and why."""

    id: UUID
    pool_id: UUID
    at: datetime
    why: Why
    previous_owner_id: UUID | None
    by_id: UUID | None
    reason: str | None


async def put_into(
    tx: Tx,
    pool: Pool,
    leads: Sequence[Lead],
    why: Why,
    at: datetime,
    *,
    by_id: UUID | None = None,
    reason: str | None = None,
    causes: Mapping[UUID, UUID] | None = None,
    cooling: Pool | None = None,
) -> list[Lead]:
    """Put locked leads into a pool that is for them; the counters of their owners are locked too.

    `causes`: the event that each follows from. Owners wait as `cooling` says, which is the pool itself unless
    it is given.
    """
    if not leads:
        return []
    tenant_id = leads[0].tenant_id
    owners = {lead.owner_id for lead in leads if lead.owner_id}
    credit = await credits_of(tx, owners)
    events = [
        NewEvent(
            lead.id,
            _event(lead, pool, why, credit.get(lead.owner_id, Credit()) if lead.owner_id else Credit()),
            at,
            causation_id=(causes or {}).get(lead.id),
        )
        for lead in leads
    ]
    versions = await store_pooled(tx, tenant_id, [lead.id for lead in leads], pool.id, events, at)
    await INSERT_ENTRIES.execute(tx, [_entry(lead, pool, why, at, by_id, reason) for lead in leads])
    await _cool(tx, cooling or pool, leads, credit, at)
    fewer = Counter(lead.owner_id for lead in leads if lead.owner_id and lead.status == "open")
    await shift_loads(tx, tenant_id, {owner: -count for owner, count in fewer.items()})
    return [_pooled(lead, pool, at, versions[lead.id]) for lead in leads]


def _event(lead: Lead, pool: Pool, why: Why, credit: Credit) -> LeadPooled:
    return LeadPooled(
        credit=credit,
        dimensions=lead.dimensions,
        pool_id=pool.id,
        previous_owner_id=lead.owner_id,
        why=why,
    )


def _entry(
    lead: Lead, pool: Pool, why: Why, at: datetime, by_id: UUID | None, reason: str | None
) -> dict[str, object]:
    return {
        "tenant_id": lead.tenant_id,
        "id": new_id(),
        "pool_id": pool.id,
        "lead_id": lead.id,
        "at": at,
        "why": why,
        "previous_owner_id": lead.owner_id,
        "by_id": by_id,
        "reason": reason,
    }


async def _cool(
    tx: Tx, pool: Pool, leads: Sequence[Lead], credit: Mapping[UUID, Credit], at: datetime
) -> None:
    if not pool.cooling_days:
        return
    calendars = await calendars_of_users(tx, credit)
    rows = [
        (lead.id, owner, credit[owner].team_id if pool.cooling_team else None, calendars[owner])
        for lead in leads
        if (owner := lead.owner_id) in calendars
    ]
    if rows:
        ids, users, teams, by = zip(*rows, strict=True)
        until = [cooling_until(pool, at, calendar) for calendar in by]
        await tx.connection.execute(COOL, leads[0].tenant_id, ids, users, teams, until)


def _pooled(lead: Lead, pool: Pool, at: datetime, version: int) -> Lead:
    return lead._replace(
        owner_id=None,
        team_id=None,
        pool_id=pool.id,
        pooled_at=at,
        seq=version,
        updated_at=at,
    )


async def entries_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[PoolEntry]:
    """How often a lead came into a pool, oldest first. The caller has checked that it may be seen."""
    rows = await tx.connection.fetch(ENTRIES_OF_LEAD, tenant_id, lead_id)
    return [PoolEntry(**dict(row.items())) for row in rows]


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """What people wrote about why these leads were given back."""
    await tx.connection.execute(FORGET_ENTRIES, tenant_id, list(lead_ids))
