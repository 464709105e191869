"""What is known of people for the work they are given, and who may say that somebody is away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.access.principal import Principal
from shared.errors import Conflict, FieldError, Forbidden, Invalid

AbsenceKind = Literal["leave", "rest", "training", "other"]

_LEADING = frozenset({"supervisor", "manager", "director"})


class AbsenceEndsFirst(Invalid):
    code = "absence_ends_first"
    title = "An absence ends after it begins"


class AlreadyAbsent(Conflict):
    code = "already_absent"
    title = "This very absence is recorded already"


class NotTheirManager(Forbidden):
    code = "not_their_manager"
    title = "Absences of others are their managers' to record"


@dataclass(frozen=True, slots=True)
class Profile:
    """`capacity` is the most open leads, None: as many as they like. `timezone` and `calendar_id` None: as
    their unit's. `version` is the org seq that last changed it, 0 while nothing was said.
    """

    user_id: UUID
    level: str | None = None
    capacity: int | None = None
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    timezone: str | None = None
    calendar_id: UUID | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Absence:
    """Away from `from_at` until before `to_at`. `recorded_by` is a person."""

    id: UUID
    user_id: UUID
    kind: AbsenceKind
    from_at: datetime
    to_at: datetime
    recorded_by: UUID | None
    recorded_at: datetime


def check_interval(from_at: datetime, to_at: datetime) -> None:
    """Raises AbsenceEndsFirst."""
    if to_at <= from_at:
        detail = "must be later than from_at"
        raise AbsenceEndsFirst(detail, errors=[FieldError("/to_at", AbsenceEndsFirst.code, detail)])


def check_may_record(principal: Principal, user_id: UUID) -> None:
    """One's own, and as who leads people or changes the organisation those of others.

    Raises NotTheirManager. Whom the caller may not see is for them nobody: that is looked at before.
    """
    if user_id == principal.user_id or principal.may("org:write") or principal.roles & _LEADING:
        return
    raise NotTheirManager
