"""Redistributing somebody's open leads: planned and done by the same decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.leads.assignment.candidates import stand
from services.leads.assignment.explanation import explained
from services.leads.assignment.rules import Rule
from services.leads.assignment.use_cases import (
    AssignNotAllowed,
    assigned,
    assignment_row,
    facts_of,
    store_assignments,
)
from services.leads.handover.rules import Distribution, Handed, check_digest, distribute
from services.leads.intake.lead import Lead
from services.leads.intake.use_cases import get_leads, lock_leads, store_owners
from services.leads.pool.definitions import hold_default_pool
from services.leads.pool.entering import put_into
from services.leads.pool.rules import Pool
from services.leads.search.use_cases import Question, find_leads
from services.leads.workload.use_cases import shift_loads
from shared.access.directory import credits_of, people, subtree
from shared.access.principal import Principal
from shared.contracts.base import Credit
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid
from shared.events.journal import NewEvent

AT_ONCE = 1000
"""So many leads, the oldest first, are redistributed by one request."""


class BadRedistribution(Invalid):
    code = "bad_redistribution"
    title = "Nothing to redistribute from, or nobody to redistribute to"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose leads go, by which rule, why, and what was previewed (its digest), if anything."""

    from_user_id: UUID
    rule: Rule
    reason: str | None
    digest: str | None


async def preview_redistribution(tx: Tx, who: Principal, asked: Asked, at: datetime) -> Distribution:
    """What would become of each lead now. Changes nothing.

    Raises AssignNotAllowed, BadRedistribution, SituationChanged.
    """
    await _check(tx, who, asked)
    pool = await hold_default_pool(tx, who.tenant_id)
    planned, _ = await _plan(tx, who, asked, pool, at, lock=False)
    check_digest(asked.digest, planned)
    return planned


async def redistribute(tx: Tx, who: Principal, asked: Asked, at: datetime) -> Distribution:
    """Do it. Locks in the house's order: the pool, loads, leads.

    Raises AssignNotAllowed, BadRedistribution, SituationChanged.
    """
    await _check(tx, who, asked)
    pool = await hold_default_pool(tx, who.tenant_id)
    planned, leads = await _plan(tx, who, asked, pool, at, lock=True)
    check_digest(asked.digest, planned)
    await _give(tx, who, asked, leads, [one for one in planned.leads if one.owner_id], at)
    left = [leads[one.lead_id] for one in planned.leads if one.owner_id is None]
    if pool is not None:
        await put_into(tx, pool, left, "unassigned", at, by_id=who.user_id, reason=asked.reason)
    return planned


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


async def _plan(
    tx: Tx, who: Principal, asked: Asked, pool: Pool | None, at: datetime, *, lock: bool
) -> tuple[Distribution, Mapping[UUID, Lead]]:
    """The decision, and the leads that it is about as they are."""
    before = frozenset({asked.from_user_id})
    # Who holds the counter of whose leads go holds which leads these are.
    standing = await stand(tx, who.tenant_id, [asked.rule], at, lock=lock, but=before)
    equal = {"owner_id": str(asked.from_user_id), "status": "open"}
    ids = await find_leads(tx, who.tenant_id, Question(most=AT_ONCE, equal=equal, descending=False))
    leads = (
        await lock_leads(tx, who.tenant_id, ids)
        if lock
        else {lead.id: lead for lead in await get_leads(tx, who.tenant_id, ids)}
    )
    taken = [(lead_id, facts_of(lead)) for lead_id, lead in sorted(leads.items()) if _is_theirs(asked, lead)]
    planned = distribute(asked.rule, taken, standing[asked.rule.id], pool.id if pool else None)
    return planned, leads


def _is_theirs(asked: Asked, lead: Lead) -> bool:
    return lead.owner_id == asked.from_user_id and lead.status == "open"


async def _give(
    tx: Tx, who: Principal, asked: Asked, leads: Mapping[UUID, Lead], given: list[Handed], at: datetime
) -> None:
    credit = await credits_of(tx, {one.owner_id for one in given if one.owner_id})
    owners, events, rows = {}, [], []
    for one in given:
        if one.owner_id is None:
            continue
        lead, theirs = leads[one.lead_id], credit.get(one.owner_id, Credit())
        owners[lead.id] = (one.owner_id, theirs.team_id)
        events.append(NewEvent(lead.id, assigned(lead, theirs, "manual"), at))
        rows.append(
            assignment_row(
                lead,
                "manual",
                one.owner_id,
                at,
                assigned_by=who.user_id,
                reason=asked.reason,
                explanation=explained(one.consulted),
            )
        )
    if not owners:
        return
    await store_owners(tx, who.tenant_id, owners, events, at)
    await store_assignments(tx, rows)
    shifts = Counter(owner for owner, _ in owners.values())
    shifts[asked.from_user_id] -= len(owners)
    await shift_loads(tx, who.tenant_id, shifts)
