"""The numbers once more, from the whole history at once: shares nothing with the engine under test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson


class Happened(Protocol):
    """An event, of a journal or of the log; `value` is its JSON."""

    @property
    def type(self) -> str: ...

    @property
    def aggregate_id(self) -> UUID: ...

    @property
    def seq(self) -> int: ...

    @property
    def occurred_at(self) -> datetime: ...

    @property
    def value(self) -> bytes: ...


@dataclass(frozen=True)
class Fact:
    """What counts: `name` as in the contract's metrics, `amount` in seconds or minor units."""

    name: str
    day: date
    rep: str | None
    team: str | None
    region: str | None
    product: str | None
    channel: str | None
    amount: int = 0


History = list[tuple[datetime, int, str, dict[str, Any]]]


def facts_of(events: Iterable[Happened], timezone: str) -> list[Fact]:
    """Every fact that holds after all of these events."""
    zone = ZoneInfo(timezone)
    found: list[Fact] = []
    leads: dict[str, History] = defaultdict(list)
    for event in events:
        data = orjson.loads(event.value)
        name = event.type.split(".")[2]
        lead = data["lead_id"] if name == "activity_recorded" else str(event.aggregate_id)
        for concerned in (lead, *data.get("part_of", ())):
            if concerned is not None:
                leads[concerned].append((event.occurred_at, event.seq, name, data))
        once = {
            "lead_created": "leads_created",
            "lead_assigned": "leads_assigned",
            "stage_changed": "stage_moves",
            "activity_recorded": f"{data.get('kind')}s",
        }.get(name)
        if once in ("leads_assigned", "stage_moves", "visits", "calls", "tasks"):
            found.append(_fact(once, event.occurred_at, zone, data))
        if name == "response_given" and data["how"] == "follow_up":
            found.append(_fact("worked_response", event.occurred_at, zone, data, data["business_s"]))
    for lead, history in leads.items():
        merged_at = _merged_at(history)
        if merged_at is None:
            found += [
                _fact("leads_created", at, zone, data)
                for at, _, name, data in history
                if name == "lead_created"
            ]
            found += _outcome(history, zone)
        found += _response(lead, history, zone, merged_at)
    return found


def _merged_at(history: History) -> datetime | None:
    """Since when a lead is a part of another; None: it is one of its own."""
    said = [(seq, name, at) for at, seq, name, _ in history if name in ("lead_merged", "lead_unmerged")]
    _, name, at = max(said, default=(0, "", None))
    return at if name == "lead_merged" else None


def _parts(history: History) -> set[str]:
    """What is a part of a lead now."""
    parts: set[str] = set()
    for _, _, name, data in sorted(history, key=lambda each: each[1]):
        if name == "lead_absorbed":
            parts |= set(data["lead_ids"])
        elif name == "lead_separated":
            parts -= set(data["lead_ids"])
    return parts


def _fact(name: str, at: datetime, zone: ZoneInfo, data: dict[str, Any], amount: int = 0) -> Fact:
    credit, where = data["credit"], data["dimensions"]
    return Fact(
        name, at.astimezone(zone).date(), credit["rep_id"], credit["team_id"],
        where["region"] or credit["team_region"], where["product"], where["channel"], amount,
    )  # fmt: skip


def _outcome(history: History, zone: ZoneInfo) -> list[Fact]:
    changes = sorted(
        (at, seq, data)
        for at, seq, name, data in history
        if name == "stage_changed" and data["from_status"] != data["to_status"]
    )
    if not changes or changes[-1][2]["to_status"] == "open":
        return []
    at, seq, data = changes[-1]
    if data["to_status"] == "lost":
        return [_fact("deals_lost", at, zone, data)]
    facts = [_fact("deals_won", at, zone, data)]
    worth = _corrected(history, at, seq, data["value"])
    if worth is not None:
        facts.append(_fact("revenue", at, zone, data, worth["tenant_minor"]))
    start = next(
        (when for when, _, name, made in history if name == "lead_created" and made["start_known"]), None
    )
    if start is not None:
        local = [moment.astimezone(zone).replace(tzinfo=None) for moment in (start, at)]
        facts.append(_fact("cycle", at, zone, data, int((local[1] - local[0]).total_seconds())))
    return facts


