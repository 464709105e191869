"""Many leads to others in portions on the real timers, and the register of who asked for what."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.assigning.reassignment import asking, going_on, use_cases
from services.leads.assigning.reassignment.reactions import reassign_by
from services.leads.assigning.reassignment.use_cases import forget
from services.leads.capture.intake.naming import FORGOTTEN
from services.leads.privacy.audit.use_cases import write_down
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.backbone import Backbone
from shared.events.timing.timers import Timers
from shared.settings import Settings
from tests.integration.services.leads.assigning.reassigning import (
    PATH,
    as_it_is,
    ask,
    done,
    kept,
    one,
    owners,
    previewed,
    rule,
    several,
)
from tests.integration.services.leads.assigning.test_handover import owned
from tests.integration.services.leads.assigning.test_leaving import last_assignment
from tests.integration.services.leads.capture.test_refitting import (
    Looking,
    lead_with,
    looking,  # noqa: F401 - a fixture
)
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.passing import Time
from tests.integration.services.leads.pools.test_pool import make_pool, pooled

PORTION = 3


@pytest.fixture
async def portions(desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Time]:
    """The worker's timers; three leads at a time."""
    for module in (going_on, use_cases):
        monkeypatch.setattr(module, "AT_ONCE", PORTION)
    app = Database(make_engine(settings, "leads", "app", pool_size=2), ledger=write_down)
    worker = Database(make_engine(settings, "leads", "worker", pool_size=2))
    backbone, timers = Backbone(settings, "leads", worker, app, clock=desk.clock), Timers()
    reassign_by(timers, desk.clock)
    yield Time(desk, app, backbone, timers)
    for database in (app, worker):
        await database.dispose()


