"""Moving leads: outcomes and reopenings included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.assigning.workload.use_cases import shift_of
from services.leads.capture.intake.changes import value_columns
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import store_standing
from services.leads.follow_up.progress.rules import LiesInPool, Move, Standing, move, reason_code, status_of
from services.leads.follow_up.progress.situation import Situation, lock_situation
from services.leads.follow_up.progress.tables import (
    FORGET,
    INSERT_HISTORY,
    LAST_MOVES,
    SELECT_HISTORY,
    STAYS,
    passage_of,
)
from services.leads.judging.valuation.rules import Valued
from services.leads.judging.valuation.use_cases import Valuer
from shared.contracts.base import Amount, Credit
from shared.contracts.leads import LeadUpdated, StageChanged
from shared.database.transactions import Tx
from shared.events.journal import NewEvent
from shared.money import Money


@dataclass(frozen=True, slots=True)
class Passage:
    """One accepted move as it is remembered. `duration_s`: seconds spent in the stage left."""

    seq: int
    at: datetime
    from_stage: str
    to_stage: str
    from_status: str
    to_status: str
    duration_s: int
    moved_by: UUID | None
    reason: str | None
    value_minor: int | None
    value_currency: str | None


async def move_lead(
    tx: Tx,
    tenant_id: UUID,
    user_id: UUID | None,
    lead_id: UUID,
    to: str,
    at: datetime,
    *,
    reason: str | None = None,
    value: Money | None = None,
    check_version: Callable[[int], None],
) -> Lead:
    """Move a lead to a stage, `won` or `lost`; from there to a stage reopens it.

    Raises UnknownLead, UnknownStage, SameStage, CriteriaMissing, LiesInPool, RateMissing, OwnerChanged, and
    what `check_version` raises.
    """
    now = await lock_situation(tx, tenant_id, lead_id, status_of(to))
    old = now.lead
    check_version(old.version)
    standing = Standing(old.stage, old.status, old.stage_entered_at)
    made = move(now.pipeline, standing, to, at, now.done, now.lacking, now.qualified)
    if old.pooled_at is not None and "won" in (made.from_status, made.to_status):
        raise LiesInPool
    new, events = await _moved(tx, now, made, at, reason, value)
    return await _store(tx, user_id, old, new, made, events, reason)


async def _moved(
    tx: Tx, now: Situation, made: Move, at: datetime, reason: str | None, value: Money | None
) -> tuple[Lead, list[LeadUpdated | StageChanged]]:
    """The lead as it is afterwards, and what happened to it."""
    old = now.lead
    # An outcome is worth what it is worth on its own day, whenever the amount was entered.
    money = value if value is not None else old.value if made.is_outcome else None
    worth = await Valuer(tx, now.tenant).value(money, at) if money is not None else None
    new = after_move(old, made, at, reason, worth)
    amount = worth.for_event() if worth else None
    events: list[LeadUpdated | StageChanged] = []
    # An outcome's own event carries the amount.
    if not made.is_outcome and (new.value_minor, new.value_currency) != (old.value_minor, old.value_currency):
        events.append(LeadUpdated(changed=("value",), dimensions=new.dimensions, value=amount))
    events.append(stage_changed(new, made, now.credit, reason, amount if made.is_outcome else None))
    return new._replace(seq=old.seq + len(events)), events


def after_move(
    lead: Lead, made: Move, at: datetime, reason: str | None, worth: Valued | None, **more: Any
) -> Lead:
    """The lead where the move takes it, with its new value if there is one; `more` columns as given."""
    changes: dict[str, Any] = {
        "stage": made.to_stage,
        "status": made.to_status,
        "stage_entered_at": at,
        "closed_at": at if made.is_outcome else None,
        "lost_reason": reason if made.to_status == "lost" else None,
        "updated_at": at,
    }
    if worth is not None:
        changes |= value_columns(worth)
    return lead._replace(**(changes | more))


def stage_changed(
    lead: Lead, made: Move, credit: Credit, reason: str | None, amount: Amount | None
) -> StageChanged:
    """The event of a move; of a reason only its code leaves the service."""
    return StageChanged(
        credit=credit,
        dimensions=lead.dimensions,
        from_stage=made.from_stage,
        to_stage=made.to_stage,
        from_status=made.from_status,
        to_status=made.to_status,
        duration_s=made.duration_s,
        reason_code=reason_code(reason),
        value=amount,
    )


async def _store(
    tx: Tx,
    user_id: UUID | None,
    old: Lead,
    new: Lead,
    made: Move,
    events: list[LeadUpdated | StageChanged],
    reason: str | None,
) -> Lead:
    at = new.stage_entered_at
    beside = [passage_of(history_row(new, made, at, user_id, reason, new.seq))]
    if old.owner_id and old.status != new.status and "open" in (old.status, new.status):
        beside.append(shift_of(new.tenant_id, old.owner_id, 1 if new.status == "open" else -1))
    await store_standing(tx, new, [NewEvent(new.id, event, at) for event in events], beside)
    return new


def history_row(
    lead: Lead, made: Move, at: datetime, user_id: UUID | None, reason: str | None, seq: int
) -> dict[str, object]:
    """A move as `stage_history` keeps it; the amount only of an outcome."""
    return {
        "tenant_id": lead.tenant_id,
        "lead_id": lead.id,
        "seq": seq,
        "at": at,
        "from_stage": made.from_stage,
        "to_stage": made.to_stage,
        "from_status": made.from_status,
        "to_status": made.to_status,
        "duration_s": made.duration_s,
        "moved_by": user_id,
        "reason": reason,
        "value_minor": lead.value_minor if made.is_outcome else None,
        "value_currency": lead.value_currency if made.is_outcome else None,
    }


async def passages(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Passage]:
    """Every move of a lead, oldest first. The caller has checked that the lead may be seen."""
    return [Passage(*row) for row in await tx.connection.fetch(SELECT_HISTORY, tenant_id, lead_id)]


async def store_history(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    """Rows of `history_row`, for rooms above."""
    await INSERT_HISTORY.execute(tx, rows)


async def stays(
    tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID], stages: Collection[str]
) -> dict[UUID, list[tuple[str, datetime, datetime | None]]]:
    """When leads came into one of these stages and left it again (None: not yet), as far as they were moved
    there.
    """
    found: dict[UUID, list[tuple[str, datetime, datetime | None]]] = {}
    rows = await tx.connection.fetch(STAYS, tenant_id, lead_ids, list(stages)) if stages else []
    for row in rows:
        found.setdefault(row["lead_id"], []).append((row["stage"], row["from_at"], row["to_at"]))
    return found


async def last_moves(
    tx: Tx, tenant_id: UUID, since: Mapping[UUID, datetime], *, reopenings: bool = False
) -> dict[UUID, datetime]:
    """When each lead was last moved (or only reopened), from a moment of its own on; others are left out."""
    rows = await tx.connection.fetch(LAST_MOVES, tenant_id, list(since), list(since.values()), reopenings)
    return {row["lead_id"]: row["at"] for row in rows}


async def forget(tx: Tx, tenant_id: UUID, lead_ids: Sequence[UUID]) -> None:
    """What people wrote about why these leads were moved; codes stay, as in events."""
    await tx.connection.execute(FORGET, tenant_id, list(lead_ids))
