"""Reassignments on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.leads.assigning.assignment.models import MaxOpen
from services.leads.assigning.handover.models import Digest
from services.leads.assigning.reassignment.asking import LOOKED_AT_ONCE, MOST, Asked, Preview
from services.leads.assigning.reassignment.rules import Bar, Goal, Outcome, State, Way, WhichTakers, Why
from services.leads.assigning.reassignment.use_cases import Kept, Reassignment
from services.leads.finding.filtering.filters import LeadFilters
from shared.errors import FieldError
from shared.web.wire import Id, Text, Timestamp, WireModel


class ToIn(WireModel):
    """One of: a user; several users or the reps of a unit and below it, `by` load or by turns; `rules`."""

    user_id: Id | None = None
    user_ids: list[Id] = Field(default_factory=list, max_length=500)
    unit_id: Id | None = None
    by: Literal["least_loaded", "turns"] = Field(
        default="least_loaded", description="To whoever has the fewest open leads, or to each in turn."
    )
    rules: Literal[True] | None = Field(default=None, description="Whom the assignment rules choose.")
    max_open_leads: MaxOpen | None = Field(
        default=None, description="Whoever has as many gets none; nor does who has as many as their capacity."
    )

    def goal(self) -> Goal:
        """Raises WhichTakers."""
        told = [self.user_id is not None, bool(self.user_ids), self.unit_id is not None, bool(self.rules)]
        if sum(told) != 1:
            detail = "give one of user_id, user_ids, unit_id and rules"
            raise WhichTakers(detail, errors=[FieldError("/to", WhichTakers.code, detail)])
        if self.rules:
            return Goal("rules")
        if self.user_id is not None:
            return Goal("one", (self.user_id,), None, self.max_open_leads)
        return Goal(self.by, tuple(dict.fromkeys(self.user_ids)), self.unit_id, self.max_open_leads)


class ReassignIn(WireModel):
    """Which leads, to whom, and why. First with `preview`, then with what the preview told."""

    filters: LeadFilters | None = Field(
        default=None, description="As the parameters of `GET /v1/leads`; {} for all that the caller sees."
    )
    view: Id | None = Field(default=None, description="A saved view: its filters hold besides.")
    to: ToIn
    reason: Annotated[str, Text(1000)] | None = Field(
        default=None, description="Stands in the assignments of the leads."
    )
    preview: bool = Field(default=False, description="Only say what would be done.")
    digest: Digest | None = Field(
        default=None, description="Of a preview: refused with 409 where it would come out otherwise."
    )
    expected: Annotated[int, Field(ge=0, le=MOST)] | None = Field(
        default=None, description="So many leads are to match: refused with 409 where others do."
    )

    def asked(self) -> Asked:
        """Raises WhichTakers."""
        filters = None
        if self.filters is not None:
            filters = self.filters.model_dump(mode="json", exclude_defaults=True)
        return Asked(filters, self.view, self.to.goal(), self.reason, self.digest, self.expected)


class BarredOut(WireModel):
    """So many leads stay where they are, and why."""

    reason: Bar
    leads: int

    @classmethod
    def listed(cls, kept: Mapping[Bar, int]) -> list[BarredOut]:
        ordered = sorted(kept.items(), key=lambda each: (-each[1], each[0]))
        return [cls(reason=reason, leads=count) for reason, count in ordered]


class ReassignmentPersonOut(WireModel):
    """Somebody whom it concerns: `matching` of their leads do, `taken` go to others, `given` come to them.

    `reason`: why they get none.
    """

    user_id: Id
    display_name: str | None
    matching: int
    taken: int
    given: int
    open_leads: int
    open_leads_after: int
    max_open_leads: int | None
    reason: Bar | None


class ExampleOut(WireModel):
    """One of the leads, and what would become of it."""

    lead_id: Id
    previous_owner_id: Id | None
    owner_id: Id | None
    reason: Bar | None

    @classmethod
    def of(cls, one: Outcome) -> ExampleOut:
        return cls(lead_id=one.lead_id, previous_owner_id=one.before, owner_id=one.owner_id, reason=one.bar)


class PreviewOut(WireModel):
    """What would be done now. `unowned`: so many of those that match are in nobody's hands."""

    preview: Literal[True] = True
    matching: int
    given: int
    kept: list[BarredOut]
    undecided: int = Field(
        description=f"Beyond the first {LOOKED_AT_ONCE} leads: a preview does not ask the rules there."
    )
    unowned: int
    people: list[ReassignmentPersonOut]
    examples: list[ExampleOut]
    digest: str

    @classmethod
    def of(cls, found: Preview, names: Mapping[UUID, str]) -> PreviewOut:
        tally = found.tally
        return cls(
            matching=tally.leads,
            given=tally.given.total(),
            kept=BarredOut.listed(tally.kept),
            undecided=tally.undecided,
            unowned=tally.matching[None],
            people=[_person(found, user, names.get(user)) for user in found.loads],
            examples=[ExampleOut.of(one) for one in tally.examples],
            digest=tally.digest,
        )


