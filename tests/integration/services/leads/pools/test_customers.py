"""Won leads are customers: pools, limits and terms of their own."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.passing import Time, at, follow_up, story, time
from tests.integration.services.leads.pools.test_pool import claim, claimed, make_pool, pooled, release

__all__ = ["time"]

KEEPING = {"first_follow_up_days": 3, "follow_up_days": 60, "deal_days": 180, "warn_days": [15]}


async def customers(desk: Desk, **fields: Any) -> dict[str, Any]:
    return await make_pool(desk, name="客户公海", kind="customers", **fields)


async def won(desk: Desk, name: str = "north1", **fields: Any) -> str:
    """A lead that somebody has won."""
    lead = await desk.lead(**fields)
    path = f"/v1/leads/{lead['id']}"
    assert (await desk("head", "POST", f"{path}/assign", {"owner_id": str(desk.users[name])})).status == 200
    assert (await desk(name, "POST", f"{path}/move", {"to": "won"})).status == 200
    found: str = lead["id"]
    return found


async def lying(desk: Desk, pool: dict[str, Any]) -> str:
    """A customer whom nobody has; south2's before."""
    lead = await won(desk, "south2")
    assert (await release(desk, "south2", lead, pool_id=pool["id"])).status == 200
    return lead


class TestKind:
    async def test_it_keeps_its_status_when_released_and_claimed(self, desk: Desk) -> None:
        pool = await customers(desk, is_default=True, cooling_days=30)
        await make_pool(desk, is_default=True)
        lead = await won(desk, "north1", phone="13800000001")
        back = (await release(desk, "north1", lead)).json()
        assert (back["pool_id"], back["status"], back["owner_id"]) == (pool["id"], "won", None)
        assert await claimed(desk, "north1", lead) == "cooling_off"
        seen = (await desk("south1", "GET", f"/v1/leads?pool={pool['id']}&status=won")).json()["items"]
        assert [(one["id"], one["phone"]) for one in seen] == [(lead, "138****0001")]
        taken = (await claim(desk, "south1", lead)).json()
        assert (taken["status"], taken["owner_id"]) == ("won", str(desk.users["south1"]))
        assert [kind for _, kind, _ in await desk.events(lead)][-3:] == [
            "stage_changed", "lead_pooled", "lead_assigned",
        ]  # fmt: skip
        # Neither counts to what they have in hand of leads.
        assert not any((await loads(desk)).values())
        entries = (await desk("south1", "GET", f"/v1/leads/{lead}/timeline")).json()["items"]
        told = {(entry["kind"], entry["how"]) for entry in entries if entry["pool_id"] == pool["id"]}
        assert told == {("assigned", "claim"), ("pooled", "released")}

    async def test_each_kind_lies_in_its_own_pools(self, desk: Desk) -> None:
        leads, pool = await make_pool(desk, is_default=True), await customers(desk)
        lead = await won(desk)
        assert (await release(desk, "north1", lead, pool_id=leads["id"])).code == "wrong_pool"
        refused = await release(desk, "north1", lead)
        assert (refused.code, refused.pointers) == ("which_pool", ["/pool_id"])
        still_open = await desk.lead("north1")
        assert (await release(desk, "north1", still_open["id"], pool_id=pool["id"])).code == "wrong_pool"
        path = f"/v1/pools/{pool['id']}"
        assert (await desk("head", "PATCH", path, {"kind": "leads"})).status == 422
        keeping = {"follow_up_days": 7, "dormant_after": 1, "dormant_pool_id": leads["id"]}
        answer = await desk("head", "PATCH", path, {"keeping": keeping})
        assert answer.pointers == ["/keeping/dormant_pool_id"]
        [event] = await desk.events(pool["id"])
        assert event[2]["kind"] == "customers"

    async def test_there_is_a_default_pool_of_each_kind(self, desk: Desk) -> None:
        await make_pool(desk, is_default=True)
        await customers(desk, is_default=True)
        body = {
            "name": "p", "kind": "customers", "is_default": True,
            "members": {"user_ids": [str(desk.users["north1"])]},
        }  # fmt: skip
        assert (await desk("head", "POST", "/v1/pools", body)).code == "default_pool_taken"

    async def test_nobody_wins_or_reopens_what_lies_in_a_pool(self, desk: Desk) -> None:
        lead = await lying(desk, await customers(desk))
        move = f"/v1/leads/{lead}/move"
        assert (await desk("head", "POST", move, {"to": "needs_analysis"})).code == "lies_in_pool"
        await claim(desk, "north1", lead)
        assert (await desk("north1", "POST", move, {"to": "needs_analysis"})).status == 200
        assert await loads(desk) == {"north1": 1, "south2": 0}
        waiting = await pooled(desk, await make_pool(desk))
        answer = await desk("head", "POST", f"/v1/leads/{waiting}/move", {"to": "won"})
        assert (answer.status, answer.code) == (409, "lies_in_pool")


