"""`/v1/exports`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from services.leads.edge import position
from services.leads.finding.exports.models import (
    DecisionIn,
    ExportIn,
    ExportOut,
    ExportTermsIn,
    ExportTermsOut,
)
from services.leads.finding.exports.rules import State
from services.leads.finding.exports.sending import House, Where, begin_download
from services.leads.finding.exports.terms import set_terms, terms_of
from services.leads.finding.exports.use_cases import ask_export, decide, list_exports, show_export
from shared.web.context import Now, context_of
from shared.web.disclosures import where_to
from shared.web.files import FileOut
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/exports", tags=["exports"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Asking = Annotated[Write, Depends(write_access("leads:read"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]
Paging = Annotated[PageQuery, Depends(page_query)]
_FILE = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
}


@router.post("", status_code=201, response_model=ExportOut)
async def post_export(body: ExportIn, write: Asking, at: Now) -> Response:
    """Ask for the leads that a list by these filters shows, as a file. With contact data in masses it waits
    until a director or an admin approves it.
    """
    return await write.run(
        lambda tx: ask_export(tx, write.principal, body.asked(), at), render=ExportOut.of, status=201
    )


@router.get("", response_model=Page[ExportOut])
async def get_exports(
    read: Reading, page: Paging, state: Annotated[State | None, Query()] = None
) -> Response:
    """The register of exports, the latest first: one's own, or all for directors and admins."""
    after = page.after[0] if page.after else None
    async with read.transaction() as tx:
        found = await list_exports(tx, read.principal, state, after, page.limit + 1)
    return page.answer(found, key=lambda one: [one.export.id], render=ExportOut.of)


@router.get("/terms", response_model=ExportTermsOut)
async def get_terms(read: Reading) -> Response:
    """How much may leave without approval."""
    async with read.transaction() as tx:
        return read.respond(ExportTermsOut.of(await terms_of(tx, read.principal.tenant_id)))


@router.put("/terms", response_model=ExportTermsOut)
async def put_terms(body: ExportTermsIn, write: Configuring, at: Now) -> Response:
    """Say how much; it holds for what is asked for from now on."""
    return await write.run(
        lambda tx: set_terms(tx, write.principal.tenant_id, body.terms(), at), render=ExportTermsOut.of
    )


@router.get("/{export_id}", response_model=ExportOut)
async def get_export(export_id: Id, read: Reading) -> Response:
    """One export, with what was downloaded. With If-None-Match and Cox-Wait-Ms it waits for the decision."""
    return await read.one(
        lambda tx: show_export(tx, read.principal, export_id),
        ExportOut.of,
        position=lambda found: position(found.export.id, found.export.version),
    )


@router.post("/{export_id}/approve", response_model=ExportOut)
async def post_approval(
    export_id: Id, write: Configuring, at: Now, body: Annotated[DecisionIn | None, Body()] = None
) -> Response:
    """Let it be downloaded. Nobody approves their own, unless nobody else could."""
    return await write.run(
        lambda tx: decide(
            tx, write.principal, export_id, body.note if body else None, at,
            approve=True, check_version=write.check,
        ),
        render=ExportOut.of,
    )  # fmt: skip


@router.post("/{export_id}/refuse", response_model=ExportOut)
async def post_refusal(
    export_id: Id, write: Configuring, at: Now, body: Annotated[DecisionIn | None, Body()] = None
) -> Response:
    """Let it not be downloaded."""
    return await write.run(
        lambda tx: decide(
            tx, write.principal, export_id, body.note if body else None, at,
            approve=False, check_version=write.check,
        ),
        render=ExportOut.of,
    )  # fmt: skip


@router.get("/{export_id}/file", responses={200: {"content": _FILE}}, response_class=Response)
async def get_file(request: Request, export_id: Id, read: Reading) -> Response:
    """The file, made while it is sent: the leads that match now, as the caller may see them now.

    For who asked for it; one at a time. An answer that breaks off is no file.
    """
    context = context_of(request)
    assert context.witness is not None  # noqa: S101 - the app is built with one
    house = House(context.database, context.clock, context.witness)
    sending = await begin_download(house, read.principal, export_id, Where(*where_to(request)))
    return FileOut(sending, f"leads-{context.clock.now():%Y%m%d-%H%M%S}.{sending.export.format}")
