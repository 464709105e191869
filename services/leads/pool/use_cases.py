"""Claiming out of a pool, and giving back into one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.assignment.use_cases import OwnerChanged, assigned, assignment_row, store_assignments
from services.leads.intake.lead import Lead
from services.leads.intake.use_cases import (
    UnknownLead,
    get_lead,
    lock_lead,
    lock_leads,
    store_owners,
)
from services.leads.pool.definitions import hold_default_pool, hold_pool
from services.leads.pool.entering import put_into
from services.leads.pool.looking import open_pool
from services.leads.pool.rules import (
    Hands,
    InPoolAlready,
    LeadAlreadyClaimed,
    LeadClosed,
    NotAMember,
    NotInPool,
    Pool,
    PoolInactive,
    WhichPool,
    check_claim,
)
from services.leads.pool.tables import CLAIMS_OF, COOLING_UNTIL, COUNT_CLAIM
from services.leads.workload.use_cases import lock_loads, shift_loads
from shared.access.directory import credit_of, people, tenant_of
from shared.access.principal import Principal
from shared.access.visibility import in_sight
from shared.access.working import profiles_of
from shared.contracts.base import Credit
from shared.database.transactions import Tx
from shared.errors import CoxError, FieldError
from shared.events.journal import NewEvent


async def claim_lead(
    tx: Tx, who: Principal, lead_id: UUID, at: datetime, *, check_version: Callable[[int], None]
) -> Lead:
    """Take a lead out of its pool, for oneself: one step over owner, quota, cap and cooling-off.

    Raises UnknownLead, NotAMember, NotInPool, LeadAlreadyClaimed, LeadClosed, DoNotContact, CoolingOff,
    DailyQuota, CapInHand, and what `check_version` raises.
    """
    me = await credit_of(tx, who.user_id)
    await tx.as_tenant()
    seen = await get_lead(tx, who.tenant_id, lead_id)
    pool = None if seen.pool_id is None else await hold_pool(tx, who.tenant_id, seen.pool_id)
    if pool is None or me.rep_id is None or not pool.active or not pool.has_member(me):
        raise await _beyond(tx, who, seen)
    check_version(seen.version)
    # The claimer's counter is the lock over all that they have in hand and have claimed today.
    loads = await lock_loads(tx, who.tenant_id, [me.rep_id])
    lead = await lock_lead(tx, who.tenant_id, lead_id)
    if lead.pooled_at is None or lead.pool_id != pool.id:
        raise await _lost(tx, who, lead)
    check_version(lead.version)
    if lead.status != "open":
        raise LeadClosed(f"it is {lead.status}")
    zone = ZoneInfo((await tenant_of(tx)).timezone)
    hands = await _hands(tx, pool, lead, me, loads[me.rep_id], at, zone)
    level = (await profiles_of(tx, [me.rep_id]))[me.rep_id].level
    check_claim(pool, hands, level, at, zone, do_not_contact=lead.do_not_contact)
    return await _take(tx, pool, lead, me, me.rep_id, at, zone)


async def _beyond(tx: Tx, who: Principal, lead: Lead) -> CoxError:
    """What somebody is told who is no member of the lead's pool."""
    is_creators = lead.owner_id is None and lead.created_by == who.user_id
    if not is_creators and not in_sight(who, lead.owner_id, await credit_of(tx, lead.owner_id)):
        return UnknownLead(f"there is no lead {lead.id} that you may see")
    if lead.pooled_at is None:
        return NotInPool("it has an owner, or waits for the rules to find one")
    return NotAMember("it lies in a pool that you do not claim from")


async def _lost(tx: Tx, who: Principal, lead: Lead) -> LeadAlreadyClaimed:
    """With the winner's name where the caller may see whose leads those are."""
    owner = await credit_of(tx, lead.owner_id)
    if lead.owner_id is None or not in_sight(who, lead.owner_id, owner):
        return LeadAlreadyClaimed("it lies in the pool no more")
    person = (await people(tx, [lead.owner_id])).get(lead.owner_id)
    return LeadAlreadyClaimed(f"it is {person.display_name if person else lead.owner_id}'s now")


