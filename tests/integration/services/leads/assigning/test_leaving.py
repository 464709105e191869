"""Somebody leaves and comes back: on the real timers, by a clock that tests set. Scenario 11."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.assigning.handover import handing
from services.leads.assigning.handover.departures import begin_handover, begin_return
from services.leads.assigning.handover.reactions import hand_over_by
from shared.access.directory import DirectoryBehind, check_directory
from shared.contracts.org import Handover, RepLeft, RepReturned
from shared.database.engine import make_engine
from shared.database.transactions import Access, Database
from shared.events.backbone import Backbone
from shared.events.consuming.handlers import Reaction
from shared.events.timing.timers import Timers
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.assigning.test_handover import ask, owned
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.passing import Time
from tests.integration.services.leads.pools.test_pool import make_pool


class Leaving(Time):
    """North1 leaves, and is back."""

    departure_id: UUID

    async def leave(self, *to: str, most: int | None = None, rule: bool = True) -> None:
        """What the reaction does, and then the timers."""
        await self._active("north1", is_so=False)
        self.departure_id = new_id()
        users = tuple(self.desk.users[name] for name in to)
        left = RepLeft(
            departure_id=self.departure_id,
            user_id=self.desk.users["north1"],
            effective_at=self.desk.clock.at,
            handover=Handover(user_ids=users, max_open_leads=most) if rule else None,
        )
        async with self.app.transaction(Access(self.desk.tenant_id)) as tx:
            await begin_handover(tx, self.desk.tenant_id, left, self.desk.clock.at)
        await self.fire()

    async def come_back(self, *, in_time: bool = True, fire: bool = True) -> None:
        await self._active("north1", is_so=True)
        self.desk.clock.at += timedelta(days=2)
        back = RepReturned(
            departure_id=self.departure_id,
            user_id=self.desk.users["north1"],
            left_at=NOON,
            leads_return=in_time,
        )
        async with self.app.transaction(Access(self.desk.tenant_id)) as tx:
            await begin_return(tx, back, self.desk.clock.at)
        if fire:
            await self.fire()

    async def _active(self, name: str, *, is_so: bool) -> None:
        command = "update org_users set active = $3 where tenant_id = $1 and id = $2"
        await self.desk.admin.execute(command, self.desk.tenant_id, self.desk.users[name], is_so)

    async def told(self) -> dict[str, Any]:
        """What became of it, as the head is told."""
        answer = await self.desk("head", "GET", f"/v1/handovers?user_id={self.desk.users['north1']}")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json()["items"][0]
        return found


@pytest.fixture
async def leaving(desk: Desk, settings: Settings) -> AsyncIterator[Leaving]:
    app, worker = (Database(make_engine(settings, "leads", role, pool_size=2)) for role in ("app", "worker"))
    backbone, timers = Backbone(settings, "leads", worker, app, clock=desk.clock), Timers()
    hand_over_by(Reaction("leads.test"), timers, desk.clock)
    yield Leaving(desk, app, backbone, timers)
    for database in (app, worker):
        await database.dispose()


async def lead_of(desk: Desk, lead: str) -> dict[str, Any]:
    found: dict[str, Any] = (await desk("head", "GET", f"/v1/leads/{lead}")).json()
    return found


async def last_assignment(desk: Desk, lead: str) -> dict[str, Any]:
    found: dict[str, Any] = (await desk("head", "GET", f"/v1/leads/{lead}/assignments")).json()["items"][-1]
    return found


class TestLeaving:
    async def test_what_is_done_equals_what_was_previewed(self, desk: Desk, leaving: Leaving) -> None:
        """Scenario 11: B 60, C 64, D 71, E 98, cap 100."""
        mine = await owned(desk, "north1", 37)
        for name, held in (("b", 60), ("c", 64), ("d", 71), ("e", 98)):
            await desk.user(name, "north-team")
            values = (desk.tenant_id, desk.users[name], held)
            await desk.admin.execute("insert into rep_loads values ($1, $2, $3)", *values)
        preview = (await ask(desk, *"bcde", preview=True, max_open_leads=100)).json()
        await leaving.leave(*"bcde", most=100)
        told = await leaving.told()
        assert told["candidates"] == preview["candidates"]
        assert [(one["display_name"], one["given"], one["reason"]) for one in told["candidates"]] == [
            ("B", 18, None), ("C", 13, None), ("D", 6, None), ("E", 0, "another_has_fewer_open_leads"),
        ]  # fmt: skip
        assert (told["given"], told["pooled"], told["stayed"], told["warning"]) == (37, 0, 0, None)
        assert await loads(desk) == {"north1": 0, "b": 78, "c": 77, "d": 77, "e": 98}
        for one in preview["leads"]:
            assert (await lead_of(desk, one["lead_id"]))["owner_id"] == one["owner_id"]
        last = await last_assignment(desk, mine[0])
        assert (last["how"], last["assigned_by"], last["reason"]) == (
            "manual", None, "the owner before has left",
        )  # fmt: skip
        assert last["rules"][0]["candidates"][0]["reason"] == "chosen"

    async def test_all_of_it_is_done_when_there_are_more_than_go_at_once(
        self, desk: Desk, leaving: Leaving, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await owned(desk, "north1", 7)
        await owned(desk, "south1", 2)
        preview = (await ask(desk, "north2", "south1", preview=True)).json()
        for module in ("handing", "departures"):
            monkeypatch.setattr(f"services.leads.assigning.handover.{module}.AT_ONCE", 3)
        assert handing.AT_ONCE == 3
        await leaving.leave("north2", "south1")
        told = await leaving.told()
        assert told["candidates"] == preview["candidates"]
        assert (told["given"], told["ended_at"] is not None) == (7, True)
        await leaving.come_back()
        assert await loads(desk) == {"north1": 7, "north2": 0, "south1": 2}
        assert (await leaving.told())["returned"] == 7

    async def test_it_goes_to_the_pool_when_nobody_is_eligible(self, desk: Desk, leaving: Leaving) -> None:
        pool = await make_pool(desk, is_default=True)
        first, second = await owned(desk, "north1", 2)
        await leaving.leave("south1", most=1)
        told = await leaving.told()
        assert (told["given"], told["pooled"], told["stayed"], told["warning"]) == (1, 1, 0, None)
        assert (await lead_of(desk, first))["owner_id"] == str(desk.users["south1"])
        pooled = await lead_of(desk, second)
        assert (pooled["owner_id"], pooled["pool_id"]) == (None, pool["id"])
        assert pooled["pooled_at"] is not None

    async def test_it_warns_when_leads_stay_behind(self, desk: Desk, leaving: Leaving) -> None:
        await owned(desk, "north1", 2)
        await leaving.leave("south1", most=1)
        told = await leaving.told()
        assert (told["stayed"], told["open_leads"], told["warning"]) == (1, 1, "leads_left_behind")
        assert (await ask(desk, "south1")).status == 200
        assert (await leaving.told())["warning"] is None

    async def test_it_warns_when_nothing_was_said_of_the_leads(self, desk: Desk, leaving: Leaving) -> None:
        await owned(desk, "north1", 2)
        await leaving.leave(rule=False)
        told = await leaving.told()
        assert (told["rule"], told["open_leads"], told["warning"]) == (None, 2, "leads_left_behind")

    async def test_only_who_sees_the_leaver_is_told(self, desk: Desk, leaving: Leaving) -> None:
        await leaving.leave(rule=False)
        target = f"/v1/handovers?user_id={desk.users['north1']}"
        assert (await desk("boss", "GET", target)).status == 200
        for name in ("south1", "north2"):
            assert (await desk(name, "GET", target)).status == 404
        assert (await desk("head", "GET", f"/v1/handovers?user_id={new_id()}")).status == 404


class TestComingBack:
    async def test_what_nobody_touched_returns_with_its_history(self, desk: Desk, leaving: Leaving) -> None:
        [lead] = await owned(desk, "north1", 1)
        await leaving.leave("south1")
        await leaving.come_back()
        assert (await lead_of(desk, lead))["owner_id"] == str(desk.users["north1"])
        last = await last_assignment(desk, lead)
        assert last["previous_owner_id"] == str(desk.users["south1"])
        assert last["reason"] == "the owner before is back, and nobody has touched it"
        assert await loads(desk) == {"north1": 1, "south1": 0}
        assert (await desk.events(lead))[-1][1] == "lead_assigned"

    async def test_what_was_touched_stays(self, desk: Desk, leaving: Leaving) -> None:
        names = ("called", "moved", "changed", "won", "passed_on", "given_back", "tried", "still")
        leads = dict(zip(names, await owned(desk, "north1", len(names)), strict=True))
        await leaving.leave("south1")
        desk.clock.at += timedelta(hours=1)
        for name, effective in (("called", True), ("tried", False)):
            await desk.admin.execute(
                "insert into lead_activities (tenant_id, lead_id, activity_id, kind, at, effective, rep_id)"
                " values ($1, $2, $3, 'call', $4, $5, $6)",
                desk.tenant_id, UUID(leads[name]), new_id(), desk.clock.at, effective, desk.users["south1"],
            )  # fmt: skip
        doings: list[tuple[str, str, str, dict[str, Any]]] = [
            ("moved", "POST", "/move", {"to": "first_contact"}),
            ("changed", "PATCH", "", {"company": "Acme"}),
            ("won", "POST", "/move", {"to": "won"}),
            ("passed_on", "POST", "/assign", {"owner_id": str(desk.users["south2"])}),
            ("given_back", "POST", "/assign", {"owner_id": str(desk.users["south2"])}),
            ("given_back", "POST", "/assign", {"owner_id": str(desk.users["south1"])}),
        ]
        for name, method, path, body in doings:
            answer = await desk("head", method, f"/v1/leads/{leads[name]}{path}", body)
            assert answer.status == 200, answer
        await leaving.come_back()
        back = [name for name in names if await _owner(desk, leads[name]) == str(desk.users["north1"])]
        # An attempt that reached nobody is no follow-up.
        assert back == ["tried", "still"]
        told = await leaving.told()
        assert (told["returned"], told["warning"]) == (2, None)
        assert await loads(desk) == {"north1": 2, "south1": 4, "south2": 1}

    async def test_it_returns_out_of_the_pool_when_nobody_has_taken_it(
        self, desk: Desk, leaving: Leaving
    ) -> None:
        await make_pool(desk, is_default=True)
        taken, lying = await owned(desk, "north1", 2)
        await leaving.leave("north1")
        assert (await desk("south1", "POST", f"/v1/leads/{taken}/claim")).status == 200
        await leaving.come_back()
        assert await _owner(desk, taken) == str(desk.users["south1"])
        assert await _owner(desk, lying) == str(desk.users["north1"])
        assert (await lead_of(desk, lying))["pooled_at"] is None

    async def test_nothing_returns_when_it_was_too_long(self, desk: Desk, leaving: Leaving) -> None:
        [lead] = await owned(desk, "north1", 1)
        await leaving.leave("south1")
        await leaving.come_back(in_time=False)
        assert await _owner(desk, lead) == str(desk.users["south1"])
        assert (await leaving.told())["returned_at"] is None

    async def test_nothing_happens_when_nobody_here_has_seen_them_leave(
        self, desk: Desk, leaving: Leaving
    ) -> None:
        [lead] = await owned(desk, "north1", 1)
        leaving.departure_id = new_id()
        await leaving.come_back()
        assert await _owner(desk, lead) == str(desk.users["north1"])
        assert (
            await desk.admin.fetchval("select count(*) from timers where tenant_id = $1", desk.tenant_id) == 0
        )

    async def test_nothing_returns_when_they_have_left_once_more(self, desk: Desk, leaving: Leaving) -> None:
        [lead] = await owned(desk, "north1", 1)
        await leaving.leave("south1")
        await leaving.come_back(fire=False)
        await leaving.leave("south2")
        assert await _owner(desk, lead) == str(desk.users["south1"])
        assert await loads(desk) == {"north1": 0, "south1": 1, "south2": 0}


async def _owner(desk: Desk, lead: str) -> str | None:
    owner: str | None = (await lead_of(desk, lead))["owner_id"]
    return owner


class TestDirectory:
    async def test_a_reaction_waits_when_the_directory_is_behind(self, desk: Desk, leaving: Leaving) -> None:
        async with leaving.app.transaction(Access(desk.tenant_id)) as tx:
            with pytest.raises(DirectoryBehind):
                await check_directory(tx, 3)
            await desk.admin.execute("insert into org_versions values ($1, 3)", desk.tenant_id)
            await check_directory(tx, 3)
            with pytest.raises(DirectoryBehind):
                await check_directory(tx, 4)
