"""Published by leads on `cox.leads`: what happens to a lead, and the definitions that decide it."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.base import Amount, Credit, Dimensions, Event, Value

LeadStatus = Literal["open", "won", "lost"]
PoolKind = Literal["leads", "customers"]


class LeadsEvent(Event):
    topic: ClassVar[str] = "cox.leads"


class LeadCreated(LeadsEvent):
    """A lead starts; event time is its start. `credit` is the creator if a rep, else empty.

    `start_known` is False where the source did not say when it started: such a lead is in no cycle figure.
    `created_by` is the user who created it, rep or not: until it has an owner it is theirs to see.
    """

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    source: str | None = None
    pipeline_id: UUID
    stage: str
    value: Amount | None = None
    start_known: bool = True
    duplicate_of: UUID | None = None
    created_by: UUID | None = None
    campaign: str | None = None


class LeadUpdated(LeadsEvent):
    """Fields of the lead changed: their names, and the new values of those that are not personal."""

    aggregate_type: ClassVar[str] = "lead"
    changed: tuple[str, ...]
    dimensions: Dimensions
    value: Amount | None = None


class LeadAssigned(LeadsEvent):
    """The lead has a new owner. `how` says what decided; `rule_id` which rule.

    `pool_id` is the pool that it lay in until then; `claimed`: the new owner took it themselves.
    """

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    previous_owner_id: UUID | None = None
    how: Literal["rule", "manual", "import"]
    rule_id: UUID | None = None
    pool_id: UUID | None = None
    claimed: bool = False


class LeadPooled(LeadsEvent):
    """Nobody owns the lead any more: it lies in a pool. `credit` is that of the owner before, if any."""

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    pool_id: UUID
    previous_owner_id: UUID | None = None
    why: str


class Start(Value):
    """How a lead started: the event that said so, when, and to whose credit."""

    event_id: UUID
    at: datetime
    credit: Credit
    dimensions: Dimensions


class LeadMerged(LeadsEvent):
    """The lead is a part of the lead `into` from now on: nobody owns it, and it lies in no pool.

    `credit` is that of the owner before, if any. It counts as no lead of its own meanwhile: `start` is what
    is not to be counted.
    """

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    into: UUID
    start: Start | None = None
    previous_owner_id: UUID | None = None


class LeadUnmerged(LeadsEvent):
    """It is a lead of its own again, after it was a part of `out_of`. `credit` is that of the owner that it
    has again, if any; `pool_id` the pool that it lies in again.
    """

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    out_of: UUID
    start: Start | None = None
    pool_id: UUID | None = None


class LeadAbsorbed(LeadsEvent):
    """Another lead was merged into this one: `lead_ids` are that one and those that were parts of it."""

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    lead_ids: tuple[UUID, ...]


class LeadSeparated(LeadsEvent):
    """That was undone: `lead_ids` are parts of this lead no more."""

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    lead_ids: tuple[UUID, ...]


class StageChanged(LeadsEvent):
    """An accepted move, outcomes and reopenings included. `credit` is the owner's at that time.

    `duration_s` is the time spent in `from_stage`, in seconds; `value` is present on an outcome of a valued
    lead.
    """

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    from_stage: str
    to_stage: str
    from_status: LeadStatus
    to_status: LeadStatus
    duration_s: int | None = None
    reason_code: str | None = None
    value: Amount | None = None


class StageSpec(Value):
    key: str
    name: str
    win_probability: int | None = None
    required_activities: tuple[str, ...] = ()
    required_qualification: tuple[str, ...] = ()


class PersonErased(LeadsEvent):
    """The person behind the lead is forgotten: whoever keeps what was said of them empties it.

    `credit` is that of the owner until then; `left_owner`: the lead is nobody's since then. Nothing is done
    with it any more. What the law wants of a deal is kept up to `kept_until`.
    """

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    left_owner: bool
    kept_until: date | None = None


class PipelineDefined(LeadsEvent):
    """A pipeline as it now is, stages in order; `won` and `lost` are not listed."""

    aggregate_type: ClassVar[str] = "pipeline"
    key: str
    name: str
    is_default: bool
    stages: tuple[StageSpec, ...]


class RecycleWarned(LeadsEvent):
    """The owner's term ends on `ends_at`, `why`: the lead goes back into a pool then."""

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    pool_id: UUID
    ends_at: datetime
    why: str


