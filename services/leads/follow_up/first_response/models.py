"""Response rules and the clocks that they start, on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.leads.assigning.assignment.models import ConditionsIn, ConditionsOut, Position, RuleName
from services.leads.follow_up.first_response.clocks import Clock, Happened
from services.leads.follow_up.first_response.rules import Boss, Dated, Escalation, ResponseRule, Terms
from shared.web.wire import Id, Timestamp, WireModel

Minutes = Annotated[int, Field(ge=1, le=100_000)]


class EscalationIn(WireModel):
    """Who is told, so many business minutes after the assignment.

    It is whoever has this role in the owner's unit, else in the nearest one above; where there is nobody, the
    next role up is asked for.
    """

    after_minutes: Minutes
    to: Boss


Escalations = Annotated[list[EscalationIn], Field(max_length=10)]
WARN = "The owner is warned so long after the assignment, before it is due; null: not warned."
REASSIGN = (
    "The assignment rules are asked for another owner then, else the lead goes to the default pool; null: it "
    "stays. Escalations later than this count from the first owner's start."
)


def _escalations(told: Sequence[EscalationIn]) -> tuple[Escalation, ...]:
    return tuple(Escalation(each.after_minutes, each.to) for each in told)


class ResponseRuleIn(WireModel):
    """How long owners have for the first response: business minutes of their calendar, absences left out.

    Of all rules the first one by ascending `position` that applies counts. A rule holds for assignments from
    now on.
    """

    name: RuleName
    position: Position = 100
    conditions: ConditionsIn = Field(default_factory=ConditionsIn)
    due_minutes: Minutes
    warn_minutes: Minutes | None = Field(default=None, description=WARN)
    escalate: Escalations = Field(default_factory=list)
    reassign_after_minutes: Minutes | None = Field(default=None, description=REASSIGN)
    active: bool = True

    def rule(self, rule_id: UUID, currency: str) -> ResponseRule:
        return ResponseRule(
            id=rule_id,
            version=1,
            name=self.name,
            position=self.position,
            terms=Terms(
                self.due_minutes, self.warn_minutes, _escalations(self.escalate), self.reassign_after_minutes
            ),
            conditions=self.conditions.conditions(currency),
            active=self.active,
        )


class ResponseRulePatch(WireModel):
    """What is to change; conditions and escalations are replaced as a whole."""

    name: RuleName | None = None
    position: Position | None = None
    conditions: ConditionsIn | None = None
    due_minutes: Minutes | None = None
    warn_minutes: Minutes | None = Field(default=None, description=WARN)
    escalate: Escalations | None = None
    reassign_after_minutes: Minutes | None = Field(default=None, description=REASSIGN)
    active: bool | None = None

    def changes(self, currency: str) -> Mapping[str, Any]:
        """Fields as in ResponseRule."""
        given = {
            name: getattr(self, name)
            for name in ("name", "position", "active")
            if getattr(self, name) is not None
        }
        if self.conditions is not None:
            given["conditions"] = self.conditions.conditions(currency)
        return given

    def terms(self) -> Mapping[str, Any]:
        """Fields as in Terms; of `warn_minutes` and `reassign_after_minutes` null means never."""
        given: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("warn_minutes", "reassign_after_minutes")
            if name in self.model_fields_set
        }
        if self.due_minutes is not None:
            given["due_minutes"] = self.due_minutes
        if self.escalate is not None:
            given["escalate"] = _escalations(self.escalate)
        return given


class ResponseRuleOut(WireModel):
    """A rule as it is now."""

    id: Id
    version: int
    name: str
    position: int
    conditions: ConditionsOut
    due_minutes: int
    warn_minutes: int | None
    escalate: list[EscalationIn]
    reassign_after_minutes: int | None
    active: bool

    @classmethod
    def of(cls, rule: ResponseRule, currency: str) -> ResponseRuleOut:
        terms = rule.terms
        return cls(
            id=rule.id,
            version=rule.version,
            name=rule.name,
            position=rule.position,
            conditions=ConditionsOut.of(rule.conditions, currency),
            due_minutes=terms.due_minutes,
            warn_minutes=terms.warn_minutes,
            escalate=[EscalationIn(after_minutes=each.after_minutes, to=each.to) for each in terms.escalate],
            reassign_after_minutes=terms.reassign_after_minutes,
            active=rule.active,
        )


class ResponseStepOut(WireModel):
    """What comes after so many business minutes: when by what is known now, and when it happened.

    `user_ids`: who was told, or who got the lead instead (nobody: it went to the default pool, or stayed).
    """

    what: Literal["warn", "due", "escalate", "reassign"]
    after_minutes: int
    to: Boss | None
    planned_at: Timestamp | None
    happened_at: Timestamp | None
    user_ids: list[Id]

    @classmethod
    def of(cls, dated: Dated, happened: Happened | None) -> ResponseStepOut:
        return cls(
            what=dated.step.what,
            after_minutes=dated.step.minutes,
            to=dated.step.to,
            planned_at=dated.at,
            happened_at=happened.at if happened else None,
            user_ids=list(happened.user_ids) if happened else [],
        )


class ClockOut(WireModel):
    """An owner's time for the first response. `business_s` and `elapsed_s`: from the start to the response,
    in seconds of the owner's working time, and by the wall clock.
    """

    owner_id: Id
    rule_id: Id
    rule_version: int
    started_at: Timestamp
    due_at: Timestamp | None
    steps: list[ResponseStepOut]
    handled_at: Timestamp | None
    how: Literal["follow_up", "attempts"] | None
    business_s: int | None
    elapsed_s: int | None

    @classmethod
    def of(cls, clock: Clock, plan: Sequence[Dated]) -> ClockOut:
        return cls(
            owner_id=clock.owner_id,
            rule_id=clock.rule_id,
            rule_version=clock.rule_version,
            started_at=clock.started_at,
            due_at=next(each.at for each in plan if each.step.what == "due"),
            steps=[ResponseStepOut.of(each, clock.done(each.step)) for each in plan],
            handled_at=clock.handled_at,
            how=clock.how,
            business_s=clock.business_s,
            elapsed_s=clock.elapsed_s,
        )


class ResponseOut(WireModel):
    """The clock of the present owner, null if no rule started one, and those before, oldest first."""

    current: ClockOut | None
    earlier: list[ClockOut]
