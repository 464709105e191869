"""Scenario 12's end, for leads: one person's export, and then they are forgotten everywhere."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.e2e.support.house import SERVICES
from tests.support.databases import Databases
from tests.support.speaking import NOWADAYS, Tenant

MARK = "Zhugequanming"
PHONE = "13812340001"
METRICS = ("leads_created", "leads_assigned", "deals_won", "won_revenue", "calls")
_LIMIT_S = 240.0


async def numbers(tenant: Tenant) -> list[object]:
    return [await tenant.admin.kpis(metric, "tenant", grain="month", **NOWADAYS) for metric in METRICS]


async def places(databases: Databases) -> set[str]:
    """The services' tables in which the person stands."""
    found = set()
    for service in SERVICES:
        connection = await asyncpg.connect(databases.url(service))
        try:
            for (name,) in await connection.fetch(
                "select tablename from pg_tables where schemaname = 'public' order by 1"
            ):
                asked = f'select count(*) from "{name}" t where t::text ~* $1'  # noqa: S608 - from the catalogue
                if await connection.fetchval(asked, f"{MARK}|{PHONE}"):
                    found.add(f"{service}.{name}")
        finally:
            await connection.close()
    return found


class TestOnePerson:
    @pytest.mark.timeout(900)
    async def test_all_of_them_is_told_and_then_nothing_is_left_and_numbers_stay(
        self, databases: Databases, tenant: Tenant
    ) -> None:
        await tenant.team("Suzhou")
        rep = await tenant.hire("Wang", "Suzhou")
        admin = tenant.admin
        value = {"amount": "10.00", "currency": "USD"}
        made = await admin.create_lead(MARK, phone=PHONE, company="Dealer Ltd", value=value)
        lead, path = made["id"], f"/v1/leads/{made['id']}"
        await admin.assign(lead, tenant.people["Wang"], f"{MARK} knows her")
        await admin.record("call", lead, note=f"{MARK} will sign", outcome="connected", duration_s=60)
        await admin.move(lead, "won")
        told = await admin.get(f"{path}/personal-data")
        assert [one["id"] for one in told["held"]["leads"]] == [lead]
        assert [one["note"] for one in told["activities"]] == [f"{MARK} will sign"]
        assert told["held"]["records"]["assignments"][0]["reason"] == f"{MARK} knows her"
        [read] = [
            one
            for one in (await admin.get(f"{path}/contact-reads"))["items"]
            if one["route"].endswith("/held")
        ]
        assert read["address"] == "127.0.0.1"
        rep.position = admin.position
        for verb, target in (("GET", "personal-data"), ("POST", "erase")):
            refused = await rep.ask(verb, f"{path}/{target}", {"reason": "x"} if verb == "POST" else None)
            assert (refused.status, refused.code) == (403, "missing_scope")
        before = await numbers(tenant)
        assert {"leads.leads", "activities.activities"} <= await places(databases)
        erased = await admin.post(f"{path}/erase", {"reason": "asked for"})
        assert erased["erased"][0]["kept"] == {"company": "Dealer Ltd"}
        async with asyncio.timeout(_LIMIT_S):
            while await places(databases):  # noqa: ASYNC110 - another service's tables
                await asyncio.sleep(0.1)
        assert await numbers(tenant) == before
        [call] = (await admin.get("/v1/activities", lead=lead))["items"]
        assert (call["note"], call["duration_s"]) == (None, 60)
        gone = await admin.ask("GET", "/v1/leads/00000000-0000-7000-8000-000000000001/personal-data")
        assert (gone.status, gone.code) == (404, "unknown_lead")
