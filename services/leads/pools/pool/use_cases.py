"""Claiming out of a pool, and giving back into one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.assigning.assignment.use_cases import (
    OwnerChanged,
    assigned,
    assignment_row,
    store_assignments,
)
from services.leads.assigning.workload.use_cases import lock_loads, shift_loads
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import (
    UnknownLead,
    get_lead,
    living,
    lock_lead,
    lock_leads,
    store_owners,
)
from services.leads.pools.pool.definitions import hold_default_pool, hold_pool
from services.leads.pools.pool.entering import put_into
from services.leads.pools.pool.hands import claims_of, coolings_of, in_hand
from services.leads.pools.pool.looking import open_pool, pools_open_to
from services.leads.pools.pool.rules import (
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
    check_kind,
    kind_for,
    waits_until,
)
from services.leads.pools.pool.tables import COUNT_CLAIM
from shared.access.directory import credit_of, people, tenant_of
from shared.access.principal import Principal
from shared.access.visibility import in_sight
from shared.access.working import profiles_of
from shared.contracts.base import Credit
from shared.contracts.leads import LeadStatus
from shared.database.transactions import Tx
from shared.errors import CoxError, FieldError
from shared.events.journal import NewEvent


async def claim_lead(
    tx: Tx, who: Principal, lead_id: UUID, at: datetime, *, check_version: Callable[[int], None]
) -> Lead:
    """Take a lead out of its pool, for oneself: one step over owner, quota, cap and cooling-off.

    Raises UnknownLead, LeadErased, NotAMember, NotInPool, LeadAlreadyClaimed, LeadClosed, WrongPool,
    NoClaims, DoNotContact, CoolingOff, DailyQuota, CapInHand, and what `check_version` raises.
    """
    me = await credit_of(tx, who.user_id)
    await tx.as_tenant()
    seen = await get_lead(tx, who.tenant_id, lead_id)
    pool = None if seen.pool_id is None else await hold_pool(tx, who.tenant_id, seen.pool_id)
    if pool is None or me.rep_id is None or not pool.active or not pool.has_member(me):
        raise await _beyond(tx, who, seen)
    check_version(seen.version)
    # The claimer's counter is the lock over all that they have in hand and have claimed today.
    hands = await in_hand(tx, who.tenant_id, pool, [me.rep_id], lock=True)
    lead = await lock_lead(tx, who.tenant_id, lead_id)
    if lead.pooled_at is None or lead.pool_id != pool.id:
        raise await _lost(tx, who, lead)
    check_version(lead.version)
    check_kind(pool, lead.status)
    day = await _check(tx, pool, lead, me, hands[me.rep_id], at)
    return await _take(tx, pool, lead, me, me.rep_id, at, day)


async def _check(tx: Tx, pool: Pool, lead: Lead, me: Credit, in_hand: int, at: datetime) -> date:
    """The tenant's natural day that the claim counts for."""
    assert me.rep_id is not None  # noqa: S101 - members are reps
    zone = ZoneInfo((await tenant_of(tx)).timezone)
    day = at.astimezone(zone).date()
    claims = await claims_of(tx, lead.tenant_id, pool, [me.rep_id], day)
    coolings = await coolings_of(tx, lead.tenant_id, [lead.id], at)
    level = (await profiles_of(tx, [me.rep_id]))[me.rep_id].level
    until = waits_until(coolings.get(lead.id, ()), me.rep_id, me.team_id)
    hands = Hands(in_hand, level, until)
    check_claim(pool, hands, claims[me.rep_id], at, zone, do_not_contact=lead.do_not_contact)
    return day


async def _beyond(tx: Tx, who: Principal, lead: Lead) -> CoxError:
    """What somebody is told who is no member of the lead's pool."""
    is_creators = lead.owner_id is None and lead.created_by == who.user_id
    seen = is_creators or in_sight(who, lead.owner_id, await credit_of(tx, lead.owner_id))
    if not seen and not await _lies_open(tx, who, lead):
        return UnknownLead(f"there is no lead {lead.id} that you may see")
    if living(lead).pooled_at is None:
        return NotInPool("it has an owner, or waits for the rules to find one")
    return NotAMember("it lies in a pool that you do not claim from")


