from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from fastapi import APIRouter
from openapi_spec_validator import validate
from pydantic import SecretStr
from starlette.types import Scope

from shared.access.keys import FixedKeys, SigningKey
from shared.access.principal import Principal, service_principal
from shared.access.tokens import sign_principal
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.ids import new_id
from shared.observability.metrics import HTTP_REQUESTS
from shared.web.app import make_app
from shared.web.bodies import DEFAULT_LIMIT
from shared.web.probes import database_ready, probes
from tests.integration.shared.web.conftest import Desk, a_principal, sound_router
from tests.support.asgi import ask
from tests.support.bed import Bed

PATH = "/v1/notes"
JSON = {"Content-Type": "application/json"}


class TestWrongBodies:
    @pytest.mark.parametrize(
        ("body", "status", "pointer"),
        [
            ({"text": "x", "stranger": 1}, 422, "/stranger"),
            ({}, 422, "/text"),
            ([], 422, ""),
            ("text", 422, ""),
            ({"text": 5}, 422, "/text"),
            ({"text": "a\0b"}, 422, "/text"),
            ({"text": "x", "number": True}, 422, "/number"),
            ({"text": "x", "number": "5"}, 422, "/number"),
            ({"text": "x", "number": 2**64 - 1}, 422, "/number"),
        ],
    )
    async def test_refused_with_a_pointer_when_a_field_is_wrong(
        self, desk: Desk, body: Any, status: int, pointer: str
    ) -> None:
        answer = await desk.ask("POST", PATH, json=body)
        assert (answer.status, answer.pointers) == (status, [pointer])
        assert await desk.count("notes") == 0

    @pytest.mark.parametrize(
        "body", [b"", b"{", b'{"text":NaN}', b"[" * 100_000, b'"\xff"', b'{"text":"\\ud800"}']
    )
    async def test_refused_when_it_is_no_json(self, desk: Desk, body: bytes) -> None:
        answer = await desk.ask("POST", PATH, body=body, headers=JSON)
        assert answer.status == (400 if body else 422)
        assert answer.code

    async def test_413_when_over_2_mib_whether_declared_or_chunked(self, desk: Desk) -> None:
        big = b'{"text":"' + b"x" * DEFAULT_LIMIT + b'"}'
        for body in (big, [big[:1000], big[1000:]]):
            answer = await desk.ask("POST", PATH, body=body, headers=JSON)
            assert (answer.status, answer.code) == (413, "body_too_large")

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Content-Type": "text/plain"},
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"Content-Type": "application/json; charset=gbk"},
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        ],
    )
    async def test_415_when_the_content_type_is_another(self, desk: Desk, headers: dict[str, str]) -> None:
        answer = await desk.ask("POST", PATH, body=b'{"text":"x"}', headers=headers)
        assert (answer.status, answer.code) == (415, "unsupported_media_type")


class TestWrongAddresses:
    @pytest.mark.parametrize(
        "target",
        [
            f"{PATH}/%ff",
            f"{PATH}/%ed%a0%80",
            f"{PATH}/%00",
            f"{PATH}?text=%ff",
            f"{PATH}?text=%00",
            f"{PATH}?%c3=1",
        ],
    )
    async def test_400_when_not_utf8_or_with_nul(self, desk: Desk, target: str) -> None:
        answer = await desk.ask("GET", target)
        assert (answer.status, answer.code) == (400, "bad_address")

    async def test_400_when_too_long(self, desk: Desk) -> None:
        assert (await desk.ask("GET", f"{PATH}?text={'x' * 20_000}")).code == "bad_address"

    async def test_422_when_parameters_are_unknown_or_repeated(self, desk: Desk) -> None:
        answer = await desk.ask("GET", f"{PATH}?sort=x&text=a&text=b&limit=1")
        assert (answer.status, answer.pointers) == (422, ["/query/sort", "/query/text"])

    async def test_422_when_an_id_is_malformed(self, desk: Desk) -> None:
        answer = await desk.ask("GET", f"{PATH}/not-an-id")
        assert (answer.status, answer.pointers) == (422, ["/path/note_id"])

    async def test_404_and_405_are_problems_too(self, desk: Desk) -> None:
        assert (await desk.ask("GET", "/v1/nothing")).code == "not_found"
        assert (await desk.ask("GET", f"{PATH}/")).code in ("not_found", "invalid_request")
        answer = await desk.ask("DELETE", PATH)
        assert (answer.status, answer.code, answer.headers["Allow"]) == (
            405,
            "method_not_allowed",
            "GET, POST",
        )


