"""Assignment rules: defined, changed, refused where they cannot work."""

from __future__ import annotations

from typing import Any

from shared.ids import new_id
from tests.integration.services.leads.assigning.test_assignment import rule, users
from tests.integration.services.leads.conftest import Desk


class TestDefining:
    async def test_its_version_grows_when_changed_and_it_rests_when_deleted(self, desk: Desk) -> None:
        made = await rule(desk, position=5)
        path = f"/v1/assignment-rules/{made['id']}"
        changed = await desk("head", "PATCH", path, {"name": "New", "max_open_leads": 3}, if_match='"1"')
        assert (changed.json()["version"], changed.json()["max_open_leads"]) == (2, 3)
        assert (await desk("head", "PATCH", path, {"name": "Old"}, if_match='"1"')).status == 412
        rested = await desk("head", "DELETE", path)
        assert (rested.status, rested.json()["active"]) == (200, False)
        listed = (await desk("head", "GET", "/v1/assignment-rules")).json()["items"]
        assert [(one["id"], one["active"]) for one in listed] == [(made["id"], False)]
        assert [kind for _, kind, _ in await desk.events(made["id"])] == ["assignment_rule_defined"] * 3

    async def test_it_is_refused_naming_what_is_wrong(self, desk: Desk) -> None:
        good = {"name": "R", "strategy": "round_robin", "candidates": users(desk, "north1")}
        await desk.user("gone", "north-team", active=False)
        await desk.unit("empty", "company", "team")
        value = {
            "value_from": {"amount": "2", "currency": "CNY"},
            "value_to": {"amount": "1", "currency": "CNY"},
        }
        bad: list[tuple[dict[str, Any], int, str]] = [
            ({"candidates": users(desk, "gone", "boss")}, 422, "/candidates/user_ids"),
            ({"candidates": {"unit_id": str(desk.units["empty"])}}, 422, "/candidates/unit_id"),
            ({"conditions": value}, 422, "/conditions/value_from"),
            ({"strategy": "weighted", "weights": {"default": 0}}, 422, "/weights"),
            ({"strategy": "weighted", "weights": {"default": -1}}, 422, "/weights/default"),
            ({"languages": ["Chinese"]}, 422, "/languages/0"),
            ({"strategy": "dice"}, 422, "/strategy"),
            ({"candidates": {}}, 422, "/candidates"),
            ({"candidates": {"user_ids": [str(new_id())]}}, 422, "/candidates/user_ids/0"),
            ({"candidates": {"unit_id": str(new_id())}}, 422, "/candidates/unit_id"),
            (
                {"conditions": {"value_to": {"amount": "1", "currency": "USD"}}},
                422,
                "/conditions/value_to/currency",
            ),
        ]
        for change, status, pointer in bad:
            answer = await desk("head", "POST", "/v1/assignment-rules", good | change)
            assert (answer.status, answer.pointers) == (status, [pointer]), answer
        assert (await desk("north1", "POST", "/v1/assignment-rules", good)).status == 403

    async def test_it_may_rest_but_not_be_asked_when_nobody_is_left(self, desk: Desk) -> None:
        made = await rule(desk, candidates=users(desk, "north1"))
        gone = "update org_users set active = false where tenant_id = $1 and id = $2"
        await desk.admin.execute(gone, desk.tenant_id, desk.users["north1"])
        path = f"/v1/assignment-rules/{made['id']}"
        assert (await desk("head", "DELETE", path)).status == 200
        again = await desk("head", "PATCH", path, {"active": True})
        assert (again.status, again.pointers) == (422, ["/candidates/user_ids"])

    async def test_what_it_asks_of_candidates_is_kept_when_changed(self, desk: Desk) -> None:
        path = f"/v1/assignment-rules/{(await rule(desk))['id']}"
        change = {
            "working_hours_only": True, "skills": ["erp"], "languages": ["zh"], "strategy": "weighted",
            "weights": {"default": 2, "by_level": {"P1": 1}, "kpi": None},
        }  # fmt: skip
        assert (await desk("head", "PATCH", path, change)).status == 200
        told = (await desk("head", "GET", path)).json()
        assert {name: told[name] for name in change} == change
