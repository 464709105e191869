from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.leads.deduplication.merging.rules import MOST_PARTS
from shared.ids import new_id
from shared.settings import Settings
from tests.integration.services.leads.assigning.test_assignment import react, rule, users
from tests.integration.services.leads.conftest import Desk
from tests.integration.services.leads.follow_up.test_first_response import time
from tests.integration.services.leads.follow_up.test_progress import loads, moved
from tests.integration.services.leads.pools.test_pool import make_pool, pooled
from tests.integration.services.leads.responding import FORM, Answering
from tests.support.asgi import Answer

__all__ = ["time"]

MOBILE = "138 0013 8000"


async def owned(desk: Desk, owner: str = "north1", **fields: Any) -> dict[str, Any]:
    lead = await desk.lead(**fields)
    answer = await desk(
        "head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users[owner])}
    )
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


async def merge(desk: Desk, one: str, into: str, by: str = "head", **more: Any) -> Answer:
    return await desk(by, "POST", f"/v1/leads/{one}/merge", {"into": into}, **more)


async def merged(desk: Desk, one: str, into: str, by: str = "head") -> dict[str, Any]:
    answer = await merge(desk, one, into, by)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


async def unmerged(desk: Desk, one: str, by: str = "head") -> dict[str, Any]:
    answer = await desk(by, "POST", f"/v1/leads/{one}/unmerge")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


