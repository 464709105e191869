from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from services.leads.capture.intake import api
from services.leads.capture.intake.use_cases import create_leads
from shared.ids import new_id
from tests.integration.services.leads.conftest import Desk


class TestCreating:
    async def test_it_is_stored_normalised_with_its_event_when_good(self, desk: Desk) -> None:
        answer = await desk(
            "north1",
            "POST",
            "/v1/leads",
            {
                "name": " 王小明 ",
                "phone": "１３８-0013 8000转802",
                "email": "Wang@Example.COM",
                "company": "華為技術有限公司",
                "source": "web",
                "channel": "ad",
                "region": "north",
                "product": "GTX Pro",
                "value": {"amount": "1234.5", "currency": "CNY"},
                "tags": ["vip", "vip", "key"],
                "custom": {"floor": 3, "pet": None, "ok": True},
            },
        )
        lead = answer.json()
        assert answer.status == 201
        assert answer.headers["etag"] == '"1"'
        assert answer.headers["location"] == f"/v1/leads/{lead['id']}"
        assert answer.headers["cox-position"]
        assert (lead["phone"], lead["phone_extension"]) == ("+8613800138000", "802")
        assert lead["phone_text"] == "１３８-0013 8000转802"
        assert (lead["email"], lead["email_text"]) == ("wang@example.com", "Wang@Example.COM")
        assert (lead["stage"], lead["status"], lead["owner_id"]) == ("prospecting", "open", None)
        assert lead["value"] == {"amount": "1234.50", "currency": "CNY"}
        assert (lead["tags"], lead["custom"]) == (["vip", "key"], {"floor": 3, "pet": None, "ok": True})
        assert (await desk("north1", "GET", f"/v1/leads/{lead['id']}")).json() == lead
        [(seq, kind, data)] = await desk.events(lead["id"])
        assert (seq, kind) == (1, "lead_created")
        assert data["credit"]["rep_id"] == str(desk.users["north1"])
        assert data["credit"]["team_region"] == "north"
        assert data["value"]["tenant_minor"] == 123450
        assert data["dimensions"] == {"region": "north", "product": "GTX Pro", "channel": "ad"}
        assert "王" not in str(data)
        assert "138" not in str(data)

    async def test_each_is_its_creators_own_when_several_come_at_once(self, desk: Desk) -> None:
        people = ["north1", "south1", "head", "north2"] * 5
        bodies: list[dict[str, Any]] = [{"name": f"Lead {n}", "phone": f"1390000{n:04}"} for n in range(20)]
        bodies[7]["value"] = {"amount": "1", "currency": "CHF"}
        bodies[9]["phone"] = bodies[8]["phone"]
        answers = await asyncio.gather(
            *(desk(who, "POST", "/v1/leads", body) for who, body in zip(people, bodies, strict=True))
        )
        assert [answer.status for answer in answers] == [422 if n == 7 else 201 for n in range(20)]
        assert answers[7].json()["code"] == "rate_missing"
        repeats = {answers[n].json()["duplicate_of"] for n in (8, 9)}
        assert repeats in ({None, answers[8].json()["id"]}, {None, answers[9].json()["id"]})
        for who, answer, body in zip(people, answers, bodies, strict=True):
            if answer.status == 201:
                lead = answer.json()
                assert (lead["name"], lead["created_by"]) == (body["name"], str(desk.users[who]))
                [(_, _, data)] = await desk.events(lead["id"])
                assert data["credit"]["rep_id"] == (None if who == "head" else str(desk.users[who]))
        positions = {answer.headers["cox-position"] for answer in answers if answer.status == 201}
        assert len(positions) == 19
        shared = "select count(distinct xmin::text) from events where tenant_id = $1"
        assert await desk.admin.fetchval(shared, desk.tenant_id) < 19

    async def test_nobody_is_credited_when_the_creator_is_no_rep(self, desk: Desk) -> None:
        lead = await desk.lead("head")
        [(_, _, data)] = await desk.events(lead["id"])
        assert data["credit"] == {"rep_id": None, "team_id": None, "team_path": [], "team_region": None}

    @pytest.mark.parametrize(
        ("fields", "pointer", "code"),
        [
            ({"name": "A", "phone": "1380013800"}, "/phone", "bad_phone"),
            ({"name": "A", "email": "nobody"}, "/email", "bad_email"),
            ({}, "/name", "nameless_lead"),
            ({"name": "A", "value": {"amount": "1", "currency": "USD"}}, "/value", "rate_missing"),
            ({"name": "A", "custom": {"a": {"b": 1}}}, "/custom", None),
            ({"name": "A", "custom": {"a": "x" * 8200}}, "/custom", None),
            ({"name": "A", "surprise": 1}, "/surprise", None),
            ({"name": "A\u0000"}, "/name", None),
            ({"name": 7}, "/name", None),
        ],
    )
    async def test_it_is_refused_naming_the_field_when_one_is_bad(
        self, desk: Desk, fields: dict[str, object], pointer: str, code: str | None
    ) -> None:
        answer = await desk("head", "POST", "/v1/leads", fields)
        assert answer.status == 422, answer
        assert answer.pointers[0].startswith(pointer)
        assert code in (None, answer.code, answer.json()["errors"][0]["code"])

    async def test_the_rate_of_the_day_in_the_tenants_zone_counts_when_the_money_is_foreign(
        self, desk: Desk
    ) -> None:
        desk.clock.at = desk.clock.at.replace(hour=17)  # the next day in Shanghai
        await desk.admin.execute(
            "insert into org_rates values ($1, 'USD', '2026-03-03', 7.2)", desk.tenant_id
        )
        lead = await desk.lead(value={"amount": "10.00", "currency": "USD"})
        [(_, _, data)] = await desk.events(lead["id"])
        assert data["value"]["tenant_minor"] == 7200
        assert data["value"]["tenant_currency"] == "CNY"

    async def test_reading_needs_no_write_scope_but_writing_does(self, desk: Desk) -> None:
        await desk.user("auditor", "company", role="inspector", is_rep=False)
        assert (await desk("auditor", "GET", "/v1/leads")).status == 200
        assert (await desk("auditor", "POST", "/v1/leads", {"name": "A"})).code == "missing_scope"

    async def test_one_effect_when_sent_twice_under_one_key(self, desk: Desk) -> None:
        body = {"name": "Once"}
        first = await desk("head", "POST", "/v1/leads", body, idempotency_key="k1")
        second = await desk("head", "POST", "/v1/leads", body, idempotency_key="k1")
        assert first.json() == second.json()
        listed = await desk("head", "GET", "/v1/leads")
        assert len(listed.json()["items"]) == 1


