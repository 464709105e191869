"""Giving somebody's open leads to others: planned and done by the same decision, whoever asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.assigning.assignment.candidates import stand
from services.leads.assigning.assignment.explanation import explained
from services.leads.assigning.assignment.giving import ToGive, give_all
from services.leads.assigning.assignment.rules import Rule
from services.leads.assigning.assignment.use_cases import facts_of
from services.leads.assigning.handover.rules import Distribution, distribute
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_leads, lock_leads
from services.leads.finding.search.use_cases import Asked, Question, find_leads
from services.leads.pools.pool.entering import put_into
from services.leads.pools.pool.rules import Pool
from shared.database.transactions import Tx

AT_ONCE = 1000
"""So many leads, the oldest first, are handed over in one transaction."""


@dataclass(frozen=True, slots=True)
class Task:
    """Whose leads go, by which rule, who wants it (None: the house itself), and why."""

    tenant_id: UUID
    from_user_id: UUID
    rule: Rule
    by_id: UUID | None
    reason: str | None


async def plan(
    tx: Tx, task: Task, pool: Pool | None, at: datetime, *, lock: bool, after: UUID | None = None
) -> tuple[Distribution, Mapping[UUID, Lead]]:
    """The decision about the next AT_ONCE leads behind `after`, and those leads as they are.

    `pool` is where those go whom nobody gets. `lock` holds loads, then leads, until the transaction ends.
    """
    before = frozenset({task.from_user_id})
    # Who holds the counter of whose leads go holds which leads these are.
    standing = await stand(tx, task.tenant_id, [task.rule], at, lock=lock, but=before)
    asked = Asked(equal={"owner_id": [str(task.from_user_id)], "status": ["open"]})
    behind = None if after is None else (None, after)
    ids = await find_leads(
        tx, task.tenant_id, Question(most=AT_ONCE, asked=[asked], descending=False, after=behind)
    )
    leads = (
        await lock_leads(tx, task.tenant_id, ids)
        if lock
        else {lead.id: lead for lead in await get_leads(tx, task.tenant_id, ids)}
    )
    taken = [(lead_id, facts_of(lead)) for lead_id, lead in sorted(leads.items()) if _is_theirs(task, lead)]
    return distribute(task.rule, taken, standing[task.rule.id], pool.id if pool else None), leads


def _is_theirs(task: Task, lead: Lead) -> bool:
    return lead.owner_id == task.from_user_id and lead.status == "open"


async def carry_out(
    tx: Tx, task: Task, pool: Pool | None, planned: Distribution, leads: Mapping[UUID, Lead], at: datetime
) -> None:
    """Do what was planned about locked leads. Whom nobody gets goes into the pool, or stays without one."""
    to = {one.lead_id: one.owner_id for one in planned.leads if one.owner_id}
    why = {one.lead_id: explained(one.consulted) for one in planned.leads}
    await give(tx, [leads[lead_id] for lead_id in to], to, task, at, why=why)
    left = [leads[one.lead_id] for one in planned.leads if one.owner_id is None]
    if pool is not None:
        await put_into(tx, pool, left, "unassigned", at, by_id=task.by_id, reason=task.reason)


async def give(
    tx: Tx,
    leads: Sequence[Lead],
    to: Mapping[UUID, UUID],
    task: Task,
    at: datetime,
    *,
    why: Mapping[UUID, Sequence[dict[str, Any]]] | None = None,
) -> None:
    """Give locked open leads to the owners of `{lead: owner}`; the counters of all are locked too."""
    told = why or {}
    gifts = [ToGive(lead, to[lead.id], explanation=told.get(lead.id, ())) for lead in leads]
    await give_all(tx, task.tenant_id, gifts, at, by_id=task.by_id, reason=task.reason)
