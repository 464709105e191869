"""The worker on a real Kafka: what a creation causes, and what comes from elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.leads.bootstrap import build_worker
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk


@pytest.fixture
async def working(settings: Settings, topics: str, desk: Desk) -> AsyncIterator[Desk]:
    """The desk with a worker running beside it."""
    worker = build_worker(settings, clock=desk.clock)
    running = asyncio.create_task(worker.run())
    try:
        yield desk
    finally:
        await worker.stop()
        await running


async def changed(desk: Desk, lead: dict[str, Any], by: str = "head") -> dict[str, Any]:
    """The lead once it is another than given: waits as clients do."""
    tag = f'"{lead["version"]}"'
    answer = await desk(by, "GET", f"/v1/leads/{lead['id']}", if_none_match=tag, cox_wait_ms="30000")
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.json()
    return made


class TestAssigningAfterCreating:
    async def test_the_owner_follows_when_a_rule_is_there(self, working: Desk) -> None:
        body = {
            "name": "North", "strategy": "round_robin", "candidates": {"unit_id": str(working.units["north"])},
        }  # fmt: skip
        assert (await working("head", "POST", "/v1/assignment-rules", body)).status == 201
        lead = await working.lead()
        assert lead["owner_id"] is None
        now = await changed(working, lead)
        assert now["owner_id"] in {str(working.users["north1"]), str(working.users["north2"])}
        seq, kind, data = (await working.events(lead["id"]))[-1]
        assert (seq, kind, data["how"]) == (2, "lead_assigned", "rule")
        cause = "select causation_id from events where tenant_id = $1 and type like '%lead_assigned%'"
        created = "select event_id from events where tenant_id = $1 and type like '%lead_created%'"
        assert await working.admin.fetchval(cause, working.tenant_id) == await working.admin.fetchval(
            created, working.tenant_id
        )
