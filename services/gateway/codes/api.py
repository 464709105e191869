"""Routes of codes: `/v1/codes`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from services.gateway.codes import image, use_cases
from services.gateway.codes.models import CodeIn, CodeOut, CodePatch, DayOut, ScansOut, link_of
from services.gateway.codes.rules import Code
from shared.events.positions import Position
from shared.ids import new_id
from shared.web.context import Now, context_of
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Day, Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/codes", tags=["forms"])
Reading = Annotated[Read, Depends(read_access("leads:read"))]
Writing = Annotated[Write, Depends(write_access("config:write"))]
Size = Annotated[int, Query(ge=image.SMALLEST, le=image.LARGEST, description="Points, at most.")]


async def _base(request: Request) -> str:
    return context_of(request).settings.public_url


Base = Annotated[str, Depends(_base)]


@router.get("", response_model=Page[CodeOut])
async def get_codes(read: Reading, page: Annotated[PageQuery, Depends(page_query)], base: Base) -> Response:
    """The tenant's codes, closed ones too."""
    async with read.transaction() as tx:
        after = page.after[0] if page.after else None
        found = await use_cases.list_codes(tx, after, page.limit + 1)
    return page.answer(found, key=lambda code: [code.id], render=lambda code: CodeOut.of(code, base))


@router.post("", status_code=201, response_model=CodeOut)
async def post_code(body: CodeIn, write: Writing, base: Base, at: Now) -> Response:
    """Make a code, to print its image."""
    code = body.code(new_id(), use_cases.new_key(), write.principal, at)
    return await write.run(
        lambda tx: use_cases.define_code(tx, code), render=lambda made: CodeOut.of(made, base), status=201
    )


@router.get("/{code_id}", response_model=CodeOut)
async def get_code(code_id: Id, read: Reading, base: Base) -> Response:
    """One code."""
    return await read.one(
        lambda tx: use_cases.code_of(tx, code_id),
        lambda code: CodeOut.of(code, base),
        position=lambda code: Position("cox.gateway", code.id, code.version),
    )


@router.patch("/{code_id}", response_model=CodeOut)
async def patch_code(code_id: Id, body: CodePatch, write: Writing, base: Base, at: Now) -> Response:
    """Lead it elsewhere, change what it says, or close it; what is printed stays good."""
    changes = body.changes()
    return await write.run(
        lambda tx: use_cases.change_code(
            tx, code_id, changes, user_id=write.principal.user_id, at=at, check_version=write.check
        ),
        render=lambda code: CodeOut.of(code, base),
    )


@router.get("/{code_id}/scans", response_model=ScansOut)
async def get_scans(
    code_id: Id,
    read: Reading,
    at: Now,
    first: Annotated[Day | None, Query(alias="from")] = None,
    last: Annotated[Day | None, Query(alias="to")] = None,
) -> Response:
    """What came of a code, by the tenant's days, both inclusive; the last 30 where nothing is said."""
    async with read.transaction() as tx:
        days = await use_cases.days_of(tx, code_id, first, last, at)
    return read.respond(
        ScansOut(
            scans=sum(each.scans for each in days),
            leads=sum(each.leads for each in days),
            days=[DayOut.of(each) for each in days],
        )
    )


def _picture(kind: str) -> dict[str, object]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {"responses": {"200": {"description": "The image.", "content": content}}}


@router.get("/{code_id}/image.svg", response_class=Response, openapi_extra=_picture("image/svg+xml"))
async def get_svg(code_id: Id, read: Reading, base: Base) -> Response:
    """The code to print, at any size."""
    return _image(image.svg(link_of(await _found(read, code_id), base)), "image/svg+xml")


@router.get("/{code_id}/image.png", response_class=Response, openapi_extra=_picture("image/png"))
async def get_png(code_id: Id, read: Reading, base: Base, size: Size = 600) -> Response:
    """The code as points."""
    return _image(image.png(link_of(await _found(read, code_id), base), size), "image/png")


async def _found(read: Read, code_id: Id) -> Code:
    async with read.transaction() as tx:
        return await use_cases.code_of(tx, code_id)


def _image(content: bytes, kind: str) -> Response:
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}
    return Response(content, headers=headers, media_type=kind)
