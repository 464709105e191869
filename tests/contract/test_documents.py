"""Each service's app against its own OpenAPI document: whatever is sent, no 5xx, no undocumented status."""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import replace
from uuid import UUID

import pytest
from starlette.types import ASGIApp, Scope

from shared.access import projection
from shared.access.bearer import bearer_of
from shared.access.principal import Principal
from shared.access.roles import SCOPES
from shared.contracts.base import Event
from shared.contracts.org import TenantConfigured, UnitDefined, UserDefined
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.errors import Unauthenticated
from shared.events.envelope import Received
from shared.ids import new_id
from shared.settings import Settings
from tests.support.databases import Databases
from tests.support.schemas import assert_conforms
from tests.support.serving import served


def admin() -> Principal:
    user = new_id()
    return Principal(
        tenant_id=new_id(), id=user, kind="user", user_id=user, roles=frozenset({"admin"}),
        scopes=frozenset(SCOPES), visibility="tenant", unit_id=None, org_version=0,
    )  # fmt: skip


def people(unit: UUID, who: Principal) -> list[Event]:
    return [
        TenantConfigured(name="t", timezone="Asia/Shanghai", currency="CNY"),
        UnitDefined(unit_id=unit, parent_id=None, kind="company", code="root", name="Root"),
        UserDefined(
            user_id=who.id, display_name="Admin", code="admin", unit_id=unit, roles=("admin",),
            visibility="tenant", is_rep=False,
        ),
        UserDefined(
            user_id=new_id(), display_name="王伟", code="w1", unit_id=unit, roles=("rep",),
            visibility="own", is_rep=True,
        ),
    ]  # fmt: skip


async def tell(settings: Settings, service: str, tenant: UUID, events: list[Event]) -> None:
    """What the service's worker would have been told on cox.org."""
    worker = Database(make_engine(settings, service, "worker"))
    batch = []
    for seq, event in enumerate(events, 1):
        headers = {
            "ce_id": str(new_id()), "ce_type": event.type_name(), "ce_tenantid": str(tenant),
            "ce_sequence": str(seq), "ce_epoch": "1", "ce_time": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        pairs = [(name, value.encode()) for name, value in headers.items()]
        value = event.model_dump_json().encode()
        key = str(tenant).encode()
        batch.append(Received("cox.org", 0, seq, 0, key, value, pairs, stream="cox.org"))
    async with worker.transaction() as tx:
        await projection.apply(tx, batch)
    await worker.dispose()


class TestDocuments:
    @pytest.mark.timeout(1500)
    @pytest.mark.parametrize("service", ["leads", "activities", "scoring"])
    async def test_no_5xx_and_no_undocumented_answer_whatever_is_sent(
        self, databases: Databases, settings: Settings, service: str
    ) -> None:
        await databases.require(service)
        unit = new_id()
        who = replace(admin(), unit_id=unit)
        await tell(settings, service, who.tenant_id, people(unit, who))

        async def authenticate(scope: Scope) -> Principal:
            if bearer_of(scope) != "good":
                raise Unauthenticated("Not good")
            return who

        async def build() -> ASGIApp:
            bootstrap = importlib.import_module(f"services.{service}.bootstrap")
            app: ASGIApp = bootstrap.build_app(settings, authenticate=authenticate)
            return app

        def ask() -> None:
            with served(build) as url:
                assert_conforms(url, "good", examples=6)

        await asyncio.to_thread(ask)
