"""Running the rules that wait for what has happened, and the log of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import asyncpg

from services.leads.assigning.assignment.use_cases import facts_of
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, get_leads
from services.leads.follow_up.automation.acting import Step, act, hold
from services.leads.follow_up.automation.definitions import active_rules, get_rule
from services.leads.follow_up.automation.guard import Chain, Link, chain_of, ran_on, stopped
from services.leads.follow_up.automation.rules import AutomationRule, unmet
from services.leads.follow_up.automation.tables import (
    FORGET,
    INSERT_RUNS,
    LINKS,
    PURGE,
    RUNS_OF_LEAD,
    RUNS_OF_RULE,
)
from services.leads.follow_up.automation.triggers import Occurrence, Trigger, matches
from shared.database.transactions import Database, Tx
from shared.errors import CoxError, Unavailable
from shared.ids import new_id

Outcome = Literal["done", "refused", "stopped"]
Matched = tuple[Occurrence, Sequence[AutomationRule]]
"""What happened, and the rules that wait for it, in order."""
KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Run:
    """A rule that acted, or was kept from it: `code` and `detail` say why.

    `chain_id`: the event that it all began with; `depth`: the how many-th run this is, one after the other.
    """

    id: UUID
    lead_id: UUID
    event_id: UUID
    event: Trigger
    rule_id: UUID
    rule_version: int
    at: datetime
    chain_id: UUID
    depth: int
    outcome: Outcome
    steps: tuple[Step, ...]
    code: str | None
    detail: str | None


async def run_rules(tx: Tx, tenant_id: UUID, occurrences: Sequence[Occurrence], at: datetime) -> None:
    """Let the active rules act on what has happened, in order. Raises ChangedHands."""
    rules = await active_rules(tx, tenant_id)
    matched = [
        (one, [rule for rule in rules if matches(rule.terms.when, one.type, one.data)]) for one in occurrences
    ]
    await run_matched(tx, tenant_id, [(one, waiting) for one, waiting in matched if waiting], at)


async def run_matched(tx: Tx, tenant_id: UUID, matched: Sequence[Matched], at: datetime) -> list[Run]:
    """Let these rules act where their demands are met, all locks being taken before the first of them acts.

    A rule that is refused leaves nothing behind but its run. Raises ChangedHands.
    """
    concerned = await _concerned(tx, tenant_id, matched)
    if not concerned:
        return []
    matched = [(one, rules) for one, rules in matched if one.lead_id in concerned]
    await hold(tx, tenant_id, [rule for _, rules in matched for rule in rules], sorted(concerned))
    links = await _links(tx, tenant_id, matched)
    runs = []
    for one, rules in matched:
        for rule in rules:
            run = await _run(tx, tenant_id, rule, one, links.setdefault(one.lead_id, []), at)
            if run is not None:
                runs.append(run)
                links[one.lead_id].append(Link(run.event_id, run.chain_id, run.depth, rule.id))
    await INSERT_RUNS.execute(tx, [_row(tenant_id, run) for run in runs])
    return runs


async def _concerned(tx: Tx, tenant_id: UUID, matched: Sequence[Matched]) -> set[UUID]:
    """Leads that some rule would act on now: nobody else's locks are taken."""
    leads = {
        lead.id: lead for lead in await get_leads(tx, tenant_id, sorted({one.lead_id for one, _ in matched}))
    }
    return {
        one.lead_id
        for one, rules in matched
        if (lead := leads.get(one.lead_id)) and any(_is_about(rule, lead) for rule in rules)
    }


def _is_about(rule: AutomationRule, lead: Lead) -> bool:
    return lead.merged_into is None and unmet(rule.terms.demands, lead, facts_of(lead)) is None


async def _links(tx: Tx, tenant_id: UUID, matched: Sequence[Matched]) -> dict[UUID, list[Link]]:
    events = {one.event_id for one, _ in matched} | {one.causation_id for one, _ in matched}
    leads = {one.lead_id for one, _ in matched}
    found: dict[UUID, list[Link]] = {}
    for row in await tx.connection.fetch(LINKS, tenant_id, list(leads), list(events - {None})):
        link = Link(row["event_id"], row["chain_id"], row["depth"], row["rule_id"])
        found.setdefault(row["lead_id"], []).append(link)
    return found


