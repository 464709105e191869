"""What a rule would have found in the last days, and what it would do now: tried out, and undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.leads.assigning.assignment.use_cases import facts_of
from services.leads.capture.intake.use_cases import get_leads
from services.leads.follow_up.automation.definitions import check_rule
from services.leads.follow_up.automation.rules import AutomationRule, unmet
from services.leads.follow_up.automation.tables import GOES_DEEPER, RECENT_EVENTS
from services.leads.follow_up.automation.triggers import SOURCES, Occurrence, When, matches
from services.leads.follow_up.automation.use_cases import Run, run_matched
from services.leads.follow_up.touches.use_cases import LeadTouch, touches_since
from shared.contracts.activities import ActivityRecorded
from shared.database.transactions import Tx
from shared.ids import new_id

MOST_EVENTS = 10_000
"""So many events of the kind are read at most, the newest."""
MOST_LEADS = 100
"""With so many leads, those of the newest events, it is tried out."""
JOURNAL_DEPTH = 1_000_000
"""So many of the newest entries of the journal are looked through at most, of all tenants."""


@dataclass(frozen=True, slots=True)
class Found:
    """An event of the kind that a rule waits for."""

    lead_id: UUID
    at: datetime
    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DryRun:
    """`events` of the kind were read, all since then unless `cut`; `matched` of them are what the rule waits
    for, they happened to `leads` leads that are seen.

    `unmet`: how many of these do not meet which demand first; `apply`: how many meet all. `runs`: what the
    rule would do with the first MOST_LEADS of them.
    """

    since: datetime
    events: int
    cut: bool
    matched: int
    leads: int
    unmet: Mapping[str, int]
    apply: int
    runs: tuple[Run, ...]


async def dry_run(tx: Tx, tenant_id: UUID, rule: AutomationRule, days: int, at: datetime) -> DryRun:
    """Over the events of the last `days`, on leads as they are now. Changes nothing.

    Raises AutomationImpossible, ChangedHands.
    """
    await check_rule(tx, tenant_id, rule)
    since = at - timedelta(days=days)
    found, cut = await _recent(tx, tenant_id, rule.terms.when, since)
    matched = [one for one in found if matches(rule.terms.when, one.type, one.data)]
    newest = {one.lead_id: one for one in reversed(matched)}
    leads = await get_leads(tx, tenant_id, list(dict.fromkeys(one.lead_id for one in matched)))
    why = {lead.id: unmet(rule.terms.demands, lead, facts_of(lead)) for lead in leads}
    apply = [lead_id for lead_id, reason in why.items() if reason is None]
    # Under another id, and of events that nobody has heard of: what has run before does not keep it.
    stranger = replace(rule, id=new_id())
    tried = [(_occurrence(newest[lead_id]), [stranger]) for lead_id in apply[:MOST_LEADS]]
    return DryRun(
        since=since,
        events=len(found),
        cut=cut,
        matched=len(matched),
        leads=len(leads),
        unmet=Counter(reason for reason in why.values() if reason is not None),
        apply=len(apply),
        runs=await _try_out(tx, tenant_id, tried, at),
    )


async def _try_out(
    tx: Tx, tenant_id: UUID, tried: Sequence[tuple[Occurrence, Sequence[AutomationRule]]], at: datetime
) -> tuple[Run, ...]:
    async with tx.savepoint(keep=False):
        # Rules see the whole tenant, whoever tries one out; the leads are those that the caller sees.
        await tx.as_tenant()
        return tuple(await run_matched(tx, tenant_id, tried, at))


def _occurrence(one: Found) -> Occurrence:
    return Occurrence(new_id(), one.lead_id, one.type, one.data)


async def _recent(tx: Tx, tenant_id: UUID, when: When, since: datetime) -> tuple[list[Found], bool]:
    """Newest first, and whether there may be more."""
    event = SOURCES[when.event].event
    if event is ActivityRecorded:
        found = [_done(touch) for touch in await touches_since(tx, tenant_id, since, MOST_EVENTS + 1)]
        return found[:MOST_EVENTS], len(found) > MOST_EVENTS
    asked = (tenant_id, event.type_name(), since, JOURNAL_DEPTH, MOST_EVENTS + 1)
    rows = await tx.connection.fetch(RECENT_EVENTS, *asked)
    cut = len(rows) > MOST_EVENTS or await tx.connection.fetchval(
        GOES_DEEPER, tenant_id, JOURNAL_DEPTH, since
    )
    return [Found(*row) for row in rows[:MOST_EVENTS]], cut


def _done(touch: LeadTouch) -> Found:
    data = {"kind": touch.kind, "outcome": touch.outcome, "effective": touch.effective}
    return Found(touch.lead_id, touch.at, ActivityRecorded.type_name(), data)
