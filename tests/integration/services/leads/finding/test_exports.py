"""Leads that leave in files: who may, how many, what stands in them, and what is written down."""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from services.leads.capture.intake.naming import FORGOTTEN
from services.leads.finding.exports.sending import AT_ONCE, LEASE
from services.leads.finding.exports.use_cases import forget
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.settings import Settings
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.finding.exporting import (
    CONTACTS,
    PATH,
    asked,
    fetched,
    leads,
    rows,
    shown,
    strict,
    terms,
)
from tests.integration.services.leads.pools.test_pool import make_pool, pooled
from tests.integration.services.leads.privacy.test_masking import a_key
from tests.support.asgi import ask


@pytest.fixture
async def company(desk: Desk) -> Desk:
    return await strict(desk)


class TestFiles:
    async def test_all_that_match_stand_in_it_once_when_there_are_several_batches(
        self, company: Desk
    ) -> None:
        made = await leads(company, 2 * AT_ONCE + 7)
        answer = await fetched(company, await asked(company, columns=["id", "name"]))
        assert [row["id"] for row in rows(answer)] == sorted(made)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "content-length" not in answer.headers

    async def test_it_has_its_head_only_when_none_match(self, company: Desk) -> None:
        answer = await fetched(company, await asked(company, filters={"q": "nobody"}))
        assert rows(answer) == []
        assert answer.body.startswith(b"\xef\xbb\xbfid,name,company,")

    async def test_columns_say_what_the_lead_says(self, company: Desk) -> None:
        lead = (
            await company.lead(
                name="=cmd|'/c calc'!A0", phone="13800000001转802", tags=["a", "b"], source="fair",
                custom={"size": 5, "note": "@here"}, value={"amount": "1200.50", "currency": "CNY"},
            )
        )["id"]  # fmt: skip
        owner = {"owner_id": str(company.users["north1"])}
        await company("head", "POST", f"/v1/leads/{lead}/assign", owner)
        columns = [
            "name", "phone", "phone_extension", "tags", "owner_name", "value_amount", "custom.size",
            "custom.note", "custom.none", "created_at", "do_not_contact",
        ]  # fmt: skip
        [row] = rows(await fetched(company, await asked(company, columns=columns)))
        assert list(row.values()) == [
            "'=cmd|'/c calc'!A0", "'+8613800000001", "802", "a, b", "North1", "1200.50", "5", "'@here", "",
            "2026-03-02 20:00:00", "false",
        ]  # fmt: skip

    async def test_a_sheet_holds_the_same_and_no_formula(self, company: Desk) -> None:
        await company.lead(name="=1+1", phone="13800000001")
        answer = await fetched(company, await asked(company, columns=["name", "phone"], format="xlsx"))
        sheet = openpyxl.load_workbook(io.BytesIO(answer.body)).active
        assert sheet is not None
        cells = [[(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows()]
        assert cells == [[("name", "s"), ("phone", "s")], [("=1+1", "s"), ("+8613800000001", "s")]]

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [({"source": ["web"]}, ["Web"]), ({"q": "fair"}, ["Fair"]), ({"tag": ["hot"]}, ["Web"]),
         ({"owner": ["none"]}, ["Fair", "Web"]), ({"owner": ["me"]}, []), ({"status": ["won"]}, []),
         ({"has_phone": False}, ["Fair", "Web"])],
    )  # fmt: skip
    async def test_filters_are_those_of_the_list(
        self, company: Desk, filters: dict[str, Any], expected: list[str]
    ) -> None:
        await company.lead(name="Web", source="web", tags=["hot"])
        await company.lead(name="Fair", source="fair")
        found = rows(await fetched(company, await asked(company, filters=filters)))
        assert sorted(row["name"] for row in found) == expected

    async def test_a_views_filters_hold_besides_as_they_were_then(self, company: Desk) -> None:
        await company.lead(name="Web", source="web")
        await company.lead(name="Fair", source="fair")
        body = {"name": "web", "filters": {"source": ["web"]}}
        view = (await company("top", "POST", "/v1/views", body)).json()["id"]
        export = await asked(company, view=view, columns=["name"])
        none = await asked(company, view=view, filters={"source": ["fair"]}, columns=["name"])
        assert (export["view_id"], export["view_filters"]) == (view, {"source": ["web"]})
        changed = await company("top", "PATCH", f"/v1/views/{view}", {"filters": {"source": ["fair"]}})
        assert changed.status == 200
        assert [row["name"] for row in rows(await fetched(company, export))] == ["Web"]
        assert rows(await fetched(company, none)) == []
        refused = await company("north1", "POST", PATH, {"view": view, "reason": "fair"})
        assert (refused.status, refused.code) == (404, "unknown_view")

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [({"columns": ["nme"]}, "/columns/0"), ({"columns": []}, "/columns"), ({"format": "pdf"}, "/format"),
         ({"filters": {"colour": "red"}}, "/filters/colour"), ({"columns": ["custom."]}, "/columns/0"),
         ({"reason": ""}, "/reason")],
    )  # fmt: skip
    async def test_it_is_refused_by_name_when_something_is_not_there(
        self, company: Desk, body: dict[str, Any], pointer: str
    ) -> None:
        refused = await company("top", "POST", PATH, {"reason": "fair"} | body)
        assert (refused.status, refused.pointers) == (422, [pointer])


