"""Which dates follow from what is known of leads in hand now: looked up whenever they count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.leads.assigning.assignment.use_cases import owned_since
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead
from services.leads.follow_up.progress.use_cases import last_moves, stays
from services.leads.follow_up.touches.use_cases import last_effective
from services.leads.pools.pool.definitions import list_pools
from services.leads.pools.pool.keeping import Kept
from services.leads.pools.pool.rules import Pool, kind_for
from services.leads.pools.recycling.rules import Held, Plan, plan
from services.leads.pools.recycling.tables import EXTENDED, LOCKS, WARNED
from shared.access.working import calendars_of_users
from shared.database.transactions import Tx
from shared.worktime.moments import Pause


@dataclass(frozen=True, slots=True)
class Dated:
    """A lead in hand with the pool whose terms hold, and what follows from them. `since`: from when on what
    its owner does counts; `warned_of`: the date of the last warning given.
    """

    lead: Lead
    pool: Pool
    plan: Plan
    since: datetime
    warned_of: datetime | None

    @property
    def next_date(self) -> datetime:
        return self.plan.next_date(self.warned_of)


async def plan_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Dated | None:
    """What is planned of a lead; None where nobody has it, or its owner keeps it. Raises UnknownLead."""
    lead = await get_lead(tx, tenant_id, lead_id)
    return (await plans_of(tx, await list_pools(tx, tenant_id), [lead])).get(lead_id)


async def plans_of(tx: Tx, pools: Sequence[Pool], leads: Sequence[Lead]) -> dict[UUID, Dated]:
    """The same of many leads of a tenant by a fixed number of statements; `pools` are all that it has."""
    kept = {lead.id: (lead, pool) for lead in leads if (pool := _pool_of(pools, lead)) is not None}
    if not kept:
        return {}
    tenant_id, ids = leads[0].tenant_id, sorted(kept)
    since = _since(await owned_since(tx, tenant_id, ids), [lead for lead, _ in kept.values()])
    touched, moved = await last_effective(tx, tenant_id, since), await last_moves(tx, tenant_id, since)
    reopened = await last_moves(tx, tenant_id, since, reopenings=True)
    warned = {row["lead_id"]: row["warned_of"] for row in await tx.connection.fetch(WARNED, tenant_id, ids)}
    pauses = await _pauses(tx, tenant_id, kept)
    extended = {tuple(row) for row in await tx.connection.fetch(EXTENDED, tenant_id, ids)}
    calendars = await calendars_of_users(tx, [lead.owner_id for lead, _ in kept.values() if lead.owner_id])
    found = {}
    for lead, pool in kept.values():
        calendar = calendars.get(lead.owner_id) if lead.owner_id else None
        if calendar is None or lead.id not in since or pool.keeping is None:
            continue
        last = max((at for at in (touched.get(lead.id), moved.get(lead.id)) if at), default=None)
        longer = (lead.id, lead.owner_id, since[lead.id]) in extended
        held = _held(pool, lead, reopened.get(lead.id, since[lead.id]), last, extended=longer)
        made = plan(pool.keeping, replace(held, pauses=tuple(pauses.get(lead.id, ()))), calendar)
        if made is not None:
            found[lead.id] = Dated(lead, pool, made, since[lead.id], warned.get(lead.id))
    return found


async def _pauses(tx: Tx, tenant_id: UUID, kept: Mapping[UUID, tuple[Lead, Pool]]) -> dict[UUID, list[Pause]]:
    """When the terms of each stood still, or do: locked, or in a stage in which they do."""
    found: dict[UUID, list[Pause]] = {}
    for row in await tx.connection.fetch(LOCKS, tenant_id, list(kept)):
        found.setdefault(row["lead_id"], []).append((row["from_at"], row["until_at"]))
    pausing = {lead_id: paused_stages(pool) for lead_id, (_, pool) in kept.items() if paused_stages(pool)}
    stages = frozenset().union(*pausing.values())
    stayed = await stays(tx, tenant_id, list(pausing), stages)
    for lead_id, mine in pausing.items():
        lead = kept[lead_id][0]
        # Moved nowhere yet, it has been where it is from the beginning.
        begun = [(lead.stage, lead.stage_entered_at, None)] if lead_id not in stayed else []
        periods = [*stayed.get(lead_id, begun)]
        found.setdefault(lead_id, []).extend(
            (from_at, to_at) for stage, from_at, to_at in periods if stage in mine
        )
    return found


def paused_stages(pool: Pool) -> frozenset[str]:
    """The stages in which the terms of a pool stand still."""
    return frozenset(pool.keeping.paused_stages) if pool.keeping else frozenset()


def _pool_of(pools: Sequence[Pool], lead: Lead) -> Pool | None:
    """The pool whose terms hold for a lead in hand: the one that it came from if that is for such as it is
    now, else the default one that is.
    """
    if lead.owner_id is None:
        return None
    right = [pool for pool in pools if pool.kind == kind_for(lead.status)]
    own = next((pool for pool in right if pool.id == lead.pool_id), None)
    found = own or next((pool for pool in right if pool.is_default), None)
    return found if found is not None and found.active and found.keeping is not None else None


def _since(owned: Mapping[UUID, datetime], leads: Sequence[Lead]) -> dict[UUID, datetime]:
    """Since when each is in its owner's hands as what it is: a customer at the earliest since the win."""
    return {
        lead.id: max(owned[lead.id], lead.closed_at) if lead.closed_at else owned[lead.id]
        for lead in leads
        if lead.id in owned
    }


def _held(pool: Pool, lead: Lead, since: datetime, followed: datetime | None, *, extended: bool) -> Held:
    if pool.kind == "customers" and pool.created_at is not None:
        # Who was won long before the pool was there is not lost on its first day.
        since = max(since, pool.created_at)
        followed = None if followed is None else max(followed, pool.created_at)
    return Held(
        since=since,
        followed_at=followed,
        kind=Kept(lead.product, lead.tags, lead.label, lead.value_class),
        self_sourced=lead.created_by == lead.owner_id,
        extended=extended,
    )
