"""The calls of the docs, made as they stand there."""

from __future__ import annotations

from pathlib import Path

from tests.integration.services.leads.conftest import Desk
from tests.support.calls import calls_of, differences

DOCS = Path(__file__).resolve().parents[4] / "docs"


class TestPools:
    async def test_every_call_is_answered_as_shown_when_made_in_order(self, desk: Desk) -> None:
        ids = {"unit_id": str(desk.units["company"])}
        for call in calls_of(DOCS / "pools.md"):
            target, body = call.ready(ids)
            of_a_rep = target == "/v1/leads" or target.endswith(("/claim", "/release"))
            by = "north1" if of_a_rep else "head"
            answer = await desk(by, call.method, target, body)
            assert answer.status == call.status, (call, answer)
            assert differences(call.answer, answer.json(), ids) == [], call
        assert {"pool_id", "lead_id"} <= ids.keys()
