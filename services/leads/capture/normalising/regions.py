"""Where national numbers belong."""

from __future__ import annotations

from functools import cache
from importlib import resources

_REGION_OF_CURRENCY = {
    "CNY": "CN",
    "USD": "US",
    "GBP": "GB",
    "JPY": "JP",
    "INR": "IN",
    "HKD": "HK",
    "TWD": "TW",
}
_LAST_REGION = "US"


def region_of(timezone: str, currency: str) -> str:
    """Where national numbers belong: the country of the tenant's zone, else of its currency, else the US."""
    return _countries().get(timezone) or _REGION_OF_CURRENCY.get(currency, _LAST_REGION)


@cache
def _countries() -> dict[str, str]:
    """IANA's own table: the country of each zone that lies in one."""
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}
