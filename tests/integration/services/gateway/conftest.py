"""A gateway on a real database, and a tenant of its own for each test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from fastapi import FastAPI

from services.gateway.bootstrap import build_app, org_timers, settings_of
from services.gateway.setting_up import Bootstrapped, ensure_tenant
from shared.access.keys import SigningKey
from shared.clock import SettableClock
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.events.backbone import Backbone
from shared.settings import Settings
from tests.support.asgi import Answer, ask
from tests.support.databases import Databases
from tests.support.windows import stand_still

PASSWORD = "correct horse battery"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
async def app(settings: Settings, databases: Databases, signing_key: SigningKey) -> AsyncIterator[FastAPI]:
    await databases.require("gateway")
    made = build_app(settings_of(settings), key=signing_key)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture(scope="module")
async def worker(settings: Settings, databases: Databases) -> AsyncIterator[Database]:
    """The gateway's database, under the role that sees every tenant."""
    await databases.require("gateway")
    database = Database(make_engine(settings, "gateway", "worker", pool_size=2))
    yield database
    await database.dispose()


@pytest.fixture
async def backbone(settings: Settings, worker: Database) -> AsyncIterator[Backbone]:
    """What timers run on; its clock is set by the test."""
    database = Database(make_engine(settings, "gateway", "app", pool_size=2))
    yield Backbone(settings, "gateway", worker=worker, app=database, clock=SettableClock(NOW))
    await database.dispose()


async def let_pass(backbone: Backbone, days: float) -> None:
    """It is so many days after NOW, and what is due then has happened."""
    assert isinstance(backbone.clock, SettableClock)
    backbone.clock.at = NOW + timedelta(days=days)
    timers = org_timers(backbone.clock)
    while await timers.fire_due(backbone):
        pass


@pytest.fixture
def still_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the limiter no time passes."""
    stand_still(monkeypatch)


@dataclass
class Client:
    """Somebody who speaks to the gateway; `token` is what they show."""

    app: FastAPI
    token: str | None = None
    refresh_token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, method: str, target: str, json: Any = None, **headers: str) -> Answer:
        """Headers by name with `_` for `-`: `if_match='"3"'`."""
        sent = dict(self.headers)
        if self.token is not None:
            sent["authorization"] = f"Bearer {self.token}"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await ask(self.app, method, target, json=json, headers=sent)

    async def form(self, target: str, **fields: str) -> Answer:
        body = urlencode(fields).encode()
        content_type = {"content-type": "application/x-www-form-urlencoded"}
        return await ask(self.app, "POST", target, body=body, headers=content_type)

    async def sign_in(self, email: str, password: str = PASSWORD) -> Answer:
        answer = await self.form("/v1/auth/token", grant_type="password", username=email, password=password)
        if answer.status == 200:
            self.token = answer.json()["access_token"]
            self.refresh_token = answer.json()["refresh_token"]
        return answer


@dataclass
class Tenant:
    """A tenant with its signed-in admin."""

    app: FastAPI
    made: Bootstrapped
    email: str
    admin: Client

    @property
    def id(self) -> UUID:
        return self.made.tenant_id

    async def root(self) -> str:
        units = (await self.admin("GET", "/v1/org/units")).json()["items"]
        return next(str(unit["id"]) for unit in units if unit["parent_id"] is None)

    async def unit(self, name: str, parent_id: str | None = None, kind: str = "team") -> str:
        body = {"kind": kind, "name": name, "code": name, "parent_id": parent_id or await self.root()}
        answer = await self.admin("POST", "/v1/org/units", body)
        assert answer.status == 201, answer
        return str(answer.json()["id"])

    async def user(self, name: str, unit_id: str, *roles: str) -> dict[str, Any]:
        """A user who can sign in with PASSWORD."""
        body = {
            "display_name": name, "code": name, "unit_id": unit_id, "roles": list(roles) or ["rep"],
            "email": self.email_of(name), "password": PASSWORD,
        }  # fmt: skip
        answer = await self.admin("POST", "/v1/org/users", body)
        assert answer.status == 201, answer
        found: dict[str, Any] = answer.json()
        return found

    def email_of(self, name: str) -> str:
        return f"{name}.{str(self.id)[-12:]}@example.com"

    async def client(self, name: str) -> Client:
        client = Client(self.app)
        answer = await client.sign_in(self.email_of(name))
        assert answer.status == 200, answer
        return client


@pytest.fixture
async def tenant(app: FastAPI, worker: Database) -> Tenant:
    return await made_tenant(app, worker)


async def made_tenant(app: FastAPI, worker: Database) -> Tenant:
    name = f"tenant {secrets.token_hex(4)}"
    email = f"admin.{secrets.token_hex(4)}@example.com"
    made = await ensure_tenant(
        worker, app.state.passwords, name=name, timezone="Asia/Shanghai", currency="CNY", admin_email=email,
        admin_password=PASSWORD, new_key=False, now=datetime.now(UTC),
    )  # fmt: skip
    admin = Client(app)
    answer = await admin.sign_in(email)
    assert answer.status == 200, answer
    return Tenant(app, made, email, admin)


@pytest.fixture
async def other_tenant(app: FastAPI, worker: Database) -> Tenant:
    return await made_tenant(app, worker)
