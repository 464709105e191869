"""`/v1/classification-rules`, `/v1/score-definition`; `/v1/leads/{id}/classification` and `/score`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.leads.edge import position
from services.leads.judging.classification.definitions import (
    change_rule,
    create_rule,
    get_rule,
    list_rules,
    score_of,
    set_score,
)
from services.leads.judging.classification.models import (
    ClassificationOut,
    ClassificationRuleIn,
    ClassificationRuleOut,
    ClassificationRulePatch,
    ScoreDefinitionIn,
    ScoreDefinitionOut,
    ScoreOut,
)
from services.leads.judging.classification.rules import ClassRule
from services.leads.judging.classification.use_cases import explain
from shared.access.directory import tenant_of
from shared.database.transactions import Tx
from shared.ids import new_id
from shared.web.context import Now
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

rules_router = Router(prefix="/v1/classification-rules", tags=["classification"])
score_router = Router(prefix="/v1/score-definition", tags=["classification"])
leads_router = Router(prefix="/v1/leads", tags=["leads"])

Reading = Annotated[Read, Depends(read_access("leads:read"))]
Configuring = Annotated[Write, Depends(write_access("config:write"))]
Paging = Annotated[PageQuery, Depends(page_query)]
Shown = tuple[ClassRule, str]


def _show(shown: Shown) -> ClassificationRuleOut:
    return ClassificationRuleOut.of(*shown)


@rules_router.get("", response_model=Page[ClassificationRuleOut])
async def get_classification_rules(read: Reading, page: Paging) -> Response:
    """All rules in the order in which they are asked, inactive ones too."""
    async with read.transaction() as tx:
        currency = (await tenant_of(tx)).currency
        rules = await list_rules(tx, read.principal.tenant_id)
    return page.answer_of_all(
        rules,
        key=lambda rule: (rule.position, rule.id),
        render=lambda rule: ClassificationRuleOut.of(rule, currency),
    )


@rules_router.post("", status_code=201, response_model=ClassificationRuleOut)
async def post_classification_rule(body: ClassificationRuleIn, write: Configuring, at: Now) -> Response:
    """Define a rule. Leads that are there already follow soon, some at a time."""

    async def work(tx: Tx) -> Shown:
        currency = (await tenant_of(tx)).currency
        rule = body.rule(new_id(), currency)
        return await create_rule(tx, write.principal.tenant_id, rule, at), currency

    return await write.run(work, render=_show, status=201)


@rules_router.get("/{classification_rule_id}", response_model=ClassificationRuleOut)
async def get_one_classification_rule(classification_rule_id: Id, read: Reading) -> Response:
    """One rule."""

    async def load(tx: Tx) -> Shown:
        rule = await get_rule(tx, read.principal.tenant_id, classification_rule_id)
        return rule, (await tenant_of(tx)).currency

    return await read.one(load, _show, position=lambda shown: position(shown[0].id, shown[0].version))


@rules_router.patch("/{classification_rule_id}", response_model=ClassificationRuleOut)
async def patch_classification_rule(
    classification_rule_id: Id, body: ClassificationRulePatch, write: Configuring, at: Now
) -> Response:
    """Change a rule; leads follow soon, some at a time."""
    return await _change(write, classification_rule_id, body, at)


@rules_router.delete("/{classification_rule_id}", response_model=ClassificationRuleOut)
async def delete_classification_rule(classification_rule_id: Id, write: Configuring, at: Now) -> Response:
    """Deactivate a rule: what it gave, other rules give, or nobody."""
    return await _change(write, classification_rule_id, ClassificationRulePatch(active=False), at)


async def _change(write: Write, rule_id: Id, body: ClassificationRulePatch, at: Now) -> Response:
    async def work(tx: Tx) -> Shown:
        currency = (await tenant_of(tx)).currency
        rule = await change_rule(
            tx,
            write.principal.tenant_id,
            rule_id,
            body.changes(currency),
            at,
            check_version=write.check,
        )
        return rule, currency

    return await write.run(work, render=_show)


@score_router.get("", response_model=ScoreDefinitionOut)
async def get_score_definition(read: Reading) -> Response:
    """How points are counted."""
    async with read.transaction() as tx:
        score, version = await score_of(tx, read.principal.tenant_id)
        currency = (await tenant_of(tx)).currency
    return read.respond(ScoreDefinitionOut.of(score, version, currency))


@score_router.put("", response_model=ScoreDefinitionOut)
async def put_score_definition(body: ScoreDefinitionIn, write: Configuring, at: Now) -> Response:
    """The whole of it. Leads follow soon, some at a time."""

    async def work(tx: Tx) -> ScoreDefinitionOut:
        currency = (await tenant_of(tx)).currency
        score, version = await set_score(tx, write.principal.tenant_id, body.score(currency), at)
        return ScoreDefinitionOut.of(score, version, currency)

    return await write.run(work, render=lambda shown: shown)


@leads_router.get("/{lead_id}/classification", response_model=ClassificationOut)
async def get_classification(lead_id: Id, read: Reading, at: Now) -> Response:
    """By whom a lead's label, value class and intent are."""
    async with read.transaction() as tx:
        judged = await explain(tx, read.principal.tenant_id, lead_id, at)
    return read.respond(ClassificationOut.of(judged))


@leads_router.get("/{lead_id}/score", response_model=ScoreOut)
async def get_score(lead_id: Id, read: Reading, at: Now) -> Response:
    """A lead's points, each with its reason."""
    async with read.transaction() as tx:
        judged = await explain(tx, read.principal.tenant_id, lead_id, at)
    return read.respond(ScoreOut.of(judged))
