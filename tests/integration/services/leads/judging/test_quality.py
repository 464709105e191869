"""How well leads are kept, by owner and team, for who may see them."""

from __future__ import annotations

from typing import Any

from services.leads.judging.quality.tables import OF_OWNERS, OF_TEAMS, OWNERS, TEAMS
from shared.database.transactions import Access, begin_statement
from tests.integration.services.leads.conftest import Desk

FIELDS = "&".join(f"field={name}" for name in ("name", "phone", "company"))


async def owned(desk: Desk, owner: str, **fields: Any) -> str:
    lead = await desk.lead(**fields)
    made: str = lead["id"]
    answer = await desk("head", "POST", f"/v1/leads/{made}/assign", {"owner_id": str(desk.users[owner])})
    assert answer.status == 200, answer
    return made


async def told(desk: Desk, by: str, query: str = "") -> dict[str, dict[str, Any]]:
    answer = await desk(by, "GET", f"/v1/leads/quality?{FIELDS}{query}")
    assert answer.status == 200, answer
    return {item["key"]: item for item in answer.json()["items"]}


class TestByOwner:
    async def test_shares_and_worst_leads_are_told_when_asked(self, desk: Desk) -> None:
        await owned(desk, "north1", name="王伟", phone="13912345670", company="华为")
        worst = await owned(desk, "north1", name="测试")
        await owned(desk, "north2", name="李雷", phone="13912345670")
        found = await told(desk, "head")
        first = found[str(desk.users["north1"])]
        assert (first["leads"], first["score"], first["label"]) == (2, 0.5, "North1")
        assert first["fields"] == [
            {"field": "name", "filled": 1.0, "valid": 0.5},
            {"field": "phone", "filled": 0.5, "valid": 0.5},
            {"field": "company", "filled": 0.5, "valid": 0.5},
        ]
        [flawed] = first["worst"]
        assert flawed["lead_id"] == worst
        assert {one["field"]: one["fault"] for one in flawed["faults"]} == {
            "name": "placeholder", "phone": "missing", "company": "missing",
        }  # fmt: skip
        second = found[str(desk.users["north2"])]
        assert (second["repeated"], second["fields"][1]["valid"]) == (1, 0.0)

    async def test_nobody_is_told_of_others_than_they_see(self, desk: Desk) -> None:
        for owner in ("north1", "north2", "south1"):
            await owned(desk, owner)
        mine = {name: str(desk.users[name]) for name in ("north1", "north2", "south1")}
        assert set(await told(desk, "head")) == set(mine.values())
        assert set(await told(desk, "north1")) == {mine["north1"]}
        assert set(await told(desk, "boss")) == {mine["north1"], mine["north2"]}

    async def test_closed_leads_do_not_count(self, desk: Desk) -> None:
        lead = await owned(desk, "north1")
        await owned(desk, "north1")
        await desk("head", "POST", f"/v1/leads/{lead}/move", {"to": "lost"})
        assert (await told(desk, "head"))[str(desk.users["north1"])]["leads"] == 1

    async def test_each_is_told_once_when_pages_are_walked(self, desk: Desk) -> None:
        owners = ("north1", "north2", "south1", "south2")
        for owner in owners:
            await owned(desk, owner)
        seen: list[str] = []
        query = "limit=1"
        while True:
            page = (await desk("head", "GET", f"/v1/leads/quality?{query}")).json()
            seen += [item["key"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query = f"limit=1&cursor={page['next_cursor']}"
        assert sorted(seen) == sorted(str(desk.users[owner]) for owner in owners)

    async def test_it_is_refused_when_a_field_is_unknown(self, desk: Desk) -> None:
        assert (await desk("head", "GET", "/v1/leads/quality?field=shoe_size")).status == 422
        assert (await desk("head", "GET", "/v1/leads/quality?by=moon")).status == 422


class TestByTeam:
    async def test_teams_are_compared_when_somebody_leads_them(self, desk: Desk) -> None:
        await owned(desk, "north1", name="王伟", phone="13912345671", company="华为")
        await owned(desk, "south1", name="李雷")
        found = await told(desk, "head", "&by=team")
        scores = {item["label"]: item["score"] for item in found.values()}
        assert scores == {"north-team": 1.0, "south-team": 0.3333}
        assert set(await told(desk, "boss", "&by=team")) == {str(desk.units["north-team"])}

    async def test_it_is_refused_when_somebody_sees_only_their_own(self, desk: Desk) -> None:
        answer = await desk("north1", "GET", "/v1/leads/quality?by=team")
        assert (answer.status, answer.code) == (403, "quality_not_allowed")


class TestPlans:
    async def test_leads_are_reached_by_an_index_when_others_are_forbidden(self, desk: Desk) -> None:
        people, units = [desk.users["north1"]], [desk.units["north-team"]]
        access = Access(desk.tenant_id, user_id=desk.users["boss"], visibility="tenant")
        for query, values in (
            (OF_OWNERS, (desk.tenant_id, people)), (OF_TEAMS, (desk.tenant_id, units)),
            (OWNERS, (desk.tenant_id, None, 50)), (TEAMS, (desk.tenant_id, None, 50)),
        ):  # fmt: skip
            async with desk.admin.transaction():
                await desk.admin.execute("set local role cox_app; set local enable_seqscan = off")
                await desk.admin.execute(begin_statement(access).partition(";")[2])
                rows = await desk.admin.fetch(f"explain {query}", *values)
            plan = "\n".join(row[0] for row in rows)
            assert "Seq Scan on leads" not in plan, plan
            if query in (OF_OWNERS, OF_TEAMS):
                column = "owner_id" if query is OF_OWNERS else "team_id"
                assert f"using ix_leads_tenant_id_{column}_id on leads" in plan, plan
