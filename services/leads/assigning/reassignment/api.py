"""`/v1/reassignments`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from services.leads.assigning.reassignment.asking import check_digest, check_number, checked, preview
from services.leads.assigning.reassignment.models import (
    KeptOut,
    PreviewOut,
    ReassignIn,
    ReassignmentOut,
    concerned,
)
from services.leads.assigning.reassignment.planning import Order
from services.leads.assigning.reassignment.rules import Bar, State
from services.leads.assigning.reassignment.use_cases import (
    Reassignment,
    kept_of,
    list_reassignments,
    reassign,
    show_reassignment,
    stop_reassignment,
)
from shared.access.directory import people
from shared.database.transactions import Tx
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/reassignments", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Writing = Annotated[Write, Depends(write_access("leads:write"))]
Paging = Annotated[PageQuery, Depends(page_query)]


@router.post("", status_code=201, response_model=ReassignmentOut, responses={200: {"model": PreviewOut}})
async def post_reassignment(body: ReassignIn, write: Writing, at: Now) -> Response:
    """Give all leads that match to others: those that the caller sees, or that lie in a pool open to them.

    With `preview` it only says what would be done. 409 `situation_changed` where it would come out otherwise
    than in the preview of that `digest`, or other than `expected` leads match.
    """
    asked, who = body.asked(), write.principal

    async def look(tx: Tx) -> PreviewOut:
        chosen = await checked(tx, who, asked, at)
        found = await preview(tx, Order(who, asked.goal), chosen.question, at)
        check_number(asked.expected, found.tally.leads)
        check_digest(asked.digest, found.tally)
        return PreviewOut.of(found, await _names(tx, found.loads))

    async def work(tx: Tx) -> ReassignmentOut:
        return await _shown(tx, await reassign(tx, who, asked, at))

    if body.preview:
        return await write.run(look, render=lambda shown: shown)
    return await write.run(work, render=lambda shown: shown, status=201)


async def _shown(tx: Tx, one: Reassignment) -> ReassignmentOut:
    return ReassignmentOut.of(one, await _names(tx, concerned(one)))


async def _names(tx: Tx, users: Iterable[UUID]) -> dict[UUID, str]:
    return {user: person.display_name for user, person in (await people(tx, users)).items()}


@router.get("", response_model=Page[ReassignmentOut])
async def get_reassignments(
    read: Reading, page: Paging, state: Annotated[State | None, Query()] = None
) -> Response:
    """The register of reassignments, the latest first: one's own, or all for who sees the whole tenant."""
    after = page.after[0] if page.after else None
    async with read.transaction() as tx:
        found: Sequence[Reassignment] = await list_reassignments(
            tx, read.principal, state, after, page.limit + 1
        )
        names = await _names(tx, {user for one in found for user in concerned(one)})
    return page.answer(found, key=lambda one: [one.id], render=lambda one: ReassignmentOut.of(one, names))


@router.get("/{reassignment_id}", response_model=ReassignmentOut)
async def get_reassignment(reassignment_id: Id, read: Reading) -> Response:
    """One reassignment, and how far it is."""
    async with read.transaction() as tx:
        one = await show_reassignment(tx, read.principal, reassignment_id)
        return read.respond(await _shown(tx, one))


@router.get("/{reassignment_id}/kept", response_model=Page[KeptOut])
async def get_kept(
    reassignment_id: Id, read: Reading, page: Paging, reason: Annotated[Bar | None, Query()] = None
) -> Response:
    """The leads that stayed where they were, each with the reason, as far as the caller sees them by now."""
    after = page.after[0] if page.after else None
    async with read.transaction() as tx:
        found = await kept_of(tx, read.principal, reassignment_id, reason, after, page.limit + 1)
    return page.answer(found, key=lambda one: [one.lead_id], render=KeptOut.of)


@router.post("/{reassignment_id}/stop", response_model=ReassignmentOut)
async def post_stop(reassignment_id: Id, write: Writing, at: Now) -> Response:
    """Give no further leads. What is given stays given."""

    async def work(tx: Tx) -> ReassignmentOut:
        return await _shown(tx, await stop_reassignment(tx, write.principal, reassignment_id, at))

    return await write.run(work, render=lambda shown: shown)
