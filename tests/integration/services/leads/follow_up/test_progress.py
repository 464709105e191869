from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.ids import new_id
from tests.integration.services.leads.conftest import Desk


async def moved(desk: Desk, lead: dict[str, Any], to: str, by: str = "head", **more: Any) -> dict[str, Any]:
    answer = await desk(by, "POST", f"/v1/leads/{lead['id']}/move", {"to": to} | more)
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.json()
    return made


async def default_pipeline(desk: Desk) -> dict[str, Any]:
    pipelines = (await desk("head", "GET", "/v1/pipelines")).json()["items"]
    found: dict[str, Any] = next(one for one in pipelines if one["is_default"])
    return found


async def loads(desk: Desk) -> dict[str, int]:
    rows = await desk.admin.fetch(
        "select user_id, open_leads from rep_loads where tenant_id = $1", desk.tenant_id
    )
    names = {user: name for name, user in desk.users.items()}
    return {names[row["user_id"]]: row["open_leads"] for row in rows}


class TestMoving:
    async def test_history_tells_the_time_in_each_stage_when_moved_on(self, desk: Desk) -> None:
        lead = await desk.lead()
        desk.clock.at += timedelta(hours=2)
        await moved(desk, lead, "needs_analysis")
        desk.clock.at += timedelta(minutes=5)
        await moved(desk, lead, "prospecting", reason="too_early")
        history = (await desk("head", "GET", f"/v1/leads/{lead['id']}/history")).json()["items"]
        assert [
            (one["from_stage"], one["to_stage"], one["duration_s"], one["reason"]) for one in history
        ] == [
            ("prospecting", "needs_analysis", 7200, None),
            ("needs_analysis", "prospecting", 300, "too_early"),
        ]
        assert [one["version"] for one in history] == [2, 3]

    async def test_the_event_carries_owner_value_and_code_when_won(self, desk: Desk) -> None:
        lead = await desk.lead(value={"amount": "100.00", "currency": "CNY"}, region="north", product="P")
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["north1"])})
        won = await moved(desk, lead, "won", by="north1", value={"amount": "90", "currency": "CNY"})
        assert (won["stage"], won["status"], won["closed_at"]) == ("won", "won", "2026-03-02T12:00:00Z")
        assert won["value"] == {"amount": "90.00", "currency": "CNY"}
        seq, kind, data = (await desk.events(lead["id"]))[-1]
        assert (seq, kind) == (3, "stage_changed")
        assert (data["from_status"], data["to_status"], data["to_stage"]) == ("open", "won", "won")
        assert data["credit"]["rep_id"] == str(desk.users["north1"])
        assert data["credit"]["team_id"] == str(desk.units["north-team"])
        assert data["value"]["tenant_minor"] == 9000
        assert data["dimensions"]["product"] == "P"

    async def test_only_a_code_leaves_when_the_reason_is_text(self, desk: Desk) -> None:
        lead = await desk.lead()
        lost = await moved(desk, lead, "lost", reason="老板的弟弟 sells the same")
        assert lost["lost_reason"] == "老板的弟弟 sells the same"
        assert (await desk.events(lead["id"]))[-1][2]["reason_code"] == "other"
        other = await desk.lead()
        await moved(desk, other, "lost", reason="price_too_high")
        assert (await desk.events(other["id"]))[-1][2]["reason_code"] == "price_too_high"

    async def test_a_won_lead_is_open_again_when_moved_to_a_stage(self, desk: Desk) -> None:
        lead = await desk.lead()
        await moved(desk, lead, "won")
        opened = await moved(desk, lead, "contract")
        assert (opened["status"], opened["stage"], opened["closed_at"]) == ("open", "contract", None)
        data = (await desk.events(lead["id"]))[-1][2]
        assert (data["from_status"], data["to_status"]) == ("won", "open")

    @pytest.mark.parametrize(
        ("to", "status", "code"), [("prospecting", 409, "same_stage"), ("nowhere", 422, "unknown_stage")]
    )
    async def test_it_is_refused_when_there_already_or_nowhere(
        self, desk: Desk, to: str, status: int, code: str
    ) -> None:
        lead = await desk.lead()
        answer = await desk("head", "POST", f"/v1/leads/{lead['id']}/move", {"to": to})
        assert (answer.status, answer.code) == (status, code)
        assert len(await desk.events(lead["id"])) == 1

    async def test_it_is_refused_when_the_tag_is_old(self, desk: Desk) -> None:
        lead = await desk.lead()
        await moved(desk, lead, "contract")
        path = f"/v1/leads/{lead['id']}/move"
        assert (await desk("head", "POST", path, {"to": "won"}, if_match='"1"')).status == 412

    async def test_it_is_refused_when_the_day_has_no_rate(self, desk: Desk) -> None:
        lead = await desk.lead()
        money = {"amount": "5", "currency": "EUR"}
        answer = await desk("head", "POST", f"/v1/leads/{lead['id']}/move", {"to": "won", "value": money})
        assert (answer.status, answer.code) == (422, "rate_missing")

    async def test_the_outcomes_own_day_counts_when_the_value_is_foreign(self, desk: Desk) -> None:
        await desk.admin.executemany(
            "insert into org_rates values ($1, 'USD', $2::text::date, $3::text::numeric)",
            [(desk.tenant_id, "2026-03-02", "7"), (desk.tenant_id, "2026-03-03", "8")],
        )
        lead = await desk.lead(value={"amount": "10", "currency": "USD"})
        desk.clock.at += timedelta(days=1)
        await moved(desk, lead, "won")
        assert (await desk.events(lead["id"]))[-1][2]["value"]["tenant_minor"] == 8000

    async def test_loads_follow_when_leads_close_and_reopen(self, desk: Desk) -> None:
        lead = await desk.lead()
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["north1"])})
        assert await loads(desk) == {"north1": 1}
        await moved(desk, lead, "won")
        assert await loads(desk) == {"north1": 0}
        await moved(desk, lead, "lost")
        assert await loads(desk) == {"north1": 0}
        await moved(desk, lead, "contract")
        assert await loads(desk) == {"north1": 1}


