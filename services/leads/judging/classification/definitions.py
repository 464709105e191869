"""Defining rules and the score: from then on the tenant's leads are judged anew, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from services.leads.follow_up.automation.rules import Demands
from services.leads.judging.classification.rules import ClassRule, Score, Terms, check_rule, check_score
from services.leads.judging.classification.tables import (
    ACTIVE_RULES,
    ALL_RULES,
    COUNTING,
    INSERT_RULE,
    INSERT_SCORE,
    JUDGING,
    LOCK_RULE,
    LOCK_SCORE,
    SCORE,
    SELECT_RULE,
    UPDATE_RULE,
    UPDATE_SCORE,
    classification_rules,
    score_definitions,
)
from shared.contracts.leads import ClassificationRuleDefined, ScoreDefined
from shared.database.transactions import Tx
from shared.errors import NotFound
from shared.events.journal import NewEvent, record_events
from shared.events.timing.timers import schedule
from shared.ids import new_id

SWEEP = "leads.classify_all"
_DEMANDS = TypeAdapter(Demands)
_SCORE = TypeAdapter(Score)


class UnknownClassificationRule(NotFound):
    code = "unknown_classification_rule"
    title = "No such classification rule"


async def judging(tx: Tx, tenant_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these tenants that have anything by which leads are judged."""
    return {row["tenant_id"] for row in await tx.connection.fetch(JUDGING, list(tenant_ids))}


async def counting(tx: Tx, tenant_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these tenants whose leads have other points when they are followed up."""
    return {row["tenant_id"] for row in await tx.connection.fetch(COUNTING, list(tenant_ids))}


async def terms_of(tx: Tx, tenant_id: UUID) -> Terms:
    """By what leads are judged now."""
    rules = tuple(_rule(row) for row in await tx.connection.fetch(ACTIVE_RULES, tenant_id))
    score, version = await score_of(tx, tenant_id)
    return Terms(rules, score, version)


async def list_rules(tx: Tx, tenant_id: UUID) -> list[ClassRule]:
    """All rules, inactive ones too, in order."""
    return [_rule(row) for row in await tx.connection.fetch(ALL_RULES, tenant_id)]


async def get_rule(tx: Tx, tenant_id: UUID, rule_id: UUID) -> ClassRule:
    """Raises UnknownClassificationRule."""
    return _found(await tx.connection.fetchrow(SELECT_RULE, tenant_id, rule_id), rule_id)


async def create_rule(tx: Tx, tenant_id: UUID, rule: ClassRule, at: datetime) -> ClassRule:
    """Raises ClassificationImpossible."""
    check_rule(rule)
    await tx.connection.execute(INSERT_RULE, tenant_id, rule.id, *_columns(rule), at)
    await record_events(tx, classification_rules, [NewEvent(rule.id, _event(rule), at)], created=True)
    await _judge_all(tx, tenant_id, at)
    return rule


async def change_rule(
    tx: Tx,
    tenant_id: UUID,
    rule_id: UUID,
    changes: Mapping[str, Any],
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> ClassRule:
    """Change fields, named as in ClassRule.

    Raises UnknownClassificationRule, ClassificationImpossible, and what `check_version` raises.
    """
    old = _found(await tx.connection.fetchrow(LOCK_RULE, tenant_id, rule_id), rule_id)
    check_version(old.version)
    new = replace(old, **changes)
    if new == old:
        return old
    check_rule(new)
    await tx.connection.execute(UPDATE_RULE, tenant_id, rule_id, *_columns(new), at)
    seq = (await record_events(tx, classification_rules, [NewEvent(rule_id, _event(new), at)]))[-1].seq
    await _judge_all(tx, tenant_id, at)
    return replace(new, version=seq)


async def score_of(tx: Tx, tenant_id: UUID) -> tuple[Score | None, int]:
    """How points are counted, and its version; version 0 while nothing was said."""
    row = await tx.connection.fetchrow(SCORE, tenant_id)
    if row is None:
        return None, 0
    return None if row["score"] is None else _SCORE.validate_python(row["score"]), row["seq"]


async def set_score(tx: Tx, tenant_id: UUID, score: Score | None, at: datetime) -> tuple[Score | None, int]:
    """None: points are counted no longer, and no lead has any. Raises ClassificationImpossible."""
    if score is not None:
        check_score(score)
    row = await tx.connection.fetchrow(LOCK_SCORE, tenant_id)
    definition_id = row["id"] if row else new_id()
    told = None if score is None else _SCORE.dump_json(score).decode()
    await tx.connection.execute(UPDATE_SCORE if row else INSERT_SCORE, tenant_id, definition_id, told, at)
    event = ScoreDefined(items=len(score.items) if score else 0, active=score is not None)
    created = row is None
    [place] = await record_events(
        tx, score_definitions, [NewEvent(definition_id, event, at)], created=created
    )
    await _judge_all(tx, tenant_id, at)
    return score, place.seq


async def _judge_all(tx: Tx, tenant_id: UUID, at: datetime) -> None:
    """From the first lead on; what was under way begins again."""
    await schedule(tx, SWEEP, tenant_id, at)


def _found(row: asyncpg.Record | None, rule_id: UUID) -> ClassRule:
    if row is None:
        raise UnknownClassificationRule(f"there is no classification rule {rule_id}")
    return _rule(row)


def _rule(row: asyncpg.Record) -> ClassRule:
    return ClassRule(
        id=row["id"],
        version=row["seq"],
        name=row["name"],
        position=row["position"],
        demands=_DEMANDS.validate_python(row["demands"]),
        label=row["label"],
        value_class=row["value_class"],
        intent=row["intent"],
        active=row["active"],
    )


def _columns(rule: ClassRule) -> tuple[Any, ...]:
    demands = _DEMANDS.dump_json(rule.demands).decode()
    return rule.name, rule.position, demands, rule.label, rule.value_class, rule.intent, rule.active


def _event(rule: ClassRule) -> ClassificationRuleDefined:
    return ClassificationRuleDefined(position=rule.position, active=rule.active)
