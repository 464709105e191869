"""What a tenant is, and which of its days are closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.errors import Conflict, FieldError, Invalid


class PeriodClosed(Conflict):
    code = "period_closed"
    title = "That day is closed; what happened until then stays as it is"


class ClosedStays(Conflict):
    code = "closed_stays"
    title = "What is closed stays closed"


class DayNotOver(Invalid):
    code = "day_not_over"
    title = "Only days that are over can be closed"


@dataclass(frozen=True, slots=True)
class Tenant:
    """`timezone` is an IANA name, `currency` an ISO 4217 code; `version` is the org version.

    Days up to `closed_through` are closed.
    """

    id: UUID
    name: str
    timezone: str
    currency: str
    version: int
    closed_through: date | None = None

    def day_of(self, at: datetime) -> date:
        """The tenant's own day."""
        return at.astimezone(ZoneInfo(self.timezone)).date()


def check_not_closed(tenant: Tenant, effective_at: datetime) -> None:
    """Raises PeriodClosed."""
    if tenant.closed_through is not None and tenant.day_of(effective_at) <= tenant.closed_through:
        detail = f"everything up to {tenant.closed_through} is closed"
        raise PeriodClosed(detail, errors=[FieldError("/effective_at", PeriodClosed.code, detail)])


def check_closing(tenant: Tenant, through: date, now: datetime) -> None:
    """Raises ClosedStays, DayNotOver."""
    pointer = "/closed_through"
    if tenant.closed_through is not None and through < tenant.closed_through:
        detail = f"everything up to {tenant.closed_through} is closed"
        raise ClosedStays(detail, errors=[FieldError(pointer, ClosedStays.code, detail)])
    if through >= tenant.day_of(now):
        detail = f"{tenant.day_of(now)} is today there"
        raise DayNotOver(detail, errors=[FieldError(pointer, DayNotOver.code, detail)])
