"""What tests of automation say: rules, and the worker's part in them without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from services.leads.follow_up.automation.acting import ChangedHands
from services.leads.follow_up.automation.triggers import Occurrence
from services.leads.follow_up.automation.use_cases import run_rules
from services.leads.privacy.audit.use_cases import write_down
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk

RULES = "/v1/automation-rules"


async def automation(desk: Desk, event: str | dict[str, Any], *actions: dict[str, Any], **fields: Any) -> str:
    """A rule's id."""
    when = {"event": event} if isinstance(event, str) else event
    body = {"name": "Rule", "when": when, "actions": list(actions)} | fields
    answer = await desk("head", "POST", RULES, body)
    assert answer.status == 201, answer
    made: str = answer.json()["id"]
    return made


async def runs(desk: Desk, lead: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a lead, the oldest first."""
    answer = await desk("head", "GET", f"/v1/leads/{lead['id']}/automation-runs")
    assert answer.status == 200, answer
    return list(reversed(answer.json()["items"]))


async def told(desk: Desk, lead: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Outcomes and codes of the runs on a lead, the oldest first."""
    return [(run["outcome"], run["code"]) for run in await runs(desk, lead)]


async def shown(desk: Desk, lead: dict[str, Any]) -> dict[str, Any]:
    answer = await desk("head", "GET", f"/v1/leads/{lead['id']}")
    assert answer.status == 200, answer
    now: dict[str, Any] = answer.json()
    return now


class Reader:
    """Reads the journal as the reaction reads its topic."""

    def __init__(self, desk: Desk, app: Database) -> None:
        self.desk = desk
        self.app = app
        self.seen = 0

    async def happened(self, since: int) -> list[Occurrence]:
        """Beyond an entry of the journal."""
        rows = await self.desk.admin.fetch(
            "select id, event_id, aggregate_id, type, payload, causation_id from events"
            " where tenant_id = $1 and id > $2 and not historic and aggregate_type = 'lead' order by id",
            self.desk.tenant_id, since,
        )  # fmt: skip
        self.seen = max([self.seen, *(row["id"] for row in rows)])
        return [
            Occurrence(
                row["event_id"], row["aggregate_id"], row["type"], orjson.loads(row["payload"]),
                row["causation_id"],
            )
            for row in rows
        ]  # fmt: skip

    async def tell(self, happened: Sequence[Occurrence]) -> None:
        """Let rules act, in a transaction like the reaction's own; where that is asked, again."""
        async with asyncio.timeout(120):
            while True:
                try:
                    async with self.app.transaction(Access(self.desk.tenant_id)) as tx:
                        return await run_rules(tx, self.desk.tenant_id, happened, self.desk.clock.at)
                except ChangedHands:
                    continue

    async def settle(self) -> int:
        """Until nothing new comes of it; how many rounds that took, which are few."""
        for number in range(20):
            if not (happened := await self.happened(self.seen)):
                return number
            await self.tell(happened)
        raise AssertionError("rules set one another off for ever")


@asynccontextmanager
async def reading(desk: Desk, settings: Settings) -> AsyncIterator[Reader]:
    app = Database(make_engine(settings, "leads", "app", pool_size=4), ledger=write_down)
    try:
        yield Reader(desk, app)
    finally:
        await app.dispose()


async def of_leads(desk: Desk, *tables: str) -> dict[str, list[dict[str, Any]]]:
    """Everything that the tenant has in these tables."""
    found = {}
    for table in tables:
        rows = await desk.admin.fetch(
            f"select * from {table} where tenant_id = $1",  # noqa: S608 - own names
            desk.tenant_id,
        )
        found[table] = sorted((dict(row.items()) for row in rows), key=repr)
    return found
