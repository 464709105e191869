"""What a rule waits for: a closed list of events, each with what a rule may say of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from shared.contracts.activities import ActivityRecorded
from shared.contracts.base import Event
from shared.contracts.leads import (
    LeadAssigned,
    LeadCreated,
    LeadPooled,
    LeadUpdated,
    RecycleWarned,
    ResponseGiven,
    ResponseOverdue,
    ResponseWarned,
    StageChanged,
)

Trigger = Literal[
    "lead_created",
    "lead_updated",
    "lead_assigned",
    "lead_pooled",
    "stage_changed",
    "lead_won",
    "lead_lost",
    "lead_reopened",
    "recycle_warned",
    "response_warned",
    "response_overdue",
    "response_given",
    "activity_recorded",
]


@dataclass(frozen=True, slots=True)
class Source:
    """The event behind a trigger, and what a rule may say of it."""

    event: type[Event]
    told: frozenset[str] = frozenset()


SOURCES: Mapping[Trigger, Source] = {
    "lead_created": Source(LeadCreated),
    "lead_updated": Source(LeadUpdated, frozenset({"changed"})),
    "lead_assigned": Source(LeadAssigned),
    "lead_pooled": Source(LeadPooled, frozenset({"why"})),
    "stage_changed": Source(StageChanged, frozenset({"from_stage", "to_stage"})),
    "lead_won": Source(StageChanged, frozenset({"from_stage"})),
    "lead_lost": Source(StageChanged, frozenset({"from_stage", "reason"})),
    "lead_reopened": Source(StageChanged, frozenset({"from_stage", "to_stage"})),
    "recycle_warned": Source(RecycleWarned, frozenset({"why"})),
    "response_warned": Source(ResponseWarned),
    "response_overdue": Source(ResponseOverdue),
    "response_given": Source(ResponseGiven),
    "activity_recorded": Source(ActivityRecorded, frozenset({"kind", "outcome", "effective"})),
}


@dataclass(frozen=True, slots=True)
class When:
    """The trigger; what else is given must hold of its event, within one any of the values."""

    event: Trigger
    changed: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    from_stage: tuple[str, ...] = ()
    to_stage: tuple[str, ...] = ()
    reason: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    effective: bool | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened to a lead; `data` as the event tells it."""

    event_id: UUID
    lead_id: UUID
    type: str
    data: Mapping[str, Any]
    causation_id: UUID | None = None


def matches(when: When, type_name: str, data: Mapping[str, Any]) -> bool:
    """Whether an event is what a rule waits for."""
    if type_name != SOURCES[when.event].event.type_name() or not _is_of_form(when.event, data):
        return False
    if when.effective is not None and data.get("effective") != when.effective:
        return False
    told: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...] = (
        (when.changed, tuple(data.get("changed", ()))),
        (when.why, (data.get("why"),)),
        (when.from_stage, (data.get("from_stage"),)),
        (when.to_stage, (data.get("to_stage"),)),
        (when.reason, (data.get("reason_code"),)),
        (when.kind, (data.get("kind"),)),
        (when.outcome, (data.get("outcome"),)),
    )
    return all(not wanted or not set(wanted).isdisjoint(found) for wanted, found in told)


def _is_of_form(trigger: Trigger, data: Mapping[str, Any]) -> bool:
    """Outcomes and reopenings are moves of a kind."""
    if trigger == "lead_won":
        return bool(data["to_status"] == "won")
    if trigger == "lead_lost":
        return bool(data["to_status"] == "lost")
    return trigger != "lead_reopened" or (data["from_status"] != "open" and data["to_status"] == "open")
