"""How a lead's events change what is known of it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from shared.contracts.leads import (
    LeadAssigned,
    LeadCreated,
    LeadMerged,
    LeadPooled,
    LeadUnmerged,
    PersonErased,
)

CREATED = LeadCreated.type_name()
ASSIGNED = LeadAssigned.type_name()
POOLED = LeadPooled.type_name()
MERGED = LeadMerged.type_name()
UNMERGED = LeadUnmerged.type_name()
ERASED = PersonErased.type_name()


@dataclass(frozen=True, slots=True)
class KnownLead:
    """What is known of a lead here. Without an owner it is its creator's to see. `former_owner_id`: whose it
    was when it was merged into another. `erased`: its person is forgotten; what people write of it is not
    stored.
    """

    lead_id: UUID
    owner_id: UUID | None = None
    team_id: UUID | None = None
    created_by: UUID | None = None
    region: str | None = None
    product: str | None = None
    channel: str | None = None
    merged_into: UUID | None = None
    former_owner_id: UUID | None = None
    erased: bool = False


def changed_by(known: KnownLead, event_type: str, data: Mapping[str, Any]) -> KnownLead:
    """The lead after one more event, given as decoded JSON."""
    credit, dimensions = data.get("credit") or {}, data.get("dimensions") or {}
    if event_type == CREATED:
        known = replace(known, created_by=_id(data.get("created_by")))
    elif event_type == ASSIGNED:
        known = replace(known, owner_id=_id(credit.get("rep_id")), team_id=_id(credit.get("team_id")))
    elif event_type == POOLED:
        known = replace(known, owner_id=None, team_id=None)
    elif event_type == MERGED:
        into, former = _id(data["into"]), known.owner_id
        known = replace(known, owner_id=None, team_id=None, merged_into=into, former_owner_id=former)
    elif event_type == UNMERGED:
        owner, team = _id(credit.get("rep_id")), _id(credit.get("team_id"))
        known = replace(known, owner_id=owner, team_id=team, merged_into=None, former_owner_id=None)
    elif event_type == ERASED:
        known = replace(known, erased=True)
        known = replace(known, owner_id=None, team_id=None) if data.get("left_owner") else known
    return replace(
        known,
        region=dimensions.get("region"),
        product=dimensions.get("product"),
        channel=dimensions.get("channel"),
    )


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
