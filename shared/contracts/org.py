"""Published by the gateway on `cox.org`: one aggregate per tenant, so `org_version` is its seq.

The one topic that carries personal data: users' display names and codes, so that each service can label and
explain.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.base import Event, Value

UnitKind = Literal["company", "region", "team"]
Visibility = Literal["own", "team", "subtree", "tenant"]


class OrgEvent(Event):
    topic: ClassVar[str] = "cox.org"


class TenantConfigured(OrgEvent):
    """The tenant as it now is. `timezone` is an IANA name, `currency` an ISO 4217 code.

    Days up to `closed_through` are closed: nobody is moved or leaves there any more.
    """

    aggregate_type: ClassVar[str] = "tenant"
    name: str
    timezone: str
    currency: str
    closed_through: date | None = None


class UnitDefined(OrgEvent):
    """A unit of the org tree as it now is; `code` is unique in the tenant; only the root has no parent.

    Without a calendar of its own it works by that of the nearest unit above which has one.
    """

    aggregate_type: ClassVar[str] = "tenant"
    unit_id: UUID
    parent_id: UUID | None
    kind: UnitKind
    code: str
    name: str
    active: bool = True
    calendar_id: UUID | None = None


class UserDefined(OrgEvent):
    """A user as they now are; `code` is what imports' owner columns are matched with (besides the display
    name).
    """

    aggregate_type: ClassVar[str] = "tenant"
    user_id: UUID
    display_name: str
    code: str
    unit_id: UUID
    roles: tuple[str, ...]
    visibility: Visibility
    is_rep: bool
    active: bool = True


class RepMoved(OrgEvent):
    """A user belongs to another unit from `effective_at` on; credit already recorded stays where it is."""

    aggregate_type: ClassVar[str] = "tenant"
    user_id: UUID
    from_unit_id: UUID
    to_unit_id: UUID
    effective_at: datetime


class Handover(Value):
    """To whom a leaver's open leads go, each to whoever has the fewest then: users, or a unit's reps.

    Whoever has `max_open_leads` gets none; null: only their own capacity counts.
    """

    user_ids: tuple[UUID, ...] = ()
    unit_id: UUID | None = None
    max_open_leads: int | None = None


class RepLeft(OrgEvent):
    """A user is gone from `effective_at` on; why is nobody's business here.

    Without `handover` their leads stay theirs until somebody gives them away.
    """

    aggregate_type: ClassVar[str] = "tenant"
    departure_id: UUID
    user_id: UUID
    effective_at: datetime
    handover: Handover | None = None


class RepReturned(OrgEvent):
    """A user who left is back. `leads_return`: soon enough to get back what nobody has touched since."""

    aggregate_type: ClassVar[str] = "tenant"
    departure_id: UUID
    user_id: UUID
    left_at: datetime
    leads_return: bool


class AccessChanged(OrgEvent):
    """Tokens of this principal (user, API key, application) issued before this event are no longer good."""

    aggregate_type: ClassVar[str] = "tenant"
    principal_id: UUID
    revoked: bool


class RateSet(OrgEvent):
    """One unit of `currency` is worth `rate` (decimal string) of the tenant's currency on `valid_on`."""

    aggregate_type: ClassVar[str] = "tenant"
    currency: str
    valid_on: date
    rate: str


class WorkInterval(Value):
    """From and until when on a day, in minutes of its local time; 1440 is 24:00."""

    start_minute: int
    end_minute: int


class WorkedDay(Value):
    """A day with hours of its own, such as a make-up workday."""

    day: date
    hours: tuple[WorkInterval, ...]


class CalendarDefined(OrgEvent):
    """A working calendar as it now is.

    `timezone` is an IANA name; `week` has the hours of seven days, Monday first; nobody works on `days_off`
    (statutory holidays), and on `worked_days` at the hours given there.
    """

    aggregate_type: ClassVar[str] = "tenant"
    calendar_id: UUID
    name: str
    timezone: str
    week: tuple[tuple[WorkInterval, ...], ...]
    days_off: tuple[date, ...]
    worked_days: tuple[WorkedDay, ...]
    active: bool = True


class ProfileDefined(OrgEvent):
    """What counts about a user when work is given out, as it now is.

    `level` is a code such as P2; `capacity` the most open leads, null: any number; `territories` are codes.
    `timezone` and `calendar_id` null: those of the user's unit.
    """

    aggregate_type: ClassVar[str] = "tenant"
    user_id: UUID
    level: str | None = None
    capacity: int | None = None
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    timezone: str | None = None
    calendar_id: UUID | None = None


class AbsenceRecorded(OrgEvent):
    """A user is away from `from_at` until before `to_at`; why is nobody's business here."""

    aggregate_type: ClassVar[str] = "tenant"
    absence_id: UUID
    user_id: UUID
    from_at: datetime
    to_at: datetime


class AbsenceWithdrawn(OrgEvent):
    """An absence recorded before does not take place; what it took of the past is given back too."""

    aggregate_type: ClassVar[str] = "tenant"
    absence_id: UUID
    user_id: UUID
    from_at: datetime
    to_at: datetime
