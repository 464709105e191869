from __future__ import annotations

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import pytest

from services.leads.deduplication.merging.arriving import merge_repeats
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.settings import Settings
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.deduplication.test_merging import MOBILE, holders, kinds, owned, seen
from tests.integration.services.leads.follow_up.test_progress import moved
from tests.support.asgi import Answer

OTHER = "139 0013 9000"
CODE = "91350100M000100Y43"


async def policy(desk: Desk, **wanted: str) -> dict[str, Any]:
    answer = await desk("head", "PUT", "/v1/duplicate-policy", wanted)
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.json()
    return told


async def create(desk: Desk, by: str = "head", **fields: Any) -> Answer:
    return await desk(by, "POST", "/v1/leads", {"name": "Anna Li"} | fields)


async def arrive(desk: Desk, settings: Settings, *leads: dict[str, Any]) -> None:
    """What the reaction to `lead_created` does first."""
    database = Database(make_engine(settings, "leads", "app", pool_size=1))
    try:
        async with database.transaction(Access(desk.tenant_id)) as tx:
            await merge_repeats(tx, desk.tenant_id, [UUID(lead["id"]) for lead in leads], desk.clock.at)
    finally:
        await database.dispose()


class TestDefining:
    async def test_leads_are_flagged_when_nothing_was_said(self, desk: Desk) -> None:
        told = (await desk("north1", "GET", "/v1/duplicate-policy")).json()
        assert told == {
            "phone": "flag", "email": "flag", "credit_code": "flag", "wecom_id": "flag", "family": "off",
            "company": "off", "version": 0,
        }  # fmt: skip

    async def test_each_definition_is_a_version_when_it_changes(self, desk: Desk) -> None:
        assert (await policy(desk, phone="block"))["version"] == 1
        told = await policy(desk, email="merge", company="flag")
        assert (told["version"], told["phone"], told["email"]) == (2, "flag", "merge")
        assert (await desk("head", "GET", "/v1/duplicate-policy")).json() == told

    @pytest.mark.parametrize("wanted", [{"company": "merge"}, {"phone": "drop"}, {"name": "flag"}])
    async def test_it_is_refused_when_it_cannot_be(self, desk: Desk, wanted: dict[str, str]) -> None:
        answer = await desk("head", "PUT", "/v1/duplicate-policy", wanted)
        assert (answer.status, answer.pointers) == (422, [f"/{next(iter(wanted))}"])
        assert (await desk("north1", "PUT", "/v1/duplicate-policy", {})).status == 403


