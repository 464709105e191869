"""Planning the next date of leads, warning their owners, and taking leads back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.leads.assigning.assignment.use_cases import OwnerChanged
from services.leads.assigning.workload.use_cases import lock_loads
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import (
    get_lead,
    get_leads,
    list_customers,
    list_owned_of_pools,
    living,
    lock_leads,
    record_lead_events,
)
from services.leads.pools.pool.definitions import hold_pool, list_pools
from services.leads.pools.pool.entering import entries_of, put_into
from services.leads.pools.pool.keeping import RECYCLED, Keeping
from services.leads.pools.pool.rules import Pool
from services.leads.pools.recycling.dates import Dated, paused_stages, plan_of, plans_of
from services.leads.pools.recycling.rules import (
    ExtendedBefore,
    ExtensionNotAllowed,
    LockNotAllowed,
    NothingToExtend,
    NothingToLock,
    check_lock,
)
from services.leads.pools.recycling.tables import EXTEND, FORGET, LOCK, UNLOCK, WARN
from shared.access.directory import credit_of
from shared.access.principal import Principal
from shared.contracts.leads import RecycleWarned
from shared.database.transactions import Tx
from shared.events.journal import NewEvent
from shared.events.timing.timers import cancel, schedule, schedule_many

TIMER = "leads.recycling"
ANEW = "leads.recycling_anew"
AT_ONCE = 200
"""So many leads are planned anew in one transaction when a pool's terms change."""


async def plan_leads(
    tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], *, left: Iterable[tuple[UUID, str]] = ()
) -> None:
    """Set the next date of each of these leads that is in somebody's hands; the others have none.

    `left`: leads and the stages that they were moved out of; where terms stood still they go on.
    """
    pools = await list_pools(tx, tenant_id)
    if not any(pool.keeping for pool in pools):
        return
    pausing = frozenset().union(*map(paused_stages, pools))
    ids = {*lead_ids, *(lead_id for lead_id, stage in left if stage in pausing)}
    leads = await get_leads(tx, tenant_id, sorted(ids))
    dated = await plans_of(tx, pools, leads)
    for lead in leads:
        if lead.id not in dated:
            await cancel(tx, TIMER, lead.id)
    await schedule_many(tx, TIMER, [(one.lead.id, one.next_date, {}) for one in dated.values()])


