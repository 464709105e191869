"""Assignment rules on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from services.leads.assigning.assignment.conditions import Conditions
from services.leads.assigning.assignment.definitions import RuleDraft
from services.leads.assigning.assignment.rules import Rule, Strategy
from services.leads.assigning.assignment.weights import Weights
from services.leads.assigning.standings.rules import Share
from services.leads.capture.intake.lead import Grade, Label
from services.leads.capture.intake.models import Tags
from services.leads.edge import Short, money_out
from shared.contracts.scoring import RepMetric
from shared.errors import FieldError, Invalid
from shared.money import to_minor
from shared.web.wire import Code, Id, Line, MoneyIn, MoneyOut, WireModel

Values = Annotated[list[Short], Field(max_length=100)]
Labels = Annotated[list[Label], Field(max_length=3)]
Grades = Annotated[list[Grade], Field(max_length=4)]
Score = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Position = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
MaxOpen = Annotated[int, Field(ge=1, le=1_000_000)]
RuleName = Annotated[str, Line(200)]
Weight = Annotated[int, Field(ge=0, le=10_000)]
Percent = Annotated[int, Field(ge=0, le=1_000)]
Skills = Annotated[list[Short], Field(max_length=100, description="Candidates must have all of them.")]
Language = Annotated[
    str, Field(pattern="^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", description="As profiles do.")
]
Languages = Annotated[list[Language], Field(max_length=20, description="Candidates must speak all of them.")]
InHours = Annotated[
    bool, Field(description="Only who works just now, by their own calendar, zone and absences.")
]


class ForeignCurrency(Invalid):
    code = "foreign_currency"
    title = "Conditions on the value are in the tenant's currency"


class ConditionsIn(WireModel):
    """All that are given must hold; within one, any of its values. None at all: every lead."""

    source: Values = Field(default_factory=list)
    channel: Values = Field(default_factory=list)
    campaign: Values = Field(default_factory=list)
    region: Values = Field(default_factory=list)
    product: Values = Field(default_factory=list)
    tags: Tags = Field(default_factory=list, description="The lead has at least one of them.")
    value_from: MoneyIn | None = None
    value_to: MoneyIn | None = None
    label: Labels = Field(default_factory=list)
    value_class: Grades = Field(default_factory=list)
    intent: Grades = Field(default_factory=list)
    score_from: Score | None = None
    score_to: Score | None = None

    def conditions(self, currency: str) -> Conditions:
        return Conditions(
            source=tuple(self.source),
            channel=tuple(self.channel),
            campaign=tuple(self.campaign),
            region=tuple(self.region),
            product=tuple(self.product),
            tags=tuple(self.tags),
            value_from=_minor(self.value_from, currency, "value_from"),
            value_to=_minor(self.value_to, currency, "value_to"),
            label=tuple(self.label),
            value_class=tuple(self.value_class),
            intent=tuple(self.intent),
            score_from=self.score_from,
            score_to=self.score_to,
        )


def _minor(money: MoneyIn | None, currency: str, name: str) -> int | None:
    if money is None:
        return None
    if money.currency != currency:
        errors = [FieldError(f"/conditions/{name}/currency", ForeignCurrency.code, f"use {currency}")]
        raise ForeignCurrency(errors=errors)
    return to_minor(money.money())


class CandidatesIn(WireModel):
    """Users in order, or a unit: its active reps and those of the units below it."""

    user_ids: list[Id] = Field(default_factory=list, max_length=500)
    unit_id: Id | None = None


class ShareIn(WireModel):
    """A metric that shares follow, of this month and those before it, `months` in all.

    A weight is multiplied by how the rep compares with the mean of all candidates that have data: twice as
    good is 200 %, within `least_percent` and `most_percent`. Without data it stays as it is.
    """

    metric: RepMetric
    months: Annotated[int, Field(ge=1, le=12)] = 3
    least_percent: Percent = 50
    most_percent: Percent = 200

    def share(self) -> Share:
        return Share(self.metric, self.months, self.least_percent, self.most_percent)

    @classmethod
    def of(cls, share: Share) -> ShareIn:
        return cls(
            metric=share.metric, months=share.months, least_percent=share.least, most_percent=share.most
        )


class WeightsIn(WireModel):
    """Shares relative to one another, by the level of the rep's profile, else `default`; 0: none."""

    default: Weight = 1
    by_level: dict[Code, Weight] = Field(default_factory=dict, max_length=50)
    kpi: ShareIn | None = None

    def weights(self) -> Weights:
        return Weights(self.default, self.by_level, self.kpi.share() if self.kpi else None)

    @classmethod
    def of(cls, weights: Weights) -> WeightsIn:
        kpi = ShareIn.of(weights.kpi) if weights.kpi else None
        return cls(default=weights.default, by_level=dict(weights.by_level), kpi=kpi)


