"""Automation rules: defined, changed, refused where they cannot work."""

from __future__ import annotations

from typing import Any

import pytest

from shared.ids import new_id
from tests.integration.services.leads.assigning.test_assignment import rule
from tests.integration.services.leads.automating import RULES, automation
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.pools.test_pool import make_pool

TAG = {"do": "tag", "add": ["hot"], "remove": []}


def whole(pipeline: str, north1: str) -> dict[str, Any]:
    """A rule that says all that a rule can say."""
    return {
        "name": "Everything",
        "position": -5,
        "when": {
            "event": "stage_changed", "changed": [], "why": [], "from_stage": ["prospecting", "won"],
            "to_stage": ["needs_analysis"], "reason": [], "kind": [], "outcome": [], "effective": None,
        },
        "conditions": {
            "source": ["fair"], "channel": [], "campaign": [], "region": ["north", "south"], "product": [],
            "tags": ["a"],
            "value_from": {"amount": "1.50", "currency": "CNY"}, "value_to": None,
            "label": ["key"], "value_class": ["A", "B"], "intent": [], "score_from": 10, "score_to": None,
            "without_tags": ["hot"],
            "status": ["open"], "stage": ["needs_analysis"], "pipeline_ids": [pipeline], "owned": True,
            "owner_ids": [north1], "pooled": False, "pool_ids": [], "custom": {"size": 3, "vip": True},
        },
        "actions": [
            TAG,
            {"do": "set", "fields": {"region": None, "product": "crm"}},
            {"do": "assign_by_rules"},
            {"do": "move", "to": "lost", "reason": "price"},
            {"do": "alert", "code": "hot", "text": "Look!", "owner": True, "boss": "supervisor",
             "user_ids": [north1]},
        ],
        "active": True,
    }  # fmt: skip


