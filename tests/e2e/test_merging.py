"""Through the gateway: two leads are found to be one, and later to be two; every number follows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from services.scoring.kpis.joint import Joint
from tests.chaos.numbers import check_numbers
from tests.chaos.stored import Row, journal_in
from tests.e2e.support.china import at
from tests.e2e.support.house import House
from tests.support.recompute import facts_of
from tests.support.speaking import Person, Tenant

MARCH = {"grain": "month", "from": "2026-03-01", "to": "2026-03-31"}
METRICS = ("leads_created", "leads_assigned", "deals_lost", "stage_moves", "calls", "first_response_seconds")


async def numbers(person: Person, *others: Person) -> dict[str, dict[str, object]]:
    """By rep and of the tenant, once the last that each of them did counts."""
    for each in others:
        await each.kpis("calls", "rep", **MARCH)
    found = {metric: await person.kpis(metric, "rep", **MARCH) for metric in METRICS}
    whole = await person.kpis("leads_created", "tenant", **MARCH)
    return found | {"all_leads": dict.fromkeys(("all",), next(iter(whole.values()), 0))}


class TestMerging:
    async def test_every_number_follows_when_leads_are_merged_and_parted_again(self, house: House) -> None:
        house.clock.at = at(3, 2)
        company = await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")
        try:
            await self._story(house, company)
        finally:
            house.clock.at = None

    async def _story(self, house: House, company: Tenant) -> None:
        admin = company.admin
        await company.team("Shanghai")
        wang, li = [await company.hire(name, "Shanghai") for name in ("Wang", "Li")]
        mine, theirs = company.people["Wang"], company.people["Li"]
        first = (await wang.create_lead("王伟", phone="13800138000"))["id"]
        second = (await li.create_lead("Wang Wei", phone="13800138000", email="wei@example.com"))["id"]
        for lead, owner in ((first, mine), (second, theirs)):
            admin.position = (li if owner == theirs else wang).position
            await admin.assign(lead, owner)
        li.position = admin.position
        await self._call(li, second, at(3, 2, 10))
        await numbers(li)
        await li.move(second, "lost")
        before = await numbers(admin, wang, li)
        assert before["leads_created"] == {mine: 1, theirs: 1}
        assert before["deals_lost"] == {theirs: 1}
        assert before["calls"] == {theirs: 1}

        house.clock.at = at(3, 3)
        await admin.post(f"/v1/leads/{second}/merge", {"into": first})
        merged = await numbers(admin)
        assert (merged["leads_created"], merged["deals_lost"]) == ({mine: 1}, {})
        assert merged["all_leads"] == {"all": 1}
        for metric in ("leads_assigned", "stage_moves", "calls"):
            assert merged[metric] == before[metric]
        wang.position = admin.position
        shown = await wang.get(f"/v1/leads/{first}")
        assert shown["email"] == "wei@example.com"
        assert (await wang.get(f"/v1/leads/{second}"))["merged_into"] == first

        # Li's notes were offline: what was done for the one counts for the other, too.
        house.clock.at = at(3, 4)
        li.position = wang.position = admin.position
        await self._call(li, second, at(3, 3, 18))
        await self._call(wang, second, at(3, 4, 9))
        answered = await numbers(admin, wang, li)
        assert answered["first_response_seconds"].keys() == {mine, theirs}
        story = (await admin.get(f"/v1/leads/{first}/timeline"))["items"]
        assert sum(one["kind"] == "activity" for one in story) == 3

        house.clock.at = at(3, 5)
        await admin.post(f"/v1/leads/{second}/unmerge", None)
        parted = await numbers(admin)
        for metric in ("leads_created", "leads_assigned", "deals_lost", "stage_moves", "all_leads"):
            assert parted[metric] == before[metric], metric
        assert parted["calls"] == {mine: 1, theirs: 2}
        assert parted["first_response_seconds"] == before["first_response_seconds"]
        back = await admin.get(f"/v1/leads/{second}")
        assert (back["merged_into"], back["owner_id"], back["status"]) == (None, theirs, "lost")
        assert (await admin.get(f"/v1/leads/{first}"))["email"] is None

    async def _call(self, who: Person, lead: str, moment: Any) -> None:
        body = {
            "kind": "call", "lead_id": lead, "outcome": "connected", "duration_s": 60,
            "started_at": moment.isoformat(),
        }  # fmt: skip
        await who.post("/v1/activities", body)


async def happened(house: House, company: Tenant) -> list[Row]:
    """What leads recorded of a company."""
    parts = urlsplit(house.settings.postgres_url.get_secret_value())
    place = urlunsplit(parts._replace(path=f"/{house.settings.database_name('leads')}"))
    connection = await asyncpg.connect(place)
    try:
        return await journal_in(connection, company.id)
    finally:
        await connection.close()


class TestRecomputation:
    """What holds the numbers against the journal under chaos, where users merge: it must see a mistake."""

    @pytest.mark.parametrize("removed", [False, True], ids=["in place", "removed"])
    async def test_a_start_that_counts_twice_is_reported_when_scoring_ignores_merges(
        self, house: House, monkeypatch: pytest.MonkeyPatch, removed: bool
    ) -> None:
        if removed:
            monkeypatch.setattr(Joint, "_with_joined", lambda self, happening: self)
        company = await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")
        admin = company.admin
        await company.team("Shanghai")
        wang = await company.hire("Wang", "Shanghai")
        first = (await wang.create_lead("王伟", phone="13800138000"))["id"]
        second = (await wang.create_lead("Wang Wei", phone="13800138000"))["id"]
        admin.position = wang.position
        await admin.post(f"/v1/leads/{second}/merge", {"into": first})
        facts = facts_of(await happened(house, company), "Asia/Shanghai")
        found = [finding.text for finding in await check_numbers(admin, facts, ("day",))]
        assert all(text.startswith("leads_created by ") for text in found)
        assert bool(found) == removed
