"""Rules of the first response: defined, changed, refused where they cannot work."""

from __future__ import annotations

from typing import Any

from shared.ids import new_id
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.responding import FORM, define


class TestDefining:
    async def test_it_is_shown_as_given_and_its_version_grows_when_changed(self, desk: Desk) -> None:
        made = await define(desk)
        path = f"/v1/response-rules/{made['id']}"
        answer = await desk("head", "GET", path)
        assert answer.json() == made
        assert {name: made[name] for name in FORM.keys() - {"conditions"}} == {
            name: FORM[name] for name in FORM.keys() - {"conditions"}
        }
        assert made["conditions"]["source"] == ["web_form"]
        change: dict[str, Any] = {"warn_minutes": None, "due_minutes": 20, "escalate": [], "active": False}
        changed = (await desk("head", "PATCH", path, change)).json()
        assert changed == made | change | {"version": 2}
        assert (await desk("head", "PATCH", path, {"name": "x"}, if_match='"1"')).status == 412
        first = await define(desk, position=1)
        listed = (await desk("head", "GET", "/v1/response-rules")).json()["items"]
        assert [each["id"] for each in listed] == [first["id"], made["id"]]
        assert [kind for _, kind, _ in await desk.events(made["id"])] == ["response_rule_defined"] * 2

    async def test_it_is_refused_naming_what_cannot_work(self, desk: Desk) -> None:
        for fields, pointers in (
            ({"warn_minutes": 15}, ["/warn_minutes"]),
            ({"reassign_after_minutes": 14}, ["/reassign_after_minutes"]),
            ({"escalate": [{"after_minutes": 15, "to": "director"}]}, ["/escalate/0/to"]),
            ({"warn_minutes": None, "escalate": [], "reassign_after_minutes": None}, ["/escalate"]),
        ):
            answer = await desk("head", "POST", "/v1/response-rules", FORM | fields)
            assert (answer.status, answer.code) == (422, "response_rule_impossible")
            assert answer.pointers == pointers
        made = await define(desk)
        path = f"/v1/response-rules/{made['id']}"
        assert (await desk("head", "PATCH", path, {"due_minutes": 10})).pointers == ["/warn_minutes"]
        assert (await desk("north1", "PATCH", path, {"due_minutes": 30})).status == 403
        missing = await desk("head", "PATCH", f"/v1/response-rules/{new_id()}", {})
        assert missing.code == "unknown_response_rule"
