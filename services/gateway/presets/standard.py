"""The preset 标准: what a Chinese company of middle size expects. Practice, not law. Pure.

Natural days do not count statutory holidays; business minutes are those of the owner's calendar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from services.gateway.calendars.rules import WorkCalendar, WorkedDay
from services.gateway.presets.rules import Item, Line, LineName

CALENDAR = "中国 2026"
DORMANT = "沉默池"
WORKDAY = 9 * 60
"""Minutes."""

_HOLIDAYS = ((date(2026, 2, 15), date(2026, 2, 23)),)
_MADE_UP = (date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9), date(2026, 9, 20), date(2026, 10, 10))
"""Of the State Council's calendar of 2026: days off from and to, and make-up workdays."""

_POOLS: dict[LineName, dict[str, Any]] = {
    "saas": {
        "name": "线索公海",
        "is_default": True,
        "daily_claims": 10,
        "max_in_hand": {"default": 60, "by_level": {"P1": 60, "P2": 100, "P3": 120, "P4": 150, "P5": 200}},
        "cooling_days": 7,
        "keeping": {
            "first_follow_up_days": 1,
            "follow_up_days": 7,
            "deal_days": 60,
            "special": [
                {"labels": ["key"], "first_follow_up_days": 1, "follow_up_days": 14, "deal_days": 90}
            ],
            "warn_days": [3, 1],
            "protection_days": 30,
            "extension_days": 15,
            "dormant_after": 3,
            "paused_stages": ["contract"],
        },
    },
    "dealers": {
        "name": "经销商公海",
        "daily_claims": 5,
        "max_in_hand": {"default": 40},
        "cooling_days": 15,
        "keeping": {
            "first_follow_up_days": 2,
            "follow_up_days": 15,
            "deal_days": 120,
            "warn_days": [7, 1],
            "protection_days": 60,
            "extension_days": 30,
            "dormant_after": 3,
            "paused_stages": ["contract"],
        },
    },
    "showroom": {
        "name": "案场公海",
        # Nobody claims: superiors give.
        "daily_claims": 0,
        "cooling_days": 7,
        "keeping": {
            "first_follow_up_days": 1,
            "follow_up_days": 15,
            "deal_days": 90,
            "warn_days": [3, 1],
        },
    },
}
_CUSTOMERS: dict[str, Any] = {
    "name": "客户公海",
    "kind": "customers",
    "is_default": True,
    "daily_claims": 3,
    "max_in_hand": {"default": 300},
    "cooling_days": 30,
    "keeping": {
        "first_follow_up_days": 3,
        "follow_up_days": 60,
        "deal_days": 180,
        "warn_days": [15, 3],
    },
}
_RESPONSES: tuple[dict[str, Any], ...] = (
    {
        "name": "广告与官网",
        "position": 10,
        "conditions": {"source": ["ad", "website", "web"]},
        "warn_minutes": 12,
        "due_minutes": 15,
        "escalate": [
            {"after_minutes": 15, "to": "supervisor"},
            {"after_minutes": 240, "to": "manager"},
        ],
        "reassign_after_minutes": 75,
    },
    {
        "name": "400 未接来电",
        "position": 20,
        "conditions": {"source": ["hotline"]},
        "warn_minutes": 3,
        "due_minutes": 5,
        "escalate": [
            {"after_minutes": 15, "to": "supervisor"},
            {"after_minutes": 240, "to": "manager"},
        ],
        "reassign_after_minutes": 75,
    },
    {
        "name": "展会与名单",
        "position": 30,
        "conditions": {"source": ["exhibition", "trade_fair", "import"]},
        "warn_minutes": 20 * 60,
        "due_minutes": 24 * 60,
        "escalate": [{"after_minutes": 24 * 60, "to": "supervisor"}],
    },
)


_DUPLICATES = {"family": "flag", "company": "flag"}
_RETENTION = {"unanswered_months": 24}
_RETURNS = {"warn_minutes": WORKDAY, "due_minutes": 2 * WORKDAY, "escalate_to": "director"}


def calendar(id_: UUID, timezone: str) -> WorkCalendar:
    """Monday to Friday from nine to six, with the holidays of 2026."""
    office = ((9 * 60, 18 * 60),)
    return WorkCalendar(
        id=id_,
        name=CALENDAR,
        timezone=timezone,
        week=(office,) * 5 + ((), ()),
        days_off=tuple(day for first, last in _HOLIDAYS for day in _days(first, last)),
        worked_days=tuple(WorkedDay(day, None) for day in _MADE_UP),
        active=True,
        version=0,
    )


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def pools(lines: Sequence[Line]) -> list[Item]:
    """A pool of each line, those of customers and of dormant leads for all; what others name comes first."""
    everybody = Line("saas", *(tuple(dict.fromkeys(ids)) for ids in _of_all(lines)))
    found = [_pool({"name": DORMANT}, everybody)]
    found += [_pool(_POOLS[line.name], line) for line in lines]
    return [*found, _pool(_CUSTOMERS, everybody)]


def _of_all(lines: Sequence[Line]) -> tuple[list[UUID], list[UUID]]:
    units = [unit for line in lines for unit in line.unit_ids]
    return units, [admin for line in lines for admin in line.admin_ids]


def _pool(body: dict[str, Any], line: Line) -> Item:
    dormant = "dormant_after" in body.get("keeping", {})
    return Item(
        "pools",
        "/v1/pools",
        body["name"],
        {
            **body,
            "members": {"unit_ids": [str(unit) for unit in line.unit_ids]},
            "admin_ids": [str(user) for user in line.admin_ids],
        },
        {("keeping", "dormant_pool_id"): DORMANT} if dormant else {},
    )


def responses() -> list[Item]:
    """Terms of the first response by source."""
    return [Item("first_response", "/v1/response-rules", body["name"], body) for body in _RESPONSES]


def returns() -> list[Item]:
    """How long decisions about invalid leads may take."""
    return [Item("returns", "/v1/lead-returns/terms", "无效线索退回", _RETURNS, only=True)]


def duplicates() -> list[Item]:
    """What leads are told of that may repeat others: relatives' numbers and companies' names too."""
    return [Item("duplicates", "/v1/duplicate-policy", "线索查重", _DUPLICATES, only=True)]


def retention() -> list[Item]:
    """For how long leads are kept that nobody answers."""
    return [Item("retention", "/v1/retention", "线索保留期限", _RETENTION, only=True)]
