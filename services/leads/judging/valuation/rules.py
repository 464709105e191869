"""Money in two currencies: as given, and in the tenant's."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.contracts.base import Amount
from shared.money import Money, convert, to_minor


class Valued(NamedTuple):
    """`minor` in `currency` as given, `tenant_minor` in `tenant_currency` at the rate of the day."""

    minor: int
    currency: str
    tenant_minor: int
    tenant_currency: str
    amount: str

    def for_event(self) -> Amount:
        """As events carry it."""
        return Amount(
            amount=self.amount,
            currency=self.currency,
            tenant_minor=self.tenant_minor,
            tenant_currency=self.tenant_currency,
        )


def valued(money: Money, tenant_currency: str, rate: Decimal) -> Valued:
    """An amount at a rate; 1 where both currencies are one. Raises BadMoney if it fits no column."""
    minor = worth = to_minor(money)
    if money.currency != tenant_currency:
        worth = to_minor(convert(money, rate, tenant_currency))
    return Valued(minor, money.currency, worth, tenant_currency, format(money.amount, "f"))


def local_day(at: datetime, timezone: str) -> date:
    """The date of a moment in the tenant's zone."""
    return at.astimezone(ZoneInfo(timezone)).date()
