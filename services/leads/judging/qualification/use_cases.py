"""Saying what is known of a lead, and on what that rests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.capture.custom_fields.use_cases import schema_of
from services.leads.capture.intake.changes import store_fields
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import get_lead, lock_lead
from services.leads.follow_up.touches.use_cases import touches_of
from services.leads.judging.qualification.rules import NOTHING_KNOWN, Finding, Findings, changed, check
from services.leads.judging.qualification.tables import FORGET, SELECT, UPSERT
from shared.access.directory import tenant_of
from shared.database.transactions import Tx

FIELD = "qualification"
"""What changes of it are called."""


@dataclass(frozen=True, slots=True)
class Qualified:
    """A lead and what is known of it."""

    lead: Lead
    findings: Findings


async def qualification_of(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Qualified:
    """Raises UnknownLead."""
    return Qualified(await get_lead(tx, tenant_id, lead_id), await _findings(tx, tenant_id, lead_id))


async def qualify(
    tx: Tx,
    tenant_id: UUID,
    user_id: UUID | None,
    lead_id: UUID,
    wanted: Findings,
    at: datetime,
    *,
    check_version: Callable[[int], None],
) -> Qualified:
    """Say all of what is known; nothing is recorded where that is known already.

    Raises UnknownLead, LeadErased, LeadMerged, QualificationImpossible, and what `check_version` raises.
    """
    lead = await lock_lead(tx, tenant_id, lead_id)
    check_version(lead.version)
    known = await _findings(tx, tenant_id, lead_id)
    new = changed(known, wanted)
    if not new:
        return Qualified(lead, known)
    check(new, {touch.activity_id for touch in await touches_of(tx, tenant_id, lead_id)})
    mine = {name: replace(one, by_id=user_id, at=at) for name, one in new.items()}
    await _store(tx, tenant_id, lead_id, mine)
    before, after = ({name: _told(each[name]) for name in new} for each in (known, new))
    currency, schema = (await tenant_of(tx)).currency, await schema_of(tx, tenant_id)
    also = {FIELD: (before, after)}
    lead = await store_fields(tx, currency, schema, user_id, lead, lead, (), at, also=also)
    return Qualified(lead, {**known, **mine})


async def _store(tx: Tx, tenant_id: UUID, lead_id: UUID, findings: Findings) -> None:
    rows = [(name, *(getattr(one, field) for field in Finding.__slots__)) for name, one in findings.items()]
    await tx.connection.execute(UPSERT, tenant_id, lead_id, *map(list, zip(*rows, strict=True)))


def _told(finding: Finding) -> dict[str, Any]:
    activity = None if finding.activity_id is None else str(finding.activity_id)
    return {"answer": finding.answer, "evidence": finding.evidence, "activity_id": activity}


async def _findings(tx: Tx, tenant_id: UUID, lead_id: UUID) -> Findings:
    rows = await tx.connection.fetch(SELECT, tenant_id, lead_id)
    stored = {
        row["criterion"]: Finding(row["answer"], row["evidence"], row["activity_id"], row["by_id"], row["at"])
        for row in rows
    }
    return {**NOTHING_KNOWN, **stored}


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """What people wrote down about these leads; the answers stay."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
