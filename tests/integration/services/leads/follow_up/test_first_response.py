"""Warned, overdue, reassigned, answered: on the real timers, by a clock that tests set. Scenario 3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from services.leads.follow_up.first_response.reactions import respond_by
from services.leads.follow_up.first_response.use_cases import look_at
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import react, rule, users
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.pools.test_pool import make_pool
from tests.integration.services.leads.responding import (
    EVE,
    Answering,
    at,
    define,
    given,
    moments,
    shown,
    story,
)


@pytest.fixture
async def time(desk: Desk, settings: Settings) -> AsyncIterator[Answering]:
    app, worker = (Database(make_engine(settings, "leads", role, pool_size=2)) for role in ("app", "worker"))
    backbone, timers = Backbone(settings, "leads", worker, app, clock=desk.clock), Timers()
    respond_by(timers, desk.clock)
    await desk.calendar("company", [date(2026, 2, day) for day in range(15, 24)], [date(2026, 2, 14)])
    desk.clock.at = EVE
    yield Answering(desk, app, backbone, timers)
    for database in (app, worker):
        await database.dispose()


class TestSpringFestival:
    async def test_another_has_it_when_its_owner_does_nothing(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        made = await define(desk)
        lead = await given(desk, settings, time)
        dates = {
            "warn": at(24, 9, 2),
            "due": at(24, 9, 5),
            "escalate": at(24, 9, 5),
            "reassign": at(24, 10, 5),
        }
        before = (await shown(desk, lead, "north1"))["current"]
        assert moments(before, "planned_at") == dates
        assert set(moments(before, "happened_at").values()) == {None}
        await time.pass_to(at(24, 10, 6))
        assert await story(desk, lead) == [
            ("response_warned", at(24, 9, 2)), ("response_overdue", at(24, 9, 5)),
            ("lead_assigned", at(24, 10, 5)),
        ]  # fmt: skip
        overdue = (await desk.events(lead))[3][2]
        assert overdue["escalated_to"] == [str(desk.users["boss"])]
        assert datetime.fromisoformat(overdue["due_at"]) == at(24, 9, 5)
        assert (overdue["rule_id"], overdue["credit"]["rep_id"]) == (made["id"], str(desk.users["north1"]))
        now = await shown(desk, lead)
        [first] = now["earlier"]
        assert moments(first, "happened_at") == dates
        assert first["steps"][-1]["user_ids"] == [str(desk.users["north2"])]
        assert now["current"]["owner_id"] == str(desk.users["north2"])
        assert datetime.fromisoformat(now["current"]["due_at"]) == at(24, 10, 20)

    async def test_840_business_seconds_when_called_at_0904(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        lead = await given(desk, settings, time)
        await time.call(lead, "north1", at(24, 9, 4))
        await time.pass_to(at(24, 12))
        assert await story(desk, lead) == [
            ("response_warned", at(24, 9, 2)), ("response_given", at(24, 9, 4)),
        ]  # fmt: skip
        data = (await desk.events(lead))[-1][2]
        assert (data["business_s"], data["elapsed_s"], data["how"]) == (840, 832440, "follow_up")
        assert data["credit"]["rep_id"] == str(desk.users["north1"])
        current = (await shown(desk, lead, "north1"))["current"]
        assert (current["business_s"], current["elapsed_s"]) == (840, 832440)
        assert datetime.fromisoformat(current["handled_at"]) == at(24, 9, 4)


class TestLookingAgain:
    async def test_nobody_is_warned_when_the_call_was_told_of_late(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        lead = await given(desk, settings, time)
        await time.call(lead, "north1", at(24, 9, 1), seen=False)
        await time.pass_to(at(24, 12))
        assert await story(desk, lead) == [("response_given", at(24, 9, 1))]

    async def test_dates_move_when_the_owner_falls_ill_meanwhile(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        lead = await given(desk, settings, time)
        await time.pass_to(at(24, 8))
        await desk.admin.execute(
            "insert into org_absences (tenant_id, id, user_id, from_at, to_at) values ($1, $2, $3, $4, $5)",
            desk.tenant_id, new_id(), desk.users["north1"], at(24, 9, 3), at(25, 9),
        )  # fmt: skip
        await time.pass_to(at(25, 9, 30))
        assert await story(desk, lead) == [
            ("response_warned", at(24, 9, 2)), ("response_overdue", at(25, 9, 2)),
        ]  # fmt: skip

    async def test_only_the_owner_s_own_effective_follow_up_counts(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk, reassign_after_minutes=None)
        lead = await given(desk, settings, time)
        await time.call(lead, "north2", at(24, 9, 1))
        await time.call(lead, "north1", at(24, 9, 3), effective=False)
        await time.call(lead, "north1", at(24, 9, 30))
        assert await story(desk, lead) == [
            ("response_warned", at(24, 9, 2)), ("response_overdue", at(24, 9, 5)),
            ("response_given", at(24, 9, 30)),
        ]  # fmt: skip

    async def test_its_owner_keeps_it_when_they_call_before_it_is_taken(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        lead = await given(desk, settings, time)
        await time.pass_to(at(24, 10, 4))
        desk.clock.at = at(24, 10, 5)
        # The date has come, and asks for another owner; the call is stored before that is done.
        async with time.app.transaction(Access(desk.tenant_id)) as tx:
            await look_at(tx, desk.tenant_id, UUID(lead), desk.clock.at)
        await time.call(lead, "north1", at(24, 10, 4), seen=False)
        await time.pass_to(at(24, 12))
        assert (await story(desk, lead))[2:] == [("response_given", at(24, 10, 4))]

    async def test_three_attempts_on_three_days_are_a_response(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk, reassign_after_minutes=None)
        desk.clock.at = at(24, 9)
        lead = await given(desk, settings, time)
        for hour, kind in ((9, "call"), (33, "email"), (34, "message"), (57, "message")):
            moment = at(24, 0) + timedelta(hours=hour)
            await time.call(lead, "north1", moment, effective=False, kind=kind)
        current = (await shown(desk, lead))["current"]
        assert (current["how"], current["elapsed_s"]) == ("attempts", 48 * 3600)
        assert (await story(desk, lead))[-1] == ("response_given", at(26, 9))

    async def test_nothing_comes_when_the_lead_is_closed(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        lead = await given(desk, settings, time)
        await desk("north1", "POST", f"/v1/leads/{lead}/move", {"to": "lost"})
        await time.pass_to(at(24, 12))
        assert [kind for kind, _ in await story(desk, lead)] == ["stage_changed"]
        # Reopened, there is the whole time again.
        await desk("north1", "POST", f"/v1/leads/{lead}/move", {"to": "needs_analysis"})
        await time.start(lead)
        await time.pass_to(at(24, 12, 14))
        assert (await story(desk, lead))[1:] == [
            ("stage_changed", at(24, 12)), ("response_warned", at(24, 12, 12)),
        ]  # fmt: skip

    async def test_a_call_is_noted_when_it_was_faster_than_the_clock(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        await rule(desk, candidates=users(desk, "north1"))
        lead = await desk.lead(source="web_form")
        await react(desk, settings, lead)
        await time.call(lead["id"], "north1", EVE)
        await time.fire()
        assert await story(desk, lead["id"]) == [("response_given", EVE)]


class TestOtherHands:
    async def test_it_goes_to_the_default_pool_when_the_rules_have_nobody_else(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        pool = await make_pool(desk, is_default=True)
        await rule(desk, candidates=users(desk, "north1"))
        lead = await desk.lead(source="web_form")
        await react(desk, settings, lead)
        await time.start(lead["id"])
        await time.pass_to(at(24, 12))
        data = (await desk.events(lead["id"]))[-1][2]
        assert (data["pool_id"], data["why"]) == (pool["id"], "no_first_response")
        now = await shown(desk, lead["id"])
        assert now["current"] is None
        assert moments(now["earlier"][0], "happened_at")["reassign"] == at(24, 10, 5)
        assert await loads(desk) == {"north1": 0}

    async def test_it_stays_and_the_manager_hears_of_it_when_there_is_nowhere_to_go(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await desk.user("boss-north", "north", role="manager", is_rep=False)
        steps = [{"after_minutes": 15, "to": "supervisor"}, {"after_minutes": 240, "to": "manager"}]
        await define(desk, escalate=steps)
        await rule(desk, candidates=users(desk, "north1"))
        lead = await desk.lead(source="web_form")
        await react(desk, settings, lead)
        await time.start(lead["id"])
        await time.pass_to(at(24, 17))
        assert await story(desk, lead["id"]) == [
            ("response_warned", at(24, 9, 2)), ("response_overdue", at(24, 9, 5)),
            ("response_overdue", at(24, 12, 50)),
        ]  # fmt: skip
        told = (await desk.events(lead["id"]))[-1][2]["escalated_to"]
        assert told == [str(desk.users["boss-north"])]

    async def test_the_manager_hears_once_when_it_goes_through_all_hands(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await desk.user("manager", "company", role="manager", is_rep=False)
        await desk.user("boss-south", "south-team", role="supervisor", is_rep=False)
        steps = [{"after_minutes": 15, "to": "supervisor"}, {"after_minutes": 240, "to": "manager"}]
        await define(desk, escalate=steps, warn_minutes=None)
        everybody = ("north1", "north2", "south1", "south2")
        await rule(desk, candidates=users(desk, *everybody))
        lead = await given(desk, settings, time)
        await time.pass_to(at(24, 17))
        told = [
            data["escalated_to"] for _, kind, data in await desk.events(lead) if kind == "response_overdue"
        ]
        times = [moment for kind, moment in await story(desk, lead) if kind == "response_overdue"]
        assert times == [at(24, 9, 5), at(24, 10, 20), at(24, 11, 35), at(24, 12, 50)]
        manager = str(desk.users["manager"])
        # Handed on every 75 minutes; the manager's four hours count from the first owner's start.
        assert [manager in people for people in told] == [False, False, False, True]
        now = await shown(desk, lead)
        # Nobody has it twice; the last one keeps it, for there is no pool.
        owners = [clock["owner_id"] for clock in (*now["earlier"], now["current"])]
        assert owners == [str(desk.users[name]) for name in everybody]
        assert moments(now["current"], "happened_at")["reassign"] == at(24, 13, 50)

    async def test_the_next_one_up_hears_of_it_when_there_is_no_such_person_above(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await desk.user("chief", "company", role="director", is_rep=False)
        await define(desk)
        await rule(desk, candidates=users(desk, "south1"))
        lead = await desk.lead(source="web_form")
        await react(desk, settings, lead)
        await time.start(lead["id"])
        await time.pass_to(at(24, 9, 5))
        # The supervisor is the north team's.
        assert (await desk.events(lead["id"]))[-1][2]["escalated_to"] == [str(desk.users["chief"])]

    async def test_a_new_owner_has_the_whole_time_unless_somebody_responded(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        lead = await given(desk, settings, time)
        await time.pass_to(at(24, 9, 3))
        south1, south2 = (str(desk.users[name]) for name in ("south1", "south2"))
        await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": south1})
        await time.start(lead)
        now = await shown(desk, lead)
        assert datetime.fromisoformat(now["current"]["due_at"]) == at(24, 9, 18)
        await time.call(lead, "south1", at(24, 9, 10))
        await time.pass_to(at(24, 9, 11))
        await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": south2})
        await time.start(lead)
        now = await shown(desk, lead)
        assert (now["current"], [each["how"] for each in now["earlier"]]) == (None, [None, "follow_up"])
        await time.pass_to(at(24, 12))
        assert [kind for kind, _ in await story(desk, lead)] == [
            "response_warned", "lead_assigned", "response_given", "lead_assigned",
        ]  # fmt: skip

    async def test_no_clock_starts_when_no_rule_applies_or_its_owner_is_no_rep(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        lead = await given(desk, settings, time, source="fair")
        led = await desk.lead(source="web_form")
        await desk("head", "POST", f"/v1/leads/{led['id']}/assign", {"owner_id": str(desk.users["boss"])})
        await time.start(led["id"])
        for each in (lead, led["id"]):
            assert await shown(desk, each) == {"current": None, "earlier": []}
        assert (await desk("south1", "GET", f"/v1/leads/{lead}/response")).code == "unknown_lead"

    async def test_each_goes_on_once_when_several_workers_and_reactions_meet(
        self, desk: Desk, settings: Settings, time: Answering
    ) -> None:
        await define(desk)
        await rule(desk, candidates=users(desk, "north1", "north2"))
        leads = [await desk.lead(source="web_form") for _ in range(12)]
        first = await react(desk, settings, *leads)
        await time.start(*(lead["id"] for lead in leads))
        fresh = [await desk.lead() for _ in range(12)]
        desk.clock.at = at(24, 10, 5)
        workers = [asyncio.create_task(time.timers.run(time.backbone)) for _ in range(3)]
        try:
            await asyncio.gather(*(react(desk, settings, one) for one in fresh))
            await time.rest()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        others = {desk.users["north1"]: desk.users["north2"], desk.users["north2"]: desk.users["north1"]}
        for lead_id, owner in first.items():
            given = [data for _, kind, data in await desk.events(str(lead_id)) if kind == "lead_assigned"]
            assert [data["credit"]["rep_id"] for data in given] == [str(owner), str(others[owner])]
        owned = "select owner_id, count(*) from leads where tenant_id = $1 group by owner_id"
        names = {user: name for name, user in desk.users.items()}
        held = {names[user]: count for user, count in await desk.admin.fetch(owned, desk.tenant_id)}
        assert (await loads(desk), sum(held.values())) == (held, 24)
