"""Stored values are looked through before a custom field has a type, and nothing slips through meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.capture.intake.preparing import Newcomer
from services.leads.capture.intake.rules import Draft
from services.leads.capture.intake.use_cases import create_leads
from services.leads.capture.refitting import use_cases
from services.leads.capture.refitting.reactions import refit_by
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.settings import Settings
from tests.integration.services.leads.capture.test_custom_fields import INDUSTRY, define, faults, post
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.passing import Time


class Looking(Time):
    """What the worker does for custom fields."""

    async def look(self) -> None:
        """Until nothing is due, a moment later too."""
        for _ in range(3):
            await self.fire()
            self.desk.clock.at += timedelta(seconds=1)

    async def ready(self, key: str, kind: str, **more: Any) -> dict[str, Any]:
        """A field that holds."""
        made = await define(self.desk, key, kind, **more)
        await self.look()
        found = await self.field(made)
        assert found["state"] == "ready", await self.check(made)
        return found

    async def field(self, one: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.desk("head", "GET", f"/v1/custom-fields/{one['id']}")).json()
        return found

    async def check(self, one: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (
            await self.desk("head", "GET", f"/v1/custom-fields/{one['id']}/check")
        ).json()
        return found

    async def misfits(self, one: dict[str, Any], by: str = "head") -> list[dict[str, Any]]:
        answer = await self.desk(by, "GET", f"/v1/custom-fields/{one['id']}/misfits")
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def retype(self, one: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
        answer = await self.desk("head", "PATCH", f"/v1/custom-fields/{one['id']}", {"type": kind} | more)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json()
        return found

    async def custom(self, lead: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.desk("head", "GET", f"/v1/leads/{lead['id']}")).json()["custom"]
        return found


@pytest.fixture
async def looking(desk: Desk, settings: Settings) -> AsyncIterator[Looking]:
    app, worker = (Database(make_engine(settings, "leads", role, pool_size=2)) for role in ("app", "worker"))
    timers = Timers()
    refit_by(timers, desk.clock)
    yield Looking(desk, app, Backbone(settings, "leads", worker, app, clock=desk.clock), timers)
    for database in (app, worker):
        await database.dispose()


async def lead_with(desk: Desk, **custom: Any) -> dict[str, Any]:
    answer = await post(desk, custom)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


class TestNewFields:
    async def test_it_is_ready_a_moment_later_when_nothing_is_stored(self, looking: Looking) -> None:
        made = await looking.ready("headcount", "integer")
        assert (made["type"], made["wanted_type"]) == ("integer", None)

    async def test_what_is_stored_is_written_as_the_type_has_it_when_all_fits(
        self, desk: Desk, looking: Looking
    ) -> None:
        lead = await lead_with(desk, headcount="1200", other="x")
        good = await lead_with(desk, headcount=5)
        await looking.ready("headcount", "integer")
        assert await looking.custom(lead) == {"headcount": 1200, "other": "x"}
        events = await desk.events(lead["id"])
        assert events[-1][:2] == (2, "lead_updated")
        assert len(await desk.events(good["id"])) == 1
        historic = "select historic from events where aggregate_id = $1 and seq = 2"
        assert await desk.admin.fetchval(historic, UUID(lead["id"]))

    async def test_it_is_refused_with_every_misfit_when_some_do_not_fit(
        self, desk: Desk, looking: Looking
    ) -> None:
        bad = await lead_with(desk, headcount="many")
        mine = (await desk("north1", "POST", "/v1/leads", {"name": "M", "custom": {"headcount": 1.5}})).json()
        made = await define(desk, "headcount", "integer")
        await looking.look()
        assert (await looking.field(made))["state"] == "refused"
        check = await looking.check(made)
        assert (check["leads"], check["with_values"], check["misfits"]) == (2, 2, 2)
        listed = await looking.misfits(made)
        assert [(one["lead_id"], one["code"], one["value"]) for one in listed] == [
            (bad["id"], "not_an_integer", "many"), (mine["id"], "not_an_integer", 1.5),
        ]  # fmt: skip
        assert [one["lead_id"] for one in await looking.misfits(made, by="north1")] == [mine["id"]]

        for lead, value in ((bad, 30), (mine, None)):
            mended = await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"custom": {"headcount": value}})
            assert mended.status == 200, mended
        await looking.retype(made, "integer")
        await looking.look()
        assert (await looking.field(made))["state"] == "ready"
        assert await looking.misfits(made) == []


class TestOtherTypes:
    async def test_values_become_the_other_type_when_all_say_the_same_in_it(
        self, desk: Desk, looking: Looking
    ) -> None:
        field = await looking.ready("size", "text")
        lead = await lead_with(desk, size=" 12 ")
        await looking.retype(field, "integer")
        assert faults(await post(desk, {"size": "big"})) == [("/custom/size", "not_an_integer")]
        meanwhile = await lead_with(desk, size="13")
        await looking.look()
        assert (await looking.field(field))["type"] == "integer"
        assert [await looking.custom(one) for one in (lead, meanwhile)] == [{"size": 12}, {"size": 13}]
        assert faults(await post(desk, {"size": "14"})) == [("/custom/size", "not_an_integer")]

    async def test_the_old_type_holds_on_when_some_do_not_fit(self, desk: Desk, looking: Looking) -> None:
        field = await looking.ready("size", "text")
        lead = await lead_with(desk, size="big")
        await looking.retype(field, "integer")
        await looking.look()
        found = await looking.field(field)
        assert (found["state"], found["type"], found["wanted_type"]) == ("refused", "text", "integer")
        assert await looking.custom(lead) == {"size": "big"}
        await lead_with(desk, size="small")
        back = await looking.retype(field, "text")
        assert (back["state"], back["wanted_type"]) == ("ready", None)

    async def test_texts_become_choices_by_their_labels(self, desk: Desk, looking: Looking) -> None:
        field = await looking.ready("industry", "text")
        lead = await lead_with(desk, industry="钢铁")
        await looking.retype(field, "choice", options=INDUSTRY["options"])
        await looking.look()
        assert await looking.custom(lead) == {"industry": "steel"}

    async def test_nothing_slips_through_when_a_lead_is_stored_by_what_was_known_before(
        self, desk: Desk, looking: Looking
    ) -> None:
        slow = Newcomer(Draft(name="Slow", custom={"size": "big"}), None)
        async with looking.app.transaction(Access(desk.tenant_id)) as tx:
            # It has read what fields there are, and takes its time.
            [lead] = await create_leads(tx, desk.tenant_id, [slow], desk.clock.at)
            field = await define(desk, "size", "integer")
            await looking.look()
            assert (await looking.field(field))["state"] == "checking"
            assert (await looking.check(field))["leads"] == 0
        await looking.look()
        assert (await looking.field(field))["state"] == "refused"
        assert [one["lead_id"] for one in await looking.misfits(field)] == [str(lead.id)]  # type: ignore[union-attr]

    async def test_every_portion_is_looked_at_when_there_are_many(
        self, desk: Desk, looking: Looking, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(use_cases, "AT_ONCE", 3)
        monkeypatch.setattr(use_cases, "WRITTEN_AT_ONCE", 2)
        leads = [await lead_with(desk, size=str(number)) for number in range(10)]
        await lead_with(desk)
        field = await looking.ready("size", "integer")
        check = await looking.check(field)
        assert (check["leads"], check["with_values"], check["misfits"]) == (11, 10, 0)
        assert [await looking.custom(lead) for lead in leads] == [{"size": number} for number in range(10)]

    async def test_a_field_in_change_waits_before_it_changes_again(
        self, desk: Desk, looking: Looking
    ) -> None:
        field = await looking.ready("site", "text")
        path = f"/v1/custom-fields/{field['id']}"
        assert (await desk("head", "PATCH", path, {"searchable": True})).json()["state"] == "converting"
        answer = await desk("head", "PATCH", path, {"type": "url"})
        assert (answer.status, answer.json()["code"]) == (409, "field_in_change")
        await looking.look()
        assert (await desk("head", "PATCH", path, {"type": "url"})).json()["state"] == "checking"


class TestDemands:
    async def test_a_lead_has_the_default_when_it_says_nothing(self, desk: Desk, looking: Looking) -> None:
        await looking.ready("industry", "choice", default="glass")
        assert (await lead_with(desk))["custom"] == {"industry": "glass"}
        assert (await lead_with(desk, industry="steel"))["custom"] == {"industry": "steel"}

    async def test_every_missing_field_is_named_when_a_lead_is_moved_or_made(
        self, desk: Desk, looking: Looking
    ) -> None:
        await looking.ready("budget", "number", required_from="product_demo")
        await looking.ready("decider", "text", required_from="needs_analysis")
        await looking.ready("signed", "date", required_from="won")
        lead = await lead_with(desk)

        async def move(to: str) -> tuple[int, list[str]]:
            answer = await desk("head", "POST", f"/v1/leads/{lead['id']}/move", {"to": to})
            return answer.status, [one["code"] for one in answer.json().get("errors", [])]

        assert await move("first_contact") == (200, [])
        assert await move("contract") == (409, ["field:budget", "field:decider"])
        assert await move("won") == (409, ["field:budget", "field:decider", "field:signed"])
        assert await move("lost") == (200, [])
        # Who was lost comes back no further than their fields allow.
        assert await move("needs_analysis") == (409, ["field:decider"])
        assert await move("first_contact") == (200, [])
        path = f"/v1/leads/{lead['id']}"
        filled = {"budget": 5, "decider": "Wang", "signed": "2026-03-02"}
        assert (await desk("head", "PATCH", path, {"custom": filled})).status == 200
        assert await move("won") == (200, [])

        emptied = await desk("head", "PATCH", path, {"custom": {"budget": 5, "signed": "2026-03-02"}})
        assert faults(emptied) == [("/custom/decider", "required_custom_field")]
        await looking.ready("origin", "text", required_from="prospecting")
        assert faults(await post(desk, {})) == [("/custom/origin", "required_custom_field")]
        assert await move("negotiation") == (409, ["field:origin"])