def _person(found: Preview, user: UUID, name: str | None) -> ReassignmentPersonOut:
    tally, taker = found.tally, found.takers.get(user)
    now, taken, given = found.loads[user], tally.taken[user], tally.given[user]
    return ReassignmentPersonOut(
        user_id=user,
        display_name=name,
        matching=tally.matching[user],
        taken=taken,
        given=given,
        open_leads=now,
        open_leads_after=now - taken + given,
        max_open_leads=taker.most_open if taker else None,
        reason=taker.barred if taker and not given else None,
    )


class ReassignmentShareOut(WireModel):
    """So many leads somebody was given so far, and so many of theirs went to others."""

    user_id: Id
    display_name: str | None
    given: int
    taken: int


class GoalOut(WireModel):
    """To whom it was to be."""

    by: Way
    user_ids: list[Id]
    unit_id: Id | None
    max_open_leads: int | None


class ReassignmentOut(WireModel):
    """A reassignment as it stands. Up to 500 leads are given at once, more in the background; what is done
    stays done where it was stopped.
    """

    id: Id
    state: State
    stopped_why: Why | None
    stopped_by: Id | None
    user_id: Id
    at: Timestamp
    filters: dict[str, Any]
    view_id: Id | None
    view_filters: dict[str, Any] | None = Field(description="Those of the view, as it was then.")
    to: GoalOut
    reason: str | None
    total: int = Field(description="So many leads matched when it was asked for.")
    looked_at: int
    given: int
    kept: list[BarredOut]
    people: list[ReassignmentShareOut]
    ended_at: Timestamp | None

    @classmethod
    def of(cls, one: Reassignment, names: Mapping[UUID, str]) -> ReassignmentOut:
        given, kept = sum(one.given.values()), sum(one.kept.values())
        same = (
            "id", "state", "stopped_why", "stopped_by", "user_id", "at", "filters", "view_id", "view_filters",
            "reason", "total", "ended_at",
        )  # fmt: skip
        return cls(
            **{name: getattr(one, name) for name in same},
            to=GoalOut(
                by=one.goal.way,
                user_ids=list(one.goal.user_ids),
                unit_id=one.goal.unit_id,
                max_open_leads=one.goal.max_open_leads,
            ),
            looked_at=given + kept,
            given=given,
            kept=BarredOut.listed(one.kept),
            people=[_share(one, user, names.get(user)) for user in concerned(one)],
        )


def concerned(one: Reassignment) -> list[UUID]:
    """Everybody who was given leads, or whose leads went to others."""
    return list(dict.fromkeys([*one.given, *one.taken]))


def _share(one: Reassignment, user: UUID, name: str | None) -> ReassignmentShareOut:
    given, taken = one.given.get(user, 0), one.taken.get(user, 0)
    return ReassignmentShareOut(user_id=user, display_name=name, given=given, taken=taken)


class KeptOut(WireModel):
    """A lead that stayed where it was."""

    lead_id: Id
    reason: Bar

    @classmethod
    def of(cls, kept: Kept) -> KeptOut:
        return cls(lead_id=kept.lead_id, reason=kept.reason)
