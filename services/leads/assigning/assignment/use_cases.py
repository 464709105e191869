"""Assigning by rule, by hand, and explaining without assigning."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.leads.assigning.assignment.candidates import Ballot, consider
from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.definitions import active_rules
from services.leads.assigning.assignment.explanation import explained
from services.leads.assigning.assignment.rules import Consulted, Rule, decide
from services.leads.assigning.assignment.tables import (
    FORGET,
    INSERT_ASSIGNMENTS,
    OWNED_SINCE,
    SELECT_ASSIGNMENTS,
)
from services.leads.assigning.workload.use_cases import lock_loads, shift_loads
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, get_leads, lock_lead, lock_leads, store_owners
from shared.access.directory import credits_of, people
from shared.contracts.base import Credit
from shared.contracts.leads import LeadAssigned
from shared.database.transactions import Tx
from shared.errors import Conflict, FieldError, Forbidden, Invalid
from shared.events.journal import NewEvent
from shared.ids import new_id

How = Literal["rule", "manual", "import", "claim"]


Sight = Callable[[Tx, UUID, Sequence[Lead], datetime], Awaitable[list[Lead]]]
"""Leads as they are soon to be, in the same order."""


class UnfitOwner(Invalid):
    code = "unfit_owner"
    title = "Nobody who could own a lead"


class SameOwner(Conflict):
    code = "same_owner"
    title = "The lead has this owner already"


class AssignNotAllowed(Forbidden):
    code = "assign_not_allowed"
    title = "Who sees only their own leads may not give leads to others"


class OwnerChanged(Conflict):
    code = "owner_changed"
    title = "The lead got another owner at the same moment; try again"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A past decision. `owner_id` None: the rules were asked and had nobody; `pool_id`: out of that pool;
    `reassignment_id`: by that reassignment of many.
    """

    id: UUID
    at: datetime
    how: How
    owner_id: UUID | None
    previous_owner_id: UUID | None
    assigned_by: UUID | None
    rule_id: UUID | None
    rule_version: int | None
    reason: str | None
    explanation: list[dict[str, Any]]
    pool_id: UUID | None
    reassignment_id: UUID | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Who would get a lead, by which rule, and everything considered."""

    owner_id: UUID | None
    rule: Rule | None
    consulted: tuple[Consulted, ...]


def facts_of(lead: Lead) -> Facts:
    """What rules look at."""
    return Facts(
        lead.source,
        lead.channel,
        lead.region,
        lead.product,
        lead.tags,
        lead.value_tenant_minor,
        lead.do_not_contact,
        lead.label,
        lead.value_class,
        lead.intent,
        lead.score,
        lead.campaign,
    )


async def assign_by_rules(
    tx: Tx,
    tenant_id: UUID,
    causes: Mapping[UUID, UUID | None],
    at: datetime,
    *,
    but: frozenset[UUID] = frozenset(),
    seen_as: Sight | None = None,
) -> dict[UUID, UUID]:
    """Give unowned open leads of `{lead: id of the causing event}` to whom the rules say; `{lead: owner}`.

    Leads whose owners `but` names are taken from them where the rules have somebody else. Rules look at them
    as `seen_as` says that they will be. Locks in the house's order: turns, loads, leads. Nobody is asked
    where the tenant has no active rules.
    """
    rules = await active_rules(tx, tenant_id)
    waiting = (
        [lead for lead in await get_leads(tx, tenant_id, sorted(causes)) if _waits(lead, but)]
        if rules
        else []
    )
    if not waiting:
        return {}
    shown = await seen_as(tx, tenant_id, waiting, at) if seen_as else waiting
    facts = {lead.id: facts_of(lead) for lead in shown}
    ballot = await consider(tx, tenant_id, rules, list(facts.values()), at, lock=True, but=but)
    decisions = {lead_id: _decide(ballot, each) for lead_id, each in facts.items()}
    winners = {one.owner_id for one in decisions.values() if one.owner_id}
    await lock_loads(tx, tenant_id, winners | {lead.owner_id for lead in waiting if lead.owner_id})
    locked = await lock_leads(tx, tenant_id, list(decisions))
    taken = {lead.id: lead for lead in locked.values() if _waits(lead, but)}
    decisions = {lead_id: one for lead_id, one in decisions.items() if lead_id in taken}
    turns = [
        (one.rule, one.owner_id, one.consulted[-1].verdicts)
        for one in decisions.values()
        if one.rule and one.owner_id
    ]
    await ballot.store_turns(tx, turns)
    await _give(tx, tenant_id, taken, decisions, causes, at)
    return {lead_id: one.owner_id for lead_id, one in decisions.items() if one.owner_id}


def _waits(lead: Lead, but: frozenset[UUID]) -> bool:
    free = lead.pooled_at is None if lead.owner_id is None else lead.owner_id in but
    return free and lead.status == "open" and lead.stands


def _decide(ballot: Ballot, facts: Facts) -> Decision:
    """One decision; the turn and the load that it costs count for the next one."""
    owner, consulted = decide(ballot.rules, facts, ballot.candidates())
    rule = consulted[-1].rule if owner else None
    if owner and rule:
        ballot.take_turn(rule, consulted[-1].verdicts, owner)
    return Decision(owner, rule, tuple(consulted))


async def _give(
    tx: Tx,
    tenant_id: UUID,
    leads: Mapping[UUID, Lead],
    decisions: Mapping[UUID, Decision],
    causes: Mapping[UUID, UUID | None],
    at: datetime,
) -> None:
    given = {lead_id: one.owner_id for lead_id, one in decisions.items() if one.owner_id}
    credit = await credits_of(tx, given.values())
    events = []
    for lead_id, owner in given.items():
        rule = decisions[lead_id].rule
        event = assigned(leads[lead_id], credit.get(owner, Credit()), "rule", rule.id if rule else None)
        events.append(NewEvent(lead_id, event, at, causation_id=causes[lead_id]))
    if given:
        owners = {lead_id: (owner, credit.get(owner, Credit()).team_id) for lead_id, owner in given.items()}
        await store_owners(tx, tenant_id, owners, events, at)
    rows = [
        assignment_row(
            leads[lead_id], "rule", one.owner_id, at, rule=one.rule, explanation=explained(one.consulted)
        )
        for lead_id, one in decisions.items()
    ]
    await INSERT_ASSIGNMENTS.execute(tx, rows)
    shifts: dict[UUID, int] = {}
    for lead_id, owner in given.items():
        shifts[owner] = shifts.get(owner, 0) + 1
        if (before := leads[lead_id].owner_id) is not None:
            shifts[before] = shifts.get(before, 0) - 1
    await shift_loads(tx, tenant_id, shifts)


def assigned(lead: Lead, credit: Credit, how: How, rule_id: UUID | None = None) -> LeadAssigned:
    """The event of a new owner; `lead` is as it was before."""
    return LeadAssigned(
        credit=credit,
        dimensions=lead.dimensions,
        previous_owner_id=lead.owner_id,
        how="manual" if how == "claim" else how,
        rule_id=rule_id,
        pool_id=_lay_in(lead),
        claimed=how == "claim",
    )


def _lay_in(lead: Lead) -> UUID | None:
    return lead.pool_id if lead.pooled_at else None


def assignment_row(
    lead: Lead,
    how: How,
    owner_id: UUID | None,
    at: datetime,
    *,
    rule: Rule | None = None,
    assigned_by: UUID | None = None,
    reason: str | None = None,
    explanation: Sequence[dict[str, Any]] = (),
    reassignment_id: UUID | None = None,
) -> dict[str, Any]:
    """An assignment as it is stored; `lead` is as it was before."""
    return {
        "tenant_id": lead.tenant_id,
        "id": new_id(),
        "lead_id": lead.id,
        "at": at,
        "how": how,
        "owner_id": owner_id,
        "previous_owner_id": lead.owner_id,
        "assigned_by": assigned_by,
        "rule_id": rule.id if rule else None,
        "rule_version": rule.version if rule else None,
        "reason": reason,
        "explanation": list(explanation),
        "pool_id": _lay_in(lead),
        "reassignment_id": reassignment_id,
    }


async def store_assignments(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of `assignment_row`, for rooms above."""
    await INSERT_ASSIGNMENTS.execute(tx, rows)


