"""Asking for reassignments, and the worker's timers that go on with them."""

from __future__ import annotations

from typing import Any

from tests.integration.services.leads.assigning.test_leaving import lead_of
from tests.integration.services.leads.conftest import Desk
from tests.support.asgi import Answer

PATH = "/v1/reassignments"


async def ask(desk: Desk, to: dict[str, Any], by: str = "head", **more: Any) -> Answer:
    """Reassign, all that are seen unless filters say otherwise."""
    return await desk(by, "POST", PATH, {"filters": {}, "to": to} | more)


def one(desk: Desk, name: str) -> dict[str, Any]:
    return {"user_id": str(desk.users[name])}


def several(desk: Desk, *names: str, **more: Any) -> dict[str, Any]:
    return {"user_ids": [str(desk.users[name]) for name in names]} | more


async def done(desk: Desk, to: dict[str, Any], by: str = "head", **more: Any) -> dict[str, Any]:
    answer = await ask(desk, to, by, **more)
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.json()
    return found


async def previewed(desk: Desk, to: dict[str, Any], by: str = "head", **more: Any) -> dict[str, Any]:
    answer = await ask(desk, to, by, preview=True, **more)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


async def owners(desk: Desk, *leads: str) -> list[str | None]:
    """By name."""
    names = {str(user): name for name, user in desk.users.items()}
    found = [(await lead_of(desk, lead))["owner_id"] for lead in leads]
    return [names[owner] if owner else None for owner in found]


def kept(told: dict[str, Any]) -> dict[str, int]:
    return {one["reason"]: one["leads"] for one in told["kept"]}


async def as_it_is(desk: Desk, told: dict[str, Any], by: str = "head") -> dict[str, Any]:
    answer = await desk(by, "GET", f"{PATH}/{told['id']}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


async def rule(desk: Desk, *names: str, **more: Any) -> dict[str, Any]:
    candidates = {"user_ids": [str(desk.users[name]) for name in names]}
    body = {"name": "rule", "strategy": "round_robin", "candidates": candidates}
    answer = await desk("head", "POST", "/v1/assignment-rules", body | more)
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.json()
    return found