class TestBatches:
    async def test_good_ones_are_stored_and_bad_ones_named_by_index_when_mixed(self, desk: Desk) -> None:
        items = [{"name": "Good"}, {"name": "Bad", "phone": "1"}, {"nope": 1}, 7, {"company": "Also good"}]
        answer = await desk("head", "POST", "/v1/leads/batch", {"items": items})
        made = answer.json()
        assert answer.status == 200
        assert (made["created"], made["failed"]) == (2, 3)
        assert [one["status"] for one in made["items"]] == [
            "created",
            "failed",
            "failed",
            "failed",
            "created",
        ]
        assert made["items"][1]["errors"][0]["pointer"] == "/items/1/phone"
        assert made["items"][2]["errors"][0]["pointer"] == "/items/2/nope"
        listed = (await desk("head", "GET", "/v1/leads")).json()["items"]
        assert {one["id"] for one in listed} == {made["items"][0]["id"], made["items"][4]["id"]}

    async def test_only_the_bad_one_is_refused_when_it_holds_what_cannot_be_stored(self, desk: Desk) -> None:
        items = [{"name": "Good"}, {"name": "\0"}, {"name": "Big", "custom": {"n": 2**64 - 1}}]
        made = (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()
        assert (made["created"], made["failed"]) == (1, 2)
        pointers = [one["errors"][0]["pointer"] for one in made["items"][1:]]
        assert pointers == ["/items/1/name", "/items/2/custom/n"]

    async def test_a_thousand_are_taken_and_one_more_is_not(self, desk: Desk) -> None:
        items = [{"name": f"Lead {n}", "phone": f"139{n:08}"} for n in range(1001)]
        answer = await desk("head", "POST", "/v1/leads/batch", {"items": items[:1000]})
        assert answer.json()["created"] == 1000
        assert (await desk("head", "POST", "/v1/leads/batch", {"items": items})).status == 422
        count = (
            "select count(*), count(distinct seq), max(seq) from events"
            " where tenant_id = $1 and type like '%lead_created%'"
        )
        assert [tuple(row) for row in await desk.admin.fetch(count, desk.tenant_id)] == [(1000, 1, 1)]

    async def test_later_ones_repeat_the_first_when_they_share_a_phone(self, desk: Desk) -> None:
        items = [{"name": str(n), "phone": "13900000001"} for n in range(3)]
        made = (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()["items"]
        assert [one["duplicate_of"] for one in made] == [None, made[0]["id"], made[0]["id"]]

    async def test_batches_take_turns_when_many_are_sent_at_once(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        under_way: set[object] = set()
        seen: list[int] = []

        async def watched(*given: Any) -> Any:
            me = object()
            under_way.add(me)
            seen.append(len(under_way))
            try:
                return await create_leads(*given)
            finally:
                under_way.discard(me)

        monkeypatch.setattr(api, "create_leads", watched)
        items = [{"name": f"Turn {number}"} for number in range(20)]
        answers = await asyncio.gather(
            *(desk("head", "POST", "/v1/leads/batch", {"items": items}) for _ in range(6))
        )
        assert [answer.json()["created"] for answer in answers] == [20] * 6
        assert max(seen) == api.BATCHES_AT_ONCE


class TestDuplicates:
    async def test_the_first_lead_is_named_when_phone_or_email_is_known(self, desk: Desk) -> None:
        first = await desk.lead(phone="138 0013 8001", email="a@b.cn")
        by_phone = await desk.lead(phone="+8613800138001")
        by_email = await desk.lead(email="A@B.CN")
        assert first["duplicate_of"] is None
        assert by_phone["duplicate_of"] == by_email["duplicate_of"] == first["id"]

    async def test_nothing_is_known_when_another_tenant_has_the_phone(self, desk: Desk) -> None:
        other = Desk(desk.app, desk.admin, desk.clock, desk.callers)
        await other.open()
        await other.lead(phone="13800138002")
        assert (await desk.lead(phone="13800138002"))["duplicate_of"] is None

    async def test_the_next_lead_is_named_when_the_first_gave_the_phone_up(self, desk: Desk) -> None:
        first = await desk.lead(phone="13800138003")
        second = await desk.lead(phone="13800138003")
        changed = await desk("head", "PATCH", f"/v1/leads/{first['id']}", {"phone": "13800138004"})
        assert changed.status == 200, changed
        assert (await desk.lead(phone="13800138003"))["duplicate_of"] == second["id"]
        assert (await desk.lead(phone="13800138004"))["duplicate_of"] == first["id"]

    async def test_the_number_is_free_when_its_only_lead_gave_it_up(self, desk: Desk) -> None:
        first = await desk.lead(phone="13800138005")
        await desk("head", "PATCH", f"/v1/leads/{first['id']}", {"phone": None})
        assert (await desk.lead(phone="13800138005"))["duplicate_of"] is None


class TestChanging:
    async def test_only_given_fields_change_with_one_event_when_patched(self, desk: Desk) -> None:
        lead = await desk.lead(company="Acme", region="north", tags=["a"])
        answer = await desk(
            "head", "PATCH", f"/v1/leads/{lead['id']}", {"company": None, "region": "south", "tags": ["b"]}
        )
        changed = answer.json()
        assert answer.headers["etag"] == '"2"'
        assert (changed["name"], changed["company"], changed["region"]) == ("Anna Li", None, "south")
        assert (changed["tags"], changed["version"]) == (["b"], 2)
        seq, kind, data = (await desk.events(lead["id"]))[-1]
        assert (seq, kind, data["changed"]) == (2, "lead_updated", ["company", "region", "tags"])
        assert data["dimensions"]["region"] == "south"

    async def test_nothing_is_recorded_when_nothing_changes(self, desk: Desk) -> None:
        lead = await desk.lead(company="Acme")
        answer = await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"company": "Acme"})
        assert (answer.status, answer.json()["version"]) == (200, 1)
        assert len(await desk.events(lead["id"])) == 1

    async def test_it_is_refused_when_the_tag_is_old(self, desk: Desk) -> None:
        lead = await desk.lead()
        path = f"/v1/leads/{lead['id']}"
        assert (await desk("head", "PATCH", path, {"name": "B"}, if_match='"1"')).status == 200
        assert (await desk("head", "PATCH", path, {"name": "C"}, if_match='"1"')).status == 412
        assert (await desk("head", "GET", path)).json()["name"] == "B"

    async def test_it_is_refused_when_nothing_is_left_to_call_it(self, desk: Desk) -> None:
        lead = await desk.lead()
        answer = await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"name": None})
        assert answer.code == "nameless_lead"

    async def test_it_is_unknown_when_another_tenants(self, desk: Desk) -> None:
        other = Desk(desk.app, desk.admin, desk.clock, desk.callers)
        await other.open()
        lead = await other.lead()
        assert (await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"name": "X"})).code == "unknown_lead"
        assert (await desk("head", "GET", f"/v1/leads/{new_id()}")).code == "unknown_lead"
        assert (await desk("head", "GET", "/v1/leads/nonsense")).status == 422


