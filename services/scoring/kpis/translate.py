"""From events, as the contracts shape them, to what the fold asks. Works on decoded JSON: this path is
hot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from services.scoring.kpis.fold import microseconds
from services.scoring.kpis.happenings import Happening, Place, Source
from shared.events.envelope import Received

Payload = Mapping[str, Any]
_made = tuple.__new__
"""A named tuple of all its fields, without the call of Python that its own name is."""
_EMPTY: Payload = {}

LEAD_CREATED = "cox.leads.lead_created.v1"
LEAD_ASSIGNED = "cox.leads.lead_assigned.v1"
LEAD_UPDATED = "cox.leads.lead_updated.v1"
STAGE_CHANGED = "cox.leads.stage_changed.v1"
LEAD_POOLED = "cox.leads.lead_pooled.v1"
RESPONSE_GIVEN = "cox.leads.response_given.v1"
LEAD_MERGED = "cox.leads.lead_merged.v1"
LEAD_UNMERGED = "cox.leads.lead_unmerged.v1"
LEAD_ABSORBED = "cox.leads.lead_absorbed.v1"
LEAD_SEPARATED = "cox.leads.lead_separated.v1"
ACTIVITY_RECORDED = "cox.activities.activity_recorded.v1"


FIRST = 1
"""The seq of the event that creates a lead."""

Keys = tuple[str | None, ...]
"""Ids and codes in the order of `DIMENSIONS`, None where there is none."""


class Said(NamedTuple):
    """What an event says to the fold, but for its place: `keys` become that once surrogates are known."""

    keys: Keys
    kind: str
    source: Source
    rest: tuple[Any, ...]

    def happening(self, place: Place) -> Happening:
        return _made(Happening, (self.kind, self.source, place, *self.rest))


def said(event: Received) -> Said:
    """Read an event. Raises Undecodable, or whatever a payload of another shape makes fail."""
    data = event.data
    kind, rest_of = _READERS[event.type]
    aggregate = str(event.aggregate_id)
    source = _made(Source, (microseconds(event.occurred_at), aggregate, event.seq, str(event.event_id)))
    return _made(Said, (_keys(data), kind, source, rest_of(data, aggregate)))


def _keys(data: Payload) -> Keys:
    """A region is the lead's, else the team's. Of a lead that is merged those of its start."""
    data = data.get("start") or data
    credit, dimensions = data.get("credit") or _EMPTY, data.get("dimensions") or _EMPTY
    return (
        credit.get("rep_id"),
        credit.get("team_id"),
        dimensions.get("region") or credit.get("team_region"),
        dimensions.get("product"),
        dimensions.get("channel"),
    )


def _created(data: Payload, lead: str) -> tuple[Any, ...]:
    return lead, data.get("start_known", True), None, False, None, None, False, None, (), None


def _owned(_: Payload, lead: str) -> tuple[Any, ...]:
    return lead, True, None, False, None, None, False, None, (), None


def _moved(data: Payload, lead: str) -> tuple[Any, ...]:
    status = data["to_status"]
    outcome = status if status != data["from_status"] else None
    return lead, True, outcome, False, _minor(data), None, False, None, (), None


def _updated(data: Payload, lead: str) -> tuple[Any, ...]:
    return lead, True, None, "value" in data["changed"], _minor(data), None, False, None, (), None


def _acted(data: Payload, _: str) -> tuple[Any, ...]:
    stand_for = tuple(data.get("part_of") or ())
    return data["lead_id"], True, None, False, None, data["kind"], data["effective"], None, stand_for, None


def _responded(data: Payload, lead: str) -> tuple[Any, ...]:
    """Attempts that reached nobody are handled, but no response."""
    worked_s = data["business_s"] if data["how"] == "follow_up" else None
    return lead, True, None, False, None, None, False, worked_s, (), None


def _joined(data: Payload, lead: str) -> tuple[Any, ...]:
    said = data.get("start")
    start = said and Source(microseconds(datetime.fromisoformat(said["at"])), lead, FIRST, said["event_id"])
    return lead, True, None, False, None, None, False, None, (), start


def _parted(data: Payload, lead: str) -> tuple[Any, ...]:
    return lead, True, None, False, None, None, False, None, tuple(data["lead_ids"]), None


def _minor(data: Payload) -> int | None:
    value = data.get("value")
    return None if value is None else int(value["tenant_minor"])


_READERS: dict[str, tuple[str, Callable[[Payload, str], tuple[Any, ...]]]] = {
    LEAD_CREATED: ("created", _created),
    LEAD_ASSIGNED: ("assigned", _owned),
    LEAD_POOLED: ("pooled", _owned),
    LEAD_UPDATED: ("updated", _updated),
    STAGE_CHANGED: ("moved", _moved),
    ACTIVITY_RECORDED: ("acted", _acted),
    RESPONSE_GIVEN: ("responded", _responded),
    LEAD_MERGED: ("merged", _joined),
    LEAD_UNMERGED: ("unmerged", _joined),
    LEAD_ABSORBED: ("absorbed", _parted),
    LEAD_SEPARATED: ("separated", _parted),
}
"""The kind of happening, and all its fields from `lead` on, in their order."""
