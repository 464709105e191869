"""`/v1/org/users/{user_id}/leave`, `…/departures` and `…/return`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.responses import Response

from services.gateway.departures import use_cases
from services.gateway.departures.models import DepartureOut, LeaveIn, planned
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/org/users/{user_id}", tags=["organisation"])
# Nobody learns from here that they are to leave.
Reading = Annotated[Read, Depends(read_access("org:write"))]
Writing = Annotated[Write, Depends(write_access("org:write"))]


@router.post("/leave", status_code=201, response_model=DepartureOut)
async def post_leave(user_id: Id, body: LeaveIn, write: Writing, now: Now) -> Response:
    """Somebody leaves: their sessions and keys end, and their open leads go to others by the rule."""
    wanted = planned(new_id(), user_id, body, write.principal.user_id, now)
    return await write.run(
        lambda tx: use_cases.leave(tx, wanted, may_admin=write.principal.may("admin"), now=now),
        render=DepartureOut.of,
        status=201,
        location=lambda _: f"/v1/org/users/{user_id}/departures",
    )


@router.delete("/leave", status_code=204)
async def delete_leave(user_id: Id, write: Writing) -> Response:
    """Cancel a departure that is not yet due."""
    return await write.run(lambda tx: use_cases.cancel_departure(tx, user_id))


@router.get("/departures", response_model=Page[DepartureOut])
async def get_departures(
    user_id: Id, read: Reading, page: Annotated[PageQuery, Depends(page_query)]
) -> Response:
    """A user's departures, newest effect first."""
    async with read.transaction() as tx:
        rows = await use_cases.page_departures(tx, user_id, after=page.after_two, limit=page.limit + 1)
    return page.answer(rows, key=lambda found: [found.effective_at, found.id], render=DepartureOut.of)


@router.post("/return", response_model=DepartureOut)
async def post_return(user_id: Id, write: Writing, now: Now) -> Response:
    """Who left is back and signs in anew. Within 7 days they get back the leads that nobody has touched."""
    return await write.run(
        lambda tx: use_cases.come_back(tx, user_id, may_admin=write.principal.may("admin"), now=now),
        render=DepartureOut.of,
    )
