"""The document that the running product serves, and whether the gateway's own rooms keep to it."""

from __future__ import annotations

import asyncio

import pytest

from deploy.cli.openapi import document
from services.gateway.door.dispatcher import OWN_PREFIXES
from tests.e2e.support.house import House
from tests.support.schemas import assert_conforms
from tests.support.speaking import Person, Tenant


class TestServedDocument:
    async def test_same_as_the_commands_when_served(self, house: House) -> None:
        served = (await Person(house.url).ask("GET", "/openapi.json")).ok().json
        assert served == document(house.settings)

    async def test_page_for_people_is_served_when_asked(self, house: House) -> None:
        page = (await Person(house.url).ask("GET", "/docs")).ok()
        assert page.headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert b"/v1/kpis" in page.body


class TestConformance:
    @pytest.mark.timeout(1500)
    async def test_no_undocumented_answer_when_input_is_hostile(self, house: House, tenant: Tenant) -> None:
        body = {"name": "schemathesis", "scopes": ["admin"]}
        key = (await tenant.admin.post("/v1/api-keys", body))["key"]

        def own(path: str) -> bool:
            # A stream has no end; files are held to the contract by the tests of imports.
            return path.split("/")[2] in OWN_PREFIXES - {"imports"} and not path.endswith("/stream")

        await asyncio.to_thread(assert_conforms, house.url, key, examples=3, phases="coverage", only=own)
