"""A lead came into somebody's hands: their clock starts, by the first rule that applies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.leads.assignment.use_cases import facts_of, owned_since
from services.leads.first_response.clocks import Clock, clocks_of, hours_of, next_date, planned, store_clocks
from services.leads.first_response.definitions import active_response_rules
from services.leads.first_response.rules import ResponseRule, first_applying, waits_on
from services.leads.intake.lead import Lead
from services.leads.intake.use_cases import get_leads
from shared.access.directory import people
from shared.database.transactions import Tx
from shared.events.timing.timers import schedule_many

TIMER = "leads.response"


async def start_clocks(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], at: datetime) -> None:
    """Start the clocks of those of these leads that a rep has and nobody responded to, by the first rule
    that applies. Whoever is no rep has none: what they do is not told apart.
    """
    rules = await active_response_rules(tx, tenant_id)
    leads = await get_leads(tx, tenant_id, lead_ids) if rules else []
    owned = {lead.id: lead for lead in leads if lead.owner_id and lead.status == "open"}
    if not owned:
        return
    since, before = await owned_since(tx, tenant_id, list(owned)), await clocks_of(tx, tenant_id, list(owned))
    known = await people(tx, [lead.owner_id for lead in owned.values() if lead.owner_id])
    reps = {user for user, person in known.items() if person.is_rep}
    clocks = [
        clock
        for lead in owned.values()
        if lead.owner_id in reps
        and lead.id in since
        and (clock := _started(rules, lead, since[lead.id], before.get(lead.id, []))) is not None
    ]
    await store_clocks(tx, tenant_id, clocks)
    hours = await hours_of(tx, clocks)
    dates = [(clock, next_date(clock, planned(clock, hours[clock.owner_id]))) for clock in clocks]
    await schedule_many(tx, TIMER, [(clock.lead_id, date, {}) for clock, date in dates if date])


def _started(
    rules: Sequence[ResponseRule], lead: Lead, since: datetime, before: Sequence[Clock]
) -> Clock | None:
    """None: somebody has responded already, the clock is there, or no rule applies."""
    owner = lead.owner_id
    if owner is None or any(clock.handled_at or clock.started_at == since for clock in before):
        return None
    rule = first_applying(rules, facts_of(lead))
    if rule is None:
        return None
    clock = Clock(lead.id, since, owner, rule.id, rule.version, rule.terms, since)
    last = before[-1] if before else None
    if last is not None and last.passed_to(owner):
        # Whoever above was told of the long wait is not told again.
        told = tuple(one for one in last.happened if waits_on(last.terms, one.step))
        return replace(clock, waiting_since=last.waiting_since, happened=told)
    return clock
