"""From events, as the contracts shape them, to what the fold asks. Works on decoded JSON: this path is
hot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.scoring.kpis.fold import Happening, Place, Source

Payload = Mapping[str, Any]
_EMPTY: Payload = {}

LEAD_CREATED = "cox.leads.lead_created.v1"
LEAD_ASSIGNED = "cox.leads.lead_assigned.v1"
LEAD_UPDATED = "cox.leads.lead_updated.v1"
STAGE_CHANGED = "cox.leads.stage_changed.v1"
ACTIVITY_RECORDED = "cox.activities.activity_recorded.v1"


def place_of(data: Payload) -> tuple[str | None, ...]:
    """Ids and codes in the order of `DIMENSIONS`; a region is the lead's, else the team's."""
    credit, dimensions = data.get("credit") or _EMPTY, data.get("dimensions") or _EMPTY
    return (
        credit.get("rep_id"),
        credit.get("team_id"),
        dimensions.get("region") or credit.get("team_region"),
        dimensions.get("product"),
        dimensions.get("channel"),
    )


def translate(event_type: str, data: Payload, source: Source, place: Place) -> Happening:
    """What the event says to the fold; `place` holds the surrogates of its `place_of`."""
    return _TRANSLATORS[event_type](data, source, place)


def _created(data: Payload, source: Source, place: Place) -> Happening:
    return Happening("created", source, place, source.aggregate, start_known=data.get("start_known", True))


def _assigned(_: Payload, source: Source, place: Place) -> Happening:
    return Happening("assigned", source, place, source.aggregate)


def _moved(data: Payload, source: Source, place: Place) -> Happening:
    status = data["to_status"]
    outcome = status if status != data["from_status"] else None
    return Happening("moved", source, place, source.aggregate, outcome=outcome, minor=_minor(data))


def _updated(data: Payload, source: Source, place: Place) -> Happening:
    values = "value" in data["changed"]
    return Happening("updated", source, place, source.aggregate, values=values, minor=_minor(data))


def _acted(data: Payload, source: Source, place: Place) -> Happening:
    lead, kind, effective = data["lead_id"], data["kind"], data["effective"]
    return Happening("acted", source, place, lead, activity=kind, effective=effective)


def _minor(data: Payload) -> int | None:
    value = data.get("value")
    return None if value is None else int(value["tenant_minor"])


_TRANSLATORS: dict[str, Callable[[Payload, Source, Place], Happening]] = {
    LEAD_CREATED: _created,
    LEAD_ASSIGNED: _assigned,
    LEAD_UPDATED: _updated,
    STAGE_CHANGED: _moved,
    ACTIVITY_RECORDED: _acted,
}
