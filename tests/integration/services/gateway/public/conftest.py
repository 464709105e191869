"""Forms and codes of a tenant at the edge, and those who come to them. Leads is a stand-in."""

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
from shared.access.keys import SigningKey
from shared.database.transactions import Database
from shared.settings import Settings
from tests.integration.services.gateway.conftest import Tenant, made_tenant
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


async def coded(tenant: Tenant, **more: Any) -> Any:
    told = await tenant.admin("POST", "/v1/codes", {"name": f"Poster {secrets.token_hex(4)}"} | more)
    assert told.status == 201, told
    return told.json()


async def scan(app: FastAPI, code: Any) -> Answer:
    return await ask(app, "GET", f"/c/{code['key']}")
