"""`/v1/pools`, `/v1/leads/{id}/claim`, `/release` and `/assign`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Depends
from starlette.responses import Response

from services.leads.capture.intake.models import LeadOut
from services.leads.edge import position
from services.leads.pools.pool.defining import change_pool, create_pool
from services.leads.pools.pool.giving import Gift, Given, give_lead
from services.leads.pools.pool.looking import pools_shown_to, show_pool
from services.leads.pools.pool.models import AssignIn, PoolIn, PoolOut, PoolPatch, ReleaseIn
from services.leads.pools.pool.use_cases import claim_lead, release_lead
from shared.access.principal import Principal
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

pools_router = Router(prefix="/v1/pools", tags=["pools"])
leads_router = Router(prefix="/v1/leads", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Writing = Annotated[Write, Depends(write_access("leads:write"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]


@pools_router.get("", response_model=Page[PoolOut])
async def get_pools(read: Reading, page: Annotated[PageQuery, Depends(page_query)]) -> Response:
    """The pools that the caller may look into, the oldest first. Their leads: `GET /v1/leads?pool=`."""
    async with read.transaction() as tx:
        found = await pools_shown_to(tx, read.principal)
    return page.answer_of_all(found, key=lambda pool: (pool.id,), render=PoolOut.of)


@pools_router.post("", status_code=201, response_model=PoolOut)
async def post_pool(body: PoolIn, write: Configuring, at: Now) -> Response:
    """Define a pool."""
    return await write.run(
        lambda tx: create_pool(tx, write.principal.tenant_id, body.pool(new_id()), at),
        render=PoolOut.of,
        status=201,
    )


@pools_router.get("/{pool_id}", response_model=PoolOut)
async def get_one_pool(pool_id: Id, read: Reading) -> Response:
    """One pool."""
    return await read.one(
        lambda tx: show_pool(tx, read.principal, pool_id),
        PoolOut.of,
        position=lambda pool: position(pool.id, pool.version),
    )


@pools_router.patch("/{pool_id}", response_model=PoolOut)
async def patch_pool(pool_id: Id, body: PoolPatch, write: Configuring, at: Now) -> Response:
    """Change a pool. An inactive one takes no more leads and none is claimed from it."""
    return await write.run(
        lambda tx: change_pool(
            tx, write.principal.tenant_id, pool_id, body.changes(), at, check_version=write.check
        ),
        render=PoolOut.of,
    )


@leads_router.post("/{lead_id}/claim", response_model=LeadOut)
async def post_claim(lead_id: Id, write: Writing, at: Now) -> Response:
    """Take a lead out of a pool, for oneself. Of many who claim it at once one gets it.

    409 says what is in the way: `lead_already_claimed`, `no_claims`, `do_not_contact`, `cooling_off`,
    `daily_quota`, `cap_in_hand`.
    """
    who = write.principal
    return await write.run(
        lambda tx: claim_lead(tx, who, lead_id, at, check_version=write.check),
        render=lambda lead: LeadOut.for_viewer(lead, who),
    )


@leads_router.post("/{lead_id}/release", response_model=LeadOut)
async def post_release(
    lead_id: Id, write: Writing, at: Now, body: Annotated[ReleaseIn | None, Body()] = None
) -> Response:
    """Give an open lead into a pool, or a won one into a pool of customers. It gives no claim of the day
    back.
    """
    who, told = write.principal, body or ReleaseIn()
    return await write.run(
        lambda tx: release_lead(tx, who, lead_id, told.pool_id, told.reason, at, check_version=write.check),
        render=lambda lead: LeadOut.for_viewer(lead, who),
    )


@leads_router.post("/{lead_id}/assign", response_model=LeadOut)
async def post_assign(lead_id: Id, body: AssignIn, write: Writing, at: Now) -> Response:
    """Give a lead to somebody by hand.

    Out of a pool by its admins, and by superiors of its members to these: 409 `do_not_contact`, `cooling_off`
    or `cap_in_hand` says what is in the way.
    """
    gift = Gift(lead_id, body.owner_id)
    return await write.run(
        lambda tx: give_lead(tx, write.principal, gift, body.reason, at, check_version=write.check),
        render=lambda given: _given(given, write.principal),
    )


def _given(given: Given, who: Principal) -> LeadOut:
    shown = LeadOut.for_viewer(given.lead, who)
    return shown if given.in_sight else shown.masked()
