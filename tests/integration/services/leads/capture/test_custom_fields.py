"""Custom fields: how they are defined, and that nothing stores what does not fit them."""

from __future__ import annotations

from typing import Any

from tests.integration.services.leads.conftest import Desk
from tests.support.asgi import Answer

INDUSTRY = {
    "key": "industry", "labels": {"zh": "行业", "en": "Industry"}, "type": "choice",
    "options": [{"key": "steel", "labels": {"zh": "钢铁"}}, {"key": "glass", "labels": {"en": "Glass"}}],
}  # fmt: skip


async def define(desk: Desk, key: str, kind: str, **more: Any) -> dict[str, Any]:
    body = INDUSTRY if kind == "choice" else {"key": key, "labels": {"en": key}, "type": kind}
    answer = await desk("head", "POST", "/v1/custom-fields", body | more | {"key": key})
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


def faults(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status == 422, answer
    return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]


async def post(desk: Desk, custom: dict[str, Any]) -> Answer:
    return await desk("head", "POST", "/v1/leads", {"name": "Anna Li", "custom": custom})


class TestDefiningFields:
    async def test_it_is_told_as_it_was_defined(self, desk: Desk) -> None:
        made = await define(desk, "industry", "choice", position=3)
        assert made["state"] == "checking"
        assert (made["type"], made["wanted_type"]) == ("choice", "choice")
        listed = await desk("north1", "GET", "/v1/custom-fields")
        assert [one["key"] for one in listed.json()["items"]] == ["industry"]
        one = await desk("north1", "GET", f"/v1/custom-fields/{made['id']}")
        assert one.json() == made
        assert [name for _, name, _ in await desk.events(made["id"])] == ["custom_field_defined"]

    async def test_all_that_is_wrong_is_named_when_it_cannot_be(self, desk: Desk) -> None:
        async def refused(**more: Any) -> list[tuple[str, str]]:
            return faults(await desk("head", "POST", "/v1/custom-fields", INDUSTRY | more))

        assert await refused(options=[]) == [("/options", "no_options")]
        assert await refused(type="text") == [("/options", "options_without_choice")]
        assert await refused(default="copper") == [("/default", "not_an_option")]
        both = [("/options", "options_without_choice"), ("/default", "too_long")]
        assert await refused(type="text", default="x" * 501) == both
        assert await refused(type="text", default="steel\u202e") == [("/default", "bad_characters")]
        assert await refused(type="integer", default=2**63) == [("/default", "number_too_large")]
        assert await refused(required_from="nowhere") == [("/required_from", "unknown_stage")]
        assert await refused(searchable=True) == [("/searchable", "not_searchable")]
        assert await refused(labels={}) == [("/labels", "no_label")]
        twice = [INDUSTRY["options"][0]] * 2  # type: ignore[index]
        assert await refused(options=twice) == [("/options/1/key", "repeated_key")]

    async def test_a_key_stands_once_when_two_define_it(self, desk: Desk) -> None:
        await define(desk, "budget", "number")
        again = await desk(
            "head", "POST", "/v1/custom-fields", {"key": "budget", "labels": {"en": "B"}, "type": "text"}
        )
        assert (again.status, again.json()["code"]) == (409, "custom_field_key_taken")

    async def test_only_who_configures_defines(self, desk: Desk) -> None:
        refused = await desk("north1", "POST", "/v1/custom-fields", INDUSTRY)
        assert refused.status == 403

    async def test_an_option_is_renamed_and_retired_but_never_lost(self, desk: Desk) -> None:
        made = await define(desk, "industry", "choice")
        lead = (await post(desk, {"industry": "steel"})).json()
        path = f"/v1/custom-fields/{made['id']}"
        options: list[dict[str, Any]] = [{**one, "labels": {"en": "Iron"}} for one in made["options"]]
        removed = await desk("head", "PATCH", path, {"options": options[1:]})
        assert faults(removed) == [("/options", "option_removed")]
        options[0]["active"] = False
        assert (await desk("head", "PATCH", path, {"options": options})).status == 200
        assert faults(await post(desk, {"industry": "steel"})) == [("/custom/industry", "retired_option")]
        kept = await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"custom": {"industry": "steel"}})
        assert kept.json()["custom"] == {"industry": "steel"}

    async def test_an_old_version_changes_nothing(self, desk: Desk) -> None:
        made = await define(desk, "budget", "number")
        path = f"/v1/custom-fields/{made['id']}"
        assert (await desk("head", "PATCH", path, {"position": 4}, If_Match='"1"')).status == 200
        assert (await desk("head", "PATCH", path, {"position": 5}, If_Match='"1"')).status == 412