class RuleIn(WireModel):
    """Rules are asked by ascending `position`; the first one that applies and has somebody free decides."""

    name: RuleName
    position: Position = 100
    strategy: Strategy
    conditions: ConditionsIn = Field(default_factory=ConditionsIn)
    candidates: CandidatesIn
    max_open_leads: MaxOpen | None = Field(
        default=None,
        description="Whoever has as many open leads is passed over; so is who has as many as their capacity.",
    )
    working_hours_only: InHours = False
    skills: Skills = Field(default_factory=list)
    languages: Languages = Field(default_factory=list)
    weights: WeightsIn = Field(default_factory=WeightsIn, description="Of the strategy `weighted`.")
    active: bool = True

    def draft(self, currency: str) -> RuleDraft:
        return RuleDraft(
            name=self.name,
            position=self.position,
            strategy=self.strategy,
            conditions=self.conditions.conditions(currency),
            user_ids=tuple(dict.fromkeys(self.candidates.user_ids)),
            unit_id=self.candidates.unit_id,
            max_open_leads=self.max_open_leads,
            working_hours_only=self.working_hours_only,
            skills=tuple(dict.fromkeys(self.skills)),
            languages=tuple(dict.fromkeys(self.languages)),
            weights=self.weights.weights(),
            active=self.active,
        )


class RulePatch(WireModel):
    """What is to change; conditions, candidates and lists are replaced as a whole."""

    name: RuleName | None = None
    position: Position | None = None
    strategy: Strategy | None = None
    conditions: ConditionsIn | None = None
    candidates: CandidatesIn | None = None
    max_open_leads: MaxOpen | None = None
    working_hours_only: InHours | None = None
    skills: Skills | None = None
    languages: Languages | None = None
    weights: WeightsIn | None = None
    active: bool | None = None

    def changes(self, currency: str) -> Mapping[str, Any]:
        """Fields as in Rule; only of `max_open_leads` null means none."""
        plain = ("name", "position", "strategy", "working_hours_only", "active")
        given = {name: getattr(self, name) for name in plain if getattr(self, name) is not None}
        if "max_open_leads" in self.model_fields_set:
            given["max_open_leads"] = self.max_open_leads
        if self.conditions is not None:
            given["conditions"] = self.conditions.conditions(currency)
        if self.candidates is not None:
            given["user_ids"] = tuple(dict.fromkeys(self.candidates.user_ids))
            given["unit_id"] = self.candidates.unit_id
        for name in ("skills", "languages"):
            if (listed := getattr(self, name)) is not None:
                given[name] = tuple(dict.fromkeys(listed))
        if self.weights is not None:
            given["weights"] = self.weights.weights()
        return given


class ConditionsOut(WireModel):
    source: list[str]
    channel: list[str]
    campaign: list[str]
    region: list[str]
    product: list[str]
    tags: list[str]
    value_from: MoneyOut | None
    value_to: MoneyOut | None
    label: list[Label]
    value_class: list[Grade]
    intent: list[Grade]
    score_from: int | None
    score_to: int | None

    @classmethod
    def of(cls, conditions: Conditions, currency: str) -> ConditionsOut:
        names = (
            "source", "channel", "campaign", "region", "product", "tags", "label", "value_class", "intent",
        )  # fmt: skip
        return cls(
            **{name: list(getattr(conditions, name)) for name in names},
            value_from=money_out(conditions.value_from, currency),
            value_to=money_out(conditions.value_to, currency),
            score_from=conditions.score_from,
            score_to=conditions.score_to,
        )


class RuleOut(WireModel):
    """A rule as it is now."""

    id: Id
    version: int
    name: str
    position: int
    strategy: Strategy
    conditions: ConditionsOut
    candidates: CandidatesIn
    max_open_leads: int | None
    working_hours_only: bool
    skills: list[str]
    languages: list[str]
    weights: WeightsIn
    active: bool

    @classmethod
    def of(cls, rule: Rule, currency: str) -> RuleOut:
        return cls(
            id=rule.id,
            version=rule.version,
            name=rule.name,
            position=rule.position,
            strategy=rule.strategy,
            conditions=ConditionsOut.of(rule.conditions, currency),
            candidates=CandidatesIn(user_ids=list(rule.user_ids), unit_id=rule.unit_id),
            max_open_leads=rule.max_open_leads,
            working_hours_only=rule.working_hours_only,
            skills=list(rule.skills),
            languages=list(rule.languages),
            weights=WeightsIn.of(rule.weights),
            active=rule.active,
        )
