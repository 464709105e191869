"""What of a rule cannot work, whatever else there is: it never matches, or undoes itself. Pure.

A rule is read as if the lead stood, when the rule acts, where the event has put it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from services.leads.assigning.assignment.conditions import contradictions
from services.leads.follow_up.automation.echoes import sets_itself_off
from services.leads.follow_up.automation.known import (
    known_stages,
    known_statuses,
    said_of_owner,
    said_of_pool,
)
from services.leads.follow_up.automation.rules import (
    Action,
    Alert,
    Assign,
    AssignByRules,
    Move,
    Release,
    Set,
    Tag,
    Terms,
)
from services.leads.follow_up.automation.triggers import SOURCES, When
from services.leads.follow_up.pipelines.rules import LOST
from shared.errors import FieldError, Invalid


class AutomationImpossible(Invalid):
    code = "automation_impossible"
    title = "An automation rule that cannot work"


def check_terms(terms: Terms) -> None:
    """Raises AutomationImpossible naming all that cannot work."""
    errors = [*_of_when(terms.when), *_of_demands(terms), *_of_actions(terms)]
    if not errors and sets_itself_off(terms):
        detail = "what it does is what it waits for: demand something that it makes untrue"
        errors.append(FieldError("/actions", "sets_itself_off", detail))
    if errors:
        raise AutomationImpossible(errors[0].detail, errors=errors)


def _of_when(when: When) -> Iterator[FieldError]:
    told = SOURCES[when.event].told
    for name, value in asdict(when).items():
        if name != "event" and value not in ((), None) and name not in told:
            detail = f"{when.event} tells nothing of it" + (
                f", but of {', '.join(sorted(told))}" if told else ""
            )
            yield FieldError(f"/when/{name}", "not_told", detail)
    if len(when.from_stage) == 1 and when.from_stage == when.to_stage:
        yield FieldError("/when/to_stage", "contradiction", "a move leads to another stage")


def _of_demands(terms: Terms) -> Iterator[FieldError]:
    demands = terms.demands
    yield from contradictions(demands.facts)
    if demands.facts.tags and set(demands.facts.tags) <= set(demands.without_tags):
        yield _never("tags", "a lead with one of these tags is left out by without_tags")
    stages, statuses = known_stages(terms), known_statuses(terms)
    if stages is not None and not stages:
        yield _never("stage", f"after {terms.when.event} no lead stands there")
    elif statuses is not None and not statuses:
        yield _never("status", "no lead has it together with the event and the stages demanded")
    owned, pooled = said_of_owner(terms), said_of_pool(terms)
    if len(owned) > 1:
        yield _never("owned", "it contradicts the event, or owner_ids")
    if len(pooled) > 1:
        yield _never("pooled", "it contradicts the event, or pool_ids")
    if owned == {True} == pooled:
        yield _never("owned", "nobody owns a lead that lies in a pool")


def _never(name: str, detail: str) -> FieldError:
    return FieldError(f"/conditions/{name}", "contradiction", detail)


def _of_actions(terms: Terms) -> Iterator[FieldError]:
    actions = terms.actions
    for at, action in enumerate(actions):
        for code, detail in _flaws(action, terms):
            yield FieldError(f"/actions/{at}", code, detail)
    for kinds in ((Move,), (Assign, AssignByRules, Release)):
        several = [at for at, action in enumerate(actions) if isinstance(action, kinds)]
        for at in several[1:]:
            yield FieldError(f"/actions/{at}", "contradiction", f"it undoes the action {several[0]}")
    yield from _undone_fields(actions)


def _undone_fields(actions: Sequence[Action]) -> Iterator[FieldError]:
    """A tag or a field stands in one action only."""
    seen: set[tuple[str, str]] = set()
    for at, action in enumerate(actions):
        touched: list[tuple[str, str]] = []
        if isinstance(action, Tag):
            touched = [("tag", tag) for tag in (*action.add, *action.remove)]
        elif isinstance(action, Set):
            touched = [("field", name) for name in action.fields]
        for kind, name in touched:
            if (kind, name) in seen:
                yield FieldError(f"/actions/{at}", "contradiction", f"the {kind} {name} is changed twice")
            seen.add((kind, name))


def _flaws(action: Action, terms: Terms) -> Iterator[tuple[str, str]]:
    match action:
        case Move(to, reason) if reason is not None and to != LOST:
            yield "reason_of_a_loss", "only a loss has a reason"
        case Alert(owner=False, boss=None, user_ids=()):
            yield "nobody_to_tell", "tell the owner, a role above, or users"
        case Alert(user_ids=()) if said_of_owner(terms) == {False}:
            yield "nobody_to_tell", "nobody owns the leads of this rule"
        case AssignByRules() if said_of_pool(terms) == {True}:
            yield "never_works", "the rules give nobody what lies in a pool"
        case AssignByRules() if "open" not in (known_statuses(terms) or ("open",)):
            yield "never_works", "the rules give nobody a lead that is closed"
        case Release() if said_of_pool(terms) == {True}:
            yield "never_works", "the lead lies in a pool already"
    if _does_nothing(action, terms):
        yield "does_nothing", "the leads of this rule are so already"


def _does_nothing(action: Action, terms: Terms) -> bool:
    demands = terms.demands
    match action:
        case Tag(add, remove):
            has = set(demands.facts.tags) if len(demands.facts.tags) == 1 else set()
            return set(add) <= has and set(remove) <= set(demands.without_tags)
        case Set(fields):
            return all((value,) == getattr(demands.facts, name) for name, value in fields.items())
        case Move(to):
            return known_stages(terms) == frozenset({to})
        case Assign(owner_id):
            return demands.owner_ids == (owner_id,)
    return False
