"""Scenario 11: a rep leaves with 37 open leads; another is back within a week."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support.china import at
from tests.e2e.support.house import House
from tests.support.calls import calls_of
from tests.support.speaking import Person, Tenant

DOCS = Path(__file__).resolve().parents[2] / "docs"
HELD = {"A": 37, "B": 60, "C": 64, "D": 71, "E": 98}
MOST = 100
LIMIT_S = 240.0
MARCH = {"grain": "month", "from": "2026-03-01", "to": "2026-03-31"}
APRIL = {"grain": "month", "from": "2026-04-01", "to": "2026-04-30"}


@pytest.fixture
async def company(house: House) -> AsyncIterator[Tenant]:
    """In Shanghai, with two teams; leads lives at the time that a test sets."""
    tenant = await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")
    for team in ("North", "South"):
        await tenant.team(team)
    yield tenant
    house.clock.at = None


async def hold(company: Tenant, name: str, number: int) -> list[str]:
    """Leads in somebody's hands."""
    items = [{"name": f"线索 {name} {n}"} for n in range(number)]
    made = await company.admin.post("/v1/leads/batch", {"items": items})
    ids = [item["id"] for item in made["items"]]
    for lead in ids:
        await company.admin.assign(lead, company.people[name])
    return ids


def to(company: Tenant, *names: str, most: int | None = None) -> dict[str, Any]:
    users = [company.people[name] for name in names]
    return {"candidates": {"user_ids": users}, "max_open_leads": most}


async def leave(company: Tenant, name: str, **body: Any) -> Any:
    return await company.admin.post(f"/v1/org/users/{company.people[name]}/leave", body)


async def become(person: Person, path: str, so: Callable[[Any], bool], **query: str) -> Any:
    """What is answered once it is so; the limit is a hang guard."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            told = await person.ask("GET", path, query=query)
            if so(told):
                return told.json
            await asyncio.sleep(0.02)


async def handed_over(company: Tenant, name: str) -> Any:
    """What became of somebody's leads, once it is done."""

    def is_done(told: Any) -> bool:
        items = told.ok().json["items"]
        return bool(items) and items[0]["ended_at"] is not None

    user = company.people[name]
    return (await become(company.admin, "/v1/handovers", is_done, user_id=user))["items"][0]


class TestLeaving:
    @pytest.mark.timeout(900)
    async def test_37_leads_go_to_four_as_previewed_and_march_stays_hers(
        self, house: House, company: Tenant
    ) -> None:
        house.clock.at = at(3, 20)
        people = {name: await company.hire(name, "North" if name == "A" else "South") for name in HELD}
        leads = {name: await hold(company, name, number + (name == "A")) for name, number in HELD.items()}
        admin, her = company.admin, company.people["A"]
        won = leads["A"].pop()
        await admin.move(won, "won", value={"amount": "120000.00", "currency": "CNY"})
        house.clock.at = at(3, 31, 18)
        body = {"from_user_id": her, "preview": True} | to(company, *"BCDE", most=MOST)
        preview = await admin.post("/v1/leads/redistribute", body)
        key = (await people["A"].post("/v1/api-keys", {"name": "her key", "scopes": ["leads:read"]}))["key"]
        keyed = Person(house.url, key)
        (await keyed.ask("GET", "/v1/me")).ok()
        before = await _march(company)
        assert before[:2] == [{her: 1}, {company.units["North"]: 1}]

        rule = to(company, *"BCDE", most=MOST)
        left = await leave(company, "A", effective_at=at(3, 31, 18).isoformat(), handover=rule)
        assert left["state"] == "done"
        for person in (people["A"], keyed):
            await become(person, "/v1/me", lambda told: told.status == 401)
        done = await handed_over(company, "A")
        assert done["candidates"] == preview["candidates"]
        shares = [(one["open_leads"], one["given"], one["open_leads_after"]) for one in done["candidates"]]
        assert shares == [(60, 18, 78), (64, 13, 77), (71, 6, 77), (98, 0, 98)]
        assert [one["reason"] for one in done["candidates"]] == [None] * 3 + ["another_has_fewer_open_leads"]
        for one in preview["leads"]:
            assert (await admin.get(f"/v1/leads/{one['lead_id']}"))["owner_id"] == one["owner_id"]
        assert {one["lead_id"] for one in preview["leads"]} == set(leads["A"])
        [*_, last] = (await admin.get(f"/v1/leads/{leads['A'][0]}/assignments"))["items"]
        assert (last["assigned_by"], last["previous_owner_id"]) == (None, her)
        assert [one["user_id"] for one in last["rules"][0]["candidates"]] == rule["candidates"]["user_ids"]

        house.clock.at = at(4, 2)
        await admin.move(leads["A"][0], "won", value={"amount": "50000.00", "currency": "CNY"})
        assert await _march(company) == before
        assert await admin.kpis("won_revenue", "team", **APRIL) == {
            company.units["South"]: {"amount": "50000.00", "currency": "CNY"}
        }

    async def test_it_is_refused_when_the_period_is_closed(self, company: Tenant) -> None:
        await company.hire("Lin", "North")
        await company.admin.patch("/v1/org/tenant", {"closed_through": "2026-03-31"})
        path = f"/v1/org/users/{company.people['Lin']}/leave"
        refused = await company.admin.ask("POST", path, {"effective_at": at(3, 31, 18).isoformat()})
        assert (refused.status, refused.code) == (409, "period_closed")

    async def test_leads_go_to_the_pool_when_nobody_is_eligible(self, company: Tenant) -> None:
        for name in ("Lin", "Wu"):
            await company.hire(name, "North")
        await hold(company, "Wu", 1)
        [lead] = await hold(company, "Lin", 1)
        # Not before: leads that nobody owns yet would go into it.
        body = {"name": "公海", "is_default": True, "members": {"user_ids": [company.people["Wu"]]}}
        pool = (await company.admin.post("/v1/pools", body))["id"]
        await leave(company, "Lin", handover=to(company, "Wu", most=1))
        done = await handed_over(company, "Lin")
        assert (done["given"], done["pooled"], done["warning"]) == (0, 1, None)
        assert [one["reason"] for one in done["candidates"]] == ["full"]
        now = await company.admin.get(f"/v1/leads/{lead}")
        assert (now["owner_id"], now["pool_id"]) == (None, pool)