async def seen(desk: Desk, lead: str, by: str = "head") -> dict[str, Any]:
    answer = await desk(by, "GET", f"/v1/leads/{lead}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


async def kinds(desk: Desk, lead: str) -> list[str]:
    return [kind for _, kind, _ in await desk.events(lead)]


class TestMerging:
    async def test_the_other_has_what_it_lacked_when_merged(self, desk: Desk) -> None:
        first = await owned(desk, name="Anna Li", email="anna@example.com", tags=["a"], custom={"x": 1})
        second = await owned(
            desk, name="李安娜", phone=MOBILE, company="华为", tags=["a", "b"], custom={"x": 2, "y": 3},
            value={"amount": "5.00", "currency": "CNY"},
        )  # fmt: skip
        gone = await merged(desk, second["id"], first["id"])
        assert (gone["merged_into"], gone["owner_id"], gone["team_id"]) == (first["id"], None, None)
        now = await seen(desk, first["id"])
        assert (now["name"], now["email"], now["phone"]) == ("Anna Li", "anna@example.com", "+8613800138000")
        assert (now["company"], now["tags"], now["custom"]) == ("华为", ["a", "b"], {"x": 1, "y": 3})
        assert now["value"] == {"amount": "5.00", "currency": "CNY"}
        assert now["owner_id"] == str(desk.users["north1"])
        assert await loads(desk) == {"north1": 1}

    async def test_each_of_both_tells_when_merged(self, desk: Desk) -> None:
        first, second = await owned(desk, email="a@example.com"), await owned(desk, "north2", phone=MOBILE)
        await merged(desk, second["id"], first["id"])
        assert await kinds(desk, first["id"]) == [
            "lead_created", "lead_assigned", "lead_updated", "lead_absorbed",
        ]  # fmt: skip
        _, kind, said = (await desk.events(second["id"]))[-1]
        assert (kind, said["into"]) == ("lead_merged", first["id"])
        assert said["credit"]["rep_id"] == said["previous_owner_id"] == str(desk.users["north2"])
        [(_, _, created), *_] = await desk.events(second["id"])
        assert said["start"]["credit"] == created["credit"]
        assert (await desk.events(first["id"]))[-1][2]["lead_ids"] == [second["id"]]

    async def test_further_numbers_are_kept_when_both_have_one(self, desk: Desk) -> None:
        first, second = await owned(desk, phone=MOBILE), await owned(desk, phone="139 0013 9000")
        await merged(desk, second["id"], first["id"])
        assert (await seen(desk, first["id"]))["other_phones"] == ["+8613900139000"]
        await unmerged(desk, second["id"])
        assert (await seen(desk, first["id"]))["other_phones"] == []

    async def test_nothing_is_done_with_it_any_more_when_merged(self, desk: Desk) -> None:
        pool = await make_pool(desk, is_default=True)
        first, second = await owned(desk), await owned(desk)
        await merged(desk, second["id"], first["id"])
        path = f"/v1/leads/{second['id']}"
        calls: list[tuple[str, str, Any]] = [
            ("PATCH", path, {"name": "Other"}),
            ("POST", f"{path}/assign", {"owner_id": str(desk.users["north2"])}),
            ("POST", f"{path}/release", {"pool_id": pool["id"]}),
            ("POST", f"{path}/move", {"to": "contract"}),
            ("POST", f"{path}/merge", {"into": first["id"]}),
            ("POST", f"{path}/invalid", {"reason": "peer"}),
            ("POST", f"{path}/extension", {}),
        ]
        for method, target, body in calls:
            answer = await desk("head", method, target, body)
            assert (answer.status, answer.code) == (409, "lead_merged"), (target, answer)
            assert first["id"] in answer.json()["detail"]
        third = await owned(desk)
        assert (await merge(desk, third["id"], second["id"])).code == "lead_merged"
        listed = (await desk("head", "GET", "/v1/leads")).json()["items"]
        assert {one["id"] for one in listed} == {first["id"], third["id"]}

    async def test_it_is_read_by_those_who_see_the_other_when_merged(self, desk: Desk) -> None:
        mine, theirs = await owned(desk, "north1"), await owned(desk, "north2", name="Theirs")
        await merged(desk, theirs["id"], mine["id"], by="boss")
        assert (await seen(desk, theirs["id"], "north1"))["merged_into"] == mine["id"]
        assert (await desk("south1", "GET", f"/v1/leads/{theirs['id']}")).code == "unknown_lead"
        assert (await desk("north2", "GET", f"/v1/leads/{theirs['id']}")).code == "unknown_lead"

    async def test_the_timeline_tells_both_histories_when_merged(self, desk: Desk) -> None:
        first, second = await owned(desk), await owned(desk)
        await moved(desk, second, "needs_analysis")
        desk.clock.at += timedelta(minutes=1)
        await merged(desk, second["id"], first["id"])
        path = f"/v1/leads/{first['id']}/timeline"
        told = [(one["kind"], one["lead_id"]) for one in (await desk("head", "GET", path)).json()["items"]]
        assert {("moved", second["id"]), ("created", second["id"]), ("created", first["id"])} < set(told)
        assert set(told[:2]) == {("merged", second["id"]), ("absorbed", first["id"])}
        await unmerged(desk, second["id"])
        told = [(one["kind"], one["lead_id"]) for one in (await desk("head", "GET", path)).json()["items"]]
        assert ("moved", second["id"]) not in told
        assert ("separated", first["id"]) in told


class TestRefusals:
    @pytest.mark.parametrize(
        ("one", "other", "code"),
        [
            ("won", "open", "won_merged"),
            ("won", "won", "both_won"),
            ("open", "lost", "lost_absorbs"),
            ("lost", "open", None),
            ("open", "won", None),
            ("lost", "lost", None),
        ],
    )
    async def test_outcomes_decide_when_merged(
        self, desk: Desk, one: str, other: str, code: str | None
    ) -> None:
        first, second = await owned(desk), await owned(desk)
        for lead, status in ((first, other), (second, one)):
            if status != "open":
                await moved(desk, lead, status)
        answer = await merge(desk, second["id"], first["id"])
        assert answer.status == (409 if code else 200)
        assert answer.json().get("code") == code

    async def test_it_is_refused_when_it_is_the_same_or_unseen(self, desk: Desk) -> None:
        mine, theirs = await owned(desk, "north1"), await owned(desk, "south1")
        same = await merge(desk, mine["id"], mine["id"])
        assert (same.status, same.code, same.pointers) == (422, "into_itself", ["/into"])
        for one, other in ((mine, theirs), (theirs, mine)):
            assert (await merge(desk, one["id"], other["id"], "north1")).code == "unknown_lead"
        assert (await merge(desk, mine["id"], str(new_id()))).code == "unknown_lead"

    async def test_what_lies_in_a_pool_is_for_superiors_when_merged(self, desk: Desk) -> None:
        pool = await make_pool(desk, is_default=True)
        lead = await desk.lead(by="north1")
        answer = await desk("head", "POST", f"/v1/leads/{lead['id']}/release", {"pool_id": pool["id"]})
        assert answer.status == 200, answer
        mine = await owned(desk, "north1")
        assert (await merge(desk, mine["id"], lead["id"], "north1")).code == "merge_not_allowed"
        assert (await merge(desk, mine["id"], lead["id"], "head")).status == 200

    async def test_an_old_version_is_refused_when_merged(self, desk: Desk) -> None:
        first, second = await owned(desk), await owned(desk)
        assert (await merge(desk, second["id"], first["id"], if_match='"1"')).status == 412

    async def test_many_are_refused_when_merged_into_one(self, desk: Desk) -> None:
        first = await desk.lead()
        for _ in range(MOST_PARTS - 1):
            await merged(desk, (await desk.lead())["id"], first["id"])
        assert (await merge(desk, (await desk.lead())["id"], first["id"])).code == "too_many_parts"
        assert (await merge(desk, first["id"], (await desk.lead())["id"])).code == "too_many_parts"


class TestUndoing:
    async def test_both_are_as_before_when_undone(self, desk: Desk) -> None:
        first = await owned(desk, name="Anna Li", email="anna@example.com", tags=["a"])
        second = await owned(desk, "north2", phone=MOBILE, company="华为", tags=["b"], custom={"y": 3})
        before = [await seen(desk, lead["id"]) for lead in (first, second)]
        await merged(desk, second["id"], first["id"])
        await unmerged(desk, second["id"])
        after = [await seen(desk, lead["id"]) for lead in (first, second)]
        passing = {"version", "updated_at"}
        assert [
            {name: one[name] for name in one.keys() - passing} for one in after
        ] == [{name: one[name] for name in one.keys() - passing} for one in before]  # fmt: skip
        assert await loads(desk) == {"north1": 1, "north2": 1}
        assert (await kinds(desk, second["id"]))[-2:] == ["lead_merged", "lead_unmerged"]
        assert (await kinds(desk, first["id"]))[-1] == "lead_separated"

    async def test_what_was_changed_since_stays_when_undone(self, desk: Desk) -> None:
        first, second = await owned(desk), await owned(desk, phone=MOBILE, company="华为")
        await merged(desk, second["id"], first["id"])
        answer = await desk("head", "PATCH", f"/v1/leads/{first['id']}", {"company": "中兴"})
        assert answer.status == 200, answer
        await unmerged(desk, second["id"])
        now = await seen(desk, first["id"])
        assert (now["company"], now["phone"]) == ("中兴", None)

    async def test_another_part_gives_it_when_the_one_is_undone(self, desk: Desk) -> None:
        first = await owned(desk, name="Anna Li")
        second, third = await owned(desk, phone=MOBILE), await owned(desk, phone="13900139000")
        for lead in (second, third):
            await merged(desk, lead["id"], first["id"])
        assert (await seen(desk, first["id"]))["other_phones"] == ["+8613900139000"]
        await unmerged(desk, second["id"])
        now = await seen(desk, first["id"])
        assert (now["phone"], now["other_phones"]) == ("+8613900139000", [])
        await unmerged(desk, third["id"])
        assert (await seen(desk, first["id"]))["phone"] is None

    async def test_chains_are_undone_from_the_end_when_undone(self, desk: Desk) -> None:
        first, second, third = [await owned(desk) for _ in range(3)]
        await merged(desk, first["id"], second["id"])
        await merged(desk, second["id"], third["id"])
        assert (await desk.events(third["id"]))[-1][2]["lead_ids"] == [second["id"], first["id"]]
        answer = await desk("head", "POST", f"/v1/leads/{first['id']}/unmerge")
        assert (answer.status, answer.code) == (409, "merged_further")
        await unmerged(desk, second["id"])
        assert (await desk.events(third["id"]))[-1][2]["lead_ids"] == [second["id"], first["id"]]
        assert (await seen(desk, first["id"]))["merged_into"] == second["id"]
        await unmerged(desk, first["id"])
        assert (await desk("head", "POST", f"/v1/leads/{first['id']}/unmerge")).code == "not_merged"
        assert await loads(desk) == {"north1": 3}

    async def test_it_lies_in_its_pool_again_when_undone(self, desk: Desk) -> None:
        pool = await make_pool(desk, is_default=True)
        lying = await pooled(desk, pool)
        before, other = await seen(desk, lying), await owned(desk)
        await merged(desk, lying, other["id"])
        gone = await seen(desk, lying)
        assert (gone["pooled_at"], gone["pool_id"]) == (None, pool["id"])
        assert (await unmerged(desk, lying))["pooled_at"] == before["pooled_at"]

    async def test_the_rules_assign_it_when_its_owner_is_gone(self, desk: Desk, settings: Settings) -> None:
        first, second = await owned(desk), await owned(desk, "north2")
        await merged(desk, second["id"], first["id"])
        left = "update org_users set active = false where tenant_id = $1 and id = $2"
        await desk.admin.execute(left, desk.tenant_id, desk.users["north2"])
        assert (await unmerged(desk, second["id"]))["owner_id"] is None
        await rule(desk, candidates=users(desk, "south1"))
        assert list((await react(desk, settings, second)).values()) == [desk.users["south1"]]

    async def test_keys_are_whose_they_were_when_undone(self, desk: Desk) -> None:
        first, second = await owned(desk, email="a@example.com"), await owned(desk, phone=MOBILE)
        held = await holders(desk)
        await merged(desk, second["id"], first["id"])
        third = await desk.lead(phone=MOBILE)
        assert third["duplicate_of"] == second["id"]
        answer = await desk("head", "PATCH", f"/v1/leads/{first['id']}", {"phone": "139 0013 9000"})
        assert answer.json()["duplicate_of"] is None
        assert (await desk.lead(phone=MOBILE))["duplicate_of"] == second["id"]
        await unmerged(desk, second["id"])
        now = await holders(desk)
        assert {key: now[key] for key in held} == held

    async def test_it_repeats_the_other_again_when_undone(self, desk: Desk) -> None:
        second = await owned(desk, phone=MOBILE)
        first = await owned(desk, phone=MOBILE)
        assert first["duplicate_of"] == second["id"]
        await merged(desk, second["id"], first["id"])
        assert (await seen(desk, first["id"]))["duplicate_of"] is None
        await unmerged(desk, second["id"])
        assert (await seen(desk, first["id"]))["duplicate_of"] == second["id"]


async def holders(desk: Desk) -> dict[tuple[str, str], UUID]:
    rows = await desk.admin.fetch(
        "select kind, value, lead_id from duplicate_keys where tenant_id = $1", desk.tenant_id
    )
    return {(row["kind"], row["value"]): row["lead_id"] for row in rows}


class TestTogether:
    async def test_there_is_no_circle_when_both_are_merged_at_once(self, desk: Desk) -> None:
        for _ in range(5):
            leads = [(await desk.lead(phone=f"138{at:08}"))["id"] for at in range(3)]
            ways = [(one, other) for one in leads for other in leads if one != other]
            answers = await asyncio.gather(*(merge(desk, one, other) for one, other in ways))
            assert {answer.status for answer in answers} <= {200, 409}
            into = {one: (await seen(desk, one))["merged_into"] for one in leads}
            rows = await desk.admin.fetch(
                "select lead_id, root_id from merges where tenant_id = $1 and lead_id = any($2::uuid[])"
                " and root_id is not null",
                desk.tenant_id, [UUID(one) for one in leads],
            )  # fmt: skip
            roots = {str(row["lead_id"]): str(row["root_id"]) for row in rows}
            assert roots == {one: _end(into, one) for one in leads if into[one] is not None}


def _end(into: dict[str, Any], lead: str) -> str:
    """Where a chain of so few leads ends."""
    for _ in into:
        lead = into[lead] or lead
    assert into[lead] is None, into
    return lead


class TestWhatIsDone:
    async def test_a_call_for_the_one_answers_for_the_other_when_merged(
        self, desk: Desk, time: Answering
    ) -> None:
        made = await desk("head", "POST", "/v1/response-rules", FORM)
        assert made.status == 201, made
        first, second = await owned(desk, source="web_form"), await owned(desk, source="web_form")
        await time.start(first["id"], second["id"])
        desk.clock.at += timedelta(minutes=1)
        await merged(desk, second["id"], first["id"])
        await time.call(second["id"], "north1", desk.clock.at + timedelta(minutes=1))
        response = (await desk("head", "GET", f"/v1/leads/{first['id']}/response")).json()
        assert response["current"]["handled_at"] is not None, response
        assert await kinds(desk, second["id"]) == ["lead_created", "lead_assigned", "lead_merged"]

    async def test_criteria_count_it_while_merged_only(self, desk: Desk) -> None:
        first, second = await owned(desk), await owned(desk)
        await desk.admin.execute(
            "insert into lead_activities (tenant_id, lead_id, activity_id, kind, at, effective)"
            " values ($1, $2, $3, 'demo', $4, true)",
            desk.tenant_id, UUID(second["id"]), new_id(), desk.clock.at,
        )  # fmt: skip
        pipeline = next(
            one for one in (await desk("head", "GET", "/v1/pipelines")).json()["items"] if one["is_default"]
        )
        stages = [
            {"key": one["key"], "name": one["name"], "required_activities": ["demo"] if not at else []}
            for at, one in enumerate(pipeline["stages"])
        ]
        changed = await desk("head", "PATCH", f"/v1/pipelines/{pipeline['id']}", {"stages": stages})
        assert changed.status == 200, changed
        path = f"/v1/leads/{first['id']}/move"
        assert (await desk("head", "POST", path, {"to": "contract"})).code == "criteria_missing"
        await merged(desk, second["id"], first["id"])
        assert (await desk("head", "POST", path, {"to": "contract"})).status == 200
        await moved(desk, first, "prospecting")
        await unmerged(desk, second["id"])
        assert (await desk("head", "POST", path, {"to": "contract"})).code == "criteria_missing"
