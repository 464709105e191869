"""Money as an exact decimal and, where it is summed, as integer minor units (cents, fen).

>>> to_minor(Money(Decimal("12.34"), "CNY"))
1234
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

import iso4217

from shared.errors import Invalid

MAX_MINOR = 2**63 - 1
"""The largest amount that a bigint column holds, in minor units."""
_EXACT = Context(prec=60)


def _exponents() -> dict[str, int]:
    """Decimals per ISO 4217 code; codes without a minor unit (gold, drawing rights) are no money here."""
    return {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}


CURRENCIES: dict[str, int] = _exponents()
"""Number of decimals by ISO 4217 code, e.g. CNY 2, JPY 0, KWD 3."""


class BadMoney(Invalid):
    code = "bad_money"
    title = "Not an amount of money"


class UnknownCurrency(Invalid):
    code = "unknown_currency"
    title = "Not an ISO 4217 currency"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in major units of an ISO 4217 currency; finite, otherwise unrestricted until `to_minor`."""

    amount: Decimal
    currency: str

    @classmethod
    def of(cls, amount: str, currency: str) -> Money:
        """From text as it is on the wire ("1234.50"). Raises BadMoney or UnknownCurrency."""
        try:
            value = Decimal(amount)
        except InvalidOperation as error:
            raise BadMoney(f"{amount[:40]!r} is not a decimal number") from error
        if not value.is_finite():
            raise BadMoney("an amount is a finite number")
        decimals_of(currency)
        return cls(value, currency)


def decimals_of(currency: str) -> int:
    """How many decimals the currency has. Raises UnknownCurrency."""
    try:
        return CURRENCIES[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency[:10]!r} is not a currency code of ISO 4217, such as CNY") from None


def to_minor(money: Money) -> int:
    """Integer minor units. Refuses more decimals than the currency has, and more than 64 bits."""
    decimals = decimals_of(money.currency)
    if not money.amount.is_finite() or money.amount.adjusted() > 20:
        raise BadMoney("the amount is too large")
    minor = money.amount.scaleb(decimals, context=_EXACT)
    if minor != minor.to_integral_value(context=_EXACT):
        raise BadMoney(f"{money.currency} has {decimals} decimals, not more")
    if abs(minor) > MAX_MINOR:
        raise BadMoney("the amount is too large")
    return int(minor)


def from_minor(minor: int, currency: str) -> Money:
    """The inverse of `to_minor`, with the currency's decimals written out: 1230 fen are 12.30."""
    decimals = decimals_of(currency)
    return Money(Decimal(minor).scaleb(-decimals), currency)


def written(minor: int, currency: str) -> str:
    """Minor units as a decimal text with the currency's decimals: 1230 fen are `12.30`."""
    decimals = decimals_of(currency)
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    sign = "-" if minor < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else sign + digits


def convert(money: Money, rate: Decimal, to: str) -> Money:
    """`money` in the currency `to`, one unit of `money.currency` costing `rate`; rounded half to even."""
    if not rate.is_finite() or rate <= 0:
        raise BadMoney("a rate is a positive number")
    decimals = decimals_of(to)
    worth = _EXACT.multiply(money.amount, rate)
    amount = worth.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN, context=_EXACT)
    return Money(amount, to)
