"""`/v1/assignment-rules` and `/v1/leads/{id}/assignments`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.responses import Response

from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.decision_models import (
    AssignmentOut,
    ConsultedOut,
    ExplainIn,
    ExplainOut,
    users_in,
)
from services.leads.assigning.assignment.definitions import (
    RuleDraft,
    change_rule,
    create_rule,
    get_rule,
    list_rules,
)
from services.leads.assigning.assignment.explanation import explained
from services.leads.assigning.assignment.models import RuleIn, RuleOut, RulePatch
from services.leads.assigning.assignment.rules import Rule
from services.leads.assigning.assignment.use_cases import explain, facts_of, list_assignments
from services.leads.capture.intake.use_cases import get_lead
from services.leads.edge import position
from services.leads.judging.valuation.use_cases import Valuer
from shared.access.directory import people, tenant_of
from shared.database.transactions import Tx
from shared.errors import FieldError, Invalid
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

rules_router = Router(prefix="/v1/assignment-rules", tags=["assignment"])
leads_router = Router(prefix="/v1/leads", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]
Asking = Annotated[Write, Depends(write_access("leads:read"))]
"""A question by POST: it takes an Idempotency-Key like every other."""
Paging = Annotated[PageQuery, Depends(page_query)]
Shown = tuple[Rule, str]


class WhichLead(Invalid):
    code = "which_lead"
    title = "Give either lead_id or lead"


def _show(shown: Shown) -> RuleOut:
    return RuleOut.of(*shown)


@rules_router.get("", response_model=Page[RuleOut])
async def get_rules(read: Reading, page: Paging) -> Response:
    """All rules in the order in which they are asked, inactive ones too."""
    async with read.transaction() as tx:
        currency = (await tenant_of(tx)).currency
        rules = await list_rules(tx, read.principal.tenant_id)
    return page.answer_of_all(
        rules,
        key=lambda rule: (rule.position, rule.id),
        render=lambda rule: RuleOut.of(rule, currency),
    )


@rules_router.post("", status_code=201, response_model=RuleOut)
async def post_rule(body: RuleIn, write: Configuring, at: Now) -> Response:
    """Define a rule. It decides about leads created from now on."""

    async def work(tx: Tx) -> Shown:
        currency = (await tenant_of(tx)).currency
        draft: RuleDraft = body.draft(currency)
        return await create_rule(tx, write.principal.tenant_id, draft, at), currency

    return await write.run(work, render=_show, status=201)


@rules_router.post("/explain", response_model=ExplainOut)
async def post_explain(body: ExplainIn, asking: Asking, at: Now) -> Response:
    """Who would get a lead now, and why everyone else would not. Changes nothing."""

    async def work(tx: Tx) -> ExplainOut:
        facts = await _facts(tx, asking.principal.tenant_id, body, at)
        decision = await explain(tx, asking.principal.tenant_id, facts, at)
        stored = explained(decision.consulted)
        names = await _names(tx, users_in([stored]))
        return ExplainOut(
            owner_id=decision.owner_id,
            rule_id=decision.rule.id if decision.rule else None,
            rule_version=decision.rule.version if decision.rule else None,
            rules=[ConsultedOut.of(one, names) for one in stored],
        )

    return await asking.run(work, render=lambda shown: shown)


async def _facts(tx: Tx, tenant_id: UUID, body: ExplainIn, at: datetime) -> Facts:
    if body.lead_id is not None and body.lead is None:
        return facts_of(await get_lead(tx, tenant_id, body.lead_id))
    if body.lead is None or body.lead_id is not None:
        raise WhichLead(errors=[FieldError("/lead", WhichLead.code, "give either lead_id or lead")])
    money = body.lead.value.money() if body.lead.value else None
    value = await Valuer(tx, await tenant_of(tx)).value(money, at, "/lead/value")
    return body.lead.facts(value.tenant_minor if value else None)


async def _names(tx: Tx, users: set[UUID]) -> Mapping[UUID, str]:
    known = await people(tx, users) if users else {}
    return {user: person.display_name for user, person in known.items()}


@rules_router.get("/{rule_id}", response_model=RuleOut)
async def get_one_rule(rule_id: Id, read: Reading) -> Response:
    """One rule."""

    async def load(tx: Tx) -> Shown:
        return await get_rule(tx, read.principal.tenant_id, rule_id), (await tenant_of(tx)).currency

    return await read.one(load, _show, position=lambda shown: position(shown[0].id, shown[0].version))


@rules_router.patch("/{rule_id}", response_model=RuleOut)
async def patch_rule(rule_id: Id, body: RulePatch, write: Configuring, at: Now) -> Response:
    """Change a rule; it has a new version then."""

    async def work(tx: Tx) -> Shown:
        currency = (await tenant_of(tx)).currency
        changes = body.changes(currency)
        tenant_id = write.principal.tenant_id
        return await change_rule(tx, tenant_id, rule_id, changes, at, check_version=write.check), currency

    return await write.run(work, render=_show)


@rules_router.delete("/{rule_id}", response_model=RuleOut)
async def delete_rule(rule_id: Id, write: Configuring, at: Now) -> Response:
    """Deactivate a rule: it is asked no more, and stays for the explanations that name it."""

    async def work(tx: Tx) -> Shown:
        off = {"active": False}
        tenant_id = write.principal.tenant_id
        rule = await change_rule(tx, tenant_id, rule_id, off, at, check_version=write.check)
        return rule, (await tenant_of(tx)).currency

    return await write.run(work, render=_show)


@leads_router.get("/{lead_id}/assignments", response_model=Page[AssignmentOut])
async def get_assignments(lead_id: Id, read: Reading, page: Paging) -> Response:
    """Every assignment of a lead, oldest first, each with what was considered."""
    async with read.transaction() as tx:
        found = await list_assignments(tx, read.principal.tenant_id, lead_id)
        names = await _names(tx, users_in([one.explanation for one in found]))
    return page.answer_of_all(
        found, key=lambda one: (one.at, one.id), render=lambda one: AssignmentOut.of(one, names)
    )
