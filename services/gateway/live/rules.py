"""Who may be told of an event."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.access.principal import Principal
from shared.contracts.catalogue import EVENT_TYPES
from shared.errors import FieldError, Invalid

SCOPES = {
    "cox.leads": "leads:read",
    "cox.activities": "activities:read",
    "cox.scoring": "kpis:read",
    "cox.org": "org:read",
    "cox.gateway": "admin",
}
"""What somebody needs to be told of a stream's events at all."""


class UnknownEventType(Invalid):
    code = "unknown_event_type"
    title = "There is no such event type"


@dataclass(frozen=True, slots=True)
class Audience:
    """Whose event it is: a rep's, with their team. Neither: for those who see the whole tenant."""

    rep_id: UUID | None = None
    team_id: UUID | None = None


NOBODY = Audience()


@dataclass(frozen=True, slots=True)
class Sight:
    """The organisation as it is now: every unit's ancestors with itself, every user's unit."""

    ancestors: Mapping[UUID, Collection[UUID]]
    unit_of: Mapping[UUID, UUID]


def audience_of(event_type: str, data: Mapping[str, Any]) -> Audience | None:
    """Whose an event says it is; None where it does not say: then it is its lead's owner's, if known."""
    credit = data.get("credit")
    if isinstance(credit, Mapping):
        rep = _uuid(credit.get("rep_id")) or _uuid(data.get("owner_id"))
        return Audience(rep, _uuid(credit.get("team_id")))
    if event_type.startswith("cox.scoring."):
        return Audience(_uuid(data.get("rep_id")))
    if event_type.startswith("cox.leads.lead_"):
        return None
    return NOBODY


def _uuid(value: object) -> UUID | None:
    return UUID(value) if isinstance(value, str) else None


def sees(principal: Principal, audience: Audience, sight: Sight) -> bool:
    """THE visibility predicate, over an event: own / team / subtree / tenant, by the organisation of now."""
    if principal.visibility == "tenant":
        return True
    if audience.rep_id is not None and audience.rep_id == principal.user_id:
        return True
    team = audience.team_id
    if team is None and audience.rep_id is not None:
        team = sight.unit_of.get(audience.rep_id)
    if team is None or principal.visibility == "own":
        return False
    if principal.visibility == "team":
        return team == principal.unit_id
    return principal.unit_id in sight.ancestors.get(team, ())


def wanted_types(text: str | None) -> frozenset[str] | None:
    """The types of a `types=` filter: names, or beginnings with `*`. None: all. Raises UnknownEventType."""
    if text is None:
        return None
    found: set[str] = set()
    for part in text.split(","):
        name = part.strip()
        matching = (
            {each for each in EVENT_TYPES if each.startswith(name[:-1])}
            if name.endswith("*")
            else {name} & EVENT_TYPES.keys()
        )
        if not matching:
            detail = f"no event type is called {name[:100]!r}"
            raise UnknownEventType(detail, errors=[FieldError("/query/types", "unknown_event_type", detail)])
        found |= matching
    return frozenset(found)