class TestListing:
    async def test_pages_hold_each_lead_once_when_walked(self, desk: Desk) -> None:
        made = [(await desk.lead(name=f"Lead {n}"))["id"] for n in range(7)]
        for sort, expected in (("created_at", made), ("-created_at", made[::-1])):
            seen: list[str] = []
            target = f"/v1/leads?limit=3&sort={sort}"
            page = (await desk("head", "GET", target)).json()
            while True:
                seen += [one["id"] for one in page["items"]]
                if page["next_cursor"] is None:
                    break
                page = (await desk("head", "GET", f"{target}&cursor={page['next_cursor']}")).json()
            assert seen == expected

    async def test_the_last_changed_comes_first_when_sorted_so(self, desk: Desk) -> None:
        made = []
        for n in range(4):
            desk.clock.at += timedelta(minutes=1)
            made.append((await desk.lead(name=f"Lead {n}"))["id"])
        desk.clock.at += timedelta(minutes=1)
        await desk("head", "PATCH", f"/v1/leads/{made[1]}", {"name": "Changed"})
        first = (await desk("head", "GET", "/v1/leads?sort=-updated_at&limit=2")).json()
        second = (
            await desk("head", "GET", f"/v1/leads?sort=-updated_at&limit=2&cursor={first['next_cursor']}")
        ).json()
        order = [one["id"] for one in first["items"] + second["items"]]
        assert order == [made[1], made[3], made[2], made[0]]

    async def test_filters_hold_together_when_several_are_given(self, desk: Desk) -> None:
        wanted = await desk.lead(name="W", region="north", source="web", tags=["vip", "key"])
        await desk.lead(name="X", region="south", source="web", tags=["vip"])
        await desk.lead(name="Y", region="north", source="fair", tags=["key"])
        target = "/v1/leads?region=north&source=web&tag=vip&tag=key&stage=prospecting&status=open&owner=none"
        assert [one["id"] for one in (await desk("head", "GET", target)).json()["items"]] == [wanted["id"]]
        assert (await desk("head", "GET", "/v1/leads?status=won")).json()["items"] == []

    @pytest.mark.parametrize(
        "query",
        ["limit=0", "limit=501", "limit=x", "sort=name", "surprise=1", "stage=A%20B", "owner=nobody",
         "status=old", "q=a&q=b"],
    )  # fmt: skip
    async def test_it_is_refused_when_a_parameter_is_wrong(self, desk: Desk, query: str) -> None:
        assert (await desk("head", "GET", f"/v1/leads?{query}")).status == 422

    async def test_a_cursor_is_refused_when_it_is_damaged_or_of_another_list(self, desk: Desk) -> None:
        for n in range(3):
            await desk.lead(name=f"L{n}")
        cursor = (await desk("head", "GET", "/v1/leads?limit=1")).json()["next_cursor"]
        assert (await desk("head", "GET", f"/v1/leads?limit=1&cursor={cursor[:-2]}xx")).code == "bad_cursor"
        assert (await desk("head", "GET", f"/v1/leads?status=open&cursor={cursor}")).code == "bad_cursor"

    async def test_words_find_leads_when_in_chinese_and_english(self, desk: Desk) -> None:
        huawei = await desk.lead(name="李雷", company="華為技術有限公司", phone="13800138000")
        acme = await desk.lead(name="John Smith", company="Acme Corporation", email="js@acme.com")
        for q, expected in [
            ("华为", [huawei]), ("為", [huawei]), ("ACME smith", [acme]), ("j", [acme]), ("js@acme", [acme]),
            ("138-0013-8000", [huawei]), ("8000", [huawei]), ("公司 acme", []), ("%%", []), ("a_c", []),
        ]:  # fmt: skip
            answer = await desk("head", "GET", f"/v1/leads?q={quote(q)}")
            assert answer.status == 200, answer
            found = [one["id"] for one in answer.json()["items"]]
            assert found == [one["id"] for one in expected], q


