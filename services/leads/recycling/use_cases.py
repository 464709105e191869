"""Planning the next date of leads, warning their owners, and taking leads back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.leads.assignment.use_cases import OwnerChanged, owned_since
from services.leads.intake.lead import Lead
from services.leads.intake.use_cases import (
    get_lead,
    get_leads,
    list_owned_of_pool,
    lock_lead,
    record_lead_events,
)
from services.leads.pool.definitions import hold_pool, list_pools
from services.leads.pool.entering import entries_of, put_into
from services.leads.pool.rules import RECYCLED, Keeping, Pool
from services.leads.progress.use_cases import last_moves
from services.leads.recycling.rules import (
    ExtendedBefore,
    ExtensionNotAllowed,
    Held,
    NothingToExtend,
    Plan,
    plan,
)
from services.leads.recycling.tables import EXTEND, EXTENDED, WARN, WARNED
from services.leads.touches.use_cases import last_effective
from services.leads.workload.use_cases import lock_loads
from shared.access.directory import credit_of
from shared.access.principal import Principal
from shared.access.working import calendars_of_users
from shared.contracts.leads import RecycleWarned
from shared.database.transactions import Tx
from shared.events.journal import NewEvent
from shared.events.timing.timers import cancel, schedule, schedule_many

TIMER = "leads.recycling"
ANEW = "leads.recycling_anew"
AT_ONCE = 200
"""So many leads are planned anew in one transaction when a pool's terms change."""


@dataclass(frozen=True, slots=True)
class Dated:
    """A lead in hand with the pool whose terms hold, and what follows from them. `warned_of`: the date of the
    last warning given.
    """

    lead: Lead
    pool: Pool
    plan: Plan
    warned_of: datetime | None

    @property
    def next_date(self) -> datetime:
        return self.plan.next_date(self.warned_of)


async def plan_leads(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """Set the next date of each of these leads that is in somebody's hands; the others have none."""
    pools = await list_pools(tx, tenant_id)
    if not any(pool.keeping for pool in pools):
        return
    leads = await get_leads(tx, tenant_id, lead_ids)
    dated = await _dated(tx, pools, leads)
    for lead in leads:
        if lead.id not in dated:
            await cancel(tx, TIMER, lead.id)
    await schedule_many(tx, TIMER, [(one.lead.id, one.next_date, {}) for one in dated.values()])


async def plan_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Dated | None:
    """What is planned of a lead; None where nobody has it, or its owner keeps it. Raises UnknownLead."""
    lead = await get_lead(tx, tenant_id, lead_id)
    return (await _dated(tx, await list_pools(tx, tenant_id), [lead])).get(lead_id)


async def _dated(tx: Tx, pools: Sequence[Pool], leads: Sequence[Lead]) -> dict[UUID, Dated]:
    """A fixed number of statements, whatever the number of leads."""
    kept = {lead.id: (lead, pool) for lead in leads if (pool := _pool_of(pools, lead)) is not None}
    if not kept:
        return {}
    tenant_id, ids = leads[0].tenant_id, sorted(kept)
    since = await owned_since(tx, tenant_id, ids)
    touched, moved = await last_effective(tx, tenant_id, since), await last_moves(tx, tenant_id, since)
    reopened = await last_moves(tx, tenant_id, since, reopenings=True)
    warned = {row["lead_id"]: row["warned_of"] for row in await tx.connection.fetch(WARNED, tenant_id, ids)}
    extended = {tuple(row) for row in await tx.connection.fetch(EXTENDED, tenant_id, ids)}
    calendars = await calendars_of_users(tx, [lead.owner_id for lead, _ in kept.values() if lead.owner_id])
    found = {}
    for lead, pool in kept.values():
        calendar = calendars.get(lead.owner_id) if lead.owner_id else None
        if calendar is None or lead.id not in since or pool.keeping is None:
            continue
        followed = max((each for each in (touched.get(lead.id), moved.get(lead.id)) if each), default=None)
        held = Held(
            since=reopened.get(lead.id, since[lead.id]),
            followed_at=followed,
            product=lead.product,
            tags=lead.tags,
            self_sourced=lead.created_by == lead.owner_id,
            extended=(lead.id, lead.owner_id, since[lead.id]) in extended,
        )
        made = plan(pool.keeping, held, calendar)
        if made is not None:
            found[lead.id] = Dated(lead, pool, made, warned.get(lead.id))
    return found


def _pool_of(pools: Sequence[Pool], lead: Lead) -> Pool | None:
    """The pool whose terms hold for a lead in hand: the one that it came from, else the default one."""
    if lead.owner_id is None or lead.status != "open":
        return None
    for pool in pools:
        mine = pool.is_default if lead.pool_id is None else pool.id == lead.pool_id
        if mine and pool.active and pool.keeping is not None:
            return pool
    return None


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
    dated = await plan_of(tx, who.tenant_id, lead_id)
    if dated is None or dated.pool.keeping is None or not dated.pool.keeping.extension_days:
        raise NothingToExtend("nobody has the lead on terms that may be extended")
    check_version(dated.lead.version)
    since = (await owned_since(tx, who.tenant_id, [lead_id]))[lead_id]
    values = (who.tenant_id, lead_id, dated.lead.owner_id, since, at, who.user_id, reason)
    if not await tx.connection.fetchval(EXTEND, *values):
        raise ExtendedBefore("a term is extended once while a lead is in the same hands")
    longer = await plan_of(tx, who.tenant_id, lead_id)
    assert longer is not None  # noqa: S101 - it was planned a moment ago
    await schedule(tx, TIMER, lead_id, longer.next_date)
    return longer


async def lock_in_hand(tx: Tx, lead_id: UUID) -> None:
    """The owner's counter, then the lead. Raises UnknownLead, OwnerChanged."""
    assert tx.tenant_id is not None  # noqa: S101 - timers belong to a tenant
    seen = await get_lead(tx, tx.tenant_id, lead_id)
    await lock_loads(tx, tx.tenant_id, [seen.owner_id] if seen.owner_id else [])
    if (await lock_lead(tx, tx.tenant_id, lead_id)).owner_id != seen.owner_id:
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
    returns = sum(entry.why in RECYCLED for entry in before)
    return keeping.dormant_after is not None and returns + 1 >= keeping.dormant_after


async def plan_pool_anew(tx: Tx, pool_id: UUID, at: datetime) -> None:
    """After a change of its terms: all leads in hand that they hold for, in the background."""
    await schedule(tx, ANEW, pool_id, at)


async def plan_next_anew(
    tx: Tx, tenant_id: UUID, pool_id: UUID, payload: Mapping[str, str], at: datetime
) -> None:
    """The next AT_ONCE of them; then it is due again for those behind."""
    pools = {pool.id: pool for pool in await list_pools(tx, tenant_id)}
    after = UUID(payload["after"]) if "after" in payload else None
    ids = await list_owned_of_pool(
        tx, tenant_id, pool_id, after, AT_ONCE, and_of_none=pools[pool_id].is_default
    )
    await plan_leads(tx, tenant_id, ids)
    if len(ids) == AT_ONCE:
        await schedule(tx, ANEW, pool_id, at, {"after": str(ids[-1])})
