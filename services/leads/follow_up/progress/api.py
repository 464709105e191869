"""`/v1/leads/{id}/move` and `/history`."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends
from starlette.responses import Response

from services.leads.capture.intake.models import LeadOut
from services.leads.capture.intake.use_cases import get_lead
from services.leads.edge import StageKey, money_out
from services.leads.follow_up.progress.use_cases import Passage, move_lead, passages
from shared.database.transactions import Tx
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, MoneyIn, MoneyOut, Text, Timestamp, WireModel
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/leads", tags=["leads"])


class MoveIn(WireModel):
    """Where to.

    `reason` is a code such as `price`, or text that stays here; `value` is the lead's new value.
    """

    to: StageKey
    reason: Annotated[str, Text(1000)] | None = None
    value: MoneyIn | None = None


class PassageOut(WireModel):
    """One accepted move. `duration_s`: seconds spent in the stage left."""

    version: int
    at: Timestamp
    from_stage: str
    to_stage: str
    from_status: Literal["open", "won", "lost"]
    to_status: Literal["open", "won", "lost"]
    duration_s: int
    moved_by: Id | None
    reason: str | None
    value: MoneyOut | None

    @classmethod
    def of(cls, passage: Passage) -> PassageOut:
        taken = cls.model_fields.keys() - {"version", "value"}
        return cls.model_construct(
            **{name: getattr(passage, name) for name in taken},
            version=passage.seq,
            value=money_out(passage.value_minor, passage.value_currency),
        )


@router.post("/{lead_id}/move", response_model=LeadOut)
async def post_move(
    lead_id: Id, body: MoveIn, write: Annotated[Write, Depends(write_access("leads:write"))], at: Now
) -> Response:
    """Move a lead to a stage, `won` or `lost`; to a stage from there reopens it.

    409 names every criterion that is missing. An activity recorded just before counts at once when its
    `Cox-Position` is sent as `Cox-Wait-For`.
    """
    who = write.principal
    value = body.value.money() if body.value else None
    return await write.run(
        lambda tx: move_lead(
            tx,
            who.tenant_id,
            who.user_id,
            lead_id,
            body.to,
            at,
            reason=body.reason,
            value=value,
            check_version=write.check,
        ),
        render=lambda lead: LeadOut.for_viewer(lead, who),
    )


@router.get("/{lead_id}/history", response_model=Page[PassageOut])
async def get_history(
    lead_id: Id,
    read: Annotated[Read, Depends(read_access("leads:read"))],
    page: Annotated[PageQuery, Depends(page_query)],
) -> Response:
    """Every move of a lead, oldest first, with the time spent in each stage."""
    async with read.transaction() as tx:
        rows = await _passages(tx, read.principal.tenant_id, lead_id)
    return page.answer_of_all(rows, key=lambda row: (row.seq,), render=PassageOut.of)


async def _passages(tx: Tx, tenant_id: UUID, lead_id: UUID) -> list[Passage]:
    await get_lead(tx, tenant_id, lead_id)
    return await passages(tx, tenant_id, lead_id)
