"""Asking what other rules would have done with the leads of the last days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.leads.assigning.assignment.candidates import stand
from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.definitions import RuleDraft, UnknownRule, active_rules, checked_rule
from services.leads.assigning.assignment.past import Made, made_by_rules
from services.leads.assigning.assignment.rules import Rule
from services.leads.assigning.assignment.use_cases import facts_of
from services.leads.assigning.hindsight.rules import Otherwise, Replay, Times
from services.leads.capture.intake.use_cases import get_leads
from shared.access.working import absences_of, calendars_of_users
from shared.database.transactions import Tx
from shared.errors import errors_under
from shared.events.breathing import Breather

MOST = 2_000
"""So many decisions, the newest, are made once more by one request."""

_NEW = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Hindsight:
    """All decisions once more, the oldest first. `cut`: there were more, before these."""

    decisions: tuple[Otherwise, ...]
    cut: bool


async def look_back(
    tx: Tx, tenant_id: UUID, draft: RuleDraft | None, rule_id: UUID | None, days: int, at: datetime
) -> Hindsight:
    """What the active rules would have decided in the last days with `draft` in the place of a rule.

    Without a rule to replace it comes to the others; without a draft the rule is left out. Changes nothing.
    Raises UnknownRule, RuleImpossible, BadCandidates.
    """
    rules = await _rules(tx, tenant_id, draft, rule_id)
    since = at - timedelta(days=days)
    made = await made_by_rules(tx, tenant_id, since, MOST + 1)
    newest = made[-MOST:]
    facts = await _facts(tx, tenant_id, newest)
    replay = await _replay(tx, tenant_id, rules, since, at)
    breather, found = Breather(), []
    for one in newest:
        if one.lead_id in facts:
            found.append(replay.again(one, _then(facts[one.lead_id], one)))
            await breather.breathe()
    return Hindsight(tuple(found), cut=len(made) > len(newest))


async def _rules(tx: Tx, tenant_id: UUID, draft: RuleDraft | None, rule_id: UUID | None) -> list[Rule]:
    rules = await active_rules(tx, tenant_id)
    if rule_id is not None and all(rule.id != rule_id for rule in rules):
        raise UnknownRule(f"there is no active assignment rule {rule_id}")
    others = [rule for rule in rules if rule.id != rule_id]
    if draft is None:
        return others
    with errors_under("/rule"):
        return [*others, await checked_rule(tx, draft, rule_id or _NEW, version=0)]


async def _facts(tx: Tx, tenant_id: UUID, made: list[Made]) -> dict[UUID, Facts]:
    """Of the leads as they are now."""
    leads = await get_leads(tx, tenant_id, list({one.lead_id for one in made}))
    return {lead.id: facts_of(lead) for lead in leads}


def _then(facts: Facts, made: Made) -> Facts:
    """Who was given a lead could be contacted then, whatever they wish by now."""
    return replace(facts, do_not_contact=False) if made.owner_id is not None else facts


async def _replay(tx: Tx, tenant_id: UUID, rules: list[Rule], since: datetime, at: datetime) -> Replay:
    standing = await stand(tx, tenant_id, rules, at, lock=False)
    users = {one.user_id for listed in standing.values() for one in listed}
    timed = any(rule.working_hours_only for rule in rules)
    times = Times(
        await absences_of(tx, users, since, at), await calendars_of_users(tx, users) if timed else {}
    )
    by_user = {rule_id: {one.user_id: one for one in listed} for rule_id, listed in standing.items()}
    return Replay(rules, by_user, times)
