"""Rules of another kind, asked about the leads of the last days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import react, rule, users
from tests.integration.services.leads.conftest import NOON, Desk
from tests.support.asgi import Answer

PATH = "/v1/assignment-rules/look-back"


async def ask(desk: Desk, by: str = "head", **body: Any) -> Answer:
    return await desk(by, "POST", PATH, body)


def draft(desk: Desk, *names: str, **fields: Any) -> dict[str, Any]:
    return {"name": "Otherwise", "strategy": "round_robin", "candidates": users(desk, *names)} | fields


def portions(answer: Answer) -> dict[str | None, tuple[int, int]]:
    told = answer.json()["portions"]
    return {one["display_name"]: (one["given"], one["would_be_given"]) for one in told}


async def given(desk: Desk, settings: Settings, leads: int, **fields: Any) -> None:
    for _ in range(leads):
        await react(desk, settings, await desk.lead(**fields))


class TestLookBack:
    async def test_nothing_would_be_different_when_the_rule_is_the_same(
        self, desk: Desk, settings: Settings
    ) -> None:
        made = await rule(desk, candidates=users(desk, "north1", "north2"))
        await given(desk, settings, 5)
        told = await ask(desk, rule=draft(desk, "north1", "north2"), instead_of=made["id"])
        assert told.status == 200, told
        assert (told.json()["decisions"], told.json()["changed"], told.json()["cut"]) == (5, 0, False)
        assert portions(told) == {"North1": (3, 3), "North2": (2, 2)}

    async def test_who_would_have_got_them_is_told_with_the_reasons_when_it_is_another(
        self, desk: Desk, settings: Settings
    ) -> None:
        made = await rule(desk, candidates=users(desk, "north1"))
        await given(desk, settings, 4)
        before = await stored(desk)
        told = await ask(
            desk, rule=draft(desk, "north1", "south1", max_open_leads=3), instead_of=made["id"], days=1
        )
        assert portions(told) == {"North1": (4, 2), "South1": (0, 2)}
        answer = told.json()
        assert answer["changed"] == len(answer["leads"]) == 2
        first = answer["leads"][0]
        assert (first["given_to"], first["would_be_given_to"]) == (
            str(desk.users["north1"]), str(desk.users["south1"]),
        )  # fmt: skip
        [asked] = first["rules"]
        assert (asked["rule_id"], asked["name"]) == (None, "Otherwise")
        assert {one["display_name"]: one["reason"] for one in asked["candidates"]} == {
            "North1": "next_in_turn_was_another", "South1": "chosen",
        }  # fmt: skip
        assert await stored(desk) == before

    async def test_a_rule_is_left_out_or_another_comes_beside_it(
        self, desk: Desk, settings: Settings
    ) -> None:
        made = await rule(desk, position=10, candidates=users(desk, "north1"))
        await given(desk, settings, 2, source="fair")
        assert portions(await ask(desk, instead_of=made["id"])) == {"North1": (2, 0), None: (0, 2)}
        fair = draft(desk, "south2", position=1, conditions={"source": ["fair"]})
        assert portions(await ask(desk, rule=fair)) == {"North1": (2, 0), "South2": (0, 2)}

    async def test_only_the_days_asked_for_count(self, desk: Desk, settings: Settings) -> None:
        await rule(desk, candidates=users(desk, "north1"))
        await given(desk, settings, 1)
        desk.clock.at = NOON + timedelta(days=7, seconds=1)
        await given(desk, settings, 2)
        told = (await ask(desk, rule=draft(desk, "south1"))).json()
        assert (told["decisions"], told["from_at"]) == (2, "2026-03-09T12:00:01Z")
        assert (await ask(desk, rule=draft(desk, "south1"), days=8)).json()["decisions"] == 3
        desk.clock.at = NOON + timedelta(days=90)
        assert (await ask(desk, rule=draft(desk, "south1"))).json()["from_at"] is None

    async def test_what_cannot_work_is_refused_with_the_reason(self, desk: Desk) -> None:
        nobody = await ask(desk, rule=draft(desk, "boss"))
        assert (nobody.status, nobody.json()["code"]) == (422, "bad_candidates")
        assert nobody.json()["errors"][0]["pointer"] == "/rule/candidates/user_ids"
        nothing = await ask(desk)
        assert (nothing.status, nothing.json()["errors"][0]["pointer"]) == (422, "/rule")
        unknown = await ask(desk, instead_of=str(desk.users["boss"]))
        assert (unknown.status, unknown.json()["code"]) == (404, "unknown_rule")
        assert (await ask(desk, by="north1", rule=draft(desk, "north1"))).status == 403


async def stored(desk: Desk) -> list[tuple[Any, ...]]:
    """Whatever an assignment writes, and every event."""
    found = []
    for table in ("assignments", "turns", "rotations", "rep_loads", "assignment_rules", "events"):
        rows = await desk.admin.fetch(
            f"select t::text from {table} t where tenant_id = $1 order by 1",  # noqa: S608 - named here
            desk.tenant_id,
        )
        found.append((table, *(row[0] for row in rows)))
    return found
