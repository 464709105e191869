"""Defining response rules: created, changed, deactivated; never removed, since clocks name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.assigning.assignment.conditions import Conditions
from services.leads.bulk import json_text
from services.leads.follow_up.first_response.rules import (
    LADDER,
    Boss,
    Escalation,
    ResponseRule,
    Terms,
    check_rule,
)
from services.leads.follow_up.first_response.tables import (
    ACTIVE_RULES,
    ALL_RULES,
    INSERT_RULE,
    LOCK_RULE,
    ROLES_HELD,
    SELECT_RULE,
    UPDATE_RULE,
    response_rules,
)
from shared.contracts.leads import ResponseRuleDefined
from shared.database.transactions import Tx
from shared.errors import NotFound
from shared.events.journal import NewEvent, record_events


class UnknownResponseRule(NotFound):
    code = "unknown_response_rule"
    title = "No such response rule"


async def active_response_rules(tx: Tx, tenant_id: UUID) -> list[ResponseRule]:
    """The rules that clocks are started by, in order."""
    return [_rule(row) for row in await tx.connection.fetch(ACTIVE_RULES, tenant_id)]


async def list_response_rules(tx: Tx, tenant_id: UUID) -> list[ResponseRule]:
    """All rules, inactive ones too, in order."""
    return [_rule(row) for row in await tx.connection.fetch(ALL_RULES, tenant_id)]


async def get_response_rule(tx: Tx, tenant_id: UUID, rule_id: UUID) -> ResponseRule:
    """Raises UnknownResponseRule."""
    return _found(await tx.connection.fetchrow(SELECT_RULE, tenant_id, rule_id), rule_id)


async def create_response_rule(tx: Tx, tenant_id: UUID, rule: ResponseRule, at: datetime) -> ResponseRule:
    """Raises ResponseRuleImpossible."""
    await _check(tx, tenant_id, rule)
    await tx.connection.execute(INSERT_RULE, tenant_id, rule.id, *_columns(rule), at)
    await record_events(tx, response_rules, [NewEvent(rule.id, _event(rule), at)], created=True)
    return rule


async def change_response_rule(
    tx: Tx,
    tenant_id: UUID,
    rule_id: UUID,
    changes: Mapping[str, Any],
    terms: Mapping[str, Any],
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> ResponseRule:
    """Change fields, named as in ResponseRule and in its Terms.

    Raises UnknownResponseRule, ResponseRuleImpossible, and what `check_version` raises.
    """
    old = _found(await tx.connection.fetchrow(LOCK_RULE, tenant_id, rule_id), rule_id)
    check_version(old.version)
    new = replace(old, **changes, terms=replace(old.terms, **terms))
    if new == old:
        return old
    await _check(tx, tenant_id, new)
    await tx.connection.execute(UPDATE_RULE, tenant_id, rule_id, *_columns(new), at)
    seq = (await record_events(tx, response_rules, [NewEvent(rule_id, _event(new), at)]))[-1].seq
    return replace(new, version=seq)


async def _check(tx: Tx, tenant_id: UUID, rule: ResponseRule) -> None:
    # A rule at rest tells nobody: it may stay as it is when the last supervisor has left.
    check_rule(rule, await roles_of_nobody(tx, tenant_id) if rule.active else [])


async def roles_of_nobody(tx: Tx, tenant_id: UUID) -> list[Boss]:
    """Those above owners that no active user has."""
    held = {row["role"] for row in await tx.connection.fetch(ROLES_HELD, tenant_id, list(LADDER))}
    return [role for role in LADDER if role not in held]


def terms_of(told: Mapping[str, Any]) -> Terms:
    """Terms as they are stored."""
    return Terms(**{**told, "escalate": tuple(Escalation(**each) for each in told["escalate"])})


def _found(row: asyncpg.Record | None, rule_id: UUID) -> ResponseRule:
    if row is None:
        raise UnknownResponseRule(f"there is no response rule {rule_id}")
    return _rule(row)


def _rule(row: asyncpg.Record) -> ResponseRule:
    return ResponseRule(
        id=row["id"],
        version=row["seq"],
        name=row["name"],
        position=row["position"],
        terms=terms_of(row["terms"]),
        conditions=Conditions.stored(row["conditions"]),
        active=row["active"],
    )


def _columns(rule: ResponseRule) -> tuple[Any, ...]:
    conditions, terms = json_text(asdict(rule.conditions)), json_text(asdict(rule.terms))
    return rule.name, rule.position, conditions, terms, rule.active


def _event(rule: ResponseRule) -> ResponseRuleDefined:
    return ResponseRuleDefined(position=rule.position, due_minutes=rule.terms.due_minutes, active=rule.active)
