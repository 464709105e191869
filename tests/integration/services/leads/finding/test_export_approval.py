"""Exports with contact data wait for somebody else: who decides, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.leads.finding.exports.reactions import expire_by
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.settings import Settings
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.finding.exporting import (
    CONTACTS,
    PATH,
    asked,
    decided,
    fetched,
    leads,
    rows,
    shown,
    story,
    strict,
    terms,
)


@pytest.fixture
async def company(desk: Desk) -> Desk:
    return await strict(desk)


class TestApproval:
    async def test_it_waits_when_it_has_many_contacts(self, company: Desk) -> None:
        await leads(company, 4)
        export = await asked(company, columns=CONTACTS)
        assert (export["state"], export["rows"], export["counted"]) == ("waiting_approval", 4, True)
        refused = await fetched(company, export)
        assert (refused.status, refused.code) == (409, "export_not_ready")
        assert (await decided(company, export)).json()["state"] == "ready"
        assert len(rows(await fetched(company, export))) == 4
        assert await story(company, export) == [
            ("export_requested", "waiting_approval", [str(company.users["head"])]),
            ("export_decided", "ready", None), ("export_downloaded", None, None),
        ]  # fmt: skip

    async def test_it_does_not_without_contacts_however_many(self, company: Desk) -> None:
        await leads(company, 9)
        assert (await asked(company))["state"] == "ready"
        assert (await asked(company, columns=[*CONTACTS], filters={"q": "lead 1"}))["state"] == "ready"

    async def test_a_days_exports_count_together(self, company: Desk) -> None:
        await leads(company, 3)
        states = [(await asked(company, columns=CONTACTS))["state"] for _ in range(2)]
        assert states == ["ready", "waiting_approval"]
        assert (await asked(company, by="head", columns=CONTACTS))["state"] == "ready"
        company.clock.at += timedelta(days=1)
        assert (await asked(company, columns=CONTACTS))["state"] == "ready"

    async def test_they_do_when_they_are_asked_for_at_once(self, company: Desk) -> None:
        await leads(company, 2)
        exports = await asyncio.gather(*(asked(company, columns=CONTACTS) for _ in range(8)))
        assert sorted(one["state"] for one in exports) == ["ready"] * 2 + ["waiting_approval"] * 6

    async def test_nobody_decides_about_their_own(self, company: Desk) -> None:
        await leads(company, 4)
        export = await asked(company, columns=CONTACTS)
        refused = await decided(company, export, by="top")
        assert (refused.status, refused.code) == (403, "decision_not_allowed")
        for name in ("boss", "auditor"):
            assert (await decided(company, export, by=name)).code == "missing_scope"
        assert (await decided(company, export, "refuse")).json()["state"] == "refused"
        assert (await decided(company, export)).code == "already_decided"
        assert (await fetched(company, export)).code == "export_not_ready"

    async def test_an_admin_does_when_there_is_nobody_else(self, desk: Desk) -> None:
        await terms(desk, free_rows=0, daily_rows=0)
        await leads(desk, 2)
        export = await asked(desk, by="head", columns=CONTACTS)
        assert export["state"] == "waiting_approval"
        done = (await decided(desk, export)).json()
        assert (done["state"], done["decided_by"]) == ("ready", str(desk.users["head"]))

    async def test_nobody_is_asked_when_there_is_no_limit(self, company: Desk) -> None:
        await leads(company, 9)
        await terms(company, free_rows=None, daily_rows=None)
        assert (await asked(company, columns=CONTACTS))["state"] == "ready"

    async def test_two_hundred_leave_unasked_while_nobody_has_said_otherwise(self, desk: Desk) -> None:
        await leads(desk, 201)
        assert (await asked(desk, by="head", columns=CONTACTS))["state"] == "waiting_approval"
        few = {"q": "l1"}
        assert (await asked(desk, by="head", columns=CONTACTS, filters=few))["state"] == "ready"

    async def test_no_more_leave_than_were_counted_but_for_a_few(self, company: Desk) -> None:
        await leads(company, 2)
        export = await asked(company, columns=CONTACTS)
        await leads(company, 1)
        assert len(rows(await fetched(company, export))) == 3
        await leads(company, 1)
        refused = await fetched(company, export)
        assert (refused.status, refused.code) == (409, "export_grew")


class TestTimes:
    @pytest.fixture
    async def timers(self, company: Desk, settings: Settings) -> AsyncIterator[Any]:
        app, worker = (
            Database(make_engine(settings, "leads", role, pool_size=2)) for role in ("app", "worker")
        )
        made = Timers()
        expire_by(made, company.clock)
        backbone = Backbone(settings, "leads", worker, app, clock=company.clock)

        async def pass_to(moment: datetime) -> None:
            due = "select min(fire_at) from timers where tenant_id = $1"
            while (first := await company.admin.fetchval(due, company.tenant_id)) and first <= moment:
                company.clock.at = max(first, company.clock.at)
                await made.fire_due(backbone)
            company.clock.at = moment

        yield pass_to
        for database in (app, worker):
            await database.dispose()

    async def test_approvers_are_warned_then_it_expires(self, company: Desk, timers: Any) -> None:
        await leads(company, 4)
        export = await asked(company, columns=CONTACTS)
        await timers(NOON + timedelta(hours=72))
        assert (await story(company, export))[1:] == [
            ("export_warned", None, [str(company.users["head"])]), ("export_decided", "expired", None),
        ]  # fmt: skip
        assert (await shown(company, export))["state"] == "expired"
        assert (await decided(company, export)).code == "already_decided"

    async def test_it_may_be_fetched_for_some_days(self, company: Desk, timers: Any) -> None:
        export = await asked(company)
        company.clock.at += timedelta(hours=71)
        assert (await fetched(company, export)).status == 200
        await timers(NOON + timedelta(hours=73))
        assert (await fetched(company, export)).code == "export_not_ready"
        assert (await shown(company, export))["state"] == "expired"

    async def test_warnings_come_before_the_end(self, company: Desk) -> None:
        body = {"free_rows": 1, "daily_rows": 1, "warn_hours": 72, "wait_hours": 72}
        refused = await company("head", "PUT", f"{PATH}/terms", body)
        assert (refused.status, refused.pointers) == (422, ["/warn_hours"])
        assert (await company("boss", "PUT", f"{PATH}/terms", body)).code == "missing_scope"
