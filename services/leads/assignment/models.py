"""Assignment rules, decisions and assignments on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.leads.assignment.definitions import RuleDraft
from services.leads.assignment.rules import Conditions, Facts, Rule, Strategy
from services.leads.assignment.use_cases import Assignment
from services.leads.edge import Short, money_out
from services.leads.intake.models import Tags
from shared.errors import FieldError, Invalid
from shared.money import to_minor
from shared.web.wire import Id, Line, MoneyIn, MoneyOut, Timestamp, WireModel

Values = Annotated[list[Short], Field(max_length=100)]
Position = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
MaxOpen = Annotated[int, Field(ge=1, le=1_000_000)]
RuleName = Annotated[str, Line(200)]


class ForeignCurrency(Invalid):
    code = "foreign_currency"
    title = "Conditions on the value are in the tenant's currency"


class ConditionsIn(WireModel):
    """All that are given must hold; within one, any of its values. None at all: every lead."""

    source: Values = Field(default_factory=list)
    channel: Values = Field(default_factory=list)
    region: Values = Field(default_factory=list)
    product: Values = Field(default_factory=list)
    tags: Tags = Field(default_factory=list, description="The lead has at least one of them.")
    value_from: MoneyIn | None = None
    value_to: MoneyIn | None = None

    def conditions(self, currency: str) -> Conditions:
        return Conditions(
            source=tuple(self.source),
            channel=tuple(self.channel),
            region=tuple(self.region),
            product=tuple(self.product),
            tags=tuple(self.tags),
            value_from=_minor(self.value_from, currency, "value_from"),
            value_to=_minor(self.value_to, currency, "value_to"),
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


class RuleIn(WireModel):
    """Rules are asked by ascending `position`; the first one that applies and has somebody free decides."""

    name: RuleName
    position: Position = 100
    strategy: Strategy
    conditions: ConditionsIn = Field(default_factory=ConditionsIn)
    candidates: CandidatesIn
    max_open_leads: MaxOpen | None = Field(
        default=None, description="Whoever has as many open leads is passed over."
    )
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
            active=self.active,
        )


class RulePatch(WireModel):
    """What is to change; conditions and candidates are replaced as a whole."""

    name: RuleName | None = None
    position: Position | None = None
    strategy: Strategy | None = None
    conditions: ConditionsIn | None = None
    candidates: CandidatesIn | None = None
    max_open_leads: MaxOpen | None = None
    active: bool | None = None

    def changes(self, currency: str) -> Mapping[str, Any]:
        """Fields as in Rule; only of `max_open_leads` null means none."""
        plain = ("name", "position", "strategy", "active")
        given = {name: getattr(self, name) for name in plain if getattr(self, name) is not None}
        if "max_open_leads" in self.model_fields_set:
            given["max_open_leads"] = self.max_open_leads
        if self.conditions is not None:
            given["conditions"] = self.conditions.conditions(currency)
        if self.candidates is not None:
            given["user_ids"] = tuple(dict.fromkeys(self.candidates.user_ids))
            given["unit_id"] = self.candidates.unit_id
        return given


class ConditionsOut(WireModel):
    source: list[str]
    channel: list[str]
    region: list[str]
    product: list[str]
    tags: list[str]
    value_from: MoneyOut | None
    value_to: MoneyOut | None


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
    active: bool

    @classmethod
    def of(cls, rule: Rule, currency: str) -> RuleOut:
        names = ("source", "channel", "region", "product", "tags")
        conditions = ConditionsOut(
            **{name: list(getattr(rule.conditions, name)) for name in names},
            value_from=money_out(rule.conditions.value_from, currency),
            value_to=money_out(rule.conditions.value_to, currency),
        )
        return cls(
            id=rule.id,
            version=rule.version,
            name=rule.name,
            position=rule.position,
            strategy=rule.strategy,
            conditions=conditions,
            candidates=CandidatesIn(user_ids=list(rule.user_ids), unit_id=rule.unit_id),
            max_open_leads=rule.max_open_leads,
            active=rule.active,
        )


class FactsIn(WireModel):
    """A lead that does not exist yet, as far as rules look at it."""

    source: Short | None = None
    channel: Short | None = None
    region: Short | None = None
    product: Short | None = None
    tags: Tags = Field(default_factory=list)
    value: MoneyIn | None = None

    def facts(self, value_minor: int | None) -> Facts:
        return Facts(self.source, self.channel, self.region, self.product, tuple(self.tags), value_minor)


class ExplainIn(WireModel):
    """Either a lead that is there, or one as it might come."""

    lead_id: Id | None = None
    lead: FactsIn | None = None


class CandidateOut(WireModel):
    """One rep considered. `last_turn` is the rule's turn that was theirs last, 0 for none yet."""

    user_id: Id
    display_name: str | None
    chosen: bool
    reason: Literal[
        "chosen",
        "next_in_turn_was_another",
        "another_has_fewer_open_leads",
        "other_territory",
        "full",
        "inactive",
        "not_a_rep",
        "unknown_user",
        "present_owner",
    ]
    open_leads: int
    last_turn: int
    region: str | None


class ConsultedOut(WireModel):
    """One rule that was asked. `failed_condition` names the condition that did not hold."""

    rule_id: Id
    rule_version: int
    name: str
    strategy: Strategy
    applied: bool
    failed_condition: str | None
    candidates: list[CandidateOut]

    @classmethod
    def of(cls, stored: Mapping[str, Any], names: Mapping[UUID, str]) -> ConsultedOut:
        values = dict(stored) | {"rule_id": UUID(stored["rule_id"])}
        candidates = [
            CandidateOut(**one | {"user_id": user, "display_name": names.get(user)})
            for one in stored["candidates"]
            for user in [UUID(one["user_id"])]
        ]
        return cls(**values | {"candidates": candidates})


class ExplainOut(WireModel):
    """Who would get the lead now; `owner_id` null: nobody."""

    owner_id: Id | None
    rule_id: Id | None
    rule_version: int | None
    rules: list[ConsultedOut]


class AssignmentOut(WireModel):
    """One decision of the past. `owner_id` null: rules were asked and had nobody."""

    id: Id
    at: Timestamp
    how: Literal["rule", "manual", "import", "claim"]
    owner_id: Id | None
    previous_owner_id: Id | None
    assigned_by: Id | None
    rule_id: Id | None
    rule_version: int | None
    reason: str | None
    pool_id: Id | None = Field(description="The pool that it lay in until then.")
    rules: list[ConsultedOut]

    @classmethod
    def of(cls, assignment: Assignment, names: Mapping[UUID, str]) -> AssignmentOut:
        taken = cls.model_fields.keys() - {"rules"}
        rules = [ConsultedOut.of(one, names) for one in assignment.explanation]
        return cls(**{name: getattr(assignment, name) for name in taken}, rules=rules)


def users_in(explanations: Sequence[Sequence[Mapping[str, Any]]]) -> set[UUID]:
    """Everybody whom explanations name."""
    return {
        UUID(candidate["user_id"])
        for explanation in explanations
        for rule in explanation
        for candidate in rule["candidates"]
    }
