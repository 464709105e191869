"""Whether a rule would set itself off: it makes the event that it waits for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.leads.follow_up.automation.known import known_stages
from services.leads.follow_up.automation.rules import (
    Action,
    Assign,
    AssignByRules,
    Demands,
    Move,
    Release,
    Set,
    Tag,
    Terms,
)
from services.leads.follow_up.automation.triggers import matches
from services.leads.follow_up.progress.rules import status_of
from shared.contracts.leads import LeadAssigned, LeadPooled, LeadUpdated, StageChanged

_Made = tuple[str, dict[str, Any]]
"""The type of an event, and what is known of its data."""


def sets_itself_off(terms: Terms) -> bool:
    """Whether the rule makes the event that it waits for, of a lead that it is still about."""
    made = (each for action in terms.actions for each in _made_by(action, terms))
    return any(matches(terms.when, *each) for each in made) and not any(
        _makes_untrue(action, terms.demands) for action in terms.actions
    )


def _made_by(action: Action, terms: Terms) -> Iterator[_Made]:
    match action:
        case Tag():
            yield LeadUpdated.type_name(), {"changed": ["tags"]}
        case Set(fields):
            yield LeadUpdated.type_name(), {"changed": list(fields)}
        case Assign() | AssignByRules():
            yield LeadAssigned.type_name(), {}
        case Release():
            # Why it lies there then, a rule about releases may wait for.
            yield LeadPooled.type_name(), {"why": "released"}
        case Move():
            yield from _moves(action, terms)


def _moves(action: Move, terms: Terms) -> Iterator[_Made]:
    """From where is known at times; else from anywhere that the rule may wait for."""
    for stage in known_stages(terms) or terms.when.from_stage or ("",):
        if stage != action.to:
            yield (
                StageChanged.type_name(),
                {
                    "from_stage": stage,
                    "to_stage": action.to,
                    "from_status": status_of(stage),
                    "to_status": status_of(action.to),
                    "reason_code": action.reason,
                },
            )


def _makes_untrue(action: Action, demands: Demands) -> bool:
    """Whether a lead no longer is as demanded, for sure, when this was done."""
    match action:
        case Tag(add, remove):
            tags = set(demands.facts.tags)
            return bool(set(add) & set(demands.without_tags)) or (bool(tags) and tags <= set(remove))
        case Set(fields):
            return any(
                (wanted := getattr(demands.facts, name)) and value not in wanted
                for name, value in fields.items()
            )
        case Move(to):
            wrong_stage = bool(demands.stage) and to not in demands.stage
            return wrong_stage or (bool(demands.status) and status_of(to) not in demands.status)
        case Assign(owner_id):
            others = bool(demands.owner_ids) and owner_id not in demands.owner_ids
            return others or demands.owned is False or _in_pool(demands)
        case AssignByRules():
            return len(demands.owner_ids) == 1 or demands.owned is False or _in_pool(demands)
        case Release():
            return demands.owned is True or bool(demands.owner_ids) or demands.pooled is False
    return False


def _in_pool(demands: Demands) -> bool:
    return demands.pooled is True or bool(demands.pool_ids)
