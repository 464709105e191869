"""Saying for how long, walking behind the leads, warning and forgetting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_leads, record_lead_events
from services.leads.deduplication.parts.use_cases import parts_of
from services.leads.follow_up.progress.use_cases import last_moves
from services.leads.follow_up.touches.use_cases import last_effective
from services.leads.privacy.erasure.use_cases import erase_leads
from services.leads.privacy.retention.rules import Policy, Warned, after_months, before_months, next_step
from services.leads.privacy.retention.tables import (
    CALL_ALL_OFF,
    CALL_OFF,
    CAME_BEFORE,
    CAME_NEXT,
    INSERT,
    LOCK_POLICY,
    PENDING,
    POLICY,
    UPDATE,
    WARN,
    WARNINGS,
    retention_policies,
)
from services.leads.privacy.wishes.use_cases import last_granted
from shared.access.directory import credits_of
from shared.contracts.base import Credit
from shared.contracts.privacy import RetentionDefined, RetentionWarned
from shared.database.transactions import Tx
from shared.events.journal import NewEvent, record_events
from shared.events.timing.timers import forget as forget_timer
from shared.events.timing.timers import schedule, schedule_many
from shared.ids import first_id, new_id

WALK = "leads.retention"
LEAD = "leads.retention_of_lead"
AT_ONCE = 200
"""So many leads are looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A lead that is forgotten at `ends_at` unless something happens."""

    lead_id: UUID
    warned_at: datetime
    ends_at: datetime


async def policy_of(tx: Tx, tenant_id: UUID) -> Policy:
    """Version 0 while nobody has said anything: everything is kept."""
    return _policy(await tx.connection.fetchrow(POLICY, tenant_id))


async def set_policy(
    tx: Tx, tenant_id: UUID, wanted: Policy, at: datetime, *, check_version: Callable[[int], None]
) -> Policy:
    """Nothing is forgotten of which nobody was warned as long before as it says.

    Raises what `check_version` raises.
    """
    old = _policy(await tx.connection.fetchrow(LOCK_POLICY, tenant_id))
    check_version(old.version)
    policy_id = old.id or new_id()
    values = (wanted.unanswered_months, wanted.warn_days)
    await tx.connection.execute(UPDATE if old.id else INSERT, tenant_id, policy_id, *values)
    event = RetentionDefined(unanswered_months=wanted.unanswered_months, warn_days=wanted.warn_days)
    new = NewEvent(policy_id, event, at)
    [place] = await record_events(tx, retention_policies, [new], created=old.id is None)
    if wanted.unanswered_months is None:
        await tx.connection.execute(CALL_ALL_OFF, tenant_id)
    await schedule(tx, WALK, policy_id, at)
    return replace(wanted, id=policy_id, version=place.seq)


async def list_pending(
    tx: Tx, tenant_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[Pending]:
    """Leads that the caller sees and of which somebody was warned, what ends first first."""
    rows = await tx.connection.fetch(PENDING, tenant_id, *(after or (None, None)), limit)
    return [Pending(**dict(row.items())) for row in rows]


async def walk_on(tx: Tx, tenant_id: UUID, policy_id: UUID, payload: Mapping[str, Any], at: datetime) -> None:
    """Look at the next AT_ONCE leads that may be due for the first time; then it is due again when the one
    behind them is. A lead is met once: from then on it has a date of its own.
    """
    policy = await policy_of(tx, tenant_id)
    if policy.unanswered_months is None:
        return
    # Ids tell when leads came: nobody is due whose months have hardly begun.
    came_by = before_months(at + timedelta(days=policy.warn_days), policy.unanswered_months)
    after = UUID(payload["after"]) if "after" in payload else None
    rows = await tx.connection.fetch(CAME_BEFORE, tenant_id, after, first_id(came_by), AT_ONCE)
    await look_at(tx, tenant_id, policy, [row["id"] for row in rows], at)
    last = str(rows[-1]["id"]) if rows else payload.get("after")
    again = at if len(rows) == AT_ONCE else await _next_walk(tx, tenant_id, policy, came_by, at)
    await schedule(tx, WALK, policy_id, again, {"after": last} if last else {})


async def _next_walk(tx: Tx, tenant_id: UUID, policy: Policy, came_by: datetime, at: datetime) -> datetime:
    assert policy.unanswered_months is not None  # noqa: S101 - nobody walks without
    behind: UUID | None = await tx.connection.fetchval(CAME_NEXT, tenant_id, first_id(came_by))
    came = at if behind is None else datetime.fromtimestamp((behind.int >> 80) / 1000, UTC)
    due = after_months(came, policy.unanswered_months) - timedelta(days=policy.warn_days)
    return max(due, at + timedelta(minutes=1))


async def look_again(tx: Tx, tenant_id: UUID, lead_id: UUID, at: datetime) -> None:
    """A date of a lead has come."""
    policy = await policy_of(tx, tenant_id)
    if policy.unanswered_months is not None:
        await look_at(tx, tenant_id, policy, [lead_id], at)


async def look_at(tx: Tx, tenant_id: UUID, policy: Policy, lead_ids: Sequence[UUID], at: datetime) -> None:
    """Warn of those that are due, forget those that were warned of, and give each of the others a date."""
    assert policy.unanswered_months is not None  # noqa: S101 - nobody looks without
    leads = [lead for lead in await get_leads(tx, tenant_id, lead_ids) if lead.erased_at is None]
    due = {lead.id: lead for lead in leads if _may_end(lead)}
    # They may be in question once they are reopened, or leads of their own again.
    later = after_months(at, policy.unanswered_months)
    dates = {lead.id: later for lead in leads if lead.id not in due}
    signs = await _signs(tx, tenant_id, list(due.values()))
    warned = await _warned(tx, tenant_id, signs)
    steps = {lead_id: next_step(policy, sign, warned.get(lead_id), at) for lead_id, sign in signs.items()}
    dates |= {lead_id: step.at for lead_id, step in steps.items() if step.do != "erase"}
    await schedule_many(tx, LEAD, [(lead_id, dates[lead_id], {}) for lead_id in sorted(dates)])
    await _warn(tx, [(due[one], signs[one], step.at) for one, step in steps.items() if step.do == "warn"], at)
    gone = [one for one, step in steps.items() if step.do == "erase"]
    outdated = [one for one, step in steps.items() if step.do == "wait" and one in warned]
    stale = [one for one in outdated if warned[one].since != signs[one]]
    await tx.connection.execute(CALL_OFF, tenant_id, [*stale, *gone, *(dates.keys() - due.keys())])
    await _forget(tx, tenant_id, policy, gone, at)


def _may_end(lead: Lead) -> bool:
    """A part follows what it is a part of; what was won is kept as long as the law says."""
    return lead.merged_into is None and lead.status != "won"


async def _signs(tx: Tx, tenant_id: UUID, leads: Sequence[Lead]) -> dict[UUID, datetime]:
    """When each lead last gave a sign of life: it came, was followed up effectively, moved, or its person
    agreed to something.
    """
    since = {lead.id: lead.started_at for lead in leads}
    found = [
        {lead.id: max(lead.created_at, lead.closed_at or lead.created_at) for lead in leads},
        await last_effective(tx, tenant_id, since),
        await last_moves(tx, tenant_id, since),
        await last_granted(tx, tenant_id, list(since)),
    ]
    return {lead_id: max(signs[lead_id] for signs in found if lead_id in signs) for lead_id in since}


async def _warned(tx: Tx, tenant_id: UUID, signs: Mapping[UUID, datetime]) -> dict[UUID, Warned]:
    rows = await tx.connection.fetch(WARNINGS, tenant_id, list(signs))
    return {row["lead_id"]: Warned(row["since"], row["ends_at"]) for row in rows}


async def _warn(tx: Tx, warnings: Sequence[tuple[Lead, datetime, datetime]], at: datetime) -> None:
    """Of leads with their last sign of life, and when they are forgotten."""
    owners = {lead.owner_id for lead, _, _ in warnings if lead.owner_id is not None}
    credit = await credits_of(tx, owners)
    events = []
    for lead, sign, ends_at in warnings:
        await tx.connection.execute(WARN, lead.tenant_id, lead.id, sign, at, ends_at)
        owner = credit.get(lead.owner_id, Credit()) if lead.owner_id else Credit()
        event = RetentionWarned(credit=owner, dimensions=lead.dimensions, ends_at=ends_at)
        events.append(NewEvent(lead.id, event, at))
    if events:
        await record_lead_events(tx, events)


async def _forget(tx: Tx, tenant_id: UUID, policy: Policy, lead_ids: Sequence[UUID], at: datetime) -> None:
    """With all that is a part of them."""
    if not lead_ids:
        return
    parts = await parts_of(tx, tenant_id, lead_ids)
    everything = {*lead_ids, *(part for each in parts.values() for part in each)}
    reason = f"retention: {policy.unanswered_months} months without a sign of life"
    await erase_leads(tx, tenant_id, everything, reason, None, at)
    for lead_id in lead_ids:
        await forget_timer(tx, LEAD, lead_id)


def _policy(row: asyncpg.Record | None) -> Policy:
    return Policy() if row is None else Policy(**dict(row.items()))
