"""Classes, scores and their rules on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.leads.assigning.assignment.models import Position, RuleName
from services.leads.capture.intake.lead import Classed, Grade, Label
from services.leads.follow_up.automation.models import AutomationConditionsIn, AutomationConditionsOut
from services.leads.judging.classification.rules import ClassRule, Freshness, Item, Reason, Score, Verdict
from services.leads.judging.classification.use_cases import Judged
from shared.web.wire import Id, Line, WireModel

Points = Annotated[int, Field(ge=-1000, le=1000)]
_PLAIN = ("name", "position", "active")
_GIVEN = ("label", "value_class", "intent")


class ClassificationRuleIn(WireModel):
    """What leads that are so get, unless by hand; of several rules the first by ascending `position`.

    Conditions may not be about what rules give.
    """

    name: RuleName
    position: Position = 100
    conditions: AutomationConditionsIn = Field(default_factory=AutomationConditionsIn)
    label: Label | None = None
    value_class: Grade | None = None
    intent: Grade | None = None
    active: bool = True

    def rule(self, rule_id: UUID, currency: str) -> ClassRule:
        given = {name: getattr(self, name) for name in (*_PLAIN, *_GIVEN)}
        return ClassRule(id=rule_id, version=1, demands=self.conditions.demands(currency), **given)


class ClassificationRulePatch(WireModel):
    """What is to change; conditions are replaced as a whole, null gives a class no longer."""

    name: RuleName | None = None
    position: Position | None = None
    conditions: AutomationConditionsIn | None = None
    label: Label | None = None
    value_class: Grade | None = None
    intent: Grade | None = None
    active: bool | None = None

    def changes(self, currency: str) -> Mapping[str, Any]:
        """Fields as in ClassRule."""
        given = {name: getattr(self, name) for name in _PLAIN if getattr(self, name) is not None}
        given |= {name: getattr(self, name) for name in _GIVEN if name in self.model_fields_set}
        if self.conditions is not None:
            given["demands"] = self.conditions.demands(currency)
        return given


class ClassificationRuleOut(WireModel):
    """A rule as it is now."""

    id: Id
    version: int
    name: str
    position: int
    conditions: AutomationConditionsOut
    label: Label | None
    value_class: Grade | None
    intent: Grade | None
    active: bool

    @classmethod
    def of(cls, rule: ClassRule, currency: str) -> ClassificationRuleOut:
        plain = {one.name: getattr(rule, one.name) for one in fields(rule) if one.name != "demands"}
        return cls(**plain, conditions=AutomationConditionsOut.of_demands(rule.demands, currency))


class ClassOut(WireModel):
    """One class of a lead: by whom it is, and the rule that gives it now, or would if it were not by hand."""

    name: Classed
    value: str | None
    by: Literal["hand", "rule"] | None
    rule_id: Id | None
    rule_name: str | None

    @classmethod
    def of(cls, verdict: Verdict, value: str | None) -> ClassOut:
        rule = verdict.rule
        by: Literal["hand", "rule"] | None = "hand" if verdict.by_hand else "rule" if rule else None
        return cls(
            name=verdict.name,
            value=value,
            by=by,
            rule_id=rule.id if rule else None,
            rule_name=rule.name if rule else None,
        )


class ClassificationOut(WireModel):
    """What a lead's classes are by its rules now; the lead itself follows a moment later."""

    lead_id: Id
    classes: list[ClassOut]

    @classmethod
    def of(cls, judged: Judged) -> ClassificationOut:
        then = judged.lead_then
        classes = [ClassOut.of(verdict, getattr(then, verdict.name)) for verdict in judged.verdicts]
        return cls(lead_id=judged.lead.id, classes=classes)


class ScoreItemIn(WireModel):
    """So many points, also below zero, for leads that are so."""

    name: Annotated[str, Line(100)]
    points: Points
    conditions: AutomationConditionsIn = Field(default_factory=AutomationConditionsIn)


class FreshnessIn(WireModel):
    """So many points while the last effective follow-up is younger than so many days."""

    within_days: Annotated[int, Field(ge=1, le=3650)]
    points: Points


class ScoreDefinitionIn(WireModel):
    """From `base`: every item whose conditions hold, and of `follow_up` the first that does.

    Conditions may be about neither classes nor the score. `active` false: no lead has points.
    """

    active: bool = True
    base: Points = 0
    items: Annotated[list[ScoreItemIn], Field(max_length=50)] = Field(default_factory=list)
    follow_up: Annotated[list[FreshnessIn], Field(max_length=10)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.active and (self.base or self.items or self.follow_up):
            raise PydanticCustomError("bad_value", "Of a score that is not active nothing is given")
        return self

    def score(self, currency: str) -> Score | None:
        if not self.active:
            return None
        items = [Item(one.name, one.points, one.conditions.demands(currency)) for one in self.items]
        steps = sorted((one.within_days, one.points) for one in self.follow_up)
        return Score(self.base, tuple(items), tuple(Freshness(*step) for step in steps))


class ScoreItemOut(WireModel):
    name: str
    points: int
    conditions: AutomationConditionsOut


class ScoreDefinitionOut(WireModel):
    """How points are counted now; version 0: nothing was said yet."""

    version: int
    active: bool
    base: int
    items: list[ScoreItemOut]
    follow_up: list[FreshnessIn]

    @classmethod
    def of(cls, score: Score | None, version: int, currency: str) -> ScoreDefinitionOut:
        known = score or Score()
        return cls(
            version=version,
            active=score is not None,
            base=known.base,
            items=[
                ScoreItemOut(
                    name=item.name,
                    points=item.points,
                    conditions=AutomationConditionsOut.of_demands(item.demands, currency),
                )
                for item in known.items
            ],
            follow_up=[
                FreshnessIn(within_days=step.within_days, points=step.points) for step in known.follow_up
            ],
        )


class ReasonOut(WireModel):
    """One reason of a score. `failed_condition`: why its points do not count."""

    name: str
    points: int
    holds: bool
    failed_condition: str | None

    @classmethod
    def of(cls, reason: Reason) -> ReasonOut:
        return cls(
            name=reason.name,
            points=reason.points,
            holds=reason.failed is None,
            failed_condition=reason.failed,
        )


class ScoreOut(WireModel):
    """A lead's points now, each with its reason; the lead itself follows a moment later.

    `value` null: the tenant counts no points.
    """

    lead_id: Id
    value: int | None
    definition_version: int
    base: int
    reasons: list[ReasonOut]

    @classmethod
    def of(cls, judged: Judged) -> ScoreOut:
        found, score = judged.scored, judged.terms.score
        return cls(
            lead_id=judged.lead.id,
            value=found.value if found else None,
            definition_version=judged.terms.score_version,
            base=score.base if score else 0,
            reasons=[ReasonOut.of(reason) for reason in found.reasons] if found else [],
        )
