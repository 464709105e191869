"""Pools as they are defined: read, and held so that they stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.pools.pool.keeping import Keeping, Special, Terms
from services.leads.pools.pool.rules import Caps, Pool
from services.leads.pools.pool.tables import (
    ALL_POOLS,
    DEFAULT_POOL,
    MEMBERS,
    SHARE_POOL,
    TENANTS_WITH_DEFAULT,
)
from shared.contracts.leads import PoolKind
from shared.database.transactions import Tx
from shared.errors import NotFound


class UnknownPool(NotFound):
    code = "unknown_pool"
    title = "No such pool, or none that you may see"


async def list_pools(tx: Tx, tenant_id: UUID) -> list[Pool]:
    """All pools, inactive ones too, the oldest first."""
    return [_pool(row) for row in await tx.connection.fetch(ALL_POOLS, tenant_id)]


async def hold_pool(tx: Tx, tenant_id: UUID, pool_id: UUID) -> Pool:
    """A pool; it stays as it is until the transaction ends. Raises UnknownPool."""
    return found_pool(await tx.connection.fetchrow(SHARE_POOL, tenant_id, pool_id), pool_id)


async def hold_default_pool(tx: Tx, tenant_id: UUID, kind: PoolKind = "leads") -> Pool | None:
    """The pool of those that name none, if the tenant has one; it stays until the transaction ends."""
    row = await tx.connection.fetchrow(DEFAULT_POOL, tenant_id, kind)
    return None if row is None else _pool(row)


async def tenants_with_default_pool(
    tx: Tx, tenant_ids: Sequence[UUID], kind: PoolKind = "leads"
) -> list[UUID]:
    """Those of the tenants that have one: for who sees every tenant."""
    return [row["tenant_id"] for row in await tx.connection.fetch(TENANTS_WITH_DEFAULT, tenant_ids, kind)]


async def members_of(tx: Tx, tenant_id: UUID, pool: Pool) -> list[UUID]:
    """The active reps who are members of a pool, by code."""
    rows = await tx.connection.fetch(MEMBERS, tenant_id, list(pool.unit_ids), list(pool.user_ids))
    return [row["id"] for row in rows]


def found_pool(row: asyncpg.Record | None, pool_id: UUID) -> Pool:
    """A row of a pool. Raises UnknownPool where there is none."""
    if row is None:
        raise UnknownPool(f"there is no pool {pool_id}")
    return _pool(row)


def _pool(row: asyncpg.Record) -> Pool:
    return Pool(
        id=row["id"],
        version=row["seq"],
        name=row["name"],
        kind=row["kind"],
        is_default=row["is_default"],
        unit_ids=tuple(row["unit_ids"]),
        user_ids=tuple(row["user_ids"]),
        admin_ids=tuple(row["admin_ids"]),
        daily_claims=row["daily_claims"],
        caps=Caps(**row["caps"]),
        cooling_days=row["cooling_days"],
        cooling_team=row["cooling_team"],
        keeping=_keeping(row["keeping"]),
        hidden_fields=tuple(row["hidden_fields"]),
        active=row["active"],
        created_at=row["created_at"],
    )


def _keeping(told: Mapping[str, Any] | None) -> Keeping | None:
    if told is None:
        return None
    special = [
        Special(Terms(**each["terms"]), **{name: tuple(each[name]) for name in each if name != "terms"})
        for each in told["special"]
    ]
    dormant = told["dormant_pool_id"]
    return Keeping(
        terms=Terms(**told["terms"]),
        special=tuple(special),
        warn_days=tuple(told["warn_days"]),
        protection_days=told["protection_days"],
        extension_days=told["extension_days"],
        dormant_pool_id=None if dormant is None else UUID(dormant),
        dormant_after=told["dormant_after"],
        paused_stages=tuple(told.get("paused_stages", ())),
    )
