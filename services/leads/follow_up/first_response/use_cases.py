"""Acting on what comes due of clocks, and noting the first response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.leads.assigning.assignment.use_cases import assign_by_rules
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, record_lead_events
from services.leads.follow_up.first_response.clocks import (
    Clock,
    Happened,
    clocks_of,
    had_the_lead,
    hours_of,
    next_date,
    planned,
    store_clock,
    unhandled,
)
from services.leads.follow_up.first_response.rules import (
    Boss,
    Dated,
    Deed,
    Handled,
    Hours,
    handled,
    stand_ins,
)
from services.leads.follow_up.first_response.starting import TIMER
from services.leads.follow_up.first_response.tables import BOSSES
from services.leads.follow_up.touches.use_cases import touches_of
from services.leads.pools.pool.definitions import hold_default_pool
from services.leads.pools.pool.entering import put_into
from services.leads.pools.recycling.use_cases import lock_in_hand
from shared.access.directory import credit_of
from shared.contracts.leads import ResponseGiven, ResponseOverdue, ResponseWarned
from shared.database.transactions import Tx
from shared.events.journal import NewEvent
from shared.events.timing.timers import cancel, schedule, schedule_many

SEEN = "leads.response_seen"
REASSIGN = "leads.response_reassign"


@dataclass(frozen=True, slots=True)
class Running:
    """A lead in the hands of the owner whose clock has no response yet, and by what they work."""

    lead: Lead
    clock: Clock
    hours: Hours

    @property
    def plan(self) -> list[Dated]:
        return planned(self.clock, self.hours)


async def running(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Running | None:
    """None: there was a response, or the lead is in other hands, closed, or without a clock."""
    lead = await get_lead(tx, tenant_id, lead_id)
    clocks = (await clocks_of(tx, tenant_id, [lead_id])).get(lead_id, [])
    if not clocks or clocks[-1].handled_at or clocks[-1].owner_id != lead.owner_id or lead.status != "open":
        return None
    hours = await hours_of(tx, clocks[-1:])
    return Running(lead, clocks[-1], hours[clocks[-1].owner_id])


async def _response(tx: Tx, now: Running) -> Handled | None:
    touches = await touches_of(tx, now.lead.tenant_id, now.lead.id)
    mine = (touch for touch in touches if touch.rep_id == now.clock.owner_id)
    return handled(now.clock.started_at, (Deed(touch.kind, touch.at, touch.effective) for touch in mine))


async def look_at(tx: Tx, tenant_id: UUID, lead_id: UUID, at: datetime) -> None:
    """Something was done for a locked lead, or a date of its clock has come: see which, and act."""
    now = await running(tx, tenant_id, lead_id)
    if now is None:
        return
    response = await _response(tx, now)
    if response is not None:
        await _note(tx, now, response)
        return
    clock = await _act(tx, now, at)
    date = next_date(clock, now.plan, at)
    if date is not None:
        await schedule(tx, TIMER, lead_id, date)


async def _note(tx: Tx, now: Running, response: Handled) -> None:
    lead, clock = now.lead, now.clock
    passed = now.hours.between(clock.started_at, response.at) // timedelta(seconds=1)
    clock = replace(clock, handled_at=response.at, how=response.how, business_s=passed)
    await store_clock(tx, lead.tenant_id, clock)
    await cancel(tx, TIMER, lead.id)
    event = ResponseGiven(
        credit=await credit_of(tx, clock.owner_id, at=response.at),
        dimensions=lead.dimensions,
        rule_id=clock.rule_id,
        started_at=clock.started_at,
        how=response.how,
        elapsed_s=clock.elapsed_s or 0,
        business_s=passed,
    )
    await record_lead_events(tx, [NewEvent(lead.id, event, response.at)])


async def _act(tx: Tx, now: Running, at: datetime) -> Clock:
    """Do what has come and was not done yet; the clock as it is afterwards."""
    come = [
        each.step
        for each in now.plan
        if each.at is not None and each.at <= at and now.clock.done(each.step) is None
    ]
    over = [step for step in come if step.what in ("due", "escalate")]
    told: list[Happened] = []
    for step in over:
        users = await bosses_of(tx, now.lead.tenant_id, now.clock.owner_id, step.to) if step.to else ()
        told.append(Happened(step, at, users))
    overdue = bool(over) or any(one.step.what == "due" for one in now.clock.happened)
    # After it was due, a warning that nobody gave in time is none.
    told += [Happened(step, at) for step in come if step.what == "warn" and not overdue]
    if told:
        await store_clock(tx, now.lead.tenant_id, now.clock.with_these(told))
        await _tell(tx, now, told, at)
    if any(step.what == "reassign" for step in come):
        # Turns and counters are locked before the lead, so that is for a timer of its own.
        await schedule(tx, REASSIGN, now.lead.id, at)
    return now.clock.with_these(told)


async def bosses_of(tx: Tx, tenant_id: UUID, user_id: UUID, to: Boss) -> tuple[UUID, ...]:
    """Whoever has the role above somebody, nearest by; else the next role up. Empty where there is nobody."""
    for role in stand_ins(to):
        rows = await tx.connection.fetch(BOSSES, tenant_id, user_id, role)
        if rows:
            return tuple(row["id"] for row in rows)
    return ()


async def _tell(tx: Tx, now: Running, told: Sequence[Happened], at: datetime) -> None:
    """One event: a warning never comes together with what is overdue."""
    lead, clock = now.lead, now.clock
    warned = ResponseWarned(
        credit=await credit_of(tx, clock.owner_id),
        dimensions=lead.dimensions,
        rule_id=clock.rule_id,
        started_at=clock.started_at,
        due_at=next(each.at for each in now.plan if each.step.what == "due"),
    )
    event: ResponseWarned | ResponseOverdue = warned
    if not any(one.step.what == "warn" for one in told):
        users = dict.fromkeys(user for one in told for user in one.user_ids)
        event = ResponseOverdue(**dict(warned), escalated_to=tuple(users))
    await record_lead_events(tx, [NewEvent(lead.id, event, at)])


async def reassign(tx: Tx, tenant_id: UUID, lead_id: UUID, at: datetime) -> None:
    """Give an unanswered lead to whom the assignment rules say, else to the default pool, if there is one.

    Nobody gets it back whom it was taken from like this: it goes from hand to hand once.
    """
    now = await running(tx, tenant_id, lead_id)
    if now is None or await _response(tx, now) is not None:
        return
    step = next((each.step for each in now.plan if each.step.what == "reassign"), None)
    if step is None or now.clock.done(step):
        return
    owner = now.clock.owner_id
    had_it = had_the_lead((await clocks_of(tx, tenant_id, [lead_id]))[lead_id])
    pool = await hold_default_pool(tx, tenant_id)
    given = await assign_by_rules(tx, tenant_id, {lead_id: None}, at, but=had_it)
    if not given:
        await lock_in_hand(tx, lead_id)
        lead = await get_lead(tx, tenant_id, lead_id)
        if lead.owner_id != owner or lead.status != "open":
            return
        if pool is not None:
            await put_into(tx, pool, [lead], "no_first_response", at)
    # Only now it is locked: the clock may have moved meanwhile.
    clock = (await clocks_of(tx, tenant_id, [lead_id]))[lead_id][-1]
    await store_clock(tx, tenant_id, clock.with_these([Happened(step, at, tuple(given.values()))]))


async def heed(tx: Tx, touched: Sequence[tuple[UUID, UUID]], at: datetime) -> None:
    """Have those of `(tenant, lead)` looked at soon that wait for a response; of any tenants."""
    for tenant_id, lead_ids in (await unhandled(tx, touched)).items():
        await schedule_many(tx, SEEN, [(lead_id, at, {}) for lead_id in lead_ids], tenant_id=tenant_id)


async def response_of(
    tx: Tx, tenant_id: UUID, lead_id: UUID
) -> tuple[Clock | None, list[Clock], dict[UUID, Hours]]:
    """The present owner's clock, those before, and by what their owners work. Raises UnknownLead."""
    lead = await get_lead(tx, tenant_id, lead_id)
    clocks = (await clocks_of(tx, tenant_id, [lead_id])).get(lead_id, [])
    hours = await hours_of(tx, clocks)
    if clocks and clocks[-1].owner_id == lead.owner_id:
        return clocks[-1], clocks[:-1], hours
    return None, clocks, hours