async def _lies_open(tx: Tx, who: Principal, lead: Lead) -> bool:
    return lead.pooled_at is not None and any(
        pool.id == lead.pool_id for pool in await pools_open_to(tx, who)
    )


async def _lost(tx: Tx, who: Principal, lead: Lead) -> LeadAlreadyClaimed:
    """With the winner's name where the caller may see whose leads those are."""
    owner = await credit_of(tx, lead.owner_id)
    if lead.owner_id is None or not in_sight(who, lead.owner_id, owner):
        return LeadAlreadyClaimed("it lies in the pool no more")
    person = (await people(tx, [lead.owner_id])).get(lead.owner_id)
    return LeadAlreadyClaimed(f"it is {person.display_name if person else lead.owner_id}'s now")


async def _take(tx: Tx, pool: Pool, lead: Lead, me: Credit, rep_id: UUID, at: datetime, day: date) -> Lead:
    tenant_id = lead.tenant_id
    event = NewEvent(lead.id, assigned(lead, me, "claim"), at)
    versions = await store_owners(tx, tenant_id, {lead.id: (rep_id, me.team_id)}, [event], at)
    await store_assignments(tx, [assignment_row(lead, "claim", rep_id, at, assigned_by=rep_id)])
    await shift_loads(tx, tenant_id, {rep_id: 1} if lead.status == "open" else {})
    await tx.connection.execute(COUNT_CLAIM, tenant_id, rep_id, pool.id, day)
    return lead._replace(
        owner_id=rep_id,
        team_id=me.team_id,
        pooled_at=None,
        seq=versions[lead.id],
        updated_at=at,
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
    """Give an open or won lead into the pool named, else the one it came from, else the default one that is
    for it.

    Raises UnknownLead, LeadErased, UnknownPool, PoolInactive, WrongPool, WhichPool, LeadClosed,
    InPoolAlready, OwnerChanged, and what `check_version` raises.
    """
    seen = living(await get_lead(tx, who.tenant_id, lead_id))
    check_version(seen.version)
    pool = await _pool_for(tx, who, pool_id, seen)
    await lock_loads(tx, who.tenant_id, [seen.owner_id] if seen.owner_id else [])
    lead = await lock_lead(tx, who.tenant_id, lead_id)
    check_version(lead.version)
    if lead.pooled_at is not None:
        raise InPoolAlready
    if (lead.owner_id, lead.status) != (seen.owner_id, seen.status):
        raise OwnerChanged
    [pooled] = await put_into(tx, pool, [lead], "released", at, by_id=who.user_id, reason=reason)
    return pooled


async def _pool_for(tx: Tx, who: Principal, wanted: UUID | None, lead: Lead) -> Pool:
    if wanted is not None:
        return await named_pool(tx, who, wanted, lead.status)
    kind = kind_for(lead.status)
    if kind is None:
        raise LeadClosed(f"it is {lead.status}")
    found = None if lead.pool_id is None else await hold_pool(tx, who.tenant_id, lead.pool_id)
    if found is None or not found.active or found.kind != kind:
        found = await hold_default_pool(tx, who.tenant_id, kind)
    if found is None:
        detail = f"there is no default pool of {kind}"
        raise WhichPool(detail, errors=[FieldError("/pool_id", WhichPool.code, detail)])
    return found


async def named_pool(tx: Tx, who: Principal, pool_id: UUID, status: LeadStatus) -> Pool:
    """The pool that somebody names for leads of a status; it stays until the transaction ends.

    Raises UnknownPool, PoolInactive, LeadClosed, WrongPool.
    """
    await open_pool(tx, who, pool_id)
    pool = await hold_pool(tx, who.tenant_id, pool_id)
    if not pool.active:
        detail = f"{pool.name} takes no more leads"
        raise PoolInactive(detail, errors=[FieldError("/pool_id", PoolInactive.code, detail)])
    check_kind(pool, status)
    return pool


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
    unowned = lead.owner_id is None and lead.pooled_at is None
    return unowned and lead.status == "open" and lead.stands
