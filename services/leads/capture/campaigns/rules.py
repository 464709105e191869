"""What a campaign is, and what its figures say. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.errors import FieldError, Invalid
from shared.money import Money

_STEP = Decimal("0.0001")


class EndsBeforeItStarts(Invalid):
    code = "out_of_order"
    title = "A campaign ends on the day on which it starts, or later"


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it is now; days are the tenant's, the first and the last one included."""

    id: UUID
    version: int
    name: str
    channel: str | None
    starts_on: date | None
    ends_on: date | None
    budget: Money | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Cost:
    """What it cost on a day. `worth` is the same in the tenant's currency at that day's rate, in minor
    units.
    """

    id: UUID
    on: date
    amount: Money
    worth: int
    note: str | None
    by_id: UUID | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Results:
    """The leads of a campaign that somebody sees, and all that it cost; money in minor units of the tenant's
    currency.

    `whole`: they see the whole tenant. Costs are divided only then: a part of the leads did not cost all of
    it.
    """

    leads: int
    qualified: int
    open: int
    won: int
    lost: int
    won_value: int
    cost: int
    whole: bool

    @property
    def cost_per_lead(self) -> int | None:
        return self._shared(self.leads)

    @property
    def cost_per_won(self) -> int | None:
        return self._shared(self.won)

    @property
    def roi(self) -> Decimal | None:
        """What came back for each unit spent, beyond that unit; None where nothing was spent."""
        if not self.whole or not self.cost:
            return None
        gain = Decimal(self.won_value - self.cost) / Decimal(self.cost)
        return gain.quantize(_STEP, ROUND_HALF_EVEN)

    def _shared(self, by: int) -> int | None:
        if not self.whole or not by:
            return None
        return int((Decimal(self.cost) / by).quantize(Decimal(1), ROUND_HALF_EVEN))


def check_days(starts_on: date | None, ends_on: date | None) -> None:
    """Raises EndsBeforeItStarts."""
    if starts_on is not None and ends_on is not None and ends_on < starts_on:
        detail = f"it starts on {starts_on.isoformat()}"
        raise EndsBeforeItStarts(detail, errors=[FieldError("/ends_on", EndsBeforeItStarts.code, detail)])


def noon_of(day: date, timezone: str) -> datetime:
    """The moment of what happened on a day of the tenant's and has no time."""
    return datetime.combine(day, time(12), ZoneInfo(timezone))
