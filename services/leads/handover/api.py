"""`/v1/leads/redistribute`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.leads.handover.models import RedistributeIn, RedistributionOut
from services.leads.handover.use_cases import preview_redistribution, redistribute
from shared.access.directory import people
from shared.database.transactions import Tx
from shared.web.context import Now
from shared.web.routing import Router
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/leads", tags=["leads"])


@router.post("/redistribute", response_model=RedistributionOut)
async def post_redistribute(
    body: RedistributeIn, write: Annotated[Write, Depends(write_access("leads:write"))], at: Now
) -> Response:
    """Give somebody's open leads to others, each to whoever has the fewest then.

    The leads are those that the caller may see. Whom nobody may have goes to the default pool. 409
    `situation_changed` where it would come out otherwise than in the preview of that `digest`.
    """

    async def work(tx: Tx) -> RedistributionOut:
        step = preview_redistribution if body.preview else redistribute
        done = await step(tx, write.principal, body.asked(), at)
        known = await people(tx, [share.user_id for share in done.shares])
        names = {user: person.display_name for user, person in known.items()}
        return RedistributionOut.of(done, names, preview=body.preview)

    return await write.run(work, render=lambda shown: shown)
