"""Decisions and assignments on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.leads.assigning.assignment.conditions import Facts
from services.leads.assigning.assignment.models import Score
from services.leads.assigning.assignment.rules import Reason, Strategy
from services.leads.assigning.assignment.use_cases import Assignment
from services.leads.capture.intake.lead import Grade, Label
from services.leads.capture.intake.models import Tags
from services.leads.edge import Short
from shared.web.wire import Id, MoneyIn, Timestamp, WireModel


class FactsIn(WireModel):
    """A lead that does not exist yet, as far as rules look at it."""

    source: Short | None = None
    channel: Short | None = None
    campaign: Short | None = None
    region: Short | None = None
    product: Short | None = None
    tags: Tags = Field(default_factory=list)
    value: MoneyIn | None = None
    do_not_contact: bool = False
    label: Label | None = None
    value_class: Grade | None = None
    intent: Grade | None = None
    score: Score | None = None

    def facts(self, value_minor: int | None) -> Facts:
        return Facts(
            self.source,
            self.channel,
            self.region,
            self.product,
            tuple(self.tags),
            value_minor,
            self.do_not_contact,
            self.label,
            self.value_class,
            self.intent,
            self.score,
            self.campaign,
        )


class ExplainIn(WireModel):
    """Either a lead that is there, or one as it might come."""

    lead_id: Id | None = None
    lead: FactsIn | None = None


class CandidateOut(WireModel):
    """One rep considered, with the figures of that moment; null where they played no part.

    `last_turn` is the rule's turn that was theirs last, 0 for none yet.
    """

    user_id: Id
    display_name: str | None
    chosen: bool
    reason: Reason
    open_leads: int
    max_open_leads: int | None = Field(
        default=None, description="By the rule, or by their own capacity where that is less."
    )
    last_turn: int
    region: str | None
    level: str | None = None
    weight: int | None = Field(default=None, description="Their share, of a weighted rule.")
    reached: float | None = Field(
        default=None,
        description="Of the metric that weights follow: counts, seconds, minor units of money.",
    )
    credit: int | None = Field(default=None, description="How much of it they had not had yet.")
    owed_turns: int | None = Field(default=None, description="Turns that came back and are still to come.")
    absent_until: Timestamp | None = None
    local_time: str | None = Field(
        default=None, description="Where it was outside their working hours: by their own clock."
    )


class ConsultedOut(WireModel):
    """One rule that was asked. `failed_condition` names the condition that did not hold.

    `rule_id` null: not one of the assignment rules, but that of a redistribution.
    """

    rule_id: Id | None
    rule_version: int | None
    name: str
    strategy: Strategy
    applied: bool
    failed_condition: str | None
    candidates: list[CandidateOut]

    @classmethod
    def of(cls, stored: Mapping[str, Any], names: Mapping[UUID, str]) -> ConsultedOut:
        values = dict(stored) | {"rule_id": UUID(stored["rule_id"]) if stored["rule_id"] else None}
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
    reassignment_id: Id | None = Field(description="The reassignment of many leads that gave it.")
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
