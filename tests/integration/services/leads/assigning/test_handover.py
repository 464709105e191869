from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from shared.ids import new_id
from tests.integration.services.leads.conftest import NOON, Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.pools.test_pool import make_pool
from tests.support.asgi import Answer

PATH = "/v1/leads/redistribute"


async def owned(desk: Desk, name: str, count: int) -> list[str]:
    """Leads in somebody's hands."""
    found = [str((await desk.lead())["id"]) for _ in range(count)]
    for lead in found:
        answer = await desk("head", "POST", f"/v1/leads/{lead}/assign", {"owner_id": str(desk.users[name])})
        assert answer.status == 200, answer
    return found


async def ask(desk: Desk, *names: str, by: str = "head", **more: Any) -> Answer:
    """Redistribute what north1 has over these."""
    body = {
        "from_user_id": str(desk.users["north1"]),
        "candidates": {"user_ids": [str(desk.users[name]) for name in names]},
    }
    return await desk(by, "POST", PATH, body | more)


class TestRedistribute:
    async def test_what_is_done_equals_what_was_previewed(self, desk: Desk) -> None:
        """Scenario 11 on a smaller scale: the leaver has 9, the others 0, 1 and 4 of at most 5."""
        mine = await owned(desk, "north1", 9)
        await owned(desk, "south1", 1)
        await owned(desk, "south2", 4)
        await desk.profile("south2", capacity=5)
        names = ("north2", "south1", "south2")
        preview = (await ask(desk, *names, preview=True)).json()
        assert await loads(desk) == {"north1": 9, "south1": 1, "south2": 4}
        answer = await ask(desk, *names, digest=preview["digest"], reason="leaves")
        assert answer.status == 200, answer
        done = answer.json()
        assert done == preview | {"preview": False}
        assert [
            (one["display_name"], one["open_leads"], one["given"], one["open_leads_after"], one["reason"])
            for one in done["candidates"]
        ] == [
            ("North2", 0, 5, 5, None),
            ("South1", 1, 4, 5, None),
            ("South2", 4, 0, 4, "another_has_fewer_open_leads"),
        ]
        assert await loads(desk) == {"north1": 0, "north2": 5, "south1": 5, "south2": 4}
        assert [one["lead_id"] for one in done["leads"]] == mine
        for told in done["leads"]:
            now = (await desk("head", "GET", f"/v1/leads/{told['lead_id']}")).json()
            assert (now["owner_id"], told["reason"]) == (told["owner_id"], "given")

    async def test_the_scenarios_numbers_come_out_when_37_leads_go_to_four(self, desk: Desk) -> None:
        """Scenario 11: B 60, C 64, D 71, E 98, cap 100."""
        mine = await owned(desk, "north1", 37)
        for name, held in (("b", 60), ("c", 64), ("d", 71), ("e", 98)):
            await desk.user(name, "north-team")
            await desk.profile(name, capacity=100)
            values = (desk.tenant_id, desk.users[name], held)
            await desk.admin.execute("insert into rep_loads values ($1, $2, $3)", *values)
        preview = (await ask(desk, "b", "c", "d", "e", preview=True)).json()
        assert [one["given"] for one in preview["candidates"]] == [18, 13, 6, 0]
        done = (await ask(desk, "b", "c", "d", "e", digest=preview["digest"])).json()
        assert done == preview | {"preview": False}
        assert len(done["leads"]) == len(mine)
        assert await loads(desk) == {"north1": 0, "b": 78, "c": 77, "d": 77, "e": 98}

    async def test_each_lead_tells_why_when_asked_later(self, desk: Desk) -> None:
        [lead] = await owned(desk, "north1", 1)
        await desk.absence("south1", NOON, NOON + timedelta(days=7))
        assert (await ask(desk, "north1", "south1", "south2", reason="leaves")).status == 200
        last = (await desk("head", "GET", f"/v1/leads/{lead}/assignments")).json()["items"][-1]
        assert (last["how"], last["reason"], last["rule_id"]) == ("manual", "leaves", None)
        assert (last["assigned_by"], last["previous_owner_id"]) == (
            str(desk.users["head"]), str(desk.users["north1"]),
        )  # fmt: skip
        [asked] = last["rules"]
        assert (asked["rule_id"], asked["strategy"]) == (None, "least_loaded")
        assert {one["display_name"]: one["reason"] for one in asked["candidates"]} == {
            "North1": "had_the_lead", "South1": "absent", "South2": "chosen",
        }  # fmt: skip
        _, kind, data = (await desk.events(lead))[-1]
        assert (kind, data["how"], data["credit"]["rep_id"]) == (
            "lead_assigned", "manual", str(desk.users["south2"]),
        )  # fmt: skip

    async def test_it_is_refused_when_the_situation_is_another_than_previewed(self, desk: Desk) -> None:
        await owned(desk, "north1", 2)
        digest = (await ask(desk, "south1", "south2", preview=True)).json()["digest"]
        await owned(desk, "south1", 1)
        refused = await ask(desk, "south1", "south2", digest=digest)
        assert (refused.status, refused.code) == (409, "situation_changed")
        assert await loads(desk) == {"north1": 2, "south1": 1}
        again = (await ask(desk, "south1", "south2", preview=True)).json()["digest"]
        assert (await ask(desk, "south1", "south2", digest=again)).status == 200

    async def test_closed_leads_stay_when_their_owner_leaves(self, desk: Desk) -> None:
        won, open_lead = await owned(desk, "north1", 2)
        await desk("head", "POST", f"/v1/leads/{won}/move", {"to": "won"})
        done = (await ask(desk, "south1")).json()
        assert [one["lead_id"] for one in done["leads"]] == [open_lead]
        assert (await desk("head", "GET", f"/v1/leads/{won}")).json()["owner_id"] == str(desk.users["north1"])

    async def test_it_goes_to_the_default_pool_when_nobody_may_have_it(self, desk: Desk) -> None:
        pool = await make_pool(desk, is_default=True)
        await desk.profile("south1", capacity=1)
        quiet, first, second = await owned(desk, "north1", 3)
        await desk("head", "PATCH", f"/v1/leads/{quiet}", {"do_not_contact": True})
        preview = (await ask(desk, "south1", preview=True)).json()
        done = (await ask(desk, "south1", digest=preview["digest"])).json()
        assert [(one["lead_id"], one["reason"], one["pool_id"]) for one in done["leads"]] == [
            (quiet, "do_not_contact", pool["id"]),
            (first, "given", None),
            (second, "nobody_eligible", pool["id"]),
        ]
        assert await loads(desk) == {"north1": 0, "south1": 1}
        for lead in (quiet, second):
            now = (await desk("head", "GET", f"/v1/leads/{lead}")).json()
            assert (now["owner_id"], now["pool_id"]) == (None, pool["id"])
            assert (await desk.events(lead))[-1][1] == "lead_pooled"

    async def test_it_goes_to_the_pool_named_when_that_is_open_to_the_caller(self, desk: Desk) -> None:
        south = {"unit_ids": [str(desk.units["south"])]}
        pool, hidden = await make_pool(desk), await make_pool(desk, name="south", members=south)
        customers = await make_pool(desk, name="customers", kind="customers")
        [lead] = await owned(desk, "north1", 1)
        refused = {}
        for name, other in (("hidden", hidden), ("customers", customers)):
            refused[name] = (await ask(desk, "north2", by="boss", max_open_leads=1, pool_id=other["id"])).code
        assert refused == {"hidden": "unknown_pool", "customers": "wrong_pool"}
        await owned(desk, "north2", 1)
        answer = await ask(desk, "north2", by="boss", max_open_leads=1, pool_id=pool["id"])
        assert [(one["lead_id"], one["pool_id"]) for one in answer.json()["leads"]] == [(lead, pool["id"])]
        assert (await desk("head", "GET", f"/v1/leads/{lead}")).json()["pool_id"] == pool["id"]

    async def test_it_stays_when_nobody_may_have_it_and_there_is_no_pool(self, desk: Desk) -> None:
        await owned(desk, "north1", 1)
        done = (await ask(desk, "north1")).json()
        [told] = done["leads"]
        assert (told["reason"], told["owner_id"], told["pool_id"]) == ("nobody_eligible", None, None)
        assert await loads(desk) == {"north1": 1}

    async def test_only_what_one_sees_is_given_away_when_a_supervisor_asks(self, desk: Desk) -> None:
        await owned(desk, "north1", 2)
        assert len((await ask(desk, "south1", by="boss", preview=True)).json()["leads"]) == 2
        await desk.user("other", "south-team", role="supervisor", is_rep=False)
        assert (await ask(desk, "south1", by="other")).json()["leads"] == []
        refused = await ask(desk, "south1", by="north1")
        assert (refused.status, refused.code) == (403, "assign_not_allowed")

    async def test_it_is_refused_naming_what_is_wrong(self, desk: Desk) -> None:
        for change, pointer in (
            ({"from_user_id": str(new_id())}, "/from_user_id"),
            ({"candidates": {}}, "/candidates"),
            ({"candidates": {"unit_id": str(new_id())}}, "/candidates/unit_id"),
            ({"digest": "yes"}, "/digest"),
        ):
            answer = await ask(desk, "south1", **change)
            assert (answer.status, answer.pointers) == (422, [pointer]), answer

    async def test_nothing_is_given_twice_when_two_ask_at_once(self, desk: Desk) -> None:
        mine = await owned(desk, "north1", 8)
        answers = await asyncio.gather(*(ask(desk, "south1", "south2") for _ in range(4)))
        assert sorted(len(answer.json()["leads"]) for answer in answers) == [0, 0, 0, 8]
        found = await loads(desk)
        assert (found["north1"], found["south1"], found["south2"]) == (0, 4, 4)
        kinds = Counter([kind for lead in mine for _, kind, _ in await desk.events(lead)])
        assert kinds["lead_assigned"] == 16
