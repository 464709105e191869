"""Whatever a rule names is there, and can do what the rule wants of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import UUID

from services.leads.assigning.assignment.definitions import active_rules as assignment_rules
from services.leads.follow_up.automation.checking import AutomationImpossible
from services.leads.follow_up.automation.rules import Alert, Assign, AssignByRules, Move, Release, Terms
from services.leads.follow_up.first_response.definitions import roles_of_nobody
from services.leads.follow_up.pipelines.rules import DEFAULT_STAGES, OUTCOMES, Pipeline
from services.leads.follow_up.pipelines.use_cases import list_pipelines
from services.leads.pools.pool.definitions import list_pools
from services.leads.pools.pool.rules import Pool
from shared.access.directory import Person, people
from shared.database.transactions import Tx
from shared.errors import FieldError

Named = tuple[str, UUID]
"""Where something is named, and what."""


async def check_references(tx: Tx, tenant_id: UUID, terms: Terms, *, in_use: bool) -> None:
    """What a rule names is there; `in_use`: and it can work as things are. Raises AutomationImpossible."""
    pipelines = {one.id: one for one in await list_pipelines(tx, tenant_id)}
    pools = {one.id: one for one in await list_pools(tx, tenant_id)}
    persons = await people(tx, {user for _, user in _users(terms)})
    errors = [
        *_unknown("pipeline", _pipelines(terms), pipelines),
        *_unknown("pool", _pools(terms), pools),
        *_unknown("user", _users(terms), persons),
    ]
    if in_use and not errors:
        errors += [*_wrong_stages(terms, pipelines), *_out_of_use(terms, pools), *_inactive(terms, persons)]
        errors += await _helpless(tx, tenant_id, terms)
    if errors:
        raise AutomationImpossible(errors[0].detail, errors=errors)


def _unknown(kind: str, named: Iterator[Named], known: Mapping[UUID, object]) -> Iterator[FieldError]:
    for pointer, one in named:
        if one not in known:
            yield FieldError(pointer, f"unknown_{kind}", f"there is no {kind} {one}")


def _pipelines(terms: Terms) -> Iterator[Named]:
    for at, one in enumerate(terms.demands.pipeline_ids):
        yield f"/conditions/pipeline_ids/{at}", one


def _pools(terms: Terms) -> Iterator[Named]:
    for at, one in enumerate(terms.demands.pool_ids):
        yield f"/conditions/pool_ids/{at}", one
    for at, action in enumerate(terms.actions):
        if isinstance(action, Release) and action.pool_id is not None:
            yield f"/actions/{at}/pool_id", action.pool_id


def _users(terms: Terms) -> Iterator[Named]:
    for at, one in enumerate(terms.demands.owner_ids):
        yield f"/conditions/owner_ids/{at}", one
    yield from _working(terms)


def _working(terms: Terms) -> Iterator[Named]:
    """Users who are to do something."""
    for at, action in enumerate(terms.actions):
        if isinstance(action, Assign):
            yield f"/actions/{at}/owner_id", action.owner_id
        if isinstance(action, Alert):
            for number, one in enumerate(action.user_ids):
                yield f"/actions/{at}/user_ids/{number}", one


def _stages(terms: Terms) -> Iterator[tuple[str, str]]:
    for name in ("from_stage", "to_stage"):
        for at, stage in enumerate(getattr(terms.when, name)):
            yield f"/when/{name}/{at}", stage
    for at, stage in enumerate(terms.demands.stage):
        yield f"/conditions/stage/{at}", stage
    for at, action in enumerate(terms.actions):
        if isinstance(action, Move):
            yield f"/actions/{at}/to", action.to


def _wrong_stages(terms: Terms, pipelines: Mapping[UUID, Pipeline]) -> Iterator[FieldError]:
    """Of the pipelines that the rule is about, one at least must have each stage. The tenant's first one
    comes with its first lead.
    """
    about = [pipelines[one] for one in terms.demands.pipeline_ids] or list(pipelines.values())
    stages = [stage for pipeline in about for stage in pipeline.stages] or DEFAULT_STAGES
    known = {stage.key for stage in stages} | OUTCOMES
    for pointer, stage in _stages(terms):
        if stage not in known:
            detail = f"choose one of {', '.join(sorted(known))}"
            yield FieldError(pointer, "unknown_stage", detail)


def _out_of_use(terms: Terms, pools: Mapping[UUID, Pool]) -> Iterator[FieldError]:
    for at, action in enumerate(terms.actions):
        if isinstance(action, Release) and action.pool_id is not None and not pools[action.pool_id].active:
            detail = f"{pools[action.pool_id].name} takes no more leads"
            yield FieldError(f"/actions/{at}/pool_id", "pool_inactive", detail)


def _inactive(terms: Terms, persons: Mapping[UUID, Person]) -> Iterator[FieldError]:
    for pointer, user in _working(terms):
        if not persons[user].active:
            yield FieldError(pointer, "user_inactive", f"{persons[user].display_name} is not active")


async def _helpless(tx: Tx, tenant_id: UUID, terms: Terms) -> list[FieldError]:
    """Actions that nobody is there for: alerts to a role that nobody has, no rules to assign by."""
    errors = []
    nobody = await roles_of_nobody(tx, tenant_id)
    for at, action in enumerate(terms.actions):
        if isinstance(action, Alert) and action.boss in nobody:
            detail = f"no active user is a {action.boss}"
            errors.append(FieldError(f"/actions/{at}/boss", "alert_to_nobody", detail))
        if isinstance(action, AssignByRules) and not await assignment_rules(tx, tenant_id):
            detail = "there is no active assignment rule"
            errors.append(FieldError(f"/actions/{at}", "no_assignment_rules", detail))
    return errors