class TestDefining:
    async def test_its_version_grows_when_changed_and_it_rests_when_deleted(self, desk: Desk) -> None:
        path = f"{RULES}/{await automation(desk, 'lead_created', TAG)}"
        got = await desk("head", "GET", path)
        assert (got.status, got.headers["etag"]) == (200, '"1"')
        changed = await desk("head", "PATCH", path, {"name": "New", "position": 3}, if_match='"1"')
        assert (changed.json()["version"], changed.json()["position"]) == (2, 3)
        assert (await desk("head", "PATCH", path, {"name": "Old"}, if_match='"1"')).status == 412
        rested = await desk("head", "DELETE", path)
        assert (rested.status, rested.json()["active"], rested.json()["version"]) == (200, False, 3)
        listed = (await desk("head", "GET", RULES)).json()["items"]
        assert [(one["name"], one["active"]) for one in listed] == [("New", False)]
        kinds = [(kind, data["trigger"]) for _, kind, data in await desk.events(rested.json()["id"])]
        assert kinds == [("automation_rule_defined", "lead_created")] * 3

    async def test_it_is_answered_as_given_when_read(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        await rule(desk)
        pipeline = (await desk("head", "GET", "/v1/pipelines")).json()["items"][0]["id"]
        body = whole(pipeline, str(desk.users["north1"]))
        made = await desk("head", "POST", RULES, body)
        assert made.status == 201, made
        shown = (await desk("head", "GET", f"{RULES}/{made.json()['id']}")).json()
        assert shown == body | {"id": made.json()["id"], "version": 1}
        change = {"conditions": {}, "actions": [{"do": "release", "pool_id": pool["id"]}]}
        changed = (await desk("head", "PATCH", f"{RULES}/{made.json()['id']}", change)).json()
        assert (changed["actions"], changed["conditions"]["custom"]) == (change["actions"], {})

    async def test_only_who_configures_may_when_defining(self, desk: Desk) -> None:
        body = {"name": "R", "when": {"event": "lead_created"}, "actions": [TAG]}
        for by in ("north1", "boss"):
            assert (await desk(by, "POST", RULES, body)).status == 403
            assert (await desk(by, "POST", f"{RULES}/dry-run", {"rule": body})).status == 403
        assert (await desk("north1", "GET", RULES)).status == 200
        assert (await desk("head", "GET", f"{RULES}/{new_id()}")).status == 404

    @pytest.mark.parametrize(
        ("change", "pointer", "code"),
        [
            ({"when": {"event": "lead_vanished"}}, "/when/event", "unknown_value"),
            ({"when": {"event": "lead_won", "kind": ["call"]}}, "/when/kind", "not_told"),
            ({"when": {"event": "lead_lost", "reason": ["Too dear"]}}, "/when/reason/0", "bad_format"),
            ({"conditions": {"status": ["won"]}}, "/conditions/status", "contradiction"),
            ({"conditions": {"planet": ["earth"]}}, "/conditions/planet", "unknown_field"),
            ({"conditions": {"stage": ["nowhere"]}}, "/conditions/stage/0", "unknown_stage"),
            ({"actions": []}, "/actions", "too_short"),
            ({"actions": [TAG] * 6}, "/actions", "too_long"),
            ({"actions": [{"do": "fly"}]}, "/actions/0", "unknown_value"),
            ({"actions": [{"do": "move", "to": "nowhere"}]}, "/actions/0/to", "unknown_stage"),
            ({"actions": [{"do": "set", "fields": {}}]}, "/actions/0/fields", "too_short"),
            (
                {"actions": [{"do": "set", "fields": {"name": "x"}}]},
                "/actions/0/fields/name/[key]", "unknown_value",
            ),
            ({"actions": [{"do": "assign_by_rules"}]}, "/actions/0", "no_assignment_rules"),
            ({"actions": [{"do": "alert", "code": "x"}]}, "/actions/0", "nobody_to_tell"),
            (
                {"actions": [{"do": "alert", "code": "x", "boss": "director"}]},
                "/actions/0/boss", "alert_to_nobody",
            ),
        ],
    )  # fmt: skip
    async def test_it_is_refused_naming_what_is_wrong(
        self, desk: Desk, change: dict[str, Any], pointer: str, code: str
    ) -> None:
        good = {"name": "R", "when": {"event": "lead_created"}, "actions": [TAG]}
        answer = await desk("head", "POST", RULES, good | change)
        assert answer.status == 422, answer
        [error] = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == (pointer, code)

    async def test_it_is_refused_when_what_it_names_is_not_there_or_at_rest(self, desk: Desk) -> None:
        pool = await make_pool(desk)
        assert (await desk("head", "PATCH", f"/v1/pools/{pool['id']}", {"active": False})).status == 200
        await desk.user("gone", "north-team", active=False)
        nobody, gone = str(new_id()), str(desk.users["gone"])
        bad: list[tuple[dict[str, Any], str, str]] = [
            ({"conditions": {"owner_ids": [nobody]}}, "/conditions/owner_ids/0", "unknown_user"),
            ({"conditions": {"pool_ids": [nobody]}}, "/conditions/pool_ids/0", "unknown_pool"),
            ({"conditions": {"pipeline_ids": [nobody]}}, "/conditions/pipeline_ids/0", "unknown_pipeline"),
            ({"actions": [{"do": "assign", "owner_id": nobody}]}, "/actions/0/owner_id", "unknown_user"),
            ({"actions": [{"do": "assign", "owner_id": gone}]}, "/actions/0/owner_id", "user_inactive"),
            ({"actions": [{"do": "release", "pool_id": nobody}]}, "/actions/0/pool_id", "unknown_pool"),
            ({"actions": [{"do": "release", "pool_id": pool["id"]}]}, "/actions/0/pool_id", "pool_inactive"),
            (
                {"actions": [TAG, {"do": "alert", "code": "x", "user_ids": [gone]}]},
                "/actions/1/user_ids/0", "user_inactive",
            ),
        ]  # fmt: skip
        good = {"name": "R", "when": {"event": "lead_updated"}, "actions": [TAG], "active": True}
        unguarded = await desk("head", "POST", RULES, good)
        assert [error["code"] for error in unguarded.json()["errors"]] == ["sets_itself_off"]
        for change, pointer, code in bad:
            answer = await desk("head", "POST", RULES, good | {"when": {"event": "stage_changed"}} | change)
            assert answer.status == 422, (change, answer)
            assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(pointer, code)]

    async def test_it_may_rest_but_not_act_when_nobody_is_left(self, desk: Desk) -> None:
        action = {"do": "assign", "owner_id": str(desk.users["north1"])}
        path = f"{RULES}/{await automation(desk, 'lead_created', action)}"
        gone = "update org_users set active = false where tenant_id = $1 and id = $2"
        await desk.admin.execute(gone, desk.tenant_id, desk.users["north1"])
        assert (await desk("head", "DELETE", path)).status == 200
        again = await desk("head", "PATCH", path, {"active": True})
        assert (again.status, again.pointers) == (422, ["/actions/0/owner_id"])
