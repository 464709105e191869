"""Which leads may be called invalid, by whom, for how long, and who decides about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from shared.errors import Conflict, Forbidden

Invalidity = Literal["empty_number", "peer", "duplicate"]
State = Literal["filed", "approved", "refused"]

FILING_PERIOD = timedelta(hours=24)
"""From the assignment on."""


class NotTheOwner(Forbidden):
    code = "not_the_owner"
    title = "Only who owns a lead may return it as invalid"


class NotOpen(Conflict):
    code = "lead_not_open"
    title = "Only an open lead may be returned as invalid"


class FiledTooLate(Conflict):
    code = "filed_too_late"
    title = "A lead may be returned as invalid within 24 hours of its assignment"


class FiledBefore(Conflict):
    code = "filed_before"
    title = "It was filed once since this assignment"


class NothingFiled(Conflict):
    code = "nothing_filed"
    title = "Nobody has filed this lead as invalid, or it is decided"


class DecisionNotAllowed(Forbidden):
    code = "decision_not_allowed"
    title = "It is decided by somebody who sees the team, never by who filed it"


class FilingOutdated(Conflict):
    code = "filing_outdated"
    title = "The lead is in other hands since it was filed"


@dataclass(frozen=True, slots=True)
class Filing:
    """What an owner said of a lead that they have since `assigned_at`, and what became of it."""

    tenant_id: UUID
    lead_id: UUID
    owner_id: UUID
    assigned_at: datetime
    filed_at: datetime
    reason: Invalidity
    note: str | None
    state: State
    decided_at: datetime | None
    decided_by: UUID | None
    decision_note: str | None
    turn_returned: bool


def check_filing(
    owner_id: UUID | None, user_id: UUID | None, status: str, assigned_at: datetime | None, at: datetime
) -> datetime:
    """Since when the owner has the lead. Raises NotTheOwner, NotOpen, FiledTooLate, in this order."""
    if owner_id is None or owner_id != user_id:
        raise NotTheOwner
    if status != "open":
        raise NotOpen(f"it is {status}")
    if assigned_at is None or at - assigned_at > FILING_PERIOD:
        raise FiledTooLate
    return assigned_at


def check_decision(filing: Filing, visibility: str, user_id: UUID | None) -> None:
    """Raises DecisionNotAllowed."""
    if visibility == "own":
        raise DecisionNotAllowed
    if user_id == filing.owner_id:
        raise DecisionNotAllowed("you have filed it yourself")


def check_in_hand(filing: Filing, owner_id: UUID | None, assigned_at: datetime | None, status: str) -> None:
    """Raises FilingOutdated where the lead is no longer as it was filed."""
    if (owner_id, assigned_at, status) != (filing.owner_id, filing.assigned_at, "open"):
        raise FilingOutdated
