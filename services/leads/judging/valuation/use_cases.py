"""Converting amounts at the dated rate; a missing rate refuses the write."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from services.leads.judging.valuation.rules import Valued, local_day, valued
from shared.access.directory import RateMissing, Tenant, rates_on
from shared.database.transactions import Tx
from shared.errors import FieldError
from shared.money import Money

_PAR = Decimal(1)


class Valuer:
    """Values amounts in one transaction; each rate is read once."""

    def __init__(self, tx: Tx, tenant: Tenant) -> None:
        self._tx = tx
        self.tenant = tenant
        self._rates: dict[tuple[str, date], Decimal | None] = {}

    async def prefetch(self, wanted: Iterable[tuple[Money | None, datetime]]) -> None:
        """Read the rates that these amounts need, by one query."""
        days = {self._key(money, at) for money, at in wanted if self._is_foreign(money)}
        missing = days - self._rates.keys()
        if missing:
            known = await rates_on(self._tx, missing)
            self._rates |= {key: known.get(key) for key in missing}

    async def value(self, money: Money | None, at: datetime, pointer: str = "/value") -> Valued | None:
        """The amount at the rate of the day of `at` in the tenant's zone. Raises RateMissing, BadMoney."""
        await self.prefetch([(money, at)])
        return self.known(money, at, pointer)

    def known(self, money: Money | None, at: datetime, pointer: str = "/value") -> Valued | None:
        """The same from rates that are here already: those of `prefetch`."""
        if money is None:
            return None
        if not self._is_foreign(money):
            return valued(money, self.tenant.currency, _PAR)
        key = self._key(money, at)
        rate = self._rates.get(key)
        if rate is None:
            detail = f"no rate of {key[0]} in {self.tenant.currency} is set for {key[1].isoformat()}"
            raise RateMissing(detail, errors=[FieldError(pointer, RateMissing.code, detail)])
        return valued(money, self.tenant.currency, rate)

    def _is_foreign(self, money: Money | None) -> bool:
        return money is not None and money.currency != self.tenant.currency

    def _key(self, money: Money | None, at: datetime) -> tuple[str, date]:
        return (money.currency if money else "", local_day(at, self.tenant.timezone))
