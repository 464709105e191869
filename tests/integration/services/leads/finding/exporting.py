"""What tests of exports say again and again."""

from __future__ import annotations

import csv
import io
from typing import Any

from tests.integration.services.leads.conftest import Desk
from tests.support.asgi import Answer

PATH = "/v1/exports"
CONTACTS = ["name", "phone", "email"]


async def terms(desk: Desk, **said: int | None) -> None:
    answer = await desk("head", "PUT", f"{PATH}/terms", said)
    assert answer.status == 200, answer


async def leads(desk: Desk, count: int, by: str = "head", **fields: Any) -> list[str]:
    items = [
        {"name": f"Lead {n}", "phone": f"138{n:08}", "email": f"l{n}@example.com"} | fields
        for n in range(count)
    ]
    made: list[str] = []
    for at in range(0, count, 1000):
        answer = await desk(by, "POST", "/v1/leads/batch", {"items": items[at : at + 1000]})
        made += [item["id"] for item in answer.json()["items"]]
    return made


async def asked(desk: Desk, by: str = "top", **body: Any) -> dict[str, Any]:
    answer = await desk(by, "POST", PATH, {"reason": "fair"} | body)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


async def fetched(desk: Desk, export: dict[str, Any], by: str = "top", **headers: str) -> Answer:
    return await desk(by, "GET", f"{PATH}/{export['id']}/file", **headers)


async def shown(desk: Desk, export: dict[str, Any], by: str = "head") -> dict[str, Any]:
    found: dict[str, Any] = (await desk(by, "GET", f"{PATH}/{export['id']}")).json()
    return found


async def decided(desk: Desk, export: dict[str, Any], how: str = "approve", by: str = "head") -> Answer:
    return await desk(by, "POST", f"{PATH}/{export['id']}/{how}", {"note": "so be it"})


def rows(answer: Answer) -> list[dict[str, str]]:
    assert answer.status == 200, answer
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


async def story(desk: Desk, export: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """What was told of it: what happened, its state then, to whom."""
    told = await desk.events(export["id"])
    return [(kind, data.get("state"), data.get("told")) for _, kind, data in told]


async def strict(desk: Desk) -> Desk:
    """With a director and an inspector besides; few contacts leave unasked."""
    await desk.user("top", "company", role="director", is_rep=False)
    await desk.user("auditor", "company", role="inspector", is_rep=False)
    await terms(desk, free_rows=3, daily_rows=5)
    return desk
