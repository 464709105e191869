"""Which leads a rule is about, and what it does. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from services.leads.assigning.assignment.conditions import Conditions, Facts, failed_condition
from services.leads.capture.intake.lead import Lead
from services.leads.follow_up.automation.triggers import When
from services.leads.follow_up.first_response.rules import Boss
from shared.contracts.leads import LeadStatus
from shared.errors import Conflict

Scalar = str | int | float | bool | None
Dimension = Literal["source", "channel", "campaign", "region", "product"]


class NobodyFound(Conflict):
    code = "nobody_found"
    title = "The assignment rules have nobody else for the lead"


class NobodyToTell(Conflict):
    code = "nobody_to_tell"
    title = "There is nobody whom the alert would reach"


@dataclass(frozen=True, slots=True)
class Demands:
    """What a lead must be, all that is given; within one, any of its values. None at all: every lead.

    `without_tags`: it has none of them; `owned`, `pooled`: whether somebody owns it, it lies in a pool;
    `pool_ids`: it lies in one of these; `custom`: these fields have these values.
    """

    facts: Conditions = field(default_factory=Conditions)
    without_tags: tuple[str, ...] = ()
    status: tuple[LeadStatus, ...] = ()
    stage: tuple[str, ...] = ()
    pipeline_ids: tuple[UUID, ...] = ()
    owned: bool | None = None
    owner_ids: tuple[UUID, ...] = ()
    pooled: bool | None = None
    pool_ids: tuple[UUID, ...] = ()
    custom: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tag:
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    do: Literal["tag"] = "tag"


@dataclass(frozen=True, slots=True)
class Set:
    """None empties a field."""

    fields: Mapping[Dimension, str | None]
    do: Literal["set"] = "set"


@dataclass(frozen=True, slots=True)
class Assign:
    owner_id: UUID
    do: Literal["assign"] = "assign"


@dataclass(frozen=True, slots=True)
class AssignByRules:
    """To whom the assignment rules say, who is another than the owner."""

    do: Literal["assign_by_rules"] = "assign_by_rules"


@dataclass(frozen=True, slots=True)
class Move:
    """To a stage, `won` or `lost`; a reason, a code, is that of a loss."""

    to: str
    reason: str | None = None
    do: Literal["move"] = "move"


@dataclass(frozen=True, slots=True)
class Release:
    """Into a pool, else where a release goes."""

    pool_id: UUID | None = None
    do: Literal["release"] = "release"


@dataclass(frozen=True, slots=True)
class Alert:
    """Tells the owner, who stands above the owner in that role, and these users. The text stays in leads."""

    code: str
    text: str | None = None
    owner: bool = False
    boss: Boss | None = None
    user_ids: tuple[UUID, ...] = ()
    do: Literal["alert"] = "alert"


Action = Tag | Set | Assign | AssignByRules | Move | Release | Alert


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule says: when, of which leads, and what it then does, in order."""

    when: When
    demands: Demands
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class AutomationRule:
    """A rule as it is now. `version` grows with each change; all that apply act, by ascending `position`."""

    id: UUID
    version: int
    name: str
    position: int
    terms: Terms
    active: bool = True


def unmet(demands: Demands, lead: Lead, facts: Facts) -> str | None:
    """The name of the first demand that a lead does not meet; None if it meets all. `facts` are the lead's.

    Whether its person may be contacted is no matter here: who may be given it, others decide.
    """
    lies_in = lead.pool_id if lead.pooled_at is not None else None
    checks: tuple[tuple[str, bool], ...] = (
        ("without_tags", set(demands.without_tags).isdisjoint(lead.tags)),
        ("status", not demands.status or lead.status in demands.status),
        ("stage", not demands.stage or lead.stage in demands.stage),
        ("pipeline_ids", not demands.pipeline_ids or lead.pipeline_id in demands.pipeline_ids),
        ("owned", demands.owned is None or demands.owned == (lead.owner_id is not None)),
        ("owner_ids", not demands.owner_ids or lead.owner_id in demands.owner_ids),
        ("pooled", demands.pooled is None or demands.pooled == (lies_in is not None)),
        ("pool_ids", not demands.pool_ids or lies_in in demands.pool_ids),
        ("custom", all(_same(lead.custom.get(name), value) for name, value in demands.custom.items())),
    )
    found = failed_condition(demands.facts, replace(facts, do_not_contact=False))
    return found or next((name for name, holds in checks if not holds), None)


def _same(one: object, other: object) -> bool:
    """Python takes true for 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
