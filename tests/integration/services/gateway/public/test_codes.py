"""Codes to scan: where they lead, who is counted, their images."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from tests.integration.services.gateway.conftest import Client, Tenant
from tests.integration.services.gateway.public.conftest import (
    PAGE,
    Leads,
    coded,
    leave,
    made,
    scan,
)
from tests.support.asgi import ask


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
