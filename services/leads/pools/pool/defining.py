"""Defining pools: created, changed, deactivated; never removed, since leads and histories name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.bulk import json_text
from services.leads.follow_up.pipelines.use_cases import list_pipelines
from services.leads.pools.pool.definitions import found_pool, hold_default_pool
from services.leads.pools.pool.keeping import KeepingImpossible, check_keeping
from services.leads.pools.pool.rules import Pool, check_members
from services.leads.pools.pool.tables import (
    COUNT_MEMBERS,
    INSERT_POOL,
    LOCK_POOL,
    SHARE_POOL,
    UPDATE_POOL,
    pools,
)
from shared.access.directory import Person, people, team_credits_of
from shared.access.roles import scopes_of
from shared.contracts.leads import PoolDefined
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, Invalid
from shared.events.journal import NewEvent, record_events


class UnknownMember(Invalid):
    code = "unknown_member"
    title = "Members are users and units that there are"


class UnfitAdmin(Invalid):
    code = "unfit_admin"
    title = "Nobody who could look after a pool"


class DefaultPoolTaken(Conflict):
    code = "default_pool_taken"
    title = "Another pool is the default one"


async def create_pool(tx: Tx, tenant_id: UUID, pool: Pool, at: datetime) -> Pool:
    """Raises UnfitAdmin, UnknownMember, NobodyMayClaim, KeepingImpossible, DefaultPoolTaken."""
    await _check(tx, tenant_id, pool, None)
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

    Raises UnknownPool, UnfitAdmin, UnknownMember, NobodyMayClaim, KeepingImpossible, DefaultPoolTaken, and
    what `check_version` raises.
    """
    old = found_pool(await tx.connection.fetchrow(LOCK_POOL, tenant_id, pool_id), pool_id)
    check_version(old.version)
    new = replace(old, **changes)
    if not new.active:
        new = replace(new, is_default=False)
    if new == old:
        return old
    await _check(tx, tenant_id, new, old)
    await tx.connection.execute(UPDATE_POOL, tenant_id, pool_id, *_columns(new), at)
    seq = (await record_events(tx, pools, [NewEvent(pool_id, _event(new), at)]))[-1].seq
    return replace(new, version=seq)


async def _check(tx: Tx, tenant_id: UUID, pool: Pool, old: Pool | None) -> None:
    admins = await people(tx, pool.admin_ids)
    # Whoever has left since they were named is left alone.
    _check_admins(pool, admins, old.admin_ids if old else ())
    await _check_known(tx, pool, old)
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
    errors = []
    for at, user in enumerate(pool.admin_ids):
        person = found.get(user)
        if user not in known and (person is None or not _is_fit(person)):
            detail = f"there is no active user {user} who may change leads"
            errors.append(FieldError(f"/admin_ids/{at}", UnfitAdmin.code, detail))
    if errors:
        raise UnfitAdmin(errors[0].detail, errors=errors)


async def _check_known(tx: Tx, pool: Pool, old: Pool | None) -> None:
    """Members who are here at all; whether they claim now is another matter."""
    if old is not None and (old.user_ids, old.unit_ids) == (pool.user_ids, pool.unit_ids):
        return
    users, units = await people(tx, pool.user_ids), await team_credits_of(tx, pool.unit_ids)
    errors = [
        FieldError(f"/members/{name}/{at}", UnknownMember.code, f"there is no such {what} as {each}")
        for name, what, listed, known in (
            ("user_ids", "user", pool.user_ids, users.keys()),
            ("unit_ids", "unit", pool.unit_ids, units.keys()),
        )
        for at, each in enumerate(listed)
        if each not in known
    ]
    if errors:
        raise UnknownMember(errors[0].detail, errors=errors)


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
