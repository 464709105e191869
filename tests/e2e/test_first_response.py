"""Scenario 3: a web form on a make-up workday, before the Spring Festival."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.support.china import SHANGHAI, at, china
from tests.e2e.support.house import House
from tests.support.speaking import Tenant

FULL = 100
LIMIT_S = 240.0


@pytest.fixture
async def company(house: House) -> AsyncIterator[Tenant]:
    """王 is there, 李 on leave, 赵 has her hands full; a supervisor stands above them."""
    house.clock.at = at(2, 14, 17, 50)
    tenant = await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")
    await china(tenant)
    await tenant.team("Shanghai")
    for name in ("Wang", "Li", "Zhao"):
        await tenant.hire(name, "Shanghai")
    await tenant.hire("Chief", "Shanghai", "supervisor")
    admin, people = tenant.admin, tenant.people
    leave = {"kind": "leave", "from_at": at(2, 14, 0).isoformat(), "to_at": at(2, 28, 0).isoformat()}
    await admin.post(f"/v1/org/users/{people['Li']}/absences", leave)
    await admin.ask("PUT", f"/v1/org/users/{people['Zhao']}/profile", {"capacity": FULL})
    items = [{"name": f"Old {number}"} for number in range(FULL)]
    for item in (await admin.post("/v1/leads/batch", {"items": items}))["items"]:
        await admin.assign(item["id"], people["Zhao"])
    in_turn = [people[name] for name in ("Li", "Zhao", "Wang")]
    rule = {"name": "上海", "strategy": "round_robin", "conditions": {"region": ["上海"]}}
    await admin.post("/v1/assignment-rules", rule | {"candidates": {"user_ids": in_turn}})
    terms = {
        "name": "web form", "conditions": {"source": ["web"]}, "due_minutes": 15, "warn_minutes": 12,
        "escalate": [{"after_minutes": 15, "to": "supervisor"}], "reassign_after_minutes": 75,
    }  # fmt: skip
    await admin.post("/v1/response-rules", terms)
    yield tenant
    house.clock.at = None


async def assigned(tenant: Tenant, **fields: Any) -> Any:
    body = {"source": "web", "region": "上海"} | fields
    made = await tenant.admin.create_lead("表单", **body)
    return await tenant.admin.lead_when(made["id"], lambda lead: lead["owner_id"] is not None)


async def clock_of(tenant: Tenant, lead_id: str, so: Any) -> Any:
    """The clock once it is so: what plans it and what notes the response come a moment later."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            told = (await tenant.admin.get(f"/v1/leads/{lead_id}/response"))["current"]
            if told is not None and so(told):
                return told
            await asyncio.sleep(0.02)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(SHANGHAI)


class TestFirstResponse:
    @pytest.mark.timeout(600)
    async def test_business_minutes_end_after_the_holidays_and_840_seconds_are_taken(
        self, house: House, company: Tenant
    ) -> None:
        lead = await assigned(company, phone="１３８-0013 8000转802")
        assert (lead["phone"], lead["phone_extension"]) == ("+8613800138000", "802")
        assert lead["phone_text"] == "１３８-0013 8000转802"
        wang = company.people["Wang"]
        assert lead["owner_id"] == wang
        [decision] = (await company.admin.get(f"/v1/leads/{lead['id']}/assignments"))["items"]
        reasons = {one["display_name"]: one["reason"] for one in decision["rules"][0]["candidates"]}
        assert reasons == {"Wang": "chosen", "Li": "absent", "Zhao": "full"}
        clock = await clock_of(company, lead["id"], lambda told: True)
        planned = [(one["what"], local(one["planned_at"])) for one in clock["steps"]]
        assert planned == [
            ("warn", at(2, 24, 9, 2)), ("due", at(2, 24, 9, 5)), ("escalate", at(2, 24, 9, 5)),
            ("reassign", at(2, 24, 10, 5)),
        ]  # fmt: skip
        house.clock.at = at(2, 24, 9, 4)
        call = {"outcome": "connected", "duration_s": 42, "started_at": at(2, 24, 9, 4).isoformat()}
        await company.admin.record("call", lead["id"], rep_id=wang, **call)
        clock = await clock_of(company, lead["id"], lambda told: told["handled_at"] is not None)
        assert (clock["business_s"], clock["elapsed_s"], clock["how"]) == (840, 832_440, "follow_up")
        happened = {one["what"] for one in clock["steps"] if one["happened_at"] is not None}
        assert happened <= {"warn"}
        told = await company.admin.ask("GET", f"/v1/leads/{lead['id']}")
        days = {"grain": "day", "from": "2026-02-24", "to": "2026-02-24"}
        for metric, seconds, position in (
            ("first_response_business_seconds", 840, told.position),
            ("first_response_seconds", 832_440, company.admin.position),
        ):
            query = {"metric": metric, "by": "rep", **days}
            page = (await company.admin.ask("GET", "/v1/kpis", query=query, wait_for=position)).ok().json
            assert {row["key"]: row["value"] for row in page["items"]} == {wang: seconds}

    async def test_the_supervisor_is_told_and_another_gets_it_when_nobody_answers(
        self, house: House, company: Tenant
    ) -> None:
        lead = await assigned(company)
        await clock_of(company, lead["id"], lambda told: True)
        house.clock.at = at(2, 24, 9, 5)
        clock = await clock_of(
            company, lead["id"], lambda told: all(one["happened_at"] for one in told["steps"][1:3])
        )
        [told] = [one for one in clock["steps"] if one["what"] == "escalate"]
        assert told["user_ids"] == [company.people["Chief"]]
        # Li is back.
        path = f"/v1/org/users/{company.people['Li']}/absences"
        [absence] = (await company.admin.get(path))["items"]
        (await company.admin.ask("DELETE", f"{path}/{absence['id']}")).ok()
        # Leads' directory has heard of it before the time comes.
        await company.admin.get("/v1/leads", limit=1)
        house.clock.at = at(2, 24, 10, 5)
        passed = await company.admin.lead_when(lead["id"], lambda one: one["owner_id"] != lead["owner_id"])
        assert passed["owner_id"] == company.people["Li"]

    async def test_it_fails_well_when_the_phone_is_short_or_known(self, company: Tenant) -> None:
        short = await company.admin.ask("POST", "/v1/leads", {"name": "x", "phone": "1380013800"})
        assert (short.status, [one["pointer"] for one in short.json["errors"]]) == (422, ["/phone"])
        first = await assigned(company, phone="13800138000")
        again = await assigned(company, phone="138 0013 8000")
        assert again["duplicate_of"] == first["id"]
        before = (await company.admin.get(f"/v1/leads/{first['id']}"))["version"]
        told = await company.admin.post("/v1/assignment-rules/explain", {"lead_id": first["id"]})
        reasons = {one["display_name"]: one["reason"] for one in told["rules"][0]["candidates"]}
        assert reasons == {"Wang": "chosen", "Li": "absent", "Zhao": "full"}
        assert (await company.admin.get(f"/v1/leads/{first['id']}"))["version"] == before