class TestComingBack:
    async def test_what_nobody_touched_is_theirs_again_when_it_was_within_a_week(
        self, company: Tenant
    ) -> None:
        lin, wu = [await company.hire(name, "North") for name in ("Lin", "Wu")]
        called, still = await hold(company, "Lin", 2)
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        left = await leave(company, "Lin", effective_at=soon, handover=to(company, "Wu"))
        assert left["state"] == "planned"
        done = await handed_over(company, "Lin")
        assert (done["given"], done["departure_id"]) == (2, left["id"])
        wu.position = company.admin.position
        await wu.record("call", called, outcome="connected", duration_s=60)
        # Leads has heard of the call before she is back.
        await wu.get(f"/v1/leads/{called}/timeline")
        path = f"/v1/org/users/{company.people['Lin']}"
        back = (await company.admin.post(f"{path}/return", None))["leads_return"]
        assert back is True
        returned = await company.admin.lead_when(still, lambda one: one["owner_id"] == company.people["Lin"])
        assert returned["id"] == still
        assert (await company.admin.get(f"/v1/leads/{called}"))["owner_id"] == company.people["Wu"]
        assert (await lin.ask("GET", "/v1/me")).status == 401
        email = (await company.admin.get(path))["email"]
        await lin.sign_in(email)
        assert [one["id"] for one in (await lin.get("/v1/leads"))["items"]] == [still]


class TestDocumentedCalls:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, company: Tenant) -> None:
        for name in ("Lin", "Wu"):
            await company.hire(name, "North")
        await hold(company, "Lin", 2)
        ids = {"rep_id": company.people["Lin"], "heir_id": company.people["Wu"]}
        for call in calls_of(DOCS / "leaving.md"):
            target, body = call.ready(ids)
            if target.startswith("/v1/handovers"):
                await handed_over(company, "Lin")
            answer = await company.admin.ask(call.method, target, body)
            call.check(answer.status, answer.body, ids)
        assert {"lead_id", "planned_id", "departure_id"} <= ids.keys()


async def _march(company: Tenant) -> list[Any]:
    """What March says of who won what, by people and by teams."""
    return [
        await company.admin.kpis(metric, by, **MARCH)
        for metric in ("deals_won", "won_revenue", "average_deal")
        for by in ("rep", "team")
    ]
