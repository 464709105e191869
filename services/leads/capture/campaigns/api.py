"""`/v1/campaigns`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.leads.capture.campaigns.models import (
    CampaignIn,
    CampaignOut,
    CampaignPatch,
    CostIn,
    CostOut,
    ResultsOut,
)
from services.leads.capture.campaigns.use_cases import (
    campaign_of,
    change_campaign,
    define_campaign,
    list_campaigns,
    list_costs,
    record_cost,
    remove_cost,
    results_of,
)
from services.leads.edge import position
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/campaigns", tags=["campaigns"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]
Paging = Annotated[PageQuery, Depends(page_query)]


@router.get("", response_model=Page[CampaignOut])
async def get_campaigns(read: Reading, page: Paging) -> Response:
    """Those that were defined, the latest first. Leads may carry names that are none of these."""
    after = page.after[0] if page.after else None
    async with read.transaction() as tx:
        found = await list_campaigns(tx, read.principal.tenant_id, after, page.limit + 1)
    return page.answer(found, key=lambda one: [one.id], render=CampaignOut.of)


@router.post("", status_code=201, response_model=CampaignOut)
async def post_campaign(body: CampaignIn, write: Configuring, at: Now) -> Response:
    """Define a campaign. Leads that carry its name already are of it."""
    return await write.run(
        lambda tx: define_campaign(tx, write.principal.tenant_id, body.campaign(new_id(), at)),
        render=CampaignOut.of,
        status=201,
    )


@router.get("/{campaign_id}", response_model=CampaignOut)
async def get_campaign(campaign_id: Id, read: Reading) -> Response:
    """One campaign."""
    return await read.one(
        lambda tx: campaign_of(tx, read.principal.tenant_id, campaign_id),
        CampaignOut.of,
        position=lambda one: position(one.id, one.version),
    )


@router.patch("/{campaign_id}", response_model=CampaignOut)
async def patch_campaign(campaign_id: Id, body: CampaignPatch, write: Configuring, at: Now) -> Response:
    """Change it, but for its name: that stands with the leads."""
    return await write.run(
        lambda tx: change_campaign(
            tx, write.principal.tenant_id, campaign_id, body.changes(), at, check_version=write.check
        ),
        render=CampaignOut.of,
    )


@router.get("/{campaign_id}/costs", response_model=Page[CostOut])
async def get_costs(campaign_id: Id, read: Reading, page: Paging) -> Response:
    """What it cost, the latest recorded first."""
    after = page.after[0] if page.after else None
    async with read.transaction() as tx:
        found = await list_costs(tx, read.principal.tenant_id, campaign_id, after, page.limit + 1)
    return page.answer(found, key=lambda one: [one.id], render=CostOut.of)


@router.post("/{campaign_id}/costs", status_code=201, response_model=CostOut)
async def post_cost(campaign_id: Id, body: CostIn, write: Configuring, at: Now) -> Response:
    """Record what it cost on a day; 422 `rate_missing` where that day has no rate of its currency."""
    who, amount = write.principal, body.amount.money()
    return await write.run(
        lambda tx: record_cost(tx, who.tenant_id, campaign_id, body.on, amount, body.note, who.user_id, at),
        render=CostOut.of,
        status=201,
    )


@router.delete("/{campaign_id}/costs/{cost_id}", status_code=204)
async def delete_cost(campaign_id: Id, cost_id: Id, write: Configuring, at: Now) -> Response:
    """Take back a cost that was recorded by mistake."""
    return await write.run(lambda tx: remove_cost(tx, write.principal.tenant_id, campaign_id, cost_id, at))


@router.get("/{campaign_id}/results", response_model=ResultsOut)
async def get_results(campaign_id: Id, read: Reading) -> Response:
    """What came of it so far: of the leads that the caller sees."""
    async with read.transaction() as tx:
        found = await results_of(tx, read.principal, campaign_id)
    return read.respond(ResultsOut.of(found))
