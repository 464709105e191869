"""Amounts as people write them: 1,234.50, ￥1.2万, 3千, (1,234). What can be read in two ways is refused."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from services.gateway.imports.headings.folding import CURRENCIES, UNITS

PLAIN = re.compile(r"\d{1,30}(?:\.\d{1,30})?")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d{1,30})?")
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:\.\d+)?[eE][+-]?\d+")
_UNIT = "|".join(sorted(map(re.escape, {*UNITS, "十万", "千万", "百亿", "十亿"}), key=len, reverse=True))
_SIGN = "|".join(sorted(map(re.escape, CURRENCIES), key=len, reverse=True))
_SHAPE = re.compile(
    rf"(?P<before>{_SIGN})?\s*(?P<minus>[-−])?\s*(?P<number>[\d.,'\s]*\d)\s*(?P<unit>{_UNIT})?\s*(?P<after>{_SIGN}|元整)?"
)
_LARGER = {"十万": 10**5, "千万": 10**7, "十亿": 10**9, "百亿": 10**10}
_YEN = frozenset("¥￥")


class UnclearAmount(ValueError):
    """Why a text is no amount, as a sentence."""

    def __init__(self, said: str, code: str = "bad_amount") -> None:
        super().__init__(said)
        self.code = code


@dataclass(frozen=True, slots=True)
class ReadAmount:
    """An amount; `odd` says that it was not simply written as a number."""

    amount: Decimal
    currency: str | None
    odd: bool


def read_amount(text: str, currency: str, factor: Decimal | None = None) -> ReadAmount:
    """The amount in `text`; `currency` is what it is in unless it says so, `factor` its heading's unit.

    :raises UnclearAmount: it is none, it can be read in two ways, or it is negative.
    """
    if PLAIN.fullmatch(text):
        return _result(Decimal(text), None, factor, odd=False)
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    negative = plain.startswith("(") and plain.endswith(")")
    plain = plain[1:-1].strip() if negative else plain
    if _SCIENTIFIC.fullmatch(plain):
        raise UnclearAmount(
            "it was shortened by a spreadsheet: show the column as whole numbers and export again"
        )
    found = _SHAPE.fullmatch(plain) if len(plain) <= 64 else None
    if found is None:
        raise UnclearAmount("it is no amount, such as 1054, 1,054.50 or 1.2万")
    number = _number(found["number"])
    if (negative or found["minus"]) and number:
        raise UnclearAmount("a deal's value is not negative", "negative_amount")
    said = _currency(found, currency)
    unit = found["unit"]
    if unit is not None:
        number *= Decimal(_LARGER.get(unit, 0)) or UNITS[unit]
        return _result(number, said, None, odd=unit != "元")
    return _result(number, said, factor, odd=False)


def _result(number: Decimal, currency: str | None, factor: Decimal | None, *, odd: bool) -> ReadAmount:
    if factor is None or factor == 1:
        return ReadAmount(number, currency, odd)
    return ReadAmount(number * factor, currency, True)


def _number(text: str) -> Decimal:
    """A number with its thousands in groups of three or in none."""
    plain = re.sub(r"\s+", "", text) if re.fullmatch(r"\d{1,3}(?:\s\d{3})+(?:\.\d+)?", text) else text.strip()
    if _GROUPED.fullmatch(plain):
        return Decimal(plain.replace(",", ""))
    if PLAIN.fullmatch(plain):
        return Decimal(plain)
    raise UnclearAmount("it can be read in more than one way: write it as 1234.50 or 1,234.50")


def _currency(found: re.Match[str], tenant: str) -> str | None:
    signs = [sign for sign in (found["before"], found["after"]) if sign and sign != "元整"]
    codes = {_code(sign, tenant) for sign in signs}
    if len(codes) > 1:
        raise UnclearAmount(f"it names two currencies: {' and '.join(signs)}")
    return codes.pop() if codes else None


def _code(sign: str, tenant: str) -> str:
    """`¥` is the yuan's and the yen's, `$` any dollar's: the tenant's own where it has such a one."""
    if sign in _YEN:
        if tenant not in ("CNY", "JPY"):
            raise UnclearAmount("¥ is the yuan's and the yen's: name the currency in a column or the mapping")
        return tenant
    return tenant if sign == "$" and tenant in _DOLLARS else CURRENCIES[sign]


_DOLLARS = frozenset({"USD", "HKD", "SGD", "AUD", "CAD", "NZD", "TWD"})
