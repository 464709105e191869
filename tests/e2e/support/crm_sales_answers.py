"""What the CRM Sales Opportunities come to, by the standard library alone.

Shares nothing with the product: neither its mapping nor its code. Periods are named by their first day.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path


@dataclass
class Result:
    """Of one agent or team in one period. `cycles` are days from engagement to won, a number per won deal."""

    won: int = 0
    lost: int = 0
    revenue: int = 0
    cycles: list[int] = field(default_factory=list)

    @property
    def win_rate(self) -> Fraction:
        return Fraction(self.won, self.won + self.lost)

    @property
    def mean_cycle(self) -> Fraction | None:
        return Fraction(sum(self.cycles), len(self.cycles)) if self.cycles else None


Key = tuple[str, str]
"""(agent, manager, office or product; the period's first day)."""


def first_day(grain: str, day: date) -> date:
    if grain == "month":
        return day.replace(day=1)
    if grain == "quarter":
        return date(day.year, day.month - (day.month - 1) % 3, 1)
    return date(day.year, 1, 1)


def answers(pipeline: Path, teams: Path, grain: str, by: str) -> dict[Key, Result]:
    """Results of closed deals by `agent`, `manager`, `office` or `product`, in the period of the close
    date.
    """
    people = {row["sales_agent"]: row for row in rows_of(teams)}
    name: dict[str, Callable[[dict[str, str]], str]] = {
        "agent": lambda row: row["sales_agent"],
        "manager": lambda row: people[row["sales_agent"]]["manager"],
        "office": lambda row: people[row["sales_agent"]]["regional_office"],
        "product": lambda row: {"GTXPro": "GTX Pro"}.get(row["product"], row["product"]),
    }
    found: dict[Key, Result] = defaultdict(Result)
    for row in rows_of(pipeline):
        if row["deal_stage"] not in ("Won", "Lost"):
            continue
        closed = date.fromisoformat(row["close_date"])
        result = found[name[by](row), first_day(grain, closed).isoformat()]
        if row["deal_stage"] == "Lost":
            result.lost += 1
            continue
        result.won += 1
        result.revenue += int(row["close_value"])
        result.cycles.append((closed - date.fromisoformat(row["engage_date"])).days)
    return dict(found)


def rows_of(path: Path) -> Iterable[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
