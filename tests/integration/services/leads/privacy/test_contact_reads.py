"""Who was shown contact data is written down, once per answer, and by nobody changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi.routing import APIRoute

from services.leads.capture.intake.models import LeadOut
from services.leads.privacy.contact_reads.use_cases import ensure_months
from shared.database.engine import connect_raw, make_engine
from shared.database.transactions import Database
from shared.events.backbone import Backbone
from shared.ids import new_id
from shared.settings import Settings
from shared.web.paging import Page
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.pools.test_pool import claim, make_pool, pooled, release
from tests.support.calls import calls_of

DOCS = Path(__file__).resolve().parents[5] / "docs"
PHONE = "13800000001"


async def reads(desk: Desk, lead: str, by: str = "head") -> list[dict[str, Any]]:
    """As told, the latest first."""
    answer = await desk(by, "GET", f"/v1/leads/{lead}/contact-reads")
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def routes(desk: Desk, lead: str) -> list[str]:
    return [one["route"] for one in await reads(desk, lead)]


class TestWrittenDown:
    async def test_masked_readings_are_not_and_those_in_full_are(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool, phone=PHONE)
        given = len(await reads(desk, lead))
        for target in (f"/v1/leads/{lead}", f"/v1/leads?pool={pool['id']}"):
            assert b"138****0001" in (await desk("north1", "GET", target)).body
        assert len(await reads(desk, lead)) == given
        assert (await claim(desk, "north1", lead)).status == 200
        assert (await desk("north1", "GET", f"/v1/leads/{lead}")).json()["phone"] == f"+86{PHONE}"
        last, before = (await reads(desk, lead))[:2]
        assert (last["route"], before["route"]) == (
            "GET /v1/leads/{lead_id}", "POST /v1/leads/{lead_id}/claim",
        )  # fmt: skip
        assert (last["user_id"], last["kind"], last["key_id"]) == (str(desk.users["north1"]), "user", None)
        assert (await release(desk, "north1", lead)).status == 200
        assert len(await reads(desk, lead)) == given + 2

    async def test_where_from_and_which_trace_are_told(self, desk: Desk) -> None:
        lead = (await desk.lead(email="anna@example.com"))["id"]
        trace = "0af7651916cd43dd8448eb211c80319c"
        headers = {"cox_client_address": "2001:db8::1", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        await desk("head", "GET", f"/v1/leads/{lead}", **headers)
        await desk("head", "GET", f"/v1/leads/{lead}", cox_client_address="'); drop table leads; --")
        strange, plain = await reads(desk, lead)
        assert (plain["address"], plain["trace_id"]) == ("2001:db8::1", trace)
        assert strange["address"] is None

    async def test_a_list_is_one_reading_of_those_that_have_contact_data(self, desk: Desk) -> None:
        with_phone = [(await desk.lead(phone=f"1380000000{n}"))["id"] for n in range(3)]
        without = (await desk.lead())["id"]
        assert len((await desk("head", "GET", "/v1/leads")).json()["items"]) == 4
        ids = {one["id"] for lead in with_phone for one in await reads(desk, lead)}
        assert len(ids) == 1
        [told] = await reads(desk, with_phone[0])
        assert (told["route"], told["leads"]) == ("GET /v1/leads", 3)
        assert await reads(desk, without) == []

    async def test_answers_of_writes_count_when_they_show_it(self, desk: Desk) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        path = f"/v1/leads/{lead}"
        # Whoever creates it has said it themselves.
        assert await routes(desk, lead) == []
        owner = {"owner_id": str(desk.users["north1"])}
        for method, more, body in (
            ("POST", "/assign", owner), ("PATCH", "", {"company": "Acme"}), ("POST", "/move", {"to": "won"}),
        ):  # fmt: skip
            assert (await desk("head", method, path + more, body)).status == 200
        assert await routes(desk, lead) == [
            "POST /v1/leads/{lead_id}/move", "PATCH /v1/leads/{lead_id}", "POST /v1/leads/{lead_id}/assign",
        ]  # fmt: skip

    async def test_merging_and_undoing_count_when_they_show_it(self, desk: Desk) -> None:
        one, other = (await desk.lead(phone=PHONE))["id"], (await desk.lead())["id"]
        for action, body in (("merge", {"into": other}), ("unmerge", None)):
            assert (await desk("head", "POST", f"/v1/leads/{one}/{action}", body)).status == 200
        assert await routes(desk, one) == [
            "POST /v1/leads/{lead_id}/unmerge", "POST /v1/leads/{lead_id}/merge",
        ]  # fmt: skip
        assert await routes(desk, other) == []

    async def test_creating_is_no_reading_when_it_is_repeated_by_key(self, desk: Desk) -> None:
        body = {"name": "Anna", "phone": PHONE}
        made = [await desk("head", "POST", "/v1/leads", body, idempotency_key="k") for _ in range(2)]
        assert {answer.status for answer in made} == {201}
        assert await routes(desk, made[0].json()["id"]) == []

    async def test_nothing_is_when_nothing_new_is_answered(self, desk: Desk) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        first = await desk("head", "GET", f"/v1/leads/{lead}")
        tag = first.headers["etag"]
        assert (await desk("head", "GET", f"/v1/leads/{lead}", if_none_match=tag)).status == 304
        refused = await desk("head", "PATCH", f"/v1/leads/{lead}", {"company": "x"}, if_match='"99"')
        assert refused.status == 412
        assert len(await reads(desk, lead)) == 1

    async def test_nobody_is_shown_anything_when_it_cannot_be_written_down(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        monkeypatch.setattr(
            "services.leads.privacy.contact_reads.use_cases.insertion",
            lambda _: "insert into nowhere values (1)",
        )
        refused = await desk("head", "GET", f"/v1/leads/{lead}")
        assert refused.status == 500
        assert PHONE.encode() not in refused.body


class TestTold:
    async def test_the_key_is_named_to_admins_only(self, desk: Desk) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["north1"])})
        head = desk.callers[str(desk.users["head"])]
        key = replace(head, id=new_id(), kind="api_key")
        desk.users["partner"] = key.id
        desk.callers[str(key.id)] = key
        await desk("partner", "GET", f"/v1/leads/{lead}")
        await desk.user("chief", "north", role="manager", is_rep=False)
        for by, told in (("head", str(key.id)), ("chief", None)):
            last = (await reads(desk, lead, by))[0]
            assert (last["kind"], last["user_id"], last["key_id"]) == (
                "api_key", str(desk.users["head"]), told,
            )  # fmt: skip

    async def test_only_who_may_audit_is_told_of_leads_that_they_see(self, desk: Desk) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["north1"])})
        path = f"/v1/leads/{lead}/contact-reads"
        for name in ("north1", "boss"):
            refused = await desk(name, "GET", path)
            assert (refused.status, refused.code) == (403, "missing_scope")
        for unit, status in (("north", 200), ("south", 404)):
            await desk.user(f"chief of {unit}", unit, role="manager", is_rep=False)
            assert (await desk(f"chief of {unit}", "GET", path)).status == status

    async def test_pages_go_on_when_there_are_many(self, desk: Desk) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        for _ in range(5):
            await desk("head", "GET", f"/v1/leads/{lead}")
        path, found = f"/v1/leads/{lead}/contact-reads?limit=2", []
        while path:
            page = (await desk("head", "GET", path)).json()
            found += [one["id"] for one in page["items"]]
            more = page["next_cursor"]
            path = more and f"/v1/leads/{lead}/contact-reads?limit=2&cursor={more}"
        assert len(found) == len(set(found)) == 5
        assert found == [one["id"] for one in await reads(desk, lead)]


class TestEveryRoute:
    def test_no_route_shows_leads_that_is_not_looked_at_here(self, desk: Desk) -> None:
        """A new one is entered here once a test above has seen what it leaves."""
        shown = {
            f"{next(iter(route.methods or ()))} {route.path}"
            for route in desk.app.routes
            if isinstance(route, APIRoute) and route.response_model in (LeadOut, Page[LeadOut])
        }
        assert shown == {
            "POST /v1/leads", "GET /v1/leads", "GET /v1/leads/{lead_id}", "PATCH /v1/leads/{lead_id}",
            "POST /v1/leads/{lead_id}/move", "POST /v1/leads/{lead_id}/assign",
            "POST /v1/leads/{lead_id}/claim", "POST /v1/leads/{lead_id}/release",
            "POST /v1/leads/{lead_id}/merge", "POST /v1/leads/{lead_id}/unmerge",
        }  # fmt: skip


class TestDocumentedCalls:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, desk: Desk) -> None:
        ids = {"head_id": str(desk.users["head"])}
        for call in calls_of(DOCS / "contact-data.md"):
            target, body = call.ready(ids)
            answer = await desk("head", call.method, target, body, cox_client_address="127.0.0.1")
            call.check(answer.status, answer.body, ids)
        assert "lead_id" in ids


class TestKept:
    @pytest.mark.parametrize("role", ["app", "worker"])
    @pytest.mark.parametrize(
        "command", ["update contact_reads set user_id = null", "delete from contact_reads"]
    )
    async def test_nobody_changes_or_removes_a_row(
        self, desk: Desk, settings: Settings, role: Any, command: str
    ) -> None:
        connection = await connect_raw(settings, "leads", role)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(command)
        finally:
            await connection.close()

    async def test_rows_lie_in_their_month_when_it_was_prepared_late(
        self, desk: Desk, settings: Settings
    ) -> None:
        desk.clock.at = datetime(2031, 12, 31, 23, 59, tzinfo=UTC)
        lead = (await desk.lead(phone=PHONE))["id"]
        await desk("head", "GET", f"/v1/leads/{lead}")
        worker = Database(make_engine(settings, "leads", "worker", pool_size=1))
        backbone = Backbone(settings, "leads", worker, worker, clock=desk.clock)
        try:
            for _ in range(2):
                await ensure_months(backbone, date(2031, 12, 31))
        finally:
            await worker.dispose()
        desk.clock.at = datetime(2032, 1, 1, tzinfo=UTC)
        await desk("head", "GET", f"/v1/leads/{lead}")
        where = (
            "select tableoid::regclass::text from contact_reads where lead_ids @> array[$1::uuid] order by at"
        )
        places = [row[0] for row in await desk.admin.fetch(where, UUID(lead))]
        assert places == ["contact_reads_203112", "contact_reads_203201"]
        assert len(await reads(desk, lead)) == 2
