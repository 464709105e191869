"""Pools: who sees what lies there, who may take it, and what follows."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.pools.pool.use_cases import pool_unassigned
from shared.database import connections
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.support.asgi import Answer


async def make_pool(desk: Desk, **fields: Any) -> dict[str, Any]:
    body = {"name": "公海", "members": {"unit_ids": [str(desk.units["company"])]}}
    answer = await desk("head", "POST", "/v1/pools", body | fields)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


async def pooled(desk: Desk, pool: dict[str, Any], **fields: Any) -> str:
    """A lead that lies in the pool."""
    lead = await desk.lead(**fields)
    answer = await desk("head", "POST", f"/v1/leads/{lead['id']}/release", {"pool_id": pool["id"]})
    assert answer.status == 200, answer
    found: str = lead["id"]
    return found


async def claim(desk: Desk, name: str, lead: str, **headers: str) -> Answer:
    return await desk(name, "POST", f"/v1/leads/{lead}/claim", **headers)


async def claimed(desk: Desk, name: str, lead: str) -> str:
    """What is said of a claim: `yes`, or the code of what was in the way."""
    answer = await claim(desk, name, lead)
    return "yes" if answer.status == 200 else answer.code


async def release(desk: Desk, name: str, lead: str, **body: Any) -> Answer:
    return await desk(name, "POST", f"/v1/leads/{lead}/release", body)


class TestClaim:
    async def test_owner_event_and_records_agree_when_a_member_claims(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool)
        answer = await claim(desk, "north1", lead)
        assert (answer.status, answer.json()["owner_id"]) == (200, str(desk.users["north1"]))
        assert (answer.json()["pool_id"], answer.json()["pooled_at"]) == (pool["id"], None)
        seq, kind, data = (await desk.events(lead))[-1]
        assert (seq, kind, data["claimed"], data["pool_id"]) == (3, "lead_assigned", True, pool["id"])
        [stored] = (await desk("north1", "GET", f"/v1/leads/{lead}/assignments")).json()["items"]
        assert (stored["how"], stored["pool_id"]) == ("claim", pool["id"])
        assert await loads(desk) == {"north1": 1}

    async def test_one_gets_it_and_the_others_are_told_when_many_claim_at_once(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Far more come at once than there are connections.
        monkeypatch.setattr(connections, "WAIT_S", 240.0)
        lead = await pooled(desk, await make_pool(desk))
        names = [f"rep{number}" for number in range(40)]
        for name in names:
            await desk.user(name, "north-team")
        answers = await asyncio.gather(*(claim(desk, name, lead) for name in names))
        assert sorted(answer.status for answer in answers) == [200] + [409] * 39
        assert {answer.code for answer in answers if answer.status == 409} == {"lead_already_claimed"}
        assert [kind for _, kind, _ in await desk.events(lead)].count("lead_assigned") == 1
        assert sum((await loads(desk)).values()) == 1

    async def test_the_winner_is_named_only_to_who_may_see_the_lead_then(self, desk: Desk) -> None:
        lead = await pooled(desk, await make_pool(desk))
        await claim(desk, "north1", lead)
        told = [(await claim(desk, name, lead)).json()["detail"] for name in ("north1", "south1")]
        assert ["North1" in detail for detail in told] == [True, False]

    async def test_quota_and_cap_hold_when_one_rep_claims_everything_at_once(self, desk: Desk) -> None:
        pool = await make_pool(desk, daily_claims=3, max_in_hand={"default": 4})
        leads = [await pooled(desk, pool) for _ in range(8)]
        answers = await asyncio.gather(*(claim(desk, "north1", lead) for lead in leads))
        assert sorted(answer.status for answer in answers) == [200] * 3 + [409] * 5
        assert {answer.code for answer in answers if answer.status == 409} == {"daily_quota"}
        # The tenant's next natural day, at its own midnight.
        desk.clock.at = datetime(2026, 3, 2, 16, tzinfo=UTC)
        left = [lead for lead, answer in zip(leads, answers, strict=True) if answer.status == 409]
        assert [await claimed(desk, "north1", lead) for lead in left[:2]] == ["yes", "cap_in_hand"]

    async def test_a_closed_lead_makes_room_when_the_hands_were_full(self, desk: Desk) -> None:
        pool = await make_pool(desk, max_in_hand={"default": 1})
        first, second = await pooled(desk, pool), await pooled(desk, pool)
        await claim(desk, "north1", first)
        assert await claimed(desk, "north1", second) == "cap_in_hand"
        await desk("north1", "POST", f"/v1/leads/{first}/move", {"to": "won"})
        assert (await claim(desk, "north1", second)).status == 200

    @pytest.mark.parametrize("team", [False, True])
    async def test_the_owner_before_waits_when_it_was_released(self, desk: Desk, team: bool) -> None:
        pool = await make_pool(desk, cooling_days=7, cooling_team=team)
        lead = await pooled(desk, pool)
        await claim(desk, "north1", lead)
        assert (await release(desk, "north1", lead)).status == 200
        assert await claimed(desk, "north1", lead) == "cooling_off"
        assert await claimed(desk, "north2", lead) == ("cooling_off" if team else "yes")
        if not team:
            await release(desk, "north2", lead)
        desk.clock.at += timedelta(days=7)
        assert (await claim(desk, "north1", lead)).status == 200

    async def test_days_off_do_not_count_when_the_owner_before_waits(self, desk: Desk) -> None:
        pool = await make_pool(desk, cooling_days=2)
        lead = await pooled(desk, pool)
        await desk.calendar("north", days_off=[date(2026, 3, 3), date(2026, 3, 4)])
        await claim(desk, "north1", lead)
        await release(desk, "north1", lead)
        desk.clock.at += timedelta(days=3, hours=23)
        assert await claimed(desk, "north1", lead) == "cooling_off"
        desk.clock.at += timedelta(hours=1)
        assert await claimed(desk, "north1", lead) == "yes"

    async def test_the_cap_goes_by_the_level_when_the_rep_has_one(self, desk: Desk) -> None:
        pool = await make_pool(desk, max_in_hand={"default": 1, "by_level": {"P2": 2}})
        leads = [await pooled(desk, pool) for _ in range(3)]
        await desk.profile("north1", level="P2")
        told = [await claimed(desk, "north1", lead) for lead in leads]
        assert told == ["yes", "yes", "cap_in_hand"]

    async def test_a_release_gives_no_claim_of_the_day_back(self, desk: Desk) -> None:
        pool = await make_pool(desk, daily_claims=1)
        lead = await pooled(desk, pool)
        await claim(desk, "north1", lead)
        await release(desk, "north1", lead)
        assert await claimed(desk, "north1", lead) == "daily_quota"
        assert await loads(desk) == {"north1": 0}

    async def test_nobody_claims_it_when_the_person_is_not_to_be_contacted(self, desk: Desk) -> None:
        lead = await pooled(desk, await make_pool(desk))
        path = f"/v1/leads/{lead}"
        assert (await desk("head", "PATCH", path, {"do_not_contact": True})).json()["do_not_contact"] is True
        assert await claimed(desk, "north1", lead) == "do_not_contact"
        await desk("head", "PATCH", path, {"do_not_contact": False})
        assert (await claim(desk, "north1", lead)).status == 200

    async def test_it_is_refused_when_the_lead_was_closed_in_the_pool(self, desk: Desk) -> None:
        lead = await pooled(desk, await make_pool(desk))
        assert (await desk("head", "POST", f"/v1/leads/{lead}/move", {"to": "lost"})).status == 200
        assert await claimed(desk, "north1", lead) == "lead_closed"
        assert not any((await loads(desk)).values())

    async def test_it_is_unknown_when_the_pool_is_not_the_caller_s(self, desk: Desk) -> None:
        pool = await make_pool(desk, members={"user_ids": [str(desk.users["south1"])]})
        lead = await pooled(desk, pool)
        assert await claimed(desk, "north1", lead) == "unknown_lead"
        assert await claimed(desk, "head", lead) == "not_a_member"
        assert (await claim(desk, "south1", str(new_id()))).code == "unknown_lead"
        mine = await desk.lead("north1")
        assert await claimed(desk, "north1", mine["id"]) == "not_in_pool"

    async def test_same_answer_when_sent_again_under_its_key(self, desk: Desk) -> None:
        lead = await pooled(desk, await make_pool(desk))
        answers = [await claim(desk, "north1", lead, Idempotency_Key="k") for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()


class TestSeeing:
    async def test_contact_is_hidden_until_claimed(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool, phone="13800000001 转 802", email="wang@example.com")
        path = f"/v1/leads/{lead}"
        seen = (await desk("north1", "GET", path)).json()
        listed = (await desk("north1", "GET", f"/v1/leads?pool={pool['id']}")).json()["items"]
        hidden = ("138****0001", "138****0001", None, "w****@example.com", "w****@example.com")
        for shown in (seen, *listed):
            assert contact(shown) == hidden
        assert contact((await desk("head", "GET", path)).json())[0] == "+8613800000001"
        assert contact((await claim(desk, "north1", lead)).json())[0] == "+8613800000001"
        assert (await desk("south1", "GET", path)).status == 404

    async def test_contact_is_hidden_from_its_creator_too_when_nobody_owns_it(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await desk.lead("north1", phone="13800000001")
        answer = await release(desk, "north1", lead["id"], pool_id=pool["id"])
        assert answer.json()["phone"] == "138****0001"
        path = f"/v1/leads/{lead['id']}"
        patched = await desk("north1", "PATCH", path, {"source": "fair"})
        assert patched.json()["phone"] == "138****0001"
        moved = await desk("north1", "POST", f"{path}/move", {"to": "needs_analysis"})
        assert moved.json()["phone"] == "138****0001"
        [listed] = (await desk("north1", "GET", "/v1/leads")).json()["items"]
        assert listed["phone"] == "138****0001"

    async def test_only_what_lies_there_is_listed_when_a_pool_is_asked_for(self, desk: Desk) -> None:
        pool, other = await make_pool(desk), await make_pool(desk, name="dealers")
        leads = [await pooled(desk, pool, source="web" if number % 2 else "fair") for number in range(6)]
        await pooled(desk, other)
        await desk.lead()
        await claim(desk, "north1", leads[0])
        listed = (await desk("south1", "GET", f"/v1/leads?pool={pool['id']}&limit=3")).json()
        rest = await desk("south1", "GET", f"/v1/leads?pool={pool['id']}&cursor={listed['next_cursor']}")
        ids = [item["id"] for item in listed["items"] + rest.json()["items"]]
        assert ids == leads[:0:-1]
        fair = await desk("south1", "GET", f"/v1/leads?pool={pool['id']}&source=fair")
        assert [item["id"] for item in fair.json()["items"]] == [leads[4], leads[2]]
        assert (await desk("south1", "GET", "/v1/leads")).json()["items"] == []

    async def test_it_is_unknown_when_a_stranger_asks_for_a_pool(self, desk: Desk) -> None:
        pool = await make_pool(desk, members={"user_ids": [str(desk.users["south1"])]})
        lead = await pooled(desk, pool)
        for target in (f"/v1/leads?pool={pool['id']}", f"/v1/pools/{pool['id']}"):
            assert (await desk("north1", "GET", target)).code == "unknown_pool"
        assert (await desk("north1", "GET", f"/v1/leads/{lead}")).code == "unknown_lead"
        assert (await desk("north1", "GET", "/v1/pools")).json()["items"] == []
        assert len((await desk("south1", "GET", "/v1/pools")).json()["items"]) == 1


class TestRelease:
    async def test_it_goes_where_it_came_from_or_into_the_default_pool_when_none_is_named(
        self, desk: Desk
    ) -> None:
        lead = await desk.lead("north1")
        refused = await release(desk, "north1", lead["id"])
        assert (refused.status, refused.code, refused.pointers) == (422, "which_pool", ["/pool_id"])
        default, other = await make_pool(desk, is_default=True), await make_pool(desk, name="other")
        assert (await release(desk, "north1", lead["id"])).json()["pool_id"] == default["id"]
        second = await pooled(desk, other)
        await claim(desk, "north1", second)
        answer = await desk("north1", "POST", f"/v1/leads/{second}/release")
        assert answer.json()["pool_id"] == other["id"]

    async def test_history_tells_who_gave_it_back_and_why(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool)
        await claim(desk, "north1", lead)
        await release(desk, "north1", lead, reason="no budget, call 13800000001")
        entries = (await desk("head", "GET", f"/v1/leads/{lead}/timeline")).json()["items"]
        told = [(entry["kind"], entry["how"], entry["pool_id"]) for entry in entries]
        # All of it at one moment of a clock that stands still: in the order of the kinds.
        assert sorted(told, key=str) == sorted(
            [
                ("pooled", "released", pool["id"]),
                ("assigned", "claim", pool["id"]),
                ("pooled", "released", pool["id"]),
                ("created", None, None),
            ],
            key=str,
        )
        assert {entry["reason"] for entry in entries} >= {"no budget, call 13800000001"}
        data = (await desk.events(lead))[-1][2]
        assert (data["previous_owner_id"], data["why"]) == (str(desk.users["north1"]), "released")
        assert "budget" not in str(data)

    async def test_it_is_refused_when_closed_or_there_already_or_the_pool_is_off(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool)
        assert (await release(desk, "head", lead)).code == "in_pool_already"
        won = await desk.lead()
        await desk("head", "POST", f"/v1/leads/{won['id']}/move", {"to": "won"})
        assert (await release(desk, "head", won["id"], pool_id=pool["id"])).code == "wrong_pool"
        lost = await desk.lead()
        await desk("head", "POST", f"/v1/leads/{lost['id']}/move", {"to": "lost"})
        for told in ({}, {"pool_id": pool["id"]}):
            assert (await release(desk, "head", lost["id"], **told)).code == "lead_closed"
        await desk("head", "PATCH", f"/v1/pools/{pool['id']}", {"active": False})
        fresh = await desk.lead()
        refused = await release(desk, "head", fresh["id"], pool_id=pool["id"])
        assert (refused.status, refused.code, refused.pointers) == (409, "pool_inactive", ["/pool_id"])
        assert (await release(desk, "head", fresh["id"], pool_id=str(new_id()))).code == "unknown_pool"
        # What lies there is nobody's to claim meanwhile.
        assert await claimed(desk, "north1", lead) == "unknown_lead"

    async def test_it_has_an_owner_again_when_assigned_out_of_the_pool(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool)
        answer = await desk(
            "head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["north1"])}
        )
        assert (answer.json()["pooled_at"], answer.json()["pool_id"]) == (None, pool["id"])
        assert await claimed(desk, "south1", lead) == "lead_already_claimed"
        assert (await desk.events(lead))[-1][2]["pool_id"] == pool["id"]

    async def test_its_creator_goes_by_the_claim_when_taking_it_back(self, desk: Desk) -> None:
        pool = await make_pool(desk, cooling_days=7)
        lead = (await desk.lead("north1"))["id"]
        to_me = {"owner_id": str(desk.users["north1"])}
        assert (await desk("north1", "POST", f"/v1/leads/{lead}/assign", to_me)).status == 200
        await release(desk, "north1", lead, pool_id=pool["id"])
        refused = await desk("north1", "POST", f"/v1/leads/{lead}/assign", to_me)
        assert (refused.status, refused.code) == (403, "assign_not_allowed")
        assert await claimed(desk, "north1", lead) == "cooling_off"


class TestLeftOver:
    async def test_it_goes_to_the_default_pool_when_no_rule_finds_anybody(
        self, desk: Desk, settings: Settings
    ) -> None:
        pool = await make_pool(desk, is_default=True)
        lead, owned = await desk.lead(), await desk.lead()
        await desk("head", "POST", f"/v1/leads/{owned['id']}/assign", {"owner_id": str(desk.users["north1"])})
        await _left_over(desk, settings, lead, owned)
        await _left_over(desk, settings, lead, owned)
        seen = (await desk("head", "GET", f"/v1/leads/{lead['id']}")).json()
        assert (seen["pool_id"], seen["version"]) == (pool["id"], 2)
        still = (await desk("head", "GET", f"/v1/leads/{owned['id']}")).json()
        assert (still["pool_id"], still["owner_id"]) == (None, str(desk.users["north1"]))

    async def test_it_waits_as_before_when_the_tenant_has_no_default_pool(
        self, desk: Desk, settings: Settings
    ) -> None:
        await make_pool(desk)
        lead = await desk.lead()
        await _left_over(desk, settings, lead)
        assert (await desk("head", "GET", f"/v1/leads/{lead['id']}")).json()["version"] == 1


async def _left_over(desk: Desk, settings: Settings, *leads: dict[str, Any]) -> None:
    database = Database(make_engine(settings, "leads", "app", pool_size=1))
    try:
        async with database.transaction(Access(desk.tenant_id)) as tx:
            causes = {UUID(lead["id"]): new_id() for lead in leads}
            await pool_unassigned(tx, desk.tenant_id, causes, desk.clock.at)
    finally:
        await database.dispose()


class TestDefining:
    async def test_shows_what_was_defined_and_a_new_version_when_changed(self, desk: Desk) -> None:
        body = {
            "name": "SaaS 线索",
            "is_default": True,
            "members": {"user_ids": [str(desk.users["north1"])], "unit_ids": [str(desk.units["south"])]},
            "daily_claims": 10,
            "max_in_hand": {"default": 200, "by_level": {"P1": 60, "P2": 100}},
            "cooling_days": 7,
            "cooling_team": True,
        }
        made = await make_pool(desk, **body)
        assert {name: made[name] for name in body} == body
        path = f"/v1/pools/{made['id']}"
        changed = await desk("head", "PATCH", path, {"daily_claims": None, "cooling_days": 0}, If_Match='"1"')
        assert (changed.json()["daily_claims"], changed.json()["version"]) == (None, 2)
        assert (await desk("head", "PATCH", path, {"name": "x"}, If_Match='"1"')).status == 412
        assert (await desk("head", "GET", path)).json() == changed.json()

    async def test_is_refused_when_nobody_could_claim_from_it(self, desk: Desk) -> None:
        await desk.user("gone", "north-team", active=False)
        await desk.unit("empty", "north", "team")
        for members in (
            {},
            {"user_ids": [str(desk.users["boss"])]},
            {"user_ids": [str(desk.users["gone"])]},
            {"unit_ids": [str(desk.units["empty"])]},
        ):
            answer = await desk("head", "POST", "/v1/pools", {"name": "p", "members": members})
            assert (answer.status, answer.code, answer.pointers) == (
                422,
                "pool_without_members",
                ["/members"],
            )

    async def test_is_refused_when_a_member_is_unknown(self, desk: Desk) -> None:
        members = {
            "user_ids": [str(desk.users["north1"]), str(new_id())], "unit_ids": [str(desk.users["north1"])],
        }  # fmt: skip
        refused = await desk("head", "POST", "/v1/pools", {"name": "p", "members": members})
        assert (refused.status, refused.code) == (422, "unknown_member")
        assert refused.pointers == ["/members/user_ids/1", "/members/unit_ids/0"]
        pool = await make_pool(desk)
        answer = await desk("head", "PATCH", f"/v1/pools/{pool['id']}", {"members": members})
        assert answer.code == "unknown_member"

    async def test_there_is_one_default_pool_when_two_are_wanted(self, desk: Desk) -> None:
        first = await make_pool(desk, is_default=True)
        body = {"name": "p", "is_default": True, "members": {"user_ids": [str(desk.users["north1"])]}}
        answer = await desk("head", "POST", "/v1/pools", body)
        assert (answer.status, answer.code, answer.pointers) == (409, "default_pool_taken", ["/is_default"])
        await desk("head", "PATCH", f"/v1/pools/{first['id']}", {"is_default": False})
        assert (await desk("head", "POST", "/v1/pools", body)).status == 201

    async def test_reps_may_not_define_them(self, desk: Desk) -> None:
        body = {"name": "p", "members": {"user_ids": [str(desk.users["north1"])]}}
        assert (await desk("north1", "POST", "/v1/pools", body)).status == 403


def contact(lead: dict[str, Any]) -> tuple[Any, ...]:
    names = ("phone", "phone_text", "phone_extension", "email", "email_text")
    return tuple(lead[name] for name in names)
