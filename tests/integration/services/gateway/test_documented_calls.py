"""The calls of the docs, made as they stand there."""

from __future__ import annotations

from pathlib import Path

from tests.integration.services.gateway.conftest import Tenant
from tests.support.calls import calls_of

DOCS = Path(__file__).resolve().parents[4] / "docs"


class TestWorkingTime:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, tenant: Tenant) -> None:
        root = await tenant.root()
        rep = (await tenant.user("lin", root))["id"]
        ids = {"root_id": root, "rep_id": rep}
        calls = calls_of(DOCS / "working-time.md")
        for call in calls:
            target, body = call.ready(ids)
            answer = await tenant.admin(call.method, target, body)
            call.check(answer.status, answer.body, ids)
        assert {"calendar_id", "absence_id"} <= ids.keys()
        assert {call.method for call in calls} == {"GET", "POST", "PUT", "PATCH", "DELETE"}


class TestImports:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, tenant: Tenant) -> None:
        ids: dict[str, str] = {}
        for call in calls_of(DOCS / "imports.md"):
            target, body = call.ready(ids)
            answer = await tenant.admin(call.method, target, body)
            call.check(answer.status, answer.body, ids)
        assert "mapping_id" in ids
