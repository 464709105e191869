"""Every KPI that the API tells, against a recomputation from the journals by code of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.chaos.checks import check_equal
from tests.chaos.findings import Finding
from tests.support.recompute import Fact, counted, values_of
from tests.support.speaking import Person

METRICS = (
    "leads_created", "leads_assigned", "first_response_seconds", "first_response_business_seconds",
    "stage_moves", "deals_won", "deals_lost", "won_revenue", "win_rate", "sales_cycle_days", "average_deal",
    "visits", "calls", "tasks",
)  # fmt: skip
"""The contract's metrics, written out again on purpose."""

DIMENSIONS = ("rep", "team", "region", "product", "channel", "tenant")
GRAINS = ("day", "week", "month", "quarter", "year")
_MONEY = frozenset({"won_revenue", "average_deal"})
_AT_ONCE = 8


async def check_numbers(
    admin: Person, facts: Sequence[Fact], grains: Iterable[str] = GRAINS
) -> list[Finding]:
    """Metric by dimension by grain, for the whole tenant. `admin` sees all of it."""
    gate, sums = asyncio.Semaphore(_AT_ONCE), counted(facts)

    async def one(metric: str, by: str, grain: str) -> list[Finding]:
        async with gate:
            told = await _told(admin, metric, by, grain)
        due = {key: _shown(metric, value) for key, value in values_of(sums, metric, by, grain).items()}
        return check_equal(f"{metric} by {by} and {grain}", due, told)

    asked = [one(metric, by, grain) for metric in METRICS for by in DIMENSIONS for grain in grains]
    return [finding for findings in await asyncio.gather(*asked) for finding in findings]


async def _told(admin: Person, metric: str, by: str, grain: str) -> dict[tuple[date, str], object]:
    found: dict[tuple[date, str], object] = {}
    query: dict[str, str | int] = {"metric": metric, "by": by, "grain": grain, "limit": 500}
    while True:
        page = await admin.get("/v1/kpis", **query)
        for item in page["items"]:
            key = "tenant" if by == "tenant" else item["key"]
            found[date.fromisoformat(item["period_start"]), key] = _read(item["value"])
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def _read(value: Any) -> object:
    """Money as its decimal, numbers as the double that JSON carries."""
    return Decimal(value["amount"]) if isinstance(value, dict) else None if value is None else float(value)


def _shown(metric: str, value: Fraction | None) -> object:
    """As the contract has it: money in whole minor units (of a currency with two), half to even."""
    if value is None:
        return None
    return Decimal(round(value)) / 100 if metric in _MONEY else float(value)
