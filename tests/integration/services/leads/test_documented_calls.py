"""The calls of the docs, made as they stand there."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from services.leads.follow_up.first_response.starting import start_clocks
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import react
from tests.integration.services.leads.automating import reading
from tests.integration.services.leads.capture.test_refitting import Looking, looking  # noqa: F401 - a fixture
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.judging.test_classification import Judges, judges
from tests.integration.services.leads.pools.test_pool import make_pool
from tests.support.calls import calls_of

__all__ = ["judges"]

DOCS = Path(__file__).resolve().parents[4] / "docs"


async def made(desk: Desk, page: str, ids: dict[str, str]) -> None:
    """The page's calls, one after the other, as the admin."""
    for call in calls_of(DOCS / page):
        target, body = call.ready(ids)
        answer = await desk("head", call.method, target, body)
        call.check(answer.status, answer.body, ids)


class TestPools:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, desk: Desk) -> None:
        ids = {
            "unit_id": str(desk.units["company"]), "admin_id": str(desk.users["boss"]),
            "rep_id": str(desk.users["north1"]),
        }  # fmt: skip
        for call in calls_of(DOCS / "pools.md"):
            target, body = call.ready(ids)
            of_a_rep = target == "/v1/leads" or "&q=" in target or target.endswith(("/claim", "/release"))
            by = "north1" if of_a_rep else "head"
            answer = await desk(by, call.method, target, body)
            call.check(answer.status, answer.body, ids)
        assert {"pool_id", "lead_id", "customers_id"} <= ids.keys()


class TestExports:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, desk: Desk) -> None:
        ids: dict[str, str] = {}
        await made(desk, "exports.md", ids)
        shown = (DOCS / "exports.md").read_text(encoding="utf-8")
        file = await desk("head", "GET", f"/v1/exports/{ids['export_id']}/file")
        for line in file.body.decode("utf-8-sig").splitlines():
            assert f"    {line}\n" in shown


class TestConsent:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, desk: Desk) -> None:
        ids: dict[str, str] = {}
        await made(desk, "consent.md", ids)
        assert {"notice_id", "lead_id", "entry_id"} <= ids.keys()


class TestCampaigns:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, desk: Desk) -> None:
        ids: dict[str, str] = {}
        await made(desk, "campaigns.md", ids)
        assert {"campaign_id", "lead_id", "cost_id"} <= ids.keys()


class TestNormalising:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, desk: Desk) -> None:
        ids: dict[str, str] = {}
        await made(desk, "normalising.md", ids)
        assert {"lead_id", "company_id"} <= ids.keys()


class TestClassification:
    async def test_every_call_is_answered_as_shown_when_made_in_order(
        self, desk: Desk, judges: Judges
    ) -> None:
        ids: dict[str, str] = {}
        for call in calls_of(DOCS / "classification.md"):
            target, body = call.ready(ids)
            answer = await desk("head", call.method, target, body)
            call.check(answer.status, answer.body, ids)
            if target == "/v1/leads":
                await judges.happened(answer.json())
        assert {"rule_id", "others_id", "lead_id"} <= ids.keys()


class TestDuplicates:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, desk: Desk) -> None:
        ids: dict[str, str] = {}
        await made(desk, "duplicates.md", ids)
        assert {"first_id", "second_id", "spouse_id"} <= ids.keys()


class TestFirstResponse:
    async def test_every_call_is_answered_as_shown_when_made_in_order(
        self, desk: Desk, settings: Settings
    ) -> None:
        ids = {"rep_id": str(desk.users["north1"])}
        for call in calls_of(DOCS / "first-response.md"):
            target, body = call.ready(ids)
            answer = await desk("head", call.method, target, body)
            call.check(answer.status, answer.body, ids)
            if target.endswith("/assign"):
                await the_reaction_comes(desk, settings, ids["lead_id"])
        assert {"rule_id", "lead_id"} <= ids.keys()


class TestAssignment:
    async def test_every_call_is_answered_as_shown_when_made_in_order(
        self, desk: Desk, settings: Settings
    ) -> None:
        pool = await make_pool(desk)
        ids = {
            "wang_id": str(desk.users["north1"]), "li_id": str(desk.users["north2"]), "pool_id": pool["id"],
        }  # fmt: skip
        for call in calls_of(DOCS / "assignment.md"):
            target, body = call.ready(ids)
            by = "north1" if target.endswith("/invalid") else "head"
            answer = await desk(by, call.method, target, body)
            call.check(answer.status, answer.body, ids)
            if target == "/v1/leads":
                await react(desk, settings, answer.json())
        assert {"rule_id", "lead_id", "open_id", "digest"} <= ids.keys()


class TestAutomation:
    async def test_every_call_is_answered_as_shown_when_made_in_order(
        self, desk: Desk, settings: Settings
    ) -> None:
        ids = {"rep_id": str(desk.users["north1"]), "boss_id": str(desk.users["boss"])}
        async with reading(desk, settings) as reader:
            for call in calls_of(DOCS / "automation.md"):
                target, body = call.ready(ids)
                answer = await desk("head", call.method, target, body)
                call.check(answer.status, answer.body, ids)
                await reader.settle()
        assert {"rule_id", "lead_id"} <= ids.keys()


class TestPrivacy:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, desk: Desk) -> None:
        ids = {"head_id": str(desk.users["head"])}
        for call in calls_of(DOCS / "privacy.md"):
            target, body = call.ready(ids)
            answer = await desk("head", call.method, target, body, cox_client_address="127.0.0.1")
            call.check(answer.status, answer.body, ids)
        assert "lead_id" in ids


class TestCustomFields:
    async def test_every_call_is_answered_as_shown_when_made_in_order(
        self,
        desk: Desk,
        looking: Looking,  # noqa: F811
    ) -> None:
        ids: dict[str, str] = {}
        for call in calls_of(DOCS / "custom-fields.md"):
            target, body = call.ready(ids)
            answer = await desk("head", call.method, target, body)
            call.check(answer.status, answer.body, ids)
            await looking.look()
        assert {"industry_id", "employees_id", "lead_id"} <= ids.keys()


class TestFinding:
    async def test_every_call_is_answered_as_shown_when_made_in_order(
        self,
        desk: Desk,
        looking: Looking,  # noqa: F811
    ) -> None:
        await looking.ready("employees", "integer")
        await looking.ready("site", "text", searchable=True)
        ids: dict[str, str] = {}
        await made(desk, "finding.md", ids)
        assert {"lead_id", "view_id"} <= ids.keys()


async def the_reaction_comes(desk: Desk, settings: Settings, lead: str) -> None:
    """What a worker does a moment later."""
    database = Database(make_engine(settings, "leads", "app"))
    try:
        async with database.transaction(Access(desk.tenant_id)) as tx:
            await start_clocks(tx, desk.tenant_id, [UUID(lead)], desk.clock.at)
    finally:
        await database.dispose()
