"""`/v1/automation-rules`, their runs and dry runs; `/v1/leads/{id}/automation-runs`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.leads.edge import position
from services.leads.follow_up.automation.definitions import change_rule, create_rule, get_rule, list_rules
from services.leads.follow_up.automation.dry_run import DryRun, dry_run
from services.leads.follow_up.automation.models import (
    AutomationRuleIn,
    AutomationRuleOut,
    AutomationRulePatch,
)
from services.leads.follow_up.automation.rules import AutomationRule
from services.leads.follow_up.automation.run_models import DryRunIn, DryRunOut, RunOut
from services.leads.follow_up.automation.use_cases import runs_of_lead, runs_of_rule
from shared.access.directory import tenant_of
from shared.database.transactions import Tx
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

rules_router = Router(prefix="/v1/automation-rules", tags=["automation"])
leads_router = Router(prefix="/v1/leads", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]
Paging = Annotated[PageQuery, Depends(page_query)]
Shown = tuple[AutomationRule, str]


def _show(shown: Shown) -> AutomationRuleOut:
    return AutomationRuleOut.of(*shown)


@rules_router.get("", response_model=Page[AutomationRuleOut])
async def get_automation_rules(read: Reading, page: Paging) -> Response:
    """All rules in the order in which they act, inactive ones too."""
    async with read.transaction() as tx:
        currency = (await tenant_of(tx)).currency
        rules = await list_rules(tx, read.principal.tenant_id)
    return page.answer_of_all(
        rules,
        key=lambda rule: (rule.position, rule.id),
        render=lambda rule: AutomationRuleOut.of(rule, currency),
    )


@rules_router.post("", status_code=201, response_model=AutomationRuleOut)
async def post_automation_rule(body: AutomationRuleIn, write: Configuring, at: Now) -> Response:
    """Define a rule. It acts on what happens from now on; what it cannot do is refused with the reason."""

    async def work(tx: Tx) -> Shown:
        currency = (await tenant_of(tx)).currency
        rule = body.rule(new_id(), currency)
        return await create_rule(tx, write.principal.tenant_id, rule, at), currency

    return await write.run(work, render=_show, status=201)


@rules_router.post("/dry-run", response_model=DryRunOut)
async def post_dry_run(body: DryRunIn, asking: Configuring, at: Now) -> Response:
    """What a rule would have found in the last days, and what it would do now. Changes nothing."""

    async def work(tx: Tx) -> DryRun:
        tenant_id = asking.principal.tenant_id
        if body.rule is not None:
            rule = body.rule.rule(new_id(), (await tenant_of(tx)).currency)
        else:
            assert body.automation_rule_id is not None  # noqa: S101 - the model demands one of them
            rule = await get_rule(tx, tenant_id, body.automation_rule_id)
        return await dry_run(tx, tenant_id, rule, body.days, at)

    return await asking.run(work, render=DryRunOut.of)


@rules_router.get("/{automation_rule_id}", response_model=AutomationRuleOut)
async def get_one_automation_rule(automation_rule_id: Id, read: Reading) -> Response:
    """One rule."""

    async def load(tx: Tx) -> Shown:
        rule = await get_rule(tx, read.principal.tenant_id, automation_rule_id)
        return rule, (await tenant_of(tx)).currency

    return await read.one(load, _show, position=lambda shown: position(shown[0].id, shown[0].version))


@rules_router.patch("/{automation_rule_id}", response_model=AutomationRuleOut)
async def patch_automation_rule(
    automation_rule_id: Id, body: AutomationRulePatch, write: Configuring, at: Now
) -> Response:
    """Change a rule; it has a new version then."""
    return await _change(write, automation_rule_id, body, at)


@rules_router.delete("/{automation_rule_id}", response_model=AutomationRuleOut)
async def delete_automation_rule(automation_rule_id: Id, write: Configuring, at: Now) -> Response:
    """Deactivate a rule: it acts no more, and stays for the runs that name it."""
    return await _change(write, automation_rule_id, AutomationRulePatch(active=False), at)


async def _change(write: Write, rule_id: Id, body: AutomationRulePatch, at: Now) -> Response:
    async def work(tx: Tx) -> Shown:
        currency = (await tenant_of(tx)).currency
        rule = await change_rule(
            tx,
            write.principal.tenant_id,
            rule_id,
            body.changes(),
            body.terms(currency),
            at,
            check_version=write.check,
        )
        return rule, currency

    return await write.run(work, render=_show)


@rules_router.get("/{automation_rule_id}/runs", response_model=Page[RunOut])
async def get_runs(automation_rule_id: Id, read: Reading, page: Paging) -> Response:
    """When the rule acted, could not, or was kept from it, on leads that the caller sees; newest first."""
    before = None if page.after is None else page.after[0]
    async with read.transaction() as tx:
        found = await runs_of_rule(tx, read.principal.tenant_id, automation_rule_id, before, page.limit + 1)
    return page.answer(found, key=lambda run: (run.id,), render=RunOut.of)


@leads_router.get("/{lead_id}/automation-runs", response_model=Page[RunOut])
async def get_runs_of_lead(lead_id: Id, read: Reading, page: Paging) -> Response:
    """What rules did with the lead, newest first."""
    async with read.transaction() as tx:
        found = await runs_of_lead(tx, read.principal.tenant_id, lead_id)
    return page.answer_of_all(found, key=lambda run: (run.id,), render=RunOut.of, descending=True)
