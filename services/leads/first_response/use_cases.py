"""Starting clocks, acting on what comes due, and noting the first response."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.leads.assignment.use_cases import assign_by_rules, facts_of, owned_since
from services.leads.first_response.clocks import (
    Clock,
    Happened,
    clocks_of,
    store_clock,
    store_clocks,
    unhandled,
)
from services.leads.first_response.definitions import active_response_rules
from services.leads.first_response.rules import (
    Boss,
    Dated,
    Deed,
    Handled,
    Hours,
    ResponseRule,
    first_applying,
    handled,
    plan,
    stand_ins,
    waits_on,
)
from services.leads.first_response.tables import BOSSES
from services.leads.intake.lead import Lead
from services.leads.intake.use_cases import get_lead, get_leads, record_lead_events
from services.leads.pool.definitions import hold_default_pool
from services.leads.pool.entering import put_into
from services.leads.recycling.use_cases import lock_in_hand
from services.leads.touches.use_cases import touches_of
from shared.access.directory import credit_of, people
from shared.access.working import absences_of, calendars_of_users
from shared.contracts.leads import ResponseGiven, ResponseOverdue, ResponseWarned
from shared.database.transactions import Tx
from shared.events.journal import NewEvent
from shared.events.timing.timers import cancel, schedule, schedule_many
from shared.worktime.moments import HORIZON

TIMER = "leads.response"
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


def planned(clock: Clock, hours: Hours) -> list[Dated]:
    """When each step of a clock comes, by what is known now."""
    return plan(clock.terms, clock.started_at, clock.waiting_since, hours)


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
    dates = [(clock, _next_date(clock, planned(clock, hours[clock.owner_id]))) for clock in clocks]
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


async def hours_of(tx: Tx, clocks: Sequence[Clock]) -> dict[UUID, Hours]:
    """By what the owners of clocks work, by user."""
    if not clocks:
        return {}
    owners = {clock.owner_id for clock in clocks}
    first = min(clock.waiting_since for clock in clocks)
    away = await absences_of(tx, owners, first, HORIZON)
    calendars = await calendars_of_users(tx, owners)
    return {user: Hours(calendar, away.get(user, ())) for user, calendar in calendars.items()}


def _next_date(clock: Clock, dated: Iterable[Dated], after: datetime | None = None) -> datetime | None:
    """Of what has not happened yet, beyond a moment."""
    coming = (each.at for each in dated if each.at is not None and clock.done(each.step) is None)
    return min((at for at in coming if after is None or at > after), default=None)


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
    date = _next_date(clock, now.plan, at)
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
        users = await _bosses(tx, now, step.to) if step.to is not None else ()
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


async def _bosses(tx: Tx, now: Running, to: Boss) -> tuple[UUID, ...]:
    for role in stand_ins(to):
        rows = await tx.connection.fetch(BOSSES, now.lead.tenant_id, now.clock.owner_id, role)
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
    """Give an unanswered lead to whom the assignment rules say, its owner left out; else to the default pool.

    Without such a pool it stays.
    """
    now = await running(tx, tenant_id, lead_id)
    if now is None or await _response(tx, now) is not None:
        return
    step = next((each.step for each in now.plan if each.step.what == "reassign"), None)
    if step is None or now.clock.done(step):
        return
    owner = now.clock.owner_id
    pool = await hold_default_pool(tx, tenant_id)
    given = await assign_by_rules(tx, tenant_id, {lead_id: None}, at, but=frozenset({owner}))
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
