"""The demo's configuration: the preset 标准, who gets which leads, what is known of them, and customers whom
nobody has yet.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

from deploy.cli._demo_company import CAMPAIGNS, REGIONS, Rep, customer
from deploy.cli.client import Client
from deploy.cli.errors import CommandError

POOLED = 12
BIG_DEAL = 25_000
LARGE = "大单"
_LEVELS = ("P1", "P2", "P3", "P4", "P5")
INDUSTRIES = {
    "software": ("软件", "Software"),
    "machinery": ("机械", "Machinery"),
    "trade": ("贸易", "Trade"),
}
_FIELDS: list[dict[str, Any]] = [
    {
        "key": "industry", "labels": {"zh": "行业", "en": "Industry"}, "type": "choice",
        "options": [{"key": key, "labels": {"zh": zh, "en": en}} for key, (zh, en) in INDUSTRIES.items()],
    },
    {"key": "employees", "labels": {"zh": "员工人数", "en": "Employees"}, "type": "integer", "position": 1},
]  # fmt: skip
_VIEW = {
    "name": "Demo: 重点客户", "shared_with": "tenant", "filters": {"label": ["key"], "status": ["open"]},
    "sort": "-value", "columns": ["name", "company", "value", "owner_id", "custom.industry"],
}  # fmt: skip
_FORM: dict[str, Any] = {
    "name": "Demo: 预约演示", "title": {"zh": "预约演示", "en": "Book a demo"},
    "fields": [
        {"field": "name", "required": True}, {"field": "phone", "required": True}, {"field": "company"},
        {"field": "custom.industry"},
    ],
    "fixed": {"source": "website", "channel": "online"},
}  # fmt: skip
_CODES: list[dict[str, Any]] = [
    {
        "name": "Demo: 展会海报",
        "fixed": {"source": "trade_fair", "channel": "poster", "campaign": CAMPAIGNS["trade_fair"]},
    },
    {"name": "Demo: 名片", "fixed": {"source": "partner", "channel": "card"}},
]
_STRATEGIES: dict[str, dict[str, Any]] = {
    "north": {"strategy": "round_robin"},
    # The better ones get more: by level, and by what they win.
    "south": {
        "strategy": "weighted",
        "weights": {
            "default": 10,
            "by_level": {"P1": 5, "P3": 12, "P4": 15, "P5": 15},
            "kpi": {"metric": "win_rate", "months": 3},
        },
    },
}


def profile_of(rep: Rep) -> dict[str, Any]:
    """What the company knows of a rep: their level by what they can, and whom they can speak with."""
    level = _LEVELS[min(int((rep.skill - 0.55) / 0.3 * len(_LEVELS)), len(_LEVELS) - 1)]
    is_chinese = ord(rep.name[0]) > ord("一")
    return {"level": level, "capacity": 400, "languages": ["zh", "en"] if is_chinese else ["en"]}


def leaving(unit_id: str, now: datetime) -> dict[str, Any]:
    """Somebody leaves in a year; the reps of a unit take over what is in hand then."""
    handover = {"candidates": {"unit_id": unit_id}, "max_open_leads": 100}
    at = (now + timedelta(days=365)).isoformat()
    return {"effective_at": at, "reason": "retires", "handover": handover}


def bring_rules(client: Client, units: dict[str, str], currency: str) -> None:
    """The preset for all regions; a region's leads go to its reps; what happens by itself. What is there by
    name stays as it is.
    """
    regions = [units[f"demo-{code}"] for code, _ in REGIONS]
    made = client.post("/v1/presets/standard", {"lines": {"saas": {"unit_ids": regions}}})
    refused = [f"{one['name']}: {one['problem']}" for one in made["items"] if one["state"] == "refused"]
    if refused:
        raise CommandError(f"the preset was not switched on whole: {'; '.join(refused)}")
    to_reps = [
        {
            "name": f"Demo: {name}", "position": position, "conditions": {"region": [code]},
            "candidates": {"unit_id": units[f"demo-{code}"]}, **_STRATEGIES[code],
        }
        for position, (code, name) in enumerate(REGIONS, start=1)
    ]  # fmt: skip
    large = {"amount": str(BIG_DEAL), "currency": currency}
    wanted: dict[str, list[dict[str, Any]]] = {
        "/v1/custom-fields": _FIELDS,
        "/v1/assignment-rules": to_reps,
        "/v1/classification-rules": _classes(large),
        "/v1/automation-rules": _by_themselves(large),
        "/v1/views": [_VIEW],
    }
    for path, things in wanted.items():
        name = "key" if path == "/v1/custom-fields" else "name"
        present = {thing[name] for thing in client.pages(path)}
        for thing in things:
            if thing[name] not in present:
                client.post(path, thing)
    _invite(client)


def _invite(client: Client) -> None:
    """A form that everybody may fill in, and two codes that lead to it."""
    forms = {form["name"]: form for form in client.pages("/v1/forms")}
    form = forms.get(_FORM["name"]) or client.post("/v1/forms", _FORM)
    present = {code["name"] for code in client.pages("/v1/codes")}
    for code in _CODES:
        if code["name"] not in present:
            client.post("/v1/codes", code | {"form_id": form["id"]})


def bring_campaigns(client: Client, currency: str, today: date) -> None:
    """Two campaigns of the last month, each with what it cost. What is there by name stays as it is."""
    present = {campaign["name"] for campaign in client.pages("/v1/campaigns")}
    start = today - timedelta(days=30)
    for number, name in enumerate(CAMPAIGNS.values(), start=1):
        if name in present:
            continue
        days = {"starts_on": start.isoformat(), "ends_on": today.isoformat()}
        budget = {"amount": str(number * 20_000), "currency": currency}
        made = client.post("/v1/campaigns", {"name": name, "budget": budget, **days})
        for day, amount, note in ((0, 12_000, "stand, travel"), (14, 3_500, "print, advertising")):
            cost = {"amount": str(number * amount), "currency": currency}
            on = (start + timedelta(days=day)).isoformat()
            client.post(f"/v1/campaigns/{made['id']}/costs", {"on": on, "amount": cost, "note": note})


def _classes(large: dict[str, str]) -> list[dict[str, Any]]:
    """Large deals are 重点, all others 潜在."""
    return [
        {
            "name": "Demo: 重点", "position": 1, "conditions": {"value_from": large}, "label": "key",
            "value_class": "A",
        },
        {"name": "Demo: 潜在", "position": 2, "label": "potential"},
    ]  # fmt: skip


def _by_themselves(large: dict[str, str]) -> list[dict[str, Any]]:
    """Large deals are tagged; whose customers wait is told to the manager."""
    return [
        {
            "name": "Demo: 大单", "when": {"event": "lead_created"},
            "conditions": {"value_from": large, "without_tags": [LARGE]},
            "actions": [{"do": "tag", "add": [LARGE]}],
        },
        {
            "name": "Demo: 首响超时", "when": {"event": "response_overdue"},
            "actions": [{"do": "alert", "code": "customer_waits", "owner": True, "boss": "manager"}],
        },
    ]  # fmt: skip


def fill_pool(client: Client, name: str, currency: str, seed: int) -> None:
    """Leads of a region that no rule is for: a moment later they lie in the pool."""
    for number in range(POOLED):
        chance = random.Random(f"{seed}-pool-{number}")  # noqa: S311 - a story, no secret
        who = customer(chance, 9000 + number)
        body = {
            "name": who.name, "company": who.company, "phone": who.phone, "email": who.email,
            "source": who.source, "channel": who.channel, "region": "west", "product": who.product,
            "campaign": who.campaign, "tags": ["demo"],
            "value": {"amount": str(who.amount), "currency": currency},
            "custom": custom_of(chance),
        }  # fmt: skip
        client.post("/v1/leads", body, {"Idempotency-Key": f"{name}-pool-{number}"})


def custom_of(chance: random.Random) -> dict[str, Any]:
    """What is known of a customer beyond the usual."""
    return {"industry": chance.choice(list(INDUSTRIES)), "employees": chance.randrange(5, 2000)}