async def _run(
    tx: Tx, tenant_id: UUID, rule: AutomationRule, one: Occurrence, links: Sequence[Link], at: datetime
) -> Run | None:
    """None: it is not about the lead as it now is, or has run on the event before."""
    lead = await get_lead(tx, tenant_id, one.lead_id)
    if not _is_about(rule, lead) or ran_on(one.event_id, rule.id, links):
        return None
    chain = chain_of(one.event_id, one.causation_id, links)
    stop = stopped(chain, rule.id)
    if stop is not None:
        return _logged(rule, one, chain, at, "stopped", code=stop)
    steps: list[Step] = []
    try:
        async with tx.savepoint():
            with tx.caused_by(one.event_id):
                await act(tx, rule, tenant_id, one.lead_id, at, steps)
    except Unavailable:
        raise
    except CoxError as error:
        undone = [Step(step.do, "undone") for step in steps]
        refused = Step(rule.terms.actions[len(steps)].do, "refused")
        told = {"code": error.problem_code, "detail": error.detail}
        return _logged(rule, one, chain, at, "refused", [*undone, refused], **told)
    return _logged(rule, one, chain, at, "done", steps)


def _logged(
    rule: AutomationRule,
    one: Occurrence,
    chain: Chain,
    at: datetime,
    outcome: Outcome,
    steps: Sequence[Step] = (),
    *,
    code: str | None = None,
    detail: str | None = None,
) -> Run:
    return Run(
        id=new_id(),
        lead_id=one.lead_id,
        event_id=one.event_id,
        event=rule.terms.when.event,
        rule_id=rule.id,
        rule_version=rule.version,
        at=at,
        chain_id=chain.id,
        depth=chain.depth,
        outcome=outcome,
        steps=tuple(steps),
        code=code,
        detail=detail,
    )


def _row(tenant_id: UUID, run: Run) -> dict[str, Any]:
    values = {name: getattr(run, name) for name in Run.__slots__}
    return values | {"tenant_id": tenant_id, "steps": [_told(step) for step in run.steps]}


def _told(step: Step) -> dict[str, Any]:
    ids = {"owner_id": step.owner_id, "pool_id": step.pool_id}
    texts = {name: None if one is None else str(one) for name, one in ids.items()}
    return {
        "do": step.do, "outcome": step.outcome, **texts, "user_ids": [str(user) for user in step.user_ids],
    }  # fmt: skip


async def runs_of_rule(tx: Tx, tenant_id: UUID, rule_id: UUID, before: UUID | None, most: int) -> list[Run]:
    """Runs on leads that the caller sees, newest first, from before that run on. Raises
    UnknownAutomationRule.
    """
    await get_rule(tx, tenant_id, rule_id)
    rows = await tx.connection.fetch(RUNS_OF_RULE, tenant_id, rule_id, before, most)
    return [_stored(row) for row in rows]


async def runs_of_lead(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Run]:
    """Every run on a lead, newest first. Raises UnknownLead."""
    await get_lead(tx, tenant_id, lead_id)
    rows = await tx.connection.fetch(RUNS_OF_LEAD, tenant_id, lead_id)
    return sorted((_stored(row) for row in rows), key=lambda run: run.id, reverse=True)


def _stored(row: asyncpg.Record) -> Run:
    values = dict(row.items())
    return Run(**values | {"steps": tuple(_step(step) for step in values["steps"])})


def _step(told: dict[str, Any]) -> Step:
    ids = {name: UUID(told[name]) if told[name] else None for name in ("owner_id", "pool_id")}
    return Step(told["do"], told["outcome"], **ids, user_ids=tuple(UUID(user) for user in told["user_ids"]))


async def purge_runs(database: Database, at: datetime, limit: int = 1000) -> int:
    """Remove up to `limit` runs older than KEPT, of all tenants (worker's role); how many it were."""
    async with database.transaction() as tx:
        tag: str = await tx.connection.execute(PURGE, at - KEPT, limit)
    return int(tag.rsplit(" ", 1)[-1])


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """What runs on these leads were refused with: it may quote a value."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
