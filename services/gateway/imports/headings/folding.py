"""One spelling for the names of columns: width, case, spaces, punctuation, remarks and units taken off."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from hashlib import blake2b
from importlib import resources

import orjson

UNITS: dict[str, Decimal] = {
    "元": Decimal(1), "块": Decimal(1), "百元": Decimal(100), "千": Decimal(1_000), "千元": Decimal(1_000),
    "k": Decimal(1_000), "thousand": Decimal(1_000), "万": Decimal(10_000), "万元": Decimal(10_000),
    "w": Decimal(10_000), "百万": Decimal(1_000_000), "百万元": Decimal(1_000_000), "m": Decimal(1_000_000),
    "million": Decimal(1_000_000), "亿": Decimal(100_000_000), "亿元": Decimal(100_000_000),
}  # fmt: skip
"""What an amount under such a heading is multiplied by."""
CURRENCIES: dict[str, str] = {
    "人民币": "CNY", "rmb": "CNY", "cny": "CNY", "¥": "CNY", "￥": "CNY", "usd": "USD",
    "美元": "USD", "$": "USD", "us$": "USD", "eur": "EUR", "欧元": "EUR", "€": "EUR", "hkd": "HKD",
    "港币": "HKD", "港元": "HKD", "jpy": "JPY", "日元": "JPY", "gbp": "GBP", "英镑": "GBP", "£": "GBP",
}  # fmt: skip
_BRACKETS = re.compile(r"[(\[{【〔〈《「『]([^()\[\]{}【】〔〕〈〉《》「」『』]*)[)\]}】〕〉》」』]")
_PARTS = re.compile(r"[/／,，、:：\s]+")
_OF_UNITS = tuple("百千万亿")
_UNIT_WORD = re.compile(r"^(?:单位|unit)[:：]?\s*")


@dataclass(frozen=True, slots=True)
class Heading:
    """What is left of a column's name; what its amounts are multiplied by and counted in, if it says.

    `unclear`: a remark that says so in a way nobody here understands.
    """

    name: str
    factor: Decimal | None = None
    currency: str | None = None
    unclear: str | None = None


@lru_cache(maxsize=4096)
def folded(text: str) -> Heading:
    """`金额（万元）` and ` * 金 额 (单位: 万) ` are the same heading."""
    plain = unicodedata.normalize("NFKC", text).translate(_simplified()).casefold()
    factor = currency = unclear = None
    for remark in _BRACKETS.findall(plain):
        for part in _PARTS.split(_UNIT_WORD.sub("", remark.strip())):
            unit, money = _counted_in(part)
            factor, currency = unit or factor, money or currency
            if unit is None and part.startswith(_OF_UNITS):
                unclear = part
    bare = letters(_BRACKETS.sub("", plain))
    return Heading(bare or letters(plain), factor, currency, unclear)


def _counted_in(part: str) -> tuple[Decimal | None, str | None]:
    """The unit and the currency of one word of a remark, which may name both: `万美元`, `$m`."""
    for word, currency in CURRENCIES.items():
        for rest in (part.removesuffix(word), part.removeprefix(word)):
            if rest != part and (not rest or rest in UNITS):
                return UNITS.get(rest), currency
    return UNITS.get(part), None


@cache
def _simplified() -> dict[int, str]:
    """Characters as they are written on the mainland, one for one."""
    table = orjson.loads(resources.files("zhconv").joinpath("zhcdict.json").read_bytes())["zh2Hans"]
    return {ord(old): new for old, new in table.items() if len(old) == len(new) == 1}


def letters(text: str) -> str:
    """Its letters and digits alone."""
    return "".join(char for char in text if unicodedata.category(char)[0] in "LN")


def fingerprint(header: Sequence[str]) -> str:
    """The same for headers with the same columns, however they are spelt and ordered."""
    names = sorted(folded(name).name for name in header)
    return blake2b("\x1f".join(names).encode(), digest_size=16).hexdigest()
