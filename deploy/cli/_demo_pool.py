"""The demo's calendar, its public pool, and customers whom nobody has taken yet."""

from __future__ import annotations

import random
from typing import Any

from deploy.cli._demo_company import customer
from deploy.cli.client import Client

LEADS = 12
_OFFICE = [{"start": "09:00", "end": "18:00"}]
_WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), _OFFICE)
_CALENDAR = {
    "name": "中国 2026",
    "timezone": "Asia/Shanghai",
    "week": _WEEK,
    "days_off": [f"2026-02-{day}" for day in range(15, 24)],
    "worked_days": [
        {"day": day} for day in ("2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10")
    ],
}
# As the preset of SaaS companies has it.
_POOL: dict[str, Any] = {
    "name": "线索公海 Public pool",
    "is_default": True,
    "daily_claims": 10,
    "max_in_hand": {"default": 60, "by_level": {"P2": 100, "P3": 120, "P4": 150, "P5": 200}},
    "cooling_days": 7,
    "keeping": {
        "first_follow_up_days": 1,
        "follow_up_days": 7,
        "deal_days": 60,
        "warn_days": [3, 1],
        "special": [{"tags": ["重点"], "follow_up_days": 14, "deal_days": 90}],
        "protection_days": 30,
        "extension_days": 15,
        "dormant_after": 3,
    },
}
_DORMANT = {"name": "沉默池 Dormant"}


def bring_calendar(client: Client) -> str:
    """The id of the demo's calendar."""
    for each in client.pages("/v1/org/calendars"):
        if each["name"] == _CALENDAR["name"]:
            return str(each["id"])
    return str(client.post("/v1/org/calendars", _CALENDAR)["id"])


def bring_pools(client: Client, unit_ids: list[str]) -> None:
    """The pool of these units' reps, and the dormant one behind it; what is there by name stays as it is."""
    present = {pool["name"]: pool["id"] for pool in client.pages("/v1/pools")}
    members = {"members": {"unit_ids": unit_ids}}
    if _DORMANT["name"] not in present:
        present[_DORMANT["name"]] = client.post("/v1/pools", _DORMANT | members)["id"]
    if _POOL["name"] not in present:
        keeping = _POOL["keeping"] | {"dormant_pool_id": present[_DORMANT["name"]]}
        client.post("/v1/pools", _POOL | members | {"keeping": keeping})


def fill_pool(client: Client, name: str, currency: str, seed: int) -> None:
    """Leads of a region that no rule is for: a moment later they lie in the pool."""
    for number in range(LEADS):
        chance = random.Random(f"{seed}-pool-{number}")  # noqa: S311 - a story, no secret
        who = customer(chance, 9000 + number)
        body = {
            "name": who.name, "company": who.company, "phone": who.phone, "email": who.email,
            "source": who.source, "channel": who.channel, "region": "west", "product": who.product,
            "value": {"amount": str(who.amount), "currency": currency}, "tags": ["demo"],
        }  # fmt: skip
        client.post("/v1/leads", body, {"Idempotency-Key": f"{name}-pool-{number}"})
