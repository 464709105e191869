"""A lead came into somebody's hands: their clock starts, by the first rule that applies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.leads.assigning.assignment.use_cases import facts_of, owned_since
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_leads
from services.leads.follow_up.first_response.clocks import (
    Clock,
    clocks_of,
    hours_of,
    next_date,
    planned,
    store_clocks,
)
from services.leads.follow_up.first_response.definitions import active_response_rules
from services.leads.follow_up.first_response.rules import ResponseRule, first_applying, waits_on
from services.leads.follow_up.progress.use_cases import last_moves
from services.leads.follow_up.touches.use_cases import last_effective
from shared.access.directory import people
from shared.database.transactions import Tx
from shared.events.timing.timers import schedule_many

TIMER = "leads.response"


async def start_clocks(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], at: datetime) -> None:
    """Start the clocks of those of these leads that a rep has and nobody responded to, by the first rule
    that applies; a reopening is a new start. Whoever is no rep has none: what they do is not told apart.
    """
    rules = await active_response_rules(tx, tenant_id)
    leads = await _of_reps(tx, tenant_id, lead_ids) if rules else []
    if not leads:
        return
    since = await owned_since(tx, tenant_id, [lead.id for lead in leads])
    since |= await last_moves(tx, tenant_id, since, reopenings=True)
    before = await clocks_of(tx, tenant_id, list(since))
    started = (
        _started(rules, lead, since[lead.id], before.get(lead.id, [])) for lead in leads if lead.id in since
    )
    clocks = [clock for clock in started if clock is not None]
    await store_clocks(tx, tenant_id, clocks)
    await _schedule(tx, tenant_id, clocks, at)


async def _of_reps(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> list[Lead]:
    leads = [lead for lead in await get_leads(tx, tenant_id, lead_ids) if lead.status == "open"]
    known = await people(tx, {lead.owner_id for lead in leads if lead.owner_id})
    reps = {user for user, person in known.items() if person.is_rep}
    return [lead for lead in leads if lead.owner_id in reps]


async def _schedule(tx: Tx, tenant_id: UUID, clocks: Sequence[Clock], at: datetime) -> None:
    """The first date of each, which is now where a touch was faster than the clock."""
    hours = await hours_of(tx, clocks)
    answered = await last_effective(tx, tenant_id, {clock.lead_id: clock.started_at for clock in clocks})
    dates = [
        (clock.lead_id, at if clock.lead_id in answered else next_date(clock, planned(clock, hours[owner])))
        for clock in clocks
        for owner in [clock.owner_id]
    ]
    await schedule_many(tx, TIMER, [(lead_id, date, {}) for lead_id, date in dates if date])


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
