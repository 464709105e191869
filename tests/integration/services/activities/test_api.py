from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Scope

from services.activities.bootstrap import build_app
from shared.access.principal import Principal, service_principal
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.activities.conftest import Shop
from tests.support.asgi import Answer, ask
from tests.support.databases import Databases

Ask = Callable[..., Coroutine[Any, Any, Answer]]


class Door:
    """Says who is asking, as the gateway's tokens would."""

    def __init__(self) -> None:
        self.principal: Principal | None = None

    async def __call__(self, _: Scope) -> Principal:
        assert self.principal is not None
        return self.principal


@pytest.fixture(scope="module")
def door() -> Door:
    return Door()


@pytest.fixture(scope="module")
async def app(settings: Settings, databases: Databases, door: Door) -> AsyncIterator[FastAPI]:
    await databases.require("activities")
    made = build_app(settings, authenticate=door)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
def call(app: FastAPI, door: Door, shop: Shop) -> Ask:
    """`await call(principal, "POST", "/v1/activities", {...})`; without a principal it is Ann."""

    async def send(
        who: Principal | None, method: str, target: str, json: Any = None, **headers: str
    ) -> Answer:
        door.principal = who or shop.principal(shop.ann)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await ask(app, method, target, json=json, headers=named)

    return send


class TestPostActivity:
    async def test_is_recorded_and_read_back_when_it_is_new(self, call: Ask, shop: Shop) -> None:
        lead = str(await shop.lead(shop.ann, region="asia"))
        body = {"kind": "call", "lead_id": lead, "outcome": "connected", "duration_s": 61, "note": "聊得很好"}
        made = await call(None, "POST", "/v1/activities", body | {"started_at": "2026-03-02T09:00:00+08:00"})
        assert made.status == 201, made
        shown = made.json()
        assert shown["effective"] is True
        assert (shown["rep_id"], shown["owner_id"], shown["region"]) == (str(shop.ann), str(shop.ann), "asia")
        assert shown["started_at"] == "2026-03-02T01:00:00Z"
        assert made.headers["location"] == f"/v1/activities/{shown['id']}"
        assert made.headers["cox-position"]
        again = await call(None, "GET", made.headers["location"])
        assert (again.status, again.json(), again.headers["etag"]) == (200, shown, made.headers["etag"])

    async def test_answers_200_with_the_same_activity_when_the_client_repeats_itself(self, call: Ask) -> None:
        body = {"kind": "task", "client_id": "phone-1"}
        first, second = [await call(None, "POST", "/v1/activities", body) for _ in range(2)]
        assert (first.status, second.status) == (201, 200)
        assert first.json() == second.json()
        assert first.headers["cox-position"] == second.headers["cox-position"]
        other = await call(None, "POST", "/v1/activities", {"kind": "call", "client_id": "phone-1"})
        assert (other.status, other.code) == (409, "client_id_reused")

    async def test_same_answer_when_a_repetition_is_sent_again_under_its_key(self, call: Ask) -> None:
        body = {"kind": "task", "client_id": "phone-2"}
        await call(None, "POST", "/v1/activities", body)
        again = [await call(None, "POST", "/v1/activities", body, Idempotency_Key="k") for _ in range(2)]
        assert [answer.status for answer in again] == [200, 200]
        assert again[0].headers["location"] == again[1].headers["location"]

    async def test_is_answered_once_it_is_known_when_the_lead_comes_a_moment_later(
        self, call: Ask, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from services.activities.leads_known import use_cases, waiting

        looked = asyncio.Event()

        async def looking(*given: Any) -> Any:
            found = await use_cases.find_leads(*given)
            looked.set()
            return found

        monkeypatch.setattr(waiting, "find_leads", looking)
        monkeypatch.setattr(waiting, "LONGEST_S", 120.0)
        lead_id = new_id()
        asked = asyncio.create_task(
            call(None, "POST", "/v1/activities", {"kind": "call", "lead_id": str(lead_id)})
        )
        await looked.wait()
        await shop.known(lead_id, shop.ann)
        assert (await asked).status == 201

    async def test_is_not_found_when_the_lead_stays_unknown(self, call: Ask) -> None:
        answer = await call(None, "POST", "/v1/activities", {"kind": "call", "lead_id": str(new_id())})
        assert (answer.status, answer.code) == (404, "unknown_lead")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"kind": "dance"},
            {"kind": "call", "colour": "red"},
            {"kind": "call", "lead_id": "7"},
            {"kind": "call", "duration_s": -1},
            {"kind": "call", "duration_s": 2**63 - 1},
            {"kind": "call", "duration_s": "60"},
            {"kind": "call", "started_at": "yesterday"},
            {"kind": "call", "started_at": "2026-03-02T09:00:00"},
            {"kind": "call", "started_at": "2150-01-01T00:00:00Z"},
            {"kind": "call", "outcome": "no code"},
            {"kind": "call", "note": "x" * 4001},
            {"kind": "call", "note": "a\u0000b"},
            {"kind": "call", "client_id": ""},
            [],
        ],
    )
    async def test_is_refused_with_its_field_when_the_body_is_wrong(self, call: Ask, body: Any) -> None:
        answer = await call(None, "POST", "/v1/activities", body)
        assert answer.status == 422, answer
        assert answer.pointers

    async def test_is_forbidden_when_a_rep_names_another(self, call: Ask, shop: Shop) -> None:
        answer = await call(None, "POST", "/v1/activities", {"kind": "call", "rep_id": str(shop.bob)})
        assert (answer.status, answer.code) == (403, "not_your_rep")

    async def test_is_forbidden_when_the_role_only_reads(self, call: Ask, shop: Shop) -> None:
        answer = await call(shop.principal(shop.mo, "finance"), "POST", "/v1/activities", {"kind": "call"})
        assert (answer.status, answer.code) == (403, "missing_scope")