class ResponseWarned(LeadsEvent):
    """The owner has not yet responded to the lead. `due_at` is when it is due, by what is known now."""

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    rule_id: UUID
    started_at: datetime
    due_at: datetime | None = None


class ResponseOverdue(LeadsEvent):
    """Nor when it was due. Told then, and again each time that people above are told: `escalated_to`."""

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    rule_id: UUID
    started_at: datetime
    due_at: datetime | None = None
    escalated_to: tuple[UUID, ...] = ()


class ResponseGiven(LeadsEvent):
    """The owner's first response since they were given the lead; event time is when it was.

    `how`: by an effective follow-up, or by attempts on different days that reached nobody. Seconds from
    `started_at`: by the wall clock, and of the owner's working time.
    """

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    rule_id: UUID
    started_at: datetime
    how: Literal["follow_up", "attempts"]
    elapsed_s: int
    business_s: int


class ReturnWarned(LeadsEvent):
    """An owner called the lead invalid, and nobody has decided yet. `told` are those who are to."""

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    filed_at: datetime
    due_at: datetime
    told: tuple[UUID, ...] = ()


class ReturnOverdue(ReturnWarned):
    """Nor when it was due. `told` are people above."""

    aggregate_type: ClassVar[str] = "lead"


class ReturnTermsDefined(LeadsEvent):
    """How long decisions about invalid leads may take, in business minutes; None: as long as they like."""

    aggregate_type: ClassVar[str] = "return_terms"
    due_minutes: int | None = None


class ResponseRuleDefined(LeadsEvent):
    """A response rule as it now is; its conditions and escalations stay with leads."""

    aggregate_type: ClassVar[str] = "response_rule"
    position: int
    due_minutes: int
    active: bool


class AutomationAlerted(LeadsEvent):
    """An automation rule wants these users told of the lead. `code` says of what; its text stays in leads."""

    aggregate_type: ClassVar[str] = "lead"
    credit: Credit
    dimensions: Dimensions
    rule_id: UUID
    code: str
    user_ids: tuple[UUID, ...]


class AutomationRuleDefined(LeadsEvent):
    """An automation rule as it now is; what it demands and does stays with leads."""

    aggregate_type: ClassVar[str] = "automation_rule"
    position: int
    trigger: str
    active: bool


class PoolDefined(LeadsEvent):
    """A pool as it now is; its members, admins and limits stay with leads.

    In a pool of customers lie leads that were won.
    """

    aggregate_type: ClassVar[str] = "pool"
    name: str
    kind: PoolKind = "leads"
    is_default: bool
    active: bool


class CustomFieldDefined(LeadsEvent):
    """A custom field as it now is; its labels and options stay with leads.

    `state`: `checking` and `converting` while stored values are looked at, `refused` where some do not fit.
    """

    aggregate_type: ClassVar[str] = "custom_field"
    key: str
    type: str
    state: Literal["ready", "checking", "converting", "refused"]
    required_from: str | None = None
    active: bool


class ViewDefined(LeadsEvent):
    """A saved view as it now is; its name and what it asks for stay with leads. Removed where not active."""

    aggregate_type: ClassVar[str] = "view"
    shared_with: Literal["nobody", "unit", "tenant"]
    unit_id: UUID | None = None
    active: bool


class ClassificationRuleDefined(LeadsEvent):
    """A rule that gives classes as it now is; of which leads, and which, stays with leads."""

    aggregate_type: ClassVar[str] = "classification_rule"
    position: int
    active: bool


class ScoreDefined(LeadsEvent):
    """How leads' points are counted from now on: by so many items, or no longer; what they say stays with
    leads.
    """

    aggregate_type: ClassVar[str] = "score_definition"
    items: int
    active: bool


class AssignmentRuleDefined(LeadsEvent):
    """An assignment rule as it now is; its conditions stay with leads."""

    aggregate_type: ClassVar[str] = "assignment_rule"
    position: int
    strategy: str
    active: bool


class DuplicatePolicyDefined(LeadsEvent):
    """What is done with a lead that repeats another, by what they share: off, flag, block or merge."""

    aggregate_type: ClassVar[str] = "duplicate_policy"
    phone: str
    email: str
    credit_code: str
    wecom_id: str
    family: str
    company: str
