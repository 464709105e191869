"""Giving a portion of leads: decided under locks, by what the preview is decided by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.leads.assigning.assignment.explanation import explained
from services.leads.assigning.assignment.giving import ToGive, give_all
from services.leads.assigning.assignment.use_cases import owned_since
from services.leads.assigning.reassignment.asking import check_digest
from services.leads.assigning.reassignment.planning import ByRules, Order, Planner, locking_planner
from services.leads.assigning.reassignment.rules import Outcome, Tally, bar_of, has_moved, has_moved_since
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_leads
from shared.database.transactions import Tx


async def give(
    tx: Tx,
    order: Order,
    ids: Sequence[UUID],
    reassignment_id: UUID,
    reason: str | None,
    at: datetime,
    *,
    asked_at: datetime | None = None,
    previewed: str | None = None,
) -> list[Outcome]:
    """Give these leads, which the caller sees, as far as nothing bars it; what became of each.

    `asked_at`: what changed hands since then stays. `previewed`: the digest of what is to come out. From here
    on the transaction sees the whole tenant. Raises NoRules, SituationChanged.
    """
    seen = await get_leads(tx, order.tenant_id, ids)
    planner, leads = await locking_planner(tx, order, seen, at)
    moved = await _moved(tx, order.tenant_id, seen, leads, asked_at)
    outcomes = [_outcome(planner, leads.get(lead.id, lead), moved) for lead in seen]
    tally = Tally()
    tally.add(outcomes)
    check_digest(previewed, tally)
    if isinstance(planner.chooser, ByRules):
        await planner.chooser.ballot.store_turns(tx, planner.chooser.turns)
    gifts = [_to_give(leads[one.lead_id], one.owner_id, one) for one in outcomes if one.owner_id is not None]
    by_id = order.who.user_id
    await give_all(
        tx, order.tenant_id, gifts, at, by_id=by_id, reason=reason, reassignment_id=reassignment_id
    )
    return outcomes


async def _moved(
    tx: Tx, tenant_id: UUID, seen: Sequence[Lead], leads: Mapping[UUID, Lead], asked_at: datetime | None
) -> set[UUID]:
    """Those that changed hands while they waited for their turn, or for the locks."""
    found = {lead.id for lead in seen if lead.id in leads and has_moved(lead, leads[lead.id])}
    if asked_at is not None:
        since = await owned_since(tx, tenant_id, list(leads))
        found |= {id_ for id_, lead in leads.items() if has_moved_since(lead, since.get(id_), asked_at)}
    return found


def _outcome(planner: Planner, lead: Lead, moved: set[UUID]) -> Outcome:
    if lead.id in moved and bar_of(lead) is None:
        return Outcome(lead.id, lead.owner_id, None, "owner_changed")
    return planner.decide(lead)


def _to_give(lead: Lead, owner_id: UUID, outcome: Outcome) -> ToGive:
    if not outcome.consulted:
        return ToGive(lead, owner_id)
    return ToGive(lead, owner_id, outcome.consulted[-1].rule, explained(outcome.consulted))