def _corrected(history: History, at: datetime, seq: int, value: Any) -> Any:
    """The value of a deal won then, as it is known now: people correct it, and so do merges."""
    later = [
        (when, number, data["value"])
        for when, number, name, data in history
        if name == "lead_updated" and "value" in data["changed"] and (when, number) > (at, seq)
    ]
    return max(later, key=lambda each: each[:2])[2] if later else value


def _response(lead: str, history: History, zone: ZoneInfo, merged_at: datetime | None) -> list[Fact]:
    owners = sorted(
        (at, seq, data["credit"]["rep_id"] if name == "lead_assigned" else None)
        for at, seq, name, data in history
        if name == "lead_assigned" or (name == "lead_pooled" and data["previous_owner_id"] is not None)
    )
    given = [at for at, _, name, _ in history if name == "lead_assigned"]
    parts = _parts(history)
    acts = [
        (at, data)
        for at, _, name, data in history
        if name == "activity_recorded"
        and data["effective"]
        and (data["lead_id"] in parts if data["lead_id"] != lead else merged_at is None or at < merged_at)
    ]
    for at, data in sorted(acts, key=lambda each: each[0]):
        before = [rep for when, _, rep in owners if when <= at]
        if before and before[-1] is not None and given and data["credit"]["rep_id"] == before[-1]:
            return [_fact("response", at, zone, data, int((at - min(given)).total_seconds()))]
    return []


def start_of(grain: str, day: date) -> date:
    if grain == "week":
        return date.fromisocalendar(*day.isocalendar()[:2], 1)
    month = {"day": day.month, "month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[grain]
    return day if grain == "day" else date(day.year, month, 1)


class Counted(NamedTuple):
    """Facts that are alike in all but their amounts: how many, and the sum."""

    name: str
    day: date
    rep: str | None
    team: str | None
    region: str | None
    product: str | None
    channel: str | None
    n: int
    amount: int


def counted(facts: Iterable[Fact]) -> list[Counted]:
    """What numbers need of the facts: a few rows, however many facts there are."""
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for each in facts:
        kind = each.name, each.day, each.rep, each.team, each.region, each.product, each.channel
        sums[kind][0] += 1
        sums[kind][1] += each.amount
    return [Counted._make((*kind, n, amount)) for kind, (n, amount) in sums.items()]


def values(
    facts: Iterable[Fact], metric: str, by: str, grain: str
) -> dict[tuple[date, str], Fraction | None]:
    """Metric by (period, key), as an analyst would define it; rows as the API shows them."""
    return values_of(counted(facts), metric, by, grain)


def values_of(
    facts: Iterable[Counted], metric: str, by: str, grain: str
) -> dict[tuple[date, str], Fraction | None]:
    """As `values`, of facts that were counted once for many metrics."""
    groups: dict[tuple[date, str], list[Counted]] = defaultdict(list)
    for each in facts:
        key = "tenant" if by == "tenant" else getattr(each, by)
        if key is not None:
            groups[start_of(grain, each.day), key].append(each)
    found = {group: _value(metric, rows) for group, rows in groups.items()}
    return {group: each for group, each in found.items() if each != "hidden"}  # type: ignore[misc]


def _value(metric: str, rows: list[Counted]) -> Fraction | str | None:
    def n(name: str) -> int:
        return sum(row.n for row in rows if row.name == name)

    def total(name: str) -> int:
        return sum(row.amount for row in rows if row.name == name)

    won, lost = n("deals_won"), n("deals_lost")
    match metric:
        case "win_rate":
            return Fraction(won, won + lost) if won + lost else "hidden"
        case "won_revenue" | "average_deal" if won:
            divisor = won if metric == "average_deal" else 1
            return Fraction(total("revenue"), divisor) if n("revenue") else None
        case "sales_cycle_days" if won:
            return Fraction(total("cycle"), n("cycle") * 86_400) if n("cycle") else None
        case "first_response_seconds" if n("response"):
            return Fraction(total("response"), n("response"))
        case "first_response_business_seconds" if n("worked_response"):
            return Fraction(total("worked_response"), n("worked_response"))
    return Fraction(n(metric)) if n(metric) else "hidden"


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]