async def assign_lead(
    tx: Tx,
    tenant_id: UUID,
    user_id: UUID | None,
    lead_id: UUID,
    owner_id: UUID,
    reason: str | None,
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Lead:
    """Give a lead that lies in no pool to somebody by hand.

    Raises UnknownLead, UnfitOwner, SameOwner, AssignNotAllowed, OwnerChanged, and what `check_version`
    raises.
    """
    seen = await get_lead(tx, tenant_id, lead_id)
    check_version(seen.version)
    await _check_owner(tx, owner_id)
    only_own = tx.access is not None and tx.access.visibility == "own"
    if only_own and not (seen.owner_id is None and owner_id == user_id):
        raise AssignNotAllowed
    if seen.pooled_at is not None:
        raise OwnerChanged("it lies in a pool by now")
    await lock_loads(tx, tenant_id, [user for user in (owner_id, seen.owner_id) if user])
    old = await lock_lead(tx, tenant_id, lead_id)
    check_version(old.version)
    if (old.owner_id, old.status, old.pooled_at) != (seen.owner_id, seen.status, seen.pooled_at):
        raise OwnerChanged
    if old.owner_id == owner_id:
        raise SameOwner
    return await _hand_over(tx, old, user_id, owner_id, reason, at)


async def _check_owner(tx: Tx, owner_id: UUID) -> None:
    person = (await people(tx, [owner_id])).get(owner_id)
    if person is None or not person.active:
        raise unfit_owner(owner_id)


def unfit_owner(user_id: UUID) -> UnfitOwner:
    """Nobody whom a lead may be given to."""
    detail = f"there is no active user {user_id}"
    return UnfitOwner(detail, errors=[FieldError("/owner_id", UnfitOwner.code, detail)])


async def _hand_over(
    tx: Tx, old: Lead, user_id: UUID | None, owner_id: UUID, reason: str | None, at: datetime
) -> Lead:
    credit = (await credits_of(tx, [owner_id])).get(owner_id, Credit())
    event = NewEvent(old.id, assigned(old, credit, "manual"), at)
    versions = await store_owners(tx, old.tenant_id, {old.id: (owner_id, credit.team_id)}, [event], at)
    row = assignment_row(old, "manual", owner_id, at, assigned_by=user_id, reason=reason)
    await INSERT_ASSIGNMENTS.execute(tx, [row])
    if old.status == "open":
        shifts = {owner_id: 1} | ({old.owner_id: -1} if old.owner_id else {})
        await shift_loads(tx, old.tenant_id, shifts)
    return old._replace(
        owner_id=owner_id,
        team_id=credit.team_id,
        pooled_at=None,
        seq=versions[old.id],
        updated_at=at,
    )


async def explain(tx: Tx, tenant_id: UUID, facts: Facts, at: datetime) -> Decision:
    """Who would get such a lead at a moment, and why everyone else would not. Changes nothing."""
    rules = await active_rules(tx, tenant_id)
    ballot = await consider(tx, tenant_id, rules, [facts], at, lock=False)
    return _decide(ballot, facts)


async def list_assignments(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Assignment]:
    """A lead's assignments, oldest first. Raises UnknownLead."""
    await get_lead(tx, tenant_id, lead_id)
    rows = await tx.connection.fetch(SELECT_ASSIGNMENTS, tenant_id, lead_id)
    return [Assignment(**dict(row.items())) for row in rows]


async def owned_since(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When each of these leads was last given to somebody; those that never were, or by an import, are left
    out.
    """
    rows = await tx.connection.fetch(OWNED_SINCE, tenant_id, lead_ids)
    return {row["lead_id"]: row["at"] for row in rows}


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """What people wrote about why these leads were given to whom."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
