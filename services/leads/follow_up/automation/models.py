"""Automation rules on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.leads.assigning.assignment.models import ConditionsIn, ConditionsOut, Position, RuleName
from services.leads.capture.intake.models import Tags
from services.leads.edge import Short, StageKey
from services.leads.follow_up.automation import rules
from services.leads.follow_up.automation.rules import Action, AutomationRule, Demands, Dimension, Terms
from services.leads.follow_up.automation.triggers import Trigger, When
from services.leads.follow_up.first_response.rules import Boss
from services.leads.pools.pool.rules import Why
from shared.contracts.activities import ActivityKind
from shared.contracts.leads import LeadStatus
from shared.web.wire import Code, Id, Scalars, Text, WireModel, chosen_by

Changeable = Literal[
    "name", "phone", "email", "company", "source", "channel", "campaign", "region", "product", "value",
    "tags", "custom", "do_not_contact", "credit_code", "wecom_id", "label", "value_class", "intent", "score",
    "qualification",
]  # fmt: skip
ReasonCode = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
Stages = Annotated[list[StageKey], Field(max_length=50)]
Several: Any = Field(default_factory=list, max_length=50)


class WhenIn(WireModel):
    """What the rule waits for. All else that is given must hold, any of its values, and be told by the event:
    `changed` of `lead_updated`; `why` of `lead_pooled` and `recycle_warned`; the stages of moves; `reason` of
    `lead_lost`; `kind`, `outcome` and `effective` of `activity_recorded`.
    """

    event: Trigger
    changed: list[Changeable] = Several
    why: list[Why] = Several
    from_stage: Stages = Field(default_factory=list)
    to_stage: Stages = Field(default_factory=list)
    reason: list[ReasonCode] = Several
    kind: list[ActivityKind] = Several
    outcome: list[Code] = Several
    effective: bool | None = None

    def when(self) -> When:
        return When(**_as_kept(self))

    @classmethod
    def of(cls, when: When) -> WhenIn:
        return cls(**_as_sent(when))


class AutomationConditionsIn(ConditionsIn):
    """What the lead must be when the rule acts: all that is given; within one, any of its values."""

    without_tags: Tags = Field(default_factory=list, description="It has none of them.")
    status: list[LeadStatus] = Several
    stage: Stages = Field(default_factory=list)
    pipeline_ids: list[Id] = Several
    owned: bool | None = Field(default=None, description="Whether somebody owns it.")
    owner_ids: list[Id] = Several
    pooled: bool | None = Field(default=None, description="Whether it lies in a pool.")
    pool_ids: list[Id] = Field(default_factory=list, max_length=50, description="It lies in one of these.")
    custom: Scalars = Field(default_factory=dict, description="These fields have these values; null: none.")

    def demands(self, currency: str) -> Demands:
        own = {name: value for name, value in _as_kept(self).items() if name in _OWN_DEMANDS}
        return Demands(facts=self.conditions(currency), **own)


class AutomationConditionsOut(ConditionsOut):
    without_tags: list[str]
    status: list[LeadStatus]
    stage: list[str]
    pipeline_ids: list[Id]
    owned: bool | None
    owner_ids: list[Id]
    pooled: bool | None
    pool_ids: list[Id]
    custom: Scalars

    @classmethod
    def of_demands(cls, demands: Demands, currency: str) -> AutomationConditionsOut:
        own = {name: value for name, value in _as_sent(demands).items() if name in _OWN_DEMANDS}
        return cls(**dict(ConditionsOut.of(demands.facts, currency)), **own)


_OWN_DEMANDS = frozenset(one.name for one in fields(Demands)) - {"facts"}


class AssignAction(WireModel):
    """Give the lead to somebody."""

    do: Literal["assign"]
    owner_id: Id


class AssignByRulesAction(WireModel):
    """Give the lead to whom the assignment rules say, who is another than its owner."""

    do: Literal["assign_by_rules"]


class TagAction(WireModel):
    """Give tags to the lead, and take some away."""

    do: Literal["tag"]
    add: Tags = Field(default_factory=list)
    remove: Tags = Field(default_factory=list)


class SetAction(WireModel):
    """Set fields; null empties one."""

    do: Literal["set"]
    fields: Annotated[dict[Dimension, Short | None], Field(min_length=1)]


class MoveAction(WireModel):
    """Move the lead to a stage, `won` or `lost`, as if by hand: what the stage demands must be there."""

    do: Literal["move"]
    to: StageKey
    reason: ReasonCode | None = Field(default=None, description="Of a loss.")


class ReleaseAction(WireModel):
    """Give the lead into a pool, else where a release goes."""

    do: Literal["release"]
    pool_id: Id | None = None


class AlertAction(WireModel):
    """Publish `automation_alerted` for the owner, whoever stands above them in a role, and users."""

    do: Literal["alert"]
    code: ReasonCode
    text: Annotated[str, Text(1000)] | None = Field(default=None, description="Stays with the rule.")
    owner: bool = False
    boss: Boss | None = Field(default=None, description="The nearest above the owner, else the next role up.")
    user_ids: list[Id] = Several


_MODELS = (AssignAction, AssignByRulesAction, TagAction, SetAction, MoveAction, ReleaseAction, AlertAction)
AnyAction = Annotated[
    AssignAction | AssignByRulesAction | TagAction | SetAction | MoveAction | ReleaseAction | AlertAction,
    Field(discriminator="do"),
    chosen_by("do", *_MODELS),
]
Actions = Annotated[list[AnyAction], Field(min_length=1, max_length=5)]
_KINDS: Sequence[tuple[type[WireModel], type[Any]]] = tuple(
    (model, getattr(rules, model.__name__.removesuffix("Action"))) for model in _MODELS
)


def _actions(told: Iterable[WireModel]) -> tuple[Action, ...]:
    kinds = dict(_KINDS)
    return tuple(kinds[type(one)](**_as_kept(one)) for one in told)


def _shown(actions: Iterable[Action]) -> list[Any]:
    models = {kind: model for model, kind in _KINDS}
    return [models[type(one)](**_as_sent(one)) for one in actions]


def _as_kept(told: WireModel) -> dict[str, Any]:
    """Lists as tuples, each value once."""
    return {name: tuple(dict.fromkeys(value)) if isinstance(value, list) else value for name, value in told}


def _as_sent(kept: Any) -> dict[str, Any]:
    values = {one.name: getattr(kept, one.name) for one in fields(kept)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


class AutomationRuleIn(WireModel):
    """When this happens to a lead that is so, do that. All rules that apply act, by ascending `position`."""

    name: RuleName
    position: Position = 100
    when: WhenIn
    conditions: AutomationConditionsIn = Field(default_factory=AutomationConditionsIn)
    actions: Actions = Field(description="Done in this order: all of them, or where one is refused none.")
    active: bool = True

    def rule(self, rule_id: UUID, currency: str) -> AutomationRule:
        return AutomationRule(
            id=rule_id,
            version=1,
            name=self.name,
            position=self.position,
            terms=Terms(self.when.when(), self.conditions.demands(currency), _actions(self.actions)),
            active=self.active,
        )


class AutomationRulePatch(WireModel):
    """What is to change; `when`, conditions and actions are replaced as a whole."""

    name: RuleName | None = None
    position: Position | None = None
    when: WhenIn | None = None
    conditions: AutomationConditionsIn | None = None
    actions: Actions | None = None
    active: bool | None = None

    def changes(self) -> Mapping[str, Any]:
        """Fields as in AutomationRule."""
        names = ("name", "position", "active")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def terms(self, currency: str) -> Mapping[str, Any]:
        """Fields as in Terms."""
        given: dict[str, Any] = {}
        if self.when is not None:
            given["when"] = self.when.when()
        if self.conditions is not None:
            given["demands"] = self.conditions.demands(currency)
        if self.actions is not None:
            given["actions"] = _actions(self.actions)
        return given


class AutomationRuleOut(WireModel):
    """A rule as it is now."""

    id: Id
    version: int
    name: str
    position: int
    when: WhenIn
    conditions: AutomationConditionsOut
    actions: list[AnyAction]
    active: bool

    @classmethod
    def of(cls, rule: AutomationRule, currency: str) -> AutomationRuleOut:
        return cls(
            id=rule.id,
            version=rule.version,
            name=rule.name,
            position=rule.position,
            when=WhenIn.of(rule.terms.when),
            conditions=AutomationConditionsOut.of_demands(rule.terms.demands, currency),
            actions=_shown(rule.terms.actions),
            active=rule.active,
        )
