"""`/v1/leads`: create, batch, change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from services.leads.capture.intake.changes import update_lead
from services.leads.capture.intake.kept_out import named_if_seen
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.models import (
    BatchIn,
    BatchOut,
    LeadIn,
    LeadOut,
    LeadPatch,
    UndisclosedLead,
    drafted,
)
from services.leads.capture.intake.preparing import Newcomer
from services.leads.capture.intake.rules import Draft
from services.leads.capture.intake.use_cases import create_leads
from services.leads.deduplication.duplicates.rules import DuplicateLead
from services.leads.edge import position
from shared.database.together import Together
from shared.database.transactions import Tx
from shared.errors import CoxError
from shared.observability.traces import current_traceparent
from shared.web.context import Now, context_of, one_of
from shared.web.routing import BodyLimit, PerItem, Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/leads", tags=["leads"])
BATCH_BYTES = 16 * 1024 * 1024
BATCHES_AT_ONCE = 3
"""One is worked out while two are stored. More would only hold memory: 12 MB for a thousand leads."""

Writing = Annotated[Write, Depends(write_access("leads:write"))]


async def _together(request: Request) -> Together[Newcomer, Lead]:
    """Leads that come one by one at the same time."""
    context = context_of(request)

    async def create(tx: Tx, tenant_id: UUID, newcomers: Sequence[Newcomer]) -> list[Lead | CoxError]:
        return await create_leads(tx, tenant_id, newcomers, context.clock.now())

    return one_of(request, "newcomers", lambda: Together(context.database, create))


async def _turns(request: Request) -> asyncio.Semaphore:
    """Batches that wait for a turn."""
    return one_of(request, "batches", lambda: asyncio.Semaphore(BATCHES_AT_ONCE))


@router.post("", status_code=201, response_model=LeadOut)
async def post_lead(
    request: Request,
    body: LeadIn,
    write: Writing,
    together: Annotated[Together[Newcomer, Lead], Depends(_together)],
) -> Response:
    """Create a lead. It is assigned a moment later, by the rules.

    409 `duplicate_lead` where it repeats another and the policy of duplicates keeps it out.
    """
    try:
        return await write.run_together(
            together,
            Newcomer(body.draft(), write.principal.user_id, current_traceparent()),
            render=UndisclosedLead.of,
            position=lambda lead: position(lead.id, lead.seq),
            status=201,
        )
    except DuplicateLead as error:
        async with context_of(request).database.transaction(write.principal.access()) as tx:
            raise (await named_if_seen(tx, write.principal.tenant_id, [error]))[0] from None


@router.post(
    "/batch", response_model=BatchOut, dependencies=[Depends(BodyLimit(BATCH_BYTES)), Depends(PerItem())]
)
async def post_batch(
    body: BatchIn, write: Writing, at: Now, turns: Annotated[asyncio.Semaphore, Depends(_turns)]
) -> Response:
    """Create up to 1,000 leads: the good ones are stored, the bad ones are reported by index."""
    async with turns:
        drafts = drafted(body.items)
        return await write.run(
            lambda tx: _create_good(tx, write.principal.tenant_id, write.principal.user_id, drafts, at),
            render=BatchOut.of,
        )


async def _create_good(
    tx: Tx, tenant_id: UUID, user_id: UUID | None, drafts: Sequence[Draft | CoxError], at: datetime
) -> list[Lead | CoxError]:
    good = [Newcomer(draft, user_id) for draft in drafts if isinstance(draft, Draft)]
    made = iter(await named_if_seen(tx, tenant_id, await create_leads(tx, tenant_id, good, at)))
    return [next(made) if isinstance(draft, Draft) else draft for draft in drafts]


@router.patch("/{lead_id}", response_model=LeadOut)
async def patch_lead(lead_id: Id, body: LeadPatch, write: Writing, at: Now) -> Response:
    """Change fields of a lead; with If-Match only if it is still as it was read."""
    who, changes = write.principal, body.changes()
    return await write.run(
        lambda tx: update_lead(
            tx, who.tenant_id, who.user_id, lead_id, changes, at, check_version=write.check
        ),
        render=lambda lead: LeadOut.for_viewer(lead, who),
    )