class TestSight:
    async def test_it_has_what_whoever_fetches_it_sees_then(self, company: Desk) -> None:
        made = await leads(company, 3)
        for lead, owner in zip(made, ("north1", "north2", "south1"), strict=True):
            body = {"owner_id": str(company.users[owner])}
            await company("head", "POST", f"/v1/leads/{lead}/assign", body)
        seen = {}
        for name in ("north1", "boss", "south1", "south2", "top"):
            export = await asked(company, by=name, columns=["id"])
            seen[name] = {row["id"] for row in rows(await fetched(company, export, by=name))}
        assert seen == {
            "north1": {made[0]}, "boss": set(made[:2]), "south1": {made[2]}, "south2": set(),
            "top": set(made),
        }  # fmt: skip
        export = await asked(company, by="north1", columns=["id"])
        await company(
            "head", "POST", f"/v1/leads/{made[0]}/assign", {"owner_id": str(company.users["south1"])}
        )
        assert rows(await fetched(company, export, by="north1")) == []

    async def test_contact_data_is_masked_for_whom_it_is_masked_elsewhere(self, company: Desk) -> None:
        await leads(company, 1)
        export = await asked(company, by="auditor", columns=CONTACTS)
        assert export["contacts"] is False
        [row] = rows(await fetched(company, export, by="auditor"))
        assert (row["phone"], row["email"]) == ("138****0000", "l****@example.com")
        assert (
            rows(
                await fetched(company, await asked(company, by="auditor", filters={"q": "l0@ex"}), "auditor")
            )
            == []
        )

    async def test_what_was_asked_for_masked_stays_so_when_fetched_with_more_rights(
        self, company: Desk
    ) -> None:
        await leads(company, 6)
        export = await asked(company, by=a_key(company, "leads:read"), columns=CONTACTS)
        assert (export["state"], export["contacts"]) == ("ready", False)
        answer = await fetched(company, export, by="head")
        assert {row["phone"] for row in rows(answer)} == {"138****000" + str(n) for n in range(6)}

    async def test_what_lies_in_a_pool_is_masked_as_there(self, company: Desk) -> None:
        pool = await make_pool(company, hidden_fields=["secret"])
        await pooled(company, pool, phone="13800000001", custom={"secret": "s", "open": "o"})
        columns = ["phone", "custom.secret", "custom.open"]
        export = await asked(company, by="north1", columns=columns, filters={"pool": pool["id"]})
        [row] = rows(await fetched(company, export, by="north1"))
        assert list(row.values()) == ["138****0001", "", "o"]

    async def test_only_who_asked_fetches_it_and_only_who_decides_sees_others(self, company: Desk) -> None:
        export = await asked(company, by="north1")
        for name, status in (("top", 403), ("north2", 404), ("auditor", 404)):
            assert (await fetched(company, export, by=name)).status == status
        path = f"{PATH}/{export['id']}"
        for name, status in (("head", 200), ("top", 200), ("north2", 404), ("auditor", 404)):
            assert (await company(name, "GET", path)).status == status
        assert (await company("north2", "GET", PATH)).json()["items"] == []
        assert [one["id"] for one in (await company("top", "GET", PATH)).json()["items"]] == [export["id"]]


