"""Routes of working calendars: `/v1/org/calendars`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.responses import Response

from services.gateway.calendars import use_cases
from services.gateway.calendars.models import CalendarChange, CalendarIn, CalendarOut
from services.gateway.calendars.use_cases import InUse
from services.gateway.tenancy.reading import answer_part
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/org/calendars", tags=["working time"])
Reading = Annotated[Read, Depends(read_access("org:read"))]
Writing = Annotated[Write, Depends(write_access("org:write"))]


@router.get("", response_model=Page[CalendarOut])
async def get_calendars(
    read: Reading, page: Annotated[PageQuery, Depends(page_query)], active: bool | None = None
) -> Response:
    """The tenant's calendars. Whose unit has none, nor any above, works Monday to Friday 09:00 to 18:00."""
    async with read.transaction() as tx:
        after = page.after[0] if page.after else None
        rows = await use_cases.page_calendars(tx, after=after, limit=page.limit + 1, active=active)
    return page.answer(rows, key=lambda calendar: [calendar.id], render=CalendarOut.of)


@router.post("", status_code=201, response_model=CalendarOut)
async def post_calendar(body: CalendarIn, write: Writing, now: Now) -> Response:
    """Define a calendar; units and profiles then name it by `calendar_id`."""
    wanted = body.calendar(new_id())
    return await write.run(
        lambda tx: use_cases.create_calendar(tx, wanted, now=now), render=CalendarOut.of, status=201
    )


@router.get("/{calendar_id}", response_model=CalendarOut)
async def get_calendar(calendar_id: Id, read: Reading) -> Response:
    return await answer_part(read, lambda tx: use_cases.calendar_of(tx, calendar_id), CalendarOut.of)


def patching(in_use: InUse) -> Router:
    """The route of changes; `in_use` comes from the room that knows who works by a calendar."""
    changing = Router(prefix="/v1/org/calendars", tags=["working time"])

    @changing.patch("/{calendar_id}", response_model=CalendarOut)
    async def patch_calendar(calendar_id: Id, body: CalendarChange, write: Writing, now: Now) -> Response:
        """Change a calendar. One by which active units or users work stays active."""
        return await write.run(
            lambda tx: use_cases.change_calendar(
                tx, calendar_id, body.changes(), in_use=in_use, if_match=write.if_match, now=now
            ),
            render=CalendarOut.of,
        )

    return changing
