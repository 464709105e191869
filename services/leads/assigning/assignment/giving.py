"""Giving many leads at once: what stands in the way has been looked at before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.leads.assigning.assignment.rules import Rule
from services.leads.assigning.assignment.use_cases import How, assigned, assignment_row, store_assignments
from services.leads.assigning.workload.use_cases import shift_loads
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import store_owners
from shared.access.directory import credits_of
from shared.contracts.base import Credit
from shared.database.transactions import Tx
from shared.events.journal import NewEvent


class ToGive(NamedTuple):
    """A lead as it is before, whose it will be, and why they: `rule`, where one chose them."""

    lead: Lead
    owner_id: UUID
    rule: Rule | None = None
    explanation: Sequence[dict[str, Any]] = ()


async def give_all(
    tx: Tx,
    tenant_id: UUID,
    gifts: Sequence[ToGive],
    at: datetime,
    *,
    by_id: UUID | None,
    reason: str | None,
    by_hand: How = "manual",
    reassignment_id: UUID | None = None,
) -> None:
    """Give locked leads to others by a fixed number of statements; the counters of all whose they are or will
    be are locked too. `by_hand`: how those are given that no rule chose somebody for.
    """
    if not gifts:
        return
    credit = await credits_of(tx, {gift.owner_id for gift in gifts})
    owners, events, rows, shifts = {}, [], [], Counter[UUID]()
    for gift in gifts:
        lead, theirs = gift.lead, credit.get(gift.owner_id, Credit())
        how = by_hand if gift.rule is None else "rule"
        owners[lead.id] = (gift.owner_id, theirs.team_id)
        event = assigned(lead, theirs, how, gift.rule.id if gift.rule else None)
        events.append(NewEvent(lead.id, event, at))
        rows.append(
            assignment_row(
                lead, how, gift.owner_id, at, rule=gift.rule, assigned_by=by_id, reason=reason,
                explanation=gift.explanation, reassignment_id=reassignment_id,
            )
        )  # fmt: skip
        if lead.status == "open":
            shifts[gift.owner_id] += 1
            if lead.owner_id is not None:
                shifts[lead.owner_id] -= 1
    await store_owners(tx, tenant_id, owners, events, at)
    await store_assignments(tx, rows)
    await shift_loads(tx, tenant_id, shifts)