class TestCriteria:
    async def demand(self, desk: Desk, **kinds: list[str]) -> None:
        pipeline = await default_pipeline(desk)
        stages = [
            stage | {"required_activities": kinds.get(stage["key"], [])} for stage in pipeline["stages"]
        ]
        answer = await desk("head", "PATCH", f"/v1/pipelines/{pipeline['id']}", {"stages": stages})
        assert answer.status == 200, answer

    async def record(self, desk: Desk, lead: dict[str, Any], kind: str) -> None:
        await desk.admin.execute(
            "insert into lead_activities values ($1, $2, $3, $4, now(), null, null, true, null)",
            desk.tenant_id, UUID(lead["id"]), new_id(), kind,
        )  # fmt: skip

    async def test_every_missing_one_is_named_when_refused(self, desk: Desk) -> None:
        await self.demand(desk, prospecting=["call"], product_demo=["visit"])
        lead = await desk.lead()
        answer = await desk("head", "POST", f"/v1/leads/{lead['id']}/move", {"to": "won"})
        assert (answer.status, answer.code) == (409, "criteria_missing")
        assert [one["code"] for one in answer.json()["errors"]] == ["activity:call", "activity:visit"]
        assert len(await desk.events(lead["id"])) == 1

    async def test_the_move_is_made_when_the_activity_is_recorded(self, desk: Desk) -> None:
        await self.demand(desk, prospecting=["visit"])
        lead = await desk.lead()
        await self.record(desk, lead, "visit")
        assert (await moved(desk, lead, "first_contact"))["stage"] == "first_contact"

    async def test_nothing_is_demanded_when_a_lead_is_lost(self, desk: Desk) -> None:
        await self.demand(desk, prospecting=["visit"])
        assert (await moved(desk, await desk.lead(), "lost"))["status"] == "lost"