class TestVisibility:
    async def test_each_sees_their_part_when_leads_belong_to_different_people(self, desk: Desk) -> None:
        mine = await desk.lead("north1")
        theirs = await desk.lead("south1")
        for name, expected in [
            ("north1", [mine]), ("north2", []), ("south1", [theirs]), ("head", [theirs, mine]), ("boss", []),
        ]:  # fmt: skip
            listed = [one["id"] for one in (await desk(name, "GET", "/v1/leads")).json()["items"]]
            assert listed == [one["id"] for one in expected], name
            for lead in (mine, theirs):
                status = (await desk(name, "GET", f"/v1/leads/{lead['id']}")).status
                assert status == (200 if lead in expected else 404), name
        assigned = await desk(
            "head", "POST", f"/v1/leads/{theirs['id']}/assign", {"owner_id": str(desk.users["north2"])}
        )
        assert assigned.status == 200, assigned
        for name, count in [("boss", 1), ("north2", 1), ("south1", 0)]:
            assert len((await desk(name, "GET", "/v1/leads")).json()["items"]) == count, name

    async def test_search_shows_no_more_than_lists_when_words_match_all(self, desk: Desk) -> None:
        await desk.lead("north1", company="Shared Words")
        await desk.lead("south1", company="Shared Words")
        assert len((await desk("north1", "GET", "/v1/leads?q=shared")).json()["items"]) == 1
        assert len((await desk("head", "GET", "/v1/leads?q=shared")).json()["items"]) == 2