class TestUnforeseen:
    async def test_500_says_nothing_of_the_inside_and_the_log_all(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        trace_id = "0af7651916cd43dd8448eb211c80319c"
        with caplog.at_level(logging.ERROR):
            answer = await desk.ask(
                "GET",
                "/v1/broken/unforeseen",
                headers={"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"},
            )
        assert (answer.status, answer.code) == (500, "internal_error")
        assert answer.json()["trace_id"] == trace_id
        assert b"secret" not in answer.body
        assert b"Zero" not in answer.body
        assert "ZeroDivisionError: a secret of the inside" in caplog.text

    async def test_503_when_the_database_cannot_be_reached(self, bed: Bed) -> None:
        nowhere = SecretStr("postgresql://postgres@127.0.0.1:1/postgres")
        settings = bed.settings.model_copy(update={"postgres_url": nowhere})
        database = Database(make_engine(settings, "leads", "app"))
        app = make_app(settings, "leads", routers=[sound_router], database=database, authenticate=_somebody)
        answer = await ask(app, "POST", PATH, json={"text": "x"})
        ready = await ask(probes(database_ready(database)), "GET", "/readyz")
        await database.dispose()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert answer.code == "database_unavailable"
        assert ready.status == 503


async def _somebody(_: Scope) -> Principal:
    return a_principal()


class TestWhoAsks:
    async def test_401_when_nobody_is_signed_in_even_where_nothing_is(self, desk: Desk) -> None:
        desk.signed_in = False
        for target in (PATH, "/v1/nothing", f"{PATH}/x"):
            answer = await desk.ask("POST", target, body=b"not even JSON")
            assert (answer.status, answer.code) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"] == "Bearer"

    async def test_services_only_when_the_path_is_internal(self, desk: Desk) -> None:
        assert (await desk.ask("POST", "/internal/leads/import")).code == "services_only"
        desk.principal = service_principal(new_id(), new_id())
        assert (await desk.ask("POST", "/internal/leads/import")).code == "not_found"

    @pytest.mark.parametrize(
        "headers",
        [
            [],
            [("Authorization", "Bearer")],
            [("Authorization", "Basic x")],
            [("Authorization", "Bearer a")] * 2,
        ],
    )
    async def test_401_when_the_header_is_not_one_bearer_token(
        self, bed: Bed, headers: list[tuple[str, str]]
    ) -> None:
        app = make_app(bed.settings, "leads", routers=[sound_router], database=bed.app, keys=FixedKeys())
        assert (await ask(app, "GET", PATH, headers=headers)).status == 401

    async def test_answered_when_the_gateways_token_is_good_for_this_service_only(self, bed: Bed) -> None:
        key = SigningKey.generate()
        app = make_app(bed.settings, "leads", routers=[sound_router], database=bed.app, keys=FixedKeys(key))
        principal = a_principal()
        good = sign_principal(key, principal, "leads")
        other = sign_principal(key, replace(principal, id=new_id()), "scoring")
        assert (await ask(app, "GET", PATH, headers={"Authorization": f"Bearer {good}"})).status == 200
        answer = await ask(app, "GET", PATH, headers={"Authorization": f"Bearer {other}"})
        assert (answer.status, answer.code) == (401, "invalid_token")

    async def test_401_when_rights_changed_after_the_token_was_made(self, bed: Bed) -> None:
        key = SigningKey.generate()
        app = make_app(bed.settings, "leads", routers=[sound_router], database=bed.app, keys=FixedKeys(key))
        principal = a_principal()
        now = principal.org_version + 1
        await bed.admin.execute("insert into org_versions values ($1, $2)", principal.tenant_id, now)
        await bed.admin.execute(
            "insert into org_principals values ($1, $2, $3, false)", principal.tenant_id, principal.id, now
        )
        token = sign_principal(key, principal, "leads")
        answer = await ask(app, "GET", PATH, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status, answer.code) == (401, "token_outdated")

    async def test_503_when_the_gateways_keys_cannot_be_fetched(self, bed: Bed) -> None:
        settings = bed.settings.model_copy(update={"gateway_internal_url": "http://127.0.0.1:1"})
        app = make_app(settings, "leads", routers=[sound_router], database=bed.app)
        token = sign_principal(SigningKey.generate(), a_principal(), "leads")
        answer = await ask(app, "GET", PATH, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status, answer.code) == (503, "keys_unavailable")


class TestApp:
    def test_refused_when_a_router_is_not_strict(self, bed: Bed) -> None:
        loose = APIRouter()
        loose.get("/v1/loose")(lambda: None)
        with pytest.raises(TypeError, match="Router"):
            make_app(bed.settings, "leads", routers=[loose], database=bed.app)

    async def test_requests_are_counted_by_route_and_not_by_path(self, desk: Desk) -> None:
        def counted(route: str) -> float:
            return float(HTTP_REQUESTS.labels("leads", "GET", route, 404)._value.get())

        before, stray = counted(f"{PATH}/{{note_id}}"), counted("unmatched")
        await desk.ask("GET", f"{PATH}/{new_id()}")
        await desk.ask("GET", f"/v1/{new_id()}")
        assert counted(f"{PATH}/{{note_id}}") == before + 1
        assert counted("unmatched") == stray + 1


class TestDocument:
    async def test_valid_and_true_about_problems_and_headers(self, desk: Desk) -> None:
        document = (await desk.ask("GET", "/openapi.json")).json()
        validate(document)
        assert "HTTPValidationError" not in str(document)
        post = document["paths"][PATH]["post"]
        assert {"400", "401", "403", "409", "413", "415", "422", "503", "504"} <= set(post["responses"])
        names = {parameter["$ref"].rsplit("/")[-1] for parameter in post["parameters"]}
        assert names == {"IdempotencyKey", "IfMatch", "WaitFor", "WaitMs"}
        one = document["paths"][f"{PATH}/{{note_id}}"]["get"]
        assert "304" in one["responses"]
        assert one["security"] == [{"bearer": []}]


class TestProbes:
    async def test_answered_when_asked(self, bed: Bed) -> None:
        app = probes(database_ready(bed.app))
        assert (await ask(app, "GET", "/healthz")).json() == {"status": "ok"}
        assert (await ask(app, "GET", "/readyz")).status == 200
        assert b"cox_http_requests_total" in (await ask(app, "GET", "/metrics")).body
        assert (await ask(app, "GET", "/else")).status == 404