class TestGetActivities:
    async def test_filters_and_pages_when_asked(self, call: Ask, shop: Shop) -> None:
        lead = str(await shop.lead(shop.ann))
        days = (
            "2026-03-01T15:59:59Z",
            "2026-03-01T16:00:00Z",
            "2026-03-02T15:59:59Z",
            "2026-03-02T16:00:00Z",
        )
        for number, at in enumerate(days):
            body = {"kind": "call" if number % 2 else "visit", "started_at": at}
            body |= {"lead_id": lead} if number < 2 else {}
            assert (await call(None, "POST", "/v1/activities", body)).status == 201

        async def times(query: str) -> list[str]:
            answer = await call(None, "GET", f"/v1/activities?{query}")
            assert answer.status == 200, answer
            return [item["started_at"] for item in answer.json()["items"]]

        assert await times("") == list(reversed(days))
        assert await times("from=2026-03-02&to=2026-03-02") == [days[2], days[1]]
        assert await times(f"lead={lead}&kind=call") == [days[1]]
        assert await times(f"rep={shop.bob}") == []
        first = (await call(None, "GET", "/v1/activities?limit=3")).json()
        second = (await call(None, "GET", f"/v1/activities?limit=3&cursor={first['next_cursor']}")).json()
        assert len(first["items"]) == 3
        assert [item["started_at"] for item in second["items"]] == [days[0]]
        assert second["next_cursor"] is None

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("limit=0", 422),
            ("limit=501", 422),
            ("kind=dance", 422),
            ("lead=7", 422),
            ("colour=red", 422),
            ("from=2026-03-02&to=2026-03-01", 422),
            ("from=soon", 422),
            ("cursor=broken", 400),
        ],
    )
    async def test_is_refused_when_the_query_is_wrong(self, call: Ask, query: str, status: int) -> None:
        assert (await call(None, "GET", f"/v1/activities?{query}")).status == status

    async def test_is_not_found_when_it_is_another_teams(self, call: Ask, shop: Shop) -> None:
        bob = shop.principal(shop.bob)
        made = await call(bob, "POST", "/v1/activities", {"kind": "call"})
        assert (await call(None, "GET", made.headers["location"])).status == 404
        assert (await call(bob, "GET", made.headers["location"])).status == 200


class TestPostImport:
    async def test_stores_each_row_once_when_a_service_sends_them(self, call: Ask, shop: Shop) -> None:
        body = {
            "source": "old_crm",
            "items": [
                {"external_id": f"c{n}", "kind": "call", "at": "2012-01-05T10:00:00+01:00"} for n in range(3)
            ],
        }
        service = service_principal(shop.tenant_id, shop.tenant_id)
        first = await call(service, "POST", "/internal/activities/import", body)
        second = await call(service, "POST", "/internal/activities/import", body)
        assert [item["status"] for item in first.json()["items"]] == ["created"] * 3
        assert [item["status"] for item in second.json()["items"]] == ["unchanged"] * 3
        assert first.headers["cox-position"]

    async def test_is_forbidden_when_a_user_sends_them(self, call: Ask, shop: Shop) -> None:
        admin = shop.principal(shop.mo, "admin")
        answer = await call(admin, "POST", "/internal/activities/import", {"source": "x", "items": []})
        assert (answer.status, answer.code) == (403, "services_only")
