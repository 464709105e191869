"""Whoever looks after a pool gives its leads out: one by hand, many at once, to whom it is suggested."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from shared.database import connections
from shared.ids import new_id
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_progress import loads
from tests.integration.services.leads.pools.test_customers import customers, lying
from tests.integration.services.leads.pools.test_pool import (
    claim,
    claimed,
    contact,
    make_pool,
    pooled,
    release,
)
from tests.support.asgi import Answer


async def give(desk: Desk, by: str, lead: str, to: str, **headers: str) -> Answer:
    body = {"owner_id": str(desk.users[to]), "reason": "closest"}
    return await desk(by, "POST", f"/v1/leads/{lead}/assign", body, **headers)


async def given(desk: Desk, by: str, lead: str, to: str) -> str:
    """What is said of a gift: `yes`, or the code of what was in the way."""
    answer = await give(desk, by, lead, to)
    return "yes" if answer.status == 200 else answer.code


async def give_all(desk: Desk, by: str, pool: dict[str, Any], *items: tuple[str, str]) -> Answer:
    told = [{"lead_id": lead, "owner_id": str(desk.users.get(to, to))} for lead, to in items]
    return await desk(by, "POST", f"/v1/pools/{pool['id']}/assign", {"items": told, "reason": "fair"})


def codes(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [item["errors"][0]["code"] if item["errors"] else "yes" for item in answer.json()["items"]]


async def suggested(desk: Desk, by: str, pool: dict[str, Any], *leads: str, **more: Any) -> Answer:
    path = f"/v1/pools/{pool['id']}/suggestions"
    return await desk(by, "POST", path, {"lead_ids": list(leads)} | more)


class TestGiving:
    async def test_who_may_give_to_whom(self, desk: Desk) -> None:
        await desk.user("chief", "north", role="manager", is_rep=False)
        north = {"unit_ids": [str(desk.units["north"])]}
        pool = await make_pool(desk, members=north, admin_ids=[str(desk.users["south1"])])
        cases = [
            # A superior to members below them, admins and who sees the whole tenant to anybody.
            ("boss", "north1", "yes"), ("chief", "north2", "yes"), ("south1", "south2", "yes"),
            ("south1", "south1", "yes"), ("head", "south2", "yes"),
            ("boss", "south1", "assign_not_allowed"), ("chief", "boss", "assign_not_allowed"),
            # Members claim.
            ("north1", "north1", "assign_not_allowed"), ("north1", "north2", "assign_not_allowed"),
            ("south2", "south2", "unknown_lead"),
        ]  # fmt: skip
        for by, to, told in cases:
            lead = await pooled(desk, pool)
            assert await given(desk, by, lead, to) == told, (by, to)

    async def test_nobody_gives_around_the_claim_for_themselves(self, desk: Desk) -> None:
        await desk.user("player", "north-team", role="supervisor")
        pool = await make_pool(desk, admin_ids=[str(desk.users["north1"])])
        lead = await pooled(desk, pool)
        for name in ("player", "north1"):
            answer = await give(desk, name, lead, name)
            assert (answer.code, "claim it" in answer.json()["detail"]) == ("assign_not_allowed", True)

    async def test_what_is_hidden_stays_so_for_who_does_not_see_the_owner_s_leads(self, desk: Desk) -> None:
        pool = await make_pool(desk, admin_ids=[str(desk.users["south1"])])
        leads = [await pooled(desk, pool, phone="13800000001") for _ in range(2)]
        shown = [
            (await give(desk, by, lead, "north1")).json()
            for by, lead in zip(("south1", "boss"), leads, strict=True)
        ]
        assert [contact(one)[0] for one in shown] == ["138****0001", "+8613800000001"]

    async def test_event_and_history_tell_of_the_pool(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool)
        assert (await give(desk, "boss", lead, "north1", If_Match='"1"')).status == 412
        assert (await give(desk, "boss", lead, "north1", If_Match='"2"')).status == 200
        seq, kind, data = (await desk.events(lead))[-1]
        assert (seq, kind, data["pool_id"], data["claimed"], data["how"]) == (
            3, "lead_assigned", pool["id"], False, "manual",
        )  # fmt: skip
        entries = (await desk("north1", "GET", f"/v1/leads/{lead}/timeline")).json()["items"]
        found = [
            (one["how"], one["by"], one["reason"], one["pool_id"])
            for one in entries
            if one["kind"] == "assigned"
        ]
        assert found == [("manual", str(desk.users["boss"]), "closest", pool["id"])]
        assert await loads(desk) == {"north1": 1}

    async def test_it_obeys_what_a_claim_does_but_the_day_s_claims(self, desk: Desk) -> None:
        pool = await make_pool(desk, cooling_days=7, daily_claims=1, max_in_hand={"default": 2})
        lead = await pooled(desk, pool)
        await claim(desk, "north1", lead)
        await release(desk, "north1", lead)
        assert await given(desk, "head", lead, "north1") == "cooling_off"
        desk.clock.at += timedelta(days=7)
        assert await given(desk, "head", lead, "north1") == "yes"
        asked_not_to = await pooled(desk, pool)
        await desk("head", "PATCH", f"/v1/leads/{asked_not_to}", {"do_not_contact": True})
        assert await given(desk, "head", asked_not_to, "north1") == "do_not_contact"
        told = [await given(desk, "boss", await pooled(desk, pool), "north1") for _ in range(2)]
        assert told == ["yes", "cap_in_hand"]
        assert await loads(desk) == {"north1": 2}

    async def test_it_is_given_out_also_when_the_pool_is_out_of_use(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead = await pooled(desk, pool)
        await desk("head", "PATCH", f"/v1/pools/{pool['id']}", {"active": False})
        assert await given(desk, "boss", lead, "north1") == "unknown_lead"
        assert await given(desk, "head", lead, "north1") == "yes"


class TestGivingMany:
    async def test_good_ones_are_given_and_the_others_reported_by_index(self, desk: Desk) -> None:
        await desk.user("gone", "north-team", active=False)
        pool = await make_pool(desk, max_in_hand={"default": 2})
        other = await make_pool(desk, name="other")
        leads = [await pooled(desk, pool) for _ in range(5)]
        taken, elsewhere = await pooled(desk, pool), await pooled(desk, other)
        await claim(desk, "south1", taken)
        lost = await pooled(desk, pool)
        await desk("head", "POST", f"/v1/leads/{lost}/move", {"to": "lost"})
        answer = await give_all(
            desk, "boss", pool,
            (leads[0], "north1"), (leads[0], "north2"), (leads[1], "north1"), (leads[2], "north1"),
            (taken, "north2"), (elsewhere, "north2"), (str(new_id()), "north2"), (lost, "north2"),
            (leads[2], "gone"), (leads[2], "south1"), (leads[2], "north2"),
        )  # fmt: skip
        assert codes(answer) == [
            "yes", "lead_already_claimed", "yes", "cap_in_hand", "lead_already_claimed", "unknown_lead",
            "unknown_lead", "lead_closed", "unfit_owner", "assign_not_allowed", "yes",
        ]  # fmt: skip
        told = answer.json()
        assert (told["assigned"], told["failed"]) == (3, 8)
        assert told["items"][0] == {
            "index": 0, "status": "assigned", "id": leads[0], "version": 3,
            "owner_id": str(desk.users["north1"]), "errors": [],
        }  # fmt: skip
        assert told["items"][8]["errors"][0]["pointer"] == "/items/8/owner_id"
        assert told["items"][3]["errors"][0]["pointer"] == "/items/3"
        assert {name: count for name, count in (await loads(desk)).items() if count} == {
            "north1": 2, "north2": 1, "south1": 1,
        }  # fmt: skip
        for lead, owner in ((leads[0], "north1"), (leads[2], "north2")):
            assert (await desk("head", "GET", f"/v1/leads/{lead}")).json()["owner_id"] == str(
                desk.users[owner]
            )

    async def test_it_is_unknown_when_the_pool_is_not_open_to_the_caller(self, desk: Desk) -> None:
        pool = await make_pool(desk, members={"user_ids": [str(desk.users["south1"])]})
        lead = await pooled(desk, pool)
        assert (await give_all(desk, "boss", pool, (lead, "north1"))).code == "unknown_pool"

    async def test_customers_count_to_their_own_cap(self, desk: Desk) -> None:
        pool = await customers(desk, max_in_hand={"default": 1})
        leads = [await lying(desk, pool) for _ in range(3)]
        answer = await give_all(
            desk, "head", pool, *((lead, "north1") for lead in leads[:2]), (leads[2], "north2")
        )
        assert codes(answer) == ["yes", "cap_in_hand", "yes"]
        assert not any((await loads(desk)).values())
        assert (await desk.events(leads[0]))[-1][2]["pool_id"] == pool["id"]

    async def test_statements_do_not_grow_with_the_number_of_leads(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pool = await make_pool(desk)
        leads = {number: [await pooled(desk, pool) for _ in range(number)] for number in (2, 40)}
        asked: list[str] = []
        for name in ("fetch", "fetchrow", "fetchval", "execute", "executemany"):
            plain = getattr(asyncpg.Connection, name)

            async def heard(self: Any, query: str, *rest: Any, _plain: Any = plain, **more: Any) -> Any:
                asked.append(query)
                return await _plain(self, query, *rest, **more)

            monkeypatch.setattr(asyncpg.Connection, name, heard)
        counted = []
        for number, lying_there in leads.items():
            asked.clear()
            answer = await give_all(desk, "head", pool, *((lead, "north1") for lead in lying_there))
            counted.append(len(asked))
            assert answer.json()["assigned"] == number
        assert counted[0] == counted[1] < 25

    async def test_each_lead_has_one_owner_and_no_cap_breaks_when_claimed_and_given_at_once(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connections, "WAIT_S", 240.0)
        pool = await make_pool(desk, max_in_hand={"default": 6})
        leads = [await pooled(desk, pool) for _ in range(30)]
        reps = ["north1", "north2", "south1", "south2"]

        async def giving(offset: int) -> list[str]:
            items = [(lead, reps[(at + offset) % 4]) for at, lead in enumerate(leads)]
            return codes(await give_all(desk, "head", pool, *items[:: 1 if offset % 2 else -1]))

        async def claiming(name: str, lead: str) -> list[str]:
            return [await claimed(desk, name, lead)]

        told = await asyncio.gather(
            *(giving(offset) for offset in range(4)),
            *(claiming(reps[at % 4], lead) for at, lead in enumerate(leads)),
        )
        counts = Counter(code for codes_ in told for code in codes_)
        assert counts["yes"] == 24
        assert set(counts) == {"yes", "lead_already_claimed", "cap_in_hand"}
        assert await loads(desk) == dict.fromkeys(reps, 6)
        owners: Counter[str] = Counter()
        for lead in leads:
            events = [kind for _, kind, _ in await desk.events(lead)]
            found = (await desk("head", "GET", f"/v1/leads/{lead}")).json()
            assert events.count("lead_assigned") == (found["owner_id"] is not None)
            owners[found["owner_id"]] += 1
        assert owners == Counter({None: 6} | {str(desk.users[name]): 6 for name in reps})


class TestSuggesting:
    async def test_best_first_with_reasons_and_figures(self, desk: Desk) -> None:
        pool = await make_pool(desk, max_in_hand={"default": 3}, cooling_days=7)
        await desk.profile("south1", level="P2", capacity=2, territories=["north"], skills=["saas"])
        await desk.profile("south2", skills=["saas"])
        rule = {
            "name": "r", "strategy": "round_robin", "skills": ["saas"], "conditions": {"product": ["saas"]},
            "candidates": {"unit_id": str(desk.units["company"])}, "active": True,
        }  # fmt: skip
        assert (await desk("head", "POST", "/v1/assignment-rules", rule)).status == 201
        lead = await pooled(desk, pool, product="saas", region="north")
        plain = await pooled(desk, pool, region="north")
        await claim(desk, "north1", plain)
        await release(desk, "north1", plain)
        await desk.absence("north2", desk.clock.at, desk.clock.at + timedelta(days=1))
        answer = await suggested(desk, "head", pool, lead, plain, with_others=True)
        assert answer.status == 200, answer
        first, second = answer.json()["items"]
        names = {str(user): name for name, user in desk.users.items()}
        told = [(names[one["user_id"]], one["fits"]) for one in first["suggestions"]]
        assert told == [("south1", ["territory", "product", "skills"]), ("south2", ["product", "skills"])]
        assert {names[one["user_id"]]: one["reason"] for one in first["others"]} == {
            "north1": "lacks_skill", "north2": "lacks_skill",
        }  # fmt: skip
        figures = {
            name: first["suggestions"][0][name] for name in ("in_hand", "most_in_hand", "level", "region")
        }
        assert figures == {"in_hand": 0, "most_in_hand": 2, "level": "P2", "region": "south"}
        assert [names[one["user_id"]] for one in second["suggestions"]] == ["south1", "south2"]
        why = {names[one["user_id"]]: one for one in second["others"]}
        assert (why["north1"]["reason"], why["north2"]["reason"]) == ("cooling_off", "absent")
        assert why["north1"]["cooling_until"] == "2026-03-09T12:00:00Z"
        assert (why["north1"]["claims_today"], why["north2"]["claims_today"]) == (1, 0)
        assert why["north2"]["absent_until"] == "2026-03-03T12:00:00Z"

    async def test_what_it_says_is_what_happens_then(self, desk: Desk) -> None:
        pool = await make_pool(desk, max_in_hand={"default": 1}, cooling_days=7)
        lead, other = await pooled(desk, pool), await pooled(desk, pool)
        await claim(desk, "north1", other)
        await claim(desk, "south2", lead)
        await release(desk, "south2", lead)
        [item] = (await suggested(desk, "head", pool, lead, with_others=True)).json()["items"]
        names = {str(user): name for name, user in desk.users.items()}
        found = {names[one["user_id"]]: one["reason"] for one in item["suggestions"] + item["others"]}
        assert found == {"north1": "full", "south2": "cooling_off", "north2": None, "south1": None}
        happened = {name: await given(desk, "head", lead, name) for name in ("north1", "south2", "north2")}
        assert happened == {"north1": "cap_in_hand", "south2": "cooling_off", "north2": "yes"}

    async def test_candidates_are_those_to_whom_the_caller_may_give(self, desk: Desk) -> None:
        pool = await make_pool(desk, admin_ids=[str(desk.users["south1"])])
        empty = await make_pool(desk, name="dormant", members={}, admin_ids=[str(desk.users["south1"])])
        lead, sleeping = await pooled(desk, pool), await pooled(desk, empty)
        names = {str(user): name for name, user in desk.users.items()}

        async def shown(by: str, of: dict[str, Any], one: str) -> set[str]:
            [item] = (await suggested(desk, by, of, one)).json()["items"]
            assert item["others"] is None
            return {names[each["user_id"]] for each in item["suggestions"]}

        everybody = {"north1", "north2", "south1", "south2"}
        assert await shown("head", pool, lead) == everybody
        assert await shown("boss", pool, lead) == {"north1", "north2"}
        assert await shown("south1", pool, lead) == everybody - {"south1"}
        assert await shown("south1", empty, sleeping) == everybody - {"south1"}
        assert (await suggested(desk, "north1", pool, lead)).code == "assign_not_allowed"
        assert (await suggested(desk, "north1", empty, sleeping)).code == "unknown_pool"

    async def test_at_most_five_are_the_best(self, desk: Desk) -> None:
        for number in range(6):
            await desk.user(f"rep{number}", "south-team")
        pool = await make_pool(desk)
        lead = await pooled(desk, pool)
        [item] = (await suggested(desk, "head", pool, lead, with_others=True)).json()["items"]
        assert (len(item["suggestions"]), len(item["others"])) == (5, 5)
        await desk("head", "PATCH", f"/v1/leads/{lead}", {"do_not_contact": True})
        [item] = (await suggested(desk, "head", pool, lead)).json()["items"]
        assert (item["do_not_contact"], item["suggestions"]) == (True, [])

    async def test_what_lies_there_no_more_is_left_out(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        lead, gone = await pooled(desk, pool), await pooled(desk, pool)
        await claim(desk, "north1", gone)
        answer = await suggested(desk, "head", pool, gone, lead, str(new_id()), lead)
        assert [item["lead_id"] for item in answer.json()["items"]] == [lead]
        assert (await suggested(desk, "head", pool, gone)).code == "unknown_lead"

    async def test_everybody_is_told_of_few_leads_only(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        leads = [await pooled(desk, pool) for _ in range(11)]
        assert len((await suggested(desk, "head", pool, *leads)).json()["items"]) == 11
        assert (await suggested(desk, "head", pool, *leads[1:], with_others=True)).status == 200
        refused = await suggested(desk, "head", pool, *leads, with_others=True)
        assert (refused.code, refused.pointers) == ("too_many_leads", ["/lead_ids"])
