"""Defining assignment rules: created, changed, deactivated; never removed, since explanations name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.assigning.assignment.conditions import Conditions
from services.leads.assigning.assignment.rules import Rule, Strategy, check_rule
from services.leads.assigning.assignment.tables import (
    ACTIVE_RULES,
    INSERT_RULE,
    LOCK_RULE,
    SELECT_RULE,
    SELECT_RULES,
    TENANTS_WITH_RULES,
    UPDATE_RULE,
    assignment_rules,
)
from services.leads.assigning.assignment.weights import Weights
from services.leads.assigning.standings.rules import Share
from services.leads.bulk import json_text
from shared.access.directory import people, reps_of_unit, subtree
from shared.contracts.leads import AssignmentRuleDefined
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid, NotFound
from shared.events.journal import NewEvent, record_events
from shared.ids import new_id


class UnknownRule(NotFound):
    code = "unknown_rule"
    title = "No such assignment rule"


class BadCandidates(Invalid):
    code = "bad_candidates"
    title = "A rule needs candidates: users, or a unit whose reps they are"


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as wanted; see Rule."""

    name: str
    position: int
    strategy: Strategy
    conditions: Conditions
    user_ids: tuple[UUID, ...]
    unit_id: UUID | None
    max_open_leads: int | None
    working_hours_only: bool
    skills: tuple[str, ...]
    languages: tuple[str, ...]
    weights: Weights
    active: bool


async def active_rules(tx: Tx, tenant_id: UUID) -> list[Rule]:
    """The rules that decide, in order."""
    return [_rule(row) for row in await tx.connection.fetch(ACTIVE_RULES, tenant_id)]


async def tenants_with_rules(tx: Tx, tenant_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the tenants that have active rules: for who sees every tenant."""
    return [row["tenant_id"] for row in await tx.connection.fetch(TENANTS_WITH_RULES, tenant_ids)]


async def list_rules(tx: Tx, tenant_id: UUID) -> list[Rule]:
    """All rules, inactive ones too, in order."""
    return [
        _rule(row) for row in await tx.connection.fetch(f"{SELECT_RULES} order by position, id", tenant_id)
    ]


async def get_rule(tx: Tx, tenant_id: UUID, rule_id: UUID) -> Rule:
    """Raises UnknownRule."""
    return _found(await tx.connection.fetchrow(SELECT_RULE, tenant_id, rule_id), rule_id)


async def create_rule(tx: Tx, tenant_id: UUID, draft: RuleDraft, at: datetime) -> Rule:
    """Raises RuleImpossible, BadCandidates."""
    rule = await checked_rule(tx, draft, new_id(), version=1)
    await tx.connection.execute(INSERT_RULE, tenant_id, rule.id, *_columns(rule), at)
    await record_events(tx, assignment_rules, [NewEvent(rule.id, _event(rule), at)], created=True)
    return rule


async def checked_rule(tx: Tx, draft: RuleDraft, rule_id: UUID, *, version: int) -> Rule:
    """The rule that a draft makes; version 0 where it is kept nowhere. Raises as `create_rule`."""
    values = {name: getattr(draft, name) for name in RuleDraft.__slots__}
    rule = Rule(id=rule_id, version=version, **values)
    check_rule(rule)
    await _check_candidates(tx, rule)
    return rule


async def change_rule(
    tx: Tx,
    tenant_id: UUID,
    rule_id: UUID,
    changes: Mapping[str, Any],
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Rule:
    """Change fields, named as in Rule.

    Raises UnknownRule, RuleImpossible, BadCandidates, and what `check_version` raises.
    """
    old = _found(await tx.connection.fetchrow(LOCK_RULE, tenant_id, rule_id), rule_id)
    check_version(old.version)
    new = replace(old, **changes)
    if new == old:
        return old
    check_rule(new)
    await _check_candidates(tx, new)
    await tx.connection.execute(UPDATE_RULE, tenant_id, rule_id, *_columns(new), at)
    seq = (await record_events(tx, assignment_rules, [NewEvent(rule_id, _event(new), at)]))[-1].seq
    return replace(new, version=seq)


async def _check_candidates(tx: Tx, rule: Rule) -> None:
    if bool(rule.user_ids) == (rule.unit_id is not None):
        detail = "give either users or a unit"
        raise BadCandidates(detail, errors=[FieldError("/candidates", BadCandidates.code, detail)])
    errors = await (_wrong_unit(tx, rule.unit_id) if rule.unit_id else _wrong_users(tx, rule.user_ids))
    if errors:
        raise BadCandidates("some candidates are not known", errors=errors)
    if rule.active:
        await _check_anybody(tx, rule)


async def _wrong_users(tx: Tx, user_ids: Sequence[UUID]) -> list[FieldError]:
    known = await people(tx, user_ids)
    return [
        FieldError(f"/candidates/user_ids/{at}", "unknown_user", f"there is no user {user}")
        for at, user in enumerate(user_ids)
        if user not in known
    ]


async def _wrong_unit(tx: Tx, unit_id: UUID) -> list[FieldError]:
    if await subtree(tx, unit_id):
        return []
    return [FieldError("/candidates/unit_id", "unknown_unit", f"there is no unit {unit_id}")]


async def _check_anybody(tx: Tx, rule: Rule) -> None:
    """Raises BadCandidates where nobody could get a lead by the rule, now that it is asked."""
    if rule.unit_id is not None:
        where, anybody = "unit_id", bool(await reps_of_unit(tx, rule.unit_id))
    else:
        named = (await people(tx, rule.user_ids)).values()
        where, anybody = "user_ids", any(one.active and one.is_rep for one in named)
    if not anybody:
        detail = "none of them is an active rep"
        raise BadCandidates(detail, errors=[FieldError(f"/candidates/{where}", "nobody_active", detail)])


def _found(row: asyncpg.Record | None, rule_id: UUID) -> Rule:
    if row is None:
        raise UnknownRule(f"there is no assignment rule {rule_id}")
    return _rule(row)


def _rule(row: asyncpg.Record) -> Rule:
    return Rule(
        id=row["id"],
        version=row["seq"],
        name=row["name"],
        position=row["position"],
        strategy=row["strategy"],
        conditions=Conditions.stored(row["conditions"]),
        user_ids=tuple(row["user_ids"]),
        unit_id=row["unit_id"],
        max_open_leads=row["max_open_leads"],
        working_hours_only=row["working_hours_only"],
        skills=tuple(row["skills"]),
        languages=tuple(row["languages"]),
        weights=_weights(row["weights"]),
        active=row["active"],
    )


def _weights(raw: Mapping[str, Any]) -> Weights:
    kpi = raw.get("kpi")
    return Weights(raw["default"], raw["by_level"], Share(**kpi) if kpi else None)


def _columns(rule: Rule) -> tuple[Any, ...]:
    return (
        rule.name,
        rule.position,
        rule.strategy,
        json_text(asdict(rule.conditions)),
        list(rule.user_ids),
        rule.unit_id,
        rule.max_open_leads,
        rule.working_hours_only,
        list(rule.skills),
        list(rule.languages),
        json_text(asdict(rule.weights)),
        rule.active,
    )


def _event(rule: Rule) -> AssignmentRuleDefined:
    return AssignmentRuleDefined(position=rule.position, strategy=rule.strategy, active=rule.active)
