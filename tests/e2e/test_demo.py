"""The demo company, told twice on the same day."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo
from typing import Any

import pytest

from deploy.cli import demo
from deploy.cli._demo_rules import BIG_DEAL, LARGE, POOLED
from deploy.cli.client import Client
from deploy.cli.console import Steps
from deploy.cli.demo import load
from tests.e2e.support.imports import all_kpis
from tests.support.speaking import Tenant

pytestmark = pytest.mark.timeout(1200)

REPS, DAYS = 4, 14
BEGAN = datetime.now().astimezone()


class Standing(datetime):
    """A day that does not end while the company is told of."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return BEGAN.astimezone(tz)


async def told(tenant: Tenant) -> int:
    assert tenant.admin.token is not None
    client = Client(tenant.admin.url, tenant.admin.token)
    with Steps() as steps:
        return await asyncio.to_thread(load, client, steps, REPS, DAYS, 7)


async def numbers(tenant: Tenant) -> dict[str, Any]:
    """What the tenant has, and who has any of it."""
    metrics = ("leads_created", "leads_assigned", "stage_moves", "deals_won", "deals_lost", "calls", "visits")
    found: dict[str, Any] = {}
    for metric in metrics:
        rows = await all_kpis(tenant.admin, metric, "tenant", "year", "2020-01-01", "2100-01-01")
        found[metric] = sum(row["value"] for row in rows)
    reps = await all_kpis(tenant.admin, "calls", "rep", "year", "2020-01-01", "2100-01-01")
    return found | {"reps": {row["label"] for row in reps}}


async def settled(tenant: Tenant) -> None:
    """Until scoring has the newest event of every lead and activity."""
    for path in ("/v1/leads", "/v1/activities"):
        for item in (await tenant.admin.get(path, limit=500))["items"]:
            newest = await tenant.admin.ask("GET", f"{path}/{item['id']}")
            (await tenant.admin.ask("GET", "/v1/kpis", query=_ANY, wait_for=newest.ok().position)).ok()


def amount_of(lead: Any) -> float:
    return float(lead["value"]["amount"])


_ANY = {"metric": "calls", "by": "tenant", "grain": "year", "from": "2000-01-01", "to": "2000-01-01"}


class TestDemo:
    async def test_fills_every_page_when_it_is_told_and_changes_nothing_when_told_again(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(demo, "datetime", Standing)
        leads = await told(tenant)
        await settled(tenant)
        first = await numbers(tenant)
        assert first["leads_created"] == leads
        assert all(first.values()), first
        assert len(first["reps"]) == REPS
        stories = (await tenant.admin.get("/v1/leads", limit=500))["items"]
        assert any(ord(lead["name"][0]) > 0x4E00 for lead in stories)
        assert any(lead["name"].isascii() for lead in stories)
        assert (await tenant.admin.get("/v1/lead-returns/terms"))["escalate_to"] == "director"
        assert len((await tenant.admin.get("/v1/response-rules"))["items"]) == 3
        assert len((await tenant.admin.get("/v1/automation-rules"))["items"]) == 2
        pools = {one["name"]: one for one in (await tenant.admin.get("/v1/pools"))["items"]}
        pool = pools["线索公海"]
        for lead in stories:
            if lead["region"] == "west":
                await tenant.admin.lead_when(lead["id"], lambda one: one["pooled_at"] is not None)
        large = [lead for lead in stories if "demo" in lead["tags"] and amount_of(lead) >= BIG_DEAL]
        assert large
        for lead in large:
            await tenant.admin.lead_when(
                lead["id"], lambda one: LARGE in one["tags"] and one["label"] == "key"
            )
        for lead in stories:
            if lead not in large:
                # It may have been worth more for a moment.
                await tenant.admin.lead_when(lead["id"], lambda one: one["label"] != "key")
        [view] = (await tenant.admin.get("/v1/views"))["items"]
        seen = (await tenant.admin.get("/v1/leads", view=view["id"]))["items"]
        assert {lead["id"] for lead in seen} == {lead["id"] for lead in large if lead["status"] == "open"}
        assert all(lead["custom"]["industry"] for lead in seen)
        lying = (await tenant.admin.get("/v1/leads", pool=pool["id"]))["items"]
        assert len(lying) == POOLED
        users = (await tenant.admin.get("/v1/org/users", limit=500))["items"]
        plans = [await tenant.admin.get(f"/v1/org/users/{user['id']}/departures") for user in users]
        assert [one["state"] for plan in plans for one in plan["items"]] == ["planned"]
        [form] = (await tenant.admin.get("/v1/forms"))["items"]
        codes = (await tenant.admin.get("/v1/codes"))["items"]
        assert [code["form_id"] for code in codes] == [form["id"]] * 2
        assert await told(tenant) == leads
        await settled(tenant)
        assert await numbers(tenant) == first
