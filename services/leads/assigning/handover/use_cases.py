"""Redistributing somebody's open leads by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.leads.assigning.assignment.rules import Rule
from services.leads.assigning.assignment.use_cases import AssignNotAllowed
from services.leads.assigning.handover.handing import Task, carry_out, plan
from services.leads.assigning.handover.rules import Distribution, check_digest
from services.leads.pools.pool.definitions import hold_default_pool
from services.leads.pools.pool.rules import Pool
from services.leads.pools.pool.use_cases import named_pool
from shared.access.directory import people, subtree
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid


class BadRedistribution(Invalid):
    code = "bad_redistribution"
    title = "Nothing to redistribute from, or nobody to redistribute to"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose leads go, by which rule, into which pool those whom nobody may have (None: the default one), why,
    and what was previewed (its digest), if anything.
    """

    from_user_id: UUID
    rule: Rule
    pool_id: UUID | None
    reason: str | None
    digest: str | None


async def preview_redistribution(tx: Tx, who: Principal, asked: Asked, at: datetime) -> Distribution:
    """What would become of each lead now. Changes nothing.

    Raises AssignNotAllowed, BadRedistribution, UnknownPool, PoolInactive, WrongPool, SituationChanged.
    """
    await _check(tx, who, asked)
    pool = await _pool(tx, who, asked)
    planned, _ = await plan(tx, _task(who, asked), pool, at, lock=False)
    check_digest(asked.digest, planned)
    return planned


async def redistribute(tx: Tx, who: Principal, asked: Asked, at: datetime) -> Distribution:
    """Do it. Locks in the house's order: the pool, loads, leads.

    Raises AssignNotAllowed, BadRedistribution, UnknownPool, PoolInactive, WrongPool, SituationChanged.
    """
    await _check(tx, who, asked)
    pool, task = await _pool(tx, who, asked), _task(who, asked)
    planned, leads = await plan(tx, task, pool, at, lock=True)
    check_digest(asked.digest, planned)
    await carry_out(tx, task, pool, planned, leads, at)
    return planned


async def _pool(tx: Tx, who: Principal, asked: Asked) -> Pool | None:
    if asked.pool_id is None:
        return await hold_default_pool(tx, who.tenant_id)
    return await named_pool(tx, who, asked.pool_id, "open")


def _task(who: Principal, asked: Asked) -> Task:
    return Task(who.tenant_id, asked.from_user_id, asked.rule, who.user_id, asked.reason)


async def _check(tx: Tx, who: Principal, asked: Asked) -> None:
    if who.visibility == "own":
        raise AssignNotAllowed
    rule, errors = asked.rule, []
    if bool(rule.user_ids) == (rule.unit_id is not None):
        errors.append(FieldError("/candidates", "which_candidates", "give either users or a unit"))
    elif rule.unit_id is not None and not await subtree(tx, rule.unit_id):
        errors.append(FieldError("/candidates/unit_id", "unknown_unit", f"there is no unit {rule.unit_id}"))
    if not await people(tx, [asked.from_user_id]):
        errors.append(FieldError("/from_user_id", "unknown_user", f"there is no user {asked.from_user_id}"))
    if errors:
        raise BadRedistribution(errors[0].detail, errors=errors)
