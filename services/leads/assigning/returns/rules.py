"""Which leads may be called invalid, by whom, for how long, and who decides about it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from services.leads.follow_up.first_response.rules import Boss
from shared.errors import Conflict, FieldError, Forbidden, Invalid

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


class ReturnTermsImpossible(Invalid):
    code = "return_terms_impossible"
    title = "Terms that cannot work"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a decision may take, in business minutes; None: as long as it likes. `escalate_to` is told
    then, or whoever stands in for them.
    """

    warn_minutes: int | None = None
    due_minutes: int | None = None
    escalate_to: Boss | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Deadline:
    """When deciders are warned, if they are, and when it is due."""

    warn_at: datetime | None
    due_at: datetime
    escalate_to: Boss


@dataclass(frozen=True, slots=True)
class Filing:
    """What an owner said of a lead that they have since `assigned_at`, and what became of it.

    `due_at`: it is to be decided by then.
    """

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
    warn_at: datetime | None = None
    due_at: datetime | None = None
    escalate_to: Boss | None = None

    @property
    def key(self) -> tuple[UUID, UUID, UUID, datetime]:
        return self.tenant_id, self.lead_id, self.owner_id, self.assigned_at


def check_terms(terms: Terms, nobody: Collection[Boss]) -> None:
    """Raises ReturnTermsImpossible. `nobody`: roles that no active user has."""
    errors = []
    if (terms.due_minutes is None) != (terms.escalate_to is None):
        detail = "when it is due and who is told then belong together"
        errors.append(FieldError("/escalate_to", "half_given", detail))
    if terms.warn_minutes is not None and (terms.due_minutes or 0) <= terms.warn_minutes:
        detail = "a warning comes before it is due"
        errors.append(FieldError("/warn_minutes", "warning_too_late", detail))
    if terms.escalate_to in nobody:
        detail = f"no active user is a {terms.escalate_to}"
        errors.append(FieldError("/escalate_to", "escalation_to_nobody", detail))
    if errors:
        raise ReturnTermsImpossible(errors[0].detail, errors=errors)


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
