"""Routes of what a user's work depends on: `/v1/org/users/{user_id}/profile` and `…/absences`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.responses import Response

from services.gateway.tenancy.reading import answer_part
from services.gateway.working import use_cases
from services.gateway.working.models import AbsenceIn, AbsenceOut, ProfileIn, ProfileOut
from services.gateway.working.rules import Absence
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/org/users/{user_id}", tags=["working time"])
Reading = Annotated[Read, Depends(read_access("org:read"))]
Defining = Annotated[Write, Depends(write_access("org:write"))]
Recording = Annotated[Write, Depends(write_access("absences:write"))]


@router.get("/profile", response_model=ProfileOut)
async def get_profile(user_id: Id, read: Reading) -> Response:
    """What counts when work is given to a user; empty until something is said."""
    return await answer_part(read, lambda tx: use_cases.profile_of(tx, user_id), ProfileOut.of)


@router.put("/profile", response_model=ProfileOut)
async def put_profile(user_id: Id, body: ProfileIn, write: Defining, now: Now) -> Response:
    """Replace a user's profile."""
    return await write.run(
        lambda tx: use_cases.define_profile(tx, body.profile(user_id), if_match=write.if_match, now=now),
        render=ProfileOut.of,
    )


@router.get("/absences", response_model=Page[AbsenceOut])
async def get_absences(
    user_id: Id, read: Reading, page: Annotated[PageQuery, Depends(page_query)]
) -> Response:
    """A user's absences, the last to begin first."""
    async with read.transaction() as tx:
        rows = await use_cases.page_absences(tx, user_id, after=page.after_two, limit=page.limit + 1)
    return page.answer(rows, key=lambda found: [found.from_at, found.id], render=AbsenceOut.of)


@router.post("/absences", status_code=201, response_model=AbsenceOut)
async def post_absence(user_id: Id, body: AbsenceIn, write: Recording, now: Now) -> Response:
    """Record an absence: one's own; supervisors, managers and directors also those of whom they see.

    Absences may overlap.
    """
    recorded_by = write.principal.user_id
    absence = Absence(new_id(), user_id, body.kind, body.from_at, body.to_at, recorded_by, now)
    return await write.run(
        lambda tx: use_cases.record_absence(tx, absence, principal=write.principal),
        render=AbsenceOut.of,
        status=201,
        location=lambda _: f"/v1/org/users/{user_id}/absences",
    )


@router.delete("/absences/{absence_id}", status_code=204)
async def delete_absence(user_id: Id, absence_id: Id, write: Recording, now: Now) -> Response:
    """Withdraw an absence: it does not take place, or did not."""
    return await write.run(
        lambda tx: use_cases.withdraw_absence(tx, user_id, absence_id, principal=write.principal, now=now)
    )
