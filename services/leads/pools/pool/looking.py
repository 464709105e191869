"""Who may look into which pool, and at which lead there."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import UnknownLead, get_lead
from services.leads.pools.pool.definitions import UnknownPool, list_pools
from services.leads.pools.pool.rules import Pool
from services.leads.pools.pool.tables import POOLS_OF_UNIT
from shared.access.directory import credit_of
from shared.access.principal import Principal
from shared.database.transactions import Tx


async def pools_open_to(tx: Tx, who: Principal) -> list[Pool]:
    """All pools for who sees the whole tenant. For others those that they are an admin of, and the active
    ones of which they are a member, or somebody whose leads they see.
    """
    found = await list_pools(tx, who.tenant_id)
    if who.visibility == "tenant":
        return found
    credit, below = await credit_of(tx, who.user_id), await _pools_below(tx, who)
    return [
        pool
        for pool in found
        if who.user_id in pool.admin_ids or pool.id in below or (pool.active and pool.has_member(credit))
    ]


async def _pools_below(tx: Tx, who: Principal) -> set[UUID]:
    if who.visibility == "own":
        return set()
    subtree = who.visibility == "subtree"
    rows = await tx.connection.fetch(POOLS_OF_UNIT, who.tenant_id, who.unit_id, subtree)
    return {row["id"] for row in rows}


async def pools_shown_to(tx: Tx, who: Principal) -> list[Pool]:
    """The definitions of those, and of all pools to who may change them; their leads are another matter."""
    if who.may("config:write"):
        return await list_pools(tx, who.tenant_id)
    return await pools_open_to(tx, who)


async def show_pool(tx: Tx, who: Principal, pool_id: UUID) -> Pool:
    """Raises UnknownPool, also where it is not shown to the caller."""
    return _one(await pools_shown_to(tx, who), pool_id)


async def open_pool(tx: Tx, who: Principal, pool_id: UUID) -> Pool:
    """Raises UnknownPool, also where the pool is not open to the caller."""
    return _one(await pools_open_to(tx, who), pool_id)


def _one(pools: Sequence[Pool], pool_id: UUID) -> Pool:
    for pool in pools:
        if pool.id == pool_id:
            return pool
    raise UnknownPool(f"there is no pool {pool_id} that is open to you")


async def enter_pool(tx: Tx, who: Principal, pool_id: UUID) -> Pool:
    """From here on the transaction sees the tenant's leads: it must ask for those in this pool only.

    Raises UnknownPool.
    """
    pool = await open_pool(tx, who, pool_id)
    await tx.as_tenant()
    return pool


async def pooled_lead(tx: Tx, who: Principal, lead_id: UUID) -> Lead:
    """A lead that lies in a pool open to the caller, as it is shown there. Raises UnknownLead."""
    open_to_me = {pool.id: pool for pool in await pools_open_to(tx, who)}
    if open_to_me:
        await tx.as_tenant()
        lead = await get_lead(tx, who.tenant_id, lead_id)
        pool = open_to_me.get(lead.pool_id) if lead.pooled_at and lead.pool_id else None
        if pool is not None:
            return as_shown(pool, who, lead)
    raise UnknownLead(f"there is no lead {lead_id} that you may see")


def as_shown(pool: Pool, who: Principal, lead: Lead) -> Lead:
    """Without the custom fields that the pool hides, but for who sees the whole tenant."""
    if who.visibility == "tenant":
        return lead
    hidden = pool.hidden_fields
    return lead._replace(custom={name: value for name, value in lead.custom.items() if name not in hidden})
