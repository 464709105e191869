"""What is done beside the API: tenants, the command line's key, a way back in."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from services.gateway.identity.use_cases import EmailTaken
from services.gateway.setting_up import Bootstrapped, ensure_tenant, reset_password
from shared.database.transactions import Database
from shared.errors import NotFound
from shared.settings import Settings
from tests.integration.services.gateway.conftest import PASSWORD, Client, Tenant

ROOT = Path(__file__).resolve().parents[4]


async def ensured(app: FastAPI, worker: Database, **changes: Any) -> Bootstrapped:
    wanted: dict[str, Any] = {
        "name": "Acme", "timezone": "UTC", "currency": "USD", "admin_email": "a@acme.example",
        "admin_password": PASSWORD, "new_key": False, "now": datetime.now(UTC),
    }  # fmt: skip
    return await ensure_tenant(worker, app.state.passwords, **(wanted | changes))


def unique() -> dict[str, str]:
    name = secrets.token_hex(4)
    return {"name": name, "admin_email": f"{name}@example.com"}


class TestEnsureTenant:
    async def test_made_once_when_asked_twice(self, app: FastAPI, worker: Database) -> None:
        who = unique()
        first = await ensured(app, worker, **who)
        again = await ensured(app, worker, **who, admin_password="another one")
        assert (first.created, again.created) == (True, False)
        assert (again.tenant_id, again.admin_id) == (first.tenant_id, first.admin_id)
        assert first.api_key is not None
        assert again.api_key is None
        assert (await Client(app).sign_in(who["admin_email"])).status == 200

    async def test_found_by_its_admin_when_it_was_renamed(self, app: FastAPI, worker: Database) -> None:
        who = unique()
        first = await ensured(app, worker, **who)
        admin = Client(app, first.api_key)
        assert (await admin("PATCH", "/v1/org/tenant", {"name": who["name"] + " Ltd"})).status == 200
        again = await ensured(app, worker, **who, renamed=True)
        assert (again.created, again.tenant_id) == (False, first.tenant_id)

    async def test_password_is_made_up_when_none_is_given(self, app: FastAPI, worker: Database) -> None:
        who = unique()
        made = await ensured(app, worker, **who, admin_password=None)
        assert made.generated_password is not None
        assert (await Client(app).sign_in(who["admin_email"], made.generated_password)).status == 200

    async def test_former_key_ends_when_a_new_one_is_issued(self, app: FastAPI, worker: Database) -> None:
        who = unique()
        former = Client(app, (await ensured(app, worker, **who)).api_key)
        assert (await former("GET", "/v1/me")).json()["visibility"] == "tenant"
        newer = Client(app, (await ensured(app, worker, **who, new_key=True)).api_key)
        await app.state.parts.freshness.ask()
        assert (await former("GET", "/v1/me")).status == 401
        assert (await newer("GET", "/v1/me")).status == 200

    async def test_refused_whole_when_email_belongs_to_another_tenant(
        self, app: FastAPI, worker: Database, tenant: Tenant
    ) -> None:
        name = secrets.token_hex(4)
        with pytest.raises(EmailTaken):
            await ensured(app, worker, name=name, admin_email=tenant.email)
        rep = (await tenant.user("rep", await tenant.root()))["email"]
        with pytest.raises(EmailTaken):
            await ensured(app, worker, name=name, admin_email=rep, renamed=True)
        fresh = await ensured(app, worker, name=name, admin_email=f"{name}@example.com")
        assert fresh.created


class TestResetPassword:
    async def test_signs_in_with_the_new_one_only_when_reset(self, tenant: Tenant, worker: Database) -> None:
        passwords = tenant.app.state.passwords
        new = await reset_password(worker, passwords, tenant.email, None, now=datetime.now(UTC))
        await tenant.app.state.parts.freshness.ask()
        assert (await tenant.admin("GET", "/v1/me")).status == 401
        assert (await tenant.admin.sign_in(tenant.email)).status == 401
        assert (await tenant.admin.sign_in(tenant.email, new)).status == 200

    async def test_refused_when_nobody_has_the_email(self, app: FastAPI, worker: Database) -> None:
        with pytest.raises(NotFound):
            await reset_password(
                worker, app.state.passwords, "nobody@example.com", None, now=datetime.now(UTC)
            )


class TestCommands:
    def test_one_line_of_json_when_run_as_a_program(self, settings: Settings, app: FastAPI) -> None:
        who = unique()
        environment = _environment(settings) | {
            "COX_TENANT_NAME": who["name"],
            "COX_ADMIN_EMAIL": who["admin_email"],
            "COX_TENANT_CURRENCY": "CNY",
        }
        done = _run("bootstrap_tenant", environment)
        told = json.loads(done.stdout)
        assert (told["created"], told["admin_email"]) == (True, who["admin_email"])
        assert told["admin_password"]
        assert told["cli_key"].startswith("cox_")
        assert json.loads(_run("bootstrap_tenant", environment).stdout)["admin_password"] is None
        reset = json.loads(_run("reset_password", environment, who["admin_email"]).stdout)
        assert reset["password"] != told["admin_password"]

    def test_one_clear_line_when_it_cannot_be_done(self, settings: Settings, app: FastAPI) -> None:
        nobody = _run("reset_password", _environment(settings), "nobody@example.com")
        assert (nobody.returncode, nobody.stdout) == (1, "")
        assert nobody.stderr.strip() == "There is no account nobody@example.com"
        wrong = _run("bootstrap_tenant", _environment(settings) | {"COX_TENANT_TIMEZONE": "Mars"})
        assert wrong.returncode == 1
        assert "COX_TENANT_TIMEZONE" in wrong.stderr


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("COX_")},
        "PYTHONPATH": str(ROOT),
        "COX_POSTGRES_URL": settings.postgres_url.get_secret_value(),
        "COX_ROLE_PASSWORD": settings.role_password.get_secret_value(),
        "COX_DATABASE_PREFIX": settings.database_prefix,
    }


def _run(module: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"services.gateway.{module}", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