class TestLimits:
    async def test_customers_and_leads_are_counted_apart(self, desk: Desk) -> None:
        pool = await customers(desk, max_in_hand={"default": 1})
        leads = await make_pool(desk, name="leads", max_in_hand={"default": 1})
        first, second = await lying(desk, pool), await lying(desk, pool)
        one, two = await pooled(desk, leads), await pooled(desk, leads)
        told = [await claimed(desk, "north1", lead) for lead in (first, second, one, two)]
        assert told == ["yes", "cap_in_hand", "yes", "cap_in_hand"]
        # A lead that is won is a customer more, and a lead less.
        await desk("north1", "POST", f"/v1/leads/{one}/move", {"to": "won"})
        assert await claimed(desk, "north1", two) == "yes"
        answer = await claim(desk, "north1", second)
        assert "2 customers" in answer.json()["detail"]

    async def test_the_cap_holds_when_one_rep_claims_all_at_once(self, desk: Desk) -> None:
        pool = await customers(desk, max_in_hand={"default": 3})
        leads = [await lying(desk, pool) for _ in range(8)]
        answers = await asyncio.gather(*(claim(desk, "north1", lead) for lead in leads))
        assert sorted(answer.status for answer in answers) == [200] * 3 + [409] * 5
        assert {answer.code for answer in answers if answer.status == 409} == {"cap_in_hand"}

    async def test_each_pool_has_its_own_quota(self, desk: Desk) -> None:
        pool = await customers(desk, daily_claims=1)
        leads = await make_pool(desk, name="leads", daily_claims=1)
        told = [await claimed(desk, "north1", await lying(desk, pool)) for _ in range(2)]
        assert [*told, await claimed(desk, "north1", await pooled(desk, leads))] == [
            "yes",
            "daily_quota",
            "yes",
        ]


class TestKeeping:
    async def test_terms_begin_with_the_win_and_the_win_is_follow_up(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 1)
        pool = await customers(desk, is_default=True, keeping=KEEPING, cooling_days=30)
        desk.clock.at = at(3, 2)
        lead = await won(desk)
        await time.plan(lead)
        shown = (await desk("north1", "GET", f"/v1/leads/{lead}/keeping")).json()
        assert (datetime.fromisoformat(shown["ends_at"]), shown["why"]) == (at(5, 1), "no_follow_up")
        await time.pass_to(at(5, 2))
        assert await story(desk, lead) == [("recycle_warned", at(4, 16)), ("lead_pooled", at(5, 1))]
        seen = (await desk("head", "GET", f"/v1/leads/{lead}")).json()
        assert (seen["pool_id"], seen["status"], seen["owner_id"]) == (pool["id"], "won", None)
        assert await claimed(desk, "north1", lead) == "cooling_off"

    async def test_who_claims_a_customer_follows_up_soon(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        pool = await customers(desk, keeping=KEEPING)
        lead = await lying(desk, pool)
        desk.clock.at = at(9, 7)
        await claim(desk, "north1", lead)
        await time.plan(lead)
        shown = (await desk("north1", "GET", f"/v1/leads/{lead}/keeping")).json()
        assert (datetime.fromisoformat(shown["ends_at"]), shown["why"]) == (at(9, 10), "no_first_follow_up")
        await follow_up(desk, lead, at(9, 8))
        await time.pass_to(at(11, 8))
        assert (await story(desk, lead))[-1] == ("lead_pooled", at(11, 7))

    async def test_none_is_lost_on_the_day_on_which_the_pool_is_defined(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(1, 5)
        leads = await make_pool(desk, is_default=True, keeping={"follow_up_days": 7})
        lead, lost = await won(desk), await desk.lead("north1")
        from_pool = await pooled(desk, leads)
        await claim(desk, "north1", from_pool)
        await desk("north1", "POST", f"/v1/leads/{from_pool}/move", {"to": "won"})
        await desk("head", "POST", f"/v1/leads/{lost['id']}/move", {"to": "lost"})
        desk.clock.at = at(6, 1)
        pool = await customers(desk, is_default=True, keeping={"follow_up_days": 60})
        await time.plan_anew(pool)
        planned = "select count(distinct aggregate_id) from timers where tenant_id = $1 and kind = $2"
        assert await desk.admin.fetchval(planned, desk.tenant_id, "leads.recycling") == 2
        await time.pass_to(at(8, 1))
        for one in (lead, from_pool):
            assert (await story(desk, one))[-1] == ("lead_pooled", at(7, 31))

    async def test_who_is_reopened_is_kept_on_the_terms_of_leads(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(3, 2)
        leads = await make_pool(desk, is_default=True, keeping={"follow_up_days": 60})
        lead = await lying(desk, await customers(desk, keeping=KEEPING))
        await claim(desk, "north1", lead)
        await desk("north1", "POST", f"/v1/leads/{lead}/move", {"to": "needs_analysis"})
        await desk("head", "PATCH", f"/v1/pools/{leads['id']}", {"keeping": {"follow_up_days": 7}})
        await time.plan_anew(leads)
        await time.pass_to(at(3, 10))
        seen = (await desk("head", "GET", f"/v1/leads/{lead}")).json()
        assert (seen["pool_id"], seen["status"]) == (leads["id"], "open")

    async def test_it_sleeps_by_how_often_it_came_back_as_a_customer(self, desk: Desk, time: Time) -> None:
        desk.clock.at = at(1, 5)
        leads = await make_pool(desk, name="leads", keeping={"follow_up_days": 7})
        lead = await pooled(desk, leads)
        await claim(desk, "north1", lead)
        await time.plan(lead)
        await time.pass_to(at(1, 20))
        await claim(desk, "north1", lead)
        await desk("north1", "POST", f"/v1/leads/{lead}/move", {"to": "won"})
        dormant = await customers(desk)
        keeping = {"follow_up_days": 7, "dormant_pool_id": dormant["id"], "dormant_after": 2}
        pool = await make_pool(desk, name="c", kind="customers", is_default=True, keeping=keeping)
        seen = []
        for name in ("north1", "south1"):
            await claim(desk, name, lead)
            await time.plan(lead)
            await time.pass_to(desk.clock.at.replace(month=desk.clock.at.month + 1))
            seen.append((await desk("head", "GET", f"/v1/leads/{lead}")).json()["pool_id"])
        assert seen == [pool["id"], dormant["id"]]