class TestRegister:
    async def test_what_left_is_written_down(self, company: Desk) -> None:
        await leads(company, 2)
        export = await asked(company, columns=CONTACTS, filters={"q": "lead"})
        answer = await fetched(company, export, cox_client_address="192.0.2.7")
        [download] = (await shown(company, export))["downloads"]
        assert (download["rows"], download["bytes"], download["sha256"]) == (
            2, len(answer.body), hashlib.sha256(answer.body).hexdigest(),
        )  # fmt: skip
        assert (download["user_id"], download["address"], download["ended"]) == (
            str(company.users["top"]), "192.0.2.7", "whole",
        )  # fmt: skip

    async def test_each_lead_shown_is_a_reading_in_rows_of_a_batch(self, company: Desk) -> None:
        await terms(company, free_rows=None, daily_rows=None)
        made = await leads(company, AT_ONCE + 1)
        answer = await fetched(company, await asked(company, columns=CONTACTS))
        assert len(rows(answer)) == len(made)
        query = "select cardinality(lead_ids) from contact_reads where tenant_id = $1 order by at, id"
        counts = [row[0] for row in await company.admin.fetch(query, company.tenant_id)]
        assert counts == [AT_ONCE, 1]
        [read] = (await company("head", "GET", f"/v1/leads/{made[0]}/contact-reads")).json()["items"]
        assert (read["route"], read["user_id"]) == (
            "GET /v1/exports/{export_id}/file", str(company.users["top"]),
        )  # fmt: skip

    async def test_no_reading_is_left_when_no_contact_data_leaves(self, company: Desk) -> None:
        await leads(company, 2)
        await fetched(company, await asked(company))
        await fetched(company, await asked(company, by="auditor", columns=CONTACTS), by="auditor")
        query = "select count(*) from contact_reads where tenant_id = $1"
        assert await company.admin.fetchval(query, company.tenant_id) == 0

    async def test_words_that_name_an_erased_person_are_forgotten(
        self, company: Desk, settings: Settings
    ) -> None:
        [lead] = await leads(company, 1)
        exports = [
            await asked(company, filters={"q": words}) for words in ("138-0000 0000", "lead 0", "fair")
        ]
        database = Database(make_engine(settings, "leads", "app", pool_size=1))
        try:
            async with database.transaction(Access(company.tenant_id)) as tx:
                await forget(tx, company.tenant_id, [UUID(lead)])
        finally:
            await database.dispose()
        told = [(await shown(company, one))["filters"]["q"] for one in exports]
        assert told == [FORGOTTEN, FORGOTTEN, "fair"]


class TestOneAtATime:
    async def test_a_second_one_is_refused_while_one_runs(self, company: Desk) -> None:
        await leads(company, 1)
        export = await asked(company)
        await company.admin.execute(
            "insert into exporters (tenant_id, user_id, taken, download_id, alive_until)"
            " values ($1, $2, 0, $1, $3)",
            company.tenant_id, company.users["top"], NOON + LEASE,
        )  # fmt: skip
        refused = await fetched(company, export)
        assert (refused.status, refused.code) == (409, "export_running")
        # One that said nothing for long is no more.
        company.clock.at += LEASE
        assert (await fetched(company, export)).status == 200
        assert (await fetched(company, export)).status == 200

    async def test_it_breaks_off_when_whoever_it_is_for_loses_their_rights(self, company: Desk) -> None:
        await leads(company, AT_ONCE + 1)
        export = await asked(company)
        await company.admin.execute(
            "insert into org_principals values ($1, $2, 2, false)", company.tenant_id, company.users["top"]
        )
        assert (await fetched(company, export)).status == 500
        [download] = (await shown(company, export))["downloads"]
        assert (download["ended"], download["rows"], download["sha256"]) == ("broken", 0, None)

    async def test_nothing_is_left_running_when_the_client_goes(self, company: Desk) -> None:
        await leads(company, 2 * AT_ONCE)
        export = await asked(company)
        gone = asyncio.Event()
        gone.set()
        headers = {"x-caller": str(company.users["top"])}
        await ask(company.app, "GET", f"{PATH}/{export['id']}/file", headers=headers, leaves=gone)
        [download] = (await shown(company, export))["downloads"]
        assert (download["ended"], download["sha256"]) == ("broken", None)
        assert len(rows(await fetched(company, export))) == 2 * AT_ONCE
