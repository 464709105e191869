"""What the routes of departures take and give."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.gateway.departures.rules import Departure, HandoverRule, State
from shared.web.wire import Code, Id, Timestamp, WireModel


class HandoverCandidates(WireModel):
    """Users in order, or a unit: its active reps and those of the units below it."""

    user_ids: Annotated[list[Id], Field(max_length=500)] = Field(default_factory=list)
    unit_id: Id | None = None


class HandoverTo(WireModel):
    """To whom open leads go, as by `POST /v1/leads/redistribute`, which previews it."""

    candidates: HandoverCandidates
    strategy: Literal["least_loaded"] = "least_loaded"
    max_open_leads: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    def rule(self) -> HandoverRule:
        users = tuple(dict.fromkeys(self.candidates.user_ids))
        return HandoverRule(users, self.candidates.unit_id, self.max_open_leads)

    @classmethod
    def of(cls, rule: HandoverRule) -> HandoverTo:
        candidates = HandoverCandidates(user_ids=list(rule.user_ids), unit_id=rule.unit_id)
        return cls(candidates=candidates, max_open_leads=rule.max_open_leads)


class LeaveIn(WireModel):
    """`effective_at` in the past, down to the first day that is not closed, or the future; without it: now.

    Without `handover` open leads stay with who leaves until somebody redistributes them.
    """

    effective_at: Timestamp | None = None
    reason: Code | None = None
    handover: HandoverTo | None = None


class DepartureOut(WireModel):
    """`void`: when it became due, the tenant would have lost its last admin.

    `leads_return`: they were back soon enough to get back the leads that nobody had touched.
    """

    id: Id
    user_id: Id
    effective_at: Timestamp
    state: State
    reason: str | None
    handover: HandoverTo | None
    recorded_by: Id | None
    recorded_at: Timestamp
    returned_at: Timestamp | None
    leads_return: bool | None

    @classmethod
    def of(cls, departure: Departure) -> DepartureOut:
        rule = departure.handover
        values = {name: getattr(departure, name) for name in cls.model_fields.keys() - {"handover"}}
        return cls(**values, handover=None if rule is None else HandoverTo.of(rule))


def planned(departure_id: UUID, user_id: UUID, body: LeaveIn, by: UUID | None, at: Timestamp) -> Departure:
    """The departure that is asked for."""
    rule = None if body.handover is None else body.handover.rule()
    return Departure(departure_id, user_id, body.effective_at or at, "planned", body.reason, rule, by, at)
