"""`/v1/response-rules`, `/v1/leads/{id}/response`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.leads.edge import position
from services.leads.follow_up.first_response.clocks import planned
from services.leads.follow_up.first_response.definitions import (
    change_response_rule,
    create_response_rule,
    get_response_rule,
    list_response_rules,
)
from services.leads.follow_up.first_response.models import (
    ClockOut,
    ResponseOut,
    ResponseRuleIn,
    ResponseRuleOut,
    ResponseRulePatch,
)
from services.leads.follow_up.first_response.rules import ResponseRule
from services.leads.follow_up.first_response.use_cases import response_of
from shared.access.directory import tenant_of
from shared.database.transactions import Tx
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

rules_router = Router(prefix="/v1/response-rules", tags=["response"])
leads_router = Router(prefix="/v1/leads", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]
Shown = tuple[ResponseRule, str]


def _show(shown: Shown) -> ResponseRuleOut:
    return ResponseRuleOut.of(*shown)


@rules_router.get("", response_model=Page[ResponseRuleOut])
async def get_response_rules(read: Reading, page: Annotated[PageQuery, Depends(page_query)]) -> Response:
    """All rules in the order in which they are asked, inactive ones too."""
    async with read.transaction() as tx:
        currency = (await tenant_of(tx)).currency
        rules = await list_response_rules(tx, read.principal.tenant_id)
    return page.answer_of_all(
        rules,
        key=lambda rule: (rule.position, rule.id),
        render=lambda rule: ResponseRuleOut.of(rule, currency),
    )


@rules_router.post("", status_code=201, response_model=ResponseRuleOut)
async def post_response_rule(body: ResponseRuleIn, write: Configuring, at: Now) -> Response:
    """Define a rule. It holds for assignments from now on."""

    async def work(tx: Tx) -> Shown:
        currency = (await tenant_of(tx)).currency
        rule = body.rule(new_id(), currency)
        return await create_response_rule(tx, write.principal.tenant_id, rule, at), currency

    return await write.run(work, render=_show, status=201)


@rules_router.get("/{response_rule_id}", response_model=ResponseRuleOut)
async def get_one_response_rule(response_rule_id: Id, read: Reading) -> Response:
    """One rule."""

    async def load(tx: Tx) -> Shown:
        rule = await get_response_rule(tx, read.principal.tenant_id, response_rule_id)
        return rule, (await tenant_of(tx)).currency

    return await read.one(load, _show, position=lambda shown: position(shown[0].id, shown[0].version))


@rules_router.patch("/{response_rule_id}", response_model=ResponseRuleOut)
async def patch_response_rule(
    response_rule_id: Id, body: ResponseRulePatch, write: Configuring, at: Now
) -> Response:
    """Change a rule; clocks that run keep the terms that they started with."""

    async def work(tx: Tx) -> Shown:
        currency = (await tenant_of(tx)).currency
        rule = await change_response_rule(
            tx,
            write.principal.tenant_id,
            response_rule_id,
            body.changes(currency),
            body.terms(),
            at,
            check_version=write.check,
        )
        return rule, currency

    return await write.run(work, render=_show)


@leads_router.get("/{lead_id}/response", response_model=ResponseOut)
async def get_response(lead_id: Id, read: Reading) -> Response:
    """How long the owner has for the first response, what has happened so far, and how it was before."""
    async with read.transaction() as tx:
        current, earlier, hours = await response_of(tx, read.principal.tenant_id, lead_id)
    shown = [
        ClockOut.of(clock, planned(clock, hours[clock.owner_id]))
        for clock in (*earlier, *([current] if current else []))
    ]
    answer = ResponseOut(current=shown.pop() if current else None, earlier=shown)
    return read.respond(answer)
