"""That the checks of S1 to S6 can fail: each is shown a product with the fault that it is for."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.chaos.hostile.asking import PROBLEM, Answer, Asker
from tests.chaos.hostile.bodies import Throwing
from tests.chaos.hostile.operations import NOWHERE, Document, Json
from tests.chaos.hostile.probing import Probing
from tests.chaos.hostile.world import Credit, Someone, Thing, World
from tests.chaos.promise import Outcome, Run
from tests.chaos.promises import s03, s04
from tests.support.schemas import hold
from tests.support.serving import served

OURS, THEIRS, TEAM, OTHER_TEAM = (f"00000000-0000-7000-8000-{n:012d}" for n in range(4))
REP = Someone("00000000-0000-7000-8000-0000000000aa", OURS, TEAM, "rep", "own", frozenset({"leads:read"}))
MINE = Thing("lead", "00000000-0000-7000-8000-0000000000b1", OURS, Credit(REP.id, TEAM), mark="mk" + "1" * 16)
NEAR = Thing("lead", "00000000-0000-7000-8000-0000000000b2", OURS, Credit(None, TEAM), mark="mk" + "2" * 16)
FAR = Thing("lead", "00000000-0000-7000-8000-0000000000b3", THEIRS, mark="mk" + "3" * 16)
ID = {"name": "lead_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def document(method: str = "get", path: str = "/v1/leads/{lead_id}", **operation: Any) -> Document:
    responses: Json = {"200": {}, "201": {}, "400": {}, "404": {}, "422": {}}
    told: Json = {"parameters": [ID] if "{" in path else [], "responses": responses} | operation
    return Document({"paths": {path: {method: told}}})


def world() -> World:
    made = World(parents={TEAM: None, OTHER_TEAM: None}, people={REP.id: REP})
    for thing in (MINE, NEAR, FAR):
        made.add(thing)
    return made


def answer(status: int, told: Any, kind: str = "application/json") -> Answer:
    return Answer(status, {"Content-Type": kind}, orjson.dumps(told))


def problem(status: int, **more: Any) -> Answer:
    whole = dict.fromkeys(("type", "title", "detail", "instance", "trace_id", "code"), "x")
    return answer(status, whole | {"status": status, "errors": []} | more, PROBLEM)


class Leads:
    """A product's route of one lead. `hidden`: what it answers about a lead that is not the caller's."""

    def __init__(self, hidden: Answer | None = None) -> None:
        self.hidden = hidden

    async def ask(self, method: str, target: str, **_: Any) -> Answer:
        lead = next((thing for thing in (MINE, NEAR, FAR) if thing.id in target), None)
        if lead is None:
            return answer(200, {"items": []})
        if lead is not MINE:
            return self.hidden or problem(404, instance=target)
        return answer(200, {"id": lead.id, "name": lead.mark})


async def probed(asked: Document, product: Leads) -> Probing:
    probing = Probing(asked, world(), product.ask, random.Random(1))
    await probing.probe(REP)
    return probing


class TestProbing:
    async def test_nothing_found_when_what_is_hidden_is_not_found(self) -> None:
        probing = await probed(document(), Leads())
        assert (probing.leaks, probing.faults) == ([], [])
        assert probing.seen
        assert probing.refused

    @pytest.mark.parametrize(("owner", "fault"), [(REP.id, True), (None, False)])
    async def test_found_when_an_owner_is_told_that_it_is_not_theirs_and_nobody_else(
        self, owner: str | None, fault: bool
    ) -> None:
        export = Thing("export", MINE.id, OURS, Credit(owner, TEAM))
        found = world()
        found.things = {export.id: export}
        decider = replace(REP, visibility="tenant", scopes=REP.scopes | {"config:write"})
        asked = document(path="/v1/exports/{export_id}/file", parameters=[ID | {"name": "export_id"}])

        async def refuse(*_: Any, **__: Any) -> Answer:
            return problem(403)

        probing = Probing(asked, found, refuse, random.Random(1))
        await probing.probe(decider)
        assert bool(probing.faults) == fault

    @pytest.mark.parametrize("lead", [NEAR, FAR])
    async def test_found_when_a_route_has_no_visibility_check(self, lead: Thing) -> None:
        probing = await probed(document(), Leads(answer(200, {"id": lead.id, "name": lead.mark})))
        assert any("200" in leak for leak in probing.leaks)
        assert any(f"the content of lead {lead.id}" in leak for leak in probing.leaks)

    async def test_found_when_a_refusal_tells_what_it_refuses(self) -> None:
        probing = await probed(document(), Leads(problem(404, detail=f"{NEAR.mark} is not yours")))
        assert any(f"the content of lead {NEAR.id}" in leak for leak in probing.leaks)

    async def test_found_when_a_list_names_what_is_hidden(self) -> None:
        class Listing(Leads):
            async def ask(self, method: str, target: str, **_: Any) -> Answer:
                return answer(200, {"items": [{"id": MINE.id}, {"id": NEAR.id}]})

        probing = await probed(document(path="/v1/leads"), Listing())
        assert any(f"the id of lead {NEAR.id}" in leak for leak in probing.leaks)

    async def test_found_when_a_write_on_what_is_hidden_is_accepted(self) -> None:
        probing = await probed(document("delete"), Leads(answer(204, None)))
        assert any("DELETE" in leak for leak in probing.leaks)

    async def test_found_when_nothing_at_all_is_shown(self) -> None:
        class Refusing(Leads):
            async def ask(self, method: str, target: str, **_: Any) -> Answer:
                return problem(404, instance=target)

        probing = await probed(document(), Refusing())
        assert any("404 for what they may see" in fault for fault in probing.faults)

    async def test_said_when_nobody_knows_what_an_id_is_of(self) -> None:
        new = document(path="/v1/things/{thing_id}", parameters=[ID | {"name": "thing_id"}])
        assert any("thing_id" in fault for fault in (await probed(new, Leads())).faults)


class TestWorld:
    def test_seen_as_far_as_visibility_goes_when_teams_stand_below_one_another(self) -> None:
        made = world()
        made.parents |= {TEAM: OTHER_TEAM}
        lead = Thing("lead", NOWHERE, OURS, Credit(None, TEAM))
        above = replace(REP, unit=OTHER_TEAM)
        seen = {
            width: made.may_see(replace(above, visibility=width), lead)
            for width in ("own", "team", "subtree", "tenant")
        }
        assert seen == {"own": False, "team": False, "subtree": True, "tenant": True}

    def test_hidden_when_it_is_another_tenants_whatever_the_visibility(self) -> None:
        assert not world().may_see(replace(REP, visibility="tenant", role="admin"), FAR)


NAME = {"application/json": {"schema": {
    "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}
}}}  # fmt: skip


async def thrown(told: Answer) -> Throwing:
    """What is found about a product that answers everything like this."""

    class Product:
        async def ask(self, *_: Any, **__: Any) -> Answer:
            return told

    asked = document("post", "/v1/leads", requestBody={"content": NAME})
    throwing = Throwing(asked, cast(Asker, Product()), "token", random.Random(1), 1.0)
    for operation in asked.operations():
        await throwing.into_body(operation)
        await throwing.whole_bodies(operation)
    return throwing


class TestThrowing:
    async def test_nothing_found_when_the_field_is_named(self) -> None:
        errors = [{"pointer": "/name", "code": "x", "detail": "x"}]
        assert (await thrown(problem(422, errors=errors))).faults == []

    async def test_found_when_the_answer_is_a_5xx(self) -> None:
        assert (await thrown(problem(500))).faults

    async def test_found_when_the_status_is_not_in_the_document(self) -> None:
        assert "is not in the document" in (await thrown(problem(418))).faults[0]

    async def test_found_when_a_refusal_is_no_problem(self) -> None:
        assert "without a problem" in (await thrown(answer(400, {}))).faults[0]

    async def test_found_when_what_nobody_can_mean_is_accepted(self) -> None:
        faults = (await thrown(answer(201, {}))).faults
        assert any("NUL at /name: accepted" in fault for fault in faults)
        assert any("100,000 lists deep: accepted" in fault for fault in faults)

    async def test_found_when_another_field_is_named(self) -> None:
        errors = [{"pointer": "/phone", "code": "x", "detail": "x"}]
        assert any("points at" in fault for fault in (await thrown(problem(422, errors=errors))).faults)


def besieging(outcome: Outcome) -> s04._Siege:
    """As far as it judges answers."""
    nothing = cast(Any, None)
    return s04._Siege(nothing, nothing, nothing, nothing, nothing, outcome)


class TestTokens:
    @pytest.mark.parametrize(
        "told", [answer(200, {}), problem(401, code="x"), problem(401, code="invalid_token"), problem(403)]
    )
    def test_found_when_a_hostile_token_is_not_refused_as_one(self, told: Answer) -> None:
        outcome = Outcome("S4", 1, full=False)
        besieging(outcome)._check("forged", told)
        assert len(outcome.failures) == 1

    def test_nothing_found_when_it_is_refused_as_one(self) -> None:
        outcome = Outcome("S4", 1, full=False)
        told = problem(401, code="invalid_token")
        refused = Answer(401, {**told.headers, "WWW-Authenticate": "Bearer"}, told.body)
        besieging(outcome)._check("forged", refused)
        assert outcome.failures == []


class TestRevocation:
    @staticmethod
    async def left(monkeypatch: pytest.MonkeyPatch, lets_in: list[bool]) -> s03._Test:
        """What is found at a door that lets in as told, and goes on with the last."""
        for name in ("_PAUSE_S", "_AGAIN_S"):
            monkeypatch.setattr(s03, name, 0.001)
        monkeypatch.setattr(s03, "GIVE_UP_S", 0.05)
        answers = iter([*lets_in, *[lets_in[-1]] * 10_000])

        async def still_in() -> bool:
            return next(answers)

        test = s03._Test(*cast(Any, [None] * 5))
        await test._until_out("door", time.monotonic(), still_in)
        return test

    async def test_timed_by_the_last_one_let_in_when_a_door_opens_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        once = await self.left(monkeypatch, [True, False])
        again = await self.left(monkeypatch, [True, False, True, False])
        assert once.failures == again.failures == []
        assert again.left_s["door"][0] > once.left_s["door"][0]

    async def test_found_when_a_door_never_closes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "still let in" in (await self.left(monkeypatch, [True])).failures[0]

    def test_found_when_it_takes_too_long(self) -> None:
        outcome = Outcome("S3", 1, full=True)
        run = Run(1, full=True, minutes=None, folder=Path(), stack=cast(Any, None))
        s03._judge(run, outcome, {"door": [0.1] * 50 + [9.0] * 5})
        assert "9.00 s at p99" in outcome.failures[0]


class TestHold:
    async def test_said_when_an_answer_is_not_in_the_document(self) -> None:
        operation = {"responses": {"200": {"description": "x"}}}
        told = {
            "openapi": "3.1.0",
            "info": {"title": "x", "version": "1"},
            "paths": {"/broken": {"get": operation}},
        }

        async def openapi(_: Request) -> JSONResponse:
            return JSONResponse(told)

        async def broken(_: Request) -> JSONResponse:
            return JSONResponse({}, 500)

        async def build() -> ASGIApp:
            return Starlette(routes=[Route("/openapi.json", openapi), Route("/broken", broken)])

        def held() -> str | None:
            with served(build) as url:
                return hold(url, "x", examples=1, seed=1, phases="fuzzing").said

        said = await asyncio.to_thread(held)
        assert said is not None
        assert "500" in said
