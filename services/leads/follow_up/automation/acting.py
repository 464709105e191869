"""What a rule does, through the use cases that everybody goes by; and the locks for it, in the house's
order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.leads.assigning.assignment.candidates import hold_everybody
from services.leads.assigning.assignment.definitions import active_rules as assignment_rules
from services.leads.assigning.assignment.use_cases import assign_by_rules
from services.leads.assigning.workload.use_cases import lock_loads
from services.leads.capture.intake.changes import update_lead
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, get_leads, lock_leads, record_lead_events
from services.leads.follow_up.automation.rules import (
    Action,
    Alert,
    Assign,
    AssignByRules,
    AutomationRule,
    Move,
    NobodyFound,
    NobodyToTell,
    Release,
    Set,
    Tag,
)
from services.leads.follow_up.first_response.use_cases import bosses_of
from services.leads.follow_up.progress.use_cases import move_lead
from services.leads.pools.pool.definitions import hold_pool, list_pools
from services.leads.pools.pool.giving import Gift, give_lead
from services.leads.pools.pool.use_cases import release_lead
from shared.access.directory import credit_of, people
from shared.access.principal import Principal, service_principal
from shared.contracts.leads import AutomationAlerted
from shared.database.transactions import Author, Tx
from shared.errors import Unavailable
from shared.events.journal import NewEvent

Done = Literal["done", "nothing", "refused", "undone"]


class ChangedHands(Unavailable):
    code = "changed_hands"
    title = "A lead changed hands at the same moment; try again"


@dataclass(frozen=True, slots=True)
class Step:
    """What an action did: to whom the lead went, into which pool, who was told. `nothing`: it was so already.

    `undone`: a later one was refused.
    """

    do: str
    outcome: Done
    owner_id: UUID | None = None
    pool_id: UUID | None = None
    user_ids: tuple[UUID, ...] = ()


async def hold(tx: Tx, tenant_id: UUID, rules: Collection[AutomationRule], lead_ids: Sequence[UUID]) -> None:
    """Lock leads, after all else that these rules may lock when they act: turns, pools, loads.

    Raises ChangedHands.
    """
    actions = [action for rule in rules for action in rule.terms.actions]
    seen = await get_leads(tx, tenant_id, lead_ids)
    users = {lead.owner_id for lead in seen if lead.owner_id}
    users |= {action.owner_id for action in actions if isinstance(action, Assign)}
    if any(isinstance(action, AssignByRules) for action in actions):
        users |= await hold_everybody(tx, tenant_id, await assignment_rules(tx, tenant_id))
    await _hold_pools(tx, tenant_id, actions, seen)
    await lock_loads(tx, tenant_id, users)
    locked = await lock_leads(tx, tenant_id, lead_ids)
    if any(lead.owner_id and lead.owner_id not in users for lead in locked.values()):
        raise ChangedHands


async def _hold_pools(tx: Tx, tenant_id: UUID, actions: Sequence[Action], leads: Sequence[Lead]) -> None:
    """Those that leads may be given into, or out of."""
    releases = [action for action in actions if isinstance(action, Release)]
    if not releases and not any(isinstance(action, Assign) for action in actions):
        return
    wanted = {action.pool_id for action in releases} | {lead.pool_id for lead in leads}
    for pool in await list_pools(tx, tenant_id):
        if pool.id in wanted or (releases and pool.is_default):
            await hold_pool(tx, tenant_id, pool.id)


async def act(
    tx: Tx, rule: AutomationRule, tenant_id: UUID, lead_id: UUID, at: datetime, steps: list[Step]
) -> None:
    """Do what a rule does with a lead that is held; what was done is added to `steps`.

    Raises what the use cases raise, NobodyFound, NobodyToTell: all of it is then to be undone.
    """
    for action in rule.terms.actions:
        lead = await get_lead(tx, tenant_id, lead_id)
        with tx.by(Author("rule", rule.id)):
            steps.append(await _DOING[type(action)](tx, rule, lead, action, at))


def _whatever(version: int) -> None:
    """The rule acts on the lead as it is."""


def _itself(rule: AutomationRule, lead: Lead) -> Principal:
    """On nobody's behalf: as a service that sees the tenant."""
    return service_principal(lead.tenant_id, rule.id)


