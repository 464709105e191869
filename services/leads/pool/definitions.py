"""Defining pools: created, changed, deactivated; never removed, since leads and histories name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.bulk import json_text
from services.leads.pipelines.use_cases import list_pipelines
from services.leads.pool.keeping import Keeping, KeepingImpossible, Special, Terms, check_keeping
from services.leads.pool.rules import Caps, Pool, UnfitAdmin, check_members
from services.leads.pool.tables import (
    ALL_POOLS,
    COUNT_MEMBERS,
    DEFAULT_POOL,
    INSERT_POOL,
    LOCK_POOL,
    MEMBERS,
    SHARE_POOL,
    UPDATE_POOL,
    pools,
)
from shared.access.directory import Person, people
from shared.access.roles import scopes_of
from shared.contracts.leads import PoolDefined, PoolKind
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, NotFound
from shared.events.journal import NewEvent, record_events


class UnknownPool(NotFound):
    code = "unknown_pool"
    title = "No such pool, or none that you may see"


class DefaultPoolTaken(Conflict):
    code = "default_pool_taken"
    title = "Another pool is the default one"


async def list_pools(tx: Tx, tenant_id: UUID) -> list[Pool]:
    """All pools, inactive ones too, the oldest first."""
    return [_pool(row) for row in await tx.connection.fetch(ALL_POOLS, tenant_id)]


async def hold_pool(tx: Tx, tenant_id: UUID, pool_id: UUID) -> Pool:
    """A pool; it stays as it is until the transaction ends. Raises UnknownPool."""
    return _found(await tx.connection.fetchrow(SHARE_POOL, tenant_id, pool_id), pool_id)


async def hold_default_pool(tx: Tx, tenant_id: UUID, kind: PoolKind = "leads") -> Pool | None:
    """The pool of those that name none, if the tenant has one; it stays until the transaction ends."""
    row = await tx.connection.fetchrow(DEFAULT_POOL, tenant_id, kind)
    return None if row is None else _pool(row)


async def members_of(tx: Tx, tenant_id: UUID, pool: Pool) -> list[UUID]:
    """The active reps who are members of a pool, by code."""
    rows = await tx.connection.fetch(MEMBERS, tenant_id, list(pool.unit_ids), list(pool.user_ids))
    return [row["id"] for row in rows]


async def create_pool(tx: Tx, tenant_id: UUID, pool: Pool, at: datetime) -> Pool:
    """Raises UnfitAdmin, NobodyMayClaim, KeepingImpossible, DefaultPoolTaken."""
    await _check(tx, tenant_id, pool)
    await tx.connection.execute(INSERT_POOL, tenant_id, pool.id, *_columns(pool), at)
    await record_events(tx, pools, [NewEvent(pool.id, _event(pool), at)], created=True)
    return pool


async def change_pool(
    tx: Tx,
    tenant_id: UUID,
    pool_id: UUID,
    changes: Mapping[str, Any],
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Pool:
    """Change fields, named as in Pool.

    Raises UnknownPool, UnfitAdmin, NobodyMayClaim, KeepingImpossible, DefaultPoolTaken, and what
    `check_version` raises.
    """
    old = _found(await tx.connection.fetchrow(LOCK_POOL, tenant_id, pool_id), pool_id)
    check_version(old.version)
    new = replace(old, **changes)
    if not new.active:
        new = replace(new, is_default=False)
    if new == old:
        return old
    await _check(tx, tenant_id, new, known_admins=old.admin_ids)
    await tx.connection.execute(UPDATE_POOL, tenant_id, pool_id, *_columns(new), at)
    seq = (await record_events(tx, pools, [NewEvent(pool_id, _event(new), at)]))[-1].seq
    return replace(new, version=seq)


async def _check(tx: Tx, tenant_id: UUID, pool: Pool, *, known_admins: Sequence[UUID] = ()) -> None:
    admins = await people(tx, pool.admin_ids)
    _check_admins(pool, admins, known_admins)
    reps = await tx.connection.fetchval(COUNT_MEMBERS, tenant_id, list(pool.unit_ids), list(pool.user_ids))
    check_members(pool, reps, sum(_is_fit(person) for person in admins.values()))
    if pool.keeping is not None:
        check_keeping(pool.keeping)
        await _check_dormant(tx, tenant_id, pool, pool.keeping.dormant_pool_id)
        await _check_stages(tx, tenant_id, pool.keeping.paused_stages)
    if pool.is_default:
        present = await hold_default_pool(tx, tenant_id, pool.kind)
        if present is not None and present.id != pool.id:
            detail = f"{present.name} is; change that one first"
            raise DefaultPoolTaken(detail, errors=[FieldError("/is_default", DefaultPoolTaken.code, detail)])


def _check_admins(pool: Pool, found: Mapping[UUID, Person], known: Sequence[UUID]) -> None:
    """Whoever has left since they were named is left alone."""
    errors = []
    for at, user in enumerate(pool.admin_ids):
        person = found.get(user)
        if user not in known and (person is None or not _is_fit(person)):
            detail = f"there is no active user {user} who may change leads"
            errors.append(FieldError(f"/admin_ids/{at}", UnfitAdmin.code, detail))
    if errors:
        raise UnfitAdmin(errors[0].detail, errors=errors)


def _is_fit(person: Person) -> bool:
    return person.active and bool(scopes_of(person.roles) & {"leads:write", "admin"})


async def _check_dormant(tx: Tx, tenant_id: UUID, pool: Pool, dormant_id: UUID | None) -> None:
    if dormant_id is None:
        return
    row = await tx.connection.fetchrow(SHARE_POOL, tenant_id, dormant_id)
    if dormant_id == pool.id or row is None or not row["active"] or row["kind"] != pool.kind:
        detail = "a dormant pool is another one of the same kind that is in use"
        error = FieldError("/keeping/dormant_pool_id", "bad_dormant_pool", detail)
        raise KeepingImpossible(detail, errors=[error])


async def _check_stages(tx: Tx, tenant_id: UUID, stages: Sequence[str]) -> None:
    if not stages:
        return
    known = {stage.key for pipeline in await list_pipelines(tx, tenant_id) for stage in pipeline.stages}
    errors = [
        FieldError(f"/keeping/paused_stages/{at}", "unknown_stage", f"no pipeline has an open stage {stage}")
        for at, stage in enumerate(stages)
        if stage not in known
    ]
    if errors:
        raise KeepingImpossible(errors[0].detail, errors=errors)


def _found(row: asyncpg.Record | None, pool_id: UUID) -> Pool:
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
        Special(Terms(**each["terms"]), tuple(each["products"]), tuple(each["tags"]))
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


def _columns(pool: Pool) -> tuple[Any, ...]:
    return (
        pool.name,
        pool.kind,
        pool.is_default,
        list(pool.unit_ids),
        list(pool.user_ids),
        list(pool.admin_ids),
        pool.daily_claims,
        json_text(asdict(pool.caps)),
        pool.cooling_days,
        pool.cooling_team,
        None if pool.keeping is None else json_text(asdict(pool.keeping)),
        list(pool.hidden_fields),
        pool.active,
    )


def _event(pool: Pool) -> PoolDefined:
    return PoolDefined(name=pool.name, kind=pool.kind, is_default=pool.is_default, active=pool.active)