class TestBlocking:
    async def test_who_sees_the_other_is_told_which_when_blocked(self, desk: Desk) -> None:
        await policy(desk, phone="block")
        first = await owned(desk, "north1", phone=MOBILE)
        for by, named in (("head", True), ("north1", True), ("south1", False)):
            answer = await create(desk, by, phone="+86 13800138000")
            assert (answer.status, answer.code, answer.pointers) == (409, "duplicate_lead", ["/phone"])
            assert (first["id"] in str(answer.json())) == named

    async def test_the_good_ones_are_stored_when_others_of_a_batch_are_blocked(self, desk: Desk) -> None:
        await policy(desk, phone="block")
        await desk.lead(phone=MOBILE)
        items = [
            {"name": "A", "phone": MOBILE, "email": "new@example.com"},
            {"name": "B", "email": "new@example.com", "phone": OTHER},
            {"name": "C", "phone": OTHER},
            {"name": "D", "email": "new@example.com"},
        ]
        told = (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()
        assert [one["status"] for one in told["items"]] == ["failed", "created", "failed", "created"]
        assert [one["errors"][0]["pointer"] for one in told["items"] if one["errors"]] == [
            "/items/0/phone", "/items/2/phone",
        ]  # fmt: skip
        second = told["items"][1]["id"]
        # Who is kept out holds nothing: the address is that of the next one that has it.
        assert [one["duplicate_of"] for one in told["items"]] == [None, None, None, second]
        assert str((await holders(desk))["email", "new@example.com"]) == second

    async def test_nothing_is_left_behind_when_blocked(self, desk: Desk) -> None:
        await policy(desk, phone="block")
        await desk.lead(phone=MOBILE)
        before = await holders(desk)
        assert (await create(desk, phone=MOBILE, email="x@example.com")).status == 409
        assert await holders(desk) == before
        assert (await create(desk, email="x@example.com")).json()["duplicate_of"] is None

    async def test_the_lead_that_stands_is_named_when_the_first_was_merged(self, desk: Desk) -> None:
        await policy(desk, phone="block")
        first, other = await owned(desk, phone=MOBILE), await owned(desk)
        await desk("head", "POST", f"/v1/leads/{first['id']}/merge", {"into": other["id"]})
        answer = await create(desk, phone=MOBILE)
        assert other["id"] in answer.json()["detail"]

    async def test_an_idempotent_repetition_is_no_duplicate(self, desk: Desk) -> None:
        await policy(desk, phone="block")
        body = {"name": "A", "phone": MOBILE}
        made = [await desk("head", "POST", "/v1/leads", body, idempotency_key="k1") for _ in range(2)]
        assert [one.status for one in made] == [201, 201]

    async def test_one_of_many_is_stored_when_they_come_at_once(self, desk: Desk) -> None:
        await policy(desk, phone="block", email="block")
        chance = Random(6)
        numbers = [f"1380000{at:04}" for at in range(6)]

        async def one() -> int:
            mine = chance.sample(numbers, 3)
            items = [{"name": "A", "phone": each, "email": f"{each}@example.com"} for each in mine]
            answer = await desk("head", "POST", "/v1/leads/batch", {"items": items})
            assert answer.status == 200, answer
            return int(answer.json()["created"])

        created = await asyncio.gather(*(one() for _ in range(32)))
        assert sum(created) == len(numbers)
        assert len(await holders(desk)) == 2 * len(numbers)


class TestOff:
    async def test_nothing_is_said_when_a_kind_does_not_count(self, desk: Desk) -> None:
        await policy(desk, phone="off")
        first = await desk.lead(phone=MOBILE)
        assert (await desk.lead(phone=MOBILE))["duplicate_of"] is None
        await policy(desk)
        assert (await desk.lead(phone=MOBILE))["duplicate_of"] == first["id"]


class TestMerging:
    async def test_it_goes_into_the_first_before_it_is_assigned(self, desk: Desk, settings: Settings) -> None:
        await policy(desk, phone="merge")
        first = await owned(desk, phone=MOBILE)
        second = await desk.lead(phone=MOBILE, company="华为")
        third = await desk.lead(email="a@example.com")
        await arrive(desk, settings, second, third)
        assert (await seen(desk, second["id"]))["merged_into"] == first["id"]
        assert (await seen(desk, first["id"]))["company"] == "华为"
        assert (await seen(desk, third["id"]))["merged_into"] is None
        assert await kinds(desk, second["id"]) == ["lead_created", "lead_merged"]

    async def test_it_stays_and_says_what_it_repeats_when_the_first_is_lost(
        self, desk: Desk, settings: Settings
    ) -> None:
        await policy(desk, phone="merge")
        first = await owned(desk, phone=MOBILE)
        await moved(desk, first, "lost")
        second = await desk.lead(phone=MOBILE)
        await arrive(desk, settings, second)
        now = await seen(desk, second["id"])
        assert (now["merged_into"], now["duplicate_of"]) == (None, first["id"])

    async def test_nobody_is_given_it_when_it_is_merged(self, working: Desk) -> None:
        desk = working
        await policy(desk, phone="merge")
        rule = {
            "name": "All", "strategy": "round_robin",
            "candidates": {"user_ids": [str(desk.users["north1"])]},
        }  # fmt: skip
        assert (await desk("head", "POST", "/v1/assignment-rules", rule)).status == 201
        first = await desk.lead(phone=MOBILE)
        second = await desk.lead(phone=MOBILE)
        where = "select {} from leads where tenant_id = $1 and id = $2"
        async with asyncio.timeout(30):
            for lead, column in ((second, "merged_into"), (first, "owner_id")):
                asked = where.format(column), desk.tenant_id, UUID(lead["id"])
                while await desk.admin.fetchval(*asked) is None:  # noqa: ASYNC110 - reactions tell nobody
                    await asyncio.sleep(0.02)
        assert await kinds(desk, second["id"]) == ["lead_created", "lead_merged"]


class TestFamily:
    async def name(self, desk: Desk, lead: str, by: str = "head", **fields: Any) -> Answer:
        return await desk(by, "POST", f"/v1/leads/{lead}/relatives", {"relation": "spouse"} | fields)

    async def test_relatives_are_told_when_named(self, desk: Desk) -> None:
        lead = await owned(desk)
        answer = await self.name(desk, lead["id"], name="王芳", phone=MOBILE)
        assert answer.status == 201, answer
        told = answer.json()
        assert (told["relation"], told["phone"], told["phone_text"]) == ("spouse", "+8613800138000", MOBILE)
        path = f"/v1/leads/{lead['id']}/relatives"
        assert (await desk("north1", "GET", path)).json()["items"] == [told]
        assert (await desk("south1", "GET", path)).code == "unknown_lead"
        assert (await desk.events(lead["id"]))[-1][2]["changed"] == ["relatives"]
        assert (await desk("head", "DELETE", f"{path}/{told['id']}")).status == 204
        assert (await desk("head", "DELETE", f"{path}/{told['id']}")).code == "unknown_relative"
        assert (await desk("north1", "GET", path)).json()["items"] == []

    async def test_it_is_written_down_when_a_relatives_phone_is_shown(self, desk: Desk) -> None:
        lead = await desk.lead()
        path = f"/v1/leads/{lead['id']}"
        await self.name(desk, lead["id"], phone=MOBILE)
        assert (await desk("head", "GET", f"{path}/relatives")).status == 200
        told = (await desk("head", "GET", f"{path}/contact-reads")).json()["items"]
        assert [one["route"] for one in told] == [
            "GET /v1/leads/{lead_id}/relatives", "POST /v1/leads/{lead_id}/relatives",
        ]  # fmt: skip

    async def test_it_is_refused_when_nobody_is_named_or_the_phone_is_none(self, desk: Desk) -> None:
        lead = await owned(desk)
        assert (await self.name(desk, lead["id"])).code == "nameless_relative"
        answer = await self.name(desk, lead["id"], phone="1380013800")
        assert (answer.status, answer.pointers) == (422, ["/phone"])
        assert (await self.name(desk, lead["id"], relation="friend", name="A")).status == 422

    @pytest.mark.parametrize("action", ["off", "flag", "block"])
    async def test_a_relatives_lead_is_what_the_policy_says(self, desk: Desk, action: str) -> None:
        await policy(desk, family=action)
        lead = await owned(desk)
        await self.name(desk, lead["id"], phone=MOBILE)
        answer = await create(desk, phone="+8613800138000")
        if action == "block":
            assert (answer.status, answer.code, answer.pointers) == (409, "duplicate_lead", ["/phone"])
        else:
            assert answer.json()["duplicate_of"] == (lead["id"] if action == "flag" else None)

    async def test_a_relatives_lead_is_merged_when_the_policy_says_so(
        self, desk: Desk, settings: Settings
    ) -> None:
        await policy(desk, family="merge")
        lead = await owned(desk)
        await self.name(desk, lead["id"], phone=MOBILE)
        new = await desk.lead(phone=MOBILE)
        await arrive(desk, settings, new)
        assert (await seen(desk, new["id"]))["merged_into"] == lead["id"]


class TestExactKeys:
    async def test_each_key_has_one_first_lead_when_many_batches_share_them_in_other_orders(
        self, desk: Desk
    ) -> None:
        chance = Random(7)
        numbers = [f"+86139{at:08}" for at in range(40)]

        async def one() -> list[dict[str, Any]]:
            mine = chance.sample(numbers, 20)
            items = [{"name": "A", "phone": each, "email": f"{each[1:]}@example.com"} for each in mine]
            items += [{"name": "B", "phone": mine[0]}, {"name": "C", "email": f"{mine[1][1:]}@example.com"}]
            answer = await desk("head", "POST", "/v1/leads/batch", {"items": items})
            assert answer.status == 200, answer
            told: list[dict[str, Any]] = answer.json()["items"]
            return [given | one for given, one in zip(items, told, strict=True)]

        made = [each for batch in await asyncio.gather(*(one() for _ in range(32))) for each in batch]
        assert all(each["status"] == "created" for each in made)
        held = await holders(desk)
        firsts = {each["id"] for each in made if each["duplicate_of"] is None}
        assert {str(lead) for lead in held.values()} == firsts
        for each in made:
            phone = held.get(("phone", each.get("phone", "")))
            email = held.get(("email", each.get("email", "")))
            expected = next((str(one) for one in (phone, email) if one and str(one) != each["id"]), None)
            assert each["duplicate_of"] == expected
