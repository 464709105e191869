"""`/v1/leads/redistribute`, and what became of the leads of people who left: `/v1/handovers`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from services.leads.assigning.handover.departures import handovers_of
from services.leads.assigning.handover.models import HandoverOut, RedistributeIn, RedistributionOut
from services.leads.assigning.handover.rules import Share
from services.leads.assigning.handover.use_cases import preview_redistribution, redistribute
from shared.access.directory import people
from shared.database.transactions import Tx
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

leads_router = Router(prefix="/v1/leads", tags=["leads"])
handovers_router = Router(prefix="/v1/handovers", tags=["leads"])


@leads_router.post("/redistribute", response_model=RedistributionOut)
async def post_redistribute(
    body: RedistributeIn, write: Annotated[Write, Depends(write_access("leads:write"))], at: Now
) -> Response:
    """Give somebody's open leads to others, each to whoever has the fewest then.

    The leads are those that the caller may see. Whom nobody may have goes to the pool named, else to the
    default one. 409 `situation_changed` where it would come out otherwise than in the preview of that
    `digest`.
    """

    async def work(tx: Tx) -> RedistributionOut:
        step = preview_redistribution if body.preview else redistribute
        done = await step(tx, write.principal, body.asked(), at)
        return RedistributionOut.of(done, await _names(tx, done.shares), preview=body.preview)

    return await write.run(work, render=lambda shown: shown)


async def _names(tx: Tx, shares: Iterable[Share]) -> dict[UUID, str]:
    known = await people(tx, [share.user_id for share in shares])
    return {user: person.display_name for user, person in known.items()}


@handovers_router.get("", response_model=Page[HandoverOut])
async def get_handovers(
    read: Annotated[Read, Depends(read_access("leads:read"))],
    page: Annotated[PageQuery, Depends(page_query)],
    user_id: Annotated[Id, Query(description="Who left.")],
) -> Response:
    """What became of the open leads of somebody who left, the last departure first."""
    async with read.transaction() as tx:
        found = await handovers_of(tx, read.principal, user_id)
        names = await _names(tx, [share for done in found for share in done.shares])
    return page.answer_of_all(
        found,
        key=lambda done: (done.left_at, done.departure_id),
        render=lambda done: HandoverOut.of(done, names),
        descending=True,
    )
