"""`/v1/leads/{id}/keeping`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends
from starlette.responses import Response

from services.leads.recycling.use_cases import Dated, plan_of
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id, Timestamp, WireModel

router = Router(prefix="/v1/leads", tags=["leads"])


class KeepingOut(WireModel):
    """Until when the owner keeps the lead, unless it is followed up before; all null: without end, or nobody
    has it.
    """

    pool_id: Id | None
    ends_at: Timestamp | None
    why: Literal["no_first_follow_up", "no_follow_up", "no_deal"] | None
    warnings: list[Timestamp]

    @classmethod
    def of(cls, dated: Dated | None) -> KeepingOut:
        if dated is None:
            return cls(pool_id=None, ends_at=None, why=None, warnings=[])
        plan = dated.plan
        return cls(pool_id=dated.pool.id, ends_at=plan.ends_at, why=plan.why, warnings=list(plan.warnings))


@router.get("/{lead_id}/keeping", response_model=KeepingOut)
async def get_keeping(lead_id: Id, read: Annotated[Read, Depends(read_access("leads:read"))]) -> Response:
    """Until when the owner keeps the lead, by the terms of its pool; only effective follow-up moves that."""
    async with read.transaction() as tx:
        dated = await plan_of(tx, read.principal.tenant_id, lead_id)
    return read.respond(KeepingOut.of(dated))