class TestValues:
    async def test_scalars_are_kept_as_they_come_when_nothing_is_defined(self, desk: Desk) -> None:
        given = {"a": 1, "b": "x", "c": None, "d": True}
        assert (await post(desk, given)).json()["custom"] == given

    async def test_every_value_that_does_not_fit_is_named_when_some_do(self, desk: Desk) -> None:
        await define(desk, "industry", "choice")
        await define(desk, "headcount", "integer")
        wrong = {"industry": "copper", "headcount": "12", "color/size": 1}
        assert faults(await post(desk, wrong)) == [
            ("/custom/industry", "not_an_option"),
            ("/custom/headcount", "not_an_integer"),
            ("/custom/color~1size", "unknown_custom_field"),
        ]
        good = await post(desk, {"industry": "钢铁", "headcount": 12})
        assert good.json()["custom"] == {"industry": "steel", "headcount": 12}

    async def test_only_the_bad_ones_are_kept_out_when_a_batch_comes(self, desk: Desk) -> None:
        await define(desk, "headcount", "integer")
        items = [{"name": "A", "custom": {"headcount": each}} for each in (1, "two", 3)]
        answer = (await desk("head", "POST", "/v1/leads/batch", {"items": items})).json()
        assert [one["status"] for one in answer["items"]] == ["created", "failed", "created"]
        assert answer["items"][1]["errors"][0]["pointer"] == "/items/1/custom/headcount"

    async def test_a_change_is_held_to_them_but_what_was_there_may_stay(self, desk: Desk) -> None:
        lead = (await post(desk, {"old": "kept", "headcount": "many"})).json()
        await define(desk, "headcount", "integer")
        path = f"/v1/leads/{lead['id']}"
        same = {"old": "kept", "headcount": "many"}
        assert (await desk("head", "PATCH", path, {"custom": same})).json()["custom"] == same
        other = await desk("head", "PATCH", path, {"custom": {"old": "new", "headcount": "few"}})
        assert faults(other) == [
            ("/custom/old", "unknown_custom_field"), ("/custom/headcount", "not_an_integer"),
        ]  # fmt: skip
        mended = await desk("head", "PATCH", path, {"custom": {"headcount": 7}})
        assert mended.json()["custom"] == {"headcount": 7}

    async def test_true_is_no_one_when_a_number_stood_there(self, desk: Desk) -> None:
        await define(desk, "headcount", "integer")
        lead = (await post(desk, {"headcount": 1})).json()
        changed = await desk("head", "PATCH", f"/v1/leads/{lead['id']}", {"custom": {"headcount": True}})
        assert faults(changed) == [("/custom/headcount", "not_an_integer")]

    async def test_unknown_ones_are_kept_when_the_tenant_says_so(self, desk: Desk) -> None:
        await define(desk, "headcount", "integer")
        terms = "/v1/custom-fields/terms"
        assert (await desk("head", "GET", terms)).json() == {"unknown_keys": "refused"}
        assert faults(await post(desk, {"x": 1})) == [("/custom/x", "unknown_custom_field")]
        await desk("head", "PATCH", terms, {"unknown_keys": "kept"})
        assert (await post(desk, {"x": 1})).json()["custom"] == {"x": 1}

    async def test_no_lead_gets_a_value_when_the_field_is_retired(self, desk: Desk) -> None:
        made = await define(desk, "headcount", "integer")
        lead = (await post(desk, {"headcount": 3})).json()
        retired = await desk("head", "DELETE", f"/v1/custom-fields/{made['id']}")
        assert (retired.status, retired.json()["active"]) == (200, False)
        assert faults(await post(desk, {"headcount": 4})) == [("/custom/headcount", "retired_custom_field")]
        assert (await desk("head", "GET", f"/v1/leads/{lead['id']}")).json()["custom"] == {"headcount": 3}

    async def test_another_tenant_is_not_held_to_them(self, desk: Desk) -> None:
        await define(desk, "headcount", "integer")
        other = Desk(desk.app, desk.admin, desk.clock, desk.callers)
        await other.open()
        assert (await post(other, {"headcount": "many"})).status == 201
