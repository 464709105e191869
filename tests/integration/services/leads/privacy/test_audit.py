"""What is done with a lead is in its trail, with before and after, by whom and from where."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.leads.privacy.sealing.use_cases import forget
from shared.database.engine import connect_raw, make_engine
from shared.database.transactions import Access, Database
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.automating import automation, reading
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.pools.test_pool import make_pool, pooled

PHONE = "13800000001"


async def trail(desk: Desk, lead: str, by: str = "head", query: str = "") -> list[dict[str, Any]]:
    """As told, the latest first."""
    answer = await desk(by, "GET", f"/v1/leads/{lead}/audit{query}")
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def owned(desk: Desk, **fields: Any) -> str:
    lead: str = (await desk.lead(**fields))["id"]
    await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["north1"])})
    return lead


class TestChanges:
    async def test_before_and_after_are_told_when_somebody_changes_fields(self, desk: Desk) -> None:
        lead = (await desk.lead(name="Anna", phone=PHONE, custom={"a": 1, "b": 2}))["id"]
        change = {
            "phone": "138-0000-0002", "source": "fair", "custom": {"a": 1, "b": 3},
            "value": {"amount": "10.50", "currency": "CNY"},
        }  # fmt: skip
        assert (await desk("head", "PATCH", f"/v1/leads/{lead}", change)).status == 200
        entry = (await trail(desk, lead, query="?kind=change"))[0]
        assert {one["field"]: (one["before"], one["after"]) for one in entry["changes"]} == {
            "phone": (PHONE, "138-0000-0002"),
            "source": (None, "fair"),
            "custom": ({"b": 2}, {"b": 3}),
            "value": (None, {"amount": "10.50", "currency": "CNY"}),
        }
        assert (entry["version"], entry["event"]) == (2, "cox.leads.lead_updated.v1")

    async def test_who_and_where_from_are_told_when_a_request_changes_it(self, desk: Desk) -> None:
        lead = (await desk.lead())["id"]
        trace = "0af7651916cd43dd8448eb211c80319c"
        headers = {"cox_client_address": "2001:db8::1", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"company": "Acme"}, **headers)
        entry = (await trail(desk, lead))[0]
        assert (entry["who"], entry["user_id"]) == ("user", str(desk.users["head"]))
        assert entry["route"] == "PATCH /v1/leads/{lead_id}"
        assert (entry["address"], entry["trace_id"]) == ("2001:db8::1", trace)

    async def test_every_action_is_there_when_a_lead_is_walked_through_its_life(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool)
        for path, body in (("claim", None), ("move", {"to": "won"})):
            assert (await desk("north1", "POST", f"/v1/leads/{lead}/{path}", body)).status == 200
        told = [one["event"].split(".")[2] for one in await trail(desk, lead, query="?kind=change")]
        assert told[-1] == "lead_created"
        assert told[:3] == ["stage_changed", "lead_assigned", "lead_pooled"]
        journal = [type_ for _, type_, _ in await desk.events(lead)]
        assert sorted(told) == sorted(journal)

    async def test_the_rule_is_named_when_a_rule_changed_it(self, desk: Desk, settings: Settings) -> None:
        rule = await automation(desk, "lead_created", {"do": "tag", "add": ["seen"]})
        lead = await desk.lead()
        async with reading(desk, settings) as reader:
            await reader.settle()
        entry = (await trail(desk, lead["id"]))[0]
        assert (entry["who"], entry["rule_id"], entry["user_id"]) == ("rule", rule, None)
        assert entry["changes"] == [{"field": "tags", "before": [], "after": ["seen"], "lost": False}]
        assert entry["cause_id"] is not None

    async def test_nothing_is_written_when_nothing_changed_or_it_was_refused(self, desk: Desk) -> None:
        lead = (await desk.lead(name="Anna"))["id"]
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"name": "Anna"})
        refused = await desk("head", "PATCH", f"/v1/leads/{lead}", {"name": "x"}, if_match='"9"')
        assert refused.status == 412
        assert [one["event"] for one in await trail(desk, lead)] == ["cox.leads.lead_created.v1"]

    async def test_the_key_is_named_to_admins_only(self, desk: Desk) -> None:
        lead = await owned(desk)
        head = desk.callers[str(desk.users["head"])]
        key = replace(head, id=new_id(), kind="api_key")
        desk.users["partner"] = key.id
        desk.callers[str(key.id)] = key
        await desk("partner", "PATCH", f"/v1/leads/{lead}", {"company": "Acme"})
        await desk.user("chief", "north", role="manager", is_rep=False)
        for by, told in (("head", str(key.id)), ("chief", None)):
            entry = (await trail(desk, lead, by))[0]
            assert (entry["who"], entry["key_id"]) == ("api_key", told)


class TestSealed:
    async def test_what_is_personal_stands_nowhere_in_plain_words(self, desk: Desk) -> None:
        lead = (await desk.lead(name="Wang Secretly", phone=PHONE))["id"]
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"name": "Li Hidden", "source": "fair"})
        row = await desk.admin.fetchrow(
            "select plain::text, sealed from lead_changes where lead_id = $1", UUID(lead)
        )
        assert row is not None
        assert row["plain"] == '{"source": [null, "fair"]}'
        assert b"Hidden" not in row["sealed"]
        assert b"Secretly" not in row["sealed"]

    async def test_values_are_lost_and_the_rest_stays_when_the_key_is_gone(
        self, desk: Desk, settings: Settings
    ) -> None:
        lead, other = [(await desk.lead(name=name))["id"] for name in ("Anna", "Berta")]
        for each in (lead, other):
            await desk("head", "PATCH", f"/v1/leads/{each}", {"name": "Clara", "source": "fair"})
        database = Database(make_engine(settings, "leads", "app", pool_size=1))
        async with database.transaction(Access(desk.tenant_id)) as tx:
            await forget(tx, desk.tenant_id, [UUID(lead)])
        await database.dispose()
        for each, name in ((lead, (None, None, True)), (other, ("Berta", "Clara", False))):
            shown = {one["field"]: one for one in (await trail(desk, each))[0]["changes"]}
            assert (shown["name"]["before"], shown["name"]["after"], shown["name"]["lost"]) == name
            assert (shown["source"]["after"], shown["source"]["lost"]) == ("fair", False)

    @pytest.mark.parametrize("role", ["app", "worker"])
    @pytest.mark.parametrize(
        "command",
        ["update audit_entries set user_id = null", "delete from audit_entries",
         "update lead_changes set sealed = null", "delete from lead_changes"],
    )  # fmt: skip
    async def test_nobody_changes_or_removes_a_row(self, settings: Settings, role: Any, command: str) -> None:
        connection = await connect_raw(settings, "leads", role)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(command)
        finally:
            await connection.close()


class TestSeen:
    async def test_values_of_contact_data_are_a_reading_when_they_are_told(self, desk: Desk) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"company": "Acme"})
        await trail(desk, lead, query="?kind=change")
        before = len(await trail(desk, lead, query="?kind=read"))
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"phone": "13800000002"})
        await trail(desk, lead, query="?kind=change")
        routes = [one["route"] for one in await trail(desk, lead, query="?kind=read")]
        assert routes[0] == "GET /v1/leads/{lead_id}/audit"
        assert len(routes) == before + 2

    async def test_contact_data_is_masked_when_the_reader_may_not_contact(self, desk: Desk) -> None:
        lead = await owned(desk, phone=PHONE, name="Anna")
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"phone": "13800000002", "name": "Berta"})
        head = desk.callers[str(desk.users["head"])]
        auditor = replace(head, id=new_id(), user_id=new_id(), scopes=frozenset({"audit:read"}))
        desk.users["auditor"], desk.callers[str(auditor.id)] = auditor.id, auditor
        entry = (await trail(desk, lead, "auditor", "?kind=change"))[0]
        shown = {one["field"]: (one["before"], one["after"]) for one in entry["changes"]}
        assert shown == {"phone": ("****", "****"), "name": ("Anna", "Berta")}

    async def test_only_leads_in_sight_are_told_of(self, desk: Desk) -> None:
        lead = await owned(desk, phone=PHONE)
        await desk("head", "GET", f"/v1/leads/{lead}")
        for unit, sees in (("north", True), ("south", False)):
            await desk.user(f"chief of {unit}", unit, role="manager", is_rep=False)
            answer = await desk(f"chief of {unit}", "GET", f"/v1/leads/{lead}/audit")
            assert answer.status == (200 if sees else 404)
            every = await desk(f"chief of {unit}", "GET", "/v1/audit?from=2026-01-01T00:00:00Z")
            kinds = {one["kind"] for one in every.json()["items"]}
            assert kinds == ({"change", "read"} if sees else set())
        for name in ("north1", "boss"):
            assert (await desk(name, "GET", "/v1/audit")).code == "missing_scope"


class TestAsked:
    async def test_each_filter_holds_when_they_are_asked_together(self, desk: Desk) -> None:
        lead, other = [await owned(desk, phone=f"1380000000{n}") for n in (1, 2)]
        desk.clock.at = NOON + timedelta(hours=1)
        await desk("north1", "PATCH", f"/v1/leads/{lead}", {"source": "a"})
        desk.clock.at = NOON + timedelta(hours=2)
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"source": "b"})
        await desk("north1", "GET", f"/v1/leads/{other}")
        north1 = desk.users["north1"]
        hour = "from=2026-03-02T12:30:00Z&to=2026-03-02T13:30:00Z"
        for query, told in (
            (f"lead={lead}&{hour}", [("change", lead), ("read", lead)]),
            (f"user={north1}&kind=change", [("change", lead)]),
            (f"user={north1}&kind=read", [("read", other), ("read", lead)]),
            (f"lead={lead}&user={north1}", [("change", lead), ("read", lead)]),
            (f"{hour}&kind=read", [("read", lead)]),
        ):
            answer = await desk("head", "GET", f"/v1/audit?{query}")
            assert answer.status == 200, answer
            found = [(one["kind"], one["lead_ids"][0]) for one in answer.json()["items"]]
            assert sorted(found) == sorted(told), query

    async def test_pages_go_on_when_there_is_more_than_one(self, desk: Desk) -> None:
        lead = await owned(desk, phone=PHONE)
        for number in range(4):
            desk.clock.at = NOON + timedelta(minutes=number)
            await desk("head", "PATCH", f"/v1/leads/{lead}", {"source": f"s{number}"})
        for base in (f"/v1/leads/{lead}/audit?kind=change", f"/v1/audit?lead={lead}&kind=read"):
            whole = [one["id"] for one in (await desk("head", "GET", base)).json()["items"]]
            path, found = f"{base}&limit=2", []
            while path:
                page = (await desk("head", "GET", path)).json()
                found += [one["id"] for one in page["items"]]
                more = page["next_cursor"]
                path = more and f"{base}&limit=2&cursor={more}"
            assert found == whole
            assert len(found) > 4

    @pytest.mark.parametrize(
        "query", ["lead=x", "user=1", "kind=all", "from=yesterday", "who=me",
                  "from=2026-03-02T12:30:00Z&to=2026-03-01T12:30:00Z"],
    )  # fmt: skip
    async def test_it_is_refused_when_a_filter_makes_no_sense(self, desk: Desk, query: str) -> None:
        assert (await desk("head", "GET", f"/v1/audit?{query}")).status == 422