async def extend_term(
    tx: Tx,
    who: Principal,
    lead_id: UUID,
    reason: str | None,
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Dated:
    """Give the owner more time, once, as the pool's terms allow.

    Raises UnknownLead, ExtensionNotAllowed, NothingToExtend, ExtendedBefore, and what `check_version` raises.
    """
    if who.visibility == "own":
        raise ExtensionNotAllowed
    await lock_in_hand(tx, lead_id)
    living(await get_lead(tx, who.tenant_id, lead_id))
    dated = await plan_of(tx, who.tenant_id, lead_id)
    if dated is None or dated.pool.keeping is None or not dated.pool.keeping.extension_days:
        raise NothingToExtend("nobody has the lead on terms that may be extended")
    check_version(dated.lead.version)
    values = (who.tenant_id, lead_id, dated.lead.owner_id, dated.since, at, who.user_id, reason)
    if not await tx.connection.fetchval(EXTEND, *values):
        raise ExtendedBefore("a term is extended once while a lead is in the same hands")
    return await _planned_anew(tx, who.tenant_id, lead_id)


async def lock_term(
    tx: Tx,
    who: Principal,
    lead_id: UUID,
    until: datetime,
    reason: str | None,
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Dated:
    """Let the owner's term stand still from now until then; a lock that holds ends.

    Raises UnknownLead, LockNotAllowed, BadLock, NothingToLock, and what `check_version` raises.
    """
    check_lock(at, until)
    await _lock_for(tx, who, lead_id, check_version)
    await tx.connection.fetchval(UNLOCK, who.tenant_id, lead_id, at)
    await tx.connection.execute(LOCK, who.tenant_id, lead_id, at, until, who.user_id, reason)
    return await _planned_anew(tx, who.tenant_id, lead_id)


async def unlock_term(
    tx: Tx, who: Principal, lead_id: UUID, at: datetime, *, check_version: Callable[[int], None]
) -> Dated:
    """Let it go on. Raises UnknownLead, LockNotAllowed, NothingToLock, and what `check_version` raises."""
    await _lock_for(tx, who, lead_id, check_version)
    if not await tx.connection.fetchval(UNLOCK, who.tenant_id, lead_id, at):
        raise NothingToLock("no lock holds")
    return await _planned_anew(tx, who.tenant_id, lead_id)


async def _lock_for(tx: Tx, who: Principal, lead_id: UUID, check_version: Callable[[int], None]) -> None:
    if who.visibility == "own":
        raise LockNotAllowed
    await lock_in_hand(tx, lead_id)
    check_version(living(await get_lead(tx, who.tenant_id, lead_id)).version)


async def _planned_anew(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Dated:
    dated = await plan_of(tx, tenant_id, lead_id)
    if dated is None:
        raise NothingToLock("nobody has the lead on terms that go on")
    await schedule(tx, TIMER, lead_id, dated.next_date)
    return dated


async def lock_in_hand(tx: Tx, lead_id: UUID) -> None:
    """The owner's counter, then the lead, if it is in anybody's hands. Raises UnknownLead, OwnerChanged."""
    assert tx.tenant_id is not None  # noqa: S101 - timers belong to a tenant
    seen = await get_lead(tx, tx.tenant_id, lead_id)
    await lock_loads(tx, tx.tenant_id, [seen.owner_id] if seen.owner_id else [])
    if (await lock_leads(tx, tx.tenant_id, [lead_id]))[lead_id].owner_id != seen.owner_id:
        raise OwnerChanged


async def come_due(tx: Tx, tenant_id: UUID, lead_id: UUID, at: datetime) -> None:
    """A date of a locked lead has come: its owner is warned, or has lost it, or has done something since."""
    dated = await plan_of(tx, tenant_id, lead_id)
    if dated is None:
        return
    if dated.plan.ends_at <= at:
        await _take_back(tx, dated, at)
        return
    of = dated.plan.warning_at(at, dated.warned_of)
    if of is not None:
        await _warn(tx, dated, of, at)
    await schedule(tx, TIMER, lead_id, dated.plan.next_date(of or dated.warned_of))


async def _warn(tx: Tx, dated: Dated, of: datetime, at: datetime) -> None:
    lead = dated.lead
    await tx.connection.execute(WARN, lead.tenant_id, lead.id, of)
    event = RecycleWarned(
        credit=await credit_of(tx, lead.owner_id),
        dimensions=lead.dimensions,
        pool_id=dated.pool.id,
        ends_at=dated.plan.ends_at,
        why=dated.plan.why,
    )
    await record_lead_events(tx, [NewEvent(lead.id, event, at)])


async def _take_back(tx: Tx, dated: Dated, at: datetime) -> None:
    lead, keeping = dated.lead, dated.pool.keeping
    assert keeping is not None  # noqa: S101 - there is no plan without
    pool = dated.pool
    if keeping.dormant_pool_id is not None and await _is_tired(tx, lead, keeping):
        dormant = await hold_pool(tx, lead.tenant_id, keeping.dormant_pool_id)
        pool = dormant if dormant.active else pool
    # Whoever had it waits as the pool that it came from says.
    await put_into(tx, pool, [lead], dated.plan.why, at, cooling=dated.pool)


async def _is_tired(tx: Tx, lead: Lead, keeping: Keeping) -> bool:
    """Whether it now comes back for the last time."""
    before = await entries_of(tx, lead.tenant_id, lead.id)
    # What came back as a lead counts no more for a customer.
    as_it_is = [entry for entry in before if lead.closed_at is None or entry.at >= lead.closed_at]
    returns = sum(entry.why in RECYCLED for entry in as_it_is)
    return keeping.dormant_after is not None and returns + 1 >= keeping.dormant_after


async def plan_pool_anew(tx: Tx, pool_id: UUID, at: datetime) -> None:
    """After a change of its terms: all leads in hand that they hold for, in the background."""
    await schedule(tx, ANEW, pool_id, at)


def _origins(pool: Pool, pools: Iterable[Pool]) -> Iterator[UUID | None]:
    """Where the leads came from that a pool's terms hold for: as for plans themselves. None: from no pool."""
    yield pool.id
    if pool.is_default:
        yield None
        # Customers who were reopened.
        yield from (other.id for other in pools if other.kind != pool.kind)


async def plan_next_anew(
    tx: Tx, tenant_id: UUID, pool_id: UUID, payload: Mapping[str, str], at: datetime
) -> None:
    """The next AT_ONCE of them; then it is due again for those behind."""
    pools = {pool.id: pool for pool in await list_pools(tx, tenant_id)}
    pool, after = pools[pool_id], UUID(payload["after"]) if "after" in payload else None
    if pool.kind == "customers":
        ids = await list_customers(tx, tenant_id, after, AT_ONCE)
    else:
        origins = _origins(pool, pools.values())
        ids = await list_owned_of_pools(tx, tenant_id, origins, after, AT_ONCE)
    await plan_leads(tx, tenant_id, ids)
    if len(ids) == AT_ONCE:
        await schedule(tx, ANEW, pool_id, at, {"after": str(ids[-1])})


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """What people wrote about why these leads' terms were extended or stood still."""
    for statement in FORGET:
        await tx.connection.execute(statement, tenant_id, list(lead_ids))
