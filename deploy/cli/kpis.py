"""`./cox kpis METRIC`: KPI values on the terminal, as a table with bars, or JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from deploy.cli.client import Client

NAME = "kpis"
HELP = "values of a metric by rep, team, region, product, channel or tenant, per period"

BYS = ("rep", "team", "region", "product", "channel", "tenant")
GRAINS = ("day", "week", "month", "quarter", "year")
FILTERS = ("rep", "team", "region", "product", "channel")
BAR_WIDTH = 30


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("metric", metavar="METRIC", help="such as deals_won, won_revenue, win_rate")
    parser.add_argument("--by", choices=BYS, default="rep", help="what the rows are about (default rep)")
    parser.add_argument(
        "--grain", choices=GRAINS, default="month", help="length of the periods (default month)"
    )
    parser.add_argument("--from", dest="first", metavar="DATE", help="first day, its period answered whole")
    parser.add_argument("--to", dest="last", metavar="DATE", help="last day, its period answered whole")
    for name in FILTERS:
        what = "id" if name in ("rep", "team") else "code"
        parser.add_argument(f"--{name}", metavar=what.upper(), help=f"only facts of this {name} (its {what})")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    query: dict[str, str | int | None] = {
        "metric": arguments.metric,
        "by": arguments.by,
        "grain": arguments.grain,
        "from": arguments.first,
        "to": arguments.last,
        **{name: getattr(arguments, name) for name in FILTERS},
    }
    answer = whole(Client.of_running_copy(), query)
    if arguments.json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        show(answer, arguments.metric, arguments.by, arguments.grain, Console())
    return 0


def whole(client: Client, query: dict[str, str | int | None]) -> dict[str, Any]:
    """All pages as one: `items`, and the last page's `as_of` and `lag_events`."""
    items: list[Any] = []
    cursor: str | None = None
    while True:
        page = client.get("/v1/kpis", {**query, "limit": 500, "cursor": cursor})
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return {"items": items, "as_of": page["as_of"], "lag_events": page["lag_events"]}


def show(answer: dict[str, Any], metric: str, by: str, grain: str, console: Console) -> None:
    """A table, a section per period, its bars as long as the values are large."""
    items: Sequence[dict[str, Any]] = answer["items"]
    if not items:
        console.print("no data")
        return
    most = max((abs(amount(item)) for item in items), default=0.0) or 1.0
    table = Table("period", by, metric, "", title=f"{metric} by {by} and {grain}")
    table.columns[2].justify = "right"
    period = None
    for item in items:
        if period not in (None, item["period_start"]):
            table.add_section()
        shown = "" if period == item["period_start"] else period_name(grain, item["period_start"])
        period = item["period_start"]
        bar = Bar(most, 0, max(amount(item), 0.0), width=BAR_WIDTH)
        table.add_row(shown, item["label"], text(item), bar)
    console.print(table)
    lag = answer["lag_events"]
    console.print(f"as of {answer['as_of']}" + (f", {lag} events behind" if lag else ""), style="dim")


def amount(item: dict[str, Any]) -> float:
    """A row's value as a length; no data is none."""
    value = item["value"]
    return float(value["amount"] if isinstance(value, dict) else value or 0)


def text(item: dict[str, Any]) -> str:
    """A row's value as people read it."""
    value = item["value"]
    if value is None:
        return "no data"
    if isinstance(value, dict):
        return f"{float(value['amount']):,.2f} {value['currency']}"
    if item["unit"] == "ratio":
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def period_name(grain: str, start: str) -> str:
    """`2026-W07`, `2026-02`, `2026 Q1`, `2026`; a day as it is."""
    first = date.fromisoformat(start)
    match grain:
        case "week":
            return first.strftime("%G-W%V")
        case "month":
            return f"{first:%Y-%m}"
        case "quarter":
            return f"{first.year} Q{(first.month + 2) // 3}"
        case "year":
            return str(first.year)
    return start
