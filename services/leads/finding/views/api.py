"""`/v1/views`: saved filters, with an order and columns."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.responses import Response

from services.leads.edge import position
from services.leads.finding.views.models import ViewIn, ViewOut, ViewPatch
from services.leads.finding.views.rules import View
from services.leads.finding.views.use_cases import (
    change_view,
    get_view,
    list_views,
    problems_of,
    remove_view,
    save_view,
)
from shared.access.principal import Principal
from shared.database.transactions import Tx
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/views", tags=["views"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
# A view is its owner's affair and changes no lead.
Keeping = Annotated[Write, Depends(write_access("leads:read"))]


@router.get("", response_model=Page[ViewOut])
async def get_views(read: Reading, page: Annotated[PageQuery, Depends(page_query)]) -> Response:
    """One's own views and those shared with one, the oldest first; each says what of it is gone."""
    async with read.transaction() as tx:
        found = await list_views(tx, read.principal)
        shown = [(view, await _out(tx, read.principal, view)) for view in found]
    return page.answer_of_all(shown, key=lambda one: (one[0].id,), render=lambda one: one[1])


@router.post("", status_code=201, response_model=ViewOut)
async def post_view(body: ViewIn, write: Keeping, at: Now) -> Response:
    """Keep a view. Whoever asks for leads by it sees of them what they may."""
    who = write.principal

    async def work(tx: Tx) -> ViewOut:
        view = View(
            id=new_id(),
            version=1,
            owner_id=who.user_id or UUID(int=0),
            name=body.name,
            shared_with=body.shared_with,
            unit_id=body.unit_id,
            filters=body.filters,
            sort=body.sort,
            columns=tuple(body.columns),
            created_at=at,
        )
        return await _out(tx, who, await save_view(tx, who, view, at))

    return await write.run(work, render=lambda shown: shown, status=201)


@router.get("/{view_id}", response_model=ViewOut)
async def get_one_view(view_id: Id, read: Reading) -> Response:
    """One view."""

    async def load(tx: Tx) -> ViewOut:
        return await _out(tx, read.principal, await get_view(tx, read.principal, view_id))

    return await read.one(load, lambda shown: shown, position=lambda shown: position(shown.id, shown.version))


@router.patch("/{view_id}", response_model=ViewOut)
async def patch_view(view_id: Id, body: ViewPatch, write: Keeping, at: Now) -> Response:
    """Change a view: its owner, and of a shared one who configures the tenant."""
    who = write.principal

    async def work(tx: Tx) -> ViewOut:
        return await _out(
            tx, who, await change_view(tx, who, view_id, body.changes(), at, check_version=write.check)
        )

    return await write.run(work, render=lambda shown: shown)


@router.delete("/{view_id}", status_code=204)
async def delete_view(view_id: Id, write: Keeping, at: Now) -> Response:
    """Remove a view for everybody."""
    return await write.run(
        lambda tx: remove_view(tx, write.principal, view_id, at, check_version=write.check)
    )


async def _out(tx: Tx, who: Principal, view: View) -> ViewOut:
    return ViewOut.of(view, await problems_of(tx, who, view))
