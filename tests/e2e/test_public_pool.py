"""Scenarios 1 and 2: a hundred reps and one lead; terms that end after the Spring Festival."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg
import pytest

from shared.database.engine import connect_raw
from tests.e2e.support.china import SHANGHAI, at, china
from tests.e2e.support.house import House
from tests.support.speaking import Answer, Person, Tenant

REPS = 100
_LIMIT_S = 240.0


@pytest.fixture
async def company(house: House) -> AsyncIterator[Tenant]:
    """In Shanghai, with a team; leads lives at the time that a test sets."""
    tenant = await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")
    await tenant.team("Shanghai")
    yield tenant
    house.clock.at = None


async def lie_in(company: Tenant, pool: str, number: int = 1, **fields: Any) -> list[str]:
    """Leads that nobody owns, in the pool."""
    items = [{"name": f"线索 {n}"} | fields for n in range(number)]
    made = await company.admin.post("/v1/leads/batch", {"items": items})
    ids = [item["id"] for item in made["items"]]
    for lead in ids:
        await company.admin.post(f"/v1/leads/{lead}/release", {"pool_id": pool})
    return ids


async def claim(person: Person, lead: str, **headers: str) -> Answer:
    return await person.ask("POST", f"/v1/leads/{lead}/claim", headers=headers)


class TestClaiming:
    @pytest.mark.timeout(900)
    async def test_one_of_a_hundred_gets_it_and_every_limit_holds(
        self, house: House, company: Tenant
    ) -> None:
        house.clock.at = at(3, 2)
        admin = company.admin
        reps = {f"rep{n}": await company.hire(f"rep{n}", "Shanghai") for n in range(REPS)}
        body = {
            "name": "SaaS 公海", "members": {"unit_ids": [company.units["Shanghai"]]}, "daily_claims": 10,
            "max_in_hand": {"default": 60, "by_level": {"P2": 100}}, "cooling_days": 7,
        }  # fmt: skip
        pool = (await admin.post("/v1/pools", body))["id"]
        [lead] = await lie_in(company, pool, phone="13800000001")
        for person in reps.values():
            person.position = admin.position
        before = await reps["rep0"].get(f"/v1/leads/{lead}")
        assert before["phone"] == before["phone_text"] == "138****0001"

        answers = await asyncio.gather(*(claim(person, lead) for person in reps.values()))
        assert sorted(answer.status for answer in answers) == [200] + [409] * (REPS - 1)
        assert {answer.code for answer in answers if answer.status == 409} == {"lead_already_claimed"}
        [name] = [name for name, answer in zip(reps, answers, strict=True) if answer.status == 200]
        winner, rep_id = reps[name], company.people[name]
        assert (await winner.get(f"/v1/leads/{lead}"))["phone"] == "+8613800000001"
        [read, claimed] = (await admin.get(f"/v1/leads/{lead}/contact-reads", limit=2))["items"]
        assert [read["route"], claimed["route"]] == [
            "GET /v1/leads/{lead_id}", "POST /v1/leads/{lead_id}/claim",
        ]  # fmt: skip
        assert (read["user_id"], read["address"], len(read["trace_id"])) == (rep_id, "127.0.0.1", 32)
        entries = (await winner.get(f"/v1/leads/{lead}/timeline"))["items"]
        assert [entry["how"] for entry in entries if entry["kind"] == "assigned"] == ["claim"]

        others = await lie_in(company, pool, 12)
        winner.position = admin.position
        assert [(await claim(winner, one)).status for one in others[:9]] == [200] * 9
        eleventh = await claim(winner, others[9])
        assert (eleventh.status, eleventh.code) == (409, "daily_quota")
        assert "2026-03-03T00:00:00+08:00" in eleventh.json["detail"]
        period = {"grain": "day", "from": "2026-03-02", "to": "2026-03-02"}
        assert await winner.kpis("leads_assigned", "rep", **period, rep=rep_id) == {rep_id: 10}

        await admin.ask("PUT", f"/v1/org/users/{rep_id}/profile", {"level": "P2"})
        mine = await admin.post("/v1/leads/batch", {"items": [{"name": f"自拓 {n}"} for n in range(90)]})
        for item in mine["items"]:
            await admin.assign(item["id"], rep_id)
        winner.position = admin.position
        house.clock.at = at(3, 3, 0)
        full = await claim(winner, others[9])
        assert (full.code, "at most 100" in full.json["detail"]) == ("cap_in_hand", True)
        await winner.move(mine["items"][0]["id"], "won")
        assert (await claim(winner, others[9])).status == 200

        house.clock.at = at(3, 3)
        await winner.post(f"/v1/leads/{lead}/release", {})
        again = await claim(winner, lead)
        assert (again.code, "2026-03-10T10:00:00+08:00" in again.json["detail"]) == ("cooling_off", True)

    async def test_it_fails_well_when_the_lead_is_unknown_or_the_key_was_used(self, company: Tenant) -> None:
        rep = await company.hire("Lin", "Shanghai")
        body = {"name": "公海", "members": {"user_ids": [company.people["Lin"]]}}
        pool = (await company.admin.post("/v1/pools", body))["id"]
        [lead] = await lie_in(company, pool)
        rep.position = company.admin.position
        unknown = await claim(rep, "0199a1b2-0000-7000-8000-000000000001")
        assert (unknown.status, unknown.code) == (404, "unknown_lead")
        key = {"Idempotency-Key": "claim-1"}
        first = await rep.ask("POST", f"/v1/leads/{lead}/release", {"reason": "a"}, headers=key)
        assert first.status == 404
        assert (await claim(rep, lead, **key)).status == 200
        reused = await rep.ask("POST", f"/v1/leads/{lead}/claim", {}, headers=key)
        assert (reused.status, reused.code) == (422, "idempotency_key_reused")


class TestSpringFestival:
    @pytest.fixture
    async def held(self, house: House, company: Tenant) -> tuple[Person, str, str]:
        """Claimed on 10 February at 10:00 from a pool of seven days: who has it, the lead, the pool."""
        house.clock.at = at(2, 10)
        await china(company)
        rep = await company.hire("Wang", "Shanghai")
        body = {
            "name": "公海", "members": {"user_ids": [company.people["Wang"]]}, "cooling_days": 7,
            "keeping": {"follow_up_days": 7, "warn_days": [3, 1]},
        }  # fmt: skip
        pool = (await company.admin.post("/v1/pools", body))["id"]
        [lead] = await lie_in(company, pool)
        rep.position = company.admin.position
        assert (await claim(rep, lead)).status == 200
        await _planned(house, lead)
        return rep, lead, pool

    async def test_it_is_warned_of_twice_and_taken_back_when_nobody_follows_up(
        self, house: House, held: tuple[Person, str, str]
    ) -> None:
        rep, lead, _ = held
        kept = await rep.get(f"/v1/leads/{lead}/keeping")
        assert [_local(kept["ends_at"]), *map(_local, kept["warnings"])] == [at(2, 26), at(2, 14), at(2, 25)]
        # What is no effective follow-up changes nothing.
        day = {"started_at": at(2, 11).isoformat()}
        await rep.record("call", lead, outcome="connected", duration_s=8, **day)
        await rep.ask("PATCH", f"/v1/leads/{lead}", {"custom": {"note": "thinks about it"}})
        assert (await rep.get(f"/v1/leads/{lead}/keeping")) == kept
        seen = (await rep.get(f"/v1/leads/{lead}"))["version"]
        for warned in (at(2, 14), at(2, 25)):
            house.clock.at = warned
            seen = (await rep.lead_when(lead, partial(_is_newer, seen)))["version"]
            # It is still theirs, and the next date is planned with it.
            assert (await rep.get(f"/v1/leads/{lead}"))["owner_id"] is not None
        house.clock.at = at(2, 26)
        back = await rep.lead_when(lead, lambda one: one["pooled_at"] is not None)
        assert _local(back["pooled_at"]) == at(2, 26)
        house.clock.at = at(3, 5, 9, 59, 59)
        cooling = await claim(rep, lead)
        assert (cooling.code, "2026-03-05T10:00:00+08:00" in cooling.json["detail"]) == ("cooling_off", True)
        house.clock.at = at(3, 5)
        assert (await claim(rep, lead)).status == 200

    async def test_it_is_planned_anew_when_a_call_counts_or_the_rule_changes(
        self, house: House, company: Tenant, held: tuple[Person, str, str]
    ) -> None:
        rep, lead, pool = held
        house.clock.at = at(2, 12)
        await company.admin.patch(f"/v1/pools/{pool}", {"keeping": {"follow_up_days": 5}})
        rep.position = company.admin.position
        assert _local((await rep.get(f"/v1/leads/{lead}/keeping"))["ends_at"]) == at(2, 24)
        await company.admin.patch(f"/v1/pools/{pool}", {"keeping": {"follow_up_days": 7}})
        rep.position = company.admin.position
        day = {"started_at": at(2, 25).isoformat()}
        await rep.record("call", lead, outcome="connected", duration_s=35, **day)
        assert _local((await rep.get(f"/v1/leads/{lead}/keeping"))["ends_at"]) == at(3, 4)


def _is_newer(version: int, lead: Any) -> bool:
    return int(lead["version"]) > version


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(SHANGHAI)


async def _planned(house: House, lead: str) -> None:
    """The reaction has seen the claim; the limit is a hang guard."""
    connection: asyncpg.Connection[asyncpg.Record] = await connect_raw(house.settings, "leads", "worker")
    try:
        async with asyncio.timeout(_LIMIT_S):
            seen = "select exists (select from timers where aggregate_id = $1::uuid)"
            while not await connection.fetchval(seen, lead):  # noqa: ASYNC110 - timers tell nobody
                await asyncio.sleep(0.02)
    finally:
        await connection.close()