def _reason(rule: AutomationRule) -> str:
    return f"automation: {rule.name}"


async def _tag(tx: Tx, rule: AutomationRule, lead: Lead, action: Tag, at: datetime) -> Step:
    kept = [tag for tag in lead.tags if tag not in action.remove]
    return await _change(tx, lead, {"tags": tuple(dict.fromkeys((*kept, *action.add)))}, at, action.do)


async def _set(tx: Tx, rule: AutomationRule, lead: Lead, action: Set, at: datetime) -> Step:
    changes = {str(name): value for name, value in action.fields.items()}
    return await _change(tx, lead, changes, at, action.do)


async def _change(tx: Tx, lead: Lead, changes: Mapping[str, Any], at: datetime, do: str) -> Step:
    new = await update_lead(tx, lead.tenant_id, None, lead.id, changes, at, check_version=_whatever)
    return Step(do, "nothing" if new.version == lead.version else "done")


async def _assign(tx: Tx, rule: AutomationRule, lead: Lead, action: Assign, at: datetime) -> Step:
    if lead.owner_id == action.owner_id:
        return Step(action.do, "nothing", owner_id=action.owner_id)
    gift = Gift(lead.id, action.owner_id)
    await give_lead(tx, _itself(rule, lead), gift, _reason(rule), at, check_version=_whatever)
    return Step(action.do, "done", owner_id=action.owner_id)


async def _assign_by_rules(
    tx: Tx, rule: AutomationRule, lead: Lead, action: AssignByRules, at: datetime
) -> Step:
    but = frozenset({lead.owner_id} if lead.owner_id else ())
    given = await assign_by_rules(tx, lead.tenant_id, {lead.id: tx.cause}, at, but=but)
    if lead.id not in given:
        raise NobodyFound
    return Step(action.do, "done", owner_id=given[lead.id])


async def _move(tx: Tx, rule: AutomationRule, lead: Lead, action: Move, at: datetime) -> Step:
    if lead.stage == action.to:
        return Step(action.do, "nothing")
    await move_lead(
        tx, lead.tenant_id, None, lead.id, action.to, at, reason=action.reason, check_version=_whatever
    )
    return Step(action.do, "done")


async def _release(tx: Tx, rule: AutomationRule, lead: Lead, action: Release, at: datetime) -> Step:
    if lead.pooled_at is not None and action.pool_id in (None, lead.pool_id):
        return Step(action.do, "nothing", pool_id=lead.pool_id)
    who = _itself(rule, lead)
    released = await release_lead(
        tx, who, lead.id, action.pool_id, _reason(rule), at, check_version=_whatever
    )
    return Step(action.do, "done", pool_id=released.pool_id)


async def _alert(tx: Tx, rule: AutomationRule, lead: Lead, action: Alert, at: datetime) -> Step:
    users = await _told(tx, lead, action)
    if not users:
        raise NobodyToTell
    event = AutomationAlerted(
        credit=await credit_of(tx, lead.owner_id),
        dimensions=lead.dimensions,
        rule_id=rule.id,
        code=action.code,
        user_ids=users,
    )
    await record_lead_events(tx, [NewEvent(lead.id, event, at)])
    return Step(action.do, "done", user_ids=users)


async def _told(tx: Tx, lead: Lead, action: Alert) -> tuple[UUID, ...]:
    """Active users, each once."""
    found = [lead.owner_id] if action.owner and lead.owner_id else []
    if action.boss is not None and lead.owner_id is not None:
        found += await bosses_of(tx, lead.tenant_id, lead.owner_id, action.boss)
    found += action.user_ids
    known = await people(tx, found)
    return tuple(user for user in dict.fromkeys(found) if user in known and known[user].active)


_DOING: dict[type, Callable[[Tx, AutomationRule, Lead, Any, datetime], Awaitable[Step]]] = {
    Tag: _tag,
    Set: _set,
    Assign: _assign,
    AssignByRules: _assign_by_rules,
    Move: _move,
    Release: _release,
    Alert: _alert,
}
