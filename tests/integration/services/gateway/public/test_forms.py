"""Public forms at the edge: who may come, from where, how often, what they are told."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI

from services.gateway.forms.visiting import BODY_LIMIT
from shared.access.keys import FixedKeys, SigningKey
from shared.access.tokens import TokenVerifier
from tests.integration.services.gateway.conftest import Tenant
from tests.integration.services.gateway.public.conftest import (
    BAD,
    FORM,
    HERE,
    PAGE,
    URLENCODED,
    Leads,
    fill_in,
    leave,
    made,
)
from tests.support.asgi import ask


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

    async def test_a_name_stands_once_when_several_take_it_at_once(self, tenant: Tenant) -> None:
        form = await made(tenant)
        for path, thing in (("/v1/forms", FORM), ("/v1/codes", {"form_id": form["id"]})):
            told = await asyncio.gather(
                *(tenant.admin("POST", path, thing | {"name": "One"}) for _ in range(6))
            )
            assert sorted(each.status for each in told) == [201, *[409] * 5], path
            assert {tuple(each.pointers) for each in told if each.status == 409} == {("/name",)}

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
