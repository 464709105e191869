"""Who looks into a pool, and what they find there."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from shared.ids import new_id
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.pools.test_pool import claimed, contact, make_pool, pooled, release

WANG: dict[str, Any] = {
    "name": "王伟", "phone": "13800000001", "email": "wang@example.com", "company": "华为 Huawei",
    "source": "fair", "channel": "ads", "region": "north", "product": "saas", "tags": ["重点"],
}  # fmt: skip


async def listed(desk: Desk, name: str, pool: dict[str, Any], more: str = "") -> list[str]:
    target = f"/v1/leads?pool={pool['id']}{quote(more, safe='&=%')}"
    answer = await desk(name, "GET", target)
    assert answer.status == 200, answer
    return [item["id"] for item in answer.json()["items"]]


class TestWhoLooksIn:
    @pytest.fixture
    async def people(self, desk: Desk) -> None:
        await desk.user("chief", "north", role="manager", is_rep=False)
        await desk.user("south-boss", "south-team", role="supervisor", is_rep=False)
        await desk.user("north-boss", "north", role="supervisor", is_rep=False)
        await desk.user("money", "company", role="finance", is_rep=False)
        await desk.user("top", "company", role="director", is_rep=False)

    @pytest.mark.parametrize("by_name", [False, True])
    @pytest.mark.usefixtures("people")
    async def test_it_is_open_to_members_and_to_who_sees_leads_of_one(
        self, desk: Desk, by_name: bool
    ) -> None:
        named = {"user_ids": [str(desk.users["north1"])]}
        members = named if by_name else {"unit_ids": [str(desk.units["north-team"])]}
        pool = await make_pool(desk, members=members)
        lead = await pooled(desk, pool, **WANG)
        seen = {}
        for name in ("north1", "boss", "chief", "money", "top", "south1", "south-boss", "north-boss"):
            answer = await desk(name, "GET", f"/v1/leads/{lead}")
            seen[name] = contact(answer.json())[0] if answer.status == 200 else answer.code
            assert (lead in (await _found(desk, name, pool))) == (answer.status == 200)
        hidden, unknown = "138****0001", "unknown_lead"
        # One who sees only what belongs to a unit sees nothing of the units below it.
        assert seen == {
            "north1": hidden, "boss": hidden, "chief": hidden, "money": hidden, "top": "+8613800000001",
            "south1": unknown, "south-boss": unknown, "north-boss": unknown,
        }  # fmt: skip

    @pytest.mark.usefixtures("people")
    async def test_it_is_open_to_its_admins_also_when_out_of_use(self, desk: Desk) -> None:
        pool = await make_pool(
            desk, members={"unit_ids": [str(desk.units["north"])]}, admin_ids=[str(desk.users["south1"])]
        )
        lead = await pooled(desk, pool, **WANG)
        for active in (True, False):
            await desk("head", "PATCH", f"/v1/pools/{pool['id']}", {"active": active})
            assert await listed(desk, "south1", pool) == [lead]
            shown = (await desk("south1", "GET", f"/v1/leads/{lead}")).json()
            assert contact(shown)[0] == "138****0001"
            assert await _found(desk, "boss", pool) == ([lead] if active else [])
        assert await claimed(desk, "south1", lead) == "not_a_member"
        assert [one["id"] for one in (await desk("south1", "GET", "/v1/pools")).json()["items"]] == [
            pool["id"]
        ]

    async def test_who_looks_in_may_name_it_on_release(self, desk: Desk) -> None:
        members = {"user_ids": [str(desk.users["north1"])]}
        pool = await make_pool(desk, members=members, admin_ids=[str(desk.users["south2"])])
        for name, told in (("south2", 200), ("south1", 404)):
            lead = await desk.lead(name)
            assert (await release(desk, name, lead["id"], pool_id=pool["id"])).status == told

    async def test_who_looks_in_but_is_no_member_is_told_so_when_claiming(self, desk: Desk) -> None:
        lead = await pooled(desk, await make_pool(desk))
        assert await claimed(desk, "boss", lead) == "not_a_member"


async def _found(desk: Desk, name: str, pool: dict[str, Any]) -> list[str]:
    answer = await desk(name, "GET", f"/v1/leads?pool={pool['id']}")
    return [item["id"] for item in answer.json()["items"]] if answer.status == 200 else []


class TestFilters:
    async def test_each_filter_holds_within_the_pool(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead, other = await pooled(desk, pool, **WANG), await pooled(desk, pool, name="Anna")
        await desk("head", "POST", f"/v1/leads/{other}/move", {"to": "lost"})
        await desk.lead(**WANG)
        mine = (await desk("head", "GET", f"/v1/leads/{lead}")).json()
        filters = {
            f"stage={mine['stage']}", "status=open", "source=fair", "channel=ads", "region=north",
            "product=saas", "tag=重点", "q=王伟", "q=伟", "q=hua", "q=h", "source=fair&tag=重点&q=华为",
        }  # fmt: skip
        for each in filters:
            assert await listed(desk, "north1", pool, f"&{each}") == [lead], each
        both = [other, lead]
        assert await listed(desk, "north1", pool, f"&pipeline={mine['pipeline_id']}&owner=none") == both
        assert await listed(desk, "north1", pool, "&status=lost") == [other]
        assert await listed(desk, "north1", pool, "&sort=created_at") == both[::-1]
        for nothing in (
            "&status=won",
            "&source=web",
            f"&owner={desk.users['north1']}",
            "&q=anna&source=fair",
        ):
            assert await listed(desk, "north1", pool, nothing) == [], nothing

    async def test_what_is_hidden_is_not_found_by_when_seen_only_through_the_pool(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        # The name is shown, and found as it is typed: nothing of it stands in the address.
        lead = await pooled(desk, pool, **WANG | {"email": "kim@example.com"})
        nameless = await pooled(desk, pool, name=None, phone="13900000002")
        contacts = ("13800000001", "138", "0001", "kim@example.com", "example", "kim", "k", "x")
        for each in contacts:
            assert await listed(desk, "north1", pool, f"&q={each}") == [], each
        assert await listed(desk, "north1", pool, "&q=139") == []
        assert await listed(desk, "north1", pool, "&q=王 huawei") == [lead]
        assert await listed(desk, "head", pool, "&q=13800000001") == [lead]
        assert await listed(desk, "head", pool, "&q=139") == [nameless]
        assert await listed(desk, "north1", pool) == [nameless, lead]

    async def test_signs_of_patterns_mean_themselves(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead, _ = await pooled(desk, pool, name="100% sure_thing"), await pooled(desk, pool, name="1000 sure")
        for each in ("100%25", "0%25", "sure_", "e_t"):
            assert await listed(desk, "north1", pool, f"&q={each}") == [lead], each


class TestHistory:
    async def test_it_is_told_to_who_looks_in_but_not_what_people_wrote(self, desk: Desk) -> None:
        north = {"unit_ids": [str(desk.units["north"])]}
        pool = await make_pool(desk, members=north, admin_ids=[str(desk.users["south1"])])
        lead = await pooled(desk, pool)
        await claimed(desk, "north1", lead)
        await release(desk, "north1", lead, reason="call her on 13800000001")
        path = f"/v1/leads/{lead}/timeline"
        story = {("created", None), ("pooled", "released"), ("assigned", "claim")}
        for name, reasons in (("head", 1), ("boss", 0), ("south1", 0), ("north2", 0)):
            entries = (await desk(name, "GET", path)).json()["items"]
            assert {(one["kind"], one["how"]) for one in entries} == story
            assert sum(one["reason"] is not None for one in entries) == reasons
        assert (await desk("south2", "GET", path)).code == "unknown_lead"


class TestHiddenFields:
    async def test_they_are_not_shown_until_somebody_has_the_lead(self, desk: Desk) -> None:
        pool = await make_pool(desk, hidden_fields=["wechat"])
        custom = {"wechat": "wang_88", "size": 40}
        lead = await pooled(desk, pool, custom=custom)
        path = f"/v1/leads/{lead}"
        for name, shown in (("north1", {"size": 40}), ("boss", {"size": 40}), ("head", custom)):
            assert (await desk(name, "GET", path)).json()["custom"] == shown
            [found] = (await desk(name, "GET", f"/v1/leads?pool={pool['id']}")).json()["items"]
            assert found["custom"] == shown
        assert await claimed(desk, "north1", lead) == "yes"
        assert (await desk("north1", "GET", path)).json()["custom"] == custom


class TestDefiningAdmins:
    async def test_they_look_after_a_pool_that_nobody_claims_from(self, desk: Desk) -> None:
        admins = [str(desk.users["boss"])]
        assert (await make_pool(desk, members={}, admin_ids=admins))["admin_ids"] == admins
        pool = await make_pool(desk, daily_claims=0, admin_ids=admins)
        lead = await pooled(desk, pool)
        assert await claimed(desk, "north1", lead) == "no_claims"
        path = f"/v1/pools/{pool['id']}"
        refused = await desk("head", "PATCH", path, {"admin_ids": []})
        assert (refused.code, refused.pointers) == ("pool_without_members", ["/daily_claims"])
        assert (await desk("head", "PATCH", path, {"admin_ids": [], "daily_claims": 3})).status == 200

    async def test_it_is_refused_when_one_is_unknown_or_gone_or_may_not_change_leads(
        self, desk: Desk
    ) -> None:
        await desk.user("gone", "north-team", active=False)
        await desk.user("money", "company", role="finance", is_rep=False)
        users = [desk.users["boss"], desk.users["gone"], new_id(), desk.users["money"]]
        body = {
            "name": "p", "members": {"unit_ids": [str(desk.units["north"])]},
            "admin_ids": [str(user) for user in users],
        }  # fmt: skip
        refused = await desk("head", "POST", "/v1/pools", body)
        assert (refused.status, refused.code) == (422, "unfit_admin")
        assert refused.pointers == ["/admin_ids/1", "/admin_ids/2", "/admin_ids/3"]

    async def test_one_who_has_left_is_left_alone_when_something_else_changes(self, desk: Desk) -> None:
        pool = await make_pool(desk, admin_ids=[str(desk.users["boss"])])
        await desk.admin.execute("update org_users set active = false where id = $1", desk.users["boss"])
        path = f"/v1/pools/{pool['id']}"
        assert (await desk("head", "PATCH", path, {"name": "Renamed"})).status == 200
        refused = await desk("head", "PATCH", path, {"daily_claims": 0})
        assert refused.code == "pool_without_members"
