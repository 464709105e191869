"""Defining automation rules: created, changed, deactivated; never removed, since runs name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from services.leads.follow_up.automation.checking import check_terms
from services.leads.follow_up.automation.references import check_references
from services.leads.follow_up.automation.rules import AutomationRule, Terms
from services.leads.follow_up.automation.tables import (
    ACTIVE_ON,
    ACTIVE_RULES,
    ALL_RULES,
    INSERT_RULE,
    LOCK_RULE,
    SELECT_RULE,
    UPDATE_RULE,
    WAITED_FOR,
    automation_rules,
)
from services.leads.follow_up.automation.triggers import Trigger
from shared.contracts.leads import AutomationRuleDefined
from shared.database.transactions import Tx
from shared.errors import NotFound
from shared.events.journal import NewEvent, record_events

_TERMS = TypeAdapter(Terms)


class UnknownAutomationRule(NotFound):
    code = "unknown_automation_rule"
    title = "No such automation rule"


async def active_rules(tx: Tx, tenant_id: UUID) -> list[AutomationRule]:
    """The rules that act, in order."""
    return [_rule(row) for row in await tx.connection.fetch(ACTIVE_RULES, tenant_id)]


async def active_on(tx: Tx, trigger: Trigger, tenant_ids: Sequence[UUID]) -> dict[UUID, list[AutomationRule]]:
    """Active rules that wait for this, by tenant: for projections, which are of no tenant."""
    found: dict[UUID, list[AutomationRule]] = {}
    for row in await tx.connection.fetch(ACTIVE_ON, tenant_ids, trigger):
        found.setdefault(row["tenant_id"], []).append(_rule(row))
    return found


async def waited_for(tx: Tx, tenant_ids: Sequence[UUID]) -> set[tuple[UUID, Trigger]]:
    """What active rules of these tenants wait for: for who sees every tenant."""
    rows = await tx.connection.fetch(WAITED_FOR, tenant_ids)
    return {(row["tenant_id"], row["event"]) for row in rows}


async def list_rules(tx: Tx, tenant_id: UUID) -> list[AutomationRule]:
    """All rules, inactive ones too, in order."""
    return [_rule(row) for row in await tx.connection.fetch(ALL_RULES, tenant_id)]


async def get_rule(tx: Tx, tenant_id: UUID, rule_id: UUID) -> AutomationRule:
    """Raises UnknownAutomationRule."""
    return _found(await tx.connection.fetchrow(SELECT_RULE, tenant_id, rule_id), rule_id)


async def check_rule(tx: Tx, tenant_id: UUID, rule: AutomationRule) -> None:
    """A rule at rest need only name what there is. Raises AutomationImpossible naming all that is wrong."""
    check_terms(rule.terms)
    await check_references(tx, tenant_id, rule.terms, in_use=rule.active)


async def create_rule(tx: Tx, tenant_id: UUID, rule: AutomationRule, at: datetime) -> AutomationRule:
    """Raises AutomationImpossible."""
    await check_rule(tx, tenant_id, rule)
    await tx.connection.execute(INSERT_RULE, tenant_id, rule.id, *_columns(rule), at)
    await record_events(tx, automation_rules, [NewEvent(rule.id, _event(rule), at)], created=True)
    return rule


async def change_rule(
    tx: Tx,
    tenant_id: UUID,
    rule_id: UUID,
    changes: Mapping[str, Any],
    terms: Mapping[str, Any],
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> AutomationRule:
    """Change fields, named as in AutomationRule and in its Terms.

    Raises UnknownAutomationRule, AutomationImpossible, and what `check_version` raises.
    """
    old = _found(await tx.connection.fetchrow(LOCK_RULE, tenant_id, rule_id), rule_id)
    check_version(old.version)
    new = replace(old, **changes, terms=replace(old.terms, **terms))
    if new == old:
        return old
    await check_rule(tx, tenant_id, new)
    await tx.connection.execute(UPDATE_RULE, tenant_id, rule_id, *_columns(new), at)
    seq = (await record_events(tx, automation_rules, [NewEvent(rule_id, _event(new), at)]))[-1].seq
    return replace(new, version=seq)


def _found(row: asyncpg.Record | None, rule_id: UUID) -> AutomationRule:
    if row is None:
        raise UnknownAutomationRule(f"there is no automation rule {rule_id}")
    return _rule(row)


def _rule(row: asyncpg.Record) -> AutomationRule:
    return AutomationRule(
        id=row["id"],
        version=row["seq"],
        name=row["name"],
        position=row["position"],
        terms=_TERMS.validate_python(row["terms"]),
        active=row["active"],
    )


def _columns(rule: AutomationRule) -> tuple[Any, ...]:
    terms = _TERMS.dump_json(rule.terms).decode()
    return rule.name, rule.position, rule.terms.when.event, terms, rule.active


def _event(rule: AutomationRule) -> AutomationRuleDefined:
    return AutomationRuleDefined(position=rule.position, trigger=rule.terms.when.event, active=rule.active)
