"""`/v1/leads/{id}/consents`, `/withdraw`, and `/v1/notices`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.leads.edge import position
from services.leads.privacy.consents.models import (
    ConsentsOut,
    NoticeIn,
    NoticeOut,
    NoticePatch,
    NoticeVersions,
    WithdrawIn,
)
from services.leads.privacy.consents.use_cases import consents_of, grant, withdraw
from services.leads.privacy.wishes.models import ConsentIn
from services.leads.privacy.wishes.notices import change_notice, create_notice, list_notices, versions_of
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

leads_router = Router(prefix="/v1/leads", tags=["privacy"])
notices_router = Router(prefix="/v1/notices", tags=["privacy"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Writing = Annotated[Write, Depends(write_access("leads:write"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]
Paging = Annotated[PageQuery, Depends(page_query)]


@leads_router.get("/{lead_id}/consents", response_model=ConsentsOut)
async def get_consents(lead_id: Id, read: Reading) -> Response:
    """What the person agreed to and withdrew, on what ground their data is held, and what holds now."""
    return await read.one(
        lambda tx: consents_of(tx, read.principal.tenant_id, lead_id),
        ConsentsOut.of,
        position=lambda found: position(found.lead.id, found.lead.seq),
    )


@leads_router.post("/{lead_id}/consents", response_model=ConsentsOut)
async def post_consent(lead_id: Id, body: ConsentIn, write: Writing, at: Now) -> Response:
    """Record that the person agrees. Who agrees to be contacted comes off the do-not-contact list."""
    who = write.principal
    return await write.run(
        lambda tx: grant(tx, who.tenant_id, lead_id, body.statement(who, at), at, check=write.check),
        render=ConsentsOut.of,
    )


@leads_router.post("/{lead_id}/withdraw", response_model=ConsentsOut)
async def post_withdrawal(lead_id: Id, body: WithdrawIn, write: Writing, at: Now) -> Response:
    """Record that the person withdraws, or objects. Without `contact` they go on the do-not-contact list with
    all their leads, those to come among them: nobody claims them, no rule assigns them.
    """
    who = write.principal
    return await write.run(
        lambda tx: withdraw(tx, who.tenant_id, lead_id, body.statement(who, at), at, check=write.check),
        render=ConsentsOut.of,
    )


@notices_router.get("", response_model=Page[NoticeOut])
async def get_notices(read: Reading, page: Paging) -> Response:
    """On what ground leads of each source are held, and what people are told."""
    async with read.transaction() as tx:
        found = await list_notices(tx, read.principal.tenant_id)
    return page.answer_of_all(found, key=lambda one: (one.id,), render=NoticeOut.of)


@notices_router.post("", status_code=201, response_model=NoticeOut)
async def post_notice(body: NoticeIn, write: Configuring, at: Now) -> Response:
    """Say it of a source."""
    who = write.principal
    return await write.run(
        lambda tx: create_notice(tx, who.tenant_id, body.notice(new_id(), at), who.user_id),
        render=NoticeOut.of,
        status=201,
    )


@notices_router.get("/{notice_id}", response_model=NoticeVersions)
async def get_notice(notice_id: Id, read: Reading) -> Response:
    """One notice with every wording that it had."""
    return await read.one(
        lambda tx: versions_of(tx, read.principal.tenant_id, notice_id),
        NoticeVersions.of,
        position=lambda found: position(notice_id, found[-1].version),
    )


@notices_router.patch("/{notice_id}", response_model=NoticeOut)
async def patch_notice(notice_id: Id, body: NoticePatch, write: Configuring, at: Now) -> Response:
    """Change basis or wording: a new version. Who agreed to an older one is known to have agreed to that."""
    who = write.principal
    return await write.run(
        lambda tx: change_notice(
            tx, who.tenant_id, notice_id, body.basis, body.wording, who.user_id, at, check_version=write.check
        ),
        render=NoticeOut.of,
    )
