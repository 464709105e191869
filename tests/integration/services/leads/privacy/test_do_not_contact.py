"""Whom nobody contacts: by phone or address, for leads that there are and for those to come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from services.leads.privacy.do_not_contact.reactions import heed_by
from services.leads.privacy.do_not_contact.use_cases import AT_ONCE, heed_list
from services.leads.privacy.wishes.listing import forget
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.backbone import Backbone
from shared.events.consuming.handlers import Reaction
from shared.events.timing.timers import Timers
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.pools.test_pool import claimed, make_pool, pooled
from tests.integration.services.leads.test_worker import changed

PATH = "/v1/do-not-contact"
PHONE = "13800000001"


@dataclass
class Later:
    """What the worker does a moment later."""

    desk: Desk
    app: Database
    backbone: Backbone
    timers: Timers

    async def fire(self) -> None:
        while await self.timers.fire_due(self.backbone):
            pass

    async def heed(self, *leads: str) -> None:
        async with self.app.transaction(Access(self.desk.tenant_id)) as tx:
            await heed_list(tx, self.desk.tenant_id, [UUID(lead) for lead in leads], self.desk.clock.at)


@pytest.fixture
async def later(desk: Desk, settings: Settings) -> AsyncIterator[Later]:
    app, worker = (Database(make_engine(settings, "leads", role, pool_size=2)) for role in ("app", "worker"))
    timers = Timers()
    heed_by(Reaction("leads.assignment"), timers, desk.clock)
    yield Later(desk, app, Backbone(settings, "leads", worker, app, clock=desk.clock), timers)
    for database in (app, worker):
        await database.dispose()


async def listed(desk: Desk, by: str = "north1", **body: str) -> dict[str, Any]:
    answer = await desk(by, "POST", PATH, body)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


async def entries(desk: Desk, more: str = "") -> list[dict[str, Any]]:
    answer = await desk("north1", "GET", PATH + more)
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def is_marked(desk: Desk, lead: str) -> bool:
    marked: bool = (await desk("head", "GET", f"/v1/leads/{lead}")).json()["do_not_contact"]
    return marked


class TestListing:
    async def test_it_is_told_masked_and_once_when_listed_twice(self, desk: Desk) -> None:
        first = await listed(desk, phone="138-0000-0001", reason="complaint")
        assert (first["kind"], first["shown"], first["reason"]) == ("phone", "138****0001", "complaint")
        assert (await listed(desk, by="head", phone=f"+86{PHONE}"))["id"] == first["id"]
        second = await listed(desk, email="Anna@Example.com")
        assert second["shown"] == "a****@example.com"
        assert [one["id"] for one in await entries(desk)] == [second["id"], first["id"]]

    async def test_it_says_whether_somebody_is_listed(self, desk: Desk) -> None:
        entry = await listed(desk, phone=PHONE)
        assert [one["id"] for one in await entries(desk, f"?phone={PHONE}")] == [entry["id"]]
        assert await entries(desk, "?phone=13800000002") == []
        assert await entries(desk, "?email=anna%40example.com") == []

    async def test_pages_go_on_when_there_are_many(self, desk: Desk) -> None:
        made = [(await listed(desk, phone=f"1380000000{n}"))["id"] for n in range(5)]
        found, more = [], "?limit=2"
        while more:
            page = (await desk("head", "GET", PATH + more)).json()
            found += [one["id"] for one in page["items"]]
            more = page["next_cursor"] and f"?limit=2&cursor={page['next_cursor']}"
        assert found == made[::-1]

    @pytest.mark.parametrize(
        ("body", "code"),
        [({}, "phone_or_email"), ({"phone": PHONE, "email": "a@b.cn"}, "phone_or_email"),
         ({"phone": "1380013800"}, "bad_phone"), ({"phone": PHONE, "reason": "withdrawn"}, "unknown_value")],
    )  # fmt: skip
    async def test_it_is_refused_by_name_when_it_names_nobody(
        self, desk: Desk, body: dict[str, str], code: str
    ) -> None:
        refused = await desk("head", "POST", PATH, body)
        assert refused.status == 422
        assert code in {one["code"] for one in refused.json()["errors"]}

    async def test_only_who_configures_takes_somebody_off(self, desk: Desk) -> None:
        entry = await listed(desk, phone=PHONE)
        path = f"{PATH}/{entry['id']}"
        assert (await desk("north1", "DELETE", path)).code == "missing_scope"
        assert (await desk("head", "DELETE", path)).status == 204
        assert (await desk("head", "DELETE", path)).code == "not_listed"
        assert await entries(desk) == []

    async def test_no_phone_and_no_address_is_stored(self, desk: Desk, later: Later) -> None:
        lead = (await desk.lead(phone=PHONE, email="anna@example.com"))["id"]
        await listed(desk, phone=PHONE)
        await listed(desk, email="anna@example.com")
        query = "select d::text from do_not_contact_list d where tenant_id = $1"
        rows = [row[0] for row in await desk.admin.fetch(query, desk.tenant_id)]
        timers = "select payload::text from timers where tenant_id = $1"
        rows += [row[0] for row in await desk.admin.fetch(timers, desk.tenant_id)]
        assert not [row for row in rows if PHONE in row or "anna@" in row]
        await desk.admin.execute(
            "update do_not_contact_list set lead_id = $2 where tenant_id = $1", desk.tenant_id, UUID(lead)
        )
        async with later.app.transaction(Access(desk.tenant_id)) as tx:
            await forget(tx, desk.tenant_id, [UUID(lead)])
        assert [one["shown"] for one in await entries(desk)] == [None, None]
        assert len(await entries(desk, f"?phone={PHONE}")) == 1


class TestLeads:
    async def test_every_lead_that_has_it_is_marked_and_no_other_is(self, desk: Desk, later: Later) -> None:
        theirs = [(await desk.lead(phone=PHONE))["id"] for _ in range(2)]
        others = [
            (await desk.lead(phone=phone))["id"] for phone in ("13800000002", f"{PHONE} ext 8", "13800000021")
        ]
        await listed(desk, phone=PHONE)
        await later.fire()
        assert [await is_marked(desk, lead) for lead in theirs + others] == [True, True, False, False, False]
        *_, (_, kind, data) = await desk.events(theirs[0])
        assert (kind, data["changed"]) == ("lead_updated", ["do_not_contact"])

    async def test_all_are_when_they_are_many(self, desk: Desk, later: Later) -> None:
        items = [{"name": "Anna", "email": "anna@example.com"}] * (2 * AT_ONCE + 1)
        assert (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()["failed"] == 0
        await listed(desk, email="anna@example.com")
        await later.fire()
        query = "select count(*) from leads where tenant_id = $1 and do_not_contact"
        assert await desk.admin.fetchval(query, desk.tenant_id) == len(items)
        left = "select count(*) from timers where tenant_id = $1"
        assert await desk.admin.fetchval(left, desk.tenant_id) == 0

    async def test_other_tenants_leads_are_left_alone(self, desk: Desk, later: Later) -> None:
        other = Desk(desk.app, desk.admin, desk.clock, desk.callers)
        await other.open()
        lead = (await other.lead(phone=PHONE))["id"]
        await listed(desk, phone=PHONE)
        await later.fire()
        assert not await is_marked(other, lead)
        assert await entries(other, f"?phone={PHONE}") == []

    async def test_one_that_gets_such_a_phone_is_marked(self, desk: Desk, later: Later) -> None:
        lead = (await desk.lead())["id"]
        await listed(desk, phone=PHONE)
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"phone": PHONE})
        await later.heed(lead)
        assert await is_marked(desk, lead)

    async def test_they_stay_marked_when_somebody_is_taken_off(self, desk: Desk, later: Later) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        entry = await listed(desk, phone=PHONE)
        await later.fire()
        await desk("head", "DELETE", f"{PATH}/{entry['id']}")
        assert await is_marked(desk, lead)
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"do_not_contact": False})
        await later.heed(lead)
        assert not await is_marked(desk, lead)

    async def test_nothing_happens_when_the_entry_is_gone_before_its_time(
        self, desk: Desk, later: Later
    ) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        entry = await listed(desk, phone=PHONE)
        await desk("head", "DELETE", f"{PATH}/{entry['id']}")
        await later.fire()
        assert not await is_marked(desk, lead)


class TestWorking:
    async def test_a_lead_that_comes_later_goes_to_nobody(self, working: Desk) -> None:
        desk = working
        rule = {
            "name": "North",
            "strategy": "round_robin",
            "candidates": {"unit_id": str(desk.units["north"])},
        }
        assert (await desk("head", "POST", "/v1/assignment-rules", rule)).status == 201
        pool = await make_pool(desk, is_default=True)
        await listed(desk, phone=PHONE)
        lead = await desk.lead(phone=PHONE)
        assert not lead["do_not_contact"]
        seen = lead
        while seen["pooled_at"] is None:
            seen = await changed(desk, seen)
        assert (seen["do_not_contact"], seen["owner_id"], seen["pool_id"]) == (True, None, pool["id"])
        assert await claimed(desk, "north1", lead["id"]) == "do_not_contact"

    async def test_it_is_marked_again_when_somebody_says_otherwise_by_hand(self, working: Desk) -> None:
        desk = working
        pool = await make_pool(desk)
        lead = await pooled(desk, pool, phone=PHONE)
        seen = (await desk("head", "GET", f"/v1/leads/{lead}")).json()
        await listed(desk, phone=PHONE)
        seen = await changed(desk, seen)
        assert seen["do_not_contact"]
        seen = (await desk("head", "PATCH", f"/v1/leads/{lead}", {"do_not_contact": False})).json()
        assert (await changed(desk, seen))["do_not_contact"]
