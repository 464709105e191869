"""The year 2026 in Shanghai: its times, and China's calendar of it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.support.speaking import Tenant

SHANGHAI = ZoneInfo("Asia/Shanghai")
_OFFICE = [{"start": "09:00", "end": "18:00"}]
_WORKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


def at(month: int, day: int, hour: int = 10, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=SHANGHAI)


async def china(company: Tenant) -> None:
    """The company works by China's calendar of 2026."""
    calendar = {
        "name": "中国 2026", "timezone": "Asia/Shanghai", "week": dict.fromkeys(_WORKDAYS, _OFFICE),
        "days_off": [f"2026-02-{day}" for day in range(15, 24)],
        "worked_days": [{"day": "2026-02-14"}, {"day": "2026-02-28"}],
    }  # fmt: skip
    made = await company.admin.post("/v1/org/calendars", calendar)
    await company.admin.patch(f"/v1/org/units/{await company.root()}", {"calendar_id": made["id"]})
