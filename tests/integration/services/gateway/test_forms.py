"""Public forms at the edge: who may come, from where, how often, what they are told. Leads is a stand-in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from fastapi import FastAPI

from services.gateway.bootstrap import build_app, settings_of
from services.gateway.forms.visiting import BODY_LIMIT
from shared.access.keys import FixedKeys, SigningKey
from shared.access.tokens import TokenVerifier
from shared.database.transactions import Database
from shared.settings import Settings
from tests.integration.services.gateway.conftest import Client, Tenant, made_tenant
from tests.integration.services.gateway.upstream import Request, Upstream, answer, running
from tests.support.asgi import Answer, ask
from tests.support.databases import Databases

BAD = "\"'><script>alert(1)</script>"
FORM = {
    "name": "Fair", "title": {"zh": "预约演示", "en": "Book a demo"},
    "fields": [{"field": "name", "required": True}, {"field": "phone"}],
    "fixed": {"source": "fair"}, "origins": ["https://www.example.com"],
}  # fmt: skip
PAGE = {"accept": "text/html,application/xhtml+xml"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
HERE = {"host": "testserver"}


@dataclass
class Leads:
    """Takes every lead, unless it is told what to answer."""

    status: int = 201
    body: Any = None
    falls_silent: bool = False
    taken: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    async def script(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        if self.falls_silent:
            writer.close()
            return
        self.taken.append(orjson.loads(request.body))
        body = self.body or {"id": "01890a5d-ac96-774b-bcce-b302099a8057"}
        kind = "application/json" if self.status < 400 else "application/problem+json"
        writer.write(answer(self.status, orjson.dumps(body), content_type=kind))

    def refuses(self, status: int, code: str, *pointers: str) -> None:
        errors = [{"pointer": each, "code": "bad_phone", "detail": "no"} for each in pointers]
        self.status, self.body = status, {"code": code, "title": "t", "detail": "d", "errors": errors}


@pytest.fixture
def leads() -> Leads:
    return Leads()


@pytest.fixture
async def upstream(leads: Leads) -> AsyncIterator[Upstream]:
    async with running(leads.script) as made:
        yield made


@pytest.fixture
async def app(
    settings: Settings, databases: Databases, signing_key: SigningKey, upstream: Upstream
) -> AsyncIterator[FastAPI]:
    await databases.require("gateway")
    own = settings_of(settings).model_copy(
        update={
            "service_leads_url": upstream.origin,
            "cors_origins": ["https://console.example.com"],
            "public_url": "https://sales.example.com",
        }
    )
    made = build_app(own, key=signing_key)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def tenant(app: FastAPI, worker: Database) -> Tenant:
    return await made_tenant(app, worker)


@pytest.fixture
async def other_tenant(app: FastAPI, worker: Database) -> Tenant:
    return await made_tenant(app, worker)


async def made(tenant: Tenant, **more: Any) -> Any:
    told = await tenant.admin("POST", "/v1/forms", FORM | {"name": f"Fair {secrets.token_hex(4)}"} | more)
    assert told.status == 201, told
    return told.json()


async def leave(app: FastAPI, form: Any, values: Any, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(app, "POST", f"/v1/public/forms/{form['key']}", json=values, headers=HERE | named)


async def fill_in(app: FastAPI, form: Any, headers: dict[str, str] | None = None, **values: str) -> Answer:
    body = urlencode(values).encode()
    sent = HERE | PAGE | URLENCODED | (headers or {})
    return await ask(app, "POST", f"/f/{form['key']}", body=body, headers=sent)


class TestMaking:
    async def test_it_is_kept_as_it_was_made_when_it_is_read_again(self, tenant: Tenant) -> None:
        form = await made(tenant, redirect_url="https://www.example.com/thanks", thanks={"zh": "谢谢"})
        again = await tenant.admin("GET", f"/v1/forms/{form['id']}")
        assert (again.status, again.json()) == (200, form)
        assert form["url"] == f"https://sales.example.com/f/{form['key']}"
        listed = await tenant.admin("GET", "/v1/forms")
        assert [each["id"] for each in listed.json()["items"]] == [form["id"]]

    async def test_only_what_is_given_changes_when_it_is_changed(self, tenant: Tenant) -> None:
        form = await made(tenant, thanks={"zh": "谢谢"})
        path = f"/v1/forms/{form['id']}"
        told = await tenant.admin("PATCH", path, {"thanks": None, "per_minute": 3}, if_match='"1"')
        changed = told.json()
        assert (changed["thanks"], changed["per_minute"], changed["version"]) == (None, 3, 2)
        assert changed["fields"] == form["fields"]
        assert told.headers["etag"] == '"2"'
        assert told.headers["cox-position"]
        stale = await tenant.admin("PATCH", path, {"per_minute": 4}, if_match='"1"')
        assert (stale.status, stale.code) == (412, "version_changed")
        same = await tenant.admin("PATCH", path, {"per_minute": 3})
        assert same.json()["version"] == 2

    async def test_refused_when_the_name_is_in_use(self, tenant: Tenant) -> None:
        first, second = await made(tenant), await made(tenant)
        for method, path in (("POST", "/v1/forms"), ("PATCH", f"/v1/forms/{second['id']}")):
            body = FORM if method == "POST" else {}
            told = await tenant.admin(method, path, body | {"name": first["name"]})
            assert (told.status, told.code, told.pointers) == (409, "form_name_taken", ["/name"])

    async def test_whoever_only_sells_reads_forms_and_makes_none(self, tenant: Tenant) -> None:
        await tenant.user("rep", await tenant.root())
        rep = await tenant.client("rep")
        form = await made(tenant)
        assert (await rep("GET", f"/v1/forms/{form['id']}")).status == 200
        for method, path in (("POST", "/v1/forms"), ("PATCH", f"/v1/forms/{form['id']}")):
            told = await rep(method, path, FORM if method == "POST" else {"enabled": False})
            assert (told.status, told.code) == (403, "missing_scope")

    async def test_nobody_of_another_tenant_finds_it(self, tenant: Tenant, other_tenant: Tenant) -> None:
        form = await made(tenant)
        for method, body in (("GET", None), ("PATCH", {"enabled": False})):
            told = await other_tenant.admin(method, f"/v1/forms/{form['id']}", body)
            assert (told.status, told.code) == (404, "unknown_form")
        assert (await other_tenant.admin("GET", "/v1/forms")).json()["items"] == []


class TestTaking:
    async def test_leads_gets_it_from_nobody_in_particular_when_it_is_sent(
        self, app: FastAPI, tenant: Tenant, leads: Leads, signing_key: SigningKey
    ) -> None:
        form = await made(tenant, thanks={"zh": "谢谢", "en": "Thanks"})
        told = await leave(app, form, {"name": "Li", "phone": "1"}, accept_language="en;q=0.2, zh-CN")
        assert (told.status, told.json()) == (
            201, {"received": True, "message": "谢谢", "redirect_url": None},
        )  # fmt: skip
        assert "cox-position" not in told.headers
        assert leads.taken == [{"name": "Li", "phone": "1", "source": "fair"}]
        [request] = leads.requests
        assert (request.method, request.target) == ("POST", "/v1/leads")
        token = request.headers["authorization"].removeprefix("Bearer ")
        who = await TokenVerifier("leads", FixedKeys(signing_key)).verify(token)
        assert (who.tenant_id, str(who.id), who.user_id) == (tenant.id, form["id"], None)
        assert who.scopes == {"leads:write"}

    async def test_both_shapes_of_a_body_are_one_when_they_say_the_same(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant)
        await leave(app, form, {"name": "王伟", "phone": ""})
        path, body = f"/v1/public/forms/{form['key']}", urlencode({"name": "王伟", "phone": ""}).encode()
        told = await ask(app, "POST", path, body=body, headers=URLENCODED)
        assert told.status == 201
        assert leads.taken == [{"name": "王伟", "source": "fair"}] * 2

    @pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/xml", ""])
    async def test_refused_when_the_body_is_of_another_kind(
        self, app: FastAPI, tenant: Tenant, leads: Leads, kind: str
    ) -> None:
        form = await made(tenant)
        for path in (f"/v1/public/forms/{form['key']}", f"/f/{form['key']}"):
            told = await ask(app, "POST", path, body=b"name=Li", headers={"content-type": kind})
            assert (told.status, told.code) == (415, "unsupported_media_type")
        assert leads.requests == []

    async def test_refused_when_it_is_too_large_or_no_object(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant)
        path = f"/v1/public/forms/{form['key']}"
        large = await ask(app, "POST", path, body=b"name=" + b"a" * BODY_LIMIT, headers=URLENCODED)
        assert (large.status, large.code) == (413, "body_too_large")
        for body in ([{"name": "Li"}], "Li", 5):
            told = await leave(app, form, body)
            assert (told.status, told.code) == (422, "invalid_request")
        broken = await ask(app, "POST", path, body=b"{", headers={"content-type": "application/json"})
        assert (broken.status, broken.code) == (400, "bad_json")
        assert leads.requests == []

    async def test_every_field_is_named_when_it_is_badly_filled_in(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        told = await leave(
            app, await made(tenant), {"name": "", "owner_id": "x"}, origin="https://www.example.com"
        )
        assert (told.status, told.pointers) == (422, ["/owner_id", "/name"])
        assert told.headers["access-control-allow-origin"] == "https://www.example.com"
        assert leads.requests == []

    async def test_what_leads_refuses_is_told_only_as_far_as_it_was_asked(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant)
        leads.refuses(422, "invalid_request", "/source", "/phone")
        told = await leave(app, form, {"name": "Li", "phone": "1"})
        assert (told.status, told.pointers) == (422, ["/phone"])
        leads.refuses(422, "invalid_request", "/source")
        told = await leave(app, form, {"name": "Li"})
        assert (told.status, told.code) == (409, "form_outdated")

    async def test_nothing_is_told_when_the_person_is_known_and_kept_out(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant)
        taken = await leave(app, form, {"name": "Li"})
        leads.refuses(409, "duplicate_lead", "/phone")
        kept_out = await leave(app, form, {"name": "Li"})
        assert (kept_out.status, kept_out.body) == (taken.status, taken.body)
        assert kept_out.headers.keys() == taken.headers.keys()

    async def test_it_says_that_nothing_was_kept_when_leads_does_not_answer(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant)
        leads.falls_silent = True
        told = await leave(app, form, {"name": "Li"})
        assert (told.status, told.code) == (503, "not_taken")
        assert told.headers["retry-after"]
        page = await fill_in(app, form, name="Zhuge", submission="one")
        assert (page.status, b'value="Zhuge"' in page.body) == (503, True)
        assert b'name="submission" value="one"' in page.body
        assert page.headers["retry-after"]
        leads.falls_silent = False
        assert (await fill_in(app, form, name="Zhuge", submission="one")).status == 200

    async def test_nothing_is_kept_and_nothing_told_when_a_program_fills_in_what_nobody_sees(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant)
        honest = await leave(app, form, {"name": "Li"})
        trapped = await leave(app, form, {"name": "Li", "homepage": "https://spam.example"})
        assert (trapped.status, trapped.body) == (honest.status, honest.body)
        assert len(leads.requests) == 1

    async def test_the_key_of_the_sender_goes_along_and_the_page_has_one_of_its_own(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant)
        await leave(app, form, {"name": "Li"}, idempotency_key="mine")
        for name in ("Li", "Li", "Lin"):
            await fill_in(app, form, name=name, submission="one")
        await fill_in(app, form, name="Li", submission="two")
        first, *pages = [each.headers["idempotency-key"] for each in leads.requests]
        assert (first, pages[0]) == ("mine", pages[1])
        assert len(set(pages)) == 3
        bad = await leave(app, form, {"name": "Li"}, idempotency_key="not one")
        assert (bad.status, bad.code) == (400, "bad_idempotency_key")


@pytest.mark.usefixtures("still_window")
class TestLimits:
    async def test_an_address_waits_when_it_sent_as_often_as_it_may(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form, other = await made(tenant, per_minute=2), await made(tenant)
        for _ in range(2):
            assert (await leave(app, form, {"name": "Li"})).status == 201
        told = await leave(app, form, {"name": "Li"})
        assert (told.status, told.code) == (429, "too_many_submissions")
        assert int(told.headers["retry-after"]) >= 1
        page = await fill_in(app, form, name="Zhuge")
        assert (page.status, b'value="Zhuge"' in page.body) == (429, True)
        assert page.headers["retry-after"]
        assert (await leave(app, other, {"name": "Li"})).status == 201
        assert len(leads.taken) == 3

    async def test_everybody_waits_when_the_form_took_as_many_as_it_may_and_bad_ones_do_not_count(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant, per_day=1)
        assert (await leave(app, form, {"name": ""})).status == 422
        assert (await leave(app, form, {"name": "Li"})).status == 201
        told = await leave(app, form, {"name": "Lin"})
        assert (told.status, told.code) == (429, "too_many_submissions")
        assert [each["name"] for each in leads.taken] == ["Li"]


class TestRights:
    async def test_nobody_looks_whether_rights_changed_when_everybody_may_send_it(
        self, app: FastAPI, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        form = await made(tenant)
        asked = 0

        async def ask_freshness() -> None:
            nonlocal asked
            asked += 1

        monkeypatch.setattr(app.state.parts.freshness, "ask", ask_freshness)
        assert (await leave(app, form, {"name": "Li"})).status == 201
        assert (await fill_in(app, form, name="Li")).status == 200
        by_strangers = asked
        await tenant.admin("PATCH", f"/v1/forms/{form['id']}", {"per_day": 5})
        assert (by_strangers, asked > 0) == (0, True)


class TestOrigins:
    @pytest.mark.parametrize(
        "origin", ["https://www.example.com", "https://sales.example.com", "http://testserver"]
    )
    async def test_a_page_may_send_it_when_it_is_ours_or_named(
        self, app: FastAPI, tenant: Tenant, origin: str
    ) -> None:
        form = await made(tenant)
        told = await leave(app, form, {"name": "Li"}, origin=origin)
        assert (told.status, told.headers["access-control-allow-origin"]) == (201, origin)
        assert told.headers["vary"] == "Origin"
        asked = {"origin": origin, "access-control-request-method": "POST"}
        path = f"/v1/public/forms/{form['key']}"
        before = await ask(app, "OPTIONS", path, headers=HERE | asked)
        assert (before.status, before.headers["access-control-allow-origin"]) == (204, origin)
        assert "Idempotency-Key" in before.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in before.headers

    @pytest.mark.parametrize(
        "origin",
        ["https://evil.example", "null", "https://www.example.com.evil.example", "http://www.example.com",
         "https://console.example.com", "ftp://testserver", ""],
    )  # fmt: skip
    async def test_refused_when_the_page_is_any_other(
        self, app: FastAPI, tenant: Tenant, leads: Leads, origin: str
    ) -> None:
        form = await made(tenant)
        path = f"/v1/public/forms/{form['key']}"
        told = [
            await leave(app, form, {"name": "Li"}, origin=origin),
            await ask(app, "GET", path, headers=HERE | {"origin": origin}),
            await ask(
                app,
                "OPTIONS",
                path,
                headers=HERE | {"origin": origin, "access-control-request-method": "POST"},
            ),
            await fill_in(app, form, {"origin": origin, "accept": "*/*"}, name="Li"),
        ]
        assert [(each.status, each.code) for each in told] == [(403, "origin_not_allowed")] * 4
        assert not any("access-control-allow-origin" in each.headers for each in told)
        assert leads.requests == []

    async def test_the_apis_own_origins_stay_as_they_were(self, app: FastAPI, tenant: Tenant) -> None:
        asked = {"origin": "https://console.example.com", "access-control-request-method": "GET"}
        told = await ask(app, "OPTIONS", "/v1/forms", headers=asked)
        assert (told.status, told.headers["access-control-allow-origin"]) == (200, asked["origin"])


class TestGone:
    async def test_the_old_address_is_gone_when_the_key_is_renewed(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant)
        renewed = (await tenant.admin("PATCH", f"/v1/forms/{form['id']}", {"renew_key": True})).json()
        assert (renewed["version"], renewed["key"] == form["key"]) == (2, False)
        told = await leave(app, form, {"name": "Li"})
        assert (told.status, told.code) == (404, "unknown_form")
        page = await ask(app, "GET", f"/f/{form['key']}", headers=PAGE)
        assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert (await leave(app, renewed, {"name": "Li"})).status == 201

    async def test_it_says_so_when_the_form_was_closed(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant, enabled=False)
        for method in ("GET", "POST"):
            told = await ask(
                app,
                method,
                f"/v1/public/forms/{form['key']}",
                json={"name": "Li"} if method == "POST" else None,
            )
            assert (told.status, told.code) == (410, "form_closed")
        page = await fill_in(app, form, {"accept-language": "zh"}, name="Li")
        assert (page.status, "已停止使用" in page.body.decode()) == (410, True)
        assert leads.requests == []

    @pytest.mark.parametrize(
        "key", ["AAAAAAAAAAAAAAAAAAAAAA", "x", "%27%20or%201=1", "..%2f..%2fv1", "%0d%0aX: y"]
    )
    async def test_nothing_is_found_when_the_key_is_none(self, app: FastAPI, key: str) -> None:
        for path in (f"/v1/public/forms/{key}", f"/f/{key}"):
            told = await ask(app, "GET", path)
            assert told.status in (404, 422), (path, told)
            assert told.headers["content-type"] == "application/problem+json"
        assert (await ask(app, "GET", "/v1/public/nothing")).status == 404


class TestPage:
    async def test_a_browser_may_do_nothing_but_send_it_when_it_is_shown(
        self, app: FastAPI, tenant: Tenant
    ) -> None:
        form = await made(tenant, title={"en": BAD}, intro={"en": BAD})
        told = await ask(app, "GET", f"/f/{form['key']}?from=timeline&via={BAD}", headers=PAGE)
        assert (told.status, b"<script" in told.body) == (200, False)
        policy = told.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors https://www.example.com" in policy
        assert told.headers["x-content-type-options"] == "nosniff"
        assert told.headers["referrer-policy"] == "same-origin"

    async def test_two_fillings_in_are_told_apart_when_the_page_is_opened_twice(
        self, app: FastAPI, tenant: Tenant
    ) -> None:
        form = await made(tenant)
        pages = [(await ask(app, "GET", f"/f/{form['key']}")).body for _ in range(2)]
        assert pages[0] != pages[1]

    async def test_it_is_shown_again_with_the_reason_when_something_is_wrong(
        self, app: FastAPI, tenant: Tenant, leads: Leads
    ) -> None:
        form = await made(tenant)
        told = await fill_in(app, form, {"accept-language": "zh"}, name="", phone=BAD)
        assert (told.status, "请填写此项。" in told.body.decode()) == (422, True)
        assert b"<script" not in told.body
        plain = await fill_in(app, form, {"accept": "application/json"}, name="")
        assert (plain.status, plain.pointers) == (422, ["/name"])
        leads.refuses(422, "invalid_request", "/phone")
        late = await fill_in(app, form, {"accept-language": "zh"}, name="Li", phone="1")
        assert (late.status, "请填写正确的电话号码。" in late.body.decode()) == (422, True)

    async def test_people_go_where_the_form_says_when_it_was_sent(self, app: FastAPI, tenant: Tenant) -> None:
        form = await made(tenant, redirect_url="https://www.example.com/thanks?a=1")
        told = await fill_in(app, form, name="Li")
        assert (told.status, told.headers["location"]) == (303, "https://www.example.com/thanks?a=1")


class TestAddresses:
    async def test_refused_by_field_when_a_form_would_send_people_astray(self, tenant: Tenant) -> None:
        wrong = {
            "redirect_url": "javascript:alert(1)",
            "origins": ["https://www.example.com", "*"],
            "fields": [{"field": "name"}, {"field": "owner_id"}],
        }
        told = await tenant.admin("POST", "/v1/forms", FORM | wrong)
        assert (told.status, sorted(told.pointers)) == (
            422, ["/fields/1/field", "/origins/1", "/redirect_url"],
        )  # fmt: skip


class TestCodes:
    async def test_it_leads_elsewhere_at_once_when_its_target_is_changed(
        self, app: FastAPI, tenant: Tenant
    ) -> None:
        form = await made(tenant)
        code = await coded(tenant, form_id=form["id"])
        assert code["link"] == f"https://sales.example.com/c/{code['key']}"
        assert (await scan(app, code)).headers["location"] == f"/f/{form['key']}?via={code['key']}"
        renewed = (await tenant.admin("PATCH", f"/v1/forms/{form['id']}", {"renew_key": True})).json()
        assert (await scan(app, code)).headers["location"] == f"/f/{renewed['key']}?via={code['key']}"
        path, url = f"/v1/codes/{code['id']}", "https://www.example.com/autumn?a=1"
        changed = (await tenant.admin("PATCH", path, {"url": url})).json()
        assert (changed["form_id"], changed["key"], changed["version"]) == (None, code["key"], 2)
        led = await scan(app, code)
        assert (led.status, led.headers["location"], led.headers["cache-control"]) == (302, url, "no-store")
        counted = (await tenant.admin("GET", f"{path}/scans")).json()
        assert (counted["scans"], counted["leads"]) == (3, 0)

    async def test_no_scan_is_lost_when_a_crowd_comes_at_once(self, app: FastAPI, tenant: Tenant) -> None:
        code = await coded(tenant, url="https://www.example.com/")
        told = await asyncio.gather(*(scan(app, code) for _ in range(60)))
        assert {each.status for each in told} == {302}
        path = f"/v1/codes/{code['id']}/scans"
        assert (await tenant.admin("GET", path)).json()["scans"] == 60
        [day] = (await tenant.admin("GET", path)).json()["days"]
        past = (await tenant.admin("GET", f"{path}?from=2020-01-01&to=2020-02-01")).json()
        assert (past["scans"], past["days"], day["scans"]) == (0, [], 60)
        wrong = await tenant.admin("GET", f"{path}?from=2026-02-01&to=2026-01-01")
        assert (wrong.status, wrong.code) == (422, "bad_period")

    async def test_it_says_so_when_it_was_closed_or_never_was(self, app: FastAPI, tenant: Tenant) -> None:
        code = await coded(tenant, url="https://www.example.com/", enabled=False)
        told = await ask(app, "GET", f"/c/{code['key']}", headers=PAGE)
        assert (told.status, told.headers["content-type"]) == (410, "text/html; charset=utf-8")
        assert (await scan(app, code)).code == "code_closed"
        assert (await scan(app, {"key": "AAAAAAAAAAAA"})).code == "unknown_code"
        counted = await tenant.admin("GET", f"/v1/codes/{code['id']}/scans")
        assert counted.json()["scans"] == 0

    async def test_nobody_is_told_to_send_it_again_when_only_the_counting_failed(
        self, app: FastAPI, tenant: Tenant, leads: Leads, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        form = await made(tenant)
        code = await coded(tenant, form_id=form["id"])

        async def fails(*_: Any) -> None:
            raise OSError("the database is away")

        monkeypatch.setattr(app.state.counter.codes, "came", fails)
        assert (await leave(app, form, {"name": "Li", "via": code["key"]})).status == 201
        assert len(leads.taken) == 1

    async def test_nothing_but_a_form_or_an_address_is_a_target(self, tenant: Tenant) -> None:
        form = await made(tenant)
        both = {"form_id": form["id"], "url": "https://www.example.com/"}
        for target in (
            {},
            both,
            {"url": "http://www.example.com/"},
            {"url": "//evil.example"},
            {"form_id": str(tenant.id)},
        ):
            told = await tenant.admin("POST", "/v1/codes", {"name": "Poster"} | target)
            assert told.status == 422, (target, told)
            assert set(told.pointers) <= {"/form_id", "/url"}

    async def test_its_image_is_drawn_when_somebody_prints_it(self, tenant: Tenant) -> None:
        code = await coded(tenant, url="https://www.example.com/")
        path = f"/v1/codes/{code['id']}"
        svg, png = (
            await tenant.admin("GET", f"{path}/image.svg"),
            await tenant.admin("GET", f"{path}/image.png?size=300"),
        )
        assert (svg.headers["content-type"], png.headers["content-type"]) == ("image/svg+xml", "image/png")
        assert png.body.startswith(b"\x89PNG")
        large = await tenant.admin("GET", f"{path}/image.png?size=100000")
        assert (large.status, large.pointers) == (422, ["/query/size"])

    async def test_nobody_of_another_tenant_finds_it(self, tenant: Tenant, other_tenant: Tenant) -> None:
        code = await coded(tenant, url="https://www.example.com/")
        stranger: Client = other_tenant.admin
        for tail in ("", "/scans", "/image.svg", "/image.png"):
            told = await stranger("GET", f"/v1/codes/{code['id']}{tail}")
            assert (told.status, told.code) == (404, "unknown_code")
        assert (await stranger("GET", "/v1/codes")).json()["items"] == []


async def coded(tenant: Tenant, **more: Any) -> Any:
    told = await tenant.admin("POST", "/v1/codes", {"name": f"Poster {secrets.token_hex(4)}"} | more)
    assert told.status == 201, told
    return told.json()


async def scan(app: FastAPI, code: Any) -> Answer:
    return await ask(app, "GET", f"/c/{code['key']}")