class TestPipelines:
    async def test_a_new_tenant_has_the_default_one_when_first_asked(self, desk: Desk) -> None:
        pipeline = await default_pipeline(desk)
        keys = [stage["key"] for stage in pipeline["stages"]]
        assert keys == [
            "prospecting", "first_contact", "needs_analysis", "product_demo", "negotiation", "contract",
        ]  # fmt: skip
        assert all(stage["required_activities"] == [] for stage in pipeline["stages"])
        assert len((await desk("head", "GET", "/v1/pipelines")).json()["items"]) == 1
        assert [kind for _, kind, _ in await desk.events(pipeline["id"])] == ["pipeline_defined"]

    async def test_leads_start_in_the_new_default_when_it_changes(self, desk: Desk) -> None:
        body = {"key": "dealers", "name": "Dealers", "stages": [{"key": "found", "name": "Found"}]}
        made = (await desk("head", "POST", "/v1/pipelines", body)).json()
        old = await default_pipeline(desk)
        answer = await desk("head", "PATCH", f"/v1/pipelines/{made['id']}", {"is_default": True})
        assert answer.json()["is_default"] is True
        assert (await desk("head", "GET", f"/v1/pipelines/{old['id']}")).json()["is_default"] is False
        assert (await desk.lead())["stage"] == "found"

    async def test_a_stage_stays_when_leads_stand_in_it(self, desk: Desk) -> None:
        await desk.lead()
        pipeline = await default_pipeline(desk)
        answer = await desk(
            "head", "PATCH", f"/v1/pipelines/{pipeline['id']}", {"stages": pipeline["stages"][1:]}
        )
        assert (answer.status, answer.code) == (422, "stage_in_use")

    async def test_it_is_refused_when_the_key_is_taken_or_reserved(self, desk: Desk) -> None:
        body = {"key": "default", "name": "Mine", "stages": [{"key": "a", "name": "A"}]}
        assert (await desk("head", "POST", "/v1/pipelines", body)).code == "pipeline_key_taken"
        body = {"key": "mine", "name": "Mine", "stages": [{"key": "won", "name": "Won"}]}
        assert (await desk("head", "POST", "/v1/pipelines", body)).code == "bad_pipeline"

    async def test_it_is_refused_when_the_caller_may_not_configure(self, desk: Desk) -> None:
        body = {"key": "mine", "name": "Mine", "stages": [{"key": "a", "name": "A"}]}
        assert (await desk("north1", "POST", "/v1/pipelines", body)).status == 403


class TestTimeline:
    async def test_everything_is_told_newest_first_when_asked(self, desk: Desk) -> None:
        lead = await desk.lead("north1")
        steps = [("PATCH", "", {"company": "Acme"}), ("POST", "/move", {"to": "contract"})]
        for method, path, body in steps:
            desk.clock.at += timedelta(minutes=1)
            assert (await desk("head", method, f"/v1/leads/{lead['id']}{path}", body)).status == 200
        desk.clock.at += timedelta(minutes=1)
        await desk("head", "POST", f"/v1/leads/{lead['id']}/assign", {"owner_id": str(desk.users["south1"])})
        await desk.admin.execute(
            "insert into lead_activities values ($1, $2, $3, 'visit', $4, 'met', 60, true, $5)",
            desk.tenant_id, UUID(lead["id"]), new_id(), desk.clock.at + timedelta(hours=1),
            desk.users["south1"],
        )  # fmt: skip
        target = f"/v1/leads/{lead['id']}/timeline?limit=2"
        first = (await desk("head", "GET", target)).json()
        second = (await desk("head", "GET", f"{target}&cursor={first['next_cursor']}")).json()
        third = (await desk("head", "GET", f"{target}&cursor={second['next_cursor']}")).json()
        kinds = [one["kind"] for page in (first, second, third) for one in page["items"]]
        assert kinds == ["activity", "assigned", "moved", "changed", "created"]
        assert (first["items"][0]["activity_kind"], first["items"][1]["owner_id"]) == (
            "visit", str(desk.users["south1"]),
        )  # fmt: skip
        assert third["next_cursor"] is None
        assert (await desk("north1", "GET", target)).status == 404