async def _hands(
    tx: Tx, pool: Pool, lead: Lead, me: Credit, open_leads: int, at: datetime, zone: ZoneInfo
) -> Hands:
    day = at.astimezone(zone).date()
    claims = await tx.connection.fetchval(CLAIMS_OF, lead.tenant_id, me.rep_id, pool.id, day)
    until = await tx.connection.fetchval(COOLING_UNTIL, lead.tenant_id, lead.id, me.rep_id, me.team_id)
    return Hands(open_leads, claims, until)


async def _take(
    tx: Tx, pool: Pool, lead: Lead, me: Credit, rep_id: UUID, at: datetime, zone: ZoneInfo
) -> Lead:
    tenant_id = lead.tenant_id
    event = NewEvent(lead.id, assigned(lead, me, "claim"), at)
    versions = await store_owners(tx, tenant_id, {lead.id: (rep_id, me.team_id)}, [event], at)
    await store_assignments(tx, [assignment_row(lead, "claim", rep_id, at, assigned_by=rep_id)])
    await shift_loads(tx, tenant_id, {rep_id: 1})
    await tx.connection.execute(COUNT_CLAIM, tenant_id, rep_id, pool.id, at.astimezone(zone).date())
    return replace(
        lead, owner_id=rep_id, team_id=me.team_id, pooled_at=None, seq=versions[lead.id], updated_at=at
    )


async def release_lead(
    tx: Tx,
    who: Principal,
    lead_id: UUID,
    pool_id: UUID | None,
    reason: str | None,
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Lead:
    """Give an open lead into the pool named, else the one it came from, else the default one.

    Raises UnknownLead, UnknownPool, PoolInactive, WhichPool, LeadClosed, InPoolAlready, OwnerChanged, and
    what `check_version` raises.
    """
    seen = await get_lead(tx, who.tenant_id, lead_id)
    check_version(seen.version)
    pool = await _pool_for(tx, who, pool_id, seen.pool_id)
    await lock_loads(tx, who.tenant_id, [seen.owner_id] if seen.owner_id else [])
    lead = await lock_lead(tx, who.tenant_id, lead_id)
    check_version(lead.version)
    if lead.status != "open":
        raise LeadClosed(f"it is {lead.status}")
    if lead.pooled_at is not None:
        raise InPoolAlready
    if lead.owner_id != seen.owner_id:
        raise OwnerChanged
    [pooled] = await put_into(tx, pool, [lead], "released", at, by_id=who.user_id, reason=reason)
    return pooled


async def _pool_for(tx: Tx, who: Principal, wanted: UUID | None, came_from: UUID | None) -> Pool:
    tenant_id = who.tenant_id
    if wanted is not None:
        await open_pool(tx, who, wanted)
        pool = await hold_pool(tx, tenant_id, wanted)
        if not pool.active:
            detail = f"{pool.name} takes no more leads"
            raise PoolInactive(detail, errors=[FieldError("/pool_id", PoolInactive.code, detail)])
        return pool
    found = None if came_from is None else await hold_pool(tx, tenant_id, came_from)
    if found is None or not found.active:
        found = await hold_default_pool(tx, tenant_id)
    if found is None:
        detail = "there is no default pool"
        raise WhichPool(detail, errors=[FieldError("/pool_id", WhichPool.code, detail)])
    return found


async def pool_unassigned(tx: Tx, tenant_id: UUID, causes: Mapping[UUID, UUID], at: datetime) -> None:
    """Put the leads of `{lead: id of the causing event}` that no rule found anybody for into the default
    pool, if the tenant has one.
    """
    pool = await hold_default_pool(tx, tenant_id)
    if pool is None:
        return
    locked = await lock_leads(tx, tenant_id, list(causes))
    waiting = [lead for _, lead in sorted(locked.items()) if _is_free(lead)]
    await put_into(tx, pool, waiting, "unassigned", at, causes=causes)


def _is_free(lead: Lead) -> bool:
    return lead.owner_id is None and lead.pooled_at is None and lead.status == "open"