class TestInPortions:
    async def test_it_is_refused_when_too_many_match(
        self, desk: Desk, portions: Time, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (asking, use_cases):
            monkeypatch.setattr(module, "MOST", 4)
        leads = await owned(desk, "south1", 5)
        for preview in (True, False):
            refused = await ask(desk, one(desk, "north1"), preview=preview)
            assert (refused.status, refused.pointers, refused.code) == (
                422, ["/filters"], "too_many_leads",
            )  # fmt: skip
        assert await owners(desk, leads[0]) == ["south1"]

    async def test_all_of_it_is_done_when_there_are_more_than_go_at_once(
        self, desk: Desk, portions: Time
    ) -> None:
        leads = await owned(desk, "south1", 8)
        [won] = await owned(desk, "south1", 1)
        await desk("head", "POST", f"/v1/leads/{won}/move", {"to": "won"})
        to = several(desk, "north1", "north2", by="turns")
        told = await previewed(desk, to)
        begun = await done(desk, to, digest=told["digest"], expected=9)
        assert (begun["state"], begun["total"], begun["looked_at"]) == ("running", 9, 0)
        assert await owners(desk, leads[0]) == ["south1"]
        await portions.timers.fire_due(portions.backbone)
        part = await as_it_is(desk, begun)
        assert (part["state"], part["given"], part["looked_at"]) == ("running", 3, 3)
        await portions.fire()
        ended = await as_it_is(desk, begun)
        assert (ended["state"], ended["given"], kept(ended)) == ("done", 8, {"lead_closed": 1})
        assert (ended["ended_at"] is not None, told["given"]) == (True, 8)
        # Turns go on from one portion to the next.
        assert await owners(desk, *leads) == ["north1", "north2"] * 4
        kinds = Counter([kind for lead in leads for _, kind, _ in await desk.events(lead)])
        assert kinds["lead_assigned"] == 16
        assert (await last_assignment(desk, leads[-1]))["reassignment_id"] == begun["id"]
        stayed = (await desk("head", "GET", f"{PATH}/{begun['id']}/kept")).json()["items"]
        assert stayed == [{"lead_id": won, "reason": "lead_closed"}]
        none = (await desk("head", "GET", f"{PATH}/{begun['id']}/kept?reason=full")).json()["items"]
        assert none == []

    async def test_the_rules_go_on_with_their_turns(self, desk: Desk, portions: Time) -> None:
        await rule(desk, "north1", "north2")
        leads = await owned(desk, "south1", 7)
        await done(desk, {"rules": True})
        await portions.fire()
        assert await owners(desk, *leads) == ["north1", "north2"] * 3 + ["north1"]

    async def test_what_changed_hands_since_then_stays(self, desk: Desk, portions: Time) -> None:
        *leads, passed_on, given_back, newcomer = await owned(desk, "south1", 6)
        pool = await make_pool(desk)
        begun = await done(desk, one(desk, "north1"))
        desk.clock.at += timedelta(minutes=1)
        await desk("head", "POST", f"/v1/leads/{passed_on}/assign", {"owner_id": str(desk.users["south2"])})
        await desk("head", "POST", f"/v1/leads/{given_back}/release", {"pool_id": pool["id"]})
        await desk("head", "POST", f"/v1/leads/{newcomer}/move", {"to": "lost", "reason": "no budget"})
        later = str((await desk.lead())["id"])
        await portions.fire()
        ended = await as_it_is(desk, begun)
        assert (ended["given"], kept(ended)) == (3, {"owner_changed": 2, "lead_closed": 1})
        assert await owners(desk, *leads, passed_on, given_back, later) == [
            *["north1"] * 3, "south2", None, None,
        ]  # fmt: skip

    async def test_no_lead_is_given_twice_when_its_worker_dies(
        self, desk: Desk, portions: Time, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leads = await owned(desk, "south1", 7)
        begun = await done(desk, several(desk, "north1", "north2", by="turns"))
        await portions.timers.fire_due(portions.backbone)
        store = use_cases.store_progress

        async def dies(*args: Any, **more: Any) -> Any:
            await store(*args, **more)
            raise ConnectionResetError("killed before its commit")

        monkeypatch.setattr(going_on, "store_progress", dies)
        with pytest.raises(ConnectionResetError):
            await portions.timers.fire_due(portions.backbone)
        assert (await as_it_is(desk, begun))["given"] == 3
        monkeypatch.setattr(going_on, "store_progress", store)
        await portions.fire()
        assert (await as_it_is(desk, begun))["given"] == 7
        assert await owners(desk, *leads) == ["north1", "north2"] * 3 + ["north1"]
        given = [kind for lead in leads for _, kind, _ in await desk.events(lead)]
        assert given.count("lead_assigned") == 14
        assert await loads(desk) == {"north1": 4, "north2": 3, "south1": 0}

    async def test_nothing_further_is_given_when_it_is_stopped(self, desk: Desk, portions: Time) -> None:
        leads = await owned(desk, "south1", 7)
        begun = await done(desk, one(desk, "north1"), by="head")
        await portions.timers.fire_due(portions.backbone)
        stopped = await desk("head", "POST", f"{PATH}/{begun['id']}/stop")
        assert (stopped.status, stopped.json()["state"]) == (200, "stopped")
        told = stopped.json()
        assert (told["stopped_why"], told["stopped_by"], told["given"]) == (
            "by_hand", str(desk.users["head"]), 3,
        )  # fmt: skip
        await portions.fire()
        assert await owners(desk, *leads) == ["north1"] * 3 + ["south1"] * 4
        again = await desk("head", "POST", f"{PATH}/{begun['id']}/stop")
        assert (again.status, again.code) == (409, "already_ended")

    async def test_nothing_further_is_given_when_the_askers_rights_change(
        self, desk: Desk, portions: Time
    ) -> None:
        leads = await owned(desk, "north1", 7)
        begun = await done(desk, one(desk, "south1"), by="boss")
        await portions.timers.fire_due(portions.backbone)
        await desk.admin.execute(
            "insert into org_principals (tenant_id, id, changed_seq, revoked) values ($1, $2, 5, false)",
            desk.tenant_id, desk.users["boss"],
        )  # fmt: skip
        await portions.fire()
        ended = await as_it_is(desk, begun, by="head")
        assert (ended["state"], ended["stopped_why"], ended["given"]) == ("stopped", "rights_changed", 3)
        assert await owners(desk, *leads) == ["south1"] * 3 + ["north1"] * 4

    async def test_only_what_the_asker_sees_is_given_by_the_worker(self, desk: Desk, portions: Time) -> None:
        mine, theirs = await owned(desk, "north1", 5), await owned(desk, "south1", 2)
        begun = await done(desk, one(desk, "south2"), by="boss")
        await portions.fire()
        assert (await as_it_is(desk, begun, by="boss"))["given"] == 5
        assert await owners(desk, *mine, *theirs) == ["south2"] * 5 + ["south1"] * 2

    async def test_it_stops_when_there_is_nothing_left_to_go_by(self, desk: Desk, portions: Time) -> None:
        await owned(desk, "south1", 5)
        made_rule = await rule(desk, "north1")
        begun = await done(desk, {"rules": True})
        await desk("head", "DELETE", f"/v1/assignment-rules/{made_rule['id']}")
        await portions.fire()
        assert (await as_it_is(desk, begun))["stopped_why"] == "no_rules"

    async def test_it_stops_when_its_pool_is_no_longer_open_to_the_asker(
        self, desk: Desk, portions: Time
    ) -> None:
        pool = await make_pool(desk)
        leads = [await pooled(desk, pool) for _ in range(5)]
        begun = await done(desk, one(desk, "north1"), by="boss", filters={"pool": pool["id"]})
        await portions.timers.fire_due(portions.backbone)
        south = {"members": {"unit_ids": [str(desk.units["south"])]}}
        assert (await desk("head", "PATCH", f"/v1/pools/{pool['id']}", south)).status == 200
        await portions.fire()
        ended = await as_it_is(desk, begun)
        assert (ended["state"], ended["stopped_why"], ended["given"]) == ("stopped", "filters_outdated", 3)
        assert await owners(desk, *leads) == ["north1"] * 3 + [None] * 2

    async def test_it_waits_while_a_field_that_it_goes_by_is_in_change(
        self,
        desk: Desk,
        portions: Time,
        looking: Looking,  # noqa: F811
    ) -> None:
        field = await looking.ready("site", "text")
        leads = [str((await lead_with(desk, site="here"))["id"]) for _ in range(5)]
        begun = await done(desk, one(desk, "north1"), filters={"custom": ["site=here"]})
        await portions.timers.fire_due(portions.backbone)
        await desk("head", "PATCH", f"/v1/custom-fields/{field['id']}", {"searchable": True})
        await portions.fire()
        waiting = await as_it_is(desk, begun)
        assert (waiting["state"], waiting["given"]) == ("running", 3)
        await looking.look()
        desk.clock.at += timedelta(minutes=1)
        await portions.fire()
        assert (await as_it_is(desk, begun))["state"] == "done"
        assert await owners(desk, *leads) == ["north1"] * 5

    async def test_each_change_of_owner_is_the_askers(self, desk: Desk, portions: Time) -> None:
        leads = await owned(desk, "south1", 4)
        await done(desk, one(desk, "north1"))
        await portions.fire()
        rows = await desk.admin.fetch(
            "select distinct on (lead_id) kind, user_id, route from audit_entries"
            " where tenant_id = $1 and lead_id = any($2) order by lead_id, seq desc",
            desk.tenant_id, [UUID(lead) for lead in leads],
        )  # fmt: skip
        assert [tuple(row) for row in rows] == [("user", desk.users["head"], f"POST {PATH}")] * 4

    async def test_both_end_when_two_are_under_way_at_once(self, desk: Desk, portions: Time) -> None:
        leads = await owned(desk, "south1", 9)
        first = await done(desk, several(desk, "north1", "north2"))
        second = await done(desk, several(desk, "north2", "north1"))
        await asyncio.gather(portions.fire(), portions.fire())
        told = [await as_it_is(desk, each) for each in (first, second)]
        assert [each["state"] for each in told] == ["done", "done"]
        assert sum(each["given"] for each in told) == 9
        assert sum((await loads(desk)).values()) == len(leads)


class TestRegister:
    async def test_one_sees_ones_own_and_who_sees_the_tenant_all(self, desk: Desk) -> None:
        await desk.user("other", "south-team", role="supervisor", is_rep=False)
        made = await done(desk, one(desk, "north1"), by="boss", reason="mine")
        second = await done(desk, one(desk, "north1"), by="head")
        listed = {}
        for name in ("head", "boss", "other"):
            items = (await desk(name, "GET", PATH)).json()["items"]
            listed[name] = [each["id"] for each in items]
        assert listed == {"head": [second["id"], made["id"]], "boss": [made["id"]], "other": []}
        running = (await desk("head", "GET", f"{PATH}?state=running")).json()["items"]
        assert running == []
        for method, path in (("GET", ""), ("GET", "/kept"), ("POST", "/stop")):
            refused = await desk("other", method, f"{PATH}/{made['id']}{path}")
            assert (refused.status, refused.code) == (404, "unknown_reassignment")

    async def test_pages_follow_one_another(self, desk: Desk) -> None:
        made = [(await done(desk, one(desk, "north1")))["id"] for _ in range(3)]
        first = (await desk("head", "GET", f"{PATH}?limit=2")).json()
        rest = (await desk("head", "GET", f"{PATH}?limit=2&cursor={first['next_cursor']}")).json()
        assert [each["id"] for each in first["items"] + rest["items"]] == made[::-1]

    async def test_leads_that_stayed_are_told_as_far_as_they_are_seen_by_now(self, desk: Desk) -> None:
        kept_there = await owned(desk, "north1", 2)
        made = await done(desk, one(desk, "north1"), by="boss")
        assert kept(made) == {"same_owner": 2}
        away = {"owner_id": str(desk.users["south1"])}
        await desk("head", "POST", f"/v1/leads/{kept_there[0]}/assign", away)
        told = (await desk("boss", "GET", f"{PATH}/{made['id']}/kept")).json()["items"]
        assert [each["lead_id"] for each in told] == kept_there[1:]

    async def test_words_that_name_somebody_are_forgotten_with_them(self, desk: Desk, portions: Time) -> None:
        lead = await desk.lead(name="Anna Li")
        made = await done(desk, one(desk, "north1"), filters={"q": "Anna Li"})
        assert made["given"] == 1
        async with portions.app.transaction(Access(desk.tenant_id)) as tx:
            await forget(tx, desk.tenant_id, [UUID(lead["id"])])
        assert (await as_it_is(desk, made))["filters"] == {"q": FORGOTTEN}
