"""The preset 标准, switched on as a whole and by part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.support.house import House
from tests.support.calls import calls_of
from tests.support.speaking import Person, Tenant

PATH = "/v1/presets/standard"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "presets.md"


async def company(house: House) -> Tenant:
    tenant = await house.new_tenant(timezone="Asia/Shanghai", currency="CNY")
    for team in ("Software", "Field", "Gallery"):
        await tenant.team(team)
        await tenant.hire(f"{team}-rep", team)
        await tenant.hire(f"{team}-chief", team, "supervisor")
    await tenant.hire("Manager", role="manager")
    await tenant.hire("Director", role="director")
    return tenant


def lines(tenant: Tenant) -> dict[str, Any]:
    teams = {"saas": "Software", "dealers": "Field", "showroom": "Gallery"}
    return {line: {"unit_ids": [tenant.units[team]]} for line, team in teams.items()}


def states(answer: Any) -> dict[str, str]:
    return {one["name"]: one["state"] for one in answer["items"]}


class TestPage:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, house: House) -> None:
        tenant = await company(house)
        ids = {"unit_id": tenant.units["Software"]}
        for call in calls_of(PAGE):
            target, body = call.ready(ids)
            answer = await tenant.admin.ask(call.method, target, body)
            call.check(answer.status, answer.body, ids)
        assert "pool_id" in ids


class TestStandard:
    async def test_everything_is_there_and_works_when_it_is_switched_on(self, house: House) -> None:
        tenant = await company(house)
        admin = tenant.admin
        body = {"lines": lines(tenant)}
        preview = await admin.post(PATH, body | {"preview": True})
        assert set(states(preview).values()) == {"to_be_made"}
        made = await admin.post(PATH, body)
        assert (set(states(made)), set(states(made).values())) == (set(states(preview)), {"made"}), made
        [calendar] = (await admin.get("/v1/org/calendars"))["items"]
        assert (calendar["timezone"], len(calendar["days_off"]), len(calendar["worked_days"])) == (
            "Asia/Shanghai", 9, 5,
        )  # fmt: skip
        units = (await admin.get("/v1/org/units"))["items"]
        [root] = [unit for unit in units if unit["parent_id"] is None]
        assert root["calendar_id"] == calendar["id"]
        pools = {pool["name"]: pool for pool in (await admin.get("/v1/pools"))["items"]}
        saas = pools["线索公海"]
        assert saas["keeping"]["dormant_pool_id"] == pools["沉默池"]["id"]
        assert (saas["is_default"], saas["members"]["unit_ids"]) == (True, [tenant.units["Software"]])
        assert saas["admin_ids"] == [tenant.people["Software-chief"]]
        assert pools["案场公海"]["daily_claims"] == 0
        assert pools["客户公海"]["kind"] == "customers"
        assert len((await admin.get("/v1/response-rules"))["items"]) == 3
        assert (await admin.get("/v1/lead-returns/terms"))["due_minutes"] == 1080
        assert (await admin.get("/v1/duplicate-policy"))["company"] == "flag"
        assert (await admin.get("/v1/retention"))["unanswered_months"] == 24

    async def test_nothing_is_made_twice_or_changed_when_it_is_switched_on_again(self, house: House) -> None:
        tenant = await company(house)
        admin = tenant.admin
        pools = await admin.post(PATH, {"parts": ["pools"], "lines": lines(tenant)})
        assert {one["part"] for one in pools["items"]} == {"pools"}
        [mine] = [one for one in pools["items"] if one["name"] == "线索公海"]
        (await admin.ask("PATCH", f"/v1/pools/{mine['id']}", {"daily_claims": 3})).ok()
        again = await admin.post(PATH, {"lines": lines(tenant)})
        found = states(again)
        assert {found[one["name"]] for one in pools["items"]} == {"present"}
        assert found["中国 2026"] == found["广告与官网"] == "made"
        assert (await admin.get(f"/v1/pools/{mine['id']}"))["daily_claims"] == 3

    async def test_the_rest_is_made_when_a_part_cannot_work(self, house: House) -> None:
        """Nobody works in the company yet: nobody could claim, and nobody could be told."""
        tenant = await house.new_tenant()
        made = await tenant.admin.post(PATH, {})
        refused = [one["problem"] for one in made["items"] if one["state"] == "refused"]
        assert "/members" in refused[0]
        assert "/escalate" in refused[-1]
        without_people = {one["name"] for one in made["items"] if one["state"] == "made"}
        assert without_people == {"中国 2026", "线索查重", "线索保留期限"}
        assert len(refused) == len(made["items"]) - len(without_people)

    async def test_another_default_pool_stays_the_default_one(self, house: House) -> None:
        tenant = await company(house)
        admin = tenant.admin
        members = {"unit_ids": [tenant.units["Software"]]}
        await admin.post("/v1/pools", {"name": "Ours", "is_default": True, "members": members})
        made = await admin.post(PATH, {"parts": ["pools"], "lines": lines(tenant)})
        assert set(states(made).values()) == {"made"}
        pools = (await admin.get("/v1/pools"))["items"]
        assert {pool["name"] for pool in pools if pool["is_default"]} == {"Ours", "客户公海"}

    async def test_it_is_refused_with_the_field_when_a_unit_is_unknown_or_it_is_not_theirs(
        self, house: House
    ) -> None:
        tenant = await company(house)
        body = {"lines": {"saas": {"unit_ids": [tenant.people["Field-rep"]]}}}
        answer = await tenant.admin.ask("POST", PATH, body)
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/lines/saas/unit_ids/0")
        key = {"name": "half", "scopes": ["config:write", "leads:read"]}
        partner = Person(house.url, token=(await tenant.admin.post("/v1/api-keys", key))["key"])
        assert (await partner.ask("POST", PATH, {})).code == "missing_scope"
        assert (await partner.ask("POST", PATH, {"parts": ["returns"]})).status == 200
        key["scopes"] = ["config:write"]
        partner = Person(house.url, token=(await tenant.admin.post("/v1/api-keys", key))["key"])
        assert (await partner.ask("POST", PATH, {"parts": ["returns"]})).code == "missing_scope"
        rep = await tenant.hire("Somebody", "Field")
        assert (await rep.ask("POST", PATH, {})).status == 403
