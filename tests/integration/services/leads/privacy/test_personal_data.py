"""One person's export: everything that leads holds about them, and nothing of anybody else."""

from __future__ import annotations

import orjson

from services.leads.metadata import metadata
from services.leads.privacy.personal_data.rules import LEAD, TOLD_ELSEWHERE, tables_about
from tests.integration.services.leads.conftest import Desk

PHONE = "13812340001"


class TestHeld:
    async def test_all_of_it_is_told_of_every_lead_of_the_person(self, desk: Desk) -> None:
        one, two = [(await desk.lead(name=name, phone=PHONE))["id"] for name in ("Anna Li", "A. Li")]
        stranger = (await desk.lead(name="Berta", phone="13812340002"))["id"]
        path = f"/v1/leads/{one}"
        owner = {"owner_id": str(desk.users["north1"]), "reason": "she knows Anna"}
        for method, more, body in (
            ("PATCH", "", {"name": "Anna Wang", "custom": {"hobby": "sails"}}),
            ("POST", "/assign", owner),
            ("POST", "/consents", {"purposes": ["contact"], "how": "call", "evidence": "said so"}),
            ("POST", "/move", {"to": "lost", "reason": "moved to Chengdu"}),
        ):
            assert (await desk("head", method, path + more, body)).status == 200
        answer = await desk("head", "GET", f"{path}/held")
        assert answer.status == 200, answer
        told = answer.json()
        assert {lead["id"] for lead in told["leads"]} == {one, two}
        assert told["shares"][two] == ["phone"]
        assert [lead["phone"] for lead in told["leads"]] == [f"+86{PHONE}"] * 2
        changed = next(entry for entry in told["trail"] if entry["changes"])
        names = {each["field"]: each["before"] for each in changed["changes"]}
        assert names["name"] == "Anna Li"
        assert told["records"]["assignments"][0]["reason"] == "she knows Anna"
        assert told["records"]["consents"][0]["evidence"] == "said so"
        assert told["records"]["stage_history"][0]["reason"] == "moved to Chengdu"
        assert [each["lead_id"] for each in told["scores"]] == [each["id"] for each in told["leads"]]
        said = orjson.dumps(told).decode()
        assert stranger not in said
        assert "Berta" not in said
        assert str(desk.tenant_id) not in said

    async def test_it_is_written_down_as_a_reading_of_all_of_them(self, desk: Desk) -> None:
        one, two = [(await desk.lead(phone=PHONE))["id"] for _ in range(2)]
        await desk("head", "GET", f"/v1/leads/{one}/held", cox_client_address="10.1.2.3")
        for lead in (one, two):
            [read] = (await desk("head", "GET", f"/v1/leads/{lead}/contact-reads")).json()["items"]
            assert (read["route"], read["leads"]) == ("GET /v1/leads/{lead_id}/held", 2)
            assert read["address"] == "10.1.2.3"

    async def test_only_admins_are_told(self, desk: Desk) -> None:
        lead = (await desk.lead(phone=PHONE))["id"]
        await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users["north1"])})
        for name in ("north1", "boss"):
            assert (await desk(name, "GET", f"/v1/leads/{lead}/held")).code == "missing_scope"

    async def test_of_an_erased_person_only_the_shell_is_told(self, desk: Desk) -> None:
        lead = (await desk.lead(name="Anna Li", phone=PHONE))["id"]
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"name": "Anna Wang"})
        await desk("head", "POST", f"/v1/leads/{lead}/erase", {"reason": "asked for"})
        told = (await desk("head", "GET", f"/v1/leads/{lead}/held")).json()
        said = orjson.dumps(told).decode()
        assert "Anna" not in said
        assert PHONE not in said
        assert told["records"]["erasures"][0]["reason"] == "asked for"


class TestTables:
    def test_every_table_about_a_lead_is_told_but_for_what_is_told_elsewhere(self) -> None:
        columns = {name: [column.name for column in table.columns] for name, table in metadata.tables.items()}
        about = {name for name, names in columns.items() if LEAD in names}
        assert set(tables_about(columns)) == about - TOLD_ELSEWHERE
        assert about >= TOLD_ELSEWHERE
        assert {"assignments", "consents", "stage_history", "pool_entries", "lead_returns"} <= about
